"""What a worker registers when the scheduler does not know it any more."""

from __future__ import annotations

import luigi
import pytest

from luigi_clone import execution_summary
from luigi_clone.scheduler import Scheduler
from luigi_clone.worker import Worker


class Made(luigi.Task):
    """Is complete when the test says so."""

    name = luigi.Parameter()
    complete_ones: set[str] = set()
    is_broken = False

    def complete(self):
        if self.is_broken:
            raise OSError("the store is away")
        return self.name in self.complete_ones


@pytest.fixture
def scheduler():
    Made.complete_ones, Made.is_broken = set(), False
    return Scheduler()


@pytest.fixture
def forgotten(scheduler):
    """A worker with two tasks that the scheduler has forgotten, while another one stays."""
    worker = Worker(scheduler=scheduler, worker_id="w")
    for name in "ab":
        assert worker.add(Made(name))
        scheduler.add_task(worker="v", task_id=Made(name).task_id)
    scheduler._state.inactivate_workers(["w"])
    return worker


def test_what_others_have_made_meanwhile_is_not_made_again(scheduler, forgotten):
    scheduler.add_task(worker="v", task_id=Made("a").task_id, status="DONE")
    Made.complete_ones.add("a")
    forgotten._register_again()
    task = scheduler._state.get_task(Made("a").task_id)
    assert task.status == "DONE"
    assert "w" in task.stakeholders
    assert scheduler.get_work(worker="w")["task_id"] == Made("b").task_id


def test_the_summary_counts_what_others_have_made_as_complete(scheduler, forgotten):
    Made.complete_ones.add("a")
    forgotten._register_again()
    categories = execution_summary._summary_dict(forgotten)
    assert categories["already_done"] == {Made("a")}
    assert categories["still_pending_not_ext"] == {Made("b")}


def test_the_summary_counts_a_failed_task_that_others_have_made_as_done(scheduler, forgotten):
    forgotten._add_task_history.append((Made("a"), "FAILED", None))
    Made.complete_ones.update("ab")
    forgotten._register_again()
    categories = execution_summary._summary_dict(forgotten)
    assert categories["failed"] == set()
    assert categories["completed"] == {Made("a")}
    assert categories["already_done"] == {Made("b")}


def test_a_task_that_cannot_be_asked_is_registered_as_it_was(scheduler, forgotten):
    Made.is_broken = True
    forgotten._register_again()
    for name in "ab":
        assert scheduler._state.get_task(Made(name).task_id).status == "PENDING"
        assert "w" in scheduler._state.get_task(Made(name).task_id).workers
