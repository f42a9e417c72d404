"""The whole system on a fake clock: nothing is lost, nothing runs twice, everything ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("greenlet", reason="the simulation runs on greenlets")

from luigi_clone.testing.journals import JournalContract
from luigi_clone.testing.simulation import Scenario, Violation, shrink, simulate
from luigi_clone.testing.simulation.disk import Disk, MemoryJournal

from .planted import BUGS

STEPS = int(os.environ.get("SIMULATION_STEPS", "200000"))
"""So many steps are made in all."""
SHARES = 4
FIRST_SEED = 1_000_000


class TestMemoryJournal(JournalContract):
    """The simulated disk keeps what a journal has to keep."""

    disk: Disk

    def setup_method(self):
        self.disk = Disk()

    def create_journal(self):
        return MemoryJournal(self.disk)


@pytest.mark.parametrize("share", range(SHARES))
def test_whatever_goes_wrong_nothing_is_lost_and_all_ends(share):
    seed, steps, restarts, runs = FIRST_SEED * share, 0, 0, 0
    while steps < STEPS // SHARES:
        outcome = simulate(seed)
        steps, restarts, runs = steps + outcome.steps, restarts + outcome.restarts, runs + outcome.runs
        seed += 1
    print(f"seeds {FIRST_SEED * share} to {seed - 1}: {steps} steps, {restarts} restarts, {runs} runs")
    assert restarts > 0 or steps < 10_000
    assert runs > steps / 300


REPLAY = """
from luigi_clone.testing.simulation import simulate
print([simulate(seed) for seed in range(2)])
"""


def test_a_seed_replays_exactly():
    told = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()}
        done = subprocess.run(
            [sys.executable, "-c", REPLAY], env=environment, capture_output=True, text=True, check=True
        )
        told.add(done.stdout)
    assert len(told) == 1
    assert told == {f"{[simulate(seed) for seed in range(2)]}\n"}


@pytest.mark.parametrize("seed", [5000136, 5001077, 6209])
def test_what_went_wrong_once_goes_well(seed):
    assert simulate(seed).runs > 0


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug):
    steps = 0
    with BUGS[bug]():
        for seed in range(SEEDS_OF.get(bug, 0), 10**9):
            try:
                steps += simulate(seed).steps
            except Violation as violation:
                assert f"seed {seed}, step" in str(violation)
                return
            assert steps < 40_000, "it is not found"


SEEDS_OF = {
    "a forgotten worker does not register again": 180,
    "reports count however late they come": 41,
    "a worker that is back has lost what it ran": 5000195,
    "a batch whose worker is back is not one any more": 5001077,
}
"""Where to begin to look, so that the test is short."""


def test_what_goes_wrong_is_made_small_and_told():
    with BUGS["a ping is no sign of life"]():
        scenario = next(
            scenario
            for scenario in map(Scenario.of, range(100))
            if len(scenario.faults) > 3 and fails(scenario)
        )
        smaller, violation = shrink(scenario)
    assert len(smaller.faults) < len(scenario.faults)
    assert "task_admitted" in str(violation)
    assert "worker=" in str(violation)
    with pytest.raises(ValueError, match="nothing goes wrong"):
        shrink(smaller)


def fails(scenario):
    try:
        simulate(scenario=scenario)
    except Violation:
        return True
    return False
