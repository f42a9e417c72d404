"""Much that is due at once: done in slices, with the result of one go."""

from __future__ import annotations

import asyncio

import pytest

from luigi_clone._scheduler import saving
from luigi_clone._scheduling import invariants
from luigi_clone._web.turns import Turns
from luigi_clone.scheduler import Scheduler

COUNT = 20


@pytest.fixture
def scheduler(monkeypatch):
    """Give a scheduler with tasks of a worker that fell silent long ago; it does three things at once."""
    monkeypatch.setattr(saving, "_MOST_DUE", 3)
    one = Scheduler(remove_delay=100)
    one.hold()
    one._clock = Clock()
    for number in range(COUNT):
        one.add_task(worker="w", task_id=f"T_{number}", family="T")
    one._clock.now += 1000
    return one


class Clock:
    """A time that stands still."""

    now = 1e9

    def __call__(self):
        return self.now


def slices(scheduler):
    """Do what is due; return how many slices it took, of which none leaves the tables in disorder."""
    count = 0
    while True:
        scheduler.prune()
        count += 1
        invariants.validate(scheduler._machine)
        if not scheduler.is_behind:
            return count


def test_tasks_that_nobody_wants_are_given_a_date_and_removed_in_slices(scheduler):
    assert slices(scheduler) == 7
    dates = {task.remove for task in scheduler._machine.tasks.values()}
    assert dates == {scheduler._clock.now + 100}
    scheduler._clock.now += 101
    assert slices(scheduler) > 1
    assert not scheduler._machine.tasks
    assert slices(scheduler) == 1


def test_a_worker_that_comes_back_meanwhile_keeps_its_tasks(scheduler):
    scheduler.prune()
    assert scheduler.is_behind
    for number in range(COUNT):
        scheduler.add_task(worker="w", task_id=f"T_{number}", family="T")
    slices(scheduler)
    assert {task.remove for task in scheduler._machine.tasks.values()} == {None}


def test_tasks_that_run_on_are_waited_for_without_end(scheduler):
    """Their date has passed and they stay: that is nothing to be behind with."""
    for _ in range(COUNT):
        scheduler.get_work(worker="w")
    scheduler._clock.now += 1000
    slices(scheduler)
    scheduler._clock.now += 1000
    assert slices(scheduler) < 3 * COUNT


def test_a_scheduler_in_this_process_does_all_at_once():
    one = Scheduler(remove_delay=100)
    one._clock = Clock()
    for number in range(2 * saving._MOST_DUE):
        one.add_task(worker="w", task_id=f"T_{number}", family="T")
    one._clock.now += 1000
    one.prune()
    assert not one.is_behind
    assert all(task.remove for task in one._machine.tasks.values())


def test_the_server_goes_on_until_nothing_is_left(scheduler):
    async def serve():
        turns = Turns(scheduler, pytest.fail)
        scheduler._clock = clock
        turns.prune()
        turns.prune()
        left = []
        while turns._is_catching_up:
            left.append(sum(task.remove is None for task in scheduler._machine.tasks.values()))
            await asyncio.sleep(0)
        return left

    clock = scheduler._clock
    left = asyncio.run(serve())
    assert left[0] == COUNT - 6
    assert sorted(set(left), reverse=True) == [14, 11, 8, 5, 2]
    assert all(task.remove for task in scheduler._machine.tasks.values())
