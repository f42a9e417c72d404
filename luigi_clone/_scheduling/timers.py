"""What is to happen later: one heap of due times, whose entries are checked when their time has come."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

RETRY = "retry"  # FAILED → PENDING
REMOVE = "remove"  # drop a task without stakeholders
ENABLE = "enable"  # an automatic disable ends
WORKER = "worker"  # a worker may have gone silent


class Timer(NamedTuple):
    """At ``due`` something of ``kind`` may be up for ``subject`` (a task or a worker record)."""

    due: float
    number: int
    kind: str
    subject: Any


class Timers:
    """Timers by due time. An entry is never taken back: whoever gets it checks that it still holds."""

    __slots__ = ("_heap", "_number")

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, due: float, kind: str, subject: Any) -> None:
        """Call for attention at ``due``."""
        self._number += 1
        heappush(self._heap, Timer(due, self._number, kind, subject))

    def all(self) -> list[Timer]:
        """Return all timers, in no order."""
        return list(self._heap)

    def take(self, now: float, most: int | None = None) -> list[Timer]:
        """Remove and return the timers that are due at ``now``, ``most`` of them at most, the earliest."""
        heap = self._heap
        if not heap or heap[0].due > now:
            return []
        taken: list[Timer] = []
        while heap and heap[0].due <= now and len(taken) != most:
            taken.append(heappop(heap))
        return taken

    def are_due(self, now: float) -> bool:
        """Tell whether there is one that is due at ``now``."""
        return bool(self._heap) and self._heap[0].due <= now

    def replace(self, timers: list[Timer]) -> None:
        """Start over with these."""
        self._heap = list(timers)
        heapify(self._heap)
