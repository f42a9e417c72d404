"""What travels between a worker and the Dask workers that make its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from luigi_clone._task_logs.keeping import Parcel


class Session(NamedTuple):
    """One worker as the cluster knows it."""

    name: str
    """Unique among all workers of all times."""
    topic: str
    """Where it listens for events."""
    is_aliased: bool
    """Whether ``luigi`` stands for this package there."""
    max_tasks: int
    max_memory: int
    """In MiB; as for the warm pool."""
    patience: float
    """Seconds after which a worker that is not heard of counts as lost."""


class Order(NamedTuple):
    """One attempt."""

    key: str
    task_id: str
    process: bytes
    """The pickled kind and attributes of the task process."""
    found_complete: list[str] | None
    """What is known to be complete; ``None`` where that is not remembered."""
    handlers: tuple[int, list[bytes]]
    """The event handlers, with a number that says whether they are still the same."""
    is_timed: bool
    """Whether the worker wants to hear when the time of the task begins."""
    log: tuple[int, str] | None
    """The number of its log and the socket where the worker reads it; ``None`` if none is kept."""


RESULT = "result"
"""Outcome: what the attempt has put on its queue, as pairs of a pickled result and findings."""
DIED = "died"
"""Outcome: the exit code of the process."""
REFUSED = "refused"
"""Outcome: why nothing was run."""

Outcome: TypeAlias = "tuple[str, Any, list[Parcel]]"
"""With the end of the log, where the worker does not read that itself."""

ASKING = "asking"
"""Event: a Dask worker wants to begin an attempt, and asks whether it may."""
RUNNING = "running"
"""Event: the time of the task begins."""
KEEPING = "keeping"
"""Event: the output of attempts on this Dask worker is kept there to be fetched."""
CALLS = "calls"
"""Event: what the process tells beside its result, as pairs of kind and value."""

TOPICS = 64
"""A Dask scheduler keeps the latest events of each topic for ever, so there must not be one per worker."""
