"""The worker's loop: asking for work, slots, keep-alive rules, batches, unknown tasks, retries."""

from __future__ import annotations

import datetime
import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import luigi
import pytest

from luigi_clone._task_processes.results import ResultQueue
from luigi_clone.event import Event
from luigi_clone.rpc import RPCError
from luigi_clone.scheduler import Scheduler
from luigi_clone.worker import GetWorkResponse, Worker


class Incomplete(luigi.Task):
    def complete(self) -> bool:
        return False


class Once(luigi.Task):
    n = luigi.IntParameter()
    done: set[int] = set()

    def complete(self) -> bool:
        return self.n in Once.done

    def run(self) -> None:
        Once.done.add(self.n)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Once.done = set()


# -- construction --------------------------------------------------


def test_worker_info_and_id() -> None:
    worker = Worker(scheduler=Scheduler(), worker_processes="3")  # type: ignore[arg-type]
    info = dict(worker._worker_info)
    assert list(info)[:5] == ["salt", "workers", "host", "username", "pid"]
    assert len(info["salt"]) >= 9
    assert info["salt"].isdigit()
    assert info["workers"] == worker.worker_processes == 3
    assert info["pid"] == os.getpid()
    assert info["host"] == worker.host
    assert worker._id == f"Worker({', '.join(f'{k}={v}' for k, v in info.items())})"
    assert Worker(scheduler=Scheduler(), worker_id="given", id="option")._id == "given"
    assert Worker(scheduler=Scheduler(), id="option")._id == "option"
    assert isinstance(Worker()._scheduler, Scheduler)


def test_sudo_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    assert Worker(scheduler=Scheduler())._worker_info[-1] == ("sudo_user", "alice")


def test_state_of_a_new_worker() -> None:
    worker = Worker(scheduler=Scheduler())
    for name in ("_scheduled_tasks", "_running_tasks", "_suspended_tasks", "_batch_running_tasks"):
        assert getattr(worker, name) == {}
    assert worker._batch_families_sent == set()
    assert (worker._first_task, worker._idle_since, worker._task_completion_cache) == (None, None, None)
    assert worker.unfulfilled_counts["anything"] == 0
    assert worker.add_succeeded
    assert worker.run_succeeded


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wait_interval": 0.000001}, "[worker] wait_interval must be positive"),
        ({"wait_jitter": -1.0}, "[worker] wait_jitter must be equal or greater than zero"),
    ],
)
def test_limits_of_options(options: Any, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        Worker(scheduler=Scheduler(), **options)
    assert str(caught.value) == message


def test_signal_handler_is_installed_unless_disabled() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    try:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        Worker(scheduler=Scheduler(), no_install_shutdown_handler=True)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
        worker = Worker(scheduler=Scheduler())
        assert signal.getsignal(signal.SIGUSR1) == worker.handle_interrupt
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_phasing_out_is_a_matter_of_one_worker() -> None:
    first = Worker(scheduler=Scheduler(), keep_alive=True)
    first._start_phasing_out()
    assert not first._config.keep_alive
    assert Worker(scheduler=Scheduler(), keep_alive=True)._config.keep_alive


# -- asking for work -----------------------------------------------


def test_calls_of_a_run(make_worker: Any) -> None:
    worker = make_worker()
    worker.add(Once(n=1))
    assert worker.run()
    calls = [name for name, _ in worker._scheduler.calls]
    assert calls == ["add_task", "add_worker", "get_work", "add_task", "get_work"]
    assert worker._scheduler.named("add_worker")[0]["info"][-1] == ("first_task", Once(n=1).task_id)
    assert worker._scheduler.named("get_work")[0] == {
        "worker": worker._id,
        "host": worker.host,
        "assistant": False,
        "current_tasks": [],
    }
    assert worker._get_work_response_history == [
        {"task_id": Once(n=1).task_id, "running_tasks": []},
        {"task_id": None, "running_tasks": []},
    ]


def test_result_report(make_worker: Any) -> None:
    worker = make_worker()
    worker.add(Once(n=1))
    worker.run()
    assert worker._scheduler.named("add_task")[1] == {
        "worker": worker._id,
        "task_id": Once(n=1).task_id,
        "status": "DONE",
        "expl": "null",
        "resources": {},
        "runnable": None,
        "params": {"n": "1"},
        "param_visibilities": {"n": 0},
        "family": "Once",
        "module": __name__,
        "new_deps": [],
        "assistant": False,
        "retry_policy_dict": {"retry_count": None, "disable_hard_timeout": None, "disable_window": None},
        "owners": [],
    }


class Older(Scheduler):
    """Leaves out what servers did not always send."""

    def get_work(self, **kwargs: Any) -> Any:
        reply = super().get_work(**kwargs)
        del reply["n_pending_last_scheduled"], reply["worker_state"]
        return reply


def test_older_server(make_worker: Any) -> None:
    worker = make_worker(scheduler=Older())
    assert worker._get_work() == GetWorkResponse(None, [], 0, 0, 0, "active")


def test_phasing_out_asks_no_more(make_worker: Any) -> None:
    worker = make_worker(keep_alive=True)
    worker.add(Once(n=1))
    worker._start_phasing_out()
    assert worker._get_work() == GetWorkResponse(None, 0, 0, 0, 0, "disabled")
    assert worker.run()
    assert worker._scheduler.named("get_work") == []


def test_disabled_worker_phases_out(make_worker: Any) -> None:
    worker = make_worker(keep_alive=True)
    worker.add(Incomplete())
    worker._scheduler.disable_worker(worker=worker._id)
    assert worker.run()
    assert worker._stop_requesting_work


# -- keep-alive ----------------------------------------------------


def reply(**numbers: int) -> GetWorkResponse:
    fields = {"n_pending_tasks": 0, "n_unique_pending": 0, "n_pending_last_scheduled": 0, **numbers}
    return GetWorkResponse(task_id=None, running_tasks=[], worker_state="active", **fields)


LONG_AGO = datetime.datetime.now() - datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("options", "assistant", "numbers", "idle", "stays"),
    [
        ({}, False, {"n_pending_tasks": 5}, None, False),
        ({"keep_alive": True}, True, {}, LONG_AGO, True),
        ({"keep_alive": True}, False, {"n_pending_tasks": 1}, None, True),
        ({"keep_alive": True}, False, {}, None, False),
        ({"keep_alive": True, "count_uniques": True}, False, {"n_pending_tasks": 1}, None, False),
        ({"keep_alive": True, "count_uniques": True}, False, {"n_unique_pending": 1}, None, True),
        (
            {"keep_alive": True, "count_uniques": True, "count_last_scheduled": True},
            False,
            {"n_unique_pending": 1},
            None,
            False,
        ),
        (
            {"keep_alive": True, "count_uniques": True, "count_last_scheduled": True},
            False,
            {"n_pending_last_scheduled": 1},
            None,
            True,
        ),
        (
            {"keep_alive": True, "max_keep_alive_idle_duration": datetime.timedelta(minutes=1)},
            False,
            {"n_pending_tasks": 1},
            LONG_AGO,
            False,
        ),
        (
            {"keep_alive": True, "max_keep_alive_idle_duration": datetime.timedelta(days=1)},
            False,
            {"n_pending_tasks": 1},
            LONG_AGO,
            True,
        ),
        (
            {"keep_alive": True, "max_keep_alive_idle_duration": datetime.timedelta(seconds=1)},
            False,
            {"n_pending_tasks": 1},
            None,
            True,
        ),
    ],
)
def test_keep_alive_decision(options: Any, assistant: bool, numbers: Any, idle: Any, stays: bool) -> None:
    worker = Worker(scheduler=Scheduler(), assistant=assistant, **options)
    worker._idle_since = idle
    assert worker._keep_alive(reply(**numbers)) is stays


def test_idle_worker_leaves_after_the_idle_duration(
    make_worker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = make_worker(
        keep_alive=True,
        max_keep_alive_idle_duration=datetime.timedelta(seconds=0.2),
        config={"retry_delay": 1000},
    )

    class Fails(Incomplete):
        def run(self) -> None:
            raise ValueError("x")

    worker.add(Fails())
    started = time.monotonic()
    assert not worker.run()
    assert 0.2 <= time.monotonic() - started < 10
    assert " until shutdown" in caplog.text


def test_sleeper_waits_at_least_the_interval(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    worker = Worker(scheduler=Scheduler(), wait_interval=0.05, wait_jitter=0.01)
    started = time.monotonic()
    next(worker._sleeper())
    assert 0.05 <= time.monotonic() - started < 5
    assert any(message.startswith("Sleeping for 0.0") for message in caplog.messages)


# -- slots ---------------------------------------------------------


class Timed(luigi.Task):
    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def output(self) -> Any:
        return luigi.LocalTarget(f"{self.folder}/{self.n}")

    def run(self) -> None:
        started = time.time()
        time.sleep(0.02)
        with self.output().open("w") as out:
            out.write(f"{started} {time.time()}")


class Follows(Timed):
    def requires(self) -> Any:
        return Follows(n=self.n - 1, folder=self.folder) if self.n else []


def spans(folder: Path) -> list[tuple[float, float]]:
    found = []
    for file in folder.iterdir():
        start, end = file.read_text().split()
        found.append((float(start), float(end)))
    return sorted(found)


class Meets(luigi.Task):
    """Ends only if the other one runs at the same time: a pipe with a name opens when both ends do."""

    side = luigi.Parameter()
    pipe = luigi.Parameter()

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        with open(self.pipe, self.side) as end:
            end.write("x") if self.side == "w" else end.read()


@pytest.mark.timeout(30)
def test_two_slots_run_two_tasks_at_once(make_worker: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    worker = make_worker(worker_processes=2)
    for side in "rw":
        worker.add(Meets(side=side, pipe=str(tmp_path / "pipe")))
    assert worker.run()


def test_two_slots_never_run_three_tasks_at_once(make_worker: Any, tmp_path: Path) -> None:
    worker = make_worker(worker_processes=2)
    for n in range(6):
        worker.add(Timed(n=n, folder=str(tmp_path)))
    assert worker.run()
    times = spans(tmp_path)
    assert max(sum(s <= start < e for s, e in times) for start, _ in times) <= 2


def test_next_task_of_a_chain_starts_at_once(make_worker: Any, tmp_path: Path) -> None:
    """Within 10 ms of the end of the one before, also when the wait interval is long."""
    worker = make_worker(worker_processes=2, wait_interval=30.0)
    worker.add(Follows(n=15, folder=str(tmp_path)))
    assert worker.run()
    times = spans(tmp_path)
    gaps = sorted(start - end for (_, end), (start, _) in pairwise(times))
    # what the machine takes for a child that does nothing is not the worker's; beside others it may be a lot
    assert gaps[0] < 0.010 + 4 * max(_bare_child() for _ in range(5))
    assert max(gaps) < 5


def _bare_child() -> float:
    """Return the seconds from the start of a child that does nothing until its end is known."""
    started = time.perf_counter()
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    return time.perf_counter() - started


def test_already_running_task_is_not_started_twice(
    make_worker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = make_worker()
    worker._running_tasks["x"] = None
    worker._run_task("x")
    assert "Got already running task id x from scheduler, taking a break" in caplog.messages
    del worker._running_tasks["x"]


def test_more_slots_by_message(make_worker: Any) -> None:
    worker = make_worker()
    worker._handle_rpc_message({"name": "set_worker_processes", "kwargs": {"n": 3}})
    assert worker.worker_processes == 3
    assert worker._scheduler.named("add_worker") == [{"worker": worker._id, "info": {"workers": 3}}]
    worker.set_worker_processes(0)
    assert worker.worker_processes == 1


# -- batches -------------------------------------------------------


class Batch(luigi.Task):
    n = luigi.IntParameter(batch_method=max)
    ran: list[int] = []
    fails = False

    def complete(self) -> bool:
        return any(n >= self.n for n in Batch.ran)

    def run(self) -> None:
        if Batch.fails:
            raise ValueError("batch")
        Batch.ran.append(self.n)


class Listed(Batch):
    n = luigi.Parameter(batch_method=",".join)  # type: ignore[assignment]

    def complete(self) -> bool:
        return False


@pytest.mark.parametrize("fails", [False, True])
def test_batch(make_worker: Any, mails: list[Any], fails: bool) -> None:
    Batch.ran, Batch.fails = [], fails
    worker = make_worker()
    for n in (1, 3, 2):
        worker.add(Batch(n=n))
    assert worker.run() is not fails
    assert Batch.ran == ([] if fails else [3])
    claim = next(call for call in worker._scheduler.named("add_task") if call["status"] == "RUNNING")
    assert claim.pop("batch_id")
    assert claim == {
        "worker": worker._id,
        "task_id": Batch(n=3).task_id,
        "module": __name__,
        "family": "Batch",
        "params": {"n": "3"},
        "status": "RUNNING",
    }
    final = {task.n: status for task, status, _ in worker._add_task_history}
    assert final == dict.fromkeys((1, 2, 3), "FAILED" if fails else "DONE")
    assert len(mails) == fails


def test_batch_under_an_id_of_its_own(make_worker: Any) -> None:
    Batch.ran, Batch.fails = [], False
    worker = make_worker()
    for n in "ab":
        worker.add(Listed(n=n))
    assert worker.run()
    assert Batch.ran == ["a,b"]
    assert {(task.n, status) for task, status, runnable in worker._add_task_history if runnable} >= {
        ("a", "DONE"),
        ("b", "DONE"),
    }


# -- tasks that others registered ----------------------------------


def test_unknown_task_is_loaded(make_worker: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    other = make_worker()
    other.add(Once(n=5))
    assistant = make_worker(scheduler=other._scheduler, assistant=True)
    assert assistant.run()
    assert Once.done == {5}
    assert f"Did not schedule {Once(n=5).task_id}, will load it dynamically" in caplog.messages
    assert other._scheduler.named("get_work")[0]["assistant"]
    assert other._scheduler.named("add_task")[-1]["assistant"]


def test_batch_that_cannot_be_loaded(make_worker: Any, mails: list[Any]) -> None:
    class Unmerged(luigi.Task):
        n = luigi.IntParameter(batch_method=lambda _: 1 / 0)

        def complete(self) -> bool:
            return False

    worker = make_worker()
    tasks = [Unmerged(n=n) for n in (1, 2)]
    for task in tasks:
        worker.add(task)
    assert not worker.run()
    ids = ",".join(task.task_id for task in tasks)
    assert [mail[0] for mail in mails] == [f"Luigi: Cannot find task(s) sent by scheduler: {ids}"]
    failed = [call for call in worker._scheduler.named("add_task") if call["status"] == "FAILED"]
    assert [(call["task_id"], call["runnable"]) for call in failed] == [
        (task.task_id, False) for task in tasks
    ]
    assert "ZeroDivisionError" in json.loads(failed[0]["expl"])


def test_other_workers_tasks_are_noted(make_worker: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    first = make_worker()
    first.add(Once(n=1))
    first._get_work()
    second = make_worker(scheduler=first._scheduler)
    second.add(Once(n=1))
    assert second.run()
    [entry] = second._get_work_response_history
    assert [task["worker"] for task in entry["running_tasks"]] == [first._id]
    assert f"{Once(n=1).task_id} is currently run by worker {first._id}" in caplog.messages


# -- failures ------------------------------------------------------


class Flaky(luigi.Task):
    runs = 0

    def complete(self) -> bool:
        return Flaky.runs > 2

    def run(self) -> None:
        Flaky.runs += 1
        if Flaky.runs < 3:
            raise ValueError(f"attempt {Flaky.runs}")


def test_retry(make_worker: Any, mails: list[Any]) -> None:
    Flaky.runs = 0
    worker = make_worker(keep_alive=True, config={"retry_delay": 0.01, "prune_on_get_work": True})
    worker.add(Flaky())
    assert not worker.run()
    assert [status for _, status, _ in worker._add_task_history] == ["PENDING", "FAILED", "FAILED", "DONE"]
    assert [mail[0] for mail in mails] == [f"Luigi: Flaky() FAILED. Host: {worker.host}"] * 2
    assert "attempt 1" in mails[0][1]
    assert mails[0][1].startswith("A task failed when running. Most likely run() raised an exception.\n")
    failed = worker._scheduler.named("add_task")[1]
    assert json.loads(failed["expl"]).startswith("Runtime error:\nTraceback")


def test_no_failure_mail_when_suppressed(make_worker: Any, mails: list[Any]) -> None:
    Flaky.runs = 0
    worker = make_worker(send_failure_email=False)
    worker.add(Flaky())
    worker.run()
    assert mails == []


@pytest.mark.parametrize("times", [0, 1, 2])
def test_max_reschedules(make_worker: Any, times: int) -> None:
    class Never(Incomplete):
        pass

    class NeedsNever(Incomplete):
        def requires(self) -> Any:
            return Never()

    worker = make_worker(max_reschedules=times, config={"stable_done_cooldown_secs": 0})
    worker.add(NeedsNever())
    assert not worker.run()
    failures = [task for task, status, _ in worker._add_task_history if status == "FAILED"]
    assert len(failures) == times + 1
    assert worker.unfulfilled_counts == {Never().task_id: times + 1}


class Hangs(Incomplete):
    def run(self) -> None:
        time.sleep(60)


def test_leaving_ends_what_still_runs(make_worker: Any) -> None:
    with Worker(scheduler=Scheduler(), worker_processes=2) as worker:
        worker.add(Hangs())
        worker._run_task(Hangs().task_id)
        process = worker._running_tasks[Hangs().task_id]
        assert process.is_alive()
    assert not process.is_alive()
    assert process.exitcode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_start_that_fails_fails_the_task_only(make_worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more(*_: Any) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    worker = make_worker(worker_processes=2)
    worker.add(Incomplete())
    monkeypatch.setattr(os, "fork", no_more)
    assert not worker.run()
    assert [status for _, status, _ in worker._add_task_history] == ["PENDING", "FAILED"]
    assert "Resource temporarily unavailable" in worker._scheduler.named("add_task")[-1]["expl"]


class LateResult(Incomplete):
    """Answers SIGTERM with a success."""

    worker_timeout = 1

    def run(self) -> None:
        done = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: done.set())
        while not done.wait(0.05):
            pass


@pytest.mark.timeout(20)
def test_result_that_comes_after_the_timeout_does_not_count(make_worker: Any) -> None:
    messages: list[str] = []
    LateResult.event_handler(Event.TIMEOUT)(lambda _, message: messages.append(message))
    worker = make_worker()
    worker.add(LateResult())
    assert not worker.run()
    assert [status for _, status, _ in worker._add_task_history] == ["PENDING", "FAILED"]
    assert len(messages) == 1


# -- processes that others make ------------------------------------


class Submitted:
    """A job of a batch system: no child, polled, its result put on the queue from the worker's process."""

    use_multiprocessing = True
    worker_timeout = None
    timeout_time = None
    status_reporter = None
    exitcode = None

    def __init__(self, task: Any, results: ResultQueue, fails: bool) -> None:
        self.task = task
        self.results = results
        self.polls = 0
        self.fails = fails
        self.terminated = False

    def start(self) -> None:
        self.started = True

    run = start

    def terminate(self) -> None:
        self.terminated = True

    def is_alive(self) -> bool:
        self.polls += 1
        if self.polls == 3 and not self.fails:
            Once.done.add(self.task.n)
            self.results.put((self.task.task_id, "DONE", "", [], []))
        if self.polls == 3 and self.fails:
            self.exitcode = 7
        return self.polls < 3


class BatchSystem(Worker):
    fails = False
    made: list[Submitted] = []

    def _create_task_process(self, task: Any) -> Any:
        process = Submitted(task, self._task_result_queue, self.fails)
        self.made.append(process)
        return process


@pytest.mark.parametrize("says_multiprocessing", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_batch_system(
    make_worker: Any, monkeypatch: pytest.MonkeyPatch, fails: bool, says_multiprocessing: bool
) -> None:
    """A process that others made is asked whether it lives also when it says that it starts no child."""
    monkeypatch.setattr(Submitted, "use_multiprocessing", says_multiprocessing)
    monkeypatch.setattr(BatchSystem, "fails", fails)
    monkeypatch.setattr(BatchSystem, "made", [])
    worker = make_worker(cls=BatchSystem, worker_processes=4)
    for n in range(3):
        worker.add(Once(n=n))
    assert worker.run() is not fails
    assert all(process.started for process in BatchSystem.made)
    statuses = [status for _, status, _ in worker._add_task_history[3:]]
    assert statuses == ["FAILED" if fails else "DONE"] * 3


def test_timeout_of_a_foreign_process(make_worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Submitted):
        worker_timeout: Any = 1
        timeout_time: Any = 1.0

        def is_alive(self) -> bool:
            return not self.terminated

    class StuckSystem(BatchSystem):
        def _create_task_process(self, task: Any) -> Any:
            return Stuck(task, self._task_result_queue, False)

    messages: list[str] = []
    Once.event_handler(Event.TIMEOUT)(lambda _, message: messages.append(message))
    worker = make_worker(cls=StuckSystem, worker_processes=2)
    worker.add(Once(n=1))
    assert not worker.run()
    assert messages == [f"Task {Once(n=1).task_id} timed out after 1 seconds and was terminated."]


# -- hooks ---------------------------------------------------------


def test_hooks_are_the_methods_that_are_called(make_worker: Any) -> None:
    called: list[str] = []
    names = (
        *("add", "run", "_add", "_add_task", "_get_work", "_run_task", "_create_task_process"),
        *("_handle_next_task", "_purge_children", "_keep_alive", "_email_task_failure", "_email_error"),
        *("_log_complete_error", "_log_dependency_error", "_announce_scheduling_failure"),
        *("_validate_task", "_validate_dependency", "_check_complete_value", "_add_task_batcher"),
        *("_add_worker", "_generate_worker_info", "_generate_worker_id", "_log_remote_tasks"),
        *("_get_work_task_id", "_sleeper"),
    )

    class Spied(Worker):
        pass

    def spy(name: str) -> Any:
        original = getattr(Worker, name)

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            called.append(name)
            return original(self, *args, **kwargs)

        return method

    for name in names:
        setattr(Spied, name, spy(name))

    class Broken(luigi.Task):
        how = luigi.Parameter()

        def complete(self) -> bool:
            if self.how == "complete":
                raise ValueError("x")
            return False

        def requires(self) -> Any:
            if self.how == "deps":
                raise ValueError("x")
            return []

        def run(self) -> None:
            raise ValueError("x")

    class Above(Incomplete):
        def requires(self) -> Any:
            return [Broken(how=how) for how in ("complete", "deps", "run")]

    worker = make_worker(cls=Spied)
    worker.add(Above())
    worker.run()
    assert set(names) - set(called) == set()


class Mergeable(Incomplete):
    n = luigi.IntParameter(batch_method=max)


class AwayForBatchers(Scheduler):
    def add_task_batcher(self, *arguments, **named):
        raise RPCError("nobody answers")


def test_a_scheduler_that_is_away_is_not_taken_for_a_fault_of_the_task():
    scheduler = AwayForBatchers()
    with pytest.raises(RPCError):
        Worker(scheduler=scheduler).add(Mergeable(n=1))
    assert not scheduler.task_list("UNKNOWN")
