"""How a worker talks to its scheduler, where that is more than calling its methods.

A scheduler in memory, or one that others made, has nothing but the calls; what a remote one offers beyond
them is looked up on its class, so that a stand-in that has every attribute is not taken for one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from luigi_clone._worker.state import WorkerState


def offered(scheduler: Any, name: str) -> Callable[..., Any] | None:
    """Return a method that a remote scheduler has beside its calls; ``None`` when it has not."""
    return getattr(scheduler, name) if hasattr(type(scheduler), name) else None


def in_haste(scheduler: Any) -> AbstractContextManager[None]:
    """Return a context in which no call waits for a scheduler that is away."""
    context = offered(scheduler, "in_haste")
    return contextlib.nullcontext() if context is None else context()


class Talking(WorkerState):
    """The part of a worker that decides when its calls travel."""

    def _attend_children(self) -> None:
        raise NotImplementedError

    def _collecting(self) -> AbstractContextManager[None]:
        """Return a context in which registrations and reports may travel together."""
        collecting = offered(self._scheduler, "collecting")
        return contextlib.nullcontext() if collecting is None else collecting(attend=self._attend_children)

    def _say_all(self) -> None:
        """Send what was collected: the worker is about to do something that takes time."""
        flush = offered(self._scheduler, "flush")
        if flush is not None:
            flush()
