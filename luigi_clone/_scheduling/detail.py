"""All about one task, for its page."""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any

from luigi_clone._scheduling import activity
from luigi_clone._scheduling.attempts import Attempt
from luigi_clone._scheduling.durations import Durations
from luigi_clone._scheduling.explain import plain_text
from luigi_clone._scheduling.families import Families
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.rows import Row, RowMaker
from luigi_clone._scheduling.shown import RANK
from luigi_clone._scheduling.tracebacks import take_apart
from luigi_clone.task_status import DISABLED, DONE, FAILED, PENDING

_SHOWN = 50
_A_WHILE = 512
_MOST_COUNTED = 10_000
_NOTHING: dict[str, Any] = {"total": 0, "rows": []}


def detail(
    maker: RowMaker, task_id: str, durations: Durations, families: Families
) -> Generator[None, None, dict[str, Any]]:
    """Return everything that is known of a task, step by step."""
    task = maker.machine.tasks.get(task_id)
    if task is None:
        return _unknown(maker, task_id)
    held = yield from _count_waiting(maker, task)
    attempts = yield from _attempts(maker, task_id)
    needs = yield from _neighbours(maker, task.deps)
    needed_by = yield from _neighbours(maker, [one.id for one in maker.machine.dependents_of(task_id)])
    del needed_by["done"]
    return {
        **maker.row(task),
        "known": True,
        "parameters": parameters(maker, task, families),
        "module": task.module,
        "worker_ids": list(task.crew.workers),
        "since": task.time,
        "because": _because(maker, task, held),
        "needs": needs,
        "needed_by": needed_by,
        "attempts": [
            {
                "attempt": number,
                "start": one.start,
                "end": one.end,
                "worker": one.worker,
                "status": one.status,
            }
            for number, one in enumerate(attempts, start=1)
        ],
        "history": _history(maker, task, attempts),
        "usual": durations.usual(task.family),
        "error": _error(task),
        "command": command(task),
    }


def _unknown(maker: RowMaker, task_id: str) -> dict[str, Any]:
    row = maker.unknown_row(task_id)
    dependents = [maker.row(one) for one in _first(maker.machine.dependents_of(task_id))]
    return {
        **row,
        "known": False,
        "parameters": [],
        "module": None,
        "worker_ids": [],
        "since": None,
        "because": {**row["why"], "detail": "", "action": None},
        "needs": {**_NOTHING, "done": 0},
        "needed_by": {"total": len(list(maker.machine.dependents_of(task_id))), "rows": dependents},
        "attempts": [],
        "history": [],
        "usual": {"n": 0, "p50": None, "p95": None},
        "error": None,
        "command": None,
    }


def _first(tasks: Any) -> list[TaskRecord]:
    return list(tasks)[:_SHOWN]


# ---- why


def _because(maker: RowMaker, task: TaskRecord, held: int) -> dict[str, Any]:
    cause = maker.why(task.id, deep=True)
    action = None
    if task.status is FAILED:
        action = "retry"
    elif task.status is DISABLED:
        action = "enable"
    elif cause.code == "paused":
        action = "unpause"
    return {
        "code": cause.code,
        "text": cause.text,
        "detail": _waiting_words(held),
        "ids": list(cause.ids),
        "action": action,
    }


def _waiting_words(number: int) -> str:
    if not number:
        return ""
    if number == 1:
        return "1 task waits for this one."
    more = "More than " if number >= _MOST_COUNTED else ""
    return f"{more}{number:,} tasks wait for this one."


def _count_waiting(maker: RowMaker, task: TaskRecord) -> Generator[None, None, int]:
    """Count the tasks downstream that cannot run before this one is done, up to a bound."""
    if task.status is DONE:
        return 0
    seen = {task}
    queue = deque([task])
    looked = 0
    while queue:
        for dependent in maker.machine.dependents_of(queue.popleft().id):
            looked += 1
            if dependent.status is PENDING and dependent not in seen:
                seen.add(dependent)
                queue.append(dependent)
        if len(seen) > _MOST_COUNTED:
            return _MOST_COUNTED
        if looked >= _A_WHILE:
            looked = 0
            yield
    return len(seen) - 1


# ---- around it


def _neighbours(maker: RowMaker, ids: Sequence[str]) -> Generator[None, None, dict[str, Any]]:
    """Return how many tasks these are, how many are done, and the rows of the worst."""
    tasks = maker.machine.tasks
    ranked: list[tuple[int, int, str]] = []
    done = 0
    for number, task_id in enumerate(ids):
        task = tasks.get(task_id)
        if task is not None and task.status is DONE:
            done += 1
        rank = RANK["unknown" if task is None else maker.state_of(task)]
        ranked.append((rank, number, task_id))
        if not (number + 1) % _A_WHILE:
            yield
    ranked.sort()
    rows: list[Row] = []
    for _, _, task_id in ranked[:_SHOWN]:
        task = tasks.get(task_id)
        rows.append(maker.unknown_row(task_id) if task is None else maker.row(task))
    return {"total": len(ids), "done": done, "rows": rows}


def parameters(maker: RowMaker, task: TaskRecord, families: Families) -> list[dict[str, Any]]:
    """Return the parameters with their values, None where whoever asks must not see it."""
    shown = maker.params_of(task)
    told = [
        {
            "name": name,
            "value": shown.get(name),
            "visibility": "hidden" if name in task.hidden_params else "public",
        }
        for name in task.params
    ]
    family = families.get(task.family)
    if family is not None:
        told += [
            {"name": one.name, "value": None, "visibility": "private"}
            for one in family.parameters
            if one.visibility == "private" and one.name not in task.params
        ]
    return told


def command(task: TaskRecord) -> str | None:
    """Return the command that runs the task again, quoted for a shell, with the public parameters."""
    if not task.family:
        return None
    words = ["luigi"]
    if task.module:
        words += ["--module", task.module]
    words.append(task.family)
    for name, value in task.params.items():
        if name not in task.hidden_params:
            flag = f"--{name.replace('_', '-')}"
            text = str(value)
            # a value that begins like a flag would be taken for one
            words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return shlex.join(words)


# ---- what was


def _attempts(maker: RowMaker, task_id: str) -> Generator[None, None, list[Attempt]]:
    ended = list(maker.machine.attempts.ended)
    found: list[Attempt] = []
    for start in range(0, len(ended), _A_WHILE * 8):
        found += [one for one in ended[start : start + _A_WHILE * 8] if one.task_id == task_id]
        yield
    task = maker.machine.tasks.get(task_id)
    current = None if task is None else activity.current(task)
    return found if current is None else [*found, current]


def _history(maker: RowMaker, task: TaskRecord, attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """Return what is remembered of a task, the oldest first."""
    events = [{"at": task.time, "status": PENDING, "text": "The scheduler heard of it."}]
    for number, one in enumerate(attempts, start=1):
        on = "" if one.worker is None else f" on {one.worker}"
        if one.start is not None:
            events.append({"at": one.start, "status": "RUNNING", "text": f"Attempt {number} began{on}."})
        if one.end is not None:
            events.append({"at": one.end, "status": one.status, "text": _end_words(number, one.status)})
    disabled = task.more.scheduler_disable_time
    if disabled is not None:
        events.append({"at": disabled, "status": DISABLED, "text": "It failed too often and was disabled."})
    last = attempts[-1] if attempts else None
    if task.updated > task.time and (last is None or (last.end is not None and last.end < task.updated)):
        events.append({"at": task.updated, "status": task.status, "text": f"It became {task.status}."})
    return sorted(events, key=lambda event: event["at"] or 0.0)


def _end_words(number: int, status: str) -> str:
    if status == DONE:
        return f"Attempt {number} was done."
    if status in (FAILED, DISABLED):
        return f"Attempt {number} failed."
    return f"Attempt {number} ended."


def _error(task: TaskRecord) -> dict[str, Any] | None:
    if task.status is DONE:
        return None
    text = plain_text(task.expl)
    return take_apart(text) if text.strip() else None
