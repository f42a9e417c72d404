"""A Dask cluster of processes of its own, for tests, and how workers find it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from luigi_clone.configuration import get_config

ROOT = Path(__file__).parents[2]


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


class Namespace:
    """A network of its own, as another machine has it: abstract sockets of this one are not there."""

    def __init__(self):
        number = os.getpid() % (1 << 14)
        self.name = f"luigi-{os.getpid()}"
        self.prefix = ("ip", "netns", "exec", self.name)
        network = f"169.254.{number >> 6}"
        first = (number & 63) << 2
        self.host, there = f"{network}.{first + 1}", f"{network}.{first + 2}"
        self._link = f"lu{os.getpid()}"
        self._ip("netns", "add", self.name)
        try:
            peer = f"lv{os.getpid()}"
            self._ip("link", "add", self._link, "type", "veth", "peer", "name", peer, "netns", self.name)
            self._ip("addr", "add", f"{self.host}/30", "dev", self._link)
            self._ip("link", "set", self._link, "up")
            self._ip("-n", self.name, "addr", "add", f"{there}/30", "dev", peer)
            self._ip("-n", self.name, "link", "set", peer, "up")
            self._ip("-n", self.name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError:
            self.remove()
            raise

    def _ip(self, *arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def remove(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._ip("link", "del", self._link)
        self._ip("netns", "del", self.name)


class Cluster:
    """A Dask scheduler and Dask workers, each a process of its own."""

    def __init__(self, folder, place=None):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes = []
        self.place = place
        options = [] if place is None else ["--host", place.host]
        self.scheduler = self.start(
            "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", self.file, *options
        )

    def start(self, *arguments, prefix=()):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OF_DASK_WORKER": "yes"}
        environment.pop("COVERAGE_PROCESS_START", None)
        with (self.folder / f"{len(self.processes)}.log").open("w") as log:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "dask", *map(str, arguments)],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def start_worker(self, *options):
        prefix = () if self.place is None else self.place.prefix
        return self.start(
            "worker",
            "--scheduler-file",
            self.file,
            "--local-directory",
            self.folder,
            *options,
            prefix=prefix,
        )

    def ask(self, question):
        """Return the answer of a client of the cluster."""
        from distributed import Client

        with Client(scheduler_file=str(self.file), timeout=30, set_as_default=False) as client:
            return question(client)

    def wait_for_workers(self, count):
        wait_until(self.file.exists)
        self.ask(lambda client: client.wait_for_workers(count, timeout=60))

    def pids(self):
        """Return the process ids of the Dask workers."""
        return list(self.ask(lambda client: client.run(os.getpid)).values())

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def on(cluster, folder, monkeypatch, **options):
    options = {"scheduler_file": str(cluster.file), **options}
    file = folder / "dask.cfg"
    file.write_text("[dask]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
    monkeypatch.setenv("LUIGI_CONFIG_PATH", str(file))
    with configured(**options):
        yield


@contextlib.contextmanager
def configured(**options):
    config = get_config()
    for name, value in options.items():
        config.set("dask", name, str(value))
    try:
        yield
    finally:
        config.remove_section("dask")


def children_of_this_process():
    import psutil

    return os.getpid(), [child.pid for child in psutil.Process().children(recursive=True)]
