"""Starting quickly."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_FEW = (100_000, 50, 100)


@contextmanager
def few_collections() -> Iterator[None]:
    """Keep the garbage collector from walking, again and again, what is being imported and stays.

    Its thresholds are put back at the end of the block, unless something else has changed them meanwhile.
    """
    before = gc.get_threshold()
    if before[0] == 0 or before[0] >= _FEW[0]:
        yield
        return
    gc.set_threshold(*_FEW)
    ours = gc.get_threshold()  # not every version of Python keeps all three
    try:
        yield
    finally:
        if gc.get_threshold() == ours:
            gc.set_threshold(*before)
