"""A journal in memory, that keeps what was committed when the scheduler is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from luigi_clone._journal.base import Fact, Journal, JournalError
from luigi_clone._journal.encoding import decode, encode

_WORTH_A_SNAPSHOT = 6_000
"""Bytes; little, so that there are many snapshots."""
_SWEPT_AT_ONCE = 100


class Crash(BaseException):
    """The process of the scheduler ends here."""


class Disk:
    """What outlives the scheduler."""

    def __init__(self) -> None:
        self.is_new = True
        self.in_use = False
        self.snapshot: list[bytes] = []
        self.commits: list[bytes] = []
        self.rubbish = 0
        """Number of commits that a snapshot has replaced and that still take up room."""
        self.stored = 0
        """Number of facts that were ever made durable."""
        self.history: list[Fact] = []
        """All of them, for the story of a task."""
        self.accident: str | None = None
        """What becomes of the next operation: it is not ``begun``, or ``done`` and not answered; with
        ``-error`` the scheduler is told so, otherwise it ends there."""


class MemoryJournal(Journal):
    """A journal on such a disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._part: list[bytes] | None = None
        self._commits_before = 0
        self._is_open = False
        self.place = "the memory of a simulation"

    def open(self) -> Iterator[Fact]:
        """Become the owner; return its facts."""
        disk = self._disk
        if disk.in_use:
            from luigi_clone._journal.base import JournalInUseError

            raise JournalInUseError(f"{self.place} is in use")
        disk.in_use = self._is_open = True
        self.is_new, disk.is_new = disk.is_new, False
        self.condensed = sum(map(len, disk.snapshot))
        self.appended = sum(map(len, disk.commits))
        return (tuple(fact) for stored in (*disk.snapshot, *disk.commits) for fact in decode(stored))

    def append(self, facts: Sequence[Fact]) -> None:
        """Store facts."""
        disk, stored = self._disk, encode(facts)

        def store() -> None:
            disk.commits.append(stored)
            disk.stored += len(facts)
            disk.history.extend(facts)
            self.appended += len(stored)

        self._do(store)

    def start_snapshot(self) -> None:
        """Begin a snapshot."""
        self._part = []
        self._commits_before = len(self._disk.commits)

    def add_to_snapshot(self, facts: Sequence[Fact]) -> None:
        """Store a part of it."""
        part = self._part
        assert part is not None
        self._do(lambda: part.append(encode(facts)))

    def finish_snapshot(self) -> None:
        """Let it count."""
        part, disk = self._part, self._disk
        assert part is not None

        def replace() -> None:
            disk.snapshot = part
            del disk.commits[: self._commits_before]
            disk.rubbish += self._commits_before

        self._do(replace)
        self._part = None
        self.condensed = sum(map(len, disk.snapshot))
        self.appended = sum(map(len, disk.commits))

    def tidy(self) -> bool:
        """Give back a bit of the room."""
        if self._disk.rubbish:
            self._disk.rubbish = max(0, self._disk.rubbish - _SWEPT_AT_ONCE)
        return self._disk.rubbish > 0

    def wants_snapshot(self) -> bool:
        """Tell whether it is time for a snapshot: much more often than for a real disk."""
        return self.appended > max(_WORTH_A_SNAPSHOT, 2 * self.condensed)

    def close(self) -> None:
        """Let another scheduler have it."""
        if self._is_open:
            self._disk.in_use = self._is_open = False

    def _do(self, operation: Callable[[], None]) -> None:
        if not self._is_open:
            raise JournalError(f"{self.place} is closed")
        accident, self._disk.accident = self._disk.accident, None
        if accident is None or accident.startswith("done"):
            operation()
        if accident is None:
            return
        if accident.endswith("error"):
            raise JournalError("the simulated disk failed")
        raise Crash
