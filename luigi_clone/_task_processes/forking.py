"""When a child may be started, and how it begins its life."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from os import getppid

from luigi_clone._task_processes.guard import TerminationGuard

fork_lock = threading.Lock()
"""Held around every start of a task process; whoever holds it keeps the worker from forking."""

_PATIENCE = 0.2


class _Gate:
    """Knows who has just begun to talk over the network, and is shut while a child is forked."""

    __slots__ = ("_condition", "_fresh", "_owner")

    def __init__(self) -> None:
        self._owner = 0

    def _enter(self) -> threading.Condition:
        # A fork leaves the threads behind, and the locks as they were. Found out at the first use, because
        # few children ever start one of their own.
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._condition = threading.Condition()
            self._fresh: set[object] = set()
        return self._condition

    @contextlib.contextmanager
    def talking(self) -> Iterator[None]:
        talk = object()
        condition = self._enter()
        with condition:
            self._fresh.add(talk)
        try:
            yield
        finally:
            with condition:
                self._fresh.discard(talk)
                condition.notify_all()

    def shut(self) -> None:
        condition = self._enter()
        condition.acquire()
        if self._fresh and not condition.wait_for(lambda: not self._fresh, _PATIENCE):
            # Waited for once, a talk is not waited for again: not each start pays for a slow server.
            self._fresh.clear()

    def open(self) -> None:
        self._condition.release()


_GATE = _Gate()


@functools.cache
def has_terminal() -> bool:
    """Tell whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


@functools.cache
def load_end_with() -> Callable[..., int] | None:
    """Return ``prctl``, where there is one; called before the first fork, so that no child has to load it."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl: Callable[..., int] = ctypes.CDLL(None).prctl
    return prctl


def end_with(parent_pid: int | None) -> None:
    """In a child: have the kernel end this process when its parent ends, even by SIGKILL.

    A child that outlived its worker would run beside the second attempt that the scheduler gives to another.
    It is the thread that started the child whose end counts, which is the one that runs the worker.
    ``parent_pid`` is ``None`` when something else than the worker has forked this process.
    """
    prctl = load_end_with()
    if prctl is None:
        return
    # No names of modules: each page that is touched for the first time costs a fresh child microseconds.
    prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG of linux/prctl.h, SIGKILL
    if parent_pid is not None and getppid() != parent_pid:
        os._exit(1)  # it ended in the moment before


@contextlib.contextmanager
def talking() -> Iterator[None]:
    """Held by a thread that talks over the network beside the main thread.

    A child must not be forked in the middle of a name look-up. A look-up that takes longer than a moment
    waits for the network, where it holds no lock a child could need; so a start waits a moment only, however
    long a lost scheduler keeps the other thread busy.
    """
    with _GATE.talking():
        yield


class _Starting:
    """Holds the lock and the gate; after a fork each line of Python costs page faults, so it has few."""

    __slots__ = ()

    def __enter__(self) -> None:
        fork_lock.acquire()
        try:
            _GATE.shut()
        except BaseException:
            fork_lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        _GATE.open()
        fork_lock.release()


_STARTING = _Starting()


@contextlib.contextmanager
def _starting_without_warning() -> Iterator[None]:
    """Silence what Python 3.12 says of a fork beside threads; doc/adr/0004 tells why it is safe."""
    with _STARTING, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".*use of fork\(\) may lead to deadlocks", DeprecationWarning)
        yield


def starting() -> contextlib.AbstractContextManager[None]:
    """Held around the start of a task process."""
    return _STARTING if sys.version_info < (3, 12) else _starting_without_warning()


def begin_child() -> None:
    """Set up a fresh child: free locks, its own process group, no collection of inherited objects."""
    # The locks are as they were at the moment of the fork; a task may run a pipeline of its own.
    if fork_lock.locked():
        fork_lock.release()
    # The group is what a timeout ends, together with whatever the task started.
    try:  # noqa: SIM105 - in a fresh child each line of Python costs page faults
        os.setpgid(0, 0)
    except OSError:
        pass
    if has_terminal():
        # Outside the foreground group a read from the terminal would stop the process without a word.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    TerminationGuard.forget()
    # A collection would write to every page that holds an inherited object, and so copy it.
    gc.freeze()
