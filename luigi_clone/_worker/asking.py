"""Asking many tasks at once whether they are complete: in threads, or in processes that threads lead."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Protocol

from luigi_clone._task_processes.completion import TracebackWrapper, check_complete_cached
from luigi_clone._task_processes.ending import send_to_group
from luigi_clone._task_processes.forking import begin_child, end_with, load_end_with, starting
from luigi_clone._task_processes.interpreter import is_aliased, prepare_interpreter
from luigi_clone._task_processes.pickling import unpicklable_attribute
from luigi_clone._worker.discovery import complete_in_bulk

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from multiprocessing.connection import Connection

    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")

_GRACE = 0.5  # seconds that a process has between SIGTERM and SIGKILL

_GOODBYE = b""

Answer = tuple[Any, dict[str, Any]]
"""What ``complete()`` said, and the attributes of the task that it changed."""


class _Leave:
    """Stands for the answer of a ``complete()`` that raised what ends a program, such as ``SystemExit``."""

    def __init__(self, reason: BaseException) -> None:
        self.reason = reason

    def __reduce__(self) -> Any:
        """Travel by the exit code: libraries that pickle exceptions in their own way may lose it."""
        return _leave, (getattr(self.reason, "code", None),)


def _leave(code: Any) -> _Leave:
    return _Leave(SystemExit(code))


class _Asker(Protocol):
    """Asks one task at a time."""

    def ask(self, task: Task) -> Answer:
        """Return the answer, whatever happens."""

    def close(self) -> None:
        """Ask no more."""


class _InThread:
    """Asks in the calling thread."""

    def ask(self, task: Task) -> Answer:
        """Return the answer; an exception is one too."""
        try:
            return check_complete_cached(task), {}
        except Exception:  # whatever user code raises is an answer
            return TracebackWrapper(traceback.format_exc()), {}
        except BaseException as reason:  # SystemExit is for the thread that walks
            return _Leave(reason), {}

    def close(self) -> None:
        """Nothing is held."""


class _InProcess:
    """Asks in a process of its own; one that dies is replaced, and its death is the answer."""

    def __init__(self) -> None:
        self.stopped = False
        self._start()

    def _start(self) -> None:
        import multiprocessing

        load_end_with()
        self._connection, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(
            target=_answer_questions, args=(theirs, is_aliased()), name="luigi-complete", daemon=True
        )
        with starting():
            self.process.start()
        theirs.close()

    def ask(self, task: Task) -> Answer:
        """Send the task over and wait for the answer."""
        import pickle
        from multiprocessing.reduction import ForkingPickler

        try:
            question = ForkingPickler.dumps(task)
        except Exception as error:  # pickling runs user code
            return TracebackWrapper(_cannot_send(task, error)), {}
        try:
            self._connection.send_bytes(question)
            reply = self._connection.recv_bytes()
        except (EOFError, OSError):
            return TracebackWrapper(self._replace(task)), {}
        try:
            answer: Answer = pickle.loads(reply)  # noqa: S301 - written by our own child
        except Exception:  # unpickling runs user code
            return TracebackWrapper(traceback.format_exc()), {}
        return answer

    def _replace(self, task: Task) -> str:
        if self.stopped:
            return "Interrupted\n"
        self.process.join()
        code = self.process.exitcode
        self._connection.close()
        self._start()
        return f"The process that called complete() of {task} died unexpectedly with exit code {code}\n"

    def close(self) -> None:
        """Let the process end, and wait until it has."""
        with contextlib.suppress(OSError):
            self._connection.send_bytes(_GOODBYE)
        self._connection.close()
        self.process.join()


def _answer_questions(connection: Connection, aliased: bool) -> None:
    """Be the process: answer until there are no more questions, or nobody to ask them."""
    from multiprocessing.connection import wait
    from multiprocessing.process import parent_process

    parent = parent_process()
    assert parent is not None
    end_with(None)
    begin_child()
    prepare_interpreter(aliased)
    # Processes forked later hold the other end of the pipe as well, so that its closing would tell nothing.
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while connection in wait([connection, parent.sentinel]):
            question = connection.recv_bytes()
            if question == _GOODBYE:
                return
            connection.send_bytes(_reply(question))


def _reply(question: bytes) -> bytes:
    import pickle

    try:
        task: Task = pickle.loads(question)  # noqa: S301 - written by our own parent
    except Exception:  # importing and unpickling run user code
        return pickle.dumps((TracebackWrapper(traceback.format_exc()), {}))
    before = dict(task.__dict__)
    answer: Any
    try:
        answer = task.complete()
    except Exception:  # whatever user code raises is an answer
        answer = TracebackWrapper(traceback.format_exc())
    except SystemExit as reason:
        answer = _Leave(SystemExit(reason.code))
    missing = object()
    changed = {k: v for k, v in task.__dict__.items() if before.get(k, missing) is not v}
    try:
        return pickle.dumps((answer, changed))
    except Exception:  # such attributes, or such a value, cannot leave the process
        plain = isinstance(answer, (bool, TracebackWrapper, _Leave))
        return pickle.dumps((answer if plain else repr(answer), {}))


def _cannot_send(task: Task, error: BaseException) -> str:
    import pickle

    try:
        pickle.dumps(task)
    except Exception:  # pickling runs user code
        return (
            f"{task} cannot be sent to a scheduling process because of {unpicklable_attribute(task)}. "
            "Keep such objects out of the task until run(), ask in threads ([worker]"
            " parallel_scheduling_threads), or turn parallel scheduling off.\n"
        )
    return "".join(traceback.format_exception(error))


class CompletionPool:
    """Evaluates ``complete()`` of many tasks at once; ``get`` takes the answers as they arrive.

    With ``threads`` it asks in so many threads of this process, else in ``processes`` processes (0: one per
    CPU), each led by a thread.
    """

    def __init__(
        self,
        processes: int = 0,
        threads: int = 0,
        completion_cache: MutableMapping[str, bool] | None = None,
    ) -> None:
        self.bulk_in_threads = threads > 0
        self._cache = completion_cache
        self._questions: queue.SimpleQueue[Task | list[Task] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Task, Answer]] = queue.SimpleQueue()
        self._outstanding = 0
        self._children: list[_InProcess] = []
        self._threads: list[threading.Thread] = []
        if threads > 0:
            self._askers: list[_Asker] = [_InThread() for _ in range(threads)]
        else:
            # All now, while the threads that lead them are not there yet.
            self._children = [
                _InProcess() for _ in range(processes if processes > 0 else os.cpu_count() or 1)
            ]
            self._askers = list(self._children)

    def ask(self, task: Task) -> None:
        """Ask ``task``; its answer arrives whatever happens."""
        logger.debug("Checking if %s is complete", task)
        if self._cache is not None and self._cache.get(task.task_id):
            self.answer(task, True)
            return
        self._outstanding += 1
        self._questions.put(task)
        self._grow()

    def ask_in_bulk(self, tasks: list[Task]) -> None:
        """Let a thread ask tasks of one class by their ``bulk_complete``."""
        self._outstanding += len(tasks)
        self._questions.put(tasks)
        self._grow()

    def answer(self, task: Task, is_complete: bool) -> None:
        """Give the answer that is known without asking."""
        self._outstanding += 1
        self._answers.put((task, (is_complete, {})))

    def get(self) -> tuple[Task, Any]:
        """Wait for the next answer; raise what a ``complete()`` raised to end the program."""
        task, (is_complete, changed) = self._answers.get()
        self._outstanding -= 1
        if isinstance(is_complete, _Leave):
            raise is_complete.reason
        if changed:
            task.__dict__.update(changed)
        if self._cache is not None and is_complete is True:
            self._cache[task.task_id] = True
        return task, is_complete

    def _grow(self) -> None:
        while len(self._threads) < min(self._outstanding, len(self._askers)):
            thread = threading.Thread(
                target=self._lead,
                args=(self._askers[len(self._threads)],),
                name="luigi-complete",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def _lead(self, asker: _Asker) -> None:
        while (question := self._questions.get()) is not None:
            if isinstance(question, list):
                self._ask_group(question)
            else:
                self._answers.put((question, asker.ask(question)))

    def _ask_group(self, tasks: list[Task]) -> None:
        found = complete_in_bulk(tasks)
        for index, task in enumerate(tasks):
            if found is None:
                self._questions.put(task)
            else:
                self._answers.put((task, (found[index], {})))

    def close(self) -> None:
        """Ask nothing more, and wait for the questions that are being asked, the threads and processes."""
        self._dismiss()
        for thread in self._threads:
            thread.join()
        for asker in self._askers:
            asker.close()

    def abandon(self) -> None:
        """End at once: no thread is waited for, and processes get SIGTERM, then SIGKILL."""
        self._dismiss()
        for child in self._children:
            child.stopped = True
            if child.process.pid is not None:
                send_to_group(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for child in self._children:
            child.process.join(max(0.0, deadline - time.monotonic()))
            if child.process.is_alive() and child.process.pid is not None:
                send_to_group(child.process.pid, signal.SIGKILL)
                child.process.join()

    def _dismiss(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._questions.get_nowait()
        for _ in self._threads:
            self._questions.put(None)
