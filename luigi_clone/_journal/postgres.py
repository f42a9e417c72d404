"""The journal in PostgreSQL, with one row for each commit; another scheduler can stand by to take over.

One process at a time owns it (:mod:`luigi_clone._journal.postgres_lease`). The tables ``luigi_journal…`` are
in the first schema of the search path, so one database can hold several journals.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from luigi_clone._journal import encoding
from luigi_clone._journal.base import DamagedJournalError, Fact, Journal, JournalError
from luigi_clone._journal.postgres_connection import Address
from luigi_clone._journal.postgres_lease import DURATION, Lease
from luigi_clone._journal.postgres_schema import check_version, make_tables, upgrade

_ROWS_AT_ONCE = 200
"""So many superfluous rows are removed in one go: a few milliseconds of work."""
_PARTS_AT_ONCE = 4
_RETRY_EVERY = 0.1

# FOR SHARE: a process that takes over waits for what is being written, and this finds out when it did
_LEASE = "WITH lease AS (SELECT fence FROM luigi_journal WHERE fence = %s FOR SHARE)"
_APPEND = (
    f"{_LEASE} INSERT INTO luigi_journal_commits (number, facts, checksum) "
    "SELECT %s, %b, %s FROM lease ON CONFLICT (number) DO NOTHING"
)
_ARRIVED = (
    "SELECT 1 FROM luigi_journal, luigi_journal_commits WHERE fence = %s AND number = %s AND checksum = %s"
)
_START = f"{_LEASE} INSERT INTO luigi_journal_snapshots (generation, last_commit) SELECT %s, %s FROM lease"
# durable with the mark that it is whole, which is written after it
_ADD = (
    "WITH lease AS (SELECT set_config('synchronous_commit', 'off', true) AS later FROM luigi_journal "
    "WHERE fence = %s FOR SHARE) "
    "INSERT INTO luigi_journal_snapshot_parts (generation, part, facts, checksum) "
    "SELECT %s, %s, %b, %s FROM lease WHERE later = 'off'"
)
_FINISH = (
    f"{_LEASE} UPDATE luigi_journal_snapshots SET parts = %s, size = %s FROM lease WHERE generation = %s"
)
_REMOVE_PARTS = (
    f"{_LEASE}, gone AS (DELETE FROM luigi_journal_snapshot_parts USING lease WHERE (generation, part) IN "
    "(SELECT generation, part FROM luigi_journal_snapshot_parts WHERE generation <> %s LIMIT %s) "
    "RETURNING 1) SELECT (SELECT count(*) FROM lease), (SELECT count(*) FROM gone)"
)
_REMOVE_COMMITS = (
    f"{_LEASE}, old AS (DELETE FROM luigi_journal_snapshots USING lease WHERE generation <> %s), "
    "gone AS (DELETE FROM luigi_journal_commits USING lease WHERE number IN "
    "(SELECT number FROM luigi_journal_commits WHERE number <= %s ORDER BY number LIMIT %s) RETURNING 1) "
    "SELECT (SELECT count(*) FROM lease), (SELECT count(*) FROM gone)"
)


class PostgresJournal(Journal):
    """Facts in the database that ``url`` names.

    :meth:`open` waits ``patience`` seconds (None: for ever) for another owner to end or to die; a dead one's
    lease lasts for up to 6 s. When the database is away for a moment, :meth:`append` tries again.
    """

    def __init__(self, url: str, patience: float | None = None) -> None:
        self._address = Address(url)
        self.place = str(self._address)
        self._patience = patience
        self._lease = Lease(self._address, self._lose)
        self._connection: Any = None
        self._cursor: Any = None  # a new one for each statement would cost a third of it
        self._number = 0  # of the last commit
        self._generation = 0  # of the newest snapshot, whole or not
        self._whole = 0  # generation of the newest whole snapshot
        self._part: int | None = None  # of the snapshot that is being written
        self._since = 0  # the last commit before it
        self._snapshot_size = 0
        self._appended_at_start = 0
        self._untidy = False

    def _lose(self, error: JournalError) -> None:
        self.loss = error
        if self.on_loss is not None:
            self.on_loss()

    # ---- opening

    def open(self) -> Iterator[Fact]:
        """Wait for the lease, make the tables if there are none, and return the facts."""
        try:
            with self._address.connect() as connection:
                make_tables(connection)
                check_version(connection, self.place)
            self._lease.take(self._patience)
            connection = self._connect()
            upgrade(connection, self.place)
            self.is_new = self._lease.fence == 1
            self._find_ends(connection)
        except self._address.errors as error:
            self.close()
            raise self._unusable(error) from error
        except BaseException:
            self.close()
            raise
        return self._facts(connection)

    def _connect(self) -> Any:
        self._connection = self._address.connect()
        self._cursor = self._connection.cursor()
        return self._connection

    def _unusable(self, error: Exception) -> JournalError:
        advice = "see to the address, and to whether the database runs and lets this user in"
        if getattr(error, "sqlstate", None) is not None:
            advice = (
                "the user has to own the tables luigi_journal*, or may CREATE in the first schema of its "
                "search_path (another one: ?options=-csearch_path%3DNAME at the end of the URL)"
            )
        return JournalError(f"the journal {self.place} cannot be opened: {str(error).strip()}; {advice}")

    def _find_ends(self, connection: Any) -> None:
        newest = connection.execute("SELECT max(generation) FROM luigi_journal_snapshots").fetchone()[0]
        whole = connection.execute(
            "SELECT generation, last_commit, size FROM luigi_journal_snapshots WHERE parts IS NOT NULL "
            "ORDER BY generation DESC LIMIT 1"
        ).fetchone()
        self._generation = newest or 0
        self._whole, self._since, self.condensed = whole or (0, 0, 0)
        self._number = self._since
        self._untidy = True

    def _facts(self, connection: Any) -> Iterator[Fact]:
        try:
            yield from self._snapshot_facts(connection)
            yield from self._later_facts(connection)
        except self._address.errors as error:
            raise JournalError(f"the journal {self.place} cannot be read: {str(error).strip()}") from error
        except DamagedJournalError as error:
            raise DamagedJournalError(
                f"the journal {self.place} is damaged: {error}. Bring back a backup of the tables "
                "luigi_journal*, or drop them all to begin with nothing"
            ) from error

    def _snapshot_facts(self, connection: Any) -> Iterator[Fact]:
        if not self._whole:
            return
        (parts,) = connection.execute(
            "SELECT parts FROM luigi_journal_snapshots WHERE generation = %s", (self._whole,)
        ).fetchone()
        number = 0
        for part, stored, expected in self._rows(
            connection,
            "SELECT part, facts, checksum FROM luigi_journal_snapshot_parts WHERE generation = %s "
            "ORDER BY part",
            self._whole,
        ):
            number += 1
            where = f"part {number} of {parts} of snapshot {self._whole}"
            if part != number:
                raise DamagedJournalError(where)
            yield from encoding.checked(stored, part, expected, where)
        if number != parts:
            raise DamagedJournalError(f"part {number + 1} of {parts} of snapshot {self._whole}")

    def _later_facts(self, connection: Any) -> Iterator[Fact]:
        for number, stored, expected in self._rows(
            connection,
            "SELECT number, facts, checksum FROM luigi_journal_commits WHERE number > %s ORDER BY number",
            self._since,
        ):
            if number != self._number + 1:
                raise DamagedJournalError(f"commit {self._number + 1}")
            facts = encoding.checked(stored, number, expected, f"commit {number}")
            self._number = number
            self.appended += len(stored)
            yield from facts

    @staticmethod
    def _rows(connection: Any, query: str, after: int) -> Iterator[tuple[int, bytes, int]]:
        """Return rows as they arrive: a large journal is not kept in memory twice."""
        with connection.cursor(binary=True) as cursor:
            yield from cursor.stream(query, (after,))

    # ---- appending

    def append(self, facts: Sequence[Fact]) -> None:
        """Store facts as one row, by one statement."""
        stored = encoding.encode(facts)
        number = self._number + 1
        check = encoding.checksum(stored, number)
        fence = self._lease.fence
        stored_now = self._write(_APPEND, (fence, number, stored, check), patient=True)
        # an earlier try may have arrived although its answer did not
        if not stored_now and not self._write(_ARRIVED, (fence, number, check), patient=True):
            raise self._lease.taken_over()
        self._number = number
        self.appended += len(stored)

    def _write(self, statement: str, values: tuple[Any, ...], patient: bool = False) -> int:
        """Make a statement; return how many rows it made or found. ``patient``: go on on a new connection."""
        deadline = None
        while True:
            if self.loss is not None:
                raise self.loss
            connection = self._opened
            try:
                if connection.closed and patient:
                    connection = self._connect()
                count: int = self._cursor.execute(statement, values, prepare=True).rowcount
            except self._address.errors as error:
                now = time.monotonic()
                deadline = deadline or now + DURATION
                if not (patient and connection.closed) or now > deadline:
                    raise self._not_stored(error) from error
                time.sleep(_RETRY_EVERY)
            else:
                return count

    @property
    def _opened(self) -> Any:
        if self._connection is None:
            raise JournalError(f"the journal {self.place} is not open")
        return self._connection

    def _not_stored(self, error: Exception) -> JournalError:
        return JournalError(f"the journal {self.place} could not be written: {str(error).strip()}")

    # ---- snapshots

    def start_snapshot(self) -> None:
        """Note the last commit that the snapshot will stand for."""
        generation = self._generation + 1
        self._write_as_owner(_START, generation, self._number)
        self._untidy = self._untidy or self._part is not None
        self._generation, self._part, self._snapshot_size = generation, 0, 0
        self._since, self._appended_at_start = self._number, self.appended

    def add_to_snapshot(self, facts: Sequence[Fact]) -> None:
        """Store facts as one row."""
        if self._part is None:
            raise JournalError("no snapshot was started")
        stored, size = encoding.pack(facts)
        part = self._part + 1
        self._write_as_owner(_ADD, self._generation, part, stored, encoding.checksum(stored, part))
        self._part = part
        self._snapshot_size += size

    def finish_snapshot(self) -> None:
        """Mark the snapshot as whole; what it replaces is removed by :meth:`tidy`."""
        if self._part is None:
            raise JournalError("no snapshot was started")
        self._write_as_owner(_FINISH, self._part, self._snapshot_size, self._generation)
        self._part = None
        self._whole, self.condensed = self._generation, self._snapshot_size
        self.appended -= self._appended_at_start
        self._untidy = True

    def _write_as_owner(self, statement: str, *values: Any) -> None:
        if self._write(statement, (self._lease.fence, *values)) != 1:
            raise self._lease.taken_over()

    def tidy(self) -> bool:
        """Remove some rows that nobody will read again."""
        if not self._untidy or self._part is not None:
            return False
        removed = self._remove(_REMOVE_PARTS, self._whole, _PARTS_AT_ONCE)
        if not removed:
            removed = self._remove(
                _REMOVE_COMMITS, self._whole, self._since if self._whole else 0, _ROWS_AT_ONCE
            )
        self._untidy = removed > 0
        return self._untidy

    def _remove(self, statement: str, *values: Any) -> int:
        connection = self._opened
        try:
            owned, removed = connection.execute(statement, (self._lease.fence, *values)).fetchone()
        except self._address.errors as error:
            raise self._not_stored(error) from error
        if not owned:
            raise self._lease.taken_over()
        count: int = removed
        return count

    # ---- closing

    def close(self) -> None:
        """Close the connection, then let another process take over at once."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        finally:
            self._lease.give_up()
