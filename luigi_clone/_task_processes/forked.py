"""A child that costs little more than its fork.

Every page that parent or child writes to after a fork costs a fault and a copy, some three microseconds, and
in Python the mere call of a function writes to several. ``multiprocessing`` spends about as much on what
surrounds a fork as the fork itself takes. Here is the same life of a child with everything left out that has
no effect in a child of this kind, and with what can be prepared made before the fork.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
import traceback
from multiprocessing import popen_fork
from multiprocessing import process as _registry
from multiprocessing import util as _util
from time import thread_time
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    from luigi_clone._task_processes.process import TaskProcess

# What multiprocessing keeps to itself is read and set here alone, as its own forked children do.
registry: Any = _registry
util: Any = _util


class _Prepared:
    """What every child of this process needs and none has to make."""

    __slots__ = ("input_here", "no_input", "null", "owner", "parent")

    def __init__(self) -> None:
        self.owner = os.getpid()
        # The descriptor becomes readable when this process ends.
        self.parent = registry._ParentProcess(
            registry.current_process().name, self.owner, os.pidfd_open(self.owner)
        )
        self.null = os.open(os.devnull, os.O_RDONLY)
        self.no_input: TextIO = open(self.null, encoding="utf-8", closefd=False)  # noqa: SIM115
        self.input_here: TextIO | None = None
        with contextlib.suppress(AttributeError, OSError, ValueError):
            if sys.stdin.fileno() == 0:
                self.input_here = sys.stdin


_PREPARED: list[_Prepared] = []


def _prepare() -> _Prepared:
    if not _PREPARED or _PREPARED[0].owner != os.getpid():
        _PREPARED[:] = [_Prepared()]
    return _PREPARED[0]


def suits(process: TaskProcess) -> bool:
    """Tell whether ``process`` can be started this way.

    Not on systems without a descriptor for a process, and not where somebody has put something around the
    life of multiprocessing's children, as tools do that measure coverage.
    """
    return (
        hasattr(os, "pidfd_open")
        and type(process)._bootstrap.__module__ == _BOOTSTRAP
        and registry.BaseProcess._bootstrap.__module__ == _registry.__name__
    )


_BOOTSTRAP = "luigi_clone._task_processes.process"


class Forked(popen_fork.Popen):
    """The handle of a forked child; what ``multiprocessing.Process`` asks of its children's handles."""

    pid: int
    sentinel: int
    returncode: int | None
    took: float
    """CPU seconds of this process for the fork."""

    def _launch(self, process: TaskProcess) -> None:
        self.sentinel = -1
        prepared = _prepare()
        before = thread_time()
        self.pid = os.fork()
        if self.pid == 0:
            _live(process, prepared)
        self.took = thread_time() - before
        try:
            # Readable when the child has ended, and no descriptor of the child is needed for it.
            self.sentinel = os.pidfd_open(self.pid)
        except OSError:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise

    def close(self) -> None:
        """Give up the descriptor."""
        if self.sentinel >= 0:
            os.close(self.sentinel)
            self.sentinel = -1

    __del__ = close


def _live(process: TaskProcess, prepared: _Prepared) -> NoReturn:
    """Be the child."""
    code = 1
    try:
        process.begin()
        _settle(process, prepared)
        code = _work(process)
    except BaseException:  # nobody is left to hear of it
        traceback.print_exc()
    finally:
        os._exit(code)


def _settle(process: TaskProcess, prepared: _Prepared) -> None:
    """Let multiprocessing, the standard input and the main thread be those of a child."""
    registry._process_counter = itertools.count(1)
    registry._children = set()
    previous = registry._current_process
    registry._current_process = process
    registry._parent_process = prepared.parent
    if sys.stdin is prepared.input_here and sys.stdin is not None:
        os.dup2(prepared.null, 0)
        sys.stdin = prepared.no_input
    else:
        util._close_stdin()
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    if util._finalizer_registry:
        util._finalizer_registry.clear()
    if util._afterfork_registry:
        util._run_after_forkers()
    del previous  # not before the line above: what it owns may have a say after a fork


def _work(process: TaskProcess) -> int:
    """Run the process and what it leaves behind; return the exit code."""
    try:
        try:
            process.run()
            return 0
        finally:
            if util._finalizer_registry or registry._children:
                util._exit_function()
    except SystemExit as reason:
        if reason.code is None or isinstance(reason.code, int):
            return reason.code or 0
        sys.stderr.write(f"{reason.code}\n")
        return 1
    except BaseException:  # of the task or of its context
        sys.stderr.write(f"Process {process.name}:\n")
        traceback.print_exc()
        return 1
    finally:
        if threading.active_count() > 1:
            threading._shutdown()  # type: ignore[attr-defined]
        util._flush_std_streams()
