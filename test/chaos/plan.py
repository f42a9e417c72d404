"""What the tasks of a siege are: drawn from its seed, the same in every process."""

from __future__ import annotations

import functools
import random
from typing import NamedTuple

AREA = 50
"""So many tasks belong together below one root."""
LIMITS = {"db": 3, "disk": 4}
"""What there is of each resource."""
HOPELESS_RETRIES = 3

DONE, DISABLED, NEVER = "done", "disabled", "never"


class Piece(NamedTuple):
    """One task: what it needs, what it does, and what has to become of it."""

    key: str
    needs: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    """What it asks for while it runs."""
    fails: int = 0
    """So many attempts fail before one succeeds."""
    seconds: float = 0.0
    resources: dict[str, int] = {}
    fate: str = DONE


def key_of(round_number: int, area: int, number: int) -> str:
    """Return the name of a task."""
    return f"{round_number}-{area}-{number}"


class Plan:
    """The tasks of all rounds: ``tasks`` in each, in areas that have nothing to do with each other."""

    def __init__(self, seed: int, tasks: int) -> None:
        self.seed = seed
        self.areas = max(1, tasks // AREA)

    def round(self, round_number: int) -> dict[str, Piece]:
        """Return all tasks of a round."""
        return {
            key: piece for area in range(self.areas) for key, piece in self.area(round_number, area).items()
        }

    def piece(self, key: str) -> Piece:
        """Return one task."""
        round_number, area, _ = map(int, key.split("-"))
        return self.area(round_number, area)[key]

    def roots(self, round_number: int, area: int) -> list[str]:
        """Return the tasks that a worker has to be given for an area."""
        roots = [key_of(round_number, area, 0)]
        if self._has_hopeless(area):
            roots.append(key_of(round_number, area, 2))
        return roots

    @staticmethod
    def _has_hopeless(area: int) -> bool:
        return area % 4 == 0

    @functools.cache
    def area(self, round_number: int, area: int) -> dict[str, Piece]:
        """Return the tasks of an area: a root, layers below it, some that are only asked for by others."""
        draw = random.Random(f"{self.seed}/{round_number}/{area}")

        def key(number: int) -> str:
            return key_of(round_number, area, number)

        pieces: list[Piece] = []
        first = 1
        if self._has_hopeless(area):
            pieces.append(Piece(key(1), fails=1 << 30, seconds=0.05, fate=DISABLED))
            pieces.append(Piece(key(2), needs=(key(1),), fate=NEVER))
            first = 3
        asked = list(range(AREA - 10, AREA))
        pieces += [_drawn(draw, key(number)) for number in asked]
        free = [key(number) for number in asked]
        static = range(first, AREA - 10)
        for number in static:
            below = range(max(first, number - 12), number - 4)
            needs = tuple(key(one) for one in draw.sample(below, min(len(below), draw.randrange(4))))
            asks: tuple[str, ...] = ()
            if free and draw.random() < 0.2:
                asks = tuple(free.pop() for _ in range(min(len(free), draw.randint(1, 3))))
            pieces.append(_drawn(draw, key(number), needs, asks))
        pieces.append(Piece(key(0), needs=tuple(key(number) for number in static) + tuple(free)))
        return {piece.key: piece for piece in pieces}


def _drawn(draw: random.Random, key: str, needs: tuple[str, ...] = (), asks: tuple[str, ...] = ()) -> Piece:
    length = draw.random()
    seconds = draw.uniform(0, 0.2) if length < 0.85 else draw.uniform(0.2, 1 if length < 0.97 else 5)
    resources: dict[str, int] = {}
    if draw.random() < 0.15:
        resources["db"] = draw.choice((1, 1, 2))
    if draw.random() < 0.1:
        resources["disk"] = draw.randint(1, 3)
    fails = draw.choice((1, 1, 2)) if draw.random() < 0.12 else 0
    return Piece(key, needs, asks, fails, seconds, resources)
