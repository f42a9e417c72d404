"""What attempts write far from the worker: kept there as bytes until the worker fetches it.

What is fetched is numbered and given again until the worker has said that it has it, so that an answer that
is lost on its way loses nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

MOST_OF_ONE = 1 << 20
"""So many bytes of one attempt are kept between two fetches; of more, the middle goes."""
_HALF = MOST_OF_ONE // 2
_LONGEST_LINE = 4096

Pieces = list[tuple[int, bytes]]
"""What was written to which stream, in its order."""

Parcel = tuple[int, Pieces, int, Pieces]
"""A number from 1 on, what came first, how many bytes are missing after it, and what came after these."""


class _Intake:
    """Takes in one stream; what becomes of its bytes is the worker's business."""

    __slots__ = ("_kept", "_place")

    def __init__(self, kept: Kept, place: int) -> None:
        self._kept = kept
        self._place = place

    def feed(self, data: bytes) -> None:
        """Keep it."""
        self._kept.add(self._place, data)

    def wait_no_more(self) -> None:
        """Do nothing: here nothing waits for the end of its line."""

    def finish(self) -> None:
        """Do nothing: the outcome of the attempt tells."""


class Kept:
    """What one attempt has written that the worker does not have yet; at most two MiB."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._head: Pieces = []
        self._tail: deque[tuple[int, bytes]] = deque()
        self._head_size = 0
        self._tail_size = 0
        self._missing = 0
        self._number = 0
        self._under_way: Parcel | None = None
        self._is_over = False
        self.open_sources = 0

    def source(self, place: int) -> _Intake:
        """Return what takes in one stream."""
        return _Intake(self, place)

    def settle(self) -> None:
        """Do nothing: there is no file to close."""

    def add(self, place: int, data: bytes) -> None:
        """Keep the bytes; the middle goes when there are too many."""
        with self._lock:
            if self._is_over:
                return
            first, rest = data[: _HALF - self._head_size], data[_HALF - self._head_size :]
            if first:
                self._head.append((place, first))
                self._head_size += len(first)
            if rest:
                self._tail.append((place, rest))
                self._tail_size += len(rest)
            while (excess := self._tail_size - _HALF) > 0:
                place, oldest = self._tail.popleft()
                if len(oldest) > excess:
                    self._tail.appendleft((place, oldest[excess:]))
                cut = min(excess, len(oldest))
                self._tail_size -= cut
                self._missing += cut

    def fetch(self, seen: int) -> list[Parcel]:
        """Return what the worker lacks, which has all up to parcel number ``seen``."""
        with self._lock:
            if self._under_way is None or self._under_way[0] <= seen:
                self._under_way = self._pack()
            return [] if self._under_way is None else [self._under_way]

    def take_last(self) -> list[Parcel]:
        """Return all that the worker may lack; nothing more is kept."""
        with self._lock:
            self._is_over = True
            last = [self._under_way, self._pack()]
            return [parcel for parcel in last if parcel is not None]

    def _pack(self) -> Parcel | None:
        if not self._head:
            return None
        head, tail = _joined(self._head), _joined(self._tail)
        missing = self._missing
        if missing:
            missing += _end_with_line(head) + _begin_with_line(tail)
        self._head, self._head_size = [], 0
        self._tail.clear()
        self._tail_size = self._missing = 0
        self._number += 1
        return self._number, head, missing, tail


def _joined(pieces: Iterable[tuple[int, bytes]]) -> Pieces:
    """Return the pieces with those made one that follow each other in one stream."""
    groups: list[tuple[int, list[bytes]]] = []
    for place, data in pieces:
        if not groups or groups[-1][0] != place:
            groups.append((place, []))
        groups[-1][1].append(data)
    return [(place, b"".join(parts)) for place, parts in groups]


def _end_with_line(pieces: Pieces) -> int:
    """Take away the beginning of a line at the end; return how many bytes."""
    place, data = pieces[-1]
    end = data.rfind(b"\n", -_LONGEST_LINE) + 1
    if not end:
        return 0
    pieces[-1] = (place, data[:end])
    return len(data) - end


def _begin_with_line(pieces: Pieces) -> int:
    """Take away the end of a line at the beginning; return how many bytes."""
    place, data = pieces[0]
    begin = data.find(b"\n", 0, _LONGEST_LINE) + 1
    pieces[0] = (place, data[begin:])
    return begin
