"""A target in PostgreSQL: a row in a table of what is done.

The driver is ``psycopg2``, or ``pg8000`` where that is not installed or ``LUIGI_PGSQL_DRIVER`` names it.
Tasks that load tables are not there yet.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from luigi_clone.configuration import get_config
from luigi_clone.target import Target

logger = logging.getLogger("luigi-interface")

_DRIVERS = {"psycopg2": "psycopg2", "pg8000": "pg8000.dbapi"}
_NO_SUCH_TABLE, _TABLE_EXISTS, _ALREADY_THERE = "42P01", "42P07", "23505"
"""The server's codes for errors, see "PostgreSQL Error Codes" in its manual."""


def _driver() -> Any:
    """Return the driver's module. Raises ModuleNotFoundError where there is none."""
    wanted = os.environ.get("LUIGI_PGSQL_DRIVER", "psycopg2")
    for name in dict.fromkeys((wanted, "pg8000")):
        with contextlib.suppress(ModuleNotFoundError):
            return import_module(_DRIVERS.get(name, name))
    raise ModuleNotFoundError(
        "luigi_clone.contrib.postgres needs psycopg2 or pg8000: pip install 'luigi-clone[postgres]'",
        name=_DRIVERS.get(wanted, wanted),
    )


def _code_of(error: Exception) -> str | None:
    """Return the server's code of an error, wherever the driver keeps it."""
    code = getattr(error, "pgcode", None)
    if code is None and error.args and isinstance(error.args[0], dict):
        code = error.args[0].get("C")
    return code


class PostgresTarget(Target):
    """Exists when the marker table (``[postgres] marker_table``) has a row with ``update_id``.

    ``host`` may be ``name:port``.
    """

    use_db_timestamps = True
    """Whether the server says when a row was made, else this machine."""
    DEFAULT_DB_PORT = 5432
    marker_table: str | None = None
    """The marker table's name where it is not the configured one."""

    def __init__(
        self,
        host: str,
        database: str,
        user: str,
        password: str,
        table: str,
        update_id: str,
        port: int | str | None = None,
    ) -> None:
        name, colon, own_port = host.partition(":")
        self.host = name
        self.port = own_port if colon else port or self.DEFAULT_DB_PORT
        self.database = database
        self.user = user
        self.password = password
        self.table = table
        self.update_id = update_id
        if self.marker_table is None:
            self.marker_table = get_config().get("postgres", "marker_table", "table_updates")

    def __str__(self) -> str:
        return self.table

    def open(self, mode: str) -> Any:
        """Raise NotImplementedError: a row has no content."""
        raise NotImplementedError("Cannot open() PostgresTarget")

    def connect(self) -> Any:
        """Return a new connection, which the caller closes."""
        driver = _driver()
        connection = driver.connect(
            host=self.host,
            port=int(self.port),
            database=self.database,
            user=self.user,
            password=self.password,
        )
        if hasattr(connection, "set_client_encoding"):
            connection.set_client_encoding("utf-8")
        return connection

    def exists(self, connection: Any = None) -> bool:
        """Tell whether the row is there; without the marker table it is not."""
        query = f"SELECT 1 FROM {self.marker_table} WHERE update_id = %s LIMIT 1"  # noqa: S608 - a configured name
        with self._given_or_own(connection) as used:
            try:
                with contextlib.closing(used.cursor()) as cursor:
                    cursor.execute(query, (self.update_id,))
                    return cursor.fetchone() is not None
            except _driver().Error as error:
                if _code_of(error) != _NO_SUCH_TABLE:
                    raise
                used.rollback()
                return False

    def touch(self, connection: Any = None) -> None:
        """Make the row, as a part of the caller's transaction when given its ``connection``.

        A second call does nothing.
        """
        self.create_marker_table()
        columns = "update_id, target_table"
        values: list[Any] = [self.update_id, self.table]
        if not self.use_db_timestamps:
            columns += ", inserted"
            values.append(datetime.datetime.now())
        places = ", ".join(["%s"] * len(values))
        query = (
            f"INSERT INTO {self.marker_table} ({columns}) VALUES ({places}) "  # noqa: S608 - a configured name
            "ON CONFLICT (update_id) DO NOTHING"
        )
        with self._given_or_own(connection) as used:
            with contextlib.closing(used.cursor()) as cursor:
                cursor.execute(query, values)
            if connection is None:
                used.commit()

    def create_marker_table(self) -> None:
        """Make the marker table where it is missing, in a transaction of its own."""
        default = " DEFAULT NOW()" if self.use_db_timestamps else ""
        query = (
            f"CREATE TABLE {self.marker_table} "
            f"(update_id TEXT PRIMARY KEY, target_table TEXT, inserted TIMESTAMP{default})"
        )
        with self._given_or_own(None) as own:
            own.autocommit = True
            try:
                with contextlib.closing(own.cursor()) as cursor:
                    cursor.execute(query)
            except _driver().Error as error:
                # two that make it at the same moment may also meet in the server's own tables
                if _code_of(error) not in (_TABLE_EXISTS, _ALREADY_THERE):
                    raise

    @contextlib.contextmanager
    def _given_or_own(self, connection: Any) -> Iterator[Any]:
        if connection is not None:
            yield connection
            return
        with contextlib.closing(self.connect()) as own:
            yield own
