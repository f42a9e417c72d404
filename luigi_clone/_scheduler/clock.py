"""The time as a scheduler that serves others sees it."""

from __future__ import annotations

import time
from collections.abc import Callable

_CATCH_UP = 1 / 16
"""At most so much faster or slower than true it runs while it comes closer to the wall clock."""


def wall_clock() -> float:
    """Return the time of the machine: the clock of a scheduler in its worker's process."""
    return time.time()  # looked up at each call: tests replace it


class SteadyClock:
    """Seconds since the epoch, without the leaps of the wall clock.

    It starts at the wall clock's time and runs by the monotonic one, so that it never goes back, and does not
    leap when somebody sets the clock or the machine was asleep: a worker is silent for as long as it was
    silent. Where the two clocks differ, it comes closer to the wall clock little by little.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._then = monotonic()
        self._now = wall()

    def __call__(self) -> float:
        """Return the time."""
        then, self._then = self._then, self._monotonic()
        passed = self._then - then
        self._now += passed
        most = passed * _CATCH_UP
        self._now += max(-most, min(most, self._wall() - self._now))
        return self._now
