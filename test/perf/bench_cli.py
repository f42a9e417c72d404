"""What a start costs: import, ``--help``, one trivial task from the command line; against installed Luigi.

    python test/perf/bench_cli.py --stock VENV [--rounds 15]

Medians of the CPU time (user and system) of child processes, which alternate between the engines.  Bytecode
is cached for both, as it is after an installation.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TASKS = """
import luigi

class Trivial(luigi.Task):
    done = False

    def run(self):
        self.done = True

    def complete(self):
        return self.done
"""

TOUCH = "import {library} as luigi; luigi.Task, luigi.Parameter, luigi.LocalTarget, luigi.build"
RUN = ["--module", "tasks", "Trivial", "--local-scheduler", "--log-level", "WARNING"]


def cpu(command: list[str], folder: Path) -> float:
    """Return the milliseconds of CPU that a command took."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LUIGI"))}
    environment["PYTHONPATH"] = f"{folder}{os.pathsep}{ROOT}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def workloads(python: str, library: str) -> dict[str, list[str]]:
    """Return the commands to measure."""
    return {
        "bare Python": [python, "-c", "pass"],
        "import": [python, "-c", TOUCH.format(library=library)],
        "--help": [python, "-m", library, "--help"],
        "one trivial task": [python, "-m", library, *RUN],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock", required=True, type=Path, help="virtual environment with Luigi 3.8.1")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    ours = workloads(sys.executable, "luigi_clone")
    theirs = workloads(str(options.stock / "bin" / "python"), "luigi")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tasks.py").write_text(TASKS)
        print(f"{'CPU in ms':<18}{'Luigi':>8}{'here':>8}{'ratio':>8}")
        for workload, command in ours.items():
            cpu(command, folder), cpu(theirs[workload], folder)
            pairs = [(cpu(command, folder), cpu(theirs[workload], folder)) for _ in range(options.rounds)]
            here, luigi = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{workload:<18}{luigi:>8.1f}{here:>8.1f}{luigi / here:>8.2f}")


if __name__ == "__main__":
    main()
