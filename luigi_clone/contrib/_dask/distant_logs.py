"""What attempts write whose worker is on another machine: kept beside the Dask worker, fetched by the worker.

On the machine of the worker the processes hand their streams to the worker itself.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from luigi_clone._task_logs.arriving import Arrivals
from luigi_clone._task_logs.child import Address
from luigi_clone._task_logs.collecting import Collector
from luigi_clone._task_logs.keeping import Kept, Parcel

logger = logging.getLogger("luigi-interface")

INTERVAL = 0.8
"""Seconds between two fetches from one Dask worker: what was written a second ago is to be seen."""
_PATIENCE = 5.0

Fetched = dict[int, list[Parcel]]
"""By number of the attempt's log."""


class StationLogs:
    """Beside a Dask worker: the output of the attempts there, if their worker does not read it itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_near: bool | None = None
        self._collector: Collector | None = None
        self._kept: dict[int, Kept] = {}

    def expect(self, number: int, name: str) -> Address | None:
        """Return where an attempt hands its streams to; ``None`` if the worker can be reached under ``name``.

        Raises ``OSError`` when nothing more can be opened here.
        """
        with self._lock:
            if self._is_near is None:
                self._is_near = _is_reached(name)
            if self._is_near:
                return None
            if self._collector is None:
                self._collector = Collector(self._kept.get, _do_nothing)
            self._kept[number] = Kept()
            return self._collector.address

    def fetch(self, seen: dict[int, int]) -> Fetched:
        """Return what the worker lacks; of each attempt it has the parcels up to the number in ``seen``."""
        found = {number: (self._kept.get(number), last) for number, last in seen.items()}
        return {number: kept.fetch(last) for number, (kept, last) in found.items() if kept is not None}

    def take_last(self, number: int) -> list[Parcel]:
        """Return the rest of what an attempt has written, which is over."""
        kept, collector = self._kept.get(number), self._collector
        if kept is None:
            return []
        if collector is not None:
            collector.drain(kept)
        del self._kept[number]
        return kept.take_last()

    def close(self) -> None:
        """Let go of what there is; what outlives the attempts goes on writing to the console."""
        with self._lock:
            collector, self._collector = self._collector, None
            self._is_near = True  # as if: nothing is collected here any more
        if collector is not None:
            collector.close()


def _is_reached(name: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(name)
        except OSError:
            return False
    return True


def _do_nothing() -> None:
    """There is nothing to be done now and then."""


class LogReader:
    """In the worker: fetches what attempts on other machines write while there are some.

    Belongs to the event loop that talks to the cluster. ``fetch`` asks one Dask worker, and returns nothing
    when it cannot be reached; ``begin`` starts a task.
    """

    def __init__(
        self,
        fetch: Callable[[str, dict[int, int]], Awaitable[Fetched]],
        begin: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._fetch = fetch
        self._begin = begin
        self._distant: set[str] = set()
        """Dask workers that keep the output of attempts."""
        self._open: dict[str, dict[int, Arrivals]] = {}
        """What goes on, by Dask worker and number of the log."""
        self._loops: dict[str, asyncio.Task[None]] = {}

    def expect(self, address: str, number: int, arrivals: Arrivals) -> None:
        """Take note that an attempt may begin on a Dask worker."""
        self._open.setdefault(address, {})[number] = arrivals
        self._look(address)

    def note_distant(self, address: str) -> None:
        """Take note that a Dask worker keeps the output of attempts."""
        self._distant.add(address)
        self._look(address)

    def forget(self, address: str) -> None:
        """Ask a Dask worker no more, which was lost."""
        loop = self._loops.pop(address, None)
        if loop is not None:
            loop.cancel()

    async def end(self, address: str, number: int, parcels: list[Parcel], loss: str = "") -> None:
        """Bring the rest into a log; ``loss`` says why there is no rest.

        All of the log is where it belongs when this returns.
        """
        here = self._open.get(address, {})
        arrivals = here.pop(number, None)
        if not here:
            self._open.pop(address, None)
        # What a Dask worker says may come later than the outcome of the first attempt there.
        if arrivals is not None and (parcels or address in self._distant):
            try:
                await asyncio.to_thread(_end, arrivals, parcels, loss)
            except Exception:  # a log is no reason to fail
                logger.exception("A log from the Dask worker %s is not complete", address)

    def _look(self, address: str) -> None:
        loop = self._loops.get(address)
        if address in self._distant and address in self._open and (loop is None or loop.done()):
            self._loops[address] = self._begin(self._read(address))

    async def _read(self, address: str) -> None:
        while address in self._open:
            here = dict(self._open[address])
            fetched = await self._fetch(address, {number: each.seen for number, each in here.items()})
            if fetched:
                await asyncio.to_thread(_take_in, here, fetched)
            await asyncio.sleep(INTERVAL)


def _take_in(arrivals: dict[int, Arrivals], fetched: Fetched) -> None:
    for number, parcels in fetched.items():
        arrivals[number].take(parcels)


def _end(arrivals: Arrivals, parcels: list[Parcel], loss: str) -> None:
    arrivals.take(parcels)
    arrivals.end(loss)
