"""What runs and what ran, for pages and tools."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from luigi_clone._scheduling.attempts import Attempt
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone.task_status import BATCH_RUNNING, RUNNING


def task_attempts(machine: Machine, task_id: str) -> list[Attempt]:
    """Return the runs of a task that are remembered, oldest first, and the one that goes on."""
    task = machine.tasks.get(task_id)
    found = machine.attempts.of_task(task_id)
    going_on = None if task is None else current(task)
    return found if going_on is None else [*found, going_on]


def attempts(
    machine: Machine,
    since: float | None,
    until: float | None,
    worker: str | None,
    family: str | None,
    limit: int,
) -> list[Attempt]:
    """Return up to ``limit`` runs, those that go on first, then from the latest end back."""

    def is_meant(attempt: Attempt) -> bool:
        return (
            (since is None or attempt.end is None or attempt.end >= since)
            and (until is None or attempt.start is None or attempt.start <= until)
            and (worker is None or attempt.worker == worker)
            and (family is None or attempt.family == family)
        )

    return list(islice(filter(is_meant, _latest_first(machine)), limit))


def _latest_first(machine: Machine) -> Iterator[Attempt]:
    running = [*machine.by_status[RUNNING].values(), *machine.by_status[BATCH_RUNNING].values()]
    yield from sorted(map(_current, running), key=lambda attempt: attempt.start or 0.0, reverse=True)
    yield from reversed(machine.attempts.ended)


def current(task: TaskRecord) -> Attempt | None:
    """Return the run of a task that goes on."""
    return _current(task) if task.status in (RUNNING, BATCH_RUNNING) else None


def _current(task: TaskRecord) -> Attempt:
    return Attempt(task.id, task.family, task.worker_running, task.time_running, None, task.status)
