"""Why a task runs, or does not: the first cause, worked out when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.ready import Gate
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING


class Cause(NamedTuple):
    """A cause as a code for programs, a text for people, and the ids of tasks, workers or resources in it."""

    code: str
    text: str
    ids: tuple[str, ...] = ()


_SHOWN = 10
# the cause that keeps most tasks from running for longest comes first
_SEVERITY = (
    "cycle",
    "dependency_disabled",
    "dependency_unknown",
    "dependency_broken",
    "dependency_failed",
    "dependency_external",
    "dependency_waiting",
    "dependency_running",
)


def explain(machine: Machine, task_id: str) -> Cause:
    """Return the first cause why a task is as it is."""
    task = machine.tasks.get(task_id)
    if task is None:
        if any(True for _ in machine.dependents_of(task_id)):
            return Cause(
                "unknown", "other tasks depend on this one, but no worker has described it", (task_id,)
            )
        return Cause("unknown", "the scheduler does not know this task", (task_id,))
    if task.status is PENDING:
        return _explain_waiting(machine, task) if task.unmet else _explain_ready(machine, task)
    return _explain_ended(machine, task)


def _explain_ended(machine: Machine, task: TaskRecord) -> Cause:
    runner = () if task.worker_running is None else (task.worker_running,)
    if task.status is RUNNING:
        return Cause("running", _text("it is run by", runner), runner)
    if task.status is BATCH_RUNNING:
        return Cause("running", _text("it is run as a part of a batch by", runner), runner)
    if task.status is DONE:
        return Cause("done", "it is done")
    if task.status is FAILED:
        if machine.settings.retry_delay < 0 or task.retry is None:
            return Cause("failed", "its last run failed, and failed tasks are not tried again")
        return Cause("failed", f"its last run failed; it is tried again at {task.retry:.0f}")
    if task.status is DISABLED:
        since = task.more.scheduler_disable_time
        if since is None:
            return Cause("disabled", "the worker that registered it says that it is disabled")
        until = since + machine.settings.disable_persist
        return Cause("disabled", f"it failed too often and is disabled until {until:.0f}")
    if task.family:
        return Cause("broken", "it could not be scheduled: its complete() or requires() failed", (task.id,))
    return Cause("unknown", "other tasks depend on this one, but no worker has described it", (task.id,))


def _explain_ready(machine: Machine, task: TaskRecord) -> Cause:
    if machine.paused:
        return Cause("paused", "the scheduler is paused")
    assistants = [
        worker.id for worker in machine.workers.values() if worker.assistant and not worker.disabled
    ]
    workers = task.crew.workers or (tuple(assistants) if task.crew.runnable else ())
    if not workers:
        why = (
            "the workers that could run it are gone" if task.crew.runnable else "no worker says it can run it"
        )
        return Cause("no_worker", why)
    gate = task.needs.closed_gate()
    if gate is not None:
        return _explain_gate(gate)
    return Cause(
        "ready", _text("it is given out when it is its turn and one of these asks:", workers), workers
    )


def _explain_gate(gate: Gate) -> Cause:
    resource = gate.resource
    if gate.amount > resource.limit:
        text = f"it needs {gate.amount} of {resource.name}, of which there is only {resource.limit}"
        return Cause("resource_missing", text, (resource.name,))
    holders = tuple(task.id for task in resource.holders)
    text = f"it needs {gate.amount} of {resource.name}: {resource.used} of {resource.limit} is held by"
    return Cause("resource_taken", _text(text, holders), (resource.name, *holders))


def _explain_waiting(machine: Machine, task: TaskRecord) -> Cause:
    """Look at everything that the task waits for; the worst is the cause."""
    found: dict[str, list[str]] = {}
    cycle = _cycle(machine, task)
    if cycle:
        return Cause("cycle", "it waits for itself: " + " -> ".join((*cycle, cycle[0])), tuple(cycle))
    seen = {task.id}
    stack = [task]
    while stack:
        for dep in stack.pop().deps:
            other = machine.tasks.get(dep)
            if dep in seen or (other is not None and other.status is DONE):
                continue
            seen.add(dep)
            if other is not None and other.status is PENDING and other.unmet:
                stack.append(other)
            else:
                found.setdefault(_kind(other), []).append(dep)
    code = next(code for code in _SEVERITY if code in found)
    return Cause(code, _text(_TEXTS[code], found[code]), tuple(found[code]))


_TEXTS = {
    "dependency_disabled": "it waits for tasks that are disabled:",
    "dependency_unknown": "it waits for tasks that no worker has described:",
    "dependency_broken": "it waits for tasks that could not be scheduled:",
    "dependency_failed": "it waits for tasks that have failed:",
    "dependency_external": "it waits for tasks that no worker can run:",
    "dependency_waiting": "it waits for tasks that have not started yet:",
    "dependency_running": "it waits for tasks that run:",
}


def _kind(task: TaskRecord | None) -> str:
    if task is None:
        return "dependency_unknown"
    if task.status is DISABLED:
        return "dependency_disabled"
    if task.status is FAILED:
        return "dependency_failed"
    if task.status is RUNNING or task.status is BATCH_RUNNING:
        return "dependency_running"
    if task.status is PENDING:
        return "dependency_waiting" if task.crew.runnable else "dependency_external"
    return "dependency_broken" if task.family else "dependency_unknown"


def _cycle(machine: Machine, root: TaskRecord) -> list[str]:
    """Return the ids of a cycle that ``root`` waits for, in order; none if there is no such cycle."""
    path: list[str] = [root.id]
    on_path, done = {root.id}, set()
    iterators = [iter(root.deps)]
    while iterators:
        dep = next(iterators[-1], None)
        if dep is None:
            iterators.pop()
            left = path.pop()
            on_path.discard(left)
            done.add(left)
        elif dep in on_path:
            return path[path.index(dep) :]
        elif dep not in done:
            other = machine.tasks.get(dep)
            if other is not None and other.status is PENDING and other.unmet:
                path.append(dep)
                on_path.add(dep)
                iterators.append(iter(other.deps))
            else:
                done.add(dep)
    return []


def _text(beginning: str, ids: Iterable[Any]) -> str:
    named = list(ids)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f"{beginning} {', '.join(map(str, named[:_SHOWN]))}{more}"
