"""A progress bar at the bottom of the terminal while a worker finds and runs tasks.

A thread looks at the worker ten times a second; the worker itself does nothing for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from luigi_clone._parameters import argv
from luigi_clone._startup import few_collections
from luigi_clone._terminal.bottom_row import BottomRow, is_capable
from luigi_clone._terminal.counting import Counts, Tally
from luigi_clone.cmdline_parser import NO_PROGRESS, note_misuse
from luigi_clone.configuration import get_config

if TYPE_CHECKING:
    from luigi_clone._terminal.rendering import Style

_APPEARS_AFTER = 0.5
"""Seconds: a run that is shorter shows its log only, and does not load what draws the bar."""
_INTERVAL = 0.1
_WORKER_ATTRIBUTES = (
    "_add_task_history",
    "_running_tasks",
    "_batch_running_tasks",
    "_assistant",
    "_found",
)


def progress_of(worker: Any, stream: Any) -> contextlib.AbstractContextManager[Progress | None]:
    """Return a context in which the progress of ``worker`` is shown on the terminal ``stream``.

    It gives ``None`` and shows nothing where that is not wanted, not possible (a terminal that cannot move
    its cursor, a worker of another kind), or not proper: outside the main thread, where the terminal is
    somebody else's, and within another run.
    """
    if (
        not is_capable(stream)
        or threading.current_thread() is not threading.main_thread()
        or not all(hasattr(worker, name) for name in _WORKER_ATTRIBUTES)
        or not _is_wanted()
        or not _SLOT.take()
    ):
        return contextlib.nullcontext()
    return Progress(worker, stream)


def _is_wanted() -> bool:
    line = argv.active()
    if line is not None and getattr(line.known_args, NO_PROGRESS, None):
        return False
    try:
        return bool(get_config().getboolean("progress", "enabled", True))
    except ValueError as error:
        note_misuse(error, "enabled in the section [progress] of the configuration")
        raise


class _Slot:
    """There is one terminal, so at most one progress bar in a process and in what is forked from it."""

    def __init__(self) -> None:
        self._taken = False
        self._row: BottomRow | None = None
        self._forks: threading.Lock | None = None

    def take(self) -> bool:
        """Take the slot unless it is taken."""
        taken, self._taken = self._taken, True
        return not taken

    def release(self) -> None:
        """Let the next one take it."""
        self._taken, self._row = False, None

    def prepare(self, row: BottomRow) -> Any:
        """Load what draws, and watch over ``row``, with no fork in the middle of it.

        A child that is forked while another thread imports would wait for ever for the lock of any module
        whose import was not over.
        """
        if self._forks is None:
            self._forks = lock = threading.Lock()
            os.register_at_fork(
                before=lock.acquire, after_in_parent=lock.release, after_in_child=self._in_child
            )
        with self._forks, few_collections():
            from luigi_clone._terminal import rendering

            self._row = row
            row.watch()
            return rendering

    def _in_child(self) -> None:
        assert self._forks is not None
        self._forks.release()
        if self._row is not None:
            self._row.abandon()


_SLOT = _Slot()


class Progress:
    """The bar of one run; a context manager."""

    def __init__(self, worker: Any, stream: Any) -> None:
        self._row = BottomRow(stream.fileno())
        self._tally = Tally(worker)
        self._encoding = str(getattr(stream, "encoding", None) or "")
        self._began = time.monotonic()
        self._run_began: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="luigi-progress", daemon=True)
        self._owner = os.getpid()

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def begin_run(self) -> None:
        """Say that the tasks are found and the running begins."""
        self._run_began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._owner:
            return  # a child that somebody forked in a task, on its way out through our frames
        self._over.set()
        self._thread.join()
        _SLOT.release()

    # -- in the thread ------------------------------------------------

    def _follow(self) -> None:
        if self._over.wait(_APPEARS_AFTER):
            return
        # Writing from the background would stop the process where the terminal is set to do so (TOSTOP).
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            rendering = _SLOT.prepare(self._row)
        except ImportError:
            return  # an installation without tqdm
        style = rendering.Style(unicode=_is_unicode(self._encoding), colour=not os.environ.get("NO_COLOR"))
        with contextlib.suppress(OSError):  # the terminal is gone
            try:
                self._draw_until_over(rendering, style)
            finally:
                self._row.close()

    def _draw_until_over(self, rendering: Any, style: Style) -> None:
        drawn: object = None
        while True:
            size = self._row.size()
            if size is None:
                self._row.hide()
                drawn = None
            else:
                text = self._text(rendering, style, size.columns - 1)
                if (text, size) != drawn:
                    self._row.show(text, size)
                    drawn = (text, size)
            if self._over.wait(_INTERVAL):
                return

    def _text(self, rendering: Any, style: Style, width: int) -> str:
        now = time.monotonic()
        counts: Counts = self._tally.counts()
        elapsed = now - self._began
        if self._run_began is None or not counts.to_run:
            text = rendering.discovery_line(self._tally.found(), counts, elapsed, width, style)
        else:
            text = rendering.running_line(counts, elapsed, now - self._run_began, width, style)
        return str(text)


def _is_unicode(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "").startswith("utf")
