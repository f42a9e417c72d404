"""Which runs there were: the latest ones one by one, and how many began and ended in each minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from luigi_clone._scheduling.model import TaskRecord
from luigi_clone.task_status import DONE

KEPT = 100_000
"""So many runs that have ended are remembered, the latest."""
MINUTES = 120
"""For so many minutes it is remembered how many runs began and ended."""


class Attempt(NamedTuple):
    """One run of a task. ``end`` is None while it runs; ``status`` is what the task came to by its end."""

    task_id: str
    family: str
    worker: str | None
    start: float | None
    end: float | None
    status: str


class Minute(NamedTuple):
    """What happened within a minute that began at ``time``: ``failed`` are all ends but those as DONE."""

    time: int
    started: int
    done: int
    failed: int


class Attempts:
    """The runs of all tasks."""

    def __init__(self) -> None:
        self.ended: deque[Attempt] = deque(maxlen=KEPT)  # in the order in which they ended
        self.number = 0
        """How many have ended, those that are forgotten included."""
        self._minutes: dict[int, list[int]] = {}

    def begin(self, now: float) -> None:
        """Count a run that begins."""
        self._minute(now)[0] += 1

    def end(self, task: TaskRecord, status: str, now: float) -> None:
        """Keep a run that has ended: ``task`` still tells of it."""
        self.ended.append(Attempt(task.id, task.family, task.worker_running, task.time_running, now, status))
        self.number += 1
        self._minute(now)[1 if status is DONE else 2] += 1

    def restore(self, ended: Iterable[Iterable[Any]], minutes: Iterable[Iterable[int]]) -> None:
        """Take over what :meth:`kept` told."""
        restored = [Attempt(*one) for one in ended]
        self.ended.extend(restored)
        self.number += len(restored)
        self._minutes = {minute: [*counts] for minute, *counts in minutes}

    def kept(self) -> tuple[list[Attempt], list[tuple[int, ...]]]:
        """Return everything that is remembered, as plain values."""
        return list(self.ended), [(minute, *counts) for minute, counts in self._minutes.items()]

    def of_task(self, task_id: str) -> list[Attempt]:
        """Return the ended runs of one task, oldest first."""
        return [attempt for attempt in self.ended if attempt.task_id == task_id]

    def minutes(self, now: float, number: int = 60) -> Iterator[Minute]:
        """Return the last hour minute by minute, oldest first, the one that is not over yet last."""
        current = int(now // 60)
        for minute in range(current - number + 1, current + 1):
            yield Minute(minute * 60, *self._minutes.get(minute, (0, 0, 0)))

    def _minute(self, now: float) -> list[int]:
        minute = int(now // 60)
        counts = self._minutes.get(minute)
        if counts is None:
            for old in [one for one in self._minutes if one <= minute - MINUTES]:
                del self._minutes[old]
            counts = self._minutes[minute] = [0, 0, 0]
        return counts
