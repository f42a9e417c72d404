"""What outlives the scheduler's process, where Luigi's state file does not (documents 06 and 07)."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import stat

import pytest
from luigi.scheduler import Scheduler


def in_a_child(path, action):
    """Start a scheduler in a process of its own, let ``action`` use it, and kill it."""
    child = os.fork()
    if not child:
        try:
            scheduler = Scheduler(state_path=str(path))
            scheduler.load()
            action(scheduler)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def started(path):
    scheduler = Scheduler(state_path=str(path))
    scheduler.load()
    return scheduler


def add_tasks(scheduler, count=20):
    for number in range(count):
        scheduler.add_task(worker="w", task_id=f"T{number}", family="T", params={"n": "x" * 500})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state"


def test_06_01_tasks_are_there_after_a_kill(path):
    in_a_child(path, add_tasks)
    scheduler = started(path)
    assert len(scheduler.task_list()) == 20
    scheduler.dump()


def test_06_02_a_damaged_state_is_not_taken_for_an_empty_one(path):
    def dump(scheduler):
        add_tasks(scheduler, 500)
        scheduler.dump()

    in_a_child(path, dump)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    with pytest.raises(Exception, match="is damaged"):
        started(path)


class _Bomb:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_06_03_a_pickle_is_not_run(path, tmp_path):
    mark = tmp_path / "exploded"
    path.write_bytes(pickle.dumps(_Bomb(str(mark))))
    started(path).dump()
    assert not mark.exists()


def test_06_04_pause_and_limits_set_at_run_time_outlive_a_restart(path):
    def steer(scheduler):
        scheduler.pause()
        scheduler.update_resource("db", 5)
        scheduler.dump()

    in_a_child(path, steer)
    scheduler = started(path)
    assert scheduler.is_paused() == {"paused": True}
    assert scheduler.resources()["db"]["total"] == 5
    scheduler.dump()


def test_07_05_nobody_else_can_read_the_state(path):
    def dump(scheduler):
        os.umask(0)
        scheduler.dump()

    before = os.umask(0)  # as a daemon of Luigi's has it
    try:
        in_a_child(path, dump)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_07_06_a_task_that_ran_when_the_scheduler_was_killed_is_not_given_out_again(path):
    def give(scheduler):
        add_tasks(scheduler, 1)
        scheduler.get_work(worker="w")

    in_a_child(path, give)
    scheduler = started(path)
    scheduler.add_task(worker="other", task_id="T0", family="T")
    reply = scheduler.get_work(worker="other")
    assert reply["task_id"] is None
    assert [one["task_id"] for one in reply["running_tasks"]] == ["T0"]
    scheduler.dump()


def test_07_07_a_disk_that_is_full_when_the_state_is_saved_destroys_nothing(path):
    def dump(scheduler):
        add_tasks(scheduler)
        scheduler.dump()

    def fill_the_disk(scheduler):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        try:
            scheduler.add_task(worker="w", task_id="more")
        finally:
            scheduler.dump()

    in_a_child(path, dump)
    in_a_child(path, fill_the_disk)
    scheduler = started(path)
    assert set(scheduler.task_list()) >= {f"T{number}" for number in range(20)}
    scheduler.dump()
