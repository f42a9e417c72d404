"""How the scheduler's state outlives its process.

Nothing is stored, and no fact is recorded, before :meth:`Saving.load` has opened a journal: a scheduler that
lives in the process of its only worker never does that.
"""

from __future__ import annotations

import functools
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from luigi_clone._journal.base import DamagedJournalError, JournalError, NoPlaceError
from luigi_clone._scheduler.clock import SteadyClock, wall_clock
from luigi_clone._scheduler.condensing import Condenser
from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._scheduling.facts import replay
from luigi_clone._wire.methods import RPC_METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luigi_clone._journal.base import Fact, Journal
    from luigi_clone._scheduling.changes import Changes

logger = logging.getLogger("luigi.scheduler")

_MOST_DUE = 1_000
"""So much of what is due is done at once where others wait for it: some 10 ms of work."""

DEFAULT_STATE_PATH = "/var/lib/luigi-server/state.pickle"
"""Where Luigi keeps its state; most machines have no such folder."""


class Saving(SchedulerParts):
    """The part of the scheduler that keeps its journal."""

    _journal: Journal | None = None
    _condenser: Condenser | None = None
    _held = False
    _failed: JournalError | None = None
    _changes: Changes | None = None

    # ---- beginning and end

    def load(self, journal: Journal | None = None) -> None:
        """Open the journal at ``state_path`` and bring back what it tells; store every change from now on.

        ``journal`` is another one to keep.

        Where there can be no journal (its folder does not exist or cannot be written), the log says so and
        nothing is kept. Raises :class:`~luigi_clone._journal.base.JournalError` for a journal that is in
        use, damaged or of a newer version: going on without it would lose what it tells.
        """
        from luigi_clone._journal.places import journal_at

        state_path = str(self._config.state_path)
        journal = journal or journal_at(state_path)
        logger.info("Attempting to load state from %s", journal.place)
        started = time.perf_counter()
        try:
            facts = journal.open()
        except NoPlaceError as error:
            level = logging.WARNING if state_path == DEFAULT_STATE_PATH else logging.ERROR
            logger.log(
                level,
                "No state is kept: all tasks are forgotten when this process ends, since %s. Make its "
                "folder, or give "
                "a place that can be written with --state-path",
                error,
            )
            return
        try:
            self._replay(facts, journal)
        except BaseException:
            journal.close()
            raise
        self._journal = journal
        self._condenser = Condenser(self._machine, journal)
        self._machine.facts = []
        if journal.is_new:
            logger.info("No prior state file exists at %s. Starting with empty state", journal.place)
        else:
            self._tell_what_was_loaded(journal, time.perf_counter() - started)
        if not self._held:
            self._commit_each_call()

    def _replay(self, facts: Iterable[Fact], journal: Journal) -> None:
        try:
            with _without_collecting_garbage():
                replay(self._machine, facts)
        except JournalError:
            raise
        except Exception as error:
            raise DamagedJournalError(
                f"the journal {journal.place} cannot be replayed ({type(error).__name__}: {error}): it was "
                f"written by "
                "another version of luigi_clone, or is damaged. Run the version that wrote it, or bring "
                "back a backup"
            ) from error
        self._machine.welcome_workers(self._clock())

    def _tell_what_was_loaded(self, journal: Journal, seconds: float) -> None:
        machine = self._machine
        logger.info(
            "Loaded %d tasks and %d workers from %s in %.2f s",
            len(machine.tasks),
            len(machine.workers),
            journal.place,
            seconds,
        )
        if machine.paused:
            logger.info("The scheduler is still paused")
        if machine.limits_told:
            told = ", ".join(f"{name}={amount}" for name, amount in machine.limits_told.items())
            logger.info("Limits of resources that were set at run time stay in force: %s", told)

    def dump(self) -> None:
        """Prepare for the end of the process: collected failures are mailed, the journal is closed.

        The rest of the history is written when that is durable which it tells of.
        """
        if self._email_batcher is not None:
            from luigi_clone._postman import POSTMAN

            self._email_batcher.send_email()
            POSTMAN.finish()
        journal = self._journal
        if journal is not None and self._failed is None:
            self.commit()
        self._task_history.flush()
        if journal is None:
            logger.info("No state was saved: none is kept")
            return
        if self._condenser is not None and self._failed is None:
            self._condenser.finish()
        self._journal = self._condenser = None
        self._machine.facts = None
        self._let_calls_alone()
        journal.close()
        logger.info("Saved state in %s", journal.place)

    # ---- storing

    def hold(self) -> None:
        """Let changes wait for :meth:`commit`, from now on: the server answers a turn's calls together."""
        self._held = True
        self._machine.most_due = _MOST_DUE
        if self._clock is wall_clock:
            self._clock = SteadyClock()
        self._let_calls_alone()

    def tell_of_loss(self, then: Callable[[], None]) -> None:
        """Call ``then``, from any thread, when it shows that :meth:`commit` can only fail from now on."""
        if self._journal is not None:
            self._journal.on_loss = then
            if self._journal.loss is not None:
                then()

    @property
    def is_behind(self) -> bool:
        """Whether the last look at what is due has left something for the next one."""
        return self._machine.is_behind

    @property
    def is_settled(self) -> bool:
        """Whether everything that was done is stored, and told outside: :meth:`commit` would do nothing."""
        if self._machine.facts or self._machine.effects or self._failed is not None:
            return False
        return self._journal is None or self._journal.loss is None

    def commit(self) -> None:
        """Make all changes durable, then do what follows from them outside.

        Raises :class:`~luigi_clone._journal.base.JournalError` when they could not be stored; the process has
        to end then without having acknowledged any of them.
        """
        if self._journal is not None:
            self._failed = self._failed or self._journal.loss
            if self._machine.facts or self._failed is not None:
                self._append()
        if self._machine.effects:
            self._run_effects()
        if self._condenser is not None:
            self._condenser.work()

    def _store(self) -> bool:
        if self._held:
            return False
        if self._journal is not None:  # else somebody else wanted the facts
            self._append()
        return True

    def _append(self) -> None:
        if self._failed is not None:
            raise self._failed
        facts, journal = self._machine.facts, self._journal
        assert journal is not None
        assert facts is not None
        try:
            journal.append(facts)
        except JournalError as error:
            # what is in memory is ahead of what is stored: nothing of it may be acknowledged any more
            self._failed = error
            raise
        if self._changes is not None:
            self._changes.take(facts)
        facts.clear()

    # ---- who looks on

    def tell_of_changes(self, changes: Changes | None) -> None:
        """Have ``changes`` told of everything that is stored from now on; None ends that.

        Without a journal facts are recorded for it alone.
        """
        self._changes = changes
        if self._journal is None:
            self._machine.facts = None if changes is None else []

    def changed_tasks(self) -> set[str]:
        """Return the ids of the tasks that changed since the last time it was asked."""
        if self._changes is None:
            return set()
        facts = self._machine.facts
        if self._journal is None and facts:
            self._changes.take(facts)
            facts.clear()
        return self._changes.taken()

    # ---- callers in this process

    def _commit_each_call(self) -> None:
        """Let each call commit by itself before it returns."""
        lock = threading.RLock()
        for name in RPC_METHODS:
            call = getattr(self, name, None)
            if call is not None:
                self.__dict__[name] = _committing(call, self.commit, lock)

    def _let_calls_alone(self) -> None:
        for name in RPC_METHODS:
            self.__dict__.pop(name, None)

    def _not_copied(self) -> set[str]:
        return {
            "_journal",
            "_condenser",
            "_held",
            "_failed",
            "_changes",
            *(name for name in RPC_METHODS if name in self.__dict__),
        }


def _committing(
    call: Callable[..., Any], commit: Callable[[], None], lock: threading.RLock
) -> Callable[..., Any]:
    @functools.wraps(call)
    def call_and_commit(*args: Any, **kwargs: Any) -> Any:
        with lock:  # a worker and its pings
            try:
                return call(*args, **kwargs)
            finally:
                commit()

    return call_and_commit


@contextmanager
def _without_collecting_garbage() -> Iterator[None]:
    """Let a million records be made without looking through all of them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
