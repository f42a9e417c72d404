"""Kill and stop a scheduler and its workers at random, and see that nothing is lost: ``bin/chaos``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from test.chaos.siege import Siege


def main() -> int:
    """Run a siege; return the exit code."""
    parser = argparse.ArgumentParser(prog="bin/chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, help="what is drawn at random, to do the same harm again")
    parser.add_argument("--tasks", type=int, default=5000, help="tasks of a round (5000)")
    parser.add_argument("--folder", type=Path, help="an empty folder for logs and journal, kept at the end")
    options = parser.parse_args()
    seed = time.time_ns() % 1_000_000 if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    siege = Siege(
        options.minutes * 60, seed, options.tasks, options.folder, lambda line: print(line, flush=True)
    )
    went_well = siege.run()
    print("\n".join(siege.verdict()))
    if went_well and options.folder is None:
        siege.remove()
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(main())
