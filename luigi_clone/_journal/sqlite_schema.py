"""The tables of the journal in a file, and how those of an older version become those of today."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from luigi_clone._journal.base import JournalError

APPLICATION = 0x4C434A31
"""What tells the file from other SQLite files (its *application id*)."""
VERSION = 2

_TABLES = (
    # facts and checksums: luigi_clone._journal.encoding
    "CREATE TABLE commits (number INTEGER PRIMARY KEY, facts BLOB NOT NULL, checksum INTEGER NOT NULL)",
    # last_commit: what the snapshot stands for; parts and size (before compression): when it is whole
    "CREATE TABLE snapshots (generation INTEGER PRIMARY KEY, last_commit INTEGER NOT NULL, parts INTEGER, "
    "size INTEGER)",
    "CREATE TABLE snapshot_parts (generation INTEGER NOT NULL, part INTEGER NOT NULL, facts BLOB NOT NULL, "
    "checksum INTEGER NOT NULL, PRIMARY KEY (generation, part))",
)

UPGRADES: dict[int, Callable[[sqlite3.Connection], None]] = {
    1: lambda _: None,  # 2 knows one more kind of fact (runs_lapsed), in the same tables
}
"""Version → what makes a file of that version one of the next, within a transaction."""


def prepare(connection: sqlite3.Connection, place: str) -> None:
    """Make the tables, or bring them up to date. Raises JournalError for a file of something else."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION and not (empty and not application):
        raise JournalError(
            f"{place} is an SQLite database, but not a journal of the scheduler; give another place with "
            "--state-path"
        )
    if version > VERSION:
        raise JournalError(
            f"the journal {place} was written by a newer version of luigi_clone (its format is {version}, "
            f"this "
            f"one knows up to {VERSION}); run that version or a newer one"
        )
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    if empty:
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    else:
        for older in range(version, VERSION):
            UPGRADES[older](connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
