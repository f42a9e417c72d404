"""Builds one graph and prints the CPU seconds it took; runs on Luigi and on this engine alike."""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import luigi

DONE: set[str] = set()


class InMemory(luigi.Task):
    def complete(self):
        return self.task_id in DONE

    def run(self):
        DONE.add(self.task_id)


class Leaf(InMemory):
    i = luigi.IntParameter()


class FanIn(InMemory):
    n = luigi.IntParameter()

    def requires(self):
        return [Leaf(i=i) for i in range(self.n)]


class Link(InMemory):
    i = luigi.IntParameter()

    def requires(self):
        return Link(i=self.i - 1) if self.i else []


class Layered(InMemory):
    layer = luigi.IntParameter()
    k = luigi.IntParameter()
    width = luigi.IntParameter()

    def requires(self):
        if not self.layer:
            return []
        return [
            Layered(layer=self.layer - 1, k=(self.k + d) % self.width, width=self.width) for d in range(3)
        ]


class LayeredRoot(InMemory):
    n = luigi.IntParameter()

    def requires(self):
        width = max(3, int(self.n**0.5))
        layers = self.n // width
        return [Layered(layer=layers - 1, k=k, width=width) for k in range(width)]


class Forked(luigi.Task):
    i = luigi.IntParameter()
    folder = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.i}")

    def complete(self):
        return os.path.exists(f"{self.folder}/{self.i}")

    def run(self):
        os.close(os.open(f"{self.folder}/{self.i}", os.O_CREAT | os.O_WRONLY))


class FileTask(luigi.Task):
    i = luigi.IntParameter()
    folder = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.i}")


class FileWrapper(luigi.WrapperTask):
    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def requires(self):
        return [FileTask(i=i, folder=self.folder) for i in range(self.n)]


def cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measured(tasks, n: int, **options) -> None:
    # what is loaded at the first build belongs to the start of the program, which has a benchmark of its own
    luigi.build([Leaf(i=-1)], local_scheduler=True, **options)
    wall, started = time.perf_counter(), cpu()
    result = luigi.build(tasks, local_scheduler=True, detailed_summary=True, **options)
    spent, wall = cpu() - started, time.perf_counter() - wall
    if result.status.name != "SUCCESS":
        sys.exit(f"unexpected status {result.status.name}")
    print(json.dumps({"per_task_us": spent / n * 1e6, "cpu_s": spent, "wall_s": wall}))


def main(kind: str, n: int, level: str) -> None:
    logging.getLogger("luigi-interface").setLevel(level)
    options = {"log_level": level}
    if kind == "fan-in":
        measured([FanIn(n=n)], n, **options)
    elif kind == "chain":
        measured([Link(i=n)], n, **options)
    elif kind == "layered":
        measured([LayeredRoot(n=n)], n, **options)
    elif kind in ("fork", "fork-big"):
        ballast = bytearray(os.urandom(1 << 20) * 500) if kind == "fork-big" else None
        with tempfile.TemporaryDirectory() as folder:
            measured([Forked(i=i, folder=folder) for i in range(n)], n, workers=2, **options)
        del ballast
    else:
        with tempfile.TemporaryDirectory() as folder:
            for i in range(n):
                Path(folder, str(i)).touch()
            tasks = [FileTask(i=i, folder=folder) for i in range(n)]
            started = cpu()
            roots = [FileWrapper(n=n, folder=folder)] if kind == "files-wrapper" else tasks
            del started
            measured(roots, n, **options)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "WARNING")
