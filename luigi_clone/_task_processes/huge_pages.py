"""Making forks of a large process cheap: its memory is mapped in huge pages, of which a fork copies few.

A fork copies the page tables, an entry for each 4 KiB that are in use; 500 MiB take some 10 ms. In pages of
2 MiB that is next to nothing. Linux moves memory into such pages when it is asked to (madvise(2),
``MADV_COLLAPSE``, Linux 6.1), which takes as long as several forks. So it is asked only where forks have
shown to be slow, and for a time like theirs, so that it never costs much more than it can save.

A child that is there meanwhile keeps the pages as they were: until it ends the memory is there twice.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time
from typing import NamedTuple

_ZEAL = 2.0
"""So many times the CPU that a fork took are spent after it."""
_HUGE = 1 << 21
_AT_ONCE = 2 * _HUGE
_COLLAPSE = 25  # MADV_COLLAPSE
_CGROUPS = Path("/sys/fs/cgroup")
_DENSITY = 0.8
"""As much of a mapping has to be in use: what is not takes room afterwards."""
_AREA = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) rw-p [0-9a-f]+ 00:00 0 .*\nSize: +(\d+) kB\n(?:[A-Z].*\n)*?Rss: +(\d+) kB",
    re.MULTILINE,
)


class Area(NamedTuple):
    """A part of the memory, in bytes, on the borders of huge pages."""

    start: int
    end: int


def areas(smaps: str) -> Iterator[Area]:
    """Yield the parts of the memory described by ``smaps`` (proc(5)) that are worth being moved."""
    for found in _AREA.finditer(smaps):
        start, end = (int(edge, 16) for edge in found.group(1, 2))
        size, used = (int(number) for number in found.group(3, 4))
        start, end = -(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE
        if start < end and used >= _DENSITY * size:
            yield Area(start, end)


class HugePages:
    """Moves the memory of this process into huge pages, as far as its forks are worth that."""

    def __init__(self) -> None:
        self._advise: Callable[[int, int], None] | None = None
        self._left: list[Area] = []
        self._is_wanted = sys.platform == "linux"
        self._before = 0.0
        """What a fork took before this pass through the memory; 0: no pass has begun."""

    def forked(self, seconds: float) -> None:
        """Take note of a slow fork of this process, which took ``seconds`` of its CPU time."""
        if not self._is_wanted:
            return
        if not self._left and not self._begin(seconds):
            self._is_wanted = False
            return
        self._spend(seconds * _ZEAL)

    def _begin(self, seconds: float) -> bool:
        """Begin to go through the memory; tell whether that is any use."""
        if self._before and seconds > self._before / 2:
            return False  # the last pass has not made forks cheaper
        self._advise = self._advise or _adviser()
        if self._advise is None:
            return False
        self._before = seconds
        self._left = list(areas(_read(Path("/proc/self/smaps"))))
        wanted = sum(area.end - area.start for area in self._left)
        return 0 < wanted <= spare_memory() / 2

    def _spend(self, seconds: float) -> None:
        assert self._advise is not None
        until = thread_time() + seconds
        while self._left and thread_time() < until:
            start, end = self._left.pop()
            rest = min(end, start + _AT_ONCE)
            self._advise(start, rest - start)
            if rest < end:
                self._left.append(Area(rest, end))


def spare_memory() -> int:
    """Return how many bytes the machine, and the control groups this process is in (version 2), have left."""
    available = re.search(r"^MemAvailable: +(\d+) kB", _read(Path("/proc/meminfo")), re.MULTILINE)
    least = int(available[1]) << 10 if available else 0
    group = re.search(r"^0::/(.*)$", _read(Path("/proc/self/cgroup")), re.MULTILINE)
    if group is not None:
        folder = _CGROUPS / group[1]
        for each in (folder, *folder.parents):
            limit, used = _read(each / "memory.max").strip(), _read(each / "memory.current").strip()
            if limit.isdecimal() and used.isdecimal():
                least = min(least, int(limit) - int(used))
            if each == _CGROUPS:
                break
    return least


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:  # not on every system
        return ""


def _adviser() -> Callable[[int, int], None] | None:
    """Return what moves ``(start, length)``, as far as that can be done; None where it cannot be had."""
    try:
        import ctypes

        madvise = ctypes.CDLL(None, use_errno=True).madvise
    except (ImportError, OSError, AttributeError):
        return None
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    madvise.restype = ctypes.c_int

    def advise(start: int, length: int) -> None:
        madvise(start, length, _COLLAPSE)

    return advise
