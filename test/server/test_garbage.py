"""What the garbage collector still has to look at when there are many tasks."""

import gc
from collections.abc import Iterator

import pytest

from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._web.garbage import LongLived
from luigi_clone.scheduler import Scheduler


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    yield Scheduler(remove_delay=1, worker_disconnect_delay=1)
    gc.unfreeze()


def add(scheduler: Scheduler, numbers: range) -> None:
    for number in numbers:
        scheduler.add_task(worker="w", task_id=f"T_{number}", deps=[f"T_{number - 1}"])


def looked_at() -> int:
    return sum(isinstance(thing, TaskRecord) for thing in gc.get_objects())


def test_a_full_collection_does_not_look_at_tasks_that_have_been_there(scheduler: Scheduler) -> None:
    tasks = LongLived(scheduler)
    add(scheduler, range(10_001))
    tasks.look()
    assert looked_at() == 0
    add(scheduler, range(10_001, 10_101))
    tasks.look()
    assert looked_at() == 100, "so few are not worth setting everything else aside"


def test_tasks_that_were_set_aside_are_freed_when_they_are_dropped(scheduler: Scheduler) -> None:
    gc.collect()
    others = looked_at()
    add(scheduler, range(10_001))
    LongLived(scheduler).look()
    began = scheduler._clock()
    for later in (100, 200, 300):
        scheduler._clock = lambda now=began + later: now
        scheduler.prune()
    assert not scheduler._machine.tasks
    gc.unfreeze()
    assert looked_at() == others
