"""When a child may be started, and how it begins its life."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Iterator

fork_lock = threading.Lock()
"""Held around every start of a task process; whoever holds it keeps the worker from forking."""

_talking = threading.Lock()
_PATIENCE = 0.2


@contextlib.contextmanager
def talking() -> Iterator[None]:
    """Held by the thread that talks to the scheduler beside the main thread.

    A child must not be forked in the middle of a name look-up. A look-up that takes longer than a moment
    waits for the network, where it holds no lock a child could need; so a start waits a moment only, however
    long a lost scheduler keeps the other thread busy.
    """
    with _talking:
        yield


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Held around the start of a task process."""
    with fork_lock:
        quiet = _talking.acquire(timeout=_PATIENCE)
        try:
            yield
        finally:
            if quiet:
                _talking.release()


def begin_child() -> None:
    """Set up a fresh child: its own process group, default signals, no collection of inherited objects."""
    # The group is what a timeout ends, together with whatever the task started.
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    # Outside the terminal's foreground group a read from the terminal would stop the process without a word.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    # The worker's own handler acts for the worker.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A collection would write to every page that holds an inherited object, and so copy it.
    gc.freeze()
