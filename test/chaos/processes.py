"""The processes of a siege, and what can be done to them."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from test.chaos import pipeline
from test.chaos.verdict import Silence

ROOT = Path(__file__).resolve().parents[2]
_LUIGID = "import sys; from luigi_clone.cmdline import luigid; luigid(sys.argv[1:])"


class Process:
    """A process of which it is known when it could not say anything."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self.silences: list[Silence] = []
        self._stopped_since: float | None = None
        self.was_killed = False

    @property
    def exit_code(self) -> int | None:
        """The exit code, None while it lives."""
        return self._popen.poll()

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped and not continued."""
        return self._stopped_since is not None

    def stop(self) -> None:
        """Freeze it."""
        self._stopped_since = time.monotonic()
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after :meth:`stop`."""
        if self._stopped_since is not None:
            os.kill(self.pid, signal.SIGCONT)
            self.silences.append(Silence(self._stopped_since, time.monotonic()))
            self._stopped_since = None

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        since = time.monotonic() if self._stopped_since is None else self._stopped_since
        self.was_killed, self._stopped_since = True, None
        self._popen.kill()
        self._popen.wait()
        self.silences.append(Silence(since, math.inf))

    def end(self, seconds: float) -> int | None:
        """Ask it to end; return its exit code, None if it had to be killed."""
        self.go_on()
        self._popen.terminate()
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


def descendants_of(pid: int) -> list[int]:
    """Return the processes below a process, going by what the system tells about all."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(pid, ()))
    for one in found:
        found += children.get(one, ())
    return found


class Place:
    """The folder of a siege, its scheduler and its workers."""

    def __init__(self, folder: Path, seed: int, tasks: int, sections: dict[str, dict[str, Any]]) -> None:
        self.folder = folder
        for name in ("done", "failed"):
            (folder / name).mkdir()
        self.attempts = folder / "attempts"
        self.attempts.touch()
        text = [
            f"[{name}]\n" + "".join(f"{option} = {value}\n" for option, value in options.items())
            for name, options in sections.items()
        ]
        (folder / "luigi.cfg").write_text("\n".join(text), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LUIGI", "PYTEST"))}
        self._environment = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "LUIGI_CONFIG_PATH": str(folder / "luigi.cfg"),
            pipeline.FOLDER: str(folder),
            pipeline.PLAN: f"{seed} {tasks}",
        }

    def start_scheduler(self) -> Process:
        """Start luigid on its port, with the journal that is there."""
        where = ["--port", str(self.port), "--address", "127.0.0.1", "--state-path", f"{self.folder}/state"]
        command = [sys.executable, "-c", _LUIGID, *where]
        return Process(command, self.folder / "luigid.log", self._environment)

    def start_worker(self, round_number: int, number: int, workers: int, life: int) -> Process:
        """Start a worker; its name is ``number.life``."""
        command = [sys.executable, "-m", "test.chaos.worker", self.url]
        command += [str(round_number), str(number), str(workers)]
        environment = {**self._environment, pipeline.WORKER: f"{number}.{life}"}
        return Process(command, self.folder / f"worker-{number}.{life}.log", environment)

    def ask(self, method: str, timeout: float = 20.0, **arguments: Any) -> Any:
        """Make a call; return None if nobody answers."""
        body = urlencode({"data": json.dumps(arguments)}).encode()
        try:
            with urlopen(f"{self.url}/api/{method}", body, timeout=timeout) as answer:
                return json.load(answer)["response"]
        except (URLError, ConnectionError, TimeoutError):
            return None

    def statuses(self) -> dict[str, str] | None:
        """Return the status of each task that the scheduler knows, by its key; None if nobody answers."""
        tasks = self.ask("task_list", status="", upstream_status="")
        if tasks is None:
            return None
        # of those that are not described yet there is only the id
        return {"-".join(task_id.split("_")[1:4]): task["status"] for task_id, task in tasks.items()}
