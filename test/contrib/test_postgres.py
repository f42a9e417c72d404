"""A target in PostgreSQL, on a server of its own."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import luigi
import pytest
from luigi.contrib import postgres
from luigi.contrib.postgres import PostgresTarget

from test.services import require_service

DRIVERS = ("psycopg2", "pg8000")


def _program(name):
    found = shutil.which(name) or next(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None)
    require_service("PostgreSQL", found, f"there is no program {name}")
    return found


def _someone():
    """Return whom the server runs as: it refuses to be root."""
    if os.getuid():
        return {}
    user = next((one for one in pwd.getpwall() if one.pw_name == "postgres"), pwd.getpwnam("nobody"))
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def port():
    someone = _someone()
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        if someone:
            os.chown(folder, someone["user"], someone["group"])
        data = f"{folder}/data"
        initdb = [
            _program("initdb"),
            "-D",
            data,
            "-U",
            "me",
            "-A",
            "trust",
            "-N",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **someone)
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
        probe.close()
        options = ["-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(number), "-F"]
        server = subprocess.Popen(
            [_program("postgres"), *options], cwd=folder, stderr=subprocess.DEVNULL, **someone
        )
        try:
            _await(number, server)
            yield number
        finally:
            server.terminate()
            server.wait(30)


def _await(number, server):
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), 1):
            return
    raise AssertionError("the server did not start")


@pytest.fixture(params=DRIVERS)
def make(request, port, monkeypatch):
    """Return the maker of a target, with a marker table for this test."""
    require_service(request.param, importlib.util.find_spec(request.param), f"pip install {request.param}")
    monkeypatch.setenv("LUIGI_PGSQL_DRIVER", request.param)
    # the server may still be starting
    deadline = time.monotonic() + 30
    while True:
        try:
            PostgresTarget("127.0.0.1", "postgres", "me", "x", "t", "u", port=port).connect().close()
            break
        except postgres._driver().Error:
            assert time.monotonic() < deadline
    name = f"markers_{request.param}_{time.monotonic_ns()}"
    luigi.configuration.get_config().set("postgres", "marker_table", name)
    return lambda update_id: PostgresTarget("127.0.0.1", "postgres", "me", "x", "made", update_id, port=port)


def rows(target):
    with (
        contextlib.closing(target.connect()) as connection,
        contextlib.closing(connection.cursor()) as cursor,
    ):
        cursor.execute(f"SELECT update_id, target_table, inserted FROM {target.marker_table} ORDER BY 1")
        return [tuple(row) for row in cursor.fetchall()]


def test_a_row_says_that_it_is_done(make):
    target = make("first \u00e4'; DROP TABLE x")
    assert not target.exists(), "there is no marker table"
    target.touch()
    assert target.exists()
    assert not make("second").exists()
    ((update_id, table, inserted),) = rows(target)
    assert (update_id, table) == ("first \u00e4'; DROP TABLE x", "made")
    assert isinstance(inserted, datetime.datetime)


def test_a_second_touch_changes_nothing(make):
    target = make("one")
    target.touch()
    before = rows(target)
    target.touch()
    assert rows(target) == before


def test_a_touch_belongs_to_the_callers_transaction(make):
    target = make("one")
    with contextlib.closing(target.connect()) as connection:
        target.touch(connection)
        assert target.exists(connection)
        assert not target.exists()
        connection.rollback()
    assert not target.exists()
    with contextlib.closing(target.connect()) as connection:
        target.touch(connection)
        connection.commit()
    assert target.exists()


def test_looking_without_a_marker_table_leaves_the_connection_usable(make):
    target = make("one")
    with contextlib.closing(target.connect()) as connection:
        assert not target.exists(connection)
        assert not target.exists(connection)


def test_the_time_of_this_machine(make, monkeypatch):
    monkeypatch.setattr(PostgresTarget, "use_db_timestamps", False)
    target = make("one")
    before = datetime.datetime.now()
    target.touch()
    assert before <= rows(target)[0][2] <= datetime.datetime.now()


def test_other_errors_are_told(make, monkeypatch):
    target = make("one")
    target.marker_table = "pg_class"
    with pytest.raises(postgres._driver().Error, match="update_id"):
        target.exists()
    target.database = "no_such_database"
    with pytest.raises(postgres._driver().Error, match="no_such_database"):
        target.exists()


def test_a_task_that_makes_it_runs_once(make):
    runs = []

    class Load(luigi.Task):
        def output(self):
            return make(self.task_id)

        def run(self):
            runs.append(1)
            self.output().touch()

    assert luigi.build([Load()], local_scheduler=True)
    assert luigi.build([Load()], local_scheduler=True)
    assert runs == [1]


def test_where_it_is():
    target = PostgresTarget("host:99", "database", "user", "password", "table", "update", port=1)
    assert (target.host, target.port) == ("host", "99")
    assert PostgresTarget("host", "d", "u", "p", "t", "i").port == 5432
    assert PostgresTarget("host", "d", "u", "p", "t", "i", port=6000).port == 6000
    assert str(target) == "table"
    assert target.marker_table == "table_updates"
    with pytest.raises(NotImplementedError):
        target.open("r")


def test_without_a_driver_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(postgres, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"luigi-clone\[postgres\]"):
        PostgresTarget("host", "d", "u", "p", "t", "i").exists()
