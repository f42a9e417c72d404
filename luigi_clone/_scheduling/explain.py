"""Why a task runs, or does not: the first cause, as one sentence that is the same wherever it is shown."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.ready import Gate
from luigi_clone._scheduling.shown import is_missing_input, label
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING


class Cause(NamedTuple):
    """A cause as a code for programs, a text for people, and the ids of tasks, workers or resources in it."""

    code: str
    text: str
    ids: tuple[str, ...] = ()


Causes = Mapping[TaskRecord, TaskRecord]
At = Callable[[float], str]
"""How a time is told to people, in words that may follow "at": it is not for this module to know the zone."""

_SHOWN = 10
_MANY = 1_000
_FEW = 100  # so many tasks upstream of each row of a list are searched for a cycle
_LONGEST_LINE = 300
# the cause that keeps most tasks from running for longest comes first
_SEVERITY = (
    "dependency_disabled",
    "dependency_failed",
    "dependency_external",
    "dependency_broken",
    "dependency_unknown",
    "dependency_running",
    "dependency_waiting",
)
_PLAIN = frozenset(("dependency_disabled", "dependency_failed", "dependency_external"))


def in_seconds(time: float) -> str:
    """Return a time for those who know no zone."""
    return f"{time:.0f}"


def explain(
    machine: Machine, task_id: str, at: At = in_seconds, causes: Causes | None = None, deep: bool = True
) -> Cause:
    """Return the first cause why a task is as it is.

    ``causes`` are those that a survey found; what is not found there is looked for in all that is upstream if
    ``deep``, else in the nearest dependencies only.
    """
    task = machine.tasks.get(task_id)
    if task is None:
        if any(True for _ in machine.dependents_of(task_id)):
            return _undescribed(task_id)
        return Cause("unknown", "The scheduler does not know this task.", (task_id,))
    if task.status is not PENDING:
        return _explain_ended(machine, task, at)
    if not task.unmet:
        return _explain_ready(machine, task)
    if causes is not None:
        found = causes.get(task)
        # it may have come to something else since
        if found is not None and found.status is not DONE and found.id in machine.tasks:
            code = _kind(found)
            if code is not None and (code in _PLAIN or not _cycle(machine, task, None if deep else _FEW)):
                return _waits_for(code, [found.id], found, at)
    cycle = _cycle(machine, task, None if deep else _MANY)
    if cycle:
        return Cause("cycle", f"It waits for itself: {' -> '.join((*cycle, cycle[0]))}.", tuple(cycle))
    return _explain_waiting(machine, task, at) if deep else _explain_nearest(machine, task, at)


def last_line(expl: Any) -> str:
    """Return the last line that says something of what was told about an end."""
    text = plain_text(expl)
    # the message of an exception may be long: what matters is where it begins
    tail = text[-20_000:].rstrip()
    line = tail.rpartition("\n")[2].strip()
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def plain_text(expl: Any) -> str:
    """Return what was told about an end as a text: workers send it as JSON, other programs as it is."""
    if expl is None:
        return ""
    if not isinstance(expl, str):
        return json.dumps(expl)
    if expl.startswith('"'):
        try:
            decoded = json.loads(expl)
        except ValueError:
            return expl
        return decoded if isinstance(decoded, str) else expl
    return expl


def _undescribed(task_id: str) -> Cause:
    return Cause("unknown", "Other tasks need this one, but no worker has described it.", (task_id,))


def _explain_ended(machine: Machine, task: TaskRecord, at: At) -> Cause:
    runner = () if task.worker_running is None else (task.worker_running,)
    by = f" on {runner[0]}" if runner else ""
    if task.status is RUNNING:
        return Cause("running", f"It runs{by}.", runner)
    if task.status is BATCH_RUNNING:
        return Cause("running", f"It runs{by} as a part of a batch.", runner)
    if task.status is DONE:
        return Cause("done", f"It was done at {at(task.updated)}.")
    if task.status is FAILED:
        return Cause("failed", _failed(machine, task, at))
    if task.status is DISABLED:
        since = task.more.scheduler_disable_time
        if since is None:
            return Cause("disabled", "It is disabled: the worker that registered it says so.")
        until = since + machine.settings.disable_persist
        return Cause("disabled", f"It failed too often and is disabled until {at(until)}.")
    if task.family:
        return Cause("broken", "It could not be scheduled: its complete() or requires() failed.", (task.id,))
    return _undescribed(task.id)


def _failed(machine: Machine, task: TaskRecord, at: At) -> str:
    if is_missing_input(task):
        begin = "It is an input that no worker makes, and it was not there"
    else:
        line = last_line(task.expl)
        begin = f"It failed at {at(task.updated)}: {line}" if line else f"It failed at {at(task.updated)}"
    if begin[-1] not in ".!?…":
        begin += "."
    if machine.settings.retry_delay < 0 or task.retry is None:
        return f"{begin} It is not tried again by itself."
    return f"{begin} It is tried again at {at(task.retry)}."


def _explain_ready(machine: Machine, task: TaskRecord) -> Cause:
    if machine.paused:
        return Cause("paused", "It is ready, but the scheduler is paused.")
    workers = task.crew.workers
    if not workers and task.crew.runnable:
        workers = tuple(one.id for one in machine.workers.values() if one.assistant and not one.disabled)
    if not workers:
        if task.crew.runnable:
            return Cause("no_worker", "It waits for a worker: those that could run it are gone.")
        return Cause("no_worker", "It is an input that no worker makes, and it is not there yet.")
    gate = task.needs.closed_gate()
    if gate is not None:
        return _explain_gate(gate)
    return Cause("ready", f"It is ready, and waits for its turn on {_named(workers)}.", workers)


def _explain_gate(gate: Gate) -> Cause:
    resource = gate.resource
    name, limit = resource.name, _amount(resource.limit)
    if gate.amount > resource.limit:
        text = f"It needs {_amount(gate.amount)} of {name}, of which there is only {limit}."
        return Cause("resource_missing", text, (name,))
    holders = tuple(task.id for task in resource.holders)
    if resource.used >= resource.limit:
        taken = "It is taken." if resource.limit == 1 else f"All {limit} are taken."
    else:
        taken = f"It needs {_amount(gate.amount)}, and {_amount(resource.used)} of {limit} are taken."
    return Cause("resource_taken", f"It waits for {name}. {taken}", (name, *holders))


def _amount(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) and number < 1e6 else str(number)


# ---- tasks that wait for others


def _explain_nearest(machine: Machine, task: TaskRecord, at: At) -> Cause:
    """Look at the dependencies alone; the worst is the cause."""
    found: dict[str, list[str]] = {}
    for dep in task.deps[:_MANY]:
        other = machine.tasks.get(dep)
        if other is None or other.status is not DONE:
            found.setdefault(_kind(other) or "dependency_waiting", []).append(dep)
    return _worst(machine, found, at)


def _explain_waiting(machine: Machine, task: TaskRecord, at: At) -> Cause:
    """Look at everything that the task waits for, the nearest first; the worst is the cause."""
    found: dict[str, list[str]] = {}
    seen = {task.id}
    queue = deque([task])
    while queue:
        for dep in queue.popleft().deps:
            other = machine.tasks.get(dep)
            if dep in seen or (other is not None and other.status is DONE):
                continue
            seen.add(dep)
            kind = _kind(other)
            if kind is None:
                assert other is not None
                queue.append(other)
            else:
                found.setdefault(kind, []).append(dep)
    return _worst(machine, found, at)


def _worst(machine: Machine, found: Mapping[str, list[str]], at: At) -> Cause:
    code = next((code for code in _SEVERITY if code in found), None)
    if code is None:
        return Cause("dependency_waiting", "It waits for tasks that have not run yet.")
    ids = found[code]
    return _waits_for(code, ids, machine.tasks.get(ids[0]), at)


def _waits_for(code: str, ids: list[str], first: TaskRecord | None, at: At) -> Cause:
    named = ids[0] if first is None else label(first)
    return Cause(code, f"It waits for {named}, {_clause(code, first, at)}.", tuple(ids))


def _clause(code: str, task: TaskRecord | None, at: At) -> str:
    if task is not None:
        if code == "dependency_failed":
            return f"which failed at {at(task.updated)}"
        if code == "dependency_running" and task.time_running is not None:
            return f"which runs since {at(task.time_running)}"
    return _CLAUSES[code]


_CLAUSES = {
    "dependency_disabled": "which is disabled",
    "dependency_unknown": "which no worker has described",
    "dependency_broken": "which could not be scheduled",
    "dependency_external": "an input that no worker makes and that is not there yet",
    "dependency_waiting": "which has not started yet",
    "dependency_running": "which runs",
}


def _kind(task: TaskRecord | None) -> str | None:
    """Return what it means to wait for ``task``; None if that waits for others itself."""
    if task is None:
        return "dependency_unknown"
    if task.status is DISABLED:
        return "dependency_disabled"
    if task.status is FAILED:
        return "dependency_external" if is_missing_input(task) else "dependency_failed"
    if task.status is RUNNING or task.status is BATCH_RUNNING:
        return "dependency_running"
    if task.status is PENDING:
        if task.unmet:
            return None
        return "dependency_waiting" if task.crew.runnable else "dependency_external"
    return "dependency_broken" if task.family else "dependency_unknown"


def _cycle(machine: Machine, root: TaskRecord, most: int | None) -> list[str]:
    """Return the ids of a cycle that ``root`` waits for, in order; none if ``most`` tasks show none."""
    path: list[str] = [root.id]
    on_path = {root.id}
    done: set[str] = set()
    iterators = [iter(root.deps)]
    while iterators and (most is None or len(done) + len(path) < most):
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


def _named(ids: Iterable[Any]) -> str:
    named = list(ids)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f"{', '.join(map(str, named[:_SHOWN]))}{more}"
