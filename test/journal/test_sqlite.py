"""The journal in a file."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from luigi_clone._journal.base import DamagedJournalError, JournalError, JournalInUseError, NoPlaceError
from luigi_clone._journal.sqlite import SqliteJournal
from luigi_clone.testing.journals import JournalContract

ROOT = Path(__file__).resolve().parents[2]


class TestSqliteJournal(JournalContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.path = tmp_path / "state.sqlite"

    def create_journal(self):
        return SqliteJournal(self.path)


def written(path, commits=5):
    with SqliteJournal(path) as journal:
        list(journal.open())
        for number in range(commits):
            journal.append([("fact", number)])
    return path


def read(path):
    with SqliteJournal(path) as journal:
        return list(journal.open())


def change(path, statement, *values):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_only_its_owner_can_read_it(tmp_path):
    before = os.umask(0)
    try:
        with SqliteJournal(tmp_path / "state") as journal:
            list(journal.open())
            journal.append([("fact", 1)])
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) == {"state", "state-wal", "state-shm", "state.lock"}
    assert set(modes.values()) == {0o600}


def test_a_file_of_another_version_is_refused_as_it_is(tmp_path):
    path = written(tmp_path / "state")
    change(path, "PRAGMA user_version = 999")
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"written by a newer version of luigi_clone .its format is 999"):
        read(path)
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_refused_as_it_is(tmp_path):
    path = tmp_path / "state"
    change(path, "CREATE TABLE task_events (id INTEGER)")
    with pytest.raises(JournalError, match="not a journal of the scheduler"):
        read(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("task_events",)]
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE commits SET facts = replace(facts, 'fact', 'fAct') WHERE number = 3",
        "UPDATE commits SET checksum = checksum + 1 WHERE number = 3",
        "DELETE FROM commits WHERE number = 3",
    ],
)
def test_damage_in_the_middle_is_refused_and_says_what_to_do(tmp_path, statement):
    path = written(tmp_path / "state")
    change(path, statement)
    with pytest.raises(DamagedJournalError, match=r"commit 3\. Put a copy of it aside.*rescue"):
        read(path)


def test_overwritten_pages_are_noticed(tmp_path):
    path = written(tmp_path / "state", commits=2000)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\0" * 9000)
    with pytest.raises(DamagedJournalError, match=r"state is damaged.*rescue"):
        read(path)


def test_the_lock_ends_with_its_process(tmp_path):
    script = (
        "import sys\n"
        "from luigi_clone._journal.sqlite import SqliteJournal\n"
        "journal = SqliteJournal(sys.argv[1]); list(journal.open()); journal.append([('fact', 1)])\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    path = tmp_path / "state"
    owner = subprocess.Popen(
        [sys.executable, "-c", script, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with owner:
        assert owner.stdout.readline() == b"ready\n"
        with pytest.raises(JournalInUseError, match="in use by another process"):
            read(path)
        owner.kill()
    assert read(path) == [["fact", 1]]


def test_a_place_that_cannot_be_is_told(tmp_path):
    with pytest.raises(NoPlaceError, match="No such file or directory"):
        read(tmp_path / "missing" / "state")


def killed(path, commits=3):
    """Write commits in a process that ends without closing anything."""
    script = (
        "import os, sys\n"
        "from luigi_clone._journal.sqlite import SqliteJournal\n"
        "journal = SqliteJournal(sys.argv[1]); list(journal.open())\n"
        "for number in range(int(sys.argv[2])): journal.append([('fact', number, 'x' * 6000)])\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, path, str(commits)], cwd=ROOT, check=True)
    return path.with_name(path.name + "-wal")


@pytest.mark.parametrize("harm", ["cut", "cut at a page", "torn", "hole", "cut in the header", "none"])
def test_a_torn_tail_is_cut_with_a_warning(tmp_path, caplog, harm):
    path = tmp_path / "state"
    log = killed(path)
    content, frame = log.read_bytes(), 4096 + 24
    if harm == "cut":
        log.write_bytes(content[:-700])
    elif harm == "cut at a page":
        log.write_bytes(content[:-frame])
    elif harm == "torn":
        log.write_bytes(content[:-2000] + bytes(500) + content[-1500:])
    elif harm == "hole":
        log.write_bytes(content[: -3 * frame] + bytes(frame) + content[-2 * frame :])
    elif harm == "cut in the header":
        log.write_bytes(content[:20])
    found = [fact[1] for fact in read(path)]
    warnings = [record.getMessage() for record in caplog.records]
    if harm == "none":
        assert found == [0, 1, 2]
        assert warnings == []
    else:
        assert found == ([] if harm == "cut in the header" else [0, 1])
        assert len(warnings) == 1
        assert "was not whole: it is cut back to the last whole commit" in warnings[0]
    caplog.clear()
    assert [fact[1] for fact in read(path)] == found
    assert not caplog.records
