"""Large answers, made in slices of a few milliseconds between which others are served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from luigi_clone._web.answers import Package, encoded

if TYPE_CHECKING:
    from luigi_clone._scheduling.views import Serialized, Steps
    from luigi_clone._web.turns import Work

_SLICE = 0.002
"""Seconds. Another request meanwhile waits for as many of them as it needs turns of the loop: about four."""
_ROWS = 32
"""So many rows are encoded together."""


def is_in_steps(response: Any) -> bool:
    """Tell whether a response is yet to be made, row by row."""
    return isinstance(response, Generator)


class LargeAnswer:
    """The making of one answer out of the rows that come from the scheduler."""

    def __init__(self, steps: Steps, package: Package) -> None:
        self._steps = steps
        self._package = package
        self._rows: dict[str, Serialized] = {}
        self._part: str | None = None
        self._is_first = self._is_first_part = True
        package.add(b'{"response": ')

    def work(self, seconds: float = _SLICE) -> bool:
        """Go on for a while; tell whether the answer is complete."""
        until = time.perf_counter() + seconds
        steps, rows = self._steps, self._rows
        while True:
            try:
                row = next(steps)
            except StopIteration as end:
                self._finish(end.value)
                return True
            if row is not None:
                part, key, shown = row
                if part != self._part:
                    self._begin_part(part)
                rows[key] = shown
                if len(rows) < _ROWS:
                    continue
                self._flush()
            if time.perf_counter() >= until:
                return False

    def _begin_part(self, part: str | None) -> None:
        self._flush()
        self._package.add(b"{" if self._is_first_part else b"}, ")
        self._package.add(encoded(part) + b": ")
        self._part, self._is_first, self._is_first_part = part, True, False

    def _flush(self) -> None:
        if self._rows:
            inside = encoded(self._rows)[1:-1]
            self._package.add((b"{" if self._is_first else b", ") + inside)
            self._is_first = False
            self._rows.clear()

    def _finish(self, instead: dict[str, Any] | list[Any] | None) -> None:
        if instead is not None:
            self._package.add(encoded(instead) + b"}")
            return
        self._flush()
        self._package.add(b"{" if self._is_first else b"")
        self._package.add(b"}" if self._part is None else b"}}")
        self._package.add(b"}")


class Slices:
    """Lets one piece of work at a time go on, so that others wait for one slice and not for one of each."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def complete(self, work: Work) -> None:
        """Do what is left of a piece of work."""
        async with self._turn:
            await asyncio.sleep(0)
            while not work.work():
                await asyncio.sleep(0)
