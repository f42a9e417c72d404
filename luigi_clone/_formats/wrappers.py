"""Layers around byte streams that leave it to the innermost stream whether what was written is published."""

from __future__ import annotations

import io
import os
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType


class FileWrapper:
    """Forward everything to the wrapped file; leaving a ``with`` block leaves the file's."""

    def __init__(self, file_object: Any) -> None:
        self._subpipe = file_object

    def __getattr__(self, name: str) -> Any:
        if name == "_subpipe":  # not constructed
            raise AttributeError(name)
        return getattr(self._subpipe, name)

    def __enter__(self) -> FileWrapper:
        return self

    def __exit__(self, *exc: Any) -> Any:
        return self._subpipe.__exit__(*exc)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._subpipe)


class BaseWrapper:
    """Forward to the wrapped stream; iterating closes it at the end."""

    def __init__(self, stream: Any, *args: Any, **kwargs: Any) -> None:
        self._stream = stream
        line = type(self).__mro__
        if line[line.index(BaseWrapper) + 1] is not object:  # else nobody is there to take more arguments
            super().__init__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_stream":  # not constructed
            raise AttributeError(name)
        return getattr(self._stream, name)

    def __enter__(self) -> Any:
        self._stream.__enter__()
        return self

    def __exit__(self, *exc: Any) -> Any:
        return self._stream.__exit__(*exc)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._stream
        finally:
            self.close()


class TextWrapper(io.TextIOWrapper):
    """Text over a byte stream, with the keywords of `io.TextIOWrapper`.

    ``close`` closes the stream and so publishes what was written. When a ``with`` block ends, the stream's
    own ``__exit__`` decides, so an atomic file is not published after an exception; when the wrapper is
    dropped, nothing is closed on its behalf.
    """

    _stream: Any = None
    _close_failed = False
    _flush_failure: BaseException | None = None
    _pid = 0

    def __init__(self, stream: Any, *args: Any, **kwargs: Any) -> None:
        self._pid = os.getpid()
        if sys.version_info < (3, 11) and not args and kwargs.get("encoding") in (None, "locale"):
            # 3.10 asks the stream for its file descriptor, which a compressing stream does not have for
            # nothing
            import locale

            kwargs["encoding"] = locale.getpreferredencoding(False)
        # for every line the layer asks whether the stream is closed: ask the file, not its wrapper
        below = stream._subpipe if type(stream) is FileWrapper else stream
        super().__init__(below, *args, **kwargs)
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        stream = self._stream
        if stream is None:
            raise AttributeError(name)
        return getattr(stream, name)

    def __enter__(self) -> TextWrapper:
        self._stream.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> Any:
        if exc_type is None:
            self._flush_or_give_up()
        elif self._pid == os.getpid():  # in a forked child the pending text belongs to the parent
            with suppress(Exception):  # the block's own exception is the one to tell
                self._flush_pending()
        return self._stream.__exit__(exc_type, exc_val, exc_tb)

    def close(self) -> None:
        """Flush and close the stream below, which publishes an atomic file. Closing again is harmless."""
        if self.closed:
            if self._flush_failure is not None:
                raise self._flush_failure
            if self._close_failed:
                self._stream.close()
            return
        self._flush_or_give_up()
        try:
            super().close()
        except BaseException:
            self._close_failed = True
            raise

    def _flush_pending(self) -> None:
        if not self.closed and self.writable():
            self.flush()

    def _flush_or_give_up(self) -> None:
        """Flush; if that fails, text is lost, and the stream must not publish what it has."""
        try:
            self._flush_pending()
        except BaseException as error:
            self._flush_failure = error
            self._stream.__exit__(type(error), error, error.__traceback__)
            raise

    def __del__(self) -> None:
        if self._stream is not None and self._pid == os.getpid():
            self._flush_pending()


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


class MixedUnicodeBytesWrapper(BaseWrapper):
    """Bytes over a byte stream, taking text too when writing (encoded, by default as the locale says)."""

    def __init__(self, stream: Any, encoding: str | None = None) -> None:
        if encoding is None:
            import locale

            encoding = locale.getpreferredencoding()
        self.encoding = encoding
        super().__init__(stream)

    def write(self, b: str | bytes) -> None:
        """Write bytes, or text with a warning."""
        self._stream.write(self._convert(b))

    def writelines(self, lines: Iterable[str | bytes]) -> None:
        """Write each of ``lines``."""
        self._stream.writelines(self._convert(line) for line in lines)

    def _convert(self, data: str | bytes) -> bytes:
        if isinstance(data, str):
            warnings.warn("Writing unicode to byte stream", stacklevel=3)
            return data.encode(self.encoding)
        return data
