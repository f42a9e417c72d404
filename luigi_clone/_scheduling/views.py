"""What clients see of the scheduler: answers made from the records, which stay as they are.

Shapes of the answers: Luigi's web pages and other tools read them.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import (
    STATUS_TO_UPSTREAM_MAP,
    UPSTREAM_SEVERITY_KEY,
    TaskRecord,
    WorkerRecord,
)
from luigi_clone.task_status import DISABLED, DONE, PENDING, RUNNING, UNKNOWN

TASK_FAMILY_RE = re.compile(r"([^(_]+)[(_]")
"""The family at the start of a task id."""

Serialized = dict[str, Any]

Row = tuple[str | None, str, Serialized]
"""Where the row stands in the answer: in which part of it (None: at its top), under which id; and the row."""
Steps = Generator[Row | None, None, dict[str, Any] | list[Any] | None]
"""A large answer made row by row, so that others can have their turn meanwhile; each row is as of when it is
made. None stands for a while without a row. What is returned, if anything, is the answer instead."""

_A_WHILE = 256
"""So many tasks are looked at between two steps."""


def whole(steps: Steps) -> dict[str, Any]:
    """Make an answer at once."""
    instead: list[Any] = []

    def made() -> Generator[Row | None, None, None]:
        instead.append((yield from steps))

    answer: dict[str, Any] = {}
    for row in made():
        if row is not None:
            part, task_id, shown = row
            (answer if part is None else answer.setdefault(part, {}))[task_id] = shown
    told: dict[str, Any] = answer if instead[0] is None else instead[0]
    return told


def public_params(task: TaskRecord) -> dict[str, Any]:
    """Return the parameters that everybody may see."""
    if not task.hidden_params:
        return dict(task.params)
    return {name: value for name, value in task.params.items() if name not in task.hidden_params}


def hidden_params(task: TaskRecord) -> dict[str, Any]:
    """Return the parameters that lists do not show."""
    return {name: task.params[name] for name in task.hidden_params}


def pretty_id(task: TaskRecord) -> str:
    """Return ``Family(name=value, name=value)`` over the public parameters, by name."""
    return _pretty_id(task, public_params(task))


def _pretty_id(task: TaskRecord, params: Mapping[str, Any]) -> str:
    named = [f"{name}={params[name]}" for name in sorted(params)]
    return f"{task.family}({', '.join(named)})"


def serialize(
    machine: Machine, task: TaskRecord, deps: Iterable[str] | None = None, *, named: bool = True
) -> Serialized:
    """Return a task as clients see it, with ``deps`` if given, and with its ``display_name`` if ``named``."""
    more = task.more
    params = public_params(task)
    shown: Serialized = {"display_name": _pretty_id(task, params)} if named else {}
    shown |= {
        "status": task.status,
        "workers": list(task.crew.workers),
        "worker_running": task.worker_running,
        "time_running": task.time_running,
        "start_time": task.time,
        "last_updated": task.updated,
        "params": params,
        "name": task.family,
        "priority": task.priority,
        "resources": dict(task.needs.amounts),
        "resources_running": None if task.held is None else dict(task.held),
        "tracking_url": more.tracking_url,
        "status_message": more.status_message,
        "progress_percentage": more.progress_percentage,
    }
    if task.status is DISABLED:
        shown["re_enable_able"] = more.scheduler_disable_time is not None
    if deps is not None:
        shown["deps"] = list(deps)
    if task.status is RUNNING and machine.settings.send_messages:
        shown["accepts_messages"] = task.accepts_messages
    return shown


def _serialize_unknown(task_id: str) -> Serialized:
    family = TASK_FAMILY_RE.match(task_id)
    return {
        "deps": [],
        "status": UNKNOWN,
        "workers": [],
        "start_time": UNKNOWN,
        "params": {"task_id": task_id},
        "name": family.group(1) if family else UNKNOWN,
        "display_name": task_id,
        "priority": 0,
    }


# ---- graphs


def dep_graph(machine: Machine, task_id: str, include_done: bool = True) -> Steps:
    """Show the task and all that it depends on."""
    return _graph_from(machine, task_id, include_done, lambda task: task.deps)


def inverse_dep_graph(machine: Machine, task_id: str, include_done: bool = True) -> Steps:
    """Show the task and all that depend on it; ``deps`` are the dependents then."""

    def dependents(task: TaskRecord) -> Iterable[str]:
        return (other.id for other in machine.dependents_of(task.id))

    return _graph_from(machine, task_id, include_done, dependents)


def graph(machine: Machine) -> Steps:
    """Show all tasks with their dependencies."""
    seen: set[str] = set()
    for number, task_id in enumerate(list(machine.tasks)):
        if task_id not in seen:
            yield from _walk(machine, task_id, seen, True, lambda task: task.deps)
        elif not number % _A_WHILE:
            yield None
    return None


def _graph_from(
    machine: Machine, task_id: str, include_done: bool, neighbours: Callable[[TaskRecord], Iterable[str]]
) -> Steps:
    if task_id in machine.tasks:
        yield from _walk(machine, task_id, set(), include_done, neighbours)
    return None


def _walk(
    machine: Machine,
    root: str,
    seen: set[str],
    include_done: bool,
    neighbours: Callable[[TaskRecord], Iterable[str]],
) -> Generator[Row, None, None]:
    """Show what is reached from ``root``, nearest first, up to the configured number of tasks."""
    queue = deque([root])
    seen.add(root)
    tasks, limit = machine.tasks, machine.settings.max_graph_nodes
    count = 0
    while queue:
        task_id = queue.popleft()
        task = tasks.get(task_id)
        if task is None or not task.family:
            shown = _serialize_unknown(task_id)
            if task_id != root:
                del shown["display_name"]
        else:
            deps = sorted(neighbours(task))
            if not include_done:
                deps = [dep for dep in deps if not _is_done(tasks, dep)]
            shown = serialize(machine, task, deps, named=task_id == root)
            for dep in deps:
                if dep not in seen:
                    seen.add(dep)
                    queue.append(dep)
        yield None, task_id, shown
        count += 1
        if count >= limit:
            break


def _is_done(tasks: Mapping[str, TaskRecord], task_id: str) -> bool:
    task = tasks.get(task_id)
    return task is not None and task.status is DONE


# ---- lists


class Upstream:
    """The worst that holds up each task, worked out on demand and kept until the state changes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._version = -1
        self._known: dict[str, str] = {}

    def of(self, task_id: str) -> str:
        """Return one of UPSTREAM_SEVERITY_ORDER."""
        if self._version != self._machine.version:
            self._version = self._machine.version
            self._known = {}
        known = self._known
        found = known.get(task_id)
        return self._work_out(task_id) if found is None else found

    def _work_out(self, task_id: str) -> str:
        """Visit what is upstream, dependencies first; a dependency that is under way already adds nothing."""
        tasks, known = self._machine.tasks, self._known
        stack = [task_id]
        while stack:
            current = stack[-1]
            task = tasks.get(current)
            if task is None or task.status is not PENDING or not task.deps:
                known[current] = "" if task is None else STATUS_TO_UPSTREAM_MAP.get(task.status, "")
                stack.pop()
            elif current not in known:
                known[current] = ""  # entered: a cycle that leads back here finds this
                stack.extend(
                    dep for dep in reversed(task.deps) if dep not in known and not _is_done(tasks, dep)
                )
            else:
                worst = max((known.get(dep, "") for dep in task.deps), key=UPSTREAM_SEVERITY_KEY)
                if UPSTREAM_SEVERITY_KEY(worst) > UPSTREAM_SEVERITY_KEY(known[current]):
                    known[current] = worst
                stack.pop()
        return known[task_id]


def task_list(
    machine: Machine,
    upstream: Upstream,
    prune: Callable[[], None],
    status: str,
    upstream_status: str,
    limit: bool,
    search: str | None,
    max_shown_tasks: int | None,
) -> Steps:
    """Show the tasks of a status (of all, if it is empty) that match, or how many they are if too many."""
    most = max_shown_tasks or machine.settings.max_shown_tasks
    if not search:
        count = len(machine.by_status.get(status, ())) if status else len(machine.tasks)
        if limit and count > most:
            return {"num_tasks": -1 if upstream_status else count}
    prune()
    tasks = machine.by_status.get(status, {}) if status else machine.tasks
    terms = search.lower().split() if search else []
    found = list(tasks.values())
    if upstream_status or terms:
        matching = []
        for number, task in enumerate(found):
            if not number % _A_WHILE:
                yield None
            if task.status is PENDING and upstream_status and upstream.of(task.id) != upstream_status:
                continue
            if terms:
                name = pretty_id(task).lower()
                if not all(term in name for term in terms):
                    continue
            matching.append(task)
        found = matching
    if limit and len(found) > most:
        return {"num_tasks": len(found)}
    for task in found:
        # meanwhile it may have been dropped, or have come to another status
        if task.id in tasks:
            yield None, task.id, serialize(machine, task)
    return None


def task_search(machine: Machine, text: str) -> Steps:
    """Show the tasks whose id contains ``text``, by status."""
    found: dict[str, list[TaskRecord]] = {}
    for number, task in enumerate(list(machine.tasks.values())):
        if not number % _A_WHILE:
            yield None
        if text in task.id:
            found.setdefault(task.status, []).append(task)
    for status, tasks in found.items():
        for task in tasks:
            if task.status == status:
                yield status, task.id, serialize(machine, task)
    return None


def worker_list(machine: Machine, include_running: bool) -> list[dict[str, Any]]:
    """Return all workers, the newest first."""
    workers = sorted(machine.workers.values(), key=lambda worker: worker.started, reverse=True)
    rows = {worker.id: _worker_row(machine, worker) for worker in workers}
    if include_running:
        for worker in workers:
            rows[worker.id].update(num_running=len(worker.runs), num_pending=0, num_uniques=0)
            rows[worker.id]["running"] = {task.id: serialize(machine, task) for task in worker.runs.values()}
        for crew in machine.index.crews.values():
            for worker_id in crew.workers:
                rows[worker_id]["num_pending"] += crew.pending
            if len(crew.workers) == 1:
                rows[crew.workers[0]]["num_uniques"] += crew.pending
    return list(rows.values())


def _worker_row(machine: Machine, worker: WorkerRecord) -> dict[str, Any]:
    return {
        **worker.info,
        "name": worker.id,
        "last_active": worker.last_active,
        "started": worker.started,
        "state": worker.state,
        "first_task_display_name": _first_task_name(machine, worker),
        "num_unread_rpc_messages": len(worker.messages),
    }


def _first_task_name(machine: Machine, worker: WorkerRecord) -> Any:
    first = worker.info.get("first_task", "")
    task = machine.tasks.get(first) if isinstance(first, str) else None
    return pretty_id(task) if task is not None else first


def resource_list(machine: Machine) -> list[dict[str, Any]]:
    """Return the configured resources and the tasks that use them."""
    consumers: dict[str, dict[str, Serialized]] = {name: {} for name in machine.index.limits}
    for task in machine.by_status[RUNNING].values():
        for name in task.needs.amounts:
            if name in consumers:
                consumers[name][task.id] = serialize(machine, task)
    used = machine.used_resources()
    return [
        {
            "name": name,
            "num_total": total,
            "num_used": used.get(name, 0),
            "num_consumer": len(consumers[name]),
            "running": consumers[name],
        }
        for name, total in machine.index.limits.items()
    ]


def fetch_error(machine: Machine, task_id: str) -> dict[str, Any]:
    """Return what was said about the last end of a task."""
    task = machine.tasks.get(task_id)
    if task is None:
        return {"taskId": task_id, "error": ""}
    return {
        "taskId": task_id,
        "error": _explanation(machine, task),
        "displayName": pretty_id(task),
        "taskParams": dict(task.params),
        "taskModule": task.module,
        "taskFamily": task.family,
    }


def _explanation(machine: Machine, task: TaskRecord) -> str | None:
    """Return what was said about the last end; of a task that can never run, the cycle that it waits for."""
    if task.expl is None and task.status is PENDING and task.unmet:
        from luigi_clone._scheduling.explain import explain

        cause = explain(machine, task.id)
        if cause.code == "cycle":
            return json.dumps(cause.text)
    return task.expl
