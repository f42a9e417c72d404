"""The task history in a database: what is kept of a task's life, and how it is found again."""

from __future__ import annotations

import datetime
import logging
import time

import pytest
import sqlalchemy
from luigi.db_task_history import DbTaskHistory, TaskEvent, TaskRecord
from luigi.scheduler import Scheduler

from luigi_clone._history import pages
from test.history.conftest import run


def values(record):
    return {name: parameter.value for name, parameter in record.parameters.items()}


def events(record):
    return [event.event_name for event in record.events]


def test_what_is_kept_of_tasks(url, open_scheduler):
    scheduler = open_scheduler(url)
    run(scheduler, "A", n="1", text="größe ✓ <b>")
    run(scheduler, "B", n="2", status="FAILED", host="h2")
    scheduler.add_task(worker="w", task_id="C", family="G", params={"n": "1"}, status="DONE")
    history = scheduler.task_history
    first, second = history.find_all_by_name("F")
    assert (first.task_id, first.name, first.host) == ("A", "F", "h1")
    assert values(first) == {"n": "1", "text": "größe ✓ <b>"}
    assert events(first) == ["DONE", "RUNNING", "PENDING"], "the newest first"
    assert (second.task_id, second.host, events(second)) == ("B", "h2", ["FAILED", "RUNNING", "PENDING"])
    [found_complete] = history.find_all_by_name("G")
    assert (found_complete.host, events(found_complete)) == (None, ["DONE"])


def test_how_records_are_found(url, open_scheduler):
    scheduler = open_scheduler(url)
    run(scheduler, "A", n="1", m="x")
    run(scheduler, "B", n="2", m="x")
    run(scheduler, "C", n="1", m="y")
    history = scheduler.task_history

    def found(**params):
        return [record.task_id for record in history.find_all_by_parameters("F", **params)]

    assert found() == ["A", "B", "C"]
    assert found(n="1") == ["A", "C"]
    assert found(n="1", m="x") == ["A"]
    assert found(n="3") == [] == found(no_such="1")
    assert [record.task_id for record in history.find_latest_runs()] == ["C", "B", "A"]
    assert [record.task_id for record in history.find_all_runs()] == ["A", "B", "C"]
    assert [event.event_name for event in history.find_all_events()] == ["PENDING", "RUNNING", "DONE"] * 3
    number = history.find_task_by_task_id("B").id
    assert history.find_task_by_id(number).task_id == "B"
    assert history.find_task_by_id(number + 1000) is None
    with pytest.raises(IndexError, match="no task 'X'"):
        history.find_task_by_task_id("X")


def test_one_session_for_several_questions(url, open_scheduler):
    scheduler = open_scheduler(url)
    run(scheduler, "A", n="1")
    history = scheduler.task_history
    with history._session() as session:
        [record] = history.find_all_by_parameters("F", session, n="1")
        assert history.find_task_by_id(record.id, session) is record
        record.host = "moved"
    assert history.find_task_by_task_id("A").host == "moved", "it was committed"
    with pytest.raises(ZeroDivisionError), history._session() as session:
        history.find_task_by_task_id("A", session).host = "nowhere"
        raise ZeroDivisionError
    assert history.find_task_by_task_id("A").host == "moved", "it was rolled back"


def test_an_old_history_is_brought_up_to_date(url, open_scheduler, caplog):
    engine = sqlalchemy.create_engine(url)
    number = "SERIAL" if "postgresql" in url else "INTEGER AUTO_INCREMENT" if "mysql" in url else "INTEGER"
    with engine.begin() as connection:
        for statement in (
            f"CREATE TABLE tasks (id {number} PRIMARY KEY, name VARCHAR(128), host VARCHAR(128))",
            "CREATE TABLE task_parameters (task_id INTEGER, name VARCHAR(128), value VARCHAR(256), "
            "PRIMARY KEY (task_id, name))",
            "INSERT INTO tasks (name, host) VALUES ('F', 'old')",
        ):
            connection.execute(sqlalchemy.text(statement))
    engine.dispose()
    history = open_scheduler(url).task_history
    assert "Upgrading the task history" in caplog.text
    inspector = sqlalchemy.inspect(history.engine)
    assert "ix_task_id" in {index["name"] for index in inspector.get_indexes("tasks")}
    scheduler = open_scheduler(url)
    run(scheduler, "A", text="long" * 1000)
    found = scheduler.task_history.find_task_by_task_id("A")
    assert values(found) == {"text": "long" * 1000}
    assert [(record.task_id, record.host) for record in scheduler.task_history.find_all_runs()] == [
        (None, "old"),
        ("A", "h1"),
    ]


def test_old_events_are_deleted_with_the_records_that_have_no_others(url, open_scheduler):
    scheduler = open_scheduler(url)
    run(scheduler, "A", n="1")
    run(scheduler, "B", n="1")
    history = scheduler.task_history
    long_ago = datetime.datetime.now() - datetime.timedelta(days=40)
    with history._session() as session:
        a, b = (history.find_task_by_task_id(task_id, session) for task_id in "AB")
        for event in [*a.events, b.events[-1]]:
            event.ts = long_ago
    rows = history._writer._store
    assert rows.tend() is False, "by default everything is kept"
    assert len(history.find_all_events()) == 6
    keeping = open_scheduler(url, keep_days=30).task_history
    deadline = time.monotonic() + 20
    while len(keeping.find_all_events()) > 2:  # it is done when the process begins, and every hour
        assert time.monotonic() < deadline
    # the first one still thinks that there is a record of A
    run(Scheduler(task_history_impl=history), "A", n="1")
    assert history.flush()
    assert [events(record) for record in keeping.find_all_by_name("F")] == [
        ["DONE", "RUNNING"],
        ["DONE", "RUNNING", "PENDING"],
    ], "one of B's is gone, and A has a new record"
    with keeping._session() as session:
        left = session.execute(sqlalchemy.text("SELECT count(*) FROM task_parameters")).scalar()
    assert left == 2


def test_what_is_shown_on_pages(url, open_scheduler):
    scheduler = open_scheduler(url)
    run(scheduler, "A", n="1")
    run(scheduler, "B", n="2", family="Größe", status="FAILED")
    run(scheduler, "C", n="1")
    with scheduler.task_history._session() as session:
        assert [row.name for row in pages.latest(session, 10)] == ["F", "Größe", "F"]
        assert len(pages.latest(session, 2)) == 2
        assert pages.families(session) == ["F", "Größe"]
        assert pages.families(session, limit=1) == ["F"]
        assert pages.families(session, "F") == ["Größe"]
        [summary] = pages.records_of(session, "Größe", {"n": 2}, 10)
        assert (summary.host, summary.status, summary.parameters) == ("h1", "FAILED", (("n", "2"),))
        detail = pages.details_of_task(session, "B")
        assert pages.details(session, summary.id) == detail
        assert [status for status, _ in detail.events] == ["FAILED", "RUNNING", "PENDING"]
        assert pages.details(session, 10**9) is None is pages.details_of_task(session, "X")
        assert [(one.task_id, one.status) for one in pages.runs_of(session, "F", 10)] == [
            ("A", "DONE"),
            ("C", "DONE"),
        ]
        assert [one.task_id for one in pages.runs_of(session, "F", 1)] == ["C"]


def test_each_run_is_paired_with_its_own_end(open_scheduler):
    scheduler = open_scheduler("sqlite://")
    for task_id in "AB":
        scheduler.add_task(worker="w", task_id=task_id, family="F")
    for _ in "AB":
        scheduler.get_work(worker="w", host="h")
    for task_id, status in (("B", "FAILED"), ("A", "DONE")):
        scheduler.add_task(worker="w", task_id=task_id, status=status)
    with scheduler.task_history._session() as session:
        happened = {
            (record.task_id, event.event_name): event.ts
            for record in scheduler.task_history.find_all_runs(session)
            for event in record.events
        }
        runs = {one.task_id: one for one in pages.runs_of(session, "F", 10)}
    assert {task_id: one.status for task_id, one in runs.items()} == {"A": "DONE", "B": "FAILED"}
    for task_id, one in runs.items():
        assert (one.begin, one.end) == (happened[task_id, "RUNNING"], happened[task_id, one.status])
        assert one.seconds >= 0


def test_a_database_in_memory_serves_several_threads(open_scheduler):
    for address in ("sqlite://", "sqlite:///:memory:"):
        scheduler = open_scheduler(address)
        for number in range(50):
            run(scheduler, f"T{number}", n=str(number))
        assert len(scheduler.task_history.find_all_runs()) == 50


def test_names_that_others_use():
    from luigi import db_task_history

    assert {table.name for table in db_task_history.Base.metadata.sorted_tables} == {
        "tasks",
        "task_parameters",
        "task_events",
    }
    assert (TaskRecord.__tablename__, TaskEvent.__tablename__) == ("tasks", "task_events")
    assert issubclass(DbTaskHistory, __import__("luigi.task_history").task_history.TaskHistory)


def test_a_password_is_not_shown(open_history):
    secret = "hunter2"
    history = open_history("sqlite://")
    assert secret not in str(history._database)
    with pytest.raises(sqlalchemy.exc.OperationalError) as caught:
        open_history(f"postgresql+psycopg2://joe:{secret}@127.0.0.1:1/x")
    assert secret not in str(caught.value)


def test_values_of_parameters_are_not_in_error_texts(postgresql_server, open_scheduler, caplog):
    from test.history.conftest import new_database

    scheduler = open_scheduler(new_database(postgresql_server, "postgres"))
    with caplog.at_level(logging.WARNING):
        run(scheduler, "A" * 201, token="hunter2")
        run(scheduler, "B", n="1")
        assert scheduler.task_history.flush()
    assert [record.task_id for record in scheduler.task_history.find_all_runs()] == ["B"]
    [line] = [one.getMessage() for one in caplog.records if one.name == "luigi.scheduler"]
    assert "refused 3 events" in line and "too long" in line and "hunter2" not in line


def test_a_number_of_days_that_makes_no_sense(open_history):
    with pytest.raises(ValueError, match="keep_days must be 0"):
        open_history("sqlite://", keep_days=-1)
