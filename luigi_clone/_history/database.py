"""How the task history reaches its database."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from luigi_clone._history import tables

import sqlalchemy  # isort: skip - after the room that says what to do where it is missing
import sqlalchemy.event
import sqlalchemy.exc
import sqlalchemy.orm
import sqlalchemy.pool

__all__ = ["Database"]


class Database:
    """An engine, and the sessions over it, for use by several threads.

    An SQLite database in memory has one connection, which is used by one thread after the other. Raises
    what SQLAlchemy and the driver raise: no such driver, no such server, no access.
    """

    def __init__(self, url: str) -> None:
        # with parameters hidden, the values of tasks' parameters do not reach logs through exceptions
        options: dict[str, Any] = {"hide_parameters": True, "future": True}
        self._turns: Any = contextlib.nullcontext()
        if _is_in_memory(url):
            options |= {
                "poolclass": sqlalchemy.pool.StaticPool,
                "connect_args": {"check_same_thread": False},
            }
            self._turns = threading.RLock()
        else:
            options["pool_pre_ping"] = True
        self.engine = sqlalchemy.create_engine(url, **options)
        if self.engine.dialect.name == "sqlite":
            # an event of a record that another process has deleted is refused, as elsewhere
            sqlalchemy.event.listen(self.engine, "connect", _check_references)
        self.sessions = sqlalchemy.orm.sessionmaker(bind=self.engine, expire_on_commit=False, future=True)
        try:
            tables.prepare(self.engine)
        except BaseException:
            self.engine.dispose()
            raise

    def __str__(self) -> str:
        """Where it is, without the password."""
        return str(self.engine.url.render_as_string(hide_password=True))

    @contextlib.contextmanager
    def begin(self) -> Iterator[Any]:
        """Give a connection; commit at the end, roll back at an exception."""
        with self._turns, self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def session(self, session: Any = None) -> Iterator[Any]:
        """Give ``session`` or else a new one; commit at the end, roll back at an exception."""
        if session is not None:
            yield session
            return
        with self._turns, self.sessions() as opened, opened.begin():
            yield opened

    @staticmethod
    def is_away(error: BaseException) -> bool:
        """Tell whether the error is the database's or the network's, so that trying again may help."""
        if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
            return True
        away = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError)
        return isinstance(error, (*away, OSError))


def _check_references(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _is_in_memory(url: str) -> bool:
    parsed = sqlalchemy.engine.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return False
    name = parsed.database or ""
    return name in ("", ":memory:") or "mode=memory" in str(parsed)
