"""CPU of the worker's own share: what a task costs beside its scheduler and its work.

``python test/perf/bench_worker.py --stock VENV [--rounds N]``

The scheduler of the first rows costs next to nothing, so they show the worker and the task objects alone: aim
25 µs for both phases. The others compare a task in a child with a bare ``multiprocessing.Process`` beside it.
"""

from __future__ import annotations

from pathlib import Path

from peers import alternate, engines_of, line, parser

ROWS = [
    ("discovery, 3,000 no-op tasks", ["serial", "3000"], [("add_us", "µs")]),
    ("run and report in the worker's process", ["serial", "3000"], [("run_us", "µs")]),
    (
        "a child a task, 2 slots, 200 tasks",
        ["children", "200"],
        [("wall_ms", "ms wall"), ("cpu_ms", "ms CPU"), ("bare_cpu_ms", "ms CPU of a bare Process")],
    ),
    (
        "the same, the worker holds 500 MiB, 60 tasks",
        ["children-big", "60"],
        [("wall_ms", "ms wall"), ("cpu_ms", "ms CPU"), ("bare_cpu_ms", "ms CPU of a bare Process")],
    ),
    ("gap between two tasks of a chain, 2 slots", ["gap", "100"], [("gap_ms", "ms")]),
]


def main() -> None:
    """Print a row for each figure."""
    options = parser(__doc__ or "").parse_args()
    script = Path(__file__).with_name("workload_worker.py")
    for what, arguments, figures in ROWS:
        medians = alternate(engines_of(options), script, arguments, options.rounds)
        for figure, unit in figures:
            print(line(what, medians, figure, unit), flush=True)


if __name__ == "__main__":
    main()
