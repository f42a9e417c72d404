"""One attempt at a task: the process object, its sequence of steps, children of every start method."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import luigi
import pytest

from luigi_clone._task_processes import registry
from luigi_clone._task_processes.results import ResultQueue
from luigi_clone.event import Event
from luigi_clone.parameter import ParameterVisibility
from luigi_clone.task import DynamicRequirements
from luigi_clone.worker import ContextManagedTaskProcess, TaskProcess, TaskStatusReporter

ROOT = Path(__file__).resolve().parents[2]


class Incomplete(luigi.Task):
    def complete(self) -> bool:
        return False


class Sink:
    """Takes the place of the result queue."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def put(self, result: Any) -> None:
        self.results.append(result)


def attempt(task: luigi.Task, **options: Any) -> Any:
    """Run one attempt in this process; return the result tuple."""
    sink = Sink()
    reporter = TaskStatusReporter(None, task.task_id, "W", None)
    TaskProcess(task, "W", sink, reporter, **options).run()
    [result] = sink.results
    return result


# -- the object ----------------------------------------------------


def test_it_is_a_process_with_luigis_attributes() -> None:
    before = time.time()
    process = TaskProcess(Incomplete(), "W", "queue", "reporter", worker_timeout=100)
    assert isinstance(process, multiprocessing.Process)
    assert (process.worker_id, process.result_queue, process.status_reporter) == ("W", "queue", "reporter")
    assert process.task is Incomplete()
    assert process.use_multiprocessing
    assert process.worker_timeout == 100
    assert before + 100 <= process.timeout_time <= time.time() + 100
    assert process.check_unfulfilled_deps
    assert not process.check_complete_on_run
    assert not process.is_alive()
    assert process.exitcode is None
    assert process.pid is None
    assert process.name.startswith("TaskProcess-")
    process.daemon = True
    assert process.daemon


def test_without_timeout_it_stays_in_the_process() -> None:
    process = TaskProcess(Incomplete(), "W", "queue", "reporter")
    assert not process.use_multiprocessing
    assert process.timeout_time is None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        process.nonsense


@pytest.mark.parametrize(("own", "given", "result"), [(None, 5, 5), (0, 5, 0), (7, 5, 7), (7, 0, 7)])
def test_timeout_of_the_task_wins(own: Any, given: int, result: int) -> None:
    class Timed(Incomplete):
        worker_timeout = own

    process = TaskProcess(Timed(), "W", "queue", "reporter", worker_timeout=given)
    assert process.worker_timeout == result
    assert (process.timeout_time is None) is (result == 0)


def test_one_process_does_without_multiprocessing(tmp_path: Path) -> None:
    program = """
import sys, warnings
warnings.simplefilter("ignore")
import luigi_clone as luigi
from luigi_clone.scheduler import Scheduler
from luigi_clone.worker import Worker

class T(luigi.Task):
    def complete(self):
        return False

with Worker(scheduler=Scheduler()) as worker:
    assert worker.add(T())
    assert worker.run()
unwanted = {"multiprocessing", "socket", "pickle", "random", "subprocess", "tornado", "sqlite3"}
loaded = unwanted & set(sys.modules)
assert not loaded, loaded
from luigi_clone.worker import TaskProcess
import multiprocessing
assert issubclass(TaskProcess, multiprocessing.Process)
"""
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )


# -- the sequence --------------------------------------------------


class Steps(Incomplete):
    how = luigi.Parameter(default="ok")
    log: list[str] = []

    def deps(self) -> Any:
        Steps.log.append("deps")
        return []

    def run(self) -> None:
        Steps.log.append("run")
        if self.how == "raise":
            raise ValueError("x")
        if self.how == "interrupt":
            raise KeyboardInterrupt

    def on_success(self) -> Any:
        Steps.log.append("on_success")
        return {"rows": 3}

    def on_failure(self, exception: BaseException) -> Any:
        Steps.log.append("on_failure")
        return f"failed: {exception}"


@pytest.fixture
def steps() -> list[str]:
    Steps.log = []
    for name in ("START", "PROCESSING_TIME", "SUCCESS", "FAILURE"):
        Steps.event_handler(getattr(Event, name))(lambda *_, name=name: Steps.log.append(name))
    return Steps.log


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged about the attempt."""
    return [message for message in caplog.messages if message.startswith("[pid")]


def test_success(steps: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    task = Steps()
    assert attempt(task) == (task.task_id, "DONE", {"rows": 3}, [], [])
    assert Steps.log == ["deps", "START", "run", "PROCESSING_TIME", "on_success", "SUCCESS"]
    assert lines(caplog) == [
        f"[pid {os.getpid()}] Worker W running   Steps(how=ok)",
        f"[pid {os.getpid()}] Worker W done      Steps(how=ok)",
    ]


def test_failure(steps: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    task = Steps(how="raise")
    assert attempt(task) == (task.task_id, "FAILED", "failed: x", [], [])
    assert Steps.log == ["deps", "START", "run", "FAILURE", "on_failure"]
    assert lines(caplog)[1] == f"[pid {os.getpid()}] Worker W failed    Steps(how=raise)"
    assert "ValueError: x" in caplog.text


@pytest.mark.parametrize(("in_child", "status"), [(False, None), (True, "FAILED")])
def test_keyboard_interrupt(steps: list[str], in_child: bool, status: Any) -> None:
    task = Steps(how="interrupt")
    sink = Sink()
    reporter = TaskStatusReporter(None, task.task_id, "W", None)
    process = TaskProcess(task, "W", sink, reporter, use_multiprocessing=in_child)
    with pytest.raises(KeyboardInterrupt):
        process.run()
    assert Steps.log == ["deps", "START", "run"]
    [(_, reported, expl, _, _)] = sink.results
    assert reported == status
    assert ("KeyboardInterrupt" in expl) is in_child


class Half(Incomplete):
    def output(self) -> Any:
        return [luigi.LocalTarget("/nowhere/a"), luigi.LocalTarget(__file__), luigi.LocalTarget("/nowhere/b")]


class Unready(Incomplete):
    count = luigi.IntParameter()

    def requires(self) -> Any:
        return [Half(), Steps(how="other")][: self.count]


@pytest.mark.parametrize(("count", "noun"), [(1, "dependency"), (2, "dependencies")])
def test_unfulfilled_dependencies(steps: list[str], count: int, noun: str) -> None:
    started: list[Any] = []
    Unready.event_handler(Event.START)(started.append)
    names = [f"{Half().task_id} (/nowhere/a, /nowhere/b)", Steps(how="other").task_id][:count]
    _, status, expl, missing, new = attempt(Unready(count=count))
    assert (status, missing, new) == ("FAILED", names, [])
    assert expl.endswith(f"RuntimeError: Unfulfilled {noun} at run time: {', '.join(names)}\n")
    assert started == []
    assert attempt(Unready(count=count), check_unfulfilled_deps=False)[1] == "DONE"


class Data(luigi.ExternalTask):
    there = luigi.BoolParameter()

    def complete(self) -> bool:
        return self.there


def test_external_task(caplog: pytest.LogCaptureFixture) -> None:
    events: list[str] = []
    for name in ("START", "FAILURE", "SUCCESS"):
        Data.event_handler(getattr(Event, name))(lambda *_, name=name: events.append(name))
    text = "Task is an external data dependency and data does not exist (yet?)."
    assert attempt(Data())[1:] == ("FAILED", text, [], [])
    assert events == ["START"]
    assert attempt(Data(there=True))[1:] == ("DONE", None, [], [])
    assert events == ["START", "START", "SUCCESS"]


def test_check_complete_on_run() -> None:
    _, status, expl, _, _ = attempt(Incomplete(), check_complete_on_run=True)
    assert status == "FAILED"
    assert "Task finished running, but complete() is still returning false." in expl


class Callbacks(Incomplete):
    seen: list[Any] = []

    def run(self) -> None:
        Callbacks.seen = [
            self.set_tracking_url,
            self.set_status_message,
            self.set_progress_percentage,
            self.decrease_running_resources,
            self.scheduler_messages,
        ]


def test_callbacks_are_on_the_task_while_it_runs() -> None:
    calls: list[Any] = []

    class Scheduler:
        def __getattr__(self, name: str) -> Any:
            return lambda **kwargs: calls.append((name, kwargs))

    task = Callbacks()
    assert task.set_tracking_url is None
    sink = Sink()
    TaskProcess(task, "W", sink, TaskStatusReporter(Scheduler(), task.task_id, "W", "messages")).run()
    url, message, progress, resources, messages = Callbacks.seen
    url("http://x")
    message("half")
    progress(50)
    resources({"db": 1})
    TaskStatusReporter(Scheduler(), "t", "W", None).report_task_statistics({"rows": 1})
    assert messages == "messages"
    assert calls == [
        (
            "add_task",
            {"task_id": task.task_id, "worker": "W", "status": "RUNNING", "tracking_url": "http://x"},
        ),
        ("set_task_status_message", {"task_id": task.task_id, "status_message": "half"}),
        ("set_task_progress_percentage", {"task_id": task.task_id, "progress_percentage": 50}),
        ("decrease_running_task_resources", {"task_id": task.task_id, "decrease_resources": {"db": 1}}),
        ("report_task_statistics", {"task_id": "t", "statistics": {"rows": 1}}),
    ]
    after = [task.set_tracking_url, task.set_status_message, task.set_progress_percentage]
    assert after == [None] * 3
    assert [task.decrease_running_resources, task.scheduler_messages] == [None] * 2


def test_forwarded_attributes_can_be_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = {**TaskProcess.forward_reporter_attributes, "report_task_statistics": "report"}
    monkeypatch.setattr(TaskProcess, "forward_reporter_attributes", forward)
    seen: list[Any] = []

    class Reports(Incomplete):
        report: Any = None

        def run(self) -> None:
            seen.append(self.report)

    attempt(Reports())
    assert callable(seen[0])
    assert Reports().report is None


def test_run_get_new_deps_can_be_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    original = TaskProcess._run_get_new_deps

    def wrapped(self: Any) -> Any:
        self.task.wrapped = True
        return original(self)

    monkeypatch.setattr(TaskProcess, "_run_get_new_deps", wrapped)
    task = Incomplete()
    attempt(task)
    assert task.wrapped


# -- dynamic dependencies ------------------------------------------


class Leaf(luigi.Task):
    n = luigi.IntParameter()
    secret = luigi.Parameter(default="none", visibility=ParameterVisibility.PRIVATE)
    done: set[int] = set()

    def complete(self) -> bool:
        return self.n in Leaf.done

    def run(self) -> None:
        Leaf.done.add(self.n)

    def output(self) -> Any:
        return f"out {self.n}"


class Yields(Incomplete):
    what: Any = None
    got: list[Any] = []

    def run(self) -> Any:
        for value in self.what:
            Yields.got.append((yield value))


@pytest.fixture(autouse=True)
def _fresh_leaves() -> None:
    Leaf.done = set()
    Yields.got = []


def test_complete_requirements_come_back_as_outputs() -> None:
    Leaf.done = {1, 2}
    a, b = Leaf(n=1), Leaf(n=2)
    Yields.what = [a, [a, b], (a, b), {"k": [a], "l": b}, [], iter([a]), DynamicRequirements([b])]
    assert attempt(Yields())[1] == "DONE"
    assert Yields.got == [
        "out 1",
        ["out 1", "out 2"],
        ("out 1", "out 2"),
        {"k": ["out 1"], "l": "out 2"},
        [],
        [],  # an iterator is used up by the question whether it is complete
        ["out 2"],
    ]


def test_incomplete_requirements_are_returned_whole() -> None:
    Leaf.done = {1}
    Yields.what = [Leaf(n=1), [Leaf(n=1), Leaf(n=2)], Leaf(n=3)]
    _, status, expl, missing, new = attempt(Yields())
    assert (status, expl, missing) == ("PENDING", "", [])
    assert new == [(__name__, "Leaf", {"n": "1"}), (__name__, "Leaf", {"n": "2"})]
    assert Yields.got == ["out 1"]


def test_custom_complete() -> None:
    asked: list[Any] = []

    def custom(complete: Any) -> bool:
        asked.append(complete(Leaf(n=1)))
        return True

    Yields.what = [DynamicRequirements([Leaf(n=1)], custom)]
    assert attempt(Yields())[1] == "DONE"
    assert asked == [False]


def test_what_run_returns_is_ignored_unless_it_is_a_generator() -> None:
    class Returns(Incomplete):
        def run(self) -> Any:
            return [Leaf(n=1)]

    assert attempt(Returns())[1] == "DONE"


class Secretive(Incomplete):
    secrets: list[str] = []
    file = luigi.Parameter()

    def run(self) -> Any:
        yield KeepsSecret(n=9, secret="hunter2", file=self.file)


class KeepsSecret(Leaf):
    file = luigi.Parameter()

    def complete(self) -> bool:
        return Path(self.file).exists()

    def run(self) -> None:
        Path(self.file).write_text(self.secret)


@pytest.mark.parametrize("slots", [1, 2])
def test_private_values_of_required_tasks_survive(make_worker: Any, tmp_path: Path, slots: int) -> None:
    file = tmp_path / "secret"
    worker = make_worker(worker_processes=slots)
    assert worker.add(Secretive(file=str(file)))
    assert worker.run()
    assert file.read_text() == "hunter2"


# -- children ------------------------------------------------------


class Reads(Incomplete):
    file = luigi.Parameter()

    def run(self) -> None:
        import random

        Path(self.file).write_text(f"{os.getpid()} {os.getpgrp()} {random.random()}")


def test_child_has_its_own_group_and_random_numbers(make_worker: Any, tmp_path: Path) -> None:
    worker = make_worker(worker_processes=2)
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        assert worker.add(Reads(file=str(file)))
    assert worker.run()
    numbers = []
    for file in files:
        pid, group, number = file.read_text().split()
        assert pid == group != str(os.getpgrp())
        numbers.append(number)
    assert numbers[0] != numbers[1]


class Nested(Incomplete):
    file = luigi.Parameter()

    def run(self) -> None:
        with luigi.worker.Worker(
            scheduler=luigi.scheduler.Scheduler(), worker_processes=2, ping_interval=0.01
        ) as worker:
            worker.add(Reads(file=self.file))
            assert worker.run()


@pytest.mark.timeout(30)
def test_task_in_a_child_may_run_a_pipeline_with_children(make_worker: Any, tmp_path: Path) -> None:
    worker = make_worker(worker_processes=2)
    assert worker.add(Nested(file=str(tmp_path / "nested")))
    assert worker.run()
    assert (tmp_path / "nested").exists()


class CachedLeaf(luigi.Task):
    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def complete(self) -> bool:
        with (Path(self.folder) / f"asked {self.n}").open("a") as out:
            out.write("x")
        return True


class UsesCache(luigi.Task):
    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def requires(self) -> Any:
        return [UsesCache(n=self.n - 1, folder=self.folder)] if self.n else []

    def deps(self) -> Any:
        # the leaf is unknown to the scheduling phase, so that only the task processes learn of it
        return super().deps() + ([CachedLeaf(n=7, folder=self.folder)] if running else [])

    def complete(self) -> bool:
        return (Path(self.folder) / f"done {self.n}").exists()

    def run(self) -> None:
        (Path(self.folder) / f"done {self.n}").touch()


running = False


def test_children_share_what_they_found_complete(
    make_worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(worker_processes=2, cache_task_completion=True)
    assert worker.add(UsesCache(n=3, folder=str(tmp_path)))
    monkeypatch.setattr(sys.modules[__name__], "running", True)
    assert worker.run()
    assert (tmp_path / "asked 7").read_text() == "x"


STARTED_AFRESH = """
import sys
import warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {root!r})

if __name__ == "__main__":
    import multiprocessing
    multiprocessing.set_start_method({method!r})
    from luigi_clone import alias
    alias.install()
    import pipeline
    import luigi
    from luigi.scheduler import Scheduler
    with luigi.worker.Worker(scheduler=Scheduler(), worker_processes=2, wait_interval=0.05) as worker:
        assert worker.add(pipeline.Top(), multiprocess=True, processes=2)
        assert worker.run()
"""

PIPELINE = """
import os
import luigi

class Leaf(luigi.Task):
    def output(self):
        return luigi.LocalTarget("leaf")

    def run(self):
        self.set_status_message("here")
        with self.output().open("w") as out:
            out.write(f"{luigi.__name__} {os.getppid()}")

class Top(luigi.Task):
    def output(self):
        return luigi.LocalTarget("top")

    def run(self):
        yield Leaf()
        with self.output().open("w") as out:
            out.write("x")
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_start_method(tmp_path: Path, method: str) -> None:
    (tmp_path / "main.py").write_text(STARTED_AFRESH.format(root=str(ROOT), method=method))
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "leaf").read_text().startswith("luigi_clone ")
    assert (tmp_path / "top").exists()


def test_findings_that_cannot_be_read_are_left_out() -> None:
    process = TaskProcess(Incomplete(), "W", ResultQueue(), None)
    process.required_tasks = [Leaf(n=1)]
    process.take_findings(b"garbage")
    assert process.required_tasks == [Leaf(n=1)]
    process.required_tasks = [lambda: None]  # type: ignore[list-item]
    assert pickle.loads(process.findings()) == ([], None)


# -- executors -----------------------------------------------------


class Chosen(ContextManagedTaskProcess):
    pids: list[int] = []

    def run(self) -> None:
        Chosen.pids.append(os.getpid())
        super().run()


@pytest.mark.parametrize(
    ("name", "slots", "in_worker"),
    [("auto", 1, True), ("auto", 2, False), ("in-process", 2, True), ("process", 1, False)],
)
def test_executor(make_worker: Any, tmp_path: Path, name: str, slots: int, in_worker: bool) -> None:
    worker = make_worker(executor=name, worker_processes=slots)
    assert worker.add(Reads(file=str(tmp_path / "pid")))
    assert worker.run()
    assert ((tmp_path / "pid").read_text().split()[0] == str(os.getpid())) is in_worker


def test_executor_by_dotted_name(
    make_worker: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    module = type(sys)("module_with_an_executor")
    module.Chosen = Chosen  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "module_with_an_executor", module)
    request.addfinalizer(registry.find_factory.cache_clear)
    Chosen.pids = []
    worker = make_worker(executor="module_with_an_executor.Chosen")
    assert worker.add(Incomplete())
    assert worker.run()
    assert Chosen.pids == [os.getpid()]


@pytest.mark.parametrize("name", ["nonsense", "no_such_module_at_all.Class", "os.NoSuchClass"])
def test_unknown_executor(name: str) -> None:
    with pytest.raises(ValueError, match="executor"):
        registry.find_factory(name)
