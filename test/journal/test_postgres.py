"""The journal in PostgreSQL: its lease, its fence, a database that is away for a while."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from luigi_clone._journal import postgres_lease
from luigi_clone._journal.base import DamagedJournalError, JournalError, JournalInUseError
from luigi_clone._journal.places import journal_at
from luigi_clone._journal.postgres import PostgresJournal
from luigi_clone.scheduler import Scheduler
from luigi_clone.testing.journals import JournalContract

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def url(database):
    return database.new_schema()


class TestPostgresJournal(JournalContract):
    @pytest.fixture(autouse=True)
    def _place(self, url):
        self.url = url

    def create_journal(self):
        return PostgresJournal(self.url, patience=0)


def opened(url, patience=0):
    journal = PostgresJournal(url, patience)
    list(journal.open())
    return journal


def written(url, commits=5):
    with opened(url) as journal:
        for number in range(commits):
            journal.append([("fact", number)])


def read(url):
    with PostgresJournal(url, patience=0) as journal:
        return list(journal.open())


def execute(url, statement, *values):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def let_lease_end(url):
    """Do as if the owner had not renewed its lease for long enough."""
    execute(url, "UPDATE luigi_journal SET expires = clock_timestamp() - interval '1 second'")


def break_connections(url):
    """Close all connections of journals to the schema's database."""
    execute(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'luigid'")


# ---- the lease


def test_who_has_lost_the_lease_cannot_write_any_more(url):
    first = opened(url)
    first.append([("fact", 1)])
    let_lease_end(url)
    with opened(url) as second:
        second.append([("fact", 2)])
        with pytest.raises(JournalError, match=r"another process has taken the journal .* over"):
            first.append([("fact", "lost")])
    first.close()
    assert read(url) == [["fact", 1], ["fact", 2]]


def test_who_has_lost_the_lease_touches_no_snapshot(url):
    first = opened(url)
    first.append([("old", 1)])
    first.start_snapshot()
    let_lease_end(url)
    with opened(url) as second:
        second.start_snapshot()
        second.add_to_snapshot([("short", 1)])
        second.finish_snapshot()
        for harm in (
            first.start_snapshot,
            lambda: first.add_to_snapshot([("lost", 1)]),
            first.finish_snapshot,
        ):
            with pytest.raises(JournalError, match="taken the journal"):
                harm()
        first._part = None
        with pytest.raises(JournalError, match="taken the journal"):
            while first.tidy():
                pass
    first.close()
    assert read(url) == [["short", 1]]


def test_closing_a_lost_lease_does_not_end_that_of_its_new_owner(url):
    first = opened(url)
    let_lease_end(url)
    with opened(url):
        first.close()
        with pytest.raises(JournalInUseError):
            opened(url)


def test_a_loss_shows_by_itself(url, monkeypatch):
    monkeypatch.setattr(postgres_lease, "_RENEW_EVERY", 0.1)
    first = opened(url)
    told = threading.Event()
    first.on_loss = told.set
    let_lease_end_and_take_over = (
        "UPDATE luigi_journal SET fence = fence + 1, owner = 'another', expires = 'infinity'"
    )
    execute(url, let_lease_end_and_take_over)
    assert told.wait(20)
    with pytest.raises(JournalError, match="did not renew its lease in time"):
        first.append([("lost", 1)])
    first.close()


def test_a_lease_that_nobody_took_goes_on(url, monkeypatch):
    monkeypatch.setattr(postgres_lease, "_RENEW_EVERY", 0.1)
    with opened(url) as journal:
        let_lease_end(url)
        journal.append([("fact", 1)])
        until(lambda: execute(url, "SELECT 1 FROM luigi_journal WHERE expires > clock_timestamp()"))
        with pytest.raises(JournalInUseError, match=rf"process {os.getpid()} on "):
            opened(url)
    assert read(url) == [["fact", 1]]


def test_one_of_many_that_wait_gets_the_lease(url):
    """Each waits for the one before to end; none sees less than all that was stored before."""
    results = []

    def own(number):
        with PostgresJournal(url) as journal:
            seen = len(list(journal.open()))
            journal.append([("fact", number)])
            results.append(seen)

    with opened(url) as journal:
        waiting = [threading.Thread(target=own, args=(number,)) for number in range(4)]
        for one in waiting:
            one.start()
        until(lambda: _connections(url) >= 6)
        journal.append([("fact", "first")])
    for one in waiting:
        one.join(60)
    assert results == [1, 2, 3, 4]


def _connections(url):
    ((count,),) = execute(
        url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'luigid' AND state = 'idle'"
    )
    return count


def test_takes_over_in_time_after_a_kill_and_at_once_after_an_end(url, caplog):
    script = (
        "import sys\n"
        "from luigi_clone._journal.postgres import PostgresJournal\n"
        "journal = PostgresJournal(sys.argv[1]); list(journal.open()); journal.append([('fact', 1)])\n"
        "print('ready', flush=True); sys.stdin.read(); journal.close()\n"
    )
    for signal_number, limit in ((signal.SIGKILL, 8), (None, 4)):
        owner = subprocess.Popen(
            [sys.executable, "-c", script, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with owner, PostgresJournal(url) as standby, caplog.at_level(logging.INFO):
            assert owner.stdout.readline() == b"ready\n"
            ready = threading.Event()

            def take_over(standby=standby, ready=ready):
                list(standby.open())
                ready.set()

            waiting = threading.Thread(target=take_over)
            waiting.start()
            until(lambda: "standing by" in caplog.text)
            began = time.monotonic()
            if signal_number is None:
                owner.stdin.close()
                owner.wait()
            else:
                owner.send_signal(signal_number)
            assert ready.wait(30)
            assert time.monotonic() - began < limit
            waiting.join()
        assert re.search(rf"Taking over from process {owner.pid} on ", caplog.text)
        caplog.clear()


# ---- the database


def test_goes_on_when_connections_break(url):
    with opened(url) as journal:
        for number in range(5):
            break_connections(url)
            journal.append([("fact", number)])
    assert read(url) == [["fact", number] for number in range(5)]


def test_a_commit_whose_answer_was_lost_is_stored_once(url):
    with opened(url) as journal:
        journal.append([("fact", 1)])
        write, tries = journal._write, []

        def write_and_lose_the_answer(statement, values, patient=False):
            tries.append(write(statement, values, patient))
            if len(tries) == 1:
                journal._connection.close()
                return write_and_lose_the_answer(statement, values, patient)
            return tries[-1]

        journal._write = write_and_lose_the_answer
        journal.append([("fact", 2)])
        assert tries == [1, 0, 1]  # stored, there already, found
        del journal._write
        journal.append([("fact", 3)])
    assert read(url) == [["fact", 1], ["fact", 2], ["fact", 3]]


def test_a_restart_of_the_database_is_lived_through(database, url):
    with opened(url) as journal:
        journal.append([("fact", 1)])
        database.restart()
        journal.append([("fact", 2)])
    assert read(url) == [["fact", 1], ["fact", 2]]


def test_a_database_that_stays_away_ends_it(database, url, monkeypatch):
    monkeypatch.setattr("luigi_clone._journal.postgres.DURATION", 0.5)
    monkeypatch.setattr(postgres_lease, "DURATION", 0.5)
    journal = opened(url)
    told = threading.Event()
    journal.on_loss = told.set
    with database.stopped():
        with pytest.raises(JournalError, match=r"could not be written|out of reach"):
            journal.append([("lost", 1)])
        assert told.wait(20)
        with pytest.raises(JournalError, match="out of reach for longer than the lease"):
            journal.append([("lost", 1)])
        journal.close()
        with pytest.raises(JournalError, match="whether the database runs"):
            opened(url)
    assert read(url) == []


def test_standing_by_lives_through_a_restart_of_the_database(database, url, caplog):
    with opened(url) as first, PostgresJournal(url) as second, caplog.at_level(logging.INFO):
        facts = []
        waiting = threading.Thread(target=lambda: facts.extend(second.open()))
        waiting.start()
        until(lambda: "standing by" in caplog.text)
        database.restart()
        until(lambda: "is back" in caplog.text)
        first.append([("fact", 1)])
        first.close()
        waiting.join(60)
        assert facts == [["fact", 1]]
        second.append([("fact", 2)])
    assert "is away" in caplog.text


def test_what_the_database_refuses_is_not_tried_again(url):
    with opened(url) as journal:
        execute(url, "ALTER TABLE luigi_journal_commits ADD CHECK (number < 2)")
        journal.append([("fact", 1)])
        began = time.monotonic()
        with pytest.raises(JournalError, match=r"could not be written: .*violates check constraint"):
            journal.append([("fact", 2)])
        assert time.monotonic() - began < postgres_lease.DURATION / 2


def test_durable_although_the_server_would_acknowledge_what_is_not(database, url):
    role = database.new_role(
        "SET synchronous_commit = off", "SET default_transaction_isolation = serializable"
    )
    execute(url, f"GRANT ALL ON SCHEMA {database.schema_of(url)} TO {role}")
    with opened(url.replace("//me@", f"//{role}@")) as journal:
        shown = [
            journal._connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("synchronous_commit", "default_transaction_isolation")
        ]
        assert shown == ["on", "read committed"]
        journal.start_snapshot()
        journal.add_to_snapshot([("short", 1)])  # which is in no hurry
        assert journal._connection.execute("SHOW synchronous_commit").fetchone()[0] == "on"
        journal.finish_snapshot()


# ---- what is there


def test_tables_of_another_version_are_refused_as_they_are(url):
    written(url)
    execute(url, "UPDATE luigi_journal SET version = 999")
    before = execute(url, "TABLE luigi_journal")
    with pytest.raises(JournalError, match=r"written by a newer version of luigi_clone .its format is 999"):
        read(url)
    assert execute(url, "TABLE luigi_journal") == before


def test_a_table_of_something_else_is_refused_as_it_is(url):
    execute(url, "CREATE TABLE luigi_journal (id integer)")
    with pytest.raises(JournalError, match=r"cannot be opened.*version"):
        read(url)
    assert execute(url, "TABLE luigi_journal") == []


def test_tables_are_made_once(url):
    """By many that start at the same moment."""
    counts = []

    def start():
        with PostgresJournal(url) as journal:
            counts.append(len(list(journal.open())))
            journal.append([("fact", 1)])

    starting = [threading.Thread(target=start) for _ in range(6)]
    for one in starting:
        one.start()
    for one in starting:
        one.join(60)
    assert sorted(counts) == list(range(6))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE luigi_journal_commits SET facts = facts || 'x' WHERE number = 3",
        "UPDATE luigi_journal_commits SET checksum = checksum + 1 WHERE number = 3",
        "DELETE FROM luigi_journal_commits WHERE number = 3",
    ],
)
def test_damage_is_refused_and_says_what_to_do(url, statement):
    written(url)
    execute(url, statement)
    with pytest.raises(DamagedJournalError, match=r"is damaged: commit 3\. Bring back a backup"):
        read(url)


def test_damage_in_a_snapshot_is_refused(url):
    with opened(url) as journal:
        journal.append([("old", 1)])
        journal.start_snapshot()
        for number in range(3):
            journal.add_to_snapshot([("short", number)])
        journal.finish_snapshot()
    execute(url, "DELETE FROM luigi_journal_snapshot_parts WHERE part = 3")
    with pytest.raises(DamagedJournalError, match=r"part 3 of 3 of snapshot 1\."):
        read(url)


# ---- addresses


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("postgresql://me:secret@h:5433/state", "postgresql://me@h:5433/state"),
        ("postgres://me@h/state?password=secret&sslmode=require", "postgresql://me@h/state"),
        ("postgresql://m%40e:se%40cret@a,b/state", "postgresql://m%40e@a,b/state"),
        ("postgresql:///state?host=/run/postgresql", "postgresql:///run/postgresql/state"),
    ],
)
def test_the_password_is_not_shown(told, shown):
    journal = journal_at(told)
    assert isinstance(journal, PostgresJournal)
    assert journal.place == shown


@pytest.mark.parametrize("told", ["postgresql://me:secret@[h/x", "postgresql://me:secret@h/x?no=1"])
def test_a_url_that_makes_no_sense_is_told_without_it(told):
    with pytest.raises(JournalError, match="no URL that PostgreSQL understands") as caught:
        journal_at(told)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_nothing_of_the_password_comes_out_when_nobody_answers(caplog):
    scheduler = Scheduler(state_path="postgresql://me:secret@127.0.0.1:1/state")
    with caplog.at_level(logging.DEBUG), pytest.raises(JournalError, match="see to the address") as caught:
        scheduler.load()
    assert "secret" not in caplog.text + str(caught.value)


def test_a_user_who_may_not_make_tables_is_told(database, url):
    role = database.new_role()
    with pytest.raises(JournalError, match=r"CREATE in the first schema of its search_path"):
        opened(url.replace("//me@", f"//{role}@"))


def test_a_scheduler_keeps_its_state_there(url):
    first = Scheduler(state_path=url)
    first.load()
    first.add_task(task_id="T", worker="w", family="T")
    first.pause()
    first._journal.close()  # as an end without a last snapshot
    second = Scheduler(state_path=url)
    second.load()
    assert list(second._machine.tasks) == ["T"]
    assert second.is_paused() == {"paused": True}
    second.dump()
    with contextlib.closing(PostgresJournal(url, 0)) as journal:
        assert len(list(journal.open())) > 0
