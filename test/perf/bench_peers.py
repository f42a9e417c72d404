"""CPU per task of two other engines beside this one: doit (one process), GNU make (a process a task).

``python test/perf/bench_peers.py [--rounds N] [--tasks N]``; an engine that is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from peers import sample, this_engine

WORKLOAD = Path(__file__).with_name("workload_build.py")
DODO = """
def task_leaf():
    for i in range({n}):
        yield {{"name": str(i), "actions": [(touch, [i])], "targets": ["t%d" % i]}}

def touch(i):
    open("t%d" % i, "w").close()
"""


def cpu_of(command: list[str], folder: Path) -> float:
    """Return the CPU seconds that a command and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cold_and_done(command: list[str], files: dict[str, str], n: int) -> tuple[float, float]:
    """Return the µs per task of a run that makes everything, and of one that finds everything made."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        return cpu_of(command, folder) / n * 1e6, cpu_of(command, folder) / n * 1e6


def main() -> None:
    """Print a row for each engine."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--tasks", type=int, default=1000)
    options = made.parse_args()
    n = options.tasks
    peers: dict[str, tuple[list[str], dict[str, str]]] = {}
    if importlib.util.find_spec("doit"):
        peers["doit"] = ([sys.executable, "-m", "doit"], {"dodo.py": DODO.format(n=n)})
    if shutil.which("make"):
        targets = " ".join(f"t{i}" for i in range(n))
        peers["GNU make"] = (["make", "-s"], {"Makefile": f"all: {targets}\n{targets}:\n\t@touch $@\n"})
    for name, (command, files) in peers.items():
        rounds = [cold_and_done(command, files, n) for _ in range(options.rounds)]
        cold, done = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:12s} {cold:8.1f} µs a task cold, {done:6.1f} µs up to date")
    cold = statistics.median(
        sample(this_engine(), WORKLOAD, ["fan-in", str(n)], 600)["per_task_us"] for _ in range(options.rounds)
    )
    done = statistics.median(
        sample(this_engine(), WORKLOAD, ["files-list", str(n)], 600)["per_task_us"]
        for _ in range(options.rounds)
    )
    print(f"{'luigi_clone':12s} {cold:8.1f} µs a task cold, {done:6.1f} µs up to date")


if __name__ == "__main__":
    main()
