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
from collections.abc import Iterator, Sequence
from typing import NoReturn

from luigi_clone._journal import encoding
from luigi_clone._journal.base import (
    DamagedJournalError,
    Fact,
    Journal,
    JournalError,
    JournalInUseError,
    NoPlaceError,
)
from luigi_clone._journal.sqlite_schema import prepare
from luigi_clone._journal.sqlite_tail import is_torn

logger = logging.getLogger("luigi.scheduler")

_ROWS_AT_ONCE = 200
"""So many superfluous rows are removed in one go: a few milliseconds of work."""
_PARTS_AT_ONCE = 4
_PAGES_AT_ONCE = 250


class SqliteJournal(Journal):
    """Facts in the file ``path``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.place = os.fspath(path)
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._number = 0  # of the last commit
        self._generation = 0  # of the newest snapshot, whole or not
        self._whole = 0  # generation of the newest whole snapshot
        self._part: int | None = None  # of the snapshot that is being written
        self._since = 0  # the last commit before it
        self._snapshot_size = 0
        self._appended_at_start = 0
        self._untidy = False

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
        return self._facts(connection)

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
        self._generation = newest or 0
        self._whole, self._since, self.condensed = whole or (0, 0, 0)
        self._number = self._since
        self._untidy = True

    def _facts(self, connection: sqlite3.Connection) -> Iterator[Fact]:
        try:
            yield from self._snapshot_facts(connection)
            yield from self._later_facts(connection)
        except sqlite3.DatabaseError as error:
            self._refuse_damaged(str(error), error)
        except DamagedJournalError as error:
            self._refuse_damaged(str(error), error)

    def _snapshot_facts(self, connection: sqlite3.Connection) -> Iterator[Fact]:
        if not self._whole:
            return
        parts = connection.execute(
            "SELECT parts FROM snapshots WHERE generation = ?", (self._whole,)
        ).fetchone()[0]
        rows = connection.execute(
            "SELECT part, facts, checksum FROM snapshot_parts WHERE generation = ? ORDER BY part",
            (self._whole,),
        )
        number = 0
        for part, stored, expected in rows:
            number += 1
            where = f"part {number} of {parts} of snapshot {self._whole}"
            if part != number:
                raise DamagedJournalError(where)
            yield from encoding.checked(stored, part, expected, where)
        if number != parts:
            raise DamagedJournalError(f"part {number + 1} of {parts} of snapshot {self._whole}")

    def _later_facts(self, connection: sqlite3.Connection) -> Iterator[Fact]:
        rows = connection.execute(
            "SELECT number, facts, checksum FROM commits WHERE number > ? ORDER BY number", (self._since,)
        )
        for number, stored, expected in rows:
            if number != self._number + 1:
                raise DamagedJournalError(f"commit {self._number + 1}")
            facts = encoding.checked(stored, number, expected, f"commit {number}")
            self._number = number
            self.appended += len(stored)
            yield from facts

    def _refuse_damaged(self, what: str, error: Exception) -> NoReturn:
        raise DamagedJournalError(
            f"the journal {self.place} is damaged: {what}. Put a copy of it aside, then either bring back "
            f"a backup, "
            f"or keep what comes before the damage: python -m luigi_clone.tools.journal rescue {self.place}"
        ) from error

    # ---- appending

    def append(self, facts: Sequence[Fact]) -> None:
        """Store facts as one row."""
        stored = encoding.encode(facts)
        number = self._number + 1
        try:
            self._opened.execute(
                "INSERT INTO commits (number, facts, checksum) VALUES (?, ?, ?)",
                (number, stored, encoding.checksum(stored, number)),
            )
        except sqlite3.Error as error:
            raise self._not_stored(error) from error
        self._number = number
        self.appended += len(stored)

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"the journal {self.place} is not open")
        return self._connection

    def _not_stored(self, error: sqlite3.Error) -> JournalError:
        return JournalError(
            f"the journal {self.place} could not be written ({error}): is the disk full or broken?"
        )

    # ---- snapshots

    def start_snapshot(self) -> None:
        """Note the last commit that the snapshot will stand for."""
        generation = self._generation + 1
        try:
            self._opened.execute(
                "INSERT INTO snapshots (generation, last_commit) VALUES (?, ?)", (generation, self._number)
            )
        except sqlite3.Error as error:
            raise self._not_stored(error) from error
        self._untidy = self._untidy or self._part is not None
        self._generation, self._part, self._snapshot_size = generation, 0, 0
        self._since, self._appended_at_start = self._number, self.appended

    def add_to_snapshot(self, facts: Sequence[Fact]) -> None:
        """Store facts as one row."""
        if self._part is None:
            raise JournalError("no snapshot was started")
        stored, size = encoding.pack(facts)
        part = self._part + 1
        connection = self._opened
        try:
            # durable with the mark that it is whole: both are in the same file, the mark behind it
            connection.execute("PRAGMA synchronous = NORMAL")
            try:
                connection.execute(
                    "INSERT INTO snapshot_parts (generation, part, facts, checksum) VALUES (?, ?, ?, ?)",
                    (self._generation, part, stored, encoding.checksum(stored, part)),
                )
            finally:
                connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self._not_stored(error) from error
        self._part = part
        self._snapshot_size += size

    def finish_snapshot(self) -> None:
        """Mark the snapshot as whole; what it replaces is removed by :meth:`tidy`."""
        if self._part is None:
            raise JournalError("no snapshot was started")
        try:
            self._opened.execute(
                "UPDATE snapshots SET parts = ?, size = ? WHERE generation = ?",
                (self._part, self._snapshot_size, self._generation),
            )
        except sqlite3.Error as error:
            raise self._not_stored(error) from error
        self._part = None
        self._whole, self.condensed = self._generation, self._snapshot_size
        self.appended -= self._appended_at_start
        self._untidy = True

    def tidy(self) -> bool:
        """Remove some rows that nobody will read again."""
        if not self._untidy or self._part is not None:
            return False
        connection, whole = self._opened, self._whole
        try:
            removed = connection.execute(
                "DELETE FROM snapshot_parts WHERE rowid IN "
                "(SELECT rowid FROM snapshot_parts WHERE generation <> ? LIMIT ?)",
                (whole, _PARTS_AT_ONCE),
            ).rowcount
            if not removed:
                connection.execute("DELETE FROM snapshots WHERE generation <> ?", (whole,))
                removed = connection.execute(
                    "DELETE FROM commits WHERE number IN "
                    "(SELECT number FROM commits WHERE number <= ? ORDER BY number LIMIT ?)",
                    (self._since if whole else 0, _ROWS_AT_ONCE),
                ).rowcount
        except sqlite3.Error as error:
            raise self._not_stored(error) from error
        self._untidy = removed > 0
        return self._untidy

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
