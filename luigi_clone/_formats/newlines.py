"""Newline translation on bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from luigi_clone._formats.wrappers import BaseWrapper

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_NEWLINES: tuple[bytes | None, ...] = (None, b"", b"\n", b"\r", b"\r\n")
_CHUNK = 64 * 1024


class NewlineWrapper(BaseWrapper):
    r"""Translate newlines between a byte stream and bytes.

    ``newline`` means what it means for `io.TextIOWrapper`: reading, ``None`` turns ``\r\n``, ``\r`` and
    ``\n`` into ``\n``, everything else leaves the bytes alone and only says where a line ends (``""``: at
    any of the three). Writing, all three become ``os.linesep`` (``None``) or the newline given; ``""``
    leaves the bytes alone.
    """

    def __init__(self, stream: Any, newline: str | bytes | None = None) -> None:
        if isinstance(newline, str):
            newline = newline.encode("ascii", "replace")
        if newline not in _NEWLINES:
            raise ValueError(f"newline need to be one of {', '.join(map(repr, _NEWLINES))}, not {newline!r}")
        self.newline = newline
        self._pending = b""
        self._read_carriage_return = False
        self._written_carriage_return = False
        super().__init__(stream)

    def read(self, n: int | None = -1) -> bytes:
        """Read up to ``n`` bytes, or all that is left; ``b""`` at the end."""
        if n is None or n < 0:
            pending, self._pending = self._pending, b""
            return pending + self._translated(self._stream.read())
        if not self._pending and n:
            self._pending = self._next_chunk(n)
        taken, self._pending = self._pending[:n], self._pending[n:]
        return taken

    read1 = read

    def readline(self, size: int | None = -1) -> bytes:
        """Read up to and including the next line end, or up to ``size`` bytes."""
        scanned = 0
        while (end := self._line_end(scanned)) < 0:
            scanned = max(0, len(self._pending) - 1)
            chunk = self._next_chunk(_CHUNK)
            if not chunk:
                end = len(self._pending)
                break
            self._pending += chunk
        if size is not None and 0 <= size < end:
            end = size
        line, self._pending = self._pending[:end], self._pending[end:]
        return line

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """Read lines until the end, or until ``hint`` bytes are read."""
        lines, total = [], 0
        while line := self.readline():
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        try:
            while line := self.readline():
                yield line
        finally:
            self.close()

    def write(self, b: bytes) -> None:
        """Write bytes, their newlines translated."""
        data = b
        newline = os.linesep.encode() if self.newline is None else self.newline
        if newline:
            # a \r\n that was cut in two is one newline, which the \r has already written
            if self._written_carriage_return and data[:1] == b"\n":
                data = data[1:]
                self._written_carriage_return = False
            if data:
                self._written_carriage_return = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if newline != b"\n":
                data = data.replace(b"\n", newline)
        self._stream.write(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def _next_chunk(self, size: int) -> bytes:
        """Read something, ``b""`` only at the end."""
        while chunk := self._stream.read(size):
            if translated := self._translated(chunk):
                return translated
        return b""

    def _translated(self, chunk: bytes) -> bytes:
        if self.newline is not None or not chunk:
            return chunk
        if self._read_carriage_return and chunk[:1] == b"\n":
            chunk = chunk[1:]
            self._read_carriage_return = False
        if chunk:
            self._read_carriage_return = chunk[-1:] == b"\r"
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _line_end(self, start: int) -> int:
        """Return where the first line of what is pending ends, or -1 if more has to be read to tell."""
        pending = self._pending
        if self.newline:
            at = pending.find(self.newline, start)
            return at + len(self.newline) if at >= 0 else -1
        at = pending.find(b"\n", start)
        if self.newline is None:
            return at + 1 if at >= 0 else -1
        carriage_return = pending.find(b"\r", start, at if at >= 0 else None)
        if carriage_return < 0:
            return at + 1 if at >= 0 else -1
        if carriage_return + 1 == len(pending):
            return -1  # a \n may follow
        return carriage_return + (2 if pending[carriage_return + 1 : carriage_return + 2] == b"\n" else 1)
