"""CPU and memory of a scheduler object on this engine and on an installed Luigi.

``python test/perf/bench_scheduler.py --stock VENV [--rounds N]``

Goals (issue 1): get_work at any number of pending tasks at most 25 µs, aim 8; with resources and
priorities, and with a mutex for each of 50,000 tasks, at most 40 µs, aim 15; add_task at most 8 µs, aim 4;
a pending task at most 1,400 bytes, aim 1,000; chains of 100,000 and 1,000,000 edges without recursion; the
whole drain linear.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from peers import alternate, engines_of, line, parser

# what, figure, sizes, unit, largest size that the peer does in reasonable time
ROWS = [
    ("get_work", "plain", (1_000, 10_000, 50_000), "µs", 50_000),
    (
        "get_work, resources, all registered by one of ten workers",
        "single",
        (1_000, 10_000, 50_000),
        "µs",
        10_000,
    ),
    ("get_work, resources, all registered by ten workers", "shared", (1_000, 10_000, 50_000), "µs", 10_000),
    ("get_work, resources, ten workers with own tasks", "disjoint", (1_000, 10_000, 50_000), "µs", 10_000),
    ("get_work, a mutex a task, 2,000 running", "mutexes", (5_000, 20_000, 50_000), "µs", 20_000),
    ("add_task", "add", (20_000,), "µs", 20_000),
    ("of it, building the call", "building_the_call", (20_000,), "µs", 20_000),
    ("pending task", "memory", (20_000,), "B ", 20_000),
    ("drain, for each task", "drain", (1_000, 10_000, 100_000), "µs", 2_000),
    ("priority raised at the top of a chain", "chain", (1_000, 100_000), "s ", 100),
    ("register and drain, for each edge", "edges", (10_000, 1_000_000), "µs", 10_000),
]


def main() -> None:
    """Print a row for each figure and size."""
    options = parser(__doc__ or "").parse_args()
    script = Path(__file__).with_name("workload_scheduler.py")
    engines = engines_of(options)
    for what, figure, sizes, unit, largest in ROWS:
        for size in sizes:
            taken = [engine for engine in engines if engine.name == "luigi_clone" or size <= largest]
            try:
                medians = alternate(taken, script, [figure, str(size)], options.rounds)
            except subprocess.SubprocessError as error:
                print(f"{what}, {size:,}: {error}")
                continue
            print(line(f"{what}, {size:,}", medians, "value", unit), flush=True)


if __name__ == "__main__":
    main()
