"""Makes a scenario that goes wrong as small as it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from luigi_clone.testing.simulation.scenario import Scenario
from luigi_clone.testing.simulation.world import simulate

_Item = TypeVar("_Item")


def shrink(scenario: Scenario, attempts: int = 300) -> tuple[Scenario, AssertionError]:
    """Drop faults and workers as long as something goes wrong; return what is left, and what goes wrong.

    Raises ValueError if nothing does. ``attempts`` limits how often the simulation is run.
    """
    error = _error_of(scenario)
    if error is None:
        raise ValueError(f"nothing goes wrong in the scenario of seed {scenario.seed}")
    left = attempts

    def fails(smaller: Scenario) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and _error_of(smaller) is not None

    faults = _fewest(scenario.faults, lambda some: fails(scenario._replace(faults=tuple(some))))
    scenario = scenario._replace(faults=tuple(faults))
    for index in reversed(range(len(scenario.workers))):
        idle = scenario.workers[index]._replace(roots=())
        workers = (*scenario.workers[:index], idle, *scenario.workers[index + 1 :])
        if fails(scenario._replace(workers=workers)):
            scenario = scenario._replace(workers=workers)
    return scenario, _error_of(scenario) or error


def _error_of(scenario: Scenario) -> AssertionError | None:
    try:
        simulate(scenario=scenario)
    except AssertionError as error:
        return error
    return None


def _fewest(items: Sequence[_Item], fails: Callable[[Sequence[_Item]], bool]) -> list[_Item]:
    """Return items none of which can be left out (delta debugging by halves, quarters, …)."""
    kept = list(items)
    size = max(1, len(kept) // 2)
    while kept:
        index = 0
        while index < len(kept):
            fewer = kept[:index] + kept[index + size :]
            if fails(fewer):
                kept = fewer
            else:
                index += size
        if size == 1:
            return kept
        size //= 2
    return kept
