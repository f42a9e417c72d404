"""Connections to PostgreSQL: what every one of them keeps to, and its address without secrets."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import quote

from luigi_clone._journal.base import JournalError

_SILENCE = 3000
"""Milliseconds without an answer of the other machine after which a connection counts as broken."""
_DEFAULTS: dict[str, Any] = {
    "application_name": "luigid",
    "client_encoding": "UTF8",
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": _SILENCE,
    # of several hosts, and after a failover: the one that can be written
    "target_session_attrs": "read-write",
}
# a server or role may be set up to acknowledge what is not durable, or to fail statements that overlap
_SETTINGS = (
    "SELECT set_config('default_transaction_isolation', 'read committed', false), "
    "CASE current_setting('synchronous_commit') WHEN 'off' "
    "THEN set_config('synchronous_commit', 'on', false) END"
)


class Address:
    """Where a journal's database is: ``postgresql://user:password@host:port/database``.

    Raises :class:`~luigi_clone._journal.base.JournalError` when the driver is missing, or the URL makes no
    sense; the text shows nothing of the URL.
    """

    def __init__(self, url: str) -> None:
        self._driver = _driver()
        try:
            self._told = import_module("psycopg.conninfo").conninfo_to_dict(url)
        except self._driver.Error:
            # its text, and that of a chained error, would show the password
            raise JournalError(
                "the state path is no URL that PostgreSQL understands; it looks like "
                "postgresql://user@host:5432/database, with %40 and the like for special characters"
            ) from None

    def __str__(self) -> str:
        """Return the URL with nothing in it but who, where and which database."""
        told = {key: quote(str(value), safe="[]:,/._-") for key, value in self._told.items()}
        user = f"{told['user']}@" if "user" in told else ""
        port = f":{told['port']}" if told.get("port", "").strip(",") else ""
        return f"postgresql://{user}{told.get('host', '')}{port}/{told.get('dbname', '')}"

    @property
    def errors(self) -> type[Exception]:
        """What the driver raises."""
        kind: type[Exception] = self._driver.Error
        return kind

    def connect(self) -> Any:
        """Return a new connection on which each statement is a transaction. Raises :attr:`errors`."""
        connection = self._driver.connect("", autocommit=True, **{**_DEFAULTS, **self._told})
        try:
            connection.execute(_SETTINGS)
        except BaseException:
            connection.close()
            raise
        return connection


def _driver() -> Any:
    try:
        return import_module("psycopg")
    except ImportError as error:
        raise JournalError(
            f"a state path that is a PostgreSQL URL needs psycopg ({error}): "
            "pip install 'luigi_clone[journal-postgres]'"
        ) from error
