"""When the tasks are looked at as a whole: while somebody looks at a page, and never for long at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._scheduling.durations import Durations
from luigi_clone._scheduling.rows import RowMaker
from luigi_clone._scheduling.survey import Survey, Surveying, survey

if TYPE_CHECKING:
    from luigi_clone._scheduling.machine import Machine

_AT_ONCE = 0.005
"""Seconds that a call may spend on a survey that the next one will have the use of."""
_SHARE = 10
"""A survey is made anew when its age is so many times what it costs."""

Background = Callable[[Callable[[], bool]], None]
"""Has a function called again and again beside the calls, until it says that it is done."""


class Surveyor:
    """Keeps the latest survey, and makes the next one."""

    def __init__(self, machine: Machine, clock: Callable[[], float]) -> None:
        self._machine = machine
        self._clock = clock
        self._steps: Surveying | None = None
        self._latest: Survey | None = None
        self._cost = 0.0
        self.durations = Durations()
        self._spent = 0.0
        self.background: Background | None = None
        """Set by a server: a survey that takes longer is then finished beside the calls."""

    def latest(self) -> Survey:
        """Return a survey: the current one if it is cheap, else the latest that is whole."""
        if self._latest is None or (self.background is None and not self._is_current(self._latest)):
            self._finish()
        elif not self._is_current(self._latest) and self._is_due(self._latest):
            self._go_on()
        assert self._latest is not None
        return self._latest

    def preparing(self) -> Generator[None, None, None]:
        """Make the first survey step by step, if there is none; :meth:`latest` is quick then."""
        while self._latest is None and self.background is not None:
            self.work(_AT_ONCE / 5)
            yield None

    def _is_current(self, known: Survey) -> bool:
        return known.version == self._machine.version

    def _is_due(self, known: Survey) -> bool:
        return self._steps is None and self._clock() - known.as_of >= self._cost * _SHARE

    def _go_on(self) -> None:
        if not self.work(_AT_ONCE) and self.background is not None:
            self.background(lambda: self.work(_AT_ONCE / 5))

    def _finish(self) -> None:
        while not self.work(1.0):
            pass

    def work(self, seconds: float) -> bool:
        """Go on with the survey for a while, or begin one; tell whether it is whole."""
        if self._steps is None:
            self._steps, self._spent = survey(self._machine, self._clock(), self.durations), 0.0
        begun = time.perf_counter()
        try:
            while True:
                next(self._steps)
                if time.perf_counter() - begun >= seconds:
                    self._spent += time.perf_counter() - begun
                    return False
        except StopIteration as end:
            self._latest, self._steps = end.value, None
            self._cost = self._spent + time.perf_counter() - begun
            return True
        except BaseException:
            self._steps = None
            raise


def spoken_times(now: float) -> Callable[[float], str]:
    """Return a function that tells a time as people do: the time of day, before it the day if not today's."""
    today = time.localtime(now)

    def at(seconds: float) -> str:
        try:
            told = time.localtime(seconds)
        except (OverflowError, ValueError, OSError):
            return "a time unknown"
        if told[:3] == today[:3]:
            return time.strftime("%H:%M", told)
        return f"{told.tm_mday} {_MONTHS[told.tm_mon - 1]} {time.strftime('%H:%M', told)}"

    return at


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SurveyCalls(SchedulerParts):
    """What shows tasks to one who asks."""

    _surveyor: Surveyor
    _shows_hidden = True
    """Whether who calls sees HIDDEN parameters: set for the time of a call."""

    def row_maker(self, sees_hidden: bool | None = None) -> RowMaker:
        """Return what makes rows of pages as of now; ``sees_hidden`` as for who calls, if it is not told."""
        now = self._clock()
        shows = self._shows_hidden if sees_hidden is None else sees_hidden
        return RowMaker(self._machine, self._surveyor.latest(), now, spoken_times(now), shows)

    def state_counts(self) -> tuple[dict[str, int], float]:
        """Return the number of tasks in each state, and as of when the states from upstream are."""
        known = self._surveyor.latest()
        as_of = self._clock() if known.version == self._machine.version else known.as_of
        return known.counts(self._machine), as_of
