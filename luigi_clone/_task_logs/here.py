"""Capturing an attempt in the worker's own process: what goes through ``sys``'s streams and logging.

The streams of the process itself stay as they are. What a program writes that the task starts goes past.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

from luigi_clone._task_logs.recording import Recording, Source
from luigi_clone._task_logs.streams import logging_to, stream_handlers

_MOST_PENDING = 2_000
"""So many writes wait for the thread that takes them over, then the writer takes them over itself."""


class _Pending:
    """What was written to one stream and is not in the log yet."""

    __slots__ = ("_lock", "_parts", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._parts: list[str | bytes] = []
        self._lock = threading.RLock()

    def write(self, part: str | bytes) -> None:
        """Add a piece; little is done here, because it is done for each line."""
        parts = self._parts
        parts.append(part)
        if len(parts) > _MOST_PENDING:
            self.take_over()

    def take_over(self) -> None:
        """Bring what was written into the log."""
        if not self._parts:
            return
        with self._lock:
            parts = self._parts
            count = len(parts)
            taken = parts[:count]
            del parts[:count]  # what another thread adds meanwhile stays
            self._source.feed(
                b"".join(
                    part.encode("utf-8", "backslashreplace") if isinstance(part, str) else part
                    for part in taken
                )
            )


class Capture:
    """The two streams, and the log lines that go to neither, of one attempt."""

    def __init__(self, recording: Recording) -> None:
        self._sources = [Source(recording) for _ in range(3)]
        self._pending = [_Pending(source) for source in self._sources]
        self.out, self.err, self.log = self._pending
        self.thread = threading.get_ident()

    def take_over(self) -> None:
        """Bring what was written into the log."""
        for pending in self._pending:
            pending.take_over()

    def finish(self) -> None:
        """Bring the rest into the log."""
        self.take_over()
        for source in self._sources:
            source.finish()


_captures: list[Capture] = []
"""The attempts that go on in this process: more than one only where several threads have workers."""
_changing = threading.Lock()
_tees: list[tuple[str, Any, Any]] = []
_redirected: list[tuple[logging.StreamHandler[Any], Any]] = []


def _current() -> Capture | None:
    """Return the attempt that the calling thread writes for: its own, or the only one."""
    if len(_captures) == 1:
        return _captures[0]
    thread = threading.get_ident()
    return next((each for each in _captures if each.thread == thread), None)


class _TeeBuffer:
    """The binary layer below a stream."""

    def __init__(self, below: Any, name: str) -> None:
        self._below = below
        self._name = name

    def write(self, data: Any) -> Any:
        """Write to the stream and the log."""
        capture = _current()
        if capture is not None:
            getattr(capture, self._name).write(bytes(data))
        return self._below.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


class _Tee:
    """A stream that writes to another one and to the log of the attempt that goes on."""

    def __init__(self, below: Any, name: str) -> None:
        self._below = below
        self._name = name

    def write(self, text: str) -> Any:
        """Write to the stream and the log."""
        written = self._below.write(text)
        capture = _captures[0] if len(_captures) == 1 else _current()
        if capture is not None:
            (capture.out if self._name == "out" else capture.err).write(text)
        return written

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:
        """The binary layer."""
        return _TeeBuffer(self._below.buffer, self._name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._below)

    def __enter__(self) -> _Tee:
        return self

    def __exit__(self, *_: object) -> None:
        self._below.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


def _redirect() -> None:
    handlers = stream_handlers()
    tees: dict[int, _Tee] = {}
    for attribute, name in (("stdout", "out"), ("stderr", "err")):
        stream = getattr(sys, attribute)
        if stream is not None:
            tee = tees[id(stream)] = _Tee(stream, name)
            _tees.append((attribute, stream, tee))
    for attribute, name in (("__stdout__", "out"), ("__stderr__", "err")):
        stream = getattr(sys, attribute)
        if stream is not None and id(stream) not in tees:
            tees[id(stream)] = _Tee(stream, name)
    for attribute, _, tee in _tees:
        setattr(sys, attribute, tee)
    for handler in handlers:
        tee = tees[id(handler.stream)]
        _redirected.append((handler, tee))
        handler.stream = tee


def _restore() -> None:
    for attribute, stream, tee in _tees:
        if getattr(sys, attribute) is tee:  # a task may have put something else there
            setattr(sys, attribute, stream)
    for handler, tee in _redirected:
        if handler.stream is tee:
            handler.stream = tee._below
    _tees.clear()
    _redirected.clear()


@contextlib.contextmanager
def capturing(capture: Capture) -> Iterator[None]:
    """Let what this process writes go to the log as well within this context."""
    with _changing:
        if not _captures:
            _redirect()
        _captures.append(capture)
        is_logged = bool(_redirected)
    try:
        with contextlib.nullcontext() if is_logged else logging_to(capture.log.write):
            yield
    finally:
        with _changing:
            _captures.remove(capture)
            if not _captures:
                _restore()


def forget() -> None:
    """In a forked child: the attempts of the parent are not ours."""
    if _captures:
        _captures.clear()
        _restore()
