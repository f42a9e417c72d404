"""One million tasks: added, run by 8 workers of 4 slots, and listed; then luigid is killed and begins again.

``python test/perf/run_million.py [--tasks 1000000] [--workers 8] [--slots 4] [--folder FOLDER]``

Everything is real: a luigid with its journal, and worker processes that register and run tasks which do
nothing, within the worker's process. Prints the time and the CPU of each step, the memory of all processes,
the size of the journal, and how long a call took at most that was made every 50 ms meanwhile (snapshots of
the state fall into that time). ``--run N`` runs only so many of the tasks. No goal is set for the whole; of
issue 5 for parts of it: start with 1,000,000 tasks at most 15 s, longest stall by a snapshot at most 100 ms.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import luigi_clone as luigi  # noqa: E402
from luigi_clone.rpc import RemoteScheduler  # noqa: E402
from luigi_clone.worker import Worker  # noqa: E402

_LUIGID = "import sys; from luigi_clone.cmdline import luigid; luigid(sys.argv[1:])"
GROUP = 1000
_TICK = os.sysconf("SC_CLK_TCK")


class NoOp(luigi.Task):
    """A task that is complete once it ran."""

    number = luigi.IntParameter()
    done: set[int] = set()
    enough = 0

    def complete(self) -> bool:
        return self.number in NoOp.done

    def run(self) -> None:
        NoOp.done.add(self.number)
        if len(NoOp.done) == NoOp.enough:
            os.kill(os.getpid(), signal.SIGUSR1)  # the worker asks for no more work


class Group(luigi.WrapperTask):
    """Some tasks that follow each other in number."""

    first = luigi.IntParameter()
    count = luigi.IntParameter()

    def requires(self) -> Any:
        return [NoOp(number=number) for number in range(self.first, self.first + self.count)]


class Share(Group):
    """The tasks of one worker, in groups: one call that names them all would be the longest of all calls."""

    def requires(self) -> Any:
        end = self.first + self.count
        return [Group(first, min(GROUP, end - first)) for first in range(self.first, end, GROUP)]


def tell_figures() -> None:
    """Print CPU seconds and megabytes of this process until now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"cpu": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss // 1024}
    print(json.dumps(figures), flush=True)


def work(url: str, first: int, count: int, run: int, slots: int) -> None:
    """Be a worker: add a share of the tasks, wait for a line, run some or all; tell what both took."""
    NoOp.enough = run if run < count else 0
    logging.getLogger("luigi-interface").setLevel(logging.ERROR)
    scheduler = RemoteScheduler(url)
    with Worker(scheduler=scheduler, worker_processes=slots, executor="in-process") as worker:
        assert worker.add(Share(first=first, count=count))
        tell_figures()
        sys.stdin.readline()
        assert worker.run() or run < count
        tell_figures()
    assert len(NoOp.done) == min(run, count)


class Luigid:
    """The scheduler's process and its journal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> float:
        """Start it; return the seconds until it serves."""
        begun = time.monotonic()
        log = self._folder / "log"
        where = ["--port", str(self._port), "--address", "127.0.0.1", "--state-path", f"{self._folder}/state"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LUIGID, *where], stdout=output, stderr=output, cwd=ROOT
            )
        while b"Scheduler starting up" not in log.read_bytes():
            if self._process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.02)
        return time.monotonic() - begun

    def end(self, signum: int) -> None:
        """End it by a signal."""
        self._process.send_signal(signum)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def journal_size(self) -> int:
        """Bytes of all files of the journal."""
        return sum(path.stat().st_size for path in self._folder.glob("state*"))

    def ask(self, method: str, **arguments: Any) -> bytes:
        """Make a call and return the whole answer."""
        body = urlencode({"data": json.dumps(arguments)}).encode()
        with urlopen(f"{self.url}/api/{method}", body, timeout=600) as answer:
            read: bytes = answer.read()
            return read


class Pulse:
    """Makes a call every 50 ms and keeps how long each took."""

    def __init__(self, luigid: Luigid) -> None:
        self._luigid = luigid
        self.taken: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat)

    def _beat(self) -> None:
        while not self._ended.wait(0.05):
            begun = time.perf_counter()
            self._luigid.ask("ping", worker="pulse")
            self.taken.append(time.perf_counter() - begun)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._thread.join()

    def __str__(self) -> str:
        taken = sorted(self.taken)
        return (
            f"a call takes {statistics.median(taken) * 1e3:.1f} ms, 99 of 100 up to "
            f"{taken[len(taken) * 99 // 100] * 1e3:.0f} ms, at most {taken[-1] * 1e3:.0f} ms"
        )


def memory(pid: int, field: str = "VmRSS") -> int:
    """Return megabytes of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition(field + ":")[2].split()[0]) // 1024


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def say(text: str) -> None:
    """Print a line at once, with the load of the machine."""
    print(f"{text}   [load {os.getloadavg()[0]:.1f}]", flush=True)


class Million:
    """One run of it all."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._tasks, self._slots = options.tasks, options.slots
        self._run = options.run or options.tasks
        self._known = options.tasks + options.workers * (1 - (-options.tasks // options.workers // GROUP))
        self._share = options.tasks // options.workers
        self._spent = 0.0  # CPU seconds of the workers
        self._luigid = Luigid(folder)
        self._workers = [
            subprocess.Popen(
                [
                    *(sys.executable, __file__, "--url", self._luigid.url, "--slots", str(self._slots)),
                    *("--first", str(number * self._share), "--tasks", str(self._share)),
                    *("--run", str(self._run // options.workers)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(options.workers)
        ]

    def run(self) -> None:
        """Do it, and print what each step took."""
        try:
            self._step("added", self._tasks, lambda worker: None)
            self._step("run", self._run, self._let_go)
            for worker in self._workers:
                assert worker.wait() == 0
            self._list()
            self._begin_again()
        finally:
            for worker in self._workers:
                worker.kill()
                worker.wait()
            self._luigid.end(signal.SIGKILL)

    @staticmethod
    def _let_go(worker: subprocess.Popen[str]) -> None:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()

    def _step(self, name: str, count: int, begin: Callable[[subprocess.Popen[str]], None]) -> None:
        begun, server_before = time.monotonic(), cpu(self._luigid.pid)
        with Pulse(self._luigid) as pulse:
            for worker in self._workers:
                begin(worker)
            told = [json.loads(worker.stdout.readline()) for worker in self._workers if worker.stdout]
        spent, self._spent = self._spent, sum(worker["cpu"] for worker in told)
        seconds = time.monotonic() - begun
        server = cpu(self._luigid.pid) - server_before
        say(
            f"{count:,} tasks {name}: {seconds:.0f} s; CPU a task: luigid {server / count * 1e3:.2f} ms, "
            f"workers {(self._spent - spent) / count * 1e3:.2f} ms"
        )
        pid, most = self._luigid.pid, max(worker["megabytes"] for worker in told)
        say(
            f"  luigid {memory(pid)} MB (at most {memory(pid, 'VmHWM')}), a worker at most {most} MB, "
            f"journal {self._luigid.journal_size / 1e6:.0f} MB; {pulse}"
        )

    def _list(self) -> None:
        for what, method, arguments in (
            ("overview", "overview", {}),
            ("task_list with its limit", "task_list", {"status": "", "upstream_status": ""}),
            ("task_list of all", "task_list", {"status": "", "upstream_status": "", "limit": False}),
        ):
            with Pulse(self._luigid) as pulse:
                begun, before = time.monotonic(), cpu(self._luigid.pid)
                answer = self._luigid.ask(method, **arguments)
                seconds, spent = time.monotonic() - begun, cpu(self._luigid.pid) - before
                time.sleep(0.2)
            say(f"{what}: {seconds:.2f} s, {spent:.2f} s CPU, {len(answer) / 1e6:.3f} MB; {pulse}")
        tasks = json.loads(answer)["response"]
        assert len(tasks) == self._known, len(tasks)

    def _begin_again(self) -> None:
        self._luigid.end(signal.SIGKILL)
        seconds = self._luigid.start()
        say(
            f"luigid killed and started again: {seconds:.1f} s, {cpu(self._luigid.pid):.1f} s CPU, "
            f"{memory(self._luigid.pid)} MB"
        )
        answer = json.loads(self._luigid.ask("task_list", status="", upstream_status=""))["response"]
        known = answer.get("num_tasks", len(answer))
        assert known == self._known, known


def main() -> None:
    """Run it all, or be one of its workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--run", type=int, help="how many of them to run; default: all")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="where the journal is kept; default: a temporary folder")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.url:
        work(options.url, options.first, options.tasks, options.run, options.slots)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        Million(options, Path(folder)).run()


if __name__ == "__main__":
    main()
