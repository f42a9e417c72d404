"""A worker and a luigid beside it, on whatever ``luigi`` is; prints figures of both processes as JSON."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import luigi
from luigi.rpc import RemoteScheduler
from luigi.worker import Worker

ROOT = Path(__file__).resolve().parents[2]
_LUIGID = """
import sys
name, root = sys.argv[1:3]
if name == "luigi_clone":
    sys.path.insert(0, root)
__import__(name + ".cmdline")
sys.modules[name + ".cmdline"].luigid(sys.argv[3:])
"""
_TICK = os.sysconf("SC_CLK_TCK")


class NoOp(luigi.Task):
    n = luigi.IntParameter()
    done: set[int] = set()

    def complete(self) -> bool:
        return self.n in NoOp.done

    def run(self) -> None:
        NoOp.done.add(self.n)


class FanIn(luigi.Task):
    count = luigi.IntParameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return [NoOp(n=n) for n in range(self.count)]


def _start(folder: str) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--port", str(port), "--address", "127.0.0.1", "--state-path", f"{folder}/state"]
    command = [sys.executable, "-c", _LUIGID, luigi.__name__, str(ROOT), *where]
    with open(f"{folder}/log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while b"Scheduler starting up" not in Path(f"{folder}/log").read_bytes():
        assert server.poll() is None and time.monotonic() < deadline, Path(f"{folder}/log").read_text()
        time.sleep(0.05)
    return server, f"http://127.0.0.1:{port}/"


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def measure(count: int, url: str, pid: int) -> dict[str, float]:
    scheduler = RemoteScheduler(url)
    requests = 0
    fetch = scheduler._fetcher.fetch

    def counted(*arguments: Any) -> Any:
        nonlocal requests
        requests += 1
        return fetch(*arguments)

    scheduler._fetcher.fetch = counted
    root = FanIn(count=count)
    root.requires()  # the objects are made outside of the measurement
    marks = []

    def mark() -> None:
        marks.append((time.process_time(), _cpu_of(pid), requests))

    with Worker(scheduler=scheduler) as worker:
        mark()
        assert worker.add(root)
        mark()
        assert worker.run()
        mark()
    figures = {}
    for phase, begin, end in (("add", marks[0], marks[1]), ("run", marks[1], marks[2])):
        figures[f"{phase}_worker_ms"] = (end[0] - begin[0]) / count * 1e3
        figures[f"{phase}_server_ms"] = (end[1] - begin[1]) / count * 1e3
        figures[f"{phase}_requests"] = end[2] - begin[2]
    figures["both_ms"] = sum(value for name, value in figures.items() if name.endswith("_ms"))
    return figures


def main() -> None:
    """Measure a fan-in of as many tasks as the argument says."""
    logging.getLogger("luigi-interface").setLevel(logging.ERROR)
    logging.getLogger("luigi").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        server, url = _start(folder)
        try:
            print(json.dumps(measure(int(sys.argv[1]), url, server.pid)))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
