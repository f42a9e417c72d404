"""The journal in PostgreSQL, with one row for each commit; another scheduler can stand by to take over.

One process at a time owns it (:mod:`luigi_clone._journal.postgres_lease`). The tables ``luigi_journal…`` are
in the first schema of the search path, so one database can hold several journals.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from luigi_clone._journal.base import DamagedJournalError, Fact, JournalError
from luigi_clone._journal.postgres_connection import Address
from luigi_clone._journal.postgres_lease import DURATION, Lease
from luigi_clone._journal.postgres_schema import check_version, make_tables, upgrade
from luigi_clone._journal.rows import Row, RowJournal, Whole

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


class PostgresJournal(RowJournal):
    """Facts in the database that ``url`` names.

    :meth:`open` waits ``patience`` seconds (None: for ever) for another owner to end or to die; a dead one's
    lease lasts for up to 6 s. When the database is away for a moment, :meth:`append` tries again.
    """

    def __init__(self, url: str, patience: float | None = None) -> None:
        super().__init__()
        self._address = Address(url)
        self.place = str(self._address)
        self._patience = patience
        self._lease = Lease(self._address, self._lose)
        self._connection: Any = None
        self._cursor: Any = None  # a new one for each statement would cost a third of it

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
        return self._facts()

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
        self._begin_at(newest, whole and Whole(*whole))

    def _facts(self) -> Iterator[Fact]:
        try:
            yield from self._stored_facts()
        except self._address.errors as error:
            raise JournalError(f"the journal {self.place} cannot be read: {str(error).strip()}") from error
        except DamagedJournalError as error:
            raise DamagedJournalError(
                f"the journal {self.place} is damaged: {error}. Bring back a backup of the tables "
                "luigi_journal*, or drop them all to begin with nothing"
            ) from error

    def _read_number_of_parts(self, generation: int) -> int:
        found = self._opened.execute(
            "SELECT parts FROM luigi_journal_snapshots WHERE generation = %s", (generation,)
        )
        parts: int = found.fetchone()[0]
        return parts

    def _read_parts(self, generation: int) -> Iterator[Row]:
        return self._rows(
            "SELECT part, facts, checksum FROM luigi_journal_snapshot_parts WHERE generation = %s "
            "ORDER BY part",
            generation,
        )

    def _read_commits(self, after: int) -> Iterator[Row]:
        return self._rows(
            "SELECT number, facts, checksum FROM luigi_journal_commits WHERE number > %s ORDER BY number",
            after,
        )

    def _rows(self, query: str, value: int) -> Iterator[Row]:
        """Return rows as they arrive: a large journal is not kept in memory twice."""
        with self._opened.cursor(binary=True) as cursor:
            yield from cursor.stream(query, (value,))

    # ---- writing

    def _write_commit(self, number: int, stored: bytes, checksum: int) -> None:
        fence = self._lease.fence
        stored_now = self._write(_APPEND, (fence, number, stored, checksum), patient=True)
        # an earlier try may have arrived although its answer did not
        if not stored_now and not self._write(_ARRIVED, (fence, number, checksum), patient=True):
            raise self._lease.taken_over()

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

    def _write_start(self, generation: int, last_commit: int) -> None:
        self._write_as_owner(_START, generation, last_commit)

    def _write_part(self, generation: int, part: int, stored: bytes, checksum: int) -> None:
        self._write_as_owner(_ADD, generation, part, stored, checksum)

    def _write_end(self, generation: int, parts: int, size: int) -> None:
        self._write_as_owner(_FINISH, parts, size, generation)

    def _write_as_owner(self, statement: str, *values: Any) -> None:
        if self._write(statement, (self._lease.fence, *values)) != 1:
            raise self._lease.taken_over()

    def _remove_parts(self, keep: int, limit: int) -> int:
        return self._remove(_REMOVE_PARTS, keep, limit)

    def _remove_commits(self, keep: int, last: int, limit: int) -> int:
        return self._remove(_REMOVE_COMMITS, keep, last, limit)

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
