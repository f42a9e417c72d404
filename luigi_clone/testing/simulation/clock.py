"""Time that passes from event to event."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from luigi_clone.testing.simulation.threads import pause

BEGINNING = 1_700_000_000.0
"""What the clock on the wall shows at first."""

Action = Callable[[], object]


class Clock:
    """The events to come in their order; also stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the beginning, whatever is done to the clock on the wall."""
        self.offset = BEGINNING
        self._events: list[tuple[float, int, Action]] = []
        self._number = 0

    def after(self, seconds: float, action: Action) -> None:
        """Have ``action`` called so many seconds from now, of equal times in this order."""
        self._number += 1
        heapq.heappush(self._events, (self.now + max(0.0, seconds), self._number, action))

    def next(self) -> Action | None:
        """Go to the next event and return it; None when nothing is to come."""
        if not self._events:
            return None
        due, _, action = heapq.heappop(self._events)
        self.now = due
        return action

    # ---- the module time

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self.now

    def time(self) -> float:
        """Return what the clock on the wall shows."""
        return self.offset + self.now

    def clock_gettime(self, _: int) -> float:
        """Return seconds that go on while the machine sleeps."""
        return self.now

    def perf_counter(self) -> float:
        """Return the seconds of the simulation: work takes no time."""
        return self.now

    thread_time = perf_counter

    def sleep(self, seconds: float) -> None:
        """Let the others go on for a while."""
        pause(seconds)


class Chance:
    """Independent sources of chance, one for each purpose: what one is asked does not change the others."""

    def __init__(self, seed: Any) -> None:
        self._seed = seed

    def of(self, *purpose: Any) -> random.Random:
        """Return the source for a purpose."""
        return random.Random(f"{self._seed}/{'/'.join(map(str, purpose))}")  # noqa: S311 - no secret
