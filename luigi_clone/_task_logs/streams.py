"""The streams of Python, ``sys.stdout`` and ``sys.stderr``, and the logging handlers that write to them."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

_LOGGERS = ("", "luigi-interface")
_FORMAT = "%(levelname)s: %(message)s"

Copy = Callable[["str | bytes"], object]
"""Takes what is written to a stream."""


class _TeeBuffer:
    """The binary layer below a stream."""

    def __init__(self, below: Any, copy: Copy) -> None:
        self._below = below
        self._copy = copy

    def write(self, data: Any) -> Any:
        """Write to the stream and the log."""
        self._copy(bytes(data))
        return self._below.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


class _Tee:
    """A stream that writes to another one and to the log of an attempt."""

    def __init__(self, below: Any, copy: Copy) -> None:
        self._below = below
        self._copy = copy
        self._write = below.write

    def write(self, text: str) -> Any:
        """Write to the stream and the log."""
        written = self._write(text)
        self._copy(text)
        return written

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:
        """The binary layer."""
        return _TeeBuffer(self._below.buffer, self._copy)

    def __iter__(self) -> Iterator[str]:
        return iter(self._below)

    def __enter__(self) -> _Tee:
        return self

    def __exit__(self, *_: object) -> None:
        self._below.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


def _stream_handlers() -> list[logging.StreamHandler[Any]]:
    """Return the handlers of tasks' loggers that write to the standard output or error."""
    console = {id(each) for each in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) if each}
    return [
        handler
        for name in _LOGGERS
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in console
    ]


def are_logged_to() -> bool:
    """Tell whether the streams get to see what is logged."""
    return bool(_stream_handlers())


class Redirection:
    """The streams and their handlers, copied to a log; ``undo`` puts back what is still there.

    ``copies`` are by the names of the streams; those that are left out stay as they are.
    """

    def __init__(self, copies: dict[str, Copy]) -> None:
        self._tees: list[tuple[str, Any, _Tee]] = []
        self._handlers: list[tuple[logging.StreamHandler[Any], _Tee]] = []
        handlers = _stream_handlers()
        by_stream: dict[int, _Tee] = {}
        for name, copy in copies.items():
            stream = getattr(sys, name)
            if stream is not None:
                tee = by_stream[id(stream)] = _Tee(stream, copy)
                self._tees.append((name, stream, tee))
            original = getattr(sys, f"__{name}__")
            if original is not None and original is not stream:
                by_stream[id(original)] = _Tee(original, copy)
        for name, _, tee in self._tees:
            setattr(sys, name, tee)
        for handler in handlers:
            if id(handler.stream) in by_stream:
                tee = by_stream[id(handler.stream)]
                self._handlers.append((handler, tee))
                handler.stream = tee

    def undo(self) -> None:
        """Put the streams back, unless somebody has put others in their places."""
        for name, stream, tee in self._tees:
            if getattr(sys, name) is tee:
                setattr(sys, name, stream)
        for handler, tee in self._handlers:
            if handler.stream is tee:
                handler.stream = tee._below


class _ToLog(logging.Handler):
    """Writes records to the log of an attempt."""

    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT))
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            last_resort = logging.lastResort
            if last_resort is not None and self._is_alone(record) and record.levelno >= last_resort.level:
                # It shows, on a stream that is captured, what no handler is there for: now this one is.
                last_resort.handle(record)
            else:
                self._write(self.format(record) + "\n")
        except RecursionError:
            raise
        except Exception:  # a failure to log is reported, not raised: the rule of logging itself
            self.handleError(record)

    def _is_alone(self, record: logging.LogRecord) -> bool:
        """Tell whether no other handler gets to see the record."""
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return True


@contextlib.contextmanager
def logging_to(write: Callable[[str], object]) -> Iterator[None]:
    """Within this context, write the records that loggers let through, for which no stream has a handler.

    Where they go to a file or to another process only, the log of the attempt would lack them.
    """
    handler = _ToLog(write)
    chosen = [logging.getLogger(name) for name in _LOGGERS]
    if chosen[1].propagate:
        chosen = chosen[:1]
    for logger in chosen:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in chosen:
            logger.removeHandler(handler)
