"""Run the simulation for long: ``python -m test.sim.run_long [--steps 5000000] [--seed 0] [--processes 1]``.

A seed that goes wrong is made small, told, and the run goes on; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

from luigi_clone.testing.simulation import Scenario, shrink, simulate

_SEEDS_AT_ONCE = 50


class Share(NamedTuple):
    """What came of some seeds."""

    seeds: range
    steps: int
    seconds: float
    restarts: int
    runs: int
    wrong: list[str]


def run(seeds: range) -> Share:
    """Simulate some seeds."""
    steps, seconds, restarts, runs = 0, 0.0, 0, 0
    wrong: list[str] = []
    for seed in seeds:
        try:
            outcome = simulate(seed)
        except AssertionError as error:
            scenario, shrunk = shrink(Scenario.of(seed))
            faults = "\n".join(map(str, scenario.faults))
            wrong.append(f"{error}\n\nmade small:\n{shrunk}\n\nplan: {scenario.plan}\nfaults:\n{faults}\n")
        else:
            steps, seconds = steps + outcome.steps, seconds + outcome.seconds
            restarts, runs = restarts + outcome.restarts, runs + outcome.runs
    return Share(seeds, steps, seconds, restarts, runs, wrong)


def main() -> int:
    """Run, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long at the latest")
    given = parser.parse_args()
    begun = time.monotonic()
    steps, simulated, restarts, runs, wrong, last = 0, 0.0, 0, 0, 0, given.seed
    with ProcessPoolExecutor(given.processes) as pool:
        seed = given.seed
        waiting = set()
        while steps < given.steps and time.monotonic() - begun < given.seconds:
            while len(waiting) < 2 * given.processes:
                waiting.add(pool.submit(run, range(seed, seed + _SEEDS_AT_ONCE)))
                seed += _SEEDS_AT_ONCE
            done = next(as_completed(waiting))
            waiting.discard(done)
            share = done.result()
            steps, simulated = steps + share.steps, simulated + share.seconds
            restarts, runs, wrong = restarts + share.restarts, runs + share.runs, wrong + len(share.wrong)
            last = max(last, share.seeds[-1])
            for text in share.wrong:
                print(text, flush=True)
            print(f"{steps} steps, up to seed {last}, {wrong} went wrong", file=sys.stderr, flush=True)
        for future in waiting:
            future.cancel()
    print(
        f"seeds {given.seed} to {last}: {steps} steps, {simulated / 3600:.0f} simulated hours, "
        f"{restarts} restarts, {runs} runs, {wrong} seeds went wrong, {time.monotonic() - begun:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
