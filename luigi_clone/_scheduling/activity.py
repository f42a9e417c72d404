"""What runs and what ran, for pages and tools."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator
from typing import Any

from luigi_clone._scheduling.attempts import Attempt
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.rows import RowMaker
from luigi_clone.task_status import BATCH_RUNNING, RUNNING


def task_attempts(machine: Machine, task_id: str) -> list[Attempt]:
    """Return the runs of a task that are remembered, oldest first, and the one that goes on."""
    task = machine.tasks.get(task_id)
    found = machine.attempts.of_task(task_id)
    going_on = None if task is None else current(task)
    return found if going_on is None else [*found, going_on]


def attempts(
    maker: RowMaker,
    since: float | None,
    until: float | None,
    worker: str | None,
    family: str | None,
    limit: int,
) -> Generator[None, None, list[dict[str, Any]]]:
    """Return up to ``limit`` runs, those that go on first, then from the latest end back, step by step.

    ``attempt`` counts the runs of a task that are remembered; the parameters are those of a task that is
    still known.
    """
    machine = maker.machine

    def is_meant(attempt: Attempt) -> bool:
        return (
            (since is None or attempt.end is None or attempt.end >= since)
            and (until is None or attempt.start is None or attempt.start <= until)
            and (worker is None or attempt.worker == worker)
            and (family is None or attempt.family == family)
        )

    numbers: Counter[str] = Counter()
    ended: deque[tuple[Attempt, int]] = deque(maxlen=limit)
    kept = list(machine.attempts.ended)  # runs end while others have their turn
    for start in range(0, len(kept), _A_WHILE):
        for attempt in kept[start : start + _A_WHILE]:
            numbers[attempt.task_id] += 1
            if is_meant(attempt):
                ended.append((attempt, numbers[attempt.task_id]))
        yield
    tasks = [*machine.by_status[RUNNING].values(), *machine.by_status[BATCH_RUNNING].values()]
    running = sorted(filter(is_meant, map(_current, tasks)), key=lambda one: one.start or 0.0, reverse=True)
    chosen = [(one, numbers[one.task_id] + 1) for one in running]
    chosen += reversed(ended)
    rows = []
    for place, (attempt, number) in enumerate(chosen[:limit]):
        task = machine.tasks.get(attempt.task_id)
        params = {} if task is None else maker.params_of(task)
        rows.append({**attempt._asdict(), "params": params, "attempt": number})
        if not place % _A_WHILE:
            yield
    return rows


_A_WHILE = 1_024


def current(task: TaskRecord) -> Attempt | None:
    """Return the run of a task that goes on."""
    return _current(task) if task.status in (RUNNING, BATCH_RUNNING) else None


def _current(task: TaskRecord) -> Attempt:
    return Attempt(task.id, task.family, task.worker_running, task.time_running, None, task.status)
