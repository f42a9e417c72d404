"""The warm pool: processes that make one attempt after the other, and import the modules of the tasks once.

The worker's side. A *seat* is a process of the pool together with the socket that leads there; a task
process takes a seat when it starts and gives it back with its result. A crash or a timeout costs the task and
the seat it had, and the next task gets a fresh one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import threading
import time
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.completion import CompletionCache
from luigi_clone._task_processes.interpreter import is_aliased
from luigi_clone._task_processes.pickling import cannot_travel
from luigi_clone._task_processes.pooled import Limits, serve
from luigi_clone._task_processes.process import ContextManagedTaskProcess, become_process
from luigi_clone._task_processes.results import Channel, ResultQueue
from luigi_clone._task_processes.surroundings import Handlers, call_handler, count_handlers, log_here, take_up
from luigi_clone.task_status import FAILED

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("luigi-interface")

START_METHODS = ("forkserver", "spawn")

_PATIENCE = 60.0
"""Seconds in which a process must take what is sent to it."""
_FAREWELL = 5.0
"""Seconds that the idle processes have to end when the worker is left."""

_HEAD = 8
_PRELOADED = [
    "luigi_clone._task_processes.pooled",
    "luigi_clone._task_processes.process",
    "luigi_clone.worker",
    "luigi_clone.scheduler",
]

TRAVELLING = (
    "context",
    "task",
    "worker_id",
    "worker_timeout",
    "timeout_time",
    "use_multiprocessing",
    "check_unfulfilled_deps",
    "check_complete_on_run",
)
"""What travels with a task; the rest belongs to the worker's process."""


class PoolError(Exception):
    """A task could not be brought into a process of the pool."""


class _Nobody:
    """Has an idle seat."""

    def is_alive(self) -> bool:
        return False

    def refused_result(self, result: Any, error: Exception) -> Any:
        return ("", FAILED, "", [], [])

    def findings(self) -> bytes:
        return b""

    def take_findings(self, findings: bytes) -> None:
        pass

    def take_call(self, call: Any) -> None:
        pass


NOBODY = _Nobody()


class Seat:
    """One process of the pool."""

    def __init__(self, pool: Pool) -> None:
        context = pool.context
        self._pool = pool
        self._lock = threading.Lock()
        self.current: PooledTaskProcess | None = None
        self.is_ready = False
        self.handler_counts: Any = ()
        self.learned = 0
        ours, theirs = context.Pipe()
        with ours, theirs:
            # Not a daemon: tasks may start processes of their own.
            self.process = context.Process(
                target=serve, args=(theirs, is_aliased(), pool.limits), name="luigi-pool"
            )
            self.process.start()
            self.fd = os.dup(ours.fileno())
        self.pid: int = self.process.pid
        os.set_blocking(self.fd, False)
        self.channel = Channel(self.fd, NOBODY, self)
        pool.results.listen(self.channel)
        self.is_open = True
        self.send("surroundings", take_up())

    # -- to the process ------------------------------------------------

    def send(self, kind: str, what: Any) -> None:
        """Send a message; ``OSError`` when the process is not there to take it."""
        payload = pickle.dumps((kind, what), pickle.HIGHEST_PROTOCOL)
        with self._lock:
            self._write(len(payload).to_bytes(_HEAD, "big") + payload)

    def _write(self, message: bytes) -> None:
        rest = memoryview(message)
        deadline = time.monotonic() + _PATIENCE
        while rest:
            if not self.is_open:
                raise BrokenPipeError("the process has ended")
            try:
                rest = rest[os.write(self.fd, rest) :]
            except BlockingIOError:
                import select

                poller = select.poll()
                poller.register(self.fd, select.POLLOUT)
                poller.poll(1000)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"process {self.pid} of the pool takes nothing") from None

    def take(self, process: PooledTaskProcess, order: tuple[Any, ...]) -> None:
        """Let ``process`` have the seat."""
        counts = count_handlers()
        if counts != self.handler_counts:
            handlers = self._pool.handlers
            if handlers.counts != counts:
                handlers.take_up()
            self.send("handlers", handlers.portable)
            self.handler_counts = counts
        self.current = self.channel.process = process
        try:
            self.send("attempt", order)
        except BaseException:
            self.current, self.channel.process = None, NOBODY
            raise

    # -- from the process ------------------------------------------------

    def take_call(self, call: Any) -> None:
        """Do what the process asks for beside its result."""
        kind, what = call
        if kind == "scheduler":
            if self.current is not None:
                self.current.status_reporter.take_call(what)
        elif kind == "log":
            log_here(what)
        elif kind == "event":
            current = self.current
            call_handler(self._pool.handlers, what, None if current is None else current.task)
        elif kind == "ready":
            self.is_ready = True
            if self.current is not None:
                self.current.grant_time(0)

    def finish(self, leaving: bool) -> None:
        """Note the end of an attempt."""
        process, self.current = self.current, None
        self.channel.process = NOBODY
        if process is None:
            return
        process.is_over = True
        if leaving or process.ending is not None:
            self.retire()
        else:
            self._pool.idle.append(self)

    def lose(self) -> None:
        """Note that the process has ended, or is about to."""
        self.is_open = False
        self._pool.drop(self)
        process = self.current
        if process is not None and not self.is_ready:
            process.report_no_start(self)

    def retire(self) -> None:
        """Let the process end."""
        if self.is_open:
            self.is_open = False
            self._pool.results.forget(self.channel)
        self._pool.drop(self)


class Pool:
    """The processes of one worker."""

    def __init__(self, options: Any, results: ResultQueue) -> None:
        import multiprocessing
        from multiprocessing import util

        method = options.pool_start_method
        if method not in START_METHODS:
            raise ValueError(
                f"[worker] pool_start_method: {method!r} is none of {' and '.join(START_METHODS)}"
            )
        become_process()
        self.context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            _preload(self.context)
        self.limits = Limits(options.pool_max_tasks, options.pool_max_memory)
        self.results = results
        self.handlers = Handlers()
        self.idle: list[Seat] = []
        self._seats: list[Seat] = []
        self._leaving: list[Any] = []
        self._owner = os.getpid()
        # multiprocessing waits for its children at the end of the interpreter, and these wait for a word.
        self._finalizer = util.Finalize(self, _close_all, (self._seats,), exitpriority=100)

    def __call__(self, *args: Any, **kwargs: Any) -> PooledTaskProcess:
        """Return the task process for one attempt."""
        return PooledTaskProcess(*args, pool=self, **{**kwargs, "use_multiprocessing": True})

    def occupy(self, process: PooledTaskProcess, order: Callable[[Seat], tuple[Any, ...]]) -> Seat:
        """Give ``process`` a seat that takes the order."""
        while self.idle:
            # The one used last: its memory is in the caches, and those that are not needed stay idle.
            seat = self.idle.pop()
            try:
                seat.take(process, order(seat))
            except OSError:  # it has ended since
                seat.retire()
            else:
                return seat
        seat = Seat(self)
        self._seats.append(seat)
        try:
            seat.take(process, order(seat))
        except OSError:
            # It ended at once; what it left in its pipe tells, when it is read.
            seat.current = seat.channel.process = process
        return seat

    def drop(self, seat: Seat) -> None:
        """Count a seat no more."""
        if seat in self._seats:
            self._seats.remove(seat)
            self._leaving.append(seat.process)
        if seat in self.idle:
            self.idle.remove(seat)
        self._leaving = [process for process in self._leaving if process.is_alive()]

    def close(self) -> None:
        """Let all processes end, and wait a little until they have."""
        if os.getpid() != self._owner:
            return
        for seat in list(self._seats):
            seat.retire()
        deadline = time.monotonic() + _FAREWELL
        for process in self._leaving:
            process.join(max(0.0, deadline - time.monotonic()))
        self._finalizer.cancel()


def _close_all(seats: list[Seat]) -> None:
    for seat in list(seats):
        if seat.is_open:
            seat.is_open = False
            with contextlib.suppress(OSError):
                os.close(seat.fd)


def _preload(context: Any) -> None:
    """Let the fork server import what every process needs, unless the program has told it what to import."""
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver
    if getattr(server, "_preload_modules", ["__main__"]) == ["__main__"]:
        # Without the main script: what goes wrong in there must end one process with a traceback, not the
        # server. Without effect when the server runs already.
        aliased = ["luigi_clone._task_processes.aliased"] if is_aliased() else []
        context.set_forkserver_preload([*aliased, *_PRELOADED])


class _Outbox:
    """Brings messages to a task in the pool."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._seat: Seat | None = None
        self._lock = threading.Lock()

    def put(self, message: Any) -> None:
        """Send a message; one for a task that has ended is lost."""
        whole = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self._seat is None:
                self._waiting.append(whole)
                return
        self._send(whole)

    def open(self, seat: Seat) -> None:
        """Send what waits, and all that follows, to the seat that the task has taken."""
        with self._lock:
            self._seat = seat
            waiting, self._waiting = self._waiting, []
        for whole in waiting:
            self._send(whole)

    def _send(self, whole: bytes) -> None:
        assert self._seat is not None
        with contextlib.suppress(OSError):
            self._seat.send("message", whole)

    def __reduce__(self) -> Any:
        # The other process has a queue of its own.
        return type(None), ()


class _Loan:
    """A seat as the handle of a process, for ``multiprocessing.Process``."""

    def __init__(self, process: PooledTaskProcess, seat: Seat) -> None:
        self._process = process
        self._seat = seat
        self.pid = seat.pid
        self.sentinel = seat.process.sentinel

    @property
    def returncode(self) -> int | None:
        """The exit code; an attempt that gave its seat back has 0."""
        return self.poll()

    def poll(self) -> int | None:
        """Return the exit code if it is over."""
        if self._process.is_over and self._process.ending is None:
            return 0
        code: int | None = self._seat.process.exitcode
        return code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, at most ``timeout`` seconds."""
        from multiprocessing.connection import wait

        deadline = None if timeout is None else time.monotonic() + timeout
        results = self._seat._pool.results
        while self.poll() is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            sources: list[Any] = [self._seat.process.sentinel]
            if self._seat.is_open:
                sources.append(self._seat.fd)
            wait(sources, left)
            results.drain(self._process)
        return self.poll()

    def _send_signal(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, signum)

    def kill(self) -> None:
        """Send SIGKILL."""
        import signal

        self._send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Nothing is held: the process belongs to the pool."""


class PooledTaskProcess(ContextManagedTaskProcess):
    """Runs one task once, in a process of the pool."""

    def __init__(self, *args: Any, pool: Pool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pool = pool
        self.is_over = False

    def start(self) -> None:
        """Take a seat, and start the attempt there."""
        reporter = self.status_reporter
        outbox = None
        if getattr(reporter, "scheduler_messages", None) is not None:
            outbox = reporter.scheduler_messages = _Outbox()
        attributes = {name: getattr(self, name) for name in TRAVELLING}
        attributes["status_reporter"] = reporter
        kind = ContextManagedTaskProcess
        try:
            whole = pickle.dumps((kind, attributes, outbox is not None), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # pickling runs user code
            raise PoolError(cannot_travel(self.task, "a process of the pool")) from error
        seat = self._pool.occupy(self, lambda seat: (self.task.task_id, whole, self._news(seat)))
        self._take_handle(seat)
        if not seat.is_ready:
            self.grant_time(_PATIENCE)
        if outbox is not None:
            outbox.open(seat)

    def grant_time(self, extra: float) -> None:
        """Let the time of the task begin now: the start of a process of the pool is not its own."""
        if self.timeout_time is not None:
            self.timeout_time = time.time() + self.worker_timeout + extra

    def _take_handle(self, seat: Seat) -> None:
        # The first look lets multiprocessing's constructor run.
        handle: Any = _Loan(self, seat)
        assert not self._closed
        self._popen = handle
        self._sentinel = handle.sentinel

    def _news(self, seat: Seat) -> list[str] | None:
        """Return what the process of the seat does not know yet of what is complete."""
        cache = self.task_completion_cache
        if not isinstance(cache, CompletionCache):
            return None
        news = cache.fresh[seat.learned :]
        seat.learned = len(cache.fresh)
        return news

    def report_no_start(self, seat: Seat) -> None:
        """Tell why the task cannot run: the process ended before it could take it."""
        seat.process.join(1.0)
        text = (
            f"The process of the pool ended with exit code {seat.process.exitcode} before it could take the"
            " task; what it wrote to the standard error tells why. Such a process imports the main script, so"
            " what a script starts must stand under: if __name__ == '__main__':"
        )
        logger.error("%s: %s", self.task, text)
        self._pool.results.put((self.task.task_id, FAILED, text, [], []))


def open_pool(options: Any, results: Any) -> Pool:
    """Return the pool of a worker with these options; its processes start when they are needed."""
    if not isinstance(results, ResultQueue):
        raise TypeError("[worker] executor = pool needs the worker's own result queue")
    return Pool(options, results)
