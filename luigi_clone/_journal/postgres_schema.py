"""The tables of the journal in PostgreSQL, and how those of an older version become those of today."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from luigi_clone._journal.base import JournalError

VERSION = 2

_ONE_AT_A_TIME = 0x4C434A31
"""Number of the lock that lets one process at a time make or change the tables."""

_TABLES = (
    # one row. fence: goes up with each owner; expires: until when the owner is taken to live
    "CREATE TABLE luigi_journal (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), "
    "version integer NOT NULL, fence bigint NOT NULL, owner text NOT NULL, expires timestamptz NOT NULL)",
    # facts and checksums: luigi_clone._journal.encoding
    "CREATE TABLE luigi_journal_commits (number bigint PRIMARY KEY, facts bytea NOT NULL, "
    "checksum bigint NOT NULL)",
    # last_commit: what the snapshot stands for; parts and size (before compression): when it is whole
    "CREATE TABLE luigi_journal_snapshots (generation bigint PRIMARY KEY, last_commit bigint NOT NULL, "
    "parts integer, size bigint)",
    "CREATE TABLE luigi_journal_snapshot_parts (generation bigint NOT NULL, part integer NOT NULL, "
    "facts bytea NOT NULL, checksum bigint NOT NULL, PRIMARY KEY (generation, part))",
    # compressed already
    "ALTER TABLE luigi_journal_snapshot_parts ALTER COLUMN facts SET STORAGE EXTERNAL",
)

UPGRADES: dict[int, Callable[[Any], None]] = {
    1: lambda _: None,  # 2 knows one more kind of fact (runs_lapsed), in the same tables
}
"""Version → what makes tables of that version those of the next, within a transaction."""


def make_tables(connection: Any) -> None:
    """Make the tables where there are none; they belong to nobody yet."""
    if _are_there(connection):
        return
    # before the transaction begins: one that waited within would not see what others have made meanwhile
    connection.execute("SELECT pg_advisory_lock(%s)", (_ONE_AT_A_TIME,))
    try:
        if not _are_there(connection):
            _make_tables(connection)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_ONE_AT_A_TIME,))


def _are_there(connection: Any) -> bool:
    return connection.execute("SELECT to_regclass('luigi_journal')").fetchone()[0] is not None


def _make_tables(connection: Any) -> None:
    with connection.transaction():
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO luigi_journal (version, fence, owner, expires) VALUES (%s, 0, '', '-infinity')",
            (VERSION,),
        )


def check_version(connection: Any, place: str) -> int:
    """Return the version of the tables. Raises JournalError for one that is newer than this program."""
    row = connection.execute("SELECT version FROM luigi_journal").fetchone()
    if row is None:
        raise JournalError(
            f"the table luigi_journal in {place} is empty, so who owns the journal cannot be told; bring "
            "back a backup of the tables luigi_journal*, or drop them all to begin with nothing"
        )
    version: int = row[0]
    if version > VERSION:
        raise JournalError(
            f"the journal {place} was written by a newer version of luigi_clone (its format is {version}, "
            f"this one knows up to {VERSION}); run that version or a newer one"
        )
    return version


def upgrade(connection: Any, place: str) -> None:
    """Bring tables of an older version up to date, for their owner."""
    version = check_version(connection, place)
    if version == VERSION:
        return
    with connection.transaction():
        for older in range(version, VERSION):
            UPGRADES[older](connection)
        connection.execute("UPDATE luigi_journal SET version = %s", (VERSION,))
