"""Databases for the task history, and schedulers that write to them."""

from __future__ import annotations

import itertools
import time

import luigi
import pytest
import sqlalchemy
from luigi.scheduler import Scheduler

from test.database_servers import mariadb, postgresql

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql_server():
    with postgresql() as server:
        _await(server.url("postgres"))
        yield server


@pytest.fixture(scope="session")
def mariadb_server():
    with mariadb() as server:
        _await(server.url("mysql"))
        yield server


def _await(url):
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    deadline = time.monotonic() + 60
    while True:
        try:
            engine.connect().close()
        except sqlalchemy.exc.OperationalError:
            assert time.monotonic() < deadline
        else:
            return


def new_database(server, first):
    name = f"history_{next(_numbers)}"
    engine = sqlalchemy.create_engine(server.url(first), poolclass=sqlalchemy.pool.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    return server.url(name)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path):
    """The address of a new database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.db"
    server = request.getfixturevalue(f"{request.param}_server")
    return new_database(server, {"postgresql": "postgres", "mariadb": "mysql"}[request.param])


@pytest.fixture
def open_history():
    """Return a maker of histories, which are closed at the end of the test."""
    made = []

    def make(url, **options):
        from luigi.db_task_history import DbTaskHistory

        config = luigi.configuration.get_config()
        config.set("task_history", "db_connection", url)
        for name, value in options.items():
            config.set("task_history", name, str(value))
        made.append(DbTaskHistory())
        return made[-1]

    yield make
    for history in made:
        history._writer.close()
        history.engine.dispose()


@pytest.fixture
def open_scheduler(open_history):
    """Return a maker of schedulers with a history."""

    def make(url, **options):
        return Scheduler(task_history_impl=open_history(url, **options), record_task_history=True)

    return make


def run(scheduler, task_id, family="F", status="DONE", host="h1", **params):
    """Let a worker register a task, run it and end it."""
    scheduler.add_task(worker="w", task_id=task_id, family=family, params=params)
    assert scheduler.get_work(worker="w", host=host)["task_id"] == task_id
    scheduler.add_task(worker="w", task_id=task_id, status=status)
