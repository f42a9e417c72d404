"""One attempt's output: masked, written to its file, and its tail kept until it is sent."""

from __future__ import annotations

import codecs
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from luigi_clone._task_logs.files import LogFile
from luigi_clone._task_logs.masking import Masker

MOST_UNSENT = 262_144
"""So many characters wait to be sent; the scheduler keeps the end only, so the oldest are not missed."""

_LONGEST_PARTIAL = 8192
_LONGEST_WAIT = 0.2

_decoder = codecs.getincrementaldecoder("utf-8")


class Piece(NamedTuple):
    """Characters of an attempt's text from ``offset`` on."""

    offset: int
    text: str


class Source:
    """One of the streams of an attempt: what is cut between two pieces belongs together."""

    __slots__ = ("_decoder", "_held_since", "_masker", "_partial", "_recording")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._masker = Masker(recording.forms)
        self._decoder = _decoder("backslashreplace")
        self._partial = b""
        self._held_since = 0.0

    def feed(self, data: bytes) -> None:
        """Take in what the attempt has written; the beginning of a line waits a moment for its end.

        So lines of two streams do not end up within each other.
        """
        cut = data.rfind(b"\n") + 1
        if cut == 0 and len(self._partial) + len(data) <= _LONGEST_PARTIAL:
            self._hold(self._partial + data)
            return
        if len(data) - cut > _LONGEST_PARTIAL:
            cut = len(data)
        self._take(self._partial + data[:cut])
        self._partial = b""
        self._hold(data[cut:])

    def _hold(self, partial: bytes) -> None:
        if not self._partial:
            self._held_since = time.monotonic()
        self._partial = partial

    def wait_no_more(self) -> None:
        """Show the beginning of a line that has waited long enough."""
        if self._partial and time.monotonic() - self._held_since > _LONGEST_WAIT:
            partial, self._partial = self._partial, b""
            self._take(partial)

    def _take(self, data: bytes) -> None:
        shown = self._masker.feed(data)
        if shown:
            self._recording.add(shown, self._decoder.decode(shown))

    def skip(self) -> None:
        """Take note that something is missing between what came and what comes, maybe half of a secret."""
        self._pass_on(self._masker.skip)

    def finish(self) -> None:
        """Take note that nothing follows."""
        self._pass_on(self._masker.finish)

    def _pass_on(self, end: Callable[[], bytes]) -> None:
        partial, self._partial = self._partial, b""
        self._take(partial)
        shown = end()
        text = self._decoder.decode(shown, final=True)
        if shown or text:
            self._recording.add(shown, text)


class Recording:
    """What one attempt has written. Its methods may be called by several threads."""

    def __init__(
        self,
        task_id: str,
        attempt: int,
        forms: tuple[bytes, ...],
        file: LogFile,
        on_text: Callable[[], None] | None = None,
    ) -> None:
        self.task_id = task_id
        self.attempt = attempt
        self.forms = forms
        self.file = file
        self.on_text = on_text
        """Called when there is something to send; without it nothing is kept for that."""
        self._lock = threading.Lock()
        self._unsent: deque[str] = deque()
        self._offset = 0
        self._waiting = 0
        self.open_sources = 0
        self.is_over = False
        self._is_closed = False

    def source(self, place: int) -> Source:
        """Return what takes in one more stream; all go into the same log."""
        return Source(self)

    def add(self, shown: bytes, text: str) -> None:
        """Add to the file and to what is to be sent."""
        with self._lock:
            if self._is_closed:  # what comes from another machine may come too late
                return
            self.file.write(shown)
            on_text = self.on_text
            if on_text is None or not text:
                return
            self._unsent.append(text)
            self._waiting += len(text)
            if self._waiting > MOST_UNSENT:
                self._drop(self._waiting - MOST_UNSENT)
        on_text()

    def _drop(self, count: int) -> None:
        self._offset += count
        self._waiting -= count
        while count:
            first = self._unsent.popleft()
            if len(first) > count:
                self._unsent.appendleft(first[count:])
                return
            count -= len(first)

    def send_no_more(self) -> None:
        """Keep nothing to be sent: the scheduler has no use for it."""
        with self._lock:
            self.on_text = None
            self._drop(self._waiting)

    def next_piece(self, limit: int) -> Piece | None:
        """Return the oldest of what was not sent yet."""
        with self._lock:
            if not self._waiting:
                return None
            text = "".join(self._unsent)
            self._unsent = deque((text,))
            return Piece(self._offset, text[:limit])

    def note_sent(self, piece: Piece) -> None:
        """Take note that the scheduler has a piece."""
        with self._lock:
            count = piece.offset + len(piece.text) - self._offset
            if count > 0:
                self._drop(count)

    @property
    def is_sent(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._waiting

    def settle(self) -> None:
        """Close the file if the attempt is over and nothing can follow."""
        if self.is_over and self.open_sources == 0:
            with self._lock:
                self._is_closed = True
                self.file.close()
