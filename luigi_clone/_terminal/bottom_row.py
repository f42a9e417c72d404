"""The last row of a terminal, kept apart from everything else that is written there.

The rest of the screen becomes the terminal's scrolling region, which every terminal since the VT100 knows. So
nothing that anybody prints has to pass through this process: lines of the log, of forked tasks and of the
programs that they start scroll above the row, whole and in the order in which they are written.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_SMALLEST = os.terminal_size((20, 4))

_RELEASE = "\x1b7\x1b[r\x1b[999;1H\x1b[0m\x1b[2K\x1b8"
"""Give the whole screen back to scrolling and empty the last row; the cursor stays where it is."""

# Waits until the pipe is closed; if nothing came through it before, the process has died with the row in use.
_WATCH = """exec 3<&0 </dev/null
{ trap '' HUP INT QUIT TERM TSTP TTOU; read -r over <&3 || printf '%s' "$1"; } &"""


def is_capable(stream: Any) -> bool:
    """Tell whether a stream is a terminal with a cursor that can be moved."""
    if sys.platform == "win32" or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return False
    try:
        return os.isatty(stream.fileno())
    except (AttributeError, OSError, ValueError):  # no file, or a closed one
        return False


class BottomRow:
    """The row of the terminal that is open as ``fd``.

    Each method makes one ``write``, which the terminal does not interrupt for the output of others. Methods
    raise ``OSError`` when the terminal is gone.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._drawn_at: os.terminal_size | None = None
        self._watched: int | None = None

    def watch(self) -> None:
        """See to it that the row is given back even if this process is killed.

        No other thread may fork meanwhile, and what is forked later has to :meth:`abandon` the row: the
        process counts as alive for as long as a copy of it holds the pipe that tells so.
        """
        self._watched = _watch_over(self._fd)

    def size(self) -> os.terminal_size | None:
        """Return columns and rows now; ``None`` while this process should not draw.

        That is when the terminal is too small, and when another job has the foreground.
        """
        size = os.get_terminal_size(self._fd)
        if size.columns < _SMALLEST.columns or size.lines < _SMALLEST.lines or not self._in_foreground():
            return None
        return size

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # a terminal without job control

    def show(self, text: str, size: os.terminal_size) -> None:
        """Write ``text``, which is narrower than the terminal, into the row.

        The region is set up anew each time: a resize takes it back, and so do programs that use the whole
        screen. The step down and up again makes room when the cursor is in the row itself.
        """
        # what is below the cursor after a resize is the row as it was
        erase = "\x1b[J" if self._drawn_at not in (None, size) else ""
        self._drawn_at = size
        rows = size.lines
        self._write(
            f"\x1b7\x1b[r\x1b8{erase}\x1bD\x1b[A"
            f"\x1b7\x1b[1;{rows - 1}r\x1b[{rows};1H\x1b[0m{text}\x1b[0m\x1b[K\x1b8"
        )

    def hide(self) -> None:
        """Give the row back; :meth:`show` takes it again."""
        if self._drawn_at is not None:
            self._drawn_at = None
            self._write(_RELEASE)

    def close(self) -> None:
        """Give the row back for good."""
        try:
            self.hide()
            if self._watched is not None:
                os.write(self._watched, b"over\n")
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave it all to the process that this one was forked from."""
        watched, self._watched = self._watched, None
        self._drawn_at = None
        if watched is not None:
            os.close(watched)

    def _write(self, text: str) -> None:
        try:
            os.write(self._fd, text.encode())
        except BlockingIOError:
            self._drawn_at = None  # the terminal does not keep up; there is a next time


def _watch_over(fd: int) -> int | None:
    """Start a shell that gives the row back if this process is killed; return what tells it not to.

    It is no child of this process, which may be waiting for children of its own.
    """
    read_end, write_end = os.pipe()
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _WATCH, "sh", _RELEASE],
            {"PATH": os.defpath},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, read_end, 0),
                (os.POSIX_SPAWN_DUP2, fd, 1),
                (os.POSIX_SPAWN_DUP2, fd, 2),
            ],
        )
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # somebody ignores SIGCHLD: the system has cleared it away
    except OSError:
        os.close(write_end)
        return None
    finally:
        os.close(read_end)
    return write_end
