"""CPU of imports on this engine and on an installed Luigi, bare Python's start included.

``python test/perf/bench_import.py --stock VENV [--rounds N]``

Goal (issue 1): Task, Parameter, LocalTarget and build touched in at most 55 ms, aim 40.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from peers import ROOT, parser

TOUCH = "import {name} as luigi; luigi.Task, luigi.Parameter, luigi.LocalTarget, luigi.build"
ROWS = [
    ("bare Python", "pass"),
    ("import of the package", "import {name}"),
    ("Task, Parameter, LocalTarget and build touched", TOUCH),
    (
        "a task class defined and an object made",
        TOUCH + "\nclass T(luigi.Task): a = luigi.Parameter()\nT(a='x')",
    ),
]


def milliseconds(python: str, source: str) -> float:
    """Return the CPU time of a fresh interpreter that runs ``source``."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", source], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3


def main() -> None:
    """Print a row for each program."""
    options = parser(__doc__ or "").parse_args()
    peers = [("luigi_clone", sys.executable)]
    if options.stock:
        peers.append(("luigi", str(Path(options.stock) / "bin" / "python")))
    for what, source in ROWS:
        samples: dict[str, list[float]] = {name: [] for name, _ in peers}
        for _ in range(options.rounds):
            for name, python in peers:
                samples[name].append(milliseconds(python, source.format(name=name)))
        cells = [f"{name} {statistics.median(taken):7.1f} ms" for name, taken in samples.items()]
        print(f"{what:50s} {'   '.join(cells)}")


if __name__ == "__main__":
    main()
