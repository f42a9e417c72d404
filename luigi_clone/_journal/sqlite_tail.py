"""Whether the last write to a write-ahead log was whole.

SQLite itself leaves out what is not, without a word. The format is that of
https://www.sqlite.org/fileformat2.html, section "The Write-Ahead Log": frames of a header and a page; the
frame that ends a commit has the size of the database in its header, every frame the salts of the log and a
checksum that goes on from the frame before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_HEADER = 32
_FRAME = struct.Struct(">6I")
_LAST = 16
"""So many frames at the end are looked at byte by byte; what comes before them was synced long ago."""


class _Frame(NamedTuple):
    number: int
    ends_commit: bool
    checksum: tuple[int, int]


def is_torn(path: str) -> bool:
    """Tell whether the log at ``path`` ends with a write that was not finished; false if there is no log."""
    try:
        with open(path, "rb") as log:
            return _is_torn(log)
    except FileNotFoundError:
        return False


def _is_torn(log: BinaryIO) -> bool:
    header = log.read(_HEADER)
    if len(header) < _HEADER:
        return bool(header)
    magic, _, page_size = struct.unpack(">3I", header[:12])
    frames = list(_frames(log, page_size, header[16:24]))
    if not frames:
        return False
    order = ">" if magic & 1 else "<"
    seed = struct.unpack(">2I", header[24:32])
    whole = 0
    for expected, frame in enumerate(frames):
        if frame.number != expected:
            return True  # one before it did not reach the disk
        if expected >= len(frames) - _LAST and frame.checksum != _sum_of(log, frame, page_size, seed, order):
            return True
        seed = frame.checksum
        if frame.ends_commit:
            whole = expected + 1
    return whole != len(frames)


def _frames(log: BinaryIO, page_size: int, salts: bytes) -> Iterator[_Frame]:
    """Return the frames of this log; those that an earlier one left behind have other salts."""
    number = 0
    while True:
        log.seek(_HEADER + number * (_FRAME.size + page_size))
        header = log.read(_FRAME.size)
        if len(header) < _FRAME.size:
            return
        if header[8:16] == salts:
            _, size, _, _, *checksum = _FRAME.unpack(header)
            yield _Frame(number, size > 0, (checksum[0], checksum[1]))
        number += 1


def _sum_of(
    log: BinaryIO, frame: _Frame, page_size: int, seed: tuple[int, int], order: str
) -> tuple[int, int] | None:
    log.seek(_HEADER + frame.number * (_FRAME.size + page_size))
    data = log.read(_FRAME.size + page_size)
    if len(data) < _FRAME.size + page_size:
        return None
    summed = data[:8] + data[_FRAME.size :]
    first, second = seed
    words = struct.unpack(f"{order}{len(summed) // 4}I", summed)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
