"""CPU of the execution summary on this engine and on an installed Luigi.

``python test/perf/bench_summary.py --stock VENV [--rounds N] [--tasks 50000]``

Goal (issue 1): 50,000 tasks in at most 0.4 s, aim 0.1 s.
"""

from __future__ import annotations

from pathlib import Path

from peers import alternate, engines_of, line, parser

ROWS = ["one, a range", "one, with gaps", "three, one varies", "three, two vary", "dates", "left pending"]


def main() -> None:
    """Print a row for each shape of family."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--tasks", type=int, default=50_000, help="tasks of each family (default 50,000)")
    options = arguments.parse_args()
    script = Path(__file__).with_name("workload_summary.py")
    medians = alternate(engines_of(options), script, [str(options.tasks)], options.rounds)
    for row in ROWS:
        print(line(f"summary of {options.tasks:,} tasks: {row}", medians, row, "ms"))


if __name__ == "__main__":
    main()
