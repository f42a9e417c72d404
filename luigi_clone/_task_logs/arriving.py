"""What an attempt far from the worker has written, when it has come to the worker."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from luigi_clone._task_logs.child import ERR, OUT
from luigi_clone._task_logs.console import show
from luigi_clone._task_logs.recording import Recording, Source

if TYPE_CHECKING:
    from luigi_clone._task_logs.keeping import Parcel, Pieces


class Arrivals:
    """Brings what was fetched of one attempt to the console and into its log, as if it was read from pipes.

    Its methods may be called by several threads, and wait while the console takes nothing.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._lock = threading.Lock()
        self._sources: dict[int, Source] = {}
        self._has_gap = False
        self._is_over = False
        self.seen = 0
        """The number of the last parcel that was taken in."""

    def take(self, parcels: Iterable[Parcel]) -> None:
        """Take in what was fetched; what has come before is left out."""
        with self._lock:
            for number, before, missing, after in parcels:
                if self._is_over or number <= self.seen:
                    continue
                self._feed(before)
                if missing:
                    self._skip(
                        f"\n[cut out here: {missing} bytes, more than are fetched of one task at once]\n"
                    )
                self._feed(after)
                self.seen = number
            for source in self._sources.values():
                source.wait_no_more()

    def end(self, note: str = "") -> None:
        """Take note that nothing more comes; ``note`` is the last line where the rest is lost."""
        with self._lock:
            self._is_over = True
            if note:
                self._skip(f"\n[cut here: {note}]\n")
            for source in self._sources.values():
                source.finish()

    def _feed(self, pieces: Pieces) -> None:
        for place, data in pieces:
            if place in (OUT, ERR):
                show(place, data)
            source = self._sources.get(place)
            if source is None:
                source = self._sources[place] = self._recording.source(place)
                if self._has_gap:
                    source.skip()
            source.feed(data)

    def _skip(self, note: str) -> None:
        self._has_gap = True
        for source in self._sources.values():
            source.skip()
        show(ERR, note.encode())
        self._recording.add(note.encode(), note)
