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
