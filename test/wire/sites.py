"""A folder with a server process, worker processes, and an operator who makes calls."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from test import console
from test.differential.engines import ROOT, THIS, Engine

PIPELINE = Path(__file__).with_name("pipeline.py")
PATIENCE = 60.0
"""Seconds after which something that does not happen is a failure."""
STATUSES = ("PENDING", "RUNNING", "BATCH_RUNNING", "DONE", "FAILED", "DISABLED", "UNKNOWN")
RETCODES = {
    "already_running": 10,
    "missing_data": 20,
    "not_run": 25,
    "task_failed": 30,
    "scheduling_error": 35,
    "unhandled_exception": 40,
}
SHORT_WAITS: dict[str, dict[str, Any]] = {
    "core": {"rpc_retry_wait": 1, "no_lock": "true", "autoload_range": "false"},
    "worker": {"wait_interval": 0.05, "wait_jitter": 0, "ping_interval": 0.1},
    "scheduler": {"retry_delay": 0.2, "prune_on_get_work": "true"},
    "retcode": RETCODES,
}
# ``python -m`` cannot name a function, and an engine on PYTHONPATH has no scripts
_LUIGID = "import sys; from {library}.cmdline import luigid; luigid(sys.argv[1:])"
_WORKER_ID = re.compile(r"Worker\([^)]*?\bpid=(\d+)[^)]*\)")


class Failure(AssertionError):
    """Something did not happen in time, or a process ended that should not."""


def wait_until(happened: Callable[[], Any], what: str) -> Any:
    """Return the first true value of ``happened``. Raises Failure when there is none for too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := happened()):
        if time.monotonic() > deadline:
            raise Failure(f"in {PATIENCE:.0f} s there was no {what}")
        time.sleep(0.03)
    return found


class Run:
    """A worker process: one command line of ``luigi``."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """What it wrote until now."""
        return self._log.read_text(encoding="utf-8")

    @property
    def last_lines(self) -> str:
        """The end of the log, for the text of a failure."""
        return "\n".join(self.log.splitlines()[-30:])

    def finish(self) -> int:
        """Wait for its end and return the exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} does not end:\n{self.last_lines}") from None

    def summary(self) -> list[str]:
        """Return the lines of the execution summary, without what identifies workers."""
        _, _, text = self.log.partition("===== Luigi Execution Summary =====\n")
        text, _, _ = text.partition("\n===== Luigi Execution Summary =====")
        return _WORKER_ID.sub("Worker", text).strip().split("\n")


class Site:
    """The place of one pairing. Its names for workers are those that the script gives them."""

    def __init__(
        self, folder: Path, worker: Engine, server: Engine, sections: dict[str, dict[str, Any]]
    ) -> None:
        self.folder = folder
        self._worker, self._server = worker, server
        self._runs: list[Run] = []
        shutil.copy(PIPELINE, folder)
        self.files = folder / "files"
        self.files.mkdir()
        merged = {
            name: {**SHORT_WAITS.get(name, {}), **sections.get(name, {})}
            for name in {**SHORT_WAITS, **sections}
        }
        lines = [
            f"[{name}]\n" + "".join(f"{option} = {value}\n" for option, value in options.items())
            for name, options in merged.items()
        ]
        (folder / "luigi.cfg").write_text("\n".join(lines), encoding="utf-8")

    def __enter__(self) -> Site:
        for _ in range(5):
            self.port = _free_port()
            self.url = self.url_for_workers = f"http://127.0.0.1:{self.port}"
            self._luigid = self._start_server()
            if self._is_up():
                return self
            self._luigid.kill()
            self._luigid.wait()
        raise Failure(f"the server does not start:\n{self.server_log}")

    def __exit__(self, *exc_info: object) -> None:
        for run in self._runs:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGKILL)
                run.process.wait()
        self._luigid.terminate()
        try:
            self._luigid.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._luigid.kill()
            self._luigid.wait()

    # ---- processes

    def _environment(self, engine: Engine) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("LUIGI", "PYTEST", "COV_", "PYTHON"))
        }
        path = f"{self.folder}{os.pathsep}{ROOT}" if engine is THIS else str(self.folder)
        return {
            **kept,
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONUNBUFFERED": "1",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "TMPDIR": console.temporary_folder(),
            "LUIGI_CONFIG_PATH": str(self.folder / "luigi.cfg"),
        }

    def _start(self, engine: Engine, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(engine),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _start_server(self) -> subprocess.Popen[bytes]:
        engine = self._server
        where = ["--port", str(self.port), "--address", "127.0.0.1"]
        command = [engine.python[0], "-c", _LUIGID.format(library=engine.library), *where]
        return self._start(
            engine, [*command, "--state-path", str(self.folder / "state")], self.folder / "luigid.log"
        )

    def _is_up(self) -> bool:
        """Wait until the server says that it serves: a port that answers could be somebody else's."""
        wait_until(
            lambda: "Scheduler starting up" in self.server_log or self._luigid.poll() is not None,
            "word from the server",
        )
        return self._luigid.poll() is None

    @property
    def server_log(self) -> str:
        """What the server wrote until now."""
        return (self.folder / "luigid.log").read_text(encoding="utf-8")

    def start(self, name: str, family: str, *arguments: str) -> Run:
        """Start a worker for a task of the pipeline; it is called ``name`` from now on."""
        command = [*self._worker.luigi, "--module", "pipeline", family, *arguments]
        command += ["--scheduler-url", self.url_for_workers, "--log-level", "INFO"]
        log = self.folder / f"{name}.log"
        run = Run(name, self._start(self._worker, command, log), log)
        self._runs.append(run)
        return run

    def run(self, name: str, family: str, *arguments: str) -> dict[str, Any]:
        """Run a worker until its end and return what :meth:`outcome` tells."""
        run = self.start(name, family, *arguments)
        run.finish()
        return self.outcome(run)

    # ---- the operator

    def call(self, method: str, /, **arguments: Any) -> Any:
        """Make a call as any HTTP client would, and return the response."""
        body = urlencode({"data": json.dumps(arguments)}).encode()
        with urlopen(f"{self.url}/api/{method}", body, timeout=20) as answer:
            return json.load(answer)["response"]

    def tasks(self, status: str = "") -> dict[str, dict[str, Any]]:
        """Return the tasks of a status."""
        found: dict[str, dict[str, Any]] = self.call("task_list", status=status, upstream_status="")
        return found

    def statuses(self) -> dict[str, list[str]]:
        """Return the shown names of the tasks of each status that there is, as the lists of the page do."""
        lists = {status: self.tasks(status) for status in STATUSES}
        return {
            status: sorted(task["display_name"] for task in tasks.values())
            for status, tasks in lists.items()
            if tasks
        }

    def id_of(self, display_name: str) -> str:
        """Return the id of a task, once there is one of that name."""

        def look() -> str | None:
            shown = {task["display_name"]: task_id for task_id, task in self.tasks().items()}
            return shown.get(display_name)

        found: str = wait_until(look, f"task {display_name}")
        return found

    def wait_for(self, display_name: str, status: str) -> str:
        """Wait until a task has a status; return its id."""
        task_id = self.id_of(display_name)
        wait_until(
            lambda: task_id in self.tasks(status), f"task {display_name} in status {status}: {self.tasks()}"
        )
        return task_id

    def worker_id(self, run: Run) -> str:
        """Return the id of a worker, once the server knows it."""

        def look() -> str | None:
            workers = self.call("worker_list")
            ids = [worker["name"] for worker in workers if f"pid={run.process.pid}" in worker["name"]]
            return ids[0] if ids else None

        found: str = wait_until(look, f"worker {run.name}:\n{run.last_lines}")
        return found

    # ---- what came of it

    def named(self, text: str) -> str:
        """Return ``text`` with the script's names in place of worker ids."""
        names = {str(run.process.pid): run.name for run in self._runs}
        return _WORKER_ID.sub(lambda found: names.get(found[1], found[0]), text)

    def task(self, display_name: str) -> dict[str, Any]:
        """Return what the server shows of a task, less what differs between any two runs."""
        return self._comparable(self.tasks()[self.id_of(display_name)])

    def _comparable(self, task: dict[str, Any]) -> dict[str, Any]:
        times = {"time_running", "start_time", "last_updated", "workers"}
        shown = {name: value for name, value in task.items() if name not in times}
        runner = task["worker_running"]
        workers = sorted(self.named(worker) for worker in task["workers"])
        return {**shown, "workers": workers, "worker_running": runner and self.named(runner)}

    def made(self) -> dict[str, str]:
        """Return the files that the tasks made."""
        return {
            path.name: path.read_text(encoding="utf-8")
            for path in sorted(self.files.iterdir())
            if path.name != "runs"
        }

    def order(self) -> list[str]:
        """Return what was run, in the order of the beginnings."""
        runs = self.files / "runs"
        return runs.read_text(encoding="utf-8").split() if runs.exists() else []

    def outcome(self, *runs: Run) -> dict[str, Any]:
        """Return what the runs ended with, what the server shows, what was run, and the files."""
        tasks = [self._comparable(task) for task in self.tasks().values()]
        return {
            "exit": {run.name: run.finish() for run in runs},
            "summary": {run.name: run.summary() for run in runs},
            "statuses": self.statuses(),
            "tasks": sorted(tasks, key=lambda task: str(task["display_name"])),
            "files": self.made(),
            "runs": sorted(self.order()),
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
