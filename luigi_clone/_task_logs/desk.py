"""All logs of one worker: what it asks of this package."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from luigi_clone._task_logs import child, here
from luigi_clone._task_logs.arriving import Arrivals
from luigi_clone._task_logs.child import Address
from luigi_clone._task_logs.collecting import Collector
from luigi_clone._task_logs.files import LogFile, clean
from luigi_clone._task_logs.masking import forms_of
from luigi_clone._task_logs.recording import Recording
from luigi_clone._task_logs.sending import Send, TailSender
from luigi_clone._task_logs.settings import LogSettings

_CLEAN_EVERY = 3600.0


class AttemptLog:
    """Goes with one attempt into whatever process makes it.

    ``number`` and ``address`` are what the process says to whom, so that its output is read.
    """

    def __init__(self, desk: TaskLogs, number: int, address: Address) -> None:
        self._desk: TaskLogs | None = desk
        self._owner = os.getpid()
        self.number = number
        self.address = address

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_desk": None}

    def capturing(self) -> contextlib.AbstractContextManager[None]:
        """Return a context within which what the calling process writes goes to the log as well."""
        if self._desk is None:
            # Brought by a pickle: the process may make other attempts afterwards.
            return child.capturing(self.address, self.number, returns=True)
        if os.getpid() != self._owner:
            return child.capturing(self.address, self.number, returns=False)
        return self._desk.capturing_here(self.number)

    def arrivals(self) -> Arrivals:
        """In the worker: return what takes in the output of an attempt on another machine."""
        assert self._desk is not None
        return self._desk.arrivals(self.number)


class TaskLogs:
    """Keeps the logs of the attempts of one worker."""

    def __init__(self, settings: LogSettings, send: Send | None) -> None:
        self._settings = settings
        # Not from 1: a worker may have the id of one that ended.
        self._numbers = itertools.count(int(time.time() * 1000))
        self._recordings: dict[int, Recording] = {}
        self._running: dict[str, int] = {}
        self._captures: dict[int, here.Capture] = {}
        self._cleaned = -_CLEAN_EVERY
        self._cleaning: threading.Thread | None = None
        self._sender = None if send is None else TailSender(send)
        self._collector = Collector(self._recordings.get, self._tick)
        _restore_after_forks()

    def expect(self, task_id: str, secrets: Iterable[str]) -> AttemptLog:
        """Return what an attempt at the task needs so that its output is kept, without ``secrets`` in it."""
        number = next(self._numbers)
        file = LogFile(self._settings, task_id)
        recording = Recording(task_id, number, forms_of(secrets), file, None)
        sender = self._sender
        if sender is not None and sender.is_wanted:
            recording.on_text = _noting(sender, recording)
        self._recordings[number] = recording
        self._running[task_id] = number
        return AttemptLog(self, number, self._collector.address)

    @contextlib.contextmanager
    def capturing_here(self, number: int) -> Iterator[None]:
        """Capture an attempt in this process."""
        capture = here.Capture(self._recordings[number])
        self._captures[number] = capture
        try:
            with here.capturing(capture):
                yield
        finally:
            del self._captures[number]
            capture.finish()

    def arrivals(self, number: int) -> Arrivals:
        """Return what takes in the output of an attempt on another machine."""
        return Arrivals(self._recordings[number])

    def finish(self, task_id: str) -> None:
        """Take note that the attempt at a task is over: its output so far is in the log when this returns."""
        number = self._running.pop(task_id, None)
        if number is None:
            return
        recording = self._recordings[number]
        self._collector.drain(recording)
        recording.is_over = True
        recording.settle()
        if recording.open_sources == 0:
            del self._recordings[number]

    def _tick(self) -> None:
        """Do what is due, on the thread that reads."""
        for capture in list(self._captures.values()):
            capture.take_over()
        now = time.monotonic()
        if now - self._cleaned >= _CLEAN_EVERY:
            self._cleaned = now
            # Of its own, since a folder on a slow disk must not hold up the tasks.
            self._cleaning = threading.Thread(
                target=clean, args=(self._settings,), name="luigi-clean-logs", daemon=True
            )
            self._cleaning.start()

    def close(self) -> None:
        """Write and send the rest."""
        self._collector.close()
        for recording in self._recordings.values():
            recording.is_over = True
            recording.settle()
        self._recordings.clear()
        if self._sender is not None:
            self._sender.close()
        if self._cleaning is not None:
            self._cleaning.join(1.0)


def _noting(sender: TailSender, recording: Recording) -> Callable[[], None]:
    return lambda: sender.note(recording)


_watching: list[bool] = []


def _restore_after_forks() -> None:
    """Let a process that a task forks write to the streams alone: it has no threads that take the rest."""
    if not _watching:
        _watching.append(True)
        os.register_at_fork(after_in_child=here.forget)
