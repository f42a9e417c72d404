"""How a task process comes to an early end: SIGTERM to its process group, a grace, SIGKILL."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil


def _descendants(pid: int) -> list[psutil.Process]:
    """Return the descendants of ``pid``, those in sessions of their own too, where psutil can tell."""
    try:
        import psutil
    except ImportError:
        return []
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def send_to_group(pid: int, signum: int) -> None:
    """Send a signal to the process group that the child ``pid`` leads."""
    try:
        os.killpg(pid, signum)
    except ProcessLookupError:
        # Ended, or so young that it has no group of its own yet.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)
    except PermissionError:
        # Members may have changed their user; the others got the signal.
        pass


class Ending:
    """The end of one process and of what it started; ``kill_at`` is on the clock of ``time.monotonic``."""

    __slots__ = ("_others", "kill_at", "pgid")

    def __init__(self, pid: int, grace: float) -> None:
        self.pgid = pid
        self.kill_at = time.monotonic() + grace
        self._others = _descendants(pid)
        self.send(signal.SIGTERM)

    def send(self, signum: int) -> None:
        """Send a signal to the group and to the descendants outside it."""
        send_to_group(self.pgid, signum)
        for process in self._others:
            # psutil refuses by itself when the pid belongs to another process by now.
            with contextlib.suppress(Exception):
                process.send_signal(signum)

    def is_over(self) -> bool:
        """Tell whether the group has no members any more."""
        try:
            os.killpg(self.pgid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def press(self) -> bool:
        """Kill when the grace is over; true when nothing is left to do."""
        if time.monotonic() >= self.kill_at:
            self.send(signal.SIGKILL)
            return True
        return self.is_over()


def press_all(endings: Iterable[Ending]) -> list[Ending]:
    """Press each; return those that have grace left."""
    return [ending for ending in endings if not ending.press()]
