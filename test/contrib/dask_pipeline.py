"""Tasks that run on a cluster in test_dask."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

import luigi_clone as luigi


class Noted(luigi.Task):
    """Writes a line when it begins, and its output when it is done."""

    task_namespace = "test_dask"
    folder = luigi.Parameter()
    name = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.name}.done")

    def run(self):
        with open(f"{self.folder}/{self.name}.begun", "a") as file:
            file.write(f"{os.getpid()}\n")
        self.work()
        with self.output().open("w") as file:
            file.write("done")

    def work(self):
        pass


class Waits(Noted):
    """Goes on when a file is there, 30 seconds at most; has a process of its own meanwhile."""

    task_namespace = "test_dask"

    def work(self):
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        with open(f"{self.folder}/{self.name}.helper", "w") as file:
            file.write(f"{helper.pid}\n")
        deadline = time.monotonic() + 30
        while not os.path.exists(f"{self.folder}/go") and time.monotonic() < deadline:
            time.sleep(0.01)
        helper.kill()
        helper.wait()


class Naps(Noted):
    """Takes a while."""

    task_namespace = "test_dask"
    seconds = luigi.FloatParameter()

    def work(self):
        time.sleep(self.seconds)


class Prints(Noted):
    """Says something."""

    task_namespace = "test_dask"

    def work(self):
        print("printed on the cluster")


class Speaks(Noted):
    """Says something in each way, tells when, and waits until it may say the last word."""

    task_namespace = "test_dask"
    password = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def work(self):
        print("by print, with", self.password)
        sys.stderr.write("to stderr\n")
        logging.getLogger("luigi-interface").info("by logging, with %s", self.password)
        subprocess.run(["echo", "by a program"], check=True)
        with open(f"{self.folder}/{self.name}.said", "w") as file:
            file.write(f"{time.time()}\n")
        deadline = time.monotonic() + 30
        while not os.path.exists(f"{self.folder}/go") and time.monotonic() < deadline:
            time.sleep(0.01)
        print("last line")


class Floods(Noted):
    """Writes many lines of 14 bytes, faster than they are fetched."""

    task_namespace = "test_dask"
    count = luigi.IntParameter()

    def work(self):
        sys.stdout.write("".join(f"line {number:08d}\n" for number in range(self.count)))


class Crashes(Noted):
    """Ends without a word of Python."""

    task_namespace = "test_dask"

    def work(self):
        os.write(2, b"last words\n")
        os.kill(os.getpid(), 9)


class TellsEnvironment(Noted):
    """Writes where it is."""

    task_namespace = "test_dask"

    def work(self):
        with open(f"{self.folder}/{self.name}.environment", "w") as file:
            for variable in ("LUIGI_OF_WORKER", "SECRET_OF_WORKER", "OF_DASK_WORKER"):
                file.write(f"{variable}={os.environ.get(variable)}\n")
            file.write(f"cwd={os.getcwd()}\n")
