"""One measurement of the worker, on whatever ``luigi`` is; prints its figures as JSON."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import luigi
from luigi.scheduler import Scheduler
from luigi.worker import Worker


class Instant:
    """A scheduler that costs next to nothing: it hands out the registered tasks, the last one first."""

    def __init__(self) -> None:
        self.pending: list[str] = []

    def add_task(self, task_id: str, status: str, **_: Any) -> None:
        if status == "PENDING":
            self.pending.append(task_id)

    def get_work(self, **_: Any) -> dict[str, Any]:
        return {
            "task_id": self.pending.pop() if self.pending else None,
            "running_tasks": [],
            "n_pending_tasks": len(self.pending),
            "n_unique_pending": 0,
            "n_pending_last_scheduled": 0,
            "worker_state": "active",
        }

    def add_worker(self, *_: Any, **__: Any) -> None:
        """Nothing to keep."""


class NoOp(luigi.Task):
    n = luigi.IntParameter()
    done: set[int] = set()

    def complete(self) -> bool:
        return self.n in NoOp.done

    def run(self) -> None:
        NoOp.done.add(self.n)


class All(luigi.Task):
    count = luigi.IntParameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return [NoOp(n=n) for n in range(self.count)]


def serial(count: int) -> dict[str, float]:
    scheduler = Instant()
    root = All(count=count)
    root.requires()  # the objects are made outside of the measurement
    worker = Worker(scheduler=scheduler)
    start = time.process_time()
    worker.add(root)
    middle = time.process_time()
    scheduler.pending.remove(root.task_id)
    scheduler.pending.insert(0, root.task_id)
    again = time.process_time()
    assert worker.run()
    end = time.process_time()
    return {"add_us": (middle - start) / count * 1e6, "run_us": (end - again) / count * 1e6}


class Elsewhere(luigi.Task):
    n = luigi.IntParameter()

    def complete(self) -> bool:
        return False


def cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def nothing() -> None:
    """Do nothing, in a child."""


def bare(count: int) -> None:
    for _ in range(count):
        process = multiprocessing.Process(target=nothing)
        process.start()
        process.join()


def children(count: int) -> dict[str, float]:
    bare(5)
    cpu_start = cpu()
    bare(count)
    bare_cpu = cpu() - cpu_start
    with Worker(scheduler=Scheduler(), worker_processes=2) as worker:
        for n in range(count):
            worker.add(Elsewhere(n=n))
        start, cpu_start = time.perf_counter(), cpu()
        assert worker.run()
        wall = time.perf_counter() - start
    for process in multiprocessing.active_children():
        process.join()
    spent = cpu() - cpu_start
    return {
        "wall_ms": wall / count * 1e3,
        "cpu_ms": spent / count * 1e3,
        "bare_cpu_ms": bare_cpu / count * 1e3,
    }


class Link(luigi.Task):
    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def requires(self) -> Any:
        return Link(n=self.n - 1, folder=self.folder) if self.n else []

    def complete(self) -> bool:
        return os.path.exists(f"{self.folder}/{self.n}")

    def run(self) -> None:
        began = time.time()
        time.sleep(0.002)
        Path(f"{self.folder}/{self.n}").write_text(f"{began} {time.time()}")


def gap(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        with Worker(scheduler=Scheduler(), worker_processes=2) as worker:
            worker.add(Link(n=count, folder=folder))
            assert worker.run()
        spans = [Path(f"{folder}/{n}").read_text().split() for n in range(count + 1)]
    gaps = [float(spans[n + 1][0]) - float(spans[n][1]) for n in range(count)]
    return {"gap_ms": statistics.median(gaps) * 1e3}


def main() -> None:
    """Measure what the first argument names, with as many tasks as the second says."""
    logging.getLogger("luigi-interface").setLevel(logging.ERROR)
    logging.getLogger("luigi").setLevel(logging.ERROR)
    what, count = sys.argv[1], int(sys.argv[2])
    held = [bytearray(4096) for _ in range(125_000)] if what == "children-big" else []
    measure = {"serial": serial, "children": children, "children-big": children, "gap": gap}[what]
    print(json.dumps(measure(count)))
    del held


if __name__ == "__main__":
    main()
