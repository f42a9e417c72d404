"""The reference scenarios of the worker: what is registered, what runs, what is returned.

Written against public names only; all but the marked ones hold on Luigi 3.8.1 too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import luigi
import pytest
from luigi.parameter import UnknownParameterException
from luigi.scheduler import Scheduler
from luigi.worker import ContextManagedTaskProcess, Worker


class Flag(luigi.Task):
    """Complete once it has run."""

    name = luigi.Parameter()
    done: Any = None
    ran: list[str] = []

    def complete(self) -> bool:
        return self.name in type(self).done

    def run(self) -> None:
        type(self).ran.append(self.name)
        type(self).done.add(self.name)


@pytest.fixture(autouse=True)
def _fresh_flags() -> None:
    Flag.done = set()
    Flag.ran = []
    luigi.task.Register.clear_instance_cache()


def history(worker: Worker, task: Any = None) -> list[tuple[Any, ...]]:
    if task is not None:
        return [(status, runnable) for t, status, runnable in worker._add_task_history if t == task]
    return [(t.task_id.split("_")[0], status, runnable) for t, status, runnable in worker._add_task_history]


def names(worker: Worker) -> list[str]:
    return [getattr(t, "name", type(t).__name__) for t, _, _ in worker._add_task_history]


def make(**options: Any) -> Worker:
    options.setdefault("wait_interval", 0.01)
    options.setdefault("wait_jitter", 0.0)
    scheduler = options.pop("scheduler", None) or Scheduler(**options.pop("config", {}))
    return Worker(scheduler=scheduler, **options)


class Wrap3(luigi.Task):
    over = False

    def requires(self) -> Any:
        return [Flag(name="L1"), Flag(name="L2"), Flag(name="L3")]

    def complete(self) -> bool:
        return Wrap3.over

    def run(self) -> None:
        Wrap3.over = True


@pytest.fixture(autouse=True)
def _fresh_wrap() -> None:
    Wrap3.over = False


def test_01_serial_scheduling_registers_siblings_in_reverse() -> None:
    with make() as worker:
        assert worker.add(Wrap3())
        assert names(worker) == ["Wrap3", "L3", "L2", "L1"]


def test_02_without_slots_nothing_runs() -> None:
    with make(worker_processes=0) as worker:
        assert worker.add(Wrap3())
        assert worker.run()
    assert history(worker) == [("Wrap3", "PENDING", True)] + [("Flag", "PENDING", True)] * 3
    assert Flag.ran == []


class NeverComplete(luigi.Task):
    def complete(self) -> bool:
        return False

    def run(self) -> None:
        pass


def test_03_complete_is_not_tested_after_run() -> None:
    with make() as worker:
        assert worker.add(NeverComplete())
        assert worker.run()
    assert history(worker) == [("NeverComplete", "PENDING", True), ("NeverComplete", "DONE", None)]


def test_03_unless_check_complete_on_run_says_so() -> None:
    with make(check_complete_on_run=True) as worker:
        assert worker.add(NeverComplete())
        assert not worker.run()
    assert history(worker) == [("NeverComplete", "PENDING", True), ("NeverComplete", "FAILED", None)]


class Out(luigi.target.Target):
    def __init__(self, name: str) -> None:
        self.name = name

    def exists(self) -> bool:
        return self.name in Flag.done

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Out) and other.name == self.name

    __hash__ = None  # type: ignore[assignment]


class Leaf(luigi.Task):
    name = luigi.Parameter()

    def output(self) -> Any:
        return Out(self.name)

    def run(self) -> None:
        Flag.done.add(self.name)


class Dynamic(luigi.Task):
    starts = 0
    got: list[Any] = []

    def complete(self) -> bool:
        return False

    def run(self) -> Any:
        Dynamic.starts += 1
        Dynamic.got = []
        Dynamic.got.append((yield Leaf(name="L11")))
        Dynamic.got.append((yield [Leaf(name="L12"), Leaf(name="L13")]))
        Dynamic.got.append((yield {"k": Leaf(name="L14")}))
        Dynamic.got.append((yield []))


def test_04_dynamic_dependencies() -> None:
    Dynamic.starts = 0
    with make() as worker:
        assert worker.add(Dynamic())
        assert worker.run()
    assert Dynamic.starts == 4
    assert Dynamic.got == [Out("L11"), [Out("L12"), Out("L13")], {"k": Out("L14")}, []]
    assert history(worker, Dynamic()) == [("PENDING", True)] + [("PENDING", None)] * 3 + [("DONE", None)]


class YieldsNone(luigi.Task):
    errors: list[Any] = []

    def complete(self) -> bool:
        return False

    def run(self) -> Any:
        yield None

    def on_failure(self, exception: BaseException) -> Any:
        text = super().on_failure(exception)
        YieldsNone.errors.append(text)
        return text


def test_05_yielding_none_fails() -> None:
    with make() as worker:
        assert worker.add(YieldsNone())
        assert not worker.run()
    assert YieldsNone.errors[-1].endswith("Exception: Cannot map None to Task/dict/list\n")
    assert YieldsNone.errors[-1].startswith("Runtime error:\nTraceback")


def test_06_task_limit() -> None:
    with make(task_limit=2) as worker:
        assert worker.add(Wrap3())
        assert worker.run()
    assert history(worker) == [
        ("Wrap3", "PENDING", True),
        ("Flag", "PENDING", True),
        ("Flag", "UNKNOWN", False),
        ("Flag", "UNKNOWN", False),
        ("Flag", "DONE", None),
    ]
    assert Flag.ran == ["L3"]


class D1(luigi.Task):
    runs = 0

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        D1.runs += 1


class D2(luigi.Task):
    def requires(self) -> Any:
        return D1()

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        raise AssertionError("never")


def test_07_missing_dependency_is_made_again_once() -> None:
    D1.runs = 0
    with make(config={"stable_done_cooldown_secs": 0}) as worker:
        assert worker.add(D2())
        assert not worker.run()
    assert D1.runs == 2
    once = [("D2", "PENDING", True), ("D1", "PENDING", True), ("D1", "DONE", None), ("D2", "FAILED", None)]
    assert history(worker) == once * 2


def test_08_cooldown_keeps_the_dependency_done() -> None:
    D1.runs = 0
    with make() as worker:
        assert worker.add(D2())
        assert not worker.run()
    assert D1.runs == 1
    assert [entry for entry in history(worker) if entry[1] == "FAILED"] == [("D2", "FAILED", None)] * 2


class BadSuccess(luigi.Task):
    def complete(self) -> bool:
        return False

    def on_success(self) -> Any:
        raise ValueError("no")


def test_09_on_success_raising_fails_the_task() -> None:
    events: list[str] = []
    BadSuccess.event_handler(luigi.Event.PROCESSING_TIME)(lambda *_: events.append("time"))
    BadSuccess.event_handler(luigi.Event.SUCCESS)(lambda *_: events.append("success"))
    BadSuccess.event_handler(luigi.Event.FAILURE)(lambda *_: events.append("failure"))
    with make() as worker:
        assert worker.add(BadSuccess())
        assert not worker.run()
    assert history(worker) == [("BadSuccess", "PENDING", True), ("BadSuccess", "FAILED", None)]
    assert events == ["time", "failure"]


class Disabled(luigi.Task):
    disabled = True

    def requires(self) -> Any:
        return Flag(name="below")

    def complete(self) -> bool:
        return False


def test_10_disabled_task_does_not_run_but_its_dependency_does() -> None:
    with make() as worker:
        assert worker.add(Disabled())
        assert worker.run()
    assert history(worker, Disabled()) == [("DISABLED", True)]
    assert Flag.ran == ["below"]


class Elsewhere(luigi.ExternalTask):
    asked = 0

    def complete(self) -> bool:
        Elsewhere.asked += 1
        return Elsewhere.asked > 4


class AfterElsewhere(luigi.Task):
    def requires(self) -> Any:
        return Elsewhere()

    def complete(self) -> bool:
        return "after" in Flag.done

    def run(self) -> None:
        Flag.done.add("after")


def test_11_external_task_is_tested_again() -> None:
    Elsewhere.asked = 0
    config = {"retry_delay": 0.05, "prune_on_get_work": True}
    with make(retry_external_tasks=True, keep_alive=True, config=config) as worker:
        assert worker.add(AfterElsewhere())
        assert not worker.run()
    assert history(worker, Elsewhere())[0] == ("PENDING", True)
    assert history(worker, Elsewhere())[-2:] == [("FAILED", None), ("DONE", None)]
    assert history(worker, AfterElsewhere()) == [("PENDING", True), ("DONE", None)]


class Ctx:
    calls: list[Any] = []

    def __init__(self, process: Any) -> None:
        Ctx.calls.append(type(process))

    def __enter__(self) -> None:
        Ctx.calls.append("enter")

    def __exit__(self, kind: Any, *_: Any) -> None:
        Ctx.calls.append(kind)


def test_12_context(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("ctx_module_of_test")
    module.Ctx = Ctx  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ctx_module_of_test", module)
    Ctx.calls = []
    with make(task_process_context="ctx_module_of_test.Ctx") as worker:
        assert worker.add(Flag(name="ctx"))
        assert worker.run()
    assert Ctx.calls == [ContextManagedTaskProcess, "enter", None]


class Present(luigi.Task):
    asked = 0

    def complete(self) -> bool:
        Present.asked += 1
        return True


class OnPresent(luigi.Task):
    def requires(self) -> Any:
        return Present()

    def complete(self) -> bool:
        return False


@pytest.mark.parametrize(("cached", "times"), [(False, 2), (True, 1)])
def test_13_completion_cache(cached: bool, times: int) -> None:
    Present.asked = 0
    with make(cache_task_completion=cached) as worker:
        assert worker.add(OnPresent())
        assert worker.run()
    assert Present.asked == times


def test_14_unknown_option() -> None:
    with pytest.raises(UnknownParameterException):
        Worker(bogus=1)


class One(luigi.Task):
    def complete(self) -> Any:
        return 1


def test_16_complete_may_return_1() -> None:
    with make() as worker:
        assert worker.add(One())
    assert history(worker) == [("One", "DONE", False)]


class NoTimeout(luigi.Task):
    worker_timeout = 0
    pid = 0

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        NoTimeout.pid = os.getpid()


def test_17_timeout_0_of_the_task_means_none() -> None:
    with make(timeout=5) as worker:
        assert worker.add(NoTimeout())
        assert worker.run()
    assert NoTimeout.pid == os.getpid()


class Dies(luigi.Task):
    how = luigi.Parameter()

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        if self.how == "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(3)


@pytest.mark.parametrize(("how", "code"), [("signal", "-9"), ("exit", "3")])
def test_18_dead_process(how: str, code: str) -> None:
    messages: list[str] = []
    Dies.event_handler(luigi.Event.PROCESS_FAILURE)(lambda task, message: messages.append(message))
    task = Dies(how=how)
    with make(worker_processes=2) as worker:
        assert worker.add(task)
        assert not worker.run()
    assert messages[-1] == f"Task {task.task_id} died unexpectedly with exit code {code}"
    assert history(worker) == [("Dies", "PENDING", True), ("Dies", "FAILED", None)]


class Exits(luigi.Task):
    def complete(self) -> bool:
        return False

    def run(self) -> None:
        sys.exit(0)


def test_19_sys_exit_is_a_failure() -> None:
    errors: list[Any] = []
    Exits.event_handler(luigi.Event.FAILURE)(lambda task, error: errors.append(error))
    with make() as worker:
        assert worker.add(Exits())
        assert not worker.run()
    assert isinstance(errors[-1], SystemExit)
    assert errors[-1].code == 0


class Sleeps(luigi.Task):
    worker_timeout = 1

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        time.sleep(60)


def test_20_timeout() -> None:
    messages: list[str] = []
    Sleeps.event_handler(luigi.Event.TIMEOUT)(lambda task, message: messages.append(message))
    started = time.monotonic()
    with make() as worker:
        assert worker.add(Sleeps())
        assert not worker.run()
    assert 0.9 < time.monotonic() - started < 10
    assert messages == [f"Task {Sleeps().task_id} timed out after 1 seconds and was terminated."]
    assert history(worker) == [("Sleeps", "PENDING", True), ("Sleeps", "FAILED", None)]


class Phases(luigi.Task):
    name = luigi.Parameter()

    def complete(self) -> bool:
        return self.name in Flag.done

    def run(self) -> None:
        Flag.done.add(self.name)
        os.kill(os.getpid(), signal.SIGUSR1)


def test_21_sigusr1_lets_the_running_task_finish_and_asks_for_no_more() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    try:
        with make() as worker:
            assert worker.add(Phases(name="a"))
            assert worker.add(Phases(name="b"))
            assert worker.run()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [status for _, status, _ in history(worker)] == ["PENDING", "PENDING", "DONE"]
    assert len(Flag.done) == 1
    summary = luigi.execution_summary.LuigiRunResult(worker)
    assert summary.status == luigi.LuigiStatusCode.NOT_RUN


INTERRUPTED = """
import os, subprocess, sys, time
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
    try:
        with Worker(scheduler=Scheduler(), worker_processes=2, wait_interval=0.05) as worker:
            worker.add(Long(n=1))
            worker.add(Long(n=2))
            worker.run()
    except KeyboardInterrupt:
        with open("interrupted", "w"):
            pass
        raise
"""


def wait_until(condition: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tell whether the process exists and has not ended (as a zombie nobody has waited for)."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_22_sigint_ends_the_children_and_theirs(tmp_path: Path) -> None:
    engine = Path(luigi.__file__).parents[1]
    program = textwrap.dedent(INTERRUPTED)
    if Path(luigi.__file__).parent.name == "luigi_clone":
        program = "import luigi_clone.alias\nluigi_clone.alias.install()\n" + program
    (tmp_path / "program.py").write_text(program)
    process = subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(engine), os.environ.get("PYTHONPATH", "")])},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        files = [tmp_path / "pids-1", tmp_path / "pids-2"]
        wait_until(lambda: all(file.exists() for file in files))
        pids = [int(pid) for file in files for pid in file.read_text().split()]
        process.send_signal(signal.SIGINT)
        process.wait(10)
        wait_until(lambda: not any(map(is_running, pids)), 2)
    finally:
        process.kill()
        for file in files:
            if file.exists():
                for pid in file.read_text().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
    assert (tmp_path / "interrupted").exists()
