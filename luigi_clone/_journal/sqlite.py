"""The journal in a file: SQLite in its write-ahead mode, with one row for each commit.

The file is locked by a lock on a second file beside it (``<path>.lock``), which the operating system takes
back when the process ends, however that happens. A lock on the file itself would be lost as soon as
anything in the process closed another handle of it, and would keep ``sqlite3 <path> .backup`` from reading.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from luigi_clone._journal.base import (
    DamagedJournalError,
    Fact,
    JournalError,
    JournalInUseError,
    NoPlaceError,
)
from luigi_clone._journal.rows import Row, RowJournal, Whole
from luigi_clone._journal.sqlite_schema import prepare
from luigi_clone._journal.sqlite_tail import is_torn

logger = logging.getLogger("luigi.scheduler")

_PAGES_AT_ONCE = 250


class SqliteJournal(RowJournal):
    """Facts in the file ``path``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.place = os.fspath(path)
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None

    # ---- opening

    def open(self) -> Iterator[Fact]:
        """Lock the file, make it if there is none, and return its facts."""
        self._take_lock()
        try:
            self.is_new = not os.path.exists(self.place) or not os.path.getsize(self.place)
            if self.is_new:
                self._make_file()
            if is_torn(f"{self.place}-wal"):
                logger.warning(
                    "The last write to the journal %s was not whole: it is cut back to the last whole "
                    "commit. "
                    "Nothing that was acknowledged is lost",
                    self.place,
                )
            connection = self._connection = self._connect(self.place)
            prepare(connection, self.place)
            self._find_ends(connection)
        except sqlite3.DatabaseError as error:
            self.close()
            self._refuse_damaged(str(error), error)
        except BaseException:
            self.close()
            raise
        return self._facts()

    def _take_lock(self) -> None:
        lock_path = self.place + ".lock"
        try:
            handle = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if os.path.exists(self.place):
                raise JournalError(
                    f"the journal {self.place} cannot be locked, since {lock_path} cannot be opened "
                    f"({error.strerror}); see to the permissions of both and of their folder"
                ) from error
            raise NoPlaceError(f"{self.place} cannot be made ({error.strerror})") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise JournalInUseError(
                f"the journal {self.place} is in use by another process; end that one, or give this one "
                f"another "
                "place with --state-path"
            ) from error
        except OSError as error:
            os.close(handle)
            raise JournalError(f"{lock_path} cannot be locked ({error.strerror})") from error
        self._lock = handle

    def _make_file(self) -> None:
        """Make the file whole under another name first, for nobody but its owner to read."""
        half = self.place + ".new"
        try:
            for rest in (half, f"{half}-wal", f"{half}-journal", f"{half}-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(rest)
            os.close(os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise NoPlaceError(f"{self.place} cannot be made ({error.strerror})") from error
        try:
            # without a write-ahead log, so that all is in the one file that gets the name
            with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                prepare(connection, self.place)
            os.rename(half, self.place)
            _sync_folder_of(self.place)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"the journal {self.place} could not be made ({error}): is the disk full?"
            ) from error

    @staticmethod
    def _connect(path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # a backup that is being taken may hold a commit up for a moment
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # a checkpoint holds up the commit that causes it: little and often
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_AT_ONCE}")
        return connection

    def _find_ends(self, connection: sqlite3.Connection) -> None:
        newest = connection.execute("SELECT max(generation) FROM snapshots").fetchone()[0]
        whole = connection.execute(
            "SELECT generation, last_commit, size FROM snapshots WHERE parts IS NOT NULL "
            "ORDER BY generation DESC LIMIT 1"
        ).fetchone()
        self._begin_at(newest, whole and Whole(*whole))

    def _facts(self) -> Iterator[Fact]:
        try:
            yield from self._stored_facts()
        except (sqlite3.DatabaseError, DamagedJournalError) as error:
            self._refuse_damaged(str(error), error)

    def _read_number_of_parts(self, generation: int) -> int:
        found = self._opened.execute("SELECT parts FROM snapshots WHERE generation = ?", (generation,))
        parts: int = found.fetchone()[0]
        return parts

    def _read_parts(self, generation: int) -> Iterable[Row]:
        return self._opened.execute(
            "SELECT part, facts, checksum FROM snapshot_parts WHERE generation = ? ORDER BY part",
            (generation,),
        )

    def _read_commits(self, after: int) -> Iterable[Row]:
        return self._opened.execute(
            "SELECT number, facts, checksum FROM commits WHERE number > ? ORDER BY number", (after,)
        )

    def _refuse_damaged(self, what: str, error: Exception) -> NoReturn:
        raise DamagedJournalError(
            f"the journal {self.place} is damaged: {what}. Put a copy of it aside, then either bring back "
            f"a backup, "
            f"or keep what comes before the damage: python -m luigi_clone.tools.journal rescue {self.place}"
        ) from error

    # ---- writing

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"the journal {self.place} is not open")
        return self._connection

    def _write(self, statement: str, *values: Any) -> int:
        """Make a statement; return how many rows it changed."""
        connection = self._opened
        try:
            return connection.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {self.place} could not be written ({error}): is the disk full or broken?"
            ) from error

    def _write_commit(self, number: int, stored: bytes, checksum: int) -> None:
        self._write(
            "INSERT INTO commits (number, facts, checksum) VALUES (?, ?, ?)", number, stored, checksum
        )

    def _write_start(self, generation: int, last_commit: int) -> None:
        self._write("INSERT INTO snapshots (generation, last_commit) VALUES (?, ?)", generation, last_commit)

    def _write_part(self, generation: int, part: int, stored: bytes, checksum: int) -> None:
        # durable with the mark that it is whole: both are in the same file, the mark behind it
        self._write("PRAGMA synchronous = NORMAL")
        try:
            self._write(
                "INSERT INTO snapshot_parts (generation, part, facts, checksum) VALUES (?, ?, ?, ?)",
                *(generation, part, stored, checksum),
            )
        finally:
            self._write("PRAGMA synchronous = FULL")

    def _write_end(self, generation: int, parts: int, size: int) -> None:
        self._write("UPDATE snapshots SET parts = ?, size = ? WHERE generation = ?", parts, size, generation)

    def _remove_parts(self, keep: int, limit: int) -> int:
        return self._write(
            "DELETE FROM snapshot_parts WHERE rowid IN "
            "(SELECT rowid FROM snapshot_parts WHERE generation <> ? LIMIT ?)",
            *(keep, limit),
        )

    def _remove_commits(self, keep: int, last: int, limit: int) -> int:
        self._write("DELETE FROM snapshots WHERE generation <> ?", keep)
        return self._write(
            "DELETE FROM commits WHERE number IN "
            "(SELECT number FROM commits WHERE number <= ? ORDER BY number LIMIT ?)",
            *(last, limit),
        )

    # ---- closing

    def close(self) -> None:
        """Close the file, then give up the lock."""
        connection, self._connection = self._connection, None
        lock, self._lock = self._lock, None
        try:
            if connection is not None:
                connection.close()
        finally:
            if lock is not None:
                os.close(lock)


def _sync_folder_of(path: str) -> None:
    """Make a new name durable."""
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
