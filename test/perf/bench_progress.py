"""What the progress bar costs: the same run in a pseudo-terminal with the bar and with ``--no-progress``.

    python test/perf/bench_progress.py [--tasks 20000] [--rounds 5]

Medians of the CPU time (user and system) of child processes, which alternate.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ARGUMENTS = ["--module", "tasks", "Root", "--local-scheduler", "--log-level", "WARNING", "--no-lock"]

TASKS = """
import luigi

class Leaf(luigi.Task):
    n = luigi.IntParameter()
    done = False

    def run(self):
        self.done = True

    def complete(self):
        return self.done

class Root(luigi.WrapperTask):
    amount = luigi.IntParameter()

    def requires(self):
        return [Leaf(n) for n in range(self.amount)]
"""


def cpu(folder: Path, tasks: int, *flags: str) -> tuple[float, int]:
    """Return the seconds of CPU that a run took, and how many bytes it wrote."""
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    written = 0

    def read() -> None:
        nonlocal written
        try:
            while data := os.read(master, 65536):
                written += len(data)
        except OSError:  # the run has ended
            pass

    reader = threading.Thread(target=read)
    reader.start()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "luigi_clone", *ARGUMENTS, "--amount", str(tasks), *flags],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.close(slave)
    reader.join()
    os.close(master)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, written


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    figures: dict[str, list[float]] = {"with": [], "without": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tasks.py").write_text(TASKS)
        for _ in range(options.rounds):
            seconds, written = cpu(folder, options.tasks)
            assert written, "the bar was not drawn"
            figures["with"].append(seconds)
            seconds, written = cpu(folder, options.tasks, "--no-progress")
            assert not written
            figures["without"].append(seconds)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    each = 1e6 * (medians["with"] - medians["without"]) / options.tasks
    print(", ".join(f"{name} the bar {seconds:.3f} s" for name, seconds in medians.items()))
    print(f"difference {each:.2f} µs a task; ratio {medians['with'] / medians['without']:.3f}")


if __name__ == "__main__":
    main()
