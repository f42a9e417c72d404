"""CPU per task of whole builds on this engine and on an installed Luigi.

``python test/perf/bench_build.py --stock VENV [--rounds N] [--only WORD]``
"""

from __future__ import annotations

from pathlib import Path

from peers import alternate, engines_of, line, parser

WORKLOAD = Path(__file__).with_name("workload_build.py")
# name, arguments of the workload, whether the peer can do it in reasonable time
ROWS = [
    ("fan-in of 100 no-op tasks", ["fan-in", "100"], True),
    ("fan-in of 1,000", ["fan-in", "1000"], True),
    ("fan-in of 1,000, default log level, to a pipe", ["fan-in", "1000", "DEBUG"], True),
    ("fan-in of 10,000", ["fan-in", "10000"], False),
    ("fan-in of 100,000", ["fan-in", "100000"], False),
    ("chain of 100", ["chain", "100"], True),
    ("chain of 10,000", ["chain", "10000"], False),
    ("chain of 100,000", ["chain", "100000"], False),
    ("layered, 3 dependencies, 1,000", ["layered", "1000"], True),
    ("layered, 3 dependencies, 100,000", ["layered", "100000"], False),
    ("all complete, files, wrapper root, 10,000", ["files-wrapper", "10000"], True),
    ("all complete, files, list of 10,000", ["files-list", "10000"], True),
    ("forked process a task, 2 workers, 300", ["fork", "300"], True),
    ("forked, parent holds 500 MiB, 100", ["fork-big", "100"], True),
]


def main() -> None:
    """Print a row for each workload."""
    made = parser(__doc__ or "")
    made.add_argument("--only", default="", help="only the rows whose name holds this word")
    options = made.parse_args()
    engines = engines_of(options)
    for name, arguments, both in ROWS:
        if options.only in name:
            taken = alternate(engines if both else engines[:1], WORKLOAD, arguments, options.rounds)
            print(line(name, taken, "per_task_us", "µs"), flush=True)


if __name__ == "__main__":
    main()
