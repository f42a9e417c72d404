"""Writes events of tasks in batches, by a thread of its own, so that no call waits for the database."""

from __future__ import annotations

import datetime
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

__all__ = ["Event", "Store", "Writer"]

logger = logging.getLogger("luigi.scheduler")

_BATCH = 1000
_GATHERING = 0.1
"""Seconds for which the first event waits for others to be written with it."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
"""Seconds between two attempts while the database is away."""
_TEND_EVERY = 3600.0
_PATIENCE = 5.0
"""Seconds for which the end of a process waits for the database."""


class Event(NamedTuple):
    """What happened to a task, with all that its record needs."""

    task_id: str
    family: str
    params: Mapping[str, Any]
    name: str  # the status that the task got
    host: str | None
    at: datetime.datetime


class Store(Protocol):
    """Where the events go. The methods are called by one thread only."""

    def store(self, events: Sequence[Event]) -> None:
        """Keep the events, all of them or, with an exception, none."""

    def is_away(self, error: BaseException) -> bool:
        """Tell whether the same may succeed later."""

    def tend(self) -> bool:
        """Do a bit of the housekeeping that is due once in a while; tell whether there is more."""


class Writer:
    """Hands events to a store in the order in which they came.

    ``limit`` is how many events may wait: beyond that the oldest is given up. While the store is away the
    events wait, and it is tried again after pauses that grow; the log tells when that begins and ends. An
    event that the store refuses is given up, with a line in the log.
    """

    def __init__(self, store: Store, limit: int, gathering: float = _GATHERING) -> None:
        self._store = store
        self._gathering = gathering
        self._condition = threading.Condition()
        self._waiting: deque[Event] = deque(maxlen=max(1, limit))
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._taken = 0  # events that came
        self._settled = 0  # of these, those that were stored or given up
        self._given_up = 0  # of these, those for which there was no room, since the store went away
        self._failures = 0  # attempts that found the store away
        self._hurried = False
        self._closing = False
        self._tend_at = 0.0

    def __len__(self) -> int:
        """Return how many events are not settled yet."""
        return self._taken - self._settled

    def put(self, event: Event) -> None:
        """Have the event written, and return at once. In a copy of the process nothing is written."""
        if os.getpid() != self._pid:
            return
        with self._condition:
            if len(self._waiting) == self._waiting.maxlen:
                self._settled += 1
                self._given_up += 1
            self._waiting.append(event)
            self._taken += 1
            if self._thread is None:
                self._start()
            elif len(self._waiting) in (1, _BATCH):
                self._condition.notify_all()

    def start(self) -> None:
        """Begin with the housekeeping, before there is any event."""
        with self._condition:
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="luigi-task-history", daemon=True)
        self._thread.start()

    def flush(self, timeout: float = _PATIENCE) -> bool:
        """Wait until the events so far are written; false if the store is away, or at the end of the time."""
        if os.getpid() != self._pid or threading.current_thread() is self._thread:
            return False
        with self._condition:
            target, failures = self._taken, self._failures
            if self._settled >= target:
                return True
            self._hurried = True
            self._condition.notify_all()
            self._condition.wait_for(
                lambda: self._settled >= target or self._failures > failures,
                timeout,
            )
            return self._settled >= target

    def close(self, timeout: float = _PATIENCE) -> None:
        """Write what waits, and end the thread; the log tells what could not be written."""
        if os.getpid() != self._pid:
            return
        if not self.flush(timeout):
            logger.error(
                "%d events of the task history are lost at the end of the process: the database is away",
                len(self),
            )
        with self._condition:
            thread, self._thread = self._thread, None
            self._closing = True
            self._condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    # ---- in the thread

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is None:
                return
            if batch:
                self._write(batch)
            if time.monotonic() >= self._tend_at:
                self._tend()

    def _next_batch(self) -> list[Event] | None:
        """Wait for events or housekeeping; None at the end."""
        condition = self._condition
        with condition:
            due = max(0.0, self._tend_at - time.monotonic())
            condition.wait_for(lambda: self._waiting or self._closing, due)
            if not self._waiting:
                return None if self._closing else []
            condition.wait_for(
                lambda: self._hurried or self._closing or len(self._waiting) >= _BATCH, self._gathering
            )
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._hurried = self._hurried and bool(self._waiting)
            return batch

    def _write(self, batch: list[Event]) -> None:
        """Store a batch, however often that has to be tried."""
        pause = 0.0
        while (error := self._attempt(batch)) is not None:
            if not self._store.is_away(error):
                self._write_singly(batch)
                break
            if not pause:
                logger.warning(
                    "The task history cannot be written now: %s. It is tried again; up to %d events wait.",
                    _text_of(error),
                    self._waiting.maxlen,
                )
            pause = min(2 * pause or _FIRST_PAUSE, _LONGEST_PAUSE)
            if self._pause(pause):
                return
        self._settle(len(batch), recovered=bool(pause))

    def _attempt(self, events: list[Event]) -> Exception | None:
        try:
            self._store.store(events)
        except Exception as error:
            return error
        return None

    def _write_singly(self, batch: list[Event]) -> None:
        """Store what can be stored of a batch that was refused."""
        refused = [(event, error) for event in batch if (error := self._attempt([event])) is not None]
        if refused:
            event, error = refused[0]
            logger.warning(
                "The task history refused %d events; the first one is %s of %s: %s",
                len(refused),
                event.name,
                event.task_id,
                _text_of(error),
            )

    def _pause(self, seconds: float) -> bool:
        """Wait before the next attempt, unless somebody waits for it; true if there is none any more."""
        with self._condition:
            self._failures += 1
            self._hurried = False
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._hurried or self._closing, seconds)
            return self._closing

    def _settle(self, count: int, *, recovered: bool) -> None:
        with self._condition:
            self._settled += count
            given_up, self._given_up = self._given_up, 0
            self._condition.notify_all()
        if given_up:
            logger.error("%d events of the task history are lost: too many waited for the database", given_up)
        if recovered:
            logger.info("The task history is written again")

    def _tend(self) -> None:
        more = False
        try:
            more = self._store.tend()
        except Exception as error:
            logger.warning("Old rows of the task history could not be deleted: %s", _text_of(error))
        self._tend_at = time.monotonic() + (0 if more else _TEND_EVERY)


def _text_of(error: BaseException) -> str:
    """Return the database's own words, without the statement."""
    return f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
