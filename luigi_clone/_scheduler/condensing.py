"""Keeps the journal short: snapshots, a bit at a time, beside the calls."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from luigi_clone._journal.base import JournalError
from luigi_clone._scheduling.snapshot import Snapshot

if TYPE_CHECKING:
    from luigi_clone._journal.base import Journal
    from luigi_clone._scheduling.machine import Machine

logger = logging.getLogger("luigi.scheduler")

SLICE = 0.005
"""Seconds that a bit of work is meant to take; calls wait that long for it."""
SHARE = 4
"""At most one in so many seconds is given to it."""
FAREWELL = 0.25
"""Seconds that the end of the process may take longer for a snapshot that makes the next start shorter."""
AGAIN_AFTER = 600.0
"""Seconds until a snapshot is tried again after one could not be stored."""

_FIRST_SIZE = 200
_SMALLEST_SIZE = 50
_LARGEST_SIZE = 5000


class Condenser:
    """Writes snapshots of a machine into its journal, and removes what they replace."""

    def __init__(self, machine: Machine, journal: Journal) -> None:
        self._machine = machine
        self._journal = journal
        self._snapshot: Snapshot | None = None
        self._size = _FIRST_SIZE
        self._next = 0.0

    def work(self) -> None:
        """Do a bit, if there is something to do and it is time for it. The machine's facts are stored."""
        started = time.perf_counter()
        if started < self._next:
            return
        try:
            if self._snapshot is not None:
                self._go_on()
            elif self._journal.wants_snapshot():
                self._start()
            elif not self._journal.tidy():
                return
        except JournalError as error:
            # every fact is stored: only the file grows, and the next start takes longer
            logger.warning("No snapshot could be stored, so the journal goes on growing: %s", error)
            self._give_up()
            self._next = started + AGAIN_AFTER
            return
        now = time.perf_counter()
        self._next = now + (SHARE - 1) * (now - started)

    def finish(self) -> None:
        """Make the next start shorter, if that can be had in a moment."""
        deadline = time.perf_counter() + FAREWELL
        try:
            if self._snapshot is None and self._journal.appended > self._journal.condensed // 2:
                self._start()
            while self._snapshot is not None and time.perf_counter() < deadline:
                self._go_on()
        except JournalError as error:
            logger.warning("No last snapshot could be stored, so the next start takes longer: %s", error)
        self._give_up()

    def _start(self) -> None:
        self._journal.start_snapshot()
        self._snapshot = Snapshot(self._machine)

    def _go_on(self) -> None:
        snapshot = self._snapshot
        assert snapshot is not None
        started = time.thread_time()  # other processes' work would make the bits smaller and smaller
        facts = snapshot.part(self._size)
        if not facts:
            self._journal.finish_snapshot()
            self._snapshot = None
            return
        self._journal.add_to_snapshot(facts)
        seconds = time.thread_time() - started
        if len(facts) >= self._size and seconds > 0:
            fitting = int(self._size * SLICE / seconds)
            self._size = max(_SMALLEST_SIZE, min(_LARGEST_SIZE, 2 * self._size, fitting))

    def _give_up(self) -> None:
        if self._snapshot is not None:
            self._snapshot.give_up()
        self._snapshot = None
