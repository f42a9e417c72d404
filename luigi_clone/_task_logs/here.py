"""Capturing an attempt in the worker's own process: what goes through ``sys``'s streams and logging.

The streams of the process itself stay as they are. What a program writes that the task starts goes past.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import threading
from collections.abc import Iterator

from luigi_clone._task_logs.recording import Recording, Source
from luigi_clone._task_logs.streams import Redirection, are_logged_to, logging_to

_MOST_PENDING = 20_000
"""So many writes wait for the thread that takes them over, then the writer takes them over itself."""


_LARGE = 4096
"""A piece of more than this is taken over at once, so that what waits stays small."""


class _Entrance:
    """Where one stream is written to; little is done here, because it is done for each line."""

    __slots__ = ("_capture", "_source")

    def __init__(self, capture: Capture, source: Source) -> None:
        self._capture = capture
        self._source = source

    def write(self, part: str | bytes) -> None:
        """Take in a piece."""
        parts = self._capture.parts
        parts.append((self._source, part))
        if len(part) > _LARGE or len(parts) > _MOST_PENDING:
            self._capture.take_over()


class Capture:
    """The two streams, and the log lines that go to neither, of one attempt."""

    def __init__(self, recording: Recording) -> None:
        self.parts: list[tuple[Source, str | bytes]] = []
        """What was written and is not in the log yet, in its order."""
        self._lock = threading.RLock()
        self._sources = [Source(recording) for _ in range(3)]
        self.out, self.err, self.log = (_Entrance(self, source) for source in self._sources)
        self.thread = threading.get_ident()

    def take_over(self) -> None:
        """Bring what was written into the log."""
        with self._lock:
            count = len(self.parts)
            taken = self.parts[:count]
            del self.parts[:count]  # what another thread adds meanwhile stays
            for source, group in itertools.groupby(taken, key=operator.itemgetter(0)):
                source.feed(b"".join(_as_bytes(part) for _, part in group))
            for source in self._sources:
                source.wait_no_more()

    def finish(self) -> None:
        """Bring the rest into the log."""
        self.take_over()
        with self._lock:
            for source in self._sources:
                source.finish()


def _as_bytes(part: str | bytes) -> bytes:
    return part.encode("utf-8", "backslashreplace") if isinstance(part, str) else part


_captures: list[Capture] = []
"""The attempts that go on in this process: more than one only where several threads have workers."""
_changing = threading.Lock()
_redirections: list[Redirection] = []


def _current() -> Capture | None:
    """Return the attempt that the calling thread writes for: its own, or the only one."""
    if len(_captures) == 1:
        return _captures[0]
    thread = threading.get_ident()
    return next((each for each in _captures if each.thread == thread), None)


def _copy_out(part: str | bytes) -> None:
    capture = _current()
    if capture is not None:
        capture.out.write(part)


def _copy_err(part: str | bytes) -> None:
    capture = _current()
    if capture is not None:
        capture.err.write(part)


@contextlib.contextmanager
def capturing(capture: Capture) -> Iterator[None]:
    """Let what this process writes go to the log as well within this context."""
    with _changing:
        is_logged = are_logged_to() or bool(_captures)
        if not _captures:
            _redirections.append(Redirection({"stdout": _copy_out, "stderr": _copy_err}))
        _captures.append(capture)
    try:
        with contextlib.nullcontext() if is_logged else logging_to(capture.log.write):
            yield
    finally:
        with _changing:
            _captures.remove(capture)
            if not _captures:
                _redirections.pop().undo()


def forget() -> None:
    """In a forked child: the attempts of the parent are not ours."""
    if _captures:
        _captures.clear()
        _redirections.pop().undo()
