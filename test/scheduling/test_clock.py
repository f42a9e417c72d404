"""A scheduler that serves others is not led astray by a clock that leaps."""

from __future__ import annotations

from itertools import pairwise

import pytest

from luigi_clone._scheduler.clock import SteadyClock, wall_clock
from luigi_clone.scheduler import Scheduler


class Clocks:
    wall, monotonic = 1000.0, 5.0

    def __init__(self) -> None:
        self.steady = SteadyClock(lambda: self.wall, lambda: self.monotonic)

    def wait(self, seconds: float, leap: float = 0) -> float:
        self.wall += seconds + leap
        self.monotonic += seconds
        return self.steady()


def test_runs_with_the_wall_clock() -> None:
    clocks = Clocks()
    assert [clocks.wait(seconds) for seconds in (0, 1, 2.5)] == [1000.0, 1001.0, 1003.5]


@pytest.mark.parametrize("leap", [3600, -3600])
def test_a_leap_is_made_up_for_little_by_little(leap: float) -> None:
    clocks = Clocks()
    before = clocks.steady()
    moments = [before, *(clocks.wait(1, leap if second == 0 else 0) for second in range(60))]
    steps = [after - moment for moment, after in pairwise(moments)]
    assert all(0.9 < step < 1.1 for step in steps)
    for _ in range(60):
        clocks.wait(1800)
    assert clocks.steady() == pytest.approx(clocks.wall)


@pytest.mark.parametrize("leap", [3600, -3600])
def test_worker_that_pings_is_not_dropped_by_a_leap(leap: float) -> None:
    clocks = Clocks()
    scheduler = Scheduler(worker_disconnect_delay=60)
    scheduler._clock = clocks.steady
    scheduler.add_task(worker="X", task_id="A")
    scheduler.ping(worker="X")
    clocks.wait(5, leap)
    scheduler.prune()
    assert [worker["name"] for worker in scheduler.worker_list()] == ["X"]
    clocks.wait(70)
    assert scheduler.worker_list() == []


def test_clock_of_a_server() -> None:
    scheduler = Scheduler()
    assert scheduler._clock is wall_clock
    scheduler.hold()
    assert isinstance(scheduler._clock, SteadyClock)
