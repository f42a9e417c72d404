"""What journals in a database share: a row for each commit, and a row for each part of a snapshot.

Here it is kept which numbers come next, and held that no row is missing; the statements are the database's.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from luigi_clone._journal import encoding
from luigi_clone._journal.base import DamagedJournalError, Fact, Journal, JournalError

_COMMITS_AT_ONCE = 200
"""So many superfluous rows are removed in one go: a few milliseconds of work."""
_PARTS_AT_ONCE = 4

Row = tuple[int, bytes, int]
"""Number of a commit or of a part, its facts as stored, their checksum."""


class Whole(NamedTuple):
    """A whole snapshot: of all up to ``last_commit``; ``size`` in bytes."""

    generation: int
    last_commit: int
    size: int


_NO_SNAPSHOT = Whole(0, 0, 0)


class RowJournal(Journal):
    """The numbers of commits and snapshots, over the statements of a database."""

    def __init__(self) -> None:
        self._number = 0  # of the last commit
        self._generation = 0  # of the newest snapshot, whole or not
        self._whole = 0  # generation of the newest whole snapshot
        self._part: int | None = None  # of the snapshot that is being written
        self._since = 0  # the last commit before it
        self._snapshot_size = 0
        self._appended_at_start = 0
        self._untidy = False

    # ---- reading

    def _begin_at(self, newest: int | None, whole: Whole | None) -> None:
        """Take in what is there: the newest snapshot's generation, and the newest whole one."""
        self._generation = newest or 0
        self._whole, self._since, self.condensed = whole or _NO_SNAPSHOT
        self._number = self._since
        self._untidy = True

    def _stored_facts(self) -> Iterator[Fact]:
        """Return all facts. Raises DamagedJournalError, which tells the place, where a row is amiss."""
        if self._whole:
            yield from self._facts_of_parts(self._read_number_of_parts(self._whole))
        for number, stored, expected in self._read_commits(self._since):
            if number != self._number + 1:
                raise DamagedJournalError(f"commit {self._number + 1}")
            facts = encoding.checked(stored, number, expected, f"commit {number}")
            self._number = number
            self.appended += len(stored)
            yield from facts

    def _facts_of_parts(self, parts: int) -> Iterator[Fact]:
        number = 0
        for part, stored, expected in self._read_parts(self._whole):
            number += 1
            where = f"part {number} of {parts} of snapshot {self._whole}"
            if part != number:
                raise DamagedJournalError(where)
            yield from encoding.checked(stored, part, expected, where)
        if number != parts:
            raise DamagedJournalError(f"part {number + 1} of {parts} of snapshot {self._whole}")

    # ---- writing

    def append(self, facts: Sequence[Fact]) -> None:
        """Store facts as one row."""
        stored = encoding.encode(facts)
        number = self._number + 1
        self._write_commit(number, stored, encoding.checksum(stored, number))
        self._number = number
        self.appended += len(stored)

    def start_snapshot(self) -> None:
        """Note the last commit that the snapshot will stand for."""
        generation = self._generation + 1
        self._write_start(generation, self._number)
        self._untidy = self._untidy or self._part is not None
        self._generation, self._part, self._snapshot_size = generation, 0, 0
        self._since, self._appended_at_start = self._number, self.appended

    def add_to_snapshot(self, facts: Sequence[Fact]) -> None:
        """Store facts as one row."""
        if self._part is None:
            raise JournalError("no snapshot was started")
        stored, size = encoding.pack(facts)
        part = self._part + 1
        self._write_part(self._generation, part, stored, encoding.checksum(stored, part))
        self._part = part
        self._snapshot_size += size

    def finish_snapshot(self) -> None:
        """Mark the snapshot as whole; what it replaces is removed by :meth:`tidy`."""
        if self._part is None:
            raise JournalError("no snapshot was started")
        self._write_end(self._generation, self._part, self._snapshot_size)
        self._part = None
        self._whole, self.condensed = self._generation, self._snapshot_size
        self.appended -= self._appended_at_start
        self._untidy = True

    def tidy(self) -> bool:
        """Remove some rows that nobody will read again."""
        if not self._untidy or self._part is not None:
            return False
        removed = self._remove_parts(self._whole, _PARTS_AT_ONCE)
        if not removed:
            last = self._since if self._whole else 0
            removed = self._remove_commits(self._whole, last, _COMMITS_AT_ONCE)
        self._untidy = removed > 0
        return self._untidy

    # ---- the statements

    @abc.abstractmethod
    def _read_number_of_parts(self, generation: int) -> int:
        """Return how many parts a whole snapshot has."""

    @abc.abstractmethod
    def _read_parts(self, generation: int) -> Iterable[Row]:
        """Return the parts of a snapshot in their order."""

    @abc.abstractmethod
    def _read_commits(self, after: int) -> Iterable[Row]:
        """Return the commits after one, in their order."""

    @abc.abstractmethod
    def _write_commit(self, number: int, stored: bytes, checksum: int) -> None:
        """Store a commit durably. This and the others raise JournalError when that may not have been done."""

    @abc.abstractmethod
    def _write_start(self, generation: int, last_commit: int) -> None:
        """Note that a snapshot begins."""

    @abc.abstractmethod
    def _write_part(self, generation: int, part: int, stored: bytes, checksum: int) -> None:
        """Store a part; it need not be durable before the end of the snapshot is."""

    @abc.abstractmethod
    def _write_end(self, generation: int, parts: int, size: int) -> None:
        """Note durably that the snapshot is whole."""

    @abc.abstractmethod
    def _remove_parts(self, keep: int, limit: int) -> int:
        """Remove up to ``limit`` parts of other snapshots than ``keep``; return how many."""

    @abc.abstractmethod
    def _remove_commits(self, keep: int, last: int, limit: int) -> int:
        """Forget other snapshots, remove up to ``limit`` commits up to ``last``; return how many commits."""
