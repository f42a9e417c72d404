"""A task process whose attempt is made on a Dask cluster, as the worker sees it."""

from __future__ import annotations

import pickle
import signal
import time
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.ending import Ending
from luigi_clone._task_processes.pickling import cannot_travel
from luigi_clone._task_processes.pool import TRAVELLING
from luigi_clone._task_processes.process import ContextManagedTaskProcess

if TYPE_CHECKING:
    from luigi_clone.contrib._dask.engine import Engine

_JOURNEY = 10.0
"""Seconds beyond its grace after which an end that was asked for is taken for granted no more."""


class DaskError(Exception):
    """A task cannot be brought to the cluster, or the cluster cannot be reached."""

    __module__ = "luigi_clone.contrib.dask"


class _Mailbox:
    """Brings messages to a task on the cluster."""

    def __init__(self, engine: Engine, process: DaskTaskProcess) -> None:
        self._engine = engine
        self._process = process

    def put(self, message: Any) -> None:
        """Send a message; one for a task that has ended is lost."""
        self._engine.deliver(self._process, pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def __reduce__(self) -> Any:
        # The other process has a queue of its own.
        return type(None), ()


class _DistantEnding(Ending):
    """The end of a process on another machine: SIGTERM, grace and SIGKILL happen there."""

    __slots__ = ("_process",)

    def __init__(self, process: DaskTaskProcess, grace: float) -> None:
        self._process = process
        self.kill_at = time.monotonic() + grace + _JOURNEY
        self.send(signal.SIGTERM)

    def send(self, signum: int) -> None:
        """Let a signal be sent there; one that nobody can send any more ends the attempt here."""
        self._process.send_signal(signum)

    def is_over(self) -> bool:
        """Tell whether the attempt has ended."""
        return not self._process.is_alive()


class DaskTaskProcess(ContextManagedTaskProcess):
    """Runs one task once, somewhere on the cluster."""

    def __init__(self, *args: Any, engine: Engine, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._engine = engine
        self._code: int | None = None
        self.key: str | None = None
        """What the cluster knows the attempt by, once it has been handed over."""
        self.is_over = False
        # The time of a task begins when a process there begins with it.
        self.timeout_time = None

    def start(self) -> None:
        """Hand the task to the cluster."""
        reporter = self.status_reporter
        has_messages = getattr(reporter, "scheduler_messages", None) is not None
        if has_messages:
            reporter.scheduler_messages = _Mailbox(self._engine, self)
        attributes = {name: getattr(self, name) for name in TRAVELLING}
        # From another machine the scheduler may have another name, or none.
        leave_scheduler = getattr(reporter, "without_scheduler", None)
        attributes["status_reporter"] = reporter if leave_scheduler is None else leave_scheduler()
        if type(self.task).__module__ == "__main__":
            raise DaskError(
                f"{self.task} cannot be sent to the Dask cluster: its class is defined in the main script,"
                " which is not there. Move it into a module that can be imported."
            )
        try:
            whole = pickle.dumps(
                (ContextManagedTaskProcess, attributes, has_messages), pickle.HIGHEST_PROTOCOL
            )
        except Exception as error:  # pickling runs user code
            raise DaskError(cannot_travel(self.task, "the Dask cluster")) from error
        self._engine.submit(self, whole)

    def begin_time(self) -> None:
        """Let the time of the task begin."""
        if self.worker_timeout and self.timeout_time is None:
            self.timeout_time = time.time() + self.worker_timeout

    # -- its state ------------------------------------------------

    @property
    def pid(self) -> int | None:
        """``None``: on this machine there is no process."""
        return None

    @property
    def exitcode(self) -> int | None:
        """The exit code once it has ended; that of SIGKILL where nobody knows."""
        return self._code

    def is_alive(self) -> bool:
        """Tell whether the attempt goes on."""
        if not self.is_over:
            self._engine.take_in()
        return self.key is not None and not self.is_over

    def end(self, code: int, note: str = "") -> None:
        """Take note of the end."""
        if not self.is_over:
            self._code = code
            self.end_note = note
            self.is_over = True

    # -- its end ------------------------------------------------

    def terminate(self) -> None:
        """Begin to end the attempt, without waiting."""
        if self.is_alive() and self.ending is None:
            self.ending = _DistantEnding(self, self.termination_grace)

    def interrupt(self) -> None:
        """Send what ctrl-C sends."""
        self.send_signal(signal.SIGINT)

    def send_signal(self, signum: int) -> None:
        """Let a signal be sent to the attempt and what it started."""
        if not self.is_over:
            self._engine.signal(self, int(signum))
