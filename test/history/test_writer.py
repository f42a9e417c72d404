"""Events reach the database beside the calls: in batches, in order, without holding anyone up."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy

from luigi_clone._history.writer import Event, Writer
from test.history.conftest import new_database, run

ROOT = Path(__file__).resolve().parents[2]


class Away(Exception):
    pass


class Shelf:
    """A store in memory that can be shut, and can be away."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.away = False
        self.kept, self.batches, self.attempts = [], 0, 0

    def store(self, events):
        assert self.open.wait(20)
        self.attempts += 1
        if self.away:
            raise Away("closed for today")
        if any(event.name == "BAD" for event in events):
            raise ValueError("not that")
        self.kept += [event.task_id for event in events]
        self.batches += 1

    def is_away(self, error):
        return isinstance(error, Away)

    def tend(self):
        return False


def event(task_id, name="DONE"):
    return Event(task_id, "F", {}, name, None, datetime.datetime.now())


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def writer(shelf):
    one = Writer(shelf, 100)
    yield one
    shelf.away = False
    shelf.open.set()
    one.close()


def test_events_are_written_in_order_and_together(shelf, writer):
    for number in range(50):
        writer.put(event(str(number)))
    assert writer.flush()
    assert shelf.kept == [str(number) for number in range(50)]
    assert shelf.batches <= 2


def test_nobody_waits_for_a_store_that_hangs_and_memory_is_bounded(shelf, writer, caplog):
    shelf.open.clear()
    for number in range(1000):
        writer.put(event(str(number)))
    assert len(writer) <= 200, "a hundred that wait and those that the store has"
    assert writer.flush(0.01) is False
    shelf.open.set()
    assert writer.flush()
    assert shelf.kept[-100:] == [str(number) for number in range(900, 1000)], "the newest are kept"
    assert "events of the task history are lost" in caplog.text


def test_a_store_that_is_away_is_tried_again_and_told_of_once(shelf, writer, caplog):
    caplog.set_level(logging.INFO)
    shelf.away = True
    writer.put(event("a"))
    for _ in range(3):
        assert writer.flush() is False
    writer.put(event("b"))
    shelf.away = False
    assert writer.flush()
    assert shelf.kept == ["a", "b"]
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "The task history cannot be written now: Away: closed for today. It is tried again; up to 100 "
        "events wait.",
        "The task history is written again",
    ]


def test_a_refused_event_does_not_take_others_with_it(shelf, writer, caplog):
    for name in ("a", "b", "c"):
        writer.put(event(name, "BAD" if name == "b" else "DONE"))
    assert writer.flush()
    assert shelf.kept == ["a", "c"]
    assert "refused 1 events; the first one is BAD of b: ValueError: not that" in caplog.text


def test_closing_writes_the_rest_and_ends_the_thread(shelf):
    writer = Writer(shelf, 100, gathering=60)
    writer.put(event("a"))
    thread = writer._thread
    writer.close()
    assert shelf.kept == ["a"] and not thread.is_alive()
    writer.put(event("b"))
    writer.close()
    assert shelf.kept == ["a", "b"], "it can be used again"


def test_closing_tells_what_is_lost(shelf, caplog):
    writer = Writer(shelf, 100)
    shelf.away = True
    writer.put(event("a"))
    writer.put(event("b"))
    writer.close()
    assert "2 events of the task history are lost at the end of the process" in caplog.text


def test_a_copy_of_the_process_writes_nothing(shelf, writer):
    writer.put(event("a"))
    child = os.fork()
    if not child:
        writer.put(event("b"))
        writer.close()
        os._exit(int(writer.flush()))
    assert os.waitpid(child, 0)[1] == 0
    assert writer.flush()
    assert shelf.kept == ["a"]


def test_a_database_that_goes_away_and_comes_back(postgresql_server, open_scheduler, caplog):
    caplog.set_level(logging.INFO, "luigi.scheduler")
    scheduler = open_scheduler(new_database(postgresql_server, "postgres"))
    run(scheduler, "A")
    history = scheduler.task_history
    assert history.flush()
    postgresql_server.stop()
    try:
        run(scheduler, "B")
        assert history.flush() is False
        run(scheduler, "C")
    finally:
        postgresql_server.start()
    deadline = time.monotonic() + 30
    while not history.flush():
        assert time.monotonic() < deadline
    assert [record.task_id for record in history.find_all_runs()] == ["A", "B", "C"]
    told = [one.getMessage() for one in caplog.records if "The task history" in one.getMessage()]
    assert len(told) == 2 and "cannot be written now" in told[0] and "written again" in told[1]


def count(path):
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text("SELECT count(*) FROM task_events")).scalar()


def start(tmp_path, code):
    config = tmp_path / "luigi.cfg"
    path = tmp_path / "history.db"
    config.write_text(
        f"[task_history]\ndb_connection=sqlite:///{path}\n[scheduler]\nrecord_task_history=true\n"
    )
    environment = {**os.environ, "LUIGI_CONFIG_PATH": str(config), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return path, subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_process_that_ends_writes_what_it_was_told(tmp_path):
    code = """
from luigi_clone.scheduler import Scheduler
scheduler = Scheduler()
for number in range(30):
    scheduler.add_task(worker="w", task_id=str(number), family="F")
"""
    path, process = start(tmp_path, code)
    assert process.communicate(timeout=60)[1] == "" and process.returncode == 0
    assert count(path) == 30


def test_a_server_that_is_stopped_writes_what_it_was_told(tmp_path):
    code = """
import threading, time
from luigi_clone import server
from luigi_clone.scheduler import Scheduler
scheduler = Scheduler()
scheduler.task_history._writer._gathering = 60
for number in range(30):
    scheduler.add_task(worker="w", task_id=str(number), family="F")
def tell():
    while not server._RUNNING._ends:
        time.sleep(0.01)
    print("ready", flush=True)
threading.Thread(target=tell, daemon=True).start()
server.run(0, "127.0.0.1", scheduler=scheduler)
"""
    path, process = start(tmp_path, code)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert count(path) == 30
