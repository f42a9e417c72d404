"""Shortcomings of Luigi's task processes that are mended: hangs, lost processes, lost results."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi
import pytest
from luigi.scheduler import Scheduler
from luigi.worker import Worker


def make(**options: Any) -> Worker:
    scheduler = options.pop("scheduler", None) or Scheduler(**options.pop("config", {}))
    return Worker(scheduler=scheduler, **{"wait_interval": 0.05, "wait_jitter": 0.0, **options})


def run(task: luigi.Task, **options: Any) -> tuple[bool, list[Any]]:
    with make(**options) as worker:
        assert worker.add(task)
        succeeded = worker.run()
    return succeeded, [status for t, status, _ in worker._add_task_history if t == task]


def wait_until(condition: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Incomplete(luigi.Task):
    def complete(self) -> bool:
        return False


class ExitsWithZero(Incomplete):
    def run(self) -> None:
        os._exit(0)


@pytest.mark.timeout(10)
def test_05_01_child_that_exits_with_0_without_a_result_has_failed() -> None:
    messages: list[str] = []
    ExitsWithZero.event_handler(luigi.Event.PROCESS_FAILURE)(lambda _, message: messages.append(message))
    succeeded, statuses = run(ExitsWithZero(), force_multiprocessing=True)
    assert not succeeded
    assert statuses == ["PENDING", "FAILED"]
    assert messages == [f"Task {ExitsWithZero().task_id} died unexpectedly with exit code 0"]


class ReturnsLambda(Incomplete):
    fails = luigi.BoolParameter()

    def run(self) -> None:
        if self.fails:
            raise ValueError("as intended")

    def on_success(self) -> Any:
        return lambda: None

    def on_failure(self, exception: BaseException) -> Any:
        return lambda: None


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("fails", "status"), [(False, "DONE"), (True, "FAILED")])
def test_05_02_result_that_cannot_be_pickled_is_replaced_by_its_text(fails: bool, status: str) -> None:
    succeeded, statuses = run(ReturnsLambda(fails=fails), force_multiprocessing=True)
    assert succeeded is not fails
    assert statuses == ["PENDING", status]


class NeedsOneThatCannotBePickled(Incomplete):
    def requires(self) -> Any:
        return CannotBePickled()


class CannotBePickled(Incomplete):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = threading.Lock()


@pytest.mark.timeout(10)
def test_05_03_task_that_cannot_be_pickled_is_named_in_parallel_scheduling(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with make() as worker:
        assert not worker.add(NeedsOneThatCannotBePickled(), multiprocess=True, processes=2)
    history = {type(t).__name__: status for t, status, _ in worker._add_task_history}
    assert history == {"NeedsOneThatCannotBePickled": "PENDING", "CannotBePickled": "UNKNOWN"}
    assert "CannotBePickled() cannot be sent to a scheduling process" in caplog.text
    assert "'connection'" in caplog.text


class ExplainsWithAType(Incomplete):
    def run(self) -> None:
        raise ValueError("as intended")

    def on_failure(self, exception: BaseException) -> Any:
        return int


class ExplainsWithASet(Incomplete):
    def on_success(self) -> Any:
        return {1}


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("task", "status", "text"),
    [(ExplainsWithAType, "FAILED", "class 'int'"), (ExplainsWithASet, "DONE", "{1}")],
)
def test_05_04_explanation_of_any_type_is_reported(task: Any, status: str, text: str) -> None:
    scheduler = Scheduler()
    _, statuses = run(task(), scheduler=scheduler)
    assert statuses == ["PENDING", status]
    assert text in scheduler.fetch_error(task_id=task().task_id)["error"]


class IgnoresSigterm(Incomplete):
    worker_timeout = 1

    def run(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        deadline = time.monotonic() + 14
        while time.monotonic() < deadline:
            time.sleep(0.1)


class Quick(luigi.Task):
    folder = luigi.Parameter()
    n = luigi.IntParameter()

    def output(self) -> Any:
        return luigi.LocalTarget(os.path.join(self.folder, f"{self.n}"))

    def run(self) -> None:
        time.sleep(0.3)
        with self.output().open("w") as out:
            out.write(str(time.time()))


@pytest.mark.timeout(20)
def test_05_05_timeout_ends_a_task_that_ignores_sigterm_and_stalls_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(luigi.worker.TaskProcess, "termination_grace", 4, raising=False)
    timeouts: list[str] = []
    IgnoresSigterm.event_handler(luigi.Event.TIMEOUT)(lambda _, message: timeouts.append(message))
    started = time.time()
    with make(worker_processes=2) as worker:
        assert worker.add(IgnoresSigterm())
        for n in range(6):
            assert worker.add(Quick(folder=str(tmp_path), n=n))
        assert not worker.run()
    statuses = [status for t, status, _ in worker._add_task_history if t == IgnoresSigterm()]
    assert statuses == ["PENDING", "FAILED"]
    assert len(timeouts) == 1
    assert time.time() - started < 12
    finished = [float((tmp_path / str(n)).read_text()) - started for n in range(6)]
    assert max(finished) < 5, "the other slot went on while the late task was being ended"


ORPHANS = """
import os, subprocess, time
import luigi
from luigi.scheduler import Scheduler
from luigi.worker import Worker

class Long(luigi.Task):
    n = luigi.IntParameter()

    def complete(self):
        return False

    def run(self):
        child = subprocess.Popen(["sleep", "60"])
        with open(f"pids-{self.n}.tmp", "w") as f:
            f.write(f"{os.getpid()} {child.pid}")
        os.rename(f"pids-{self.n}.tmp", f"pids-{self.n}")
        time.sleep(60)

if __name__ == "__main__":
    with Worker(scheduler=Scheduler(), worker_processes=2, wait_interval=0.05) as worker:
        worker.add(Long(n=1))
        worker.add(Long(n=2))
        worker.run()
"""


def program(folder: Path, text: str) -> subprocess.Popen[bytes]:
    """Start a Python program on the engine under test."""
    prelude = ""
    if luigi.Task.__module__.startswith("luigi_clone"):
        prelude = "import luigi_clone.alias\nluigi_clone.alias.install()\n"
    (folder / "program.py").write_text(prelude + textwrap.dedent(text))
    path = os.pathsep.join([str(Path(luigi.__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill_all(files: list[Path]) -> None:
    for file in files:
        if file.exists():
            for pid in file.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


@pytest.mark.timeout(20)
def test_05_06_sigterm_of_the_worker_ends_its_task_processes(tmp_path: Path) -> None:
    process = program(tmp_path, ORPHANS)
    files = [tmp_path / "pids-1", tmp_path / "pids-2"]
    try:
        wait_until(lambda: all(file.exists() for file in files))
        pids = [int(pid) for file in files for pid in file.read_text().split()]
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
        wait_until(lambda: not any(map(is_running, pids)), 3)
    finally:
        process.kill()
        kill_all(files)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.timeout(20)
def test_05_06_sigkill_of_the_worker_ends_its_task_processes(tmp_path: Path) -> None:
    process = program(tmp_path, ORPHANS)
    files = [tmp_path / "pids-1", tmp_path / "pids-2"]
    try:
        wait_until(lambda: all(file.exists() for file in files))
        tasks = [int(file.read_text().split()[0]) for file in files]
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(is_running, tasks)), 3)
    finally:
        process.kill()
        kill_all(files)


class Remote(http.server.BaseHTTPRequestHandler):
    """A scheduler as workers reach it over the network."""

    scheduler: Scheduler
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        call = getattr(self.scheduler, self.path.rpartition("/")[2], None)
        if call is None:
            self.send_error(404)
            return
        arguments = json.loads(urllib.parse.parse_qs(body)["data"][0])
        with self.lock:
            answer = call(**arguments)
        data = json.dumps({"response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(scheduler: Scheduler) -> Iterator[str]:
    handler = type("Handler", (Remote,), {"scheduler": scheduler})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_05_06_scheduler_is_told_of_the_end_of_the_worker(
    tmp_path: Path, signum: signal.Signals, slots: int
) -> None:
    scheduler = Scheduler()
    with served(scheduler) as url:
        text = ORPHANS.replace("scheduler=Scheduler()", f"scheduler=luigi.rpc.RemoteScheduler({url!r})")
        text = text.replace("import luigi\n", "import luigi, luigi.rpc\n")
        if slots == 1:
            text = text.replace("worker_processes=2", "force_multiprocessing=True")
        process = program(tmp_path, text)
        files = [tmp_path / "pids-1", tmp_path / "pids-2"]
        try:
            wait_until(lambda: sum(file.exists() for file in files) == slots)
            process.send_signal(signum)
            assert process.wait(10) == -signum
        finally:
            process.kill()
            process.wait()
            kill_all(files)
    statuses = [task["status"] for task in scheduler.task_list().values()]
    assert sorted(statuses) == ["FAILED"] * slots + ["PENDING"] * (2 - slots)
    for task_id, task in scheduler.task_list().items():
        if task["status"] == "FAILED":
            error = scheduler.fetch_error(task_id=task_id)["error"]
            assert "The worker was " in error


class StartsSubprocess(Incomplete):
    worker_timeout = 1
    file = luigi.Parameter()

    def run(self) -> None:
        child = subprocess.Popen(["sleep", "60"])
        Path(self.file).write_text(str(child.pid))
        time.sleep(60)


@pytest.mark.timeout(20)
def test_05_07_timeout_ends_what_the_task_started_without_psutil(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    file = tmp_path / "pid"
    try:
        run(StartsSubprocess(file=str(file)))
        wait_until(lambda: not is_running(int(file.read_text())), 2)
    finally:
        kill_all([file])


class SlowPings(Scheduler):
    """A scheduler that is long in answering a ping: it waits for a file."""

    file: Path
    pinging = threading.Event()

    def ping(self, **kwargs: Any) -> Any:
        self.pinging.set()
        deadline = time.monotonic() + 5
        while not self.file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return super().ping(**kwargs)


class WritesFile(luigi.Task):
    file = luigi.Parameter()

    def output(self) -> Any:
        return luigi.LocalTarget(self.file)

    def run(self) -> None:
        with self.output().open("w") as out:
            out.write("x")


@pytest.mark.timeout(20)
def test_05_10_tasks_start_while_a_ping_waits_for_its_answer(tmp_path: Path) -> None:
    scheduler = SlowPings()
    scheduler.file = tmp_path / "out"
    scheduler.pinging.clear()
    with make(scheduler=scheduler, force_multiprocessing=True, ping_interval=0.01) as worker:
        assert worker.add(WritesFile(file=str(scheduler.file)))
        assert scheduler.pinging.wait(5)
        started = time.monotonic()
        assert worker.run()
        assert time.monotonic() - started < 3


@pytest.mark.timeout(10)
def test_05_13_result_leaves_the_child_without_a_thread_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = luigi.worker.TaskProcess.run

    def run_and_look(process: Any) -> None:
        original(process)
        names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        (tmp_path / "threads").write_text(repr(names))

    monkeypatch.setattr(luigi.worker.TaskProcess, "run", run_and_look)
    _, statuses = run(Incomplete(), force_multiprocessing=True)
    assert statuses == ["PENDING", "DONE"]
    wait_until((tmp_path / "threads").exists, 3)
    wait_until(lambda: (tmp_path / "threads").read_text() == "[]", 1)


class Interrupted(Incomplete):
    def run(self) -> None:
        raise KeyboardInterrupt


@pytest.mark.timeout(10)
def test_05_29_keyboard_interrupt_in_a_child_fails_the_task_once(capfd: pytest.CaptureFixture[str]) -> None:
    with make(force_multiprocessing=True) as worker:
        assert worker.add(Interrupted())
        stop = threading.Timer(3, worker._start_phasing_out)
        stop.start()
        assert not worker.run()
        stop.cancel()
    assert [status for _, status, _ in worker._add_task_history] == ["PENDING", "FAILED"]


class OnFailureRaises(Incomplete):
    def run(self) -> None:
        raise ValueError("first")

    def on_failure(self, exception: BaseException) -> Any:
        raise ValueError("second")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("in_child", [False, True])
def test_05_30_on_failure_may_raise(in_child: bool, capfd: pytest.CaptureFixture[str]) -> None:
    scheduler = Scheduler()
    task = OnFailureRaises()
    succeeded, statuses = run(task, scheduler=scheduler, force_multiprocessing=in_child)
    assert not succeeded
    assert statuses == ["PENDING", "FAILED"]
    error = scheduler.fetch_error(task_id=task.task_id)["error"]
    assert "first" in error
    assert "second" in error


@pytest.mark.timeout(20)
def test_05_22_timeout_is_noticed_on_time_whatever_the_wait_interval() -> None:
    started = time.monotonic()
    run(Sleeper(), wait_interval=6.0)
    assert time.monotonic() - started < 3


class Sleeper(Incomplete):
    worker_timeout = 1

    def run(self) -> None:
        time.sleep(60)


DEADLY_CHECK = """
import os
import luigi
from luigi.scheduler import Scheduler
from luigi.worker import Worker

class Dies(luigi.Task):
    def complete(self):
        os._exit(3)

class Needs(luigi.Task):
    def requires(self):
        return Dies()

    def complete(self):
        return False

if __name__ == "__main__":
    with Worker(scheduler=Scheduler()) as worker:
        worker.add(Needs(), multiprocess=True, processes=2)
    with open("statuses", "w") as out:
        out.write(" ".join(sorted(f"{task}={status}" for task, status, _ in worker._add_task_history)))
"""


@pytest.mark.timeout(20)
def test_05_03_process_that_dies_in_complete_is_a_scheduling_error(tmp_path: Path) -> None:
    process = program(tmp_path, DEADLY_CHECK)
    try:
        assert process.wait(8) == 0
    finally:
        kill_group(process)
    assert (tmp_path / "statuses").read_text() == "Dies()=UNKNOWN Needs()=PENDING"


DISCOVERY = """
import os, time
import luigi
from luigi.scheduler import Scheduler
from luigi.worker import Worker

class Slow(luigi.Task):
    n = luigi.IntParameter()

    def complete(self):
        open(f"asking-{self.n}", "w").close()
        time.sleep(60)

class Needs(luigi.Task):
    def requires(self):
        return [Slow(n=n) for n in (1, 2, 3, 4)]

    def complete(self):
        return False

if __name__ == "__main__":
    with Worker(scheduler=Scheduler(), OPTIONS) as worker:
        worker.add(Needs(), multiprocess=True, processes=2)
"""


@pytest.mark.timeout(30)
@pytest.mark.parametrize("to", ["the worker", "its process group"])
@pytest.mark.parametrize("options", ["", "parallel_scheduling_threads=2"])
def test_05_03_ctrl_c_ends_parallel_scheduling(tmp_path: Path, to: str, options: str) -> None:
    process = program(tmp_path, DISCOVERY.replace("OPTIONS", options))
    try:
        wait_until(lambda: (tmp_path / "asking-1").exists() and (tmp_path / "asking-2").exists())
        (os.kill if to == "the worker" else os.killpg)(process.pid, signal.SIGINT)
        assert process.wait(5) in (-signal.SIGINT, 130)
    finally:
        kill_group(process)
