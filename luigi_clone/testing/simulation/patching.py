"""The few names of the real code that are others during a simulation: clocks, chance, and real threads."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from random import Random
from typing import Any

from luigi_clone import rpc, worker
from luigi_clone._client import outbox, patience
from luigi_clone._scheduler import condensing, saving
from luigi_clone._web import batch, turns
from luigi_clone._worker import messages, running
from luigi_clone.testing.simulation.clock import Clock

_WITH_TIME: tuple[Any, ...] = (rpc, worker, outbox, patience, condensing, saving, batch, turns, running)
_LOGGERS = ("luigi-interface", "luigi.scheduler", "luigi.server", "tornado.application")


@contextlib.contextmanager
def on_clock(clock: Clock, rng: Random) -> Iterator[None]:
    """Let the real code see the time and the chance of a simulation."""
    changes: list[tuple[Any, str, Any]] = [(module, "time", clock) for module in _WITH_TIME]
    changes.append((patience, "random", rng))
    # nothing is forked, and a thread that waits within them would hold up the others
    changes += [(running, "starting", contextlib.nullcontext), (messages, "talking", contextlib.nullcontext)]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    levels = [(logger, logger.level) for logger in map(logging.getLogger, _LOGGERS)]
    try:
        for module, name, value in changes:
            setattr(module, name, value)
        for logger, _ in levels:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
        for logger, level in levels:
            logger.setLevel(level)
