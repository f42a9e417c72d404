"""A process of the warm pool: what it does from its start to its end."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any, NamedTuple

from luigi_clone._task_processes.completion import CompletionCache
from luigi_clone._task_processes.forking import begin_child, end_with, load_end_with
from luigi_clone._task_processes.interpreter import prepare_interpreter
from luigi_clone._task_processes.results import ChildResults, send
from luigi_clone._task_processes.surroundings import lay_out, lay_out_handlers
from luigi_clone.task_status import FAILED

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_HEAD = 8
_CHUNK = 1 << 16


class Limits(NamedTuple):
    """When a process makes room for a fresh one; 0: never."""

    tasks: int
    mib: int


class Order(NamedTuple):
    """What is to be attempted."""

    task_id: str
    process: bytes
    """The pickled kind and attributes of the task process."""
    found_complete: list[str] | None
    """What is new in the cache of complete tasks; ``None`` without one."""


def serve(connection: Connection, aliased: bool, limits: Limits) -> None:
    """Be the process: make attempts until the worker wants no more."""
    _let_go_of_fork_server()
    load_end_with()
    end_with(None)
    parent = parent_process()
    if parent is not None and not parent.is_alive():
        return  # it ended before this process was bound to it
    begin_child()
    prepare_interpreter(aliased)
    from luigi_clone._task_processes.process import become_process

    become_process()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        _Server(connection.fileno(), limits).run()


def _let_go_of_fork_server() -> None:
    """Let a fork server that this process comes from end with the worker, and take this process along.

    It lives as long as somebody holds the other end of a pipe, and multiprocessing hands that end to each
    process, for the case that it wants to start some of its own. It starts a server of its own then.
    """
    module = sys.modules.get("multiprocessing.forkserver")
    server: Any = getattr(module, "_forkserver", None)
    held = getattr(server, "_forkserver_alive_fd", None)
    if held is not None:
        os.close(held)
        server._forkserver_alive_fd = server._forkserver_address = None


class _Results(ChildResults):
    """Keeps the results of an attempt until it is over."""

    def __init__(self, fd: int, process: Any, lock: threading.Lock) -> None:
        super().__init__(fd, process)
        self._lock = lock
        self.kept: list[tuple[bytes, bytes]] = []

    def put(self, result: Any, block: bool = True, timeout: float | None = None) -> None:
        """Take one result."""
        try:
            payload = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # pickling runs user code
            payload = pickle.dumps(self.process.refused_result(result, error), pickle.HIGHEST_PROTOCOL)
        self.kept.append((payload, self.process.findings()))


class _Server:
    def __init__(self, fd: int, limits: Limits) -> None:
        self._fd = fd
        self._limits = limits
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._count = 0
        self._cache = CompletionCache()
        self._buffer = bytearray()
        self._collected_at: Any = None
        """Where the output of the attempts is read, if not by the worker."""

    # -- talking ------------------------------------------------

    def _read(self) -> Any:
        """Return the next message, or ``None`` when the worker has gone."""
        while True:
            if len(self._buffer) >= _HEAD:
                end = _HEAD + int.from_bytes(self._buffer[:_HEAD], "big")
                if len(self._buffer) >= end:
                    message = pickle.loads(self._buffer[_HEAD:end])  # noqa: S301 - written by our own parent
                    del self._buffer[:end]
                    return message
            chunk = os.read(self._fd, _CHUNK)
            if not chunk:
                return None
            self._buffer += chunk

    def _write(self, message: Any) -> None:
        payload = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            send(self._fd, payload)

    def tell(self, kind: str, what: Any) -> None:
        """Tell the worker something that is no result."""
        # What a task has forked must not write into the middle of the task's messages.
        if os.getpid() == self._owner:
            self._write((None, (kind, what)))

    # -- attempts ------------------------------------------------

    def run(self) -> None:
        """Do what the worker says."""
        while (message := self._read()) is not None:
            kind, what = message
            if kind == "surroundings":
                lay_out(what, self.tell)
                self.tell("ready", None)
            elif kind == "logs":
                self._collected_at = what
            elif kind == "handlers":
                lay_out_handlers(what, self.tell)
            elif kind == "attempt" and not self._attempt(Order(*what)):
                return

    def _attempt(self, order: Order) -> bool:
        """Make one attempt; return whether the process is good for another."""
        self._count += 1
        results = _Results(self._fd, None, self._lock)
        try:
            process = self._make(order, results)
        except Exception:  # importing and unpickling run user code
            text = "The task could not be made in a process of the pool:\n" + traceback.format_exc()
            results.kept.append((pickle.dumps((order.task_id, FAILED, text, [], [])), b""))
            return self._finish(results, self._is_fit())
        fit = False
        try:
            with _same_place(), self._messages(process):
                process.run()
            fit = True
        except (KeyboardInterrupt, SystemExit):
            if not results.kept:
                raise
        except BaseException:  # of the context; the task's own failure is a result
            if not results.kept:
                raise
            traceback.print_exc()
        finally:
            _flush()
        return self._finish(results, fit and self._is_fit())

    def _make(self, order: Order, results: _Results) -> Any:
        kind, attributes, has_messages = pickle.loads(order.process)  # noqa: S301 - written by our own parent
        process = kind.__new__(kind)
        process.__dict__.update(attributes, ending=None, required_tasks=None, task_completion_cache=None)
        process.result_queue = results
        results.process = process
        reporter = process.status_reporter
        if has_messages:
            reporter.scheduler_messages = queue.Queue()
        log = getattr(reporter, "log", None)
        if log is not None and self._collected_at is not None:
            log.address = self._collected_at
        carry = getattr(reporter, "carry_through", None)
        if carry is not None:
            carry(lambda call: self.tell("scheduler", call))
        if order.found_complete is not None:
            self._cache.learn(order.found_complete)
            self._cache.fresh.clear()
            process.task_completion_cache = self._cache
        return process

    def _is_fit(self) -> bool:
        tasks, mib = self._limits
        return not (tasks and self._count >= tasks) and not (mib and _resident() > mib << 20)

    def _finish(self, results: _Results, fit: bool) -> bool:
        last = len(results.kept) - 1
        for index, (result, findings) in enumerate(results.kept):
            self._write((result, findings, index == last and not fit))
        return fit

    @contextlib.contextmanager
    def _messages(self, process: Any) -> Iterator[None]:
        """Let a thread take in messages while the task runs, if it accepts any."""
        messages = getattr(process.status_reporter, "scheduler_messages", None)
        if messages is None:
            yield
            return
        stop, stopper = os.pipe()
        thread = threading.Thread(target=self._take_messages, args=(messages, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.close(stopper)
            thread.join()
            os.close(stop)

    def _take_messages(self, messages: Any, stop: int) -> None:
        from multiprocessing.connection import wait

        while stop not in wait([self._fd, stop]):
            message = self._read()
            if message is None:
                return
            kind, what = message
            if kind == "message":
                messages.put(pickle.loads(what))  # noqa: S301 - written by our own parent


@contextlib.contextmanager
def _same_place() -> Iterator[None]:
    """Undo what a task does to the working directory and the environment: the next one has them too."""
    environment = dict(os.environ)
    try:
        directory = os.getcwd()  # noqa: PTH109 - a microsecond
    except OSError:
        directory = None
    try:
        yield
    finally:
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        if directory is not None:
            with contextlib.suppress(OSError):
                os.chdir(directory)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()


def _resident() -> int:
    """Return how many bytes of memory this process has, at most so far where that is all that is known."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak << 10
