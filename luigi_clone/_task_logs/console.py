"""Writing on to the console what was read from an attempt."""

from __future__ import annotations

import os
import select


def show(console: int, data: bytes) -> bool:
    """Write all of it to a descriptor, and wait as long as that takes; false if nobody reads it any more."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[_write(console, rest) :]
    except OSError:  # closed at the other end: what the task itself would have come upon
        return False
    return True


def _write(console: int, data: memoryview) -> int:
    try:
        return os.write(console, data)
    except BlockingIOError:
        writable = select.poll()
        writable.register(console, select.POLLOUT)
        writable.poll(1000)
        return 0
