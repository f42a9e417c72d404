"""One measurement of tasks in processes of their own, on whatever ``luigi`` is; prints its figures as JSON.

``workload_processes.py WHAT COUNT [MIB]``, with the process holding so much memory in small objects.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import luigi
from luigi.scheduler import Scheduler
from luigi.worker import Worker

_TICK = 1 / os.sysconf("SC_CLK_TCK")


class NoOp(luigi.Task):
    n = luigi.IntParameter()

    def complete(self) -> bool:
        return False


def _of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree_cpu() -> float:
    """Return the CPU seconds of this process and its descendants, the ended ones among them."""
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = _of(int(entry.name))
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            spent[int(entry.name)] = sum(map(int, fields[11:15])) * _TICK
    total = 0.0
    for pid in spent:
        ancestor = pid
        while ancestor != os.getpid() and ancestor in parents:
            ancestor = parents[ancestor]
        if ancestor == os.getpid():
            total += spent[pid]
    return total


def _nothing() -> None:
    """Do nothing, in a child."""


def bare_process(count: int) -> None:
    for _ in range(count):
        process = multiprocessing.Process(target=_nothing)
        process.start()
        process.join()


def bare_fork(count: int) -> None:
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)


def run(count: int, **options: Any) -> Callable[[], None]:
    worker = Worker(scheduler=Scheduler(), worker_processes=2, **options)
    for n in range(2):
        worker.add(NoOp(n=-n))
    assert worker.run()  # what is there once for all tasks is there now
    for n in range(1, count + 1):
        worker.add(NoOp(n=n))

    def measured() -> None:
        assert worker.run()
        for process in multiprocessing.active_children():
            if options.get("executor") != "pool":
                process.join()

    return measured


def prepare(what: str, count: int) -> Callable[[], None]:
    """Do what is not measured; return what is."""
    if what == "forked":
        return run(count)
    if what == "pool":
        return run(count, executor="pool", pool_max_tasks=0)
    bare = {"bare-fork": bare_fork, "bare-process": bare_process}[what]
    bare(5)
    return lambda: bare(count)


def main() -> None:
    """Measure what the arguments say."""
    for name in ("luigi", "luigi-interface"):
        logging.getLogger(name).setLevel(logging.ERROR)
    what, count = sys.argv[1], int(sys.argv[2])
    held = [bytearray(4096) for _ in range(256 * int(sys.argv[3]) if len(sys.argv) > 3 else 0)]
    measured = prepare(what, count)
    before, start = tree_cpu(), time.perf_counter()
    measured()
    wall, cpu = time.perf_counter() - start, tree_cpu() - before
    print(json.dumps({"cpu_ms": cpu / count * 1e3, "wall_ms": wall / count * 1e3}))
    del held
    sys.stdout.flush()


if __name__ == "__main__":
    # The processes of the pool have to find the class of the tasks, so it must be in a module.
    sys.path.insert(0, str(Path(__file__).parent))
    import workload_processes

    workload_processes.main()
