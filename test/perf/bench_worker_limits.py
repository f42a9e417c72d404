"""What a worker keeps to when things go wrong or last long: ends, timeouts, memory, many answers.

``python test/perf/bench_worker_limits.py``

Prints the seconds from SIGTERM to the end of the last process, how late a timeout is, what 100,000 polls of a
keep-alive worker add to its memory, and how many ``complete()`` of 50 ms are answered in a second.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import luigi_clone.alias

luigi_clone.alias.install()

import luigi  # noqa: E402
from luigi.scheduler import Scheduler  # noqa: E402
from luigi.worker import Worker  # noqa: E402

PROGRAM = """
import os, subprocess, sys, time
sys.path.insert(0, {root!r})
import luigi_clone.alias
luigi_clone.alias.install()
import luigi
from luigi.scheduler import Scheduler
from luigi.worker import Worker

class Long(luigi.Task):
    n = luigi.IntParameter()

    def complete(self):
        return False

    def run(self):
        child = subprocess.Popen(["sleep", "60"])
        with open(f"pids-{{self.n}}.tmp", "w") as out:
            out.write(f"{{os.getpid()}} {{child.pid}}")
        os.rename(f"pids-{{self.n}}.tmp", f"pids-{{self.n}}")
        time.sleep(60)

with Worker(scheduler=Scheduler(), worker_processes=4) as worker:
    for n in range(4):
        worker.add(Long(n=n))
    worker.run()
"""


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def seconds_to_the_end(signum: int) -> float:
    """Return the seconds from a signal to a worker until its four tasks and their subprocesses are gone."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "program.py").write_text(PROGRAM.format(root=sys.path[0]))
        process = subprocess.Popen([sys.executable, "program.py"], cwd=folder, stderr=subprocess.DEVNULL)
        files = [Path(folder, f"pids-{n}") for n in range(4)]
        while not all(file.exists() for file in files):
            time.sleep(0.01)
        pids = [int(pid) for file in files for pid in file.read_text().split()]
        started = time.monotonic()
        process.send_signal(signum)
        while any(map(is_running, pids)):
            time.sleep(0.001)
        took = time.monotonic() - started
        process.wait()
    return took


class Late(luigi.Task):
    """Runs into its timeout."""

    n = luigi.IntParameter()
    worker_timeout = 1

    def complete(self) -> bool:
        """Tell that it is not."""
        return False

    def run(self) -> None:
        """Wait for the end."""
        time.sleep(60)


def lateness(n: int) -> float:
    """Return the seconds by which a task outlived its timeout of one second, with a wait interval of one."""
    with Worker(scheduler=Scheduler(), wait_interval=1.0) as worker:
        worker.add(Late(n=n))
        created = worker._create_task_process

        def create(task: Any) -> Any:
            process = created(task)
            create.due = process.timeout_time  # type: ignore[attr-defined]
            return process

        worker._create_task_process = create
        worker.run()
    return time.time() - create.due  # type: ignore[attr-defined, no-any-return]


class Fails(luigi.Task):
    """Fails, and will be tried again in a week."""

    def complete(self) -> bool:
        """Tell that it is not."""
        return False

    def run(self) -> None:
        """Raise."""
        raise ValueError("as intended")


def memory() -> int:
    """Return the resident memory of this process in KiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def memory_of_polls(polls: int) -> list[int]:
    """Return the resident memory in KiB after the first thousand polls and after each quarter of them."""
    samples = []
    count = 0

    def sleeper() -> Any:
        nonlocal count
        while True:
            count += 1
            if count == 1000 or count % (polls // 4) == 0:
                samples.append(memory())
            if count >= polls:
                worker._start_phasing_out()
            yield

    worker = Worker(scheduler=Scheduler(retry_delay=604_800), keep_alive=True)
    worker._sleeper = sleeper
    with worker:
        worker.add(Fails())
        worker.run()
    return samples


class Remote(luigi.Task):
    """Asks a store that takes 50 ms."""

    n = luigi.IntParameter()

    def complete(self) -> bool:
        """Wait for the answer."""
        time.sleep(0.05)
        return True


class Remotes(luigi.Task):
    """Needs many."""

    count = luigi.IntParameter()

    def complete(self) -> bool:
        """Tell that it is not."""
        return False

    def requires(self) -> Any:
        """Return them."""
        return [Remote(n=n) for n in range(self.count)]


def seconds_of_discovery(count: int, threads: int) -> float:
    """Return how long ``count`` answers take."""
    with Worker(scheduler=Scheduler(), parallel_scheduling_threads=threads) as worker:
        started = time.monotonic()
        worker.add(Remotes(count=count), multiprocess=True)
        return time.monotonic() - started


def main() -> None:
    """Print a line for each figure."""
    logging.disable(logging.CRITICAL)
    for signum in (signal.SIGTERM, signal.SIGINT):
        took = statistics.median(seconds_to_the_end(signum) for _ in range(3))
        print(f"{signum.name} to the end of four tasks and their subprocesses: {took:.3f} s", flush=True)
    late = sorted(lateness(n) for n in range(5))
    print(f"end of a task after its timeout: median {late[2] * 1000:.0f} ms, worst {late[-1] * 1000:.0f} ms")
    samples = memory_of_polls(100_000)
    print(f"resident memory after 1,000 to 100,000 polls: {', '.join(map(str, samples))} KiB")
    for threads in (64, 128):
        took = seconds_of_discovery(10_000, threads)
        print(
            f"10,000 complete() of 50 ms, {threads} threads: {took:.1f} s, {10_000 / took:.0f} a second",
            flush=True,
        )


if __name__ == "__main__":
    main()
