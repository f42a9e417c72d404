"""Tasks that write in all ways, and what it takes to run them and to see what was kept."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

import luigi_clone as luigi
from luigi_clone import configuration
from luigi_clone._task_logs.files import attempts_in
from luigi_clone.rpc import RemoteScheduler
from luigi_clone.worker import Worker

SECRET = "s3cr3t/wörd-4711"

EXECUTORS = {
    "in-process": {"executor": "in-process"},
    "forked": {"executor": "process"},
    "pool": {"executor": "pool"},
}


class Quiet(luigi.Task):
    """A task that is not complete before it has run in this process, and makes no files."""

    name = luigi.Parameter(default="x")
    done_file = luigi.Parameter()

    def complete(self):
        return os.path.exists(self.done_file)

    def mark(self):
        with open(self.done_file, "w"):
            pass


class Writes(Quiet):
    """Writes a line in each way."""

    def run(self):
        print("by print")
        sys.stderr.write("to stderr\n")
        logging.getLogger("luigi-interface").info("by logging")
        logging.getLogger("some.other").warning("by another logger")
        sys.stdout.buffer.write(b"no utf-8: \xff\xfe\n")
        print("\x1b[31mred\x1b[0m")
        print("x" * 300_000 + "end of the long line")
        self.mark()


class Starts(Quiet):
    """Starts a program that writes."""

    def run(self):
        subprocess.run([sys.executable, "-c", "print('by a program')"], check=True)
        self.mark()


class Keeps(Quiet):
    """Has a secret, and lets it out in pieces."""

    password = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def run(self):
        print("whole:", self.password)
        for character in self.password:
            sys.stdout.write(character)
            sys.stdout.flush()
        print(" by characters")
        print("shown:", repr({"password": self.password}))
        self.mark()


class Crashes(Quiet):
    """Ends without a word of Python."""

    def run(self):
        os.write(2, b"last words\n")
        os.kill(os.getpid(), 9)


class Waits(Quiet):
    """Writes a line and waits until it is told to go on."""

    def run(self):
        print("first line")
        deadline = time.monotonic() + 30
        while not os.path.exists(self.done_file + ".go") and time.monotonic() < deadline:
            time.sleep(0.01)
        print("last line")
        self.mark()


class Floods(Quiet):
    """Writes many lines."""

    count = luigi.IntParameter()

    def run(self):
        for number in range(self.count):
            print(f"line {number:08d}")
        self.mark()


class Fails(Quiet):
    """Raises."""

    def run(self):
        print("before the failure")
        raise ValueError("the reason")


class LooksAround(Quiet):
    """Tells whether its streams are terminals."""

    def run(self):
        print("terminals:", sys.stdout.isatty(), sys.stderr.isatty())
        self.mark()


class LeavesBehind(Quiet):
    """Leaves a program behind that writes when the worker has ended."""

    def run(self):
        print("started")
        wait = (
            f"until test -e {self.done_file}.worker; do sleep 0.02; done; echo first; sleep 0.1; echo second"
        )
        subprocess.Popen(["sh", "-c", wait], start_new_session=True)
        self.mark()


def folder() -> str:
    """Return the folder of the logs in this test."""
    return configuration.get_config().get("worker", "log_dir")


def written(task, attempt=-1) -> bytes:
    """Return the file of an attempt."""
    with open(attempts_in(folder(), task.task_id)[attempt], "rb") as file:
        return file.read()


def run(tasks, url, executor="in-process", **options):
    """Run tasks on a remote scheduler; return whether all succeeded."""
    scheduler = RemoteScheduler(url)
    try:
        with Worker(
            scheduler, wait_interval=0.01, wait_jitter=0.0, **EXECUTORS[executor], **options
        ) as worker:
            for task in tasks:
                worker.add(task)
            return worker.run()
    finally:
        scheduler.close()
