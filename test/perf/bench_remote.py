"""CPU of a worker and its luigid together, and the requests between them.

``python test/perf/bench_remote.py --stock VENV [--rounds N] [--tasks 1000]``

Goal (issue 3): a fan-in of 1,000 costs 0.8 ms a task at most in both processes together; discovery of 10,000
tasks takes 60 requests at most, and a run one for each finished task (and one a second for the ping).
"""

from __future__ import annotations

from pathlib import Path

from peers import alternate, engines_of, line, parser

FIGURES = [
    ("both_ms", "ms", "both processes, discovery and run, per task"),
    ("add_worker_ms", "ms", "discovery: worker, per task"),
    ("add_server_ms", "ms", "discovery: luigid, per task"),
    ("run_worker_ms", "ms", "run: worker, per task"),
    ("run_server_ms", "ms", "run: luigid, per task"),
    ("add_requests", "", "discovery: requests"),
    ("run_requests", "", "run: requests"),
]


def main() -> None:
    """Print a row for each figure."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--tasks", type=int, default=1000, help="width of the fan-in")
    options = arguments.parse_args()
    script = Path(__file__).with_name("workload_remote.py")
    medians = alternate(engines_of(options), script, [str(options.tasks)], options.rounds)
    for figure, unit, what in FIGURES:
        print(line(f"{what}, fan-in of {options.tasks:,}", medians, figure, unit), flush=True)


if __name__ == "__main__":
    main()
