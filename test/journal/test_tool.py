"""Looking at a journal, and rescuing what is left of a damaged one."""

from __future__ import annotations

import sqlite3

import pytest

from luigi_clone.scheduler import Scheduler
from luigi_clone.tools.journal import main


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "state"
    scheduler = Scheduler(state_path=str(found))
    scheduler.load()
    for number in range(10):
        scheduler.add_task(worker="w", task_id=f"T{number}", family="T")
    scheduler._journal.close()
    return found


def change(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def tasks(path):
    scheduler = Scheduler(state_path=str(path))
    scheduler.load()
    found = set(scheduler.task_list())
    scheduler._journal.close()
    return found


def test_check_tells_what_is_there(path, capsys):
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out == "11 facts: 1 workers, 10 tasks (10 PENDING)\n"


def test_rescue_leaves_a_whole_journal_alone(path, capsys):
    before = path.read_bytes()
    assert main(["rescue", str(path)]) == 1
    assert "not damaged" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_rescue_keeps_what_comes_before_the_damage(path, capsys):
    change(path, "UPDATE commits SET facts = x'5b' WHERE number = 8")
    damaged = path.read_bytes()
    assert main(["check", str(path)]) == 1
    assert "commit 8" in capsys.readouterr().err
    assert main(["rescue", str(path)]) == 0
    assert "commit 8" in capsys.readouterr().out
    assert path.with_name("state.damaged").read_bytes() == damaged
    assert tasks(path) == {f"T{number}" for number in range(7)}
    assert main(["check", str(path)]) == 0


def test_rescue_of_a_damaged_snapshot_keeps_its_beginning(path, capsys):
    scheduler = Scheduler(state_path=str(path))
    scheduler.load()
    condenser = scheduler._condenser
    condenser._size = 4
    condenser._start()
    while condenser._snapshot is not None:
        condenser._size = 4
        condenser._go_on()
    scheduler.add_task(worker="w", task_id="later", deps=["T9"])
    scheduler._journal.close()
    last = "(SELECT max(part) FROM snapshot_parts WHERE facts > x'')"
    change(path, f"UPDATE snapshot_parts SET checksum = 0 WHERE part = {last} - 1")
    assert main(["rescue", str(path)]) == 0
    assert "of snapshot 1" in capsys.readouterr().out
    kept = tasks(path)
    assert {"T0", "T1", "T2", "T3"} <= kept < {f"T{number}" for number in range(10)}


def test_a_journal_in_use_and_one_that_is_not_there_are_told(path, tmp_path, capsys):
    assert main(["check", str(tmp_path / "missing")]) == 2
    assert "there is no journal" in capsys.readouterr().err
    scheduler = Scheduler(state_path=str(path))
    scheduler.load()
    assert main(["check", str(path)]) == 2
    assert "in use by another process" in capsys.readouterr().err
    scheduler.dump()


def test_a_database_is_none_of_its_business(capsys):
    assert main(["check", "postgresql://me:secret@db/state"]) == 2
    told = capsys.readouterr().err
    assert "with its own tools" in told
    assert "secret" not in told
