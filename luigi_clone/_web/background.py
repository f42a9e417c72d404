"""Work beside the calls: in slices, between which calls are answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

application_log = logging.getLogger("tornado.application")

_PAUSE = 0.004
"""Seconds between two slices: of about a millisecond each, so that such work takes a fifth of the time."""


class Background:
    """Does things in slices on the running loop; they end with it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __call__(self, work: Callable[[], bool]) -> None:
        """Call ``work`` again and again until it returns true."""
        self._loop.call_later(_PAUSE, self._go_on, work)

    def _go_on(self, work: Callable[[], bool]) -> None:
        try:
            is_done = work()
        except Exception:
            application_log.error("Uncaught exception in work beside the calls", exc_info=True)
            return
        if not is_done:
            self._loop.call_later(_PAUSE, self._go_on, work)
