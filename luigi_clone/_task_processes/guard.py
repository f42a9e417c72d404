"""Task processes do not outlive a worker that is told to end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from luigi_clone._task_processes.process import TaskProcess

_POLL = 0.002
_AFTER_INTERRUPT = 0.1
_AFTER_LEADER = 0.2


# What signal.signal is made of: its enumerations cost a tenth of a millisecond in a fresh child, which
# touches each page for the first time.
_SET_HANDLER: Callable[[int, int], object] = getattr(sys.modules.get("_signal"), "signal", signal.signal)
_SIGTERM, _DEFAULT = int(signal.SIGTERM), int(signal.SIG_DFL)


class _Catching:
    """Whether a guard of this process, or of the one it was forked from, catches SIGTERM.

    An object, because setting an attribute of a class empties the interpreter's cache of attributes.
    """

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False


_CATCHING = _Catching()


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``condition`` holds; false when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def interrupt(processes: Iterable[TaskProcess]) -> None:
    """Send the processes what ctrl-C sends, and give them a moment to clean up."""
    alive = [process for process in processes if process.is_alive()]
    for process in alive:
        process.interrupt()
    _wait(lambda: not any(process.is_alive() for process in alive), _AFTER_INTERRUPT)


def end(processes: Iterable[TaskProcess]) -> None:
    """End the processes and everything in their groups; returns when they are gone."""
    alive = [process for process in processes if process.is_alive()]
    for process in alive:
        if process.ending is None:
            process.terminate()
    if not alive:
        return
    grace = max(process.termination_grace for process in alive)
    _wait(lambda: not any(process.is_alive() for process in alive), grace)
    endings = [process.ending for process in alive if process.ending is not None]
    # What a task started gets a moment more than the task itself.
    _wait(lambda: all(ending.is_over() for ending in endings), _AFTER_LEADER)
    for ending in endings:
        if not ending.is_over():
            ending.send(signal.SIGKILL)
    _wait(lambda: not any(process.is_alive() for process in alive), grace)


class TerminationGuard:
    """Ends the task processes when SIGTERM ends the worker.

    It steps in only where SIGTERM would have its default effect, and lets it have that effect afterwards.
    """

    def __init__(self, end_children: Callable[[], None]) -> None:
        self._end_children = end_children
        self._owner = os.getpid()
        self._installed = False

    def install(self) -> None:
        """Catch SIGTERM; does nothing outside the main thread or where somebody else catches it."""
        if self._installed or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._handle)
            self._installed = _CATCHING.now = True

    def remove(self) -> None:
        """Restore the default, unless somebody else changed it meanwhile."""
        if self._installed and signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _CATCHING.now = False
        self._installed = False

    @staticmethod
    def forget() -> None:
        """In a child: give SIGTERM its default effect, if a guard of the parent catches it."""
        if _CATCHING.now:
            _SET_HANDLER(_SIGTERM, _DEFAULT)
            _CATCHING.now = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        # A child inherits the handler until it restores the default.
        if os.getpid() == self._owner:
            self._end_children()
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
