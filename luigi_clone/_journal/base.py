"""What every journal keeps to.

A journal stores *facts* (:mod:`luigi_clone._scheduling.facts`) in the order in which they came about. A
*snapshot* is a list of facts that leads to the state of one moment by a shorter way; once it is whole it
stands for all that was appended before that moment.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

Fact = tuple[Any, ...]
"""(kind, *fields): what JSON can tell. Read back, tuples within it are lists."""

LEAST_WORTH_A_SNAPSHOT = 8 << 20
"""Bytes of facts below which a start without a snapshot is quick anyway."""


class JournalError(Exception):
    """The journal cannot be read, or what was to be stored is not stored; the text says what to do."""


class NoPlaceError(JournalError):
    """There is no journal at the place, and none can be made there."""


class JournalInUseError(JournalError):
    """Another process keeps its state in this journal."""


class DamagedJournalError(JournalError):
    """What is stored is not what was once written, and not by an unfinished last write alone."""


class Journal(abc.ABC):
    """Durable facts. One process at a time has it open; calls come from one thread at a time.

    The order of calls is: :meth:`open` and its facts read to the end, then any number of :meth:`append`,
    snapshots in between, :meth:`close`. After a :class:`JournalError` only :meth:`close` is of use.

    Implementations set :attr:`appended` and :attr:`condensed` (see :meth:`wants_snapshot`) and keep
    :class:`luigi_clone.testing.journals.JournalContract`.
    """

    place: str
    """Where it is, for people; without a password."""
    is_new: bool = False
    """After :meth:`open`: whether there was no journal before."""
    appended: int = 0
    """Bytes of facts that came after the newest whole snapshot."""
    condensed: int = 0
    """Bytes of the newest whole snapshot."""
    loss: JournalError | None = None
    """Why nothing can be stored any more, if that shows before something is to be stored."""
    on_loss: Callable[[], None] | None = None
    """What a journal calls, from any thread, after it has set :attr:`loss`."""

    @abc.abstractmethod
    def open(self) -> Iterator[Fact]:
        """Become the owner of the journal; return its facts: the newest snapshot's, then later ones.

        It may wait for an owner elsewhere to end (a standby). Raises :class:`NoPlaceError`,
        :class:`JournalInUseError`, and, while it is read as well, :class:`DamagedJournalError` or another
        :class:`JournalError`.
        """

    @abc.abstractmethod
    def append(self, facts: Sequence[Fact]) -> None:
        """Store facts, all or none of them; they are durable when this returns.

        Raises :class:`JournalError` when they may not be, or when another process has become the owner.
        """

    @abc.abstractmethod
    def start_snapshot(self) -> None:
        """Begin a snapshot of this moment; one that was begun and not finished is given up."""

    @abc.abstractmethod
    def add_to_snapshot(self, facts: Sequence[Fact]) -> None:
        """Store a part of the snapshot. It counts for nothing until the snapshot is finished."""

    @abc.abstractmethod
    def finish_snapshot(self) -> None:
        """Let the snapshot stand for all that was appended before it was started, from now on."""

    @abc.abstractmethod
    def tidy(self) -> bool:
        """Remove a part of what finished snapshots have made superfluous; tell whether there is more of it.

        A part is small: the caller has others to serve meanwhile.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let another process become the owner. Closing twice is harmless."""

    def wants_snapshot(self) -> bool:
        """Tell whether a snapshot would save more than it costs.

        A commit takes longer to replay than the same number of bytes of a snapshot, so the next start would
        spend most of its time on commits if there were more of them.
        """
        return self.appended > max(LEAST_WORTH_A_SNAPSHOT, self.condensed)

    def __enter__(self) -> Journal:
        """Return the journal itself; it is closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the journal."""
        self.close()
