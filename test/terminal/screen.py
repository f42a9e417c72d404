"""A program in a pseudo-terminal, and the screen that a person would look at.

The program runs in a session of its own with the pseudo-terminal as its controlling terminal, so that jobs,
the foreground and resizing are real; what it writes goes through a terminal emulator.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from test.services import require_service

_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """See the module; a context manager, which ends the program."""

    def __init__(
        self, command: list[str], cwd: Path, env: dict[str, str], rows: int = 24, columns: int = 120
    ) -> None:
        require_service("pyte", importlib.util.find_spec("pyte"), "pip install pyte")
        import pyte

        self.screen = pyte.HistoryScreen(columns, rows, history=20_000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self._master, slave = pty.openpty()
        self.screen.write_process_input = lambda data: os.write(self._master, data.encode())
        self._set_size(rows, columns)
        env = {"TERM": "xterm-256color", **{k: v for k, v in env.items() if k not in ("COLUMNS", "LINES")}}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            cwd=cwd,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._master)

    def _set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # -- what a person does ------------------------------------------------

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Resize as emulators do: the region goes, and when rows go the top ones scroll away."""
        while self.screen.cursor.y >= rows:
            self.screen.history.top.append(self.screen.buffer[0])
            for row in range(self.screen.lines - 1):
                self.screen.buffer[row] = self.screen.buffer[row + 1]
            self.screen.buffer.pop(self.screen.lines - 1, None)
            self.screen.cursor.y -= 1
        cursor = self.screen.cursor.x, self.screen.cursor.y
        for row in range(rows, self.screen.lines):
            self.screen.buffer.pop(row, None)
        self.screen.lines, self.screen.columns = rows, columns
        self.screen.margins = None
        self.screen.cursor.x, self.screen.cursor.y = cursor
        self._set_size(rows, columns)

    # -- what a person sees ------------------------------------------------

    def display(self) -> list[str]:
        """The rows of the screen, without blanks at their ends."""
        return [row.rstrip() for row in self.screen.display]

    def everything(self) -> list[str]:
        """What has scrolled away and the screen, as logical rows of the width of the terminal."""
        gone = [
            "".join(row[column].data for column in range(self.screen.columns)).rstrip()
            for row in self.screen.history.top
        ]
        return gone + self.display()

    def typed(self) -> str:
        """The row in which the cursor is, up to the cursor."""
        row = self.screen.display[self.screen.cursor.y]
        return row[: self.screen.cursor.x]

    # -- waiting ------------------------------------------------

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = 30) -> None:
        """Read what the program writes until ``condition`` holds."""
        for _ in self._reading(seconds):
            if condition():
                return
        screen = "\n".join(self.display())
        raise AssertionError(f"not seen: {what}\nthe cursor is behind {self.typed()!r} on\n{screen}")

    def wait_for_end(self, seconds: float = 60) -> int:
        """Read until the program has ended and all it wrote is read; return its exit status."""
        for _ in self._reading(seconds):
            pass
        return self.process.wait(5)

    def read_for(self, seconds: float) -> None:
        """Read what comes within a time; for what must not come."""
        for _ in self._reading(seconds):
            pass

    def _reading(self, seconds: float) -> Iterator[None]:
        deadline = time.monotonic() + seconds
        yield
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._master], [], [], min(left, 0.05))[0]:
                yield
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:  # everybody has closed the terminal
                return
            if not data:
                return
            self.raw += data
            self._stream.feed(data)
            yield
