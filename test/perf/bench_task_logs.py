"""What logs of tasks cost: ``python test/perf/bench_task_logs.py [ROUNDS] [EXECUTOR ...]``.

A task writes 10,000 lines a second, by print and by logging, with logs and without. For each way to run a
task it prints the microseconds of CPU time that writing a line takes, the part of its time by which logs make
the task slower (3 % is the limit), the CPU time of task and worker together for a line, and the CPU
milliseconds of a task that does nothing.
"""

from __future__ import annotations

import logging
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import luigi_clone.alias

luigi_clone.alias.install()

import luigi  # noqa: E402
from luigi.rpc import RemoteScheduler  # noqa: E402
from luigi.scheduler import Scheduler  # noqa: E402
from luigi.worker import Worker  # noqa: E402

from test.served import Served  # noqa: E402

RATE = 10_000
SECONDS = 3.0
SILENT = 200
EXECUTORS = {"in-process": "in-process", "forked": "process", "pool": "pool"}


class Steady(luigi.Task):
    """Writes at a rate; it tells how much CPU time the writing itself took."""

    run_id = luigi.Parameter()
    told = luigi.Parameter()
    by_logging = luigi.BoolParameter()

    def complete(self):
        return os.path.exists(self.told)

    def run(self):
        logger = logging.getLogger("luigi-interface")
        spent = 0.0
        began = time.perf_counter()
        for batch in range(int(SECONDS * 100)):
            start = time.thread_time()
            for number in range(RATE // 100):
                if self.by_logging:
                    logger.info("line %d of the batch %d, about as long as lines are", number, batch)
                else:
                    print(f"line {number} of the batch {batch}, about as long as lines are")
            spent += time.thread_time() - start
            rest = began + (batch + 1) / 100 - time.perf_counter()
            if rest > 0:
                time.sleep(rest)
        Path(self.told).write_text(f"{spent} {time.perf_counter() - began}")


class Silent(luigi.Task):
    """Does nothing."""

    n = luigi.IntParameter()
    run_id = luigi.Parameter()
    done = False

    def complete(self):
        return self.done

    def run(self):
        type(self).done = False


def cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def run(url: str, tasks: list[luigi.Task], executor: str, log_dir: str) -> float:
    """Run tasks with the console going nowhere; return the CPU seconds."""
    scheduler = RemoteScheduler(url)
    began = cpu()
    with Worker(scheduler, executor=EXECUTORS[executor], log_dir=log_dir, wait_interval=0.01) as worker:
        for task in tasks:
            worker.add(task)
        worker.run()
    scheduler.close()
    return cpu() - began


def measure(url: str, executor: str, rounds: int, folder: str) -> None:
    """Print the figures of one way to run tasks."""
    for by_logging in (False, True):
        seconds: dict[str, list[float]] = {"none": [], folder: []}
        cost: dict[str, list[float]] = {"none": [], folder: []}
        for number in range(rounds):
            for log_dir in seconds:
                told = os.path.join(folder, f"told-{executor}-{by_logging}-{number}-{log_dir == folder}")
                task = Steady(run_id=told, told=told, by_logging=by_logging)
                cost[log_dir].append(run(url, [task], executor, log_dir))
                seconds[log_dir].append(float(Path(told).read_text().split()[0]))
        lines = SECONDS * RATE
        plain, kept = (statistics.median(seconds[each]) for each in seconds)
        cpu_plain, cpu_kept = (statistics.median(cost[each]) for each in cost)
        print(
            f"{executor:10} {'logging' if by_logging else 'print':7} writing {plain / lines * 1e6:6.2f} ->"
            f" {kept / lines * 1e6:6.2f} us/line,"
            f" slower by {(kept - plain) / SECONDS:6.2%} at {RATE} lines/s;"
            " CPU of all"
            f" {cpu_plain / lines * 1e6:6.2f} -> {cpu_kept / lines * 1e6:6.2f} us/line",
            file=sys.__stderr__,
            flush=True,
        )
    silent: dict[str, list[float]] = {"none": [], folder: []}
    for number in range(rounds):
        for log_dir in silent:
            tasks = [Silent(n=n, run_id=f"{number}{executor}{log_dir}") for n in range(SILENT)]
            silent[log_dir].append(run(url, tasks, executor, log_dir) / SILENT * 1e3)
    plain, kept = (statistics.median(silent[each]) for each in silent)
    text = f"{executor:10} silent  {plain:6.2f} -> {kept:6.2f} ms CPU a task"
    print(text, file=sys.__stderr__, flush=True)


def main() -> None:
    """Measure the ways named on the command line, or all."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    console = os.dup(2)
    sys.__stderr__ = os.fdopen(console, "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.__stderr__)
    with tempfile.TemporaryDirectory() as folder, Served(Scheduler()) as served:
        for executor in sys.argv[2:] or EXECUTORS:
            measure(f"http://127.0.0.1:{served.port}", executor, rounds, folder)


if __name__ == "__main__":
    main()
