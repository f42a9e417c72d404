"""A PostgreSQL server with a schema for each test."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator

import pytest

from test.database_servers import DatabaseServer, postgresql
from test.services import require_service


class Database:
    """A server that tests may stop; each asks for a schema of its own."""

    def __init__(self, server: DatabaseServer) -> None:
        self.port = server.port
        self._server = server
        self._numbers = itertools.count(1)

    def new_schema(self) -> str:
        """Return the URL of an empty schema."""
        schema = f"journal{next(self._numbers)}"
        self._execute(f"CREATE SCHEMA {schema}")
        return f"postgresql://me@127.0.0.1:{self.port}/postgres?options=-csearch_path%3D{schema}"

    @staticmethod
    def schema_of(url: str) -> str:
        """Return the name of the schema that a URL is for."""
        return url.rpartition("%3D")[2]

    def new_role(self, *settings: str) -> str:
        """Return the name of a new user who owns nothing."""
        role = f"role{next(self._numbers)}"
        self._execute(f"CREATE ROLE {role} LOGIN")
        for setting in settings:
            self._execute(f"ALTER ROLE {role} {setting}")
        return role

    def restart(self) -> None:
        """Stop and start the server."""
        with self.stopped():
            pass

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let there be no server for a while; it closes all connections."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()
            self.wait()

    def wait(self) -> None:
        """Wait until the server lets somebody in."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._execute("SELECT 1")
            except self._psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    @property
    def _psycopg(self):
        import psycopg

        return psycopg

    def _execute(self, statement: str) -> None:
        url = f"postgresql://me@127.0.0.1:{self.port}/postgres"
        with self._psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """Give a server that is this process's alone."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        require_service("psycopg", False, str(error))
    with postgresql() as server:
        running = Database(server)
        running.wait()
        yield running
