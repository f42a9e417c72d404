"""Threads that take turns: each runs until it waits, and goes on when the simulation says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import greenlet

if TYPE_CHECKING:
    from luigi_clone.testing.simulation.clock import Clock

TIMED_OUT = object()
"""What :func:`pause` returns when nobody woke the thread."""


class Process:
    """What can be stopped, continued and killed: its threads go on only while it lives and is not stopped."""

    def __init__(self, clock: Clock, on_error: Callable[[Exception], None]) -> None:
        self.clock = clock
        self.is_alive = True
        self.is_stopped = False
        self.threads: list[Thread] = []
        self.on_error = on_error
        self.hub = greenlet.getcurrent()
        self._backlog: list[tuple[Thread, int, Any]] = []

    def start(self, run: Callable[[], None]) -> Thread:
        """Start a thread; it runs when its first turn comes."""
        thread = Thread(self, run)
        self.threads.append(thread)
        self.clock.after(0.0, lambda: self.wake(thread, 0, None))
        return thread

    def wake(self, thread: Thread, turn: int, value: Any) -> None:
        """Let a thread go on if it still waits as it did at ``turn``."""
        if not self.is_alive or thread.turn != turn or thread.dead:
            return
        if self.is_stopped:
            self._backlog.append((thread, turn, value))
        else:
            thread.switch(value)

    def stop(self) -> None:
        """Freeze, as SIGSTOP does."""
        self.is_stopped = True

    def go_on(self) -> None:
        """Thaw, as SIGCONT does: what would have happened meanwhile happens now."""
        self.is_stopped = False
        backlog, self._backlog = self._backlog, []
        for thread, turn, value in backlog:
            self.wake(thread, turn, value)

    def kill(self) -> None:
        """End without a word, as SIGKILL does."""
        self.is_alive = False
        for thread in self.threads:
            if thread and not thread.dead:
                thread.throw(greenlet.GreenletExit)


class Thread(greenlet.greenlet):  # type: ignore[misc]
    """One thread of a process."""

    def __init__(self, process: Process, run: Callable[[], None]) -> None:
        super().__init__(self._guarded, process.hub)
        self.process = process
        self.turn = 0
        self._body = run

    def _guarded(self, _: Any) -> None:
        try:
            self._body()
        except Exception as error:
            self.process.on_error(error)

    def wake(self, value: Any) -> None:
        """Let the thread go on when it is its turn, if it still waits, with what :func:`pause` returns."""
        turn = self.turn
        self.process.clock.after(0.0, lambda: self.process.wake(self, turn, value))


def current() -> Thread:
    """Return the thread that runs."""
    thread = greenlet.getcurrent()
    assert isinstance(thread, Thread), "only simulated threads may wait"
    return thread


def pause(seconds: float | None) -> Any:
    """Wait until somebody wakes this thread, or for so many seconds."""
    thread = current()
    process = thread.process
    if not process.is_alive:
        raise greenlet.GreenletExit
    thread.turn += 1
    turn = thread.turn
    if seconds is not None:
        process.clock.after(seconds, lambda: process.wake(thread, turn, TIMED_OUT))
    assert thread.parent is not None
    value = thread.parent.switch()
    if not process.is_alive:
        raise greenlet.GreenletExit
    thread.turn += 1
    return value


class Flag:
    """An event of one thread, with what :class:`threading.Event` has."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: Thread | None = None

    def is_set(self) -> bool:
        """Tell whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and wake who waits for it."""
        self._is_set = True
        if self._waiting is not None:
            self._waiting.wake(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set."""
        if not self._is_set:
            self._waiting = current()
            pause(timeout)
            self._waiting = None
        return self._is_set


class Bell:
    """A condition without a lock, with what :class:`threading.Condition` has: threads take turns anyway."""

    def __init__(self) -> None:
        self._waiting: list[Thread] = []

    def __enter__(self) -> Bell:
        """Return the bell."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was locked."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a ring; tell whether there was one."""
        thread = current()
        self._waiting.append(thread)
        rung = pause(timeout) is not TIMED_OUT
        if thread in self._waiting:
            self._waiting.remove(thread)
        return rung

    def notify_all(self) -> None:
        """Wake all who wait, when it is their turn."""
        waiting, self._waiting = self._waiting, []
        for thread in waiting:
            thread.wake(None)
