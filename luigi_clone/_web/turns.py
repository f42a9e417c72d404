"""Group commit: the calls that arrive in one turn of the event loop are made durable together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from luigi_clone._journal.base import JournalError
from luigi_clone._web.background import Background
from luigi_clone._wire.tickets import RefusedError, Reply, Ticket

if TYPE_CHECKING:
    from luigi_clone.scheduler import Scheduler

application_log = logging.getLogger("tornado.application")
logger = logging.getLogger("luigi.server")

Outcome = Reply | RefusedError
Continuation = Callable[[RefusedError | None], None]

_VITAL = ("get_work", "prune")


class Work(Protocol):
    """Something that is done in slices of a few milliseconds."""

    def work(self) -> bool:
        """Go on for a while; tell whether all is done."""


class Direct:
    """Makes calls of a scheduler that commits each by itself."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self._ailing: set[str] = set()

    @property
    def can_serve(self) -> bool:
        """Whether the scheduler does its work: false while its vital calls end in errors of its own."""
        return not self._ailing

    def make(
        self, name: str, arguments: Mapping[str, Any], ticket: Ticket, in_steps: bool = False
    ) -> Outcome:
        """Make a call. Its outcome is final only when :meth:`after_commit` says so."""
        begun = time.perf_counter()
        try:
            reply = self.scheduler.answer(name, arguments, ticket, in_steps=in_steps)
        except RefusedError as refused:
            return refused
        except JournalError as error:
            return self._lost(error)
        except Exception:
            application_log.error("Uncaught exception in call %r", name, exc_info=True)
            if name in _VITAL:
                self._ailing.add(name)
            return RefusedError(500, "")
        if self._ailing:
            self._ailing.discard(name)
        self.scheduler._observe_call(name, time.perf_counter() - begun)
        return reply

    def ahead_of(self, name: str, arguments: Mapping[str, Any], ticket: Ticket) -> Work | None:
        """Return what is to be done bit by bit before a call is made, None for nothing."""
        work = self.scheduler.ahead_of(name, arguments, ticket)
        return None if work is None else _Stored(work, self)

    def after_commit(self, then: Continuation) -> None:
        """Call ``then`` when all that was done up to now is durable; with a reason if it never will be."""
        then(None)

    def prune(self) -> None:
        """Do what is due in the scheduler."""
        self.make("prune", {}, Ticket())

    def _lost(self, error: JournalError) -> RefusedError:
        logger.critical("The state cannot be stored: %s", error)
        return RefusedError(503, "the scheduler cannot store its state and ends")


class Turns(Direct):
    """Makes the calls of one turn of the event loop one after the other, and commits them together.

    When a commit fails, nothing of the turn is acknowledged, no further call is made, and ``on_loss`` is
    called with the error: the process has to end and start again from what is stored.
    """

    def __init__(self, scheduler: Scheduler, on_loss: Callable[[JournalError], None]) -> None:
        super().__init__(scheduler)
        scheduler.hold()
        self._on_loss = on_loss
        self._waiting: list[Continuation] = []
        self._is_catching_up = False
        self._loss: RefusedError | None = None

    @property
    def can_serve(self) -> bool:
        """Whether the scheduler does its work and can store what it did."""
        return self._loss is None and super().can_serve

    def make(
        self, name: str, arguments: Mapping[str, Any], ticket: Ticket, in_steps: bool = False
    ) -> Outcome:
        """Make a call. Its outcome is final only when :meth:`after_commit` says so."""
        return self._loss or super().make(name, arguments, ticket, in_steps)

    def after_commit(self, then: Continuation) -> None:
        """Call ``then`` at the end of this turn of the event loop; at once if nothing is to be stored."""
        if not self._waiting and self._loss is None and self.scheduler.is_settled:
            then(None)
            return
        self._waiting.append(then)
        if len(self._waiting) == 1:
            self._soon(self.end_turn)

    def _soon(self, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(action)

    def end_turn(self) -> None:
        """Commit, and let all that waits go on."""
        waiting, self._waiting = self._waiting, []
        if self._loss is None:
            self._commit()
        for then in waiting:
            _go_on(then, self._loss)

    def _commit(self) -> None:
        try:
            self.scheduler.commit()
        except JournalError as error:
            self._lost(error)
        except Exception:
            # what is committed is durable; what should follow from it outside has failed
            application_log.error("Uncaught exception after a commit", exc_info=True)

    def prune(self) -> None:
        """Do what is due in the scheduler; much of it in slices, between which others are served."""
        if self._prune_a_bit() or self._is_catching_up:
            return
        self._is_catching_up = True
        Background()(self._catch_up)

    def _catch_up(self) -> bool:
        self._is_catching_up = not self._prune_a_bit()
        return not self._is_catching_up

    def _prune_a_bit(self) -> bool:
        """Do a part of what is due; tell whether nothing is left of it."""
        super().prune()
        self.after_commit(_nothing)
        return self._loss is not None or bool(self._ailing) or not self.scheduler.is_behind

    def _lost(self, error: JournalError) -> RefusedError:
        self._loss = super()._lost(error)
        self._on_loss(error)
        return self._loss


class _Stored:
    """Work after each slice of which what it has changed is made durable."""

    def __init__(self, work: Work, maker: Direct) -> None:
        self._work = work
        self._maker = maker

    def work(self) -> bool:
        """Go on for a while; tell whether all is done."""
        is_done = self._work.work()
        self._maker.after_commit(_nothing)
        return is_done


def _go_on(then: Continuation, loss: RefusedError | None) -> None:
    try:
        then(loss)
    except Exception:
        application_log.error("Uncaught exception in sending an answer", exc_info=True)


def _nothing(loss: RefusedError | None) -> None:
    """Nobody waits for it."""
