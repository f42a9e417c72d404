"""A scheduler whose state outlives it."""

from __future__ import annotations

import logging
import pickle

import pytest

from luigi_clone._journal.base import JournalError
from luigi_clone.scheduler import Scheduler
from luigi_clone.task_history import TaskHistory
from test.scheduling.machines import fields


@pytest.fixture
def state_path(tmp_path):
    return tmp_path / "state.pickle"


def start(state_path, **options):
    scheduler = Scheduler(state_path=str(state_path), **options)
    scheduler.load()
    return scheduler


def test_everything_that_was_told_is_there_after_the_next_start(state_path):
    first = start(state_path, resources={"db": 2}, retry_count=1)
    for number in range(5):
        first.add_task(
            task_id=f"T{number}", worker="w", family="T", params={"n": str(number)}, resources={"db": 1}
        )
    first.add_worker("w", {"workers": 3})
    taken = first.get_work(worker="w")["task_id"]
    failed = first.get_work(worker="w")["task_id"]
    first.add_task(task_id=failed, worker="w", status="FAILED", expl='"broken"')
    first.pause()
    first.update_resource("db", 7)
    first.set_worker_processes("w", 5)
    message = first.send_scheduler_message("w", taken, "hello")["message_id"]
    first.add_scheduler_message_response(taken, message, "yes?")
    before = fields(first._machine)
    first._journal.close()  # as a kill would

    second = start(state_path, resources={"db": 2}, retry_count=1)
    assert fields(second._machine) == before
    assert second.is_paused() == {"paused": True}
    assert second.resources()["db"] == {"total": 7, "used": 1}
    assert second._state.get_task(failed).status == "DISABLED"
    assert second._state.get_task(taken).status == "RUNNING"
    assert [one["name"] for one in second.ping(worker="w")["rpc_messages"]] == [
        "set_worker_processes",
        "dispatch_scheduler_message",
    ]
    assert second.get_scheduler_message_response(taken, message) == {"response": "yes?"}
    second._journal.close()

    third = start(state_path)
    assert third.ping(worker="w") == {"rpc_messages": []}
    third.dump()


def test_limits_of_the_configuration_are_no_facts(state_path):
    first = start(state_path, resources={"a": 1, "b": 1})
    first.update_resource("b", 5)
    first.dump()
    second = start(state_path, resources={"a": 3, "b": 3})
    assert {name: one["total"] for name, one in second.resources().items()} == {"a": 3, "b": 5}
    second.dump()


def test_workers_count_as_just_seen(state_path):
    first = start(state_path)
    first._clock = lambda: 1000.0
    first.add_task(task_id="T", worker="w")
    first.get_work(worker="w")
    first.dump()
    second = Scheduler(state_path=str(state_path))
    second._clock = lambda: 1_000_000.0
    second.load()
    second.prune()
    assert second._state.get_task("T").status == "RUNNING"
    second._clock = lambda: 1_000_100.0
    second.prune()
    assert second._state.get_task("T").status == "FAILED"
    second.dump()


def test_a_turn_of_calls_is_one_commit_and_effects_wait_for_it(state_path):
    told = []

    class History(TaskHistory):
        def task_scheduled(self, task):
            told.append(task.id)

        def task_started(self, task, worker_host):
            raise AssertionError

        task_finished = task_started

    scheduler = start(state_path, task_history_impl=History())
    scheduler.hold()
    before = scheduler._journal._number
    scheduler.add_task(task_id="A", worker="w")
    scheduler.add_task(task_id="B", worker="w")
    assert told == []
    assert scheduler._journal._number == before
    scheduler.commit()
    assert told == ["A", "B"]
    assert scheduler._journal._number == before + 1
    scheduler.commit()
    scheduler.ping(worker="w")
    scheduler.commit()
    assert scheduler._journal._number == before + 1  # nothing to tell
    scheduler.dump()


def test_a_commit_that_fails_is_final(state_path):
    scheduler = start(state_path)
    scheduler.hold()
    scheduler._journal._connection.execute("DROP TABLE commits")
    scheduler.add_task(task_id="A", worker="w")
    with pytest.raises(JournalError, match="could not be written"):
        scheduler.commit()
    with pytest.raises(JournalError, match="could not be written"):
        scheduler.commit()
    scheduler.dump()  # gives the file up, and stores nothing


def test_a_pickle_of_luigi_stays_as_it_is(state_path, caplog):
    state_path.write_bytes(pickle.dumps(({}, {}, {})))
    before = state_path.read_bytes()
    caplog.set_level(logging.INFO)
    first = start(state_path)
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(errors) == 1
    assert "is no journal (a state file of Luigi?)" in errors[0]
    assert str(state_path) in errors[0]
    assert f"{state_path}.sqlite" in errors[0]
    first.add_task(task_id="A", worker="w")
    first.dump()
    caplog.clear()
    second = start(state_path)
    assert second._state.has_task("A")
    second.dump()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert state_path.read_bytes() == before


def test_a_folder_that_does_not_exist_is_told_loudly_and_nothing_is_kept(tmp_path, caplog):
    scheduler = start(tmp_path / "missing" / "state")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "No state is kept" in caplog.text
    assert "--state-path" in caplog.text
    scheduler.add_task(task_id="A", worker="w")
    assert scheduler._machine.facts is None
    scheduler.dump()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_as_the_state_path_is_refused(tmp_path):
    with pytest.raises(JournalError, match="is a folder"):
        start(tmp_path)


def test_a_scheduler_that_was_not_told_to_load_opens_nothing(state_path):
    scheduler = Scheduler(state_path=str(state_path))
    scheduler.add_task(task_id="A", worker="w")
    scheduler.dump()
    assert not state_path.exists()


def test_a_fact_that_nobody_knows_is_refused(state_path):
    scheduler = start(state_path)
    scheduler._journal.append([("of_the_future", 1)])
    scheduler._journal.close()
    with pytest.raises(JournalError, match=r"cannot be replayed .KeyError: 'of_the_future'"):
        start(state_path)


def test_a_copy_in_another_process_has_no_journal(state_path):
    scheduler = start(state_path)
    copy = pickle.loads(pickle.dumps(scheduler))
    copy.add_task(task_id="A", worker="w")
    assert copy._journal is None
    scheduler.dump()
