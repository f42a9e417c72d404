"""CPU of a no-op task in a process of its own, forked or of the warm pool, and of processes without tasks.

``python test/perf/bench_processes.py --stock VENV [--rounds N]``

All processes are counted, with two slots. The bare fork, of a process that has the same modules loaded, and
the bare ``multiprocessing.Process`` are the floor of this machine in this very run.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from peers import Engine, engines_of, parser, sample

ROWS = [("small", "0", "300"), ("with 500 MiB", "500", "300")]
KINDS = ("forked", "pool", "bare-process", "bare-fork")


def main() -> None:
    """Print a row for each kind of process and size of the parent."""
    options = parser(__doc__ or "").parse_args()
    script = Path(__file__).with_name("workload_processes.py")
    engines = engines_of(options)
    for parent, mib, count in ROWS:
        subjects: list[tuple[str, Engine, list[str]]] = [
            (f"{engine.name}, {kind}", engine, [kind, "3000" if kind == "pool" else count, mib])
            for kind in KINDS
            for engine in (engines if kind == "forked" else engines[:1])
        ]
        figures: dict[str, list[float]] = {name: [] for name, _, _ in subjects}
        for _ in range(options.rounds):
            for name, engine, arguments in subjects:
                figures[name].append(sample(engine, script, arguments, 300)["cpu_ms"])
        for name, values in figures.items():
            print(
                f"{name + ', parent ' + parent:55} {statistics.median(values):7.2f} ms CPU a task"
                f"  (least {min(values):.2f})",
                flush=True,
            )
    print("load", *os.getloadavg())


if __name__ == "__main__":
    main()
