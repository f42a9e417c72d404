"""Shortcomings of Luigi's worker that are mended: what ends it, what it forgets, what it keeps for ever."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import luigi
import pytest
from luigi import notifications
from luigi.scheduler import Scheduler
from luigi.worker import Worker


def make(**options: Any) -> Worker:
    scheduler = options.pop("scheduler", None) or Scheduler(**options.pop("config", {}))
    return Worker(scheduler=scheduler, **{"wait_interval": 0.01, "wait_jitter": 0.0, **options})


class Incomplete(luigi.Task):
    def complete(self) -> bool:
        return False


class ForeignTasks(Scheduler):
    """Hands out a task that nobody here knows, and refuses what could not travel as JSON."""

    family = "Unheard"
    module = "no_such_module_of_this_test"
    given = False

    def get_work(self, **kwargs: Any) -> Any:
        reply = super().get_work(**kwargs)
        if not self.given:
            self.given = True
            reply.update(task_id="X_1", task_family=self.family, task_module=self.module, task_params={})
        return reply

    def add_task(self, **kwargs: Any) -> Any:
        json.dumps(kwargs)
        return super().add_task(**kwargs)


def reported(scheduler: Scheduler, task_id: str = "X_1") -> Any:
    return scheduler.fetch_error(task_id=task_id)["error"]


def test_05_08_module_that_cannot_be_imported_fails_the_task_only() -> None:
    scheduler = ForeignTasks()
    with make(scheduler=scheduler, assistant=True) as worker:
        assert not worker.run()
    assert "no_such_module_of_this_test" in reported(scheduler)


class NeedsNumber(Incomplete):
    n = luigi.IntParameter()


def test_05_08_parameter_that_cannot_be_parsed_fails_the_task_only(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = ForeignTasks()
    monkeypatch.setattr(ForeignTasks, "module", None)
    monkeypatch.setattr(ForeignTasks, "family", "NeedsNumber")
    with make(scheduler=scheduler, assistant=True) as worker:
        assert not worker.run()
    assert "NeedsNumber" in reported(scheduler)


def test_05_09_load_error_travels_and_is_mailed_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    mails: list[tuple[str, str]] = []
    monkeypatch.setattr(
        notifications, "send_error_email", lambda subject, message, *_, **__: mails.append((subject, message))
    )
    monkeypatch.setattr(ForeignTasks, "module", None)
    scheduler = ForeignTasks()
    with make(scheduler=scheduler) as worker:
        assert not worker.run()
    [(subject, message)] = mails
    assert subject == "Luigi: Cannot find task(s) sent by scheduler: X_1"
    assert "No task Unheard" in message
    assert "No task Unheard" in reported(scheduler)


class Leaf(Incomplete):
    def run(self) -> None:
        raise ValueError("stays pending")


def test_05_15_idle_polls_leave_no_trace() -> None:
    scheduler = Scheduler(retry_delay=1000)
    with make(scheduler=scheduler, keep_alive=True, wait_interval=0.001) as worker:
        assert worker.add(Leaf())
        stop = threading.Timer(0.5, worker._start_phasing_out)
        stop.start()
        worker.run()
        stop.join()
    assert len(worker._get_work_response_history) < 10


class OthersRun(Scheduler):
    """Other workers run ever other tasks, and one that is known here."""

    polls = 0

    def get_work(self, **kwargs: Any) -> Any:
        reply = super().get_work(**kwargs)
        self.polls += 1
        reply["task_id"] = None
        reply["running_tasks"] = [
            {"task_id": f"Other_{self.polls}", "worker": "W2"},
            {"task_id": Leaf().task_id, "worker": f"W{self.polls % 3}"},
        ]
        return reply


def test_05_15_what_others_run_is_kept_once() -> None:
    scheduler = OthersRun(retry_delay=1000)
    with make(scheduler=scheduler) as worker:
        assert worker.add(Leaf())
        for _ in range(1000):
            worker._get_work()
    assert len(worker._get_work_response_history) < 10
    others = {
        running["worker"]
        for entry in worker._get_work_response_history
        for running in entry["running_tasks"]
        if entry["task_id"] is None and running["task_id"] == Leaf().task_id
    }
    assert others == {"W0", "W1", "W2"}


def test_05_15_endless_repetition_of_a_task_is_kept_short() -> None:
    scheduler = Scheduler(retry_count=10**9, retry_delay=0)
    with make(scheduler=scheduler) as worker:
        assert worker.add(Leaf())
        task = Leaf()
        attempt: Any = types.SimpleNamespace(
            is_alive=lambda: True, exitcode=None, timeout_time=None, use_multiprocessing=False
        )
        for _ in range(15_000):
            worker._running_tasks[task.task_id] = attempt
            worker._task_result_queue.put((task.task_id, "FAILED", "again", [], []))
            worker._handle_next_task()
        assert len(worker._add_task_history) < 11_000
        worker._running_tasks.clear()
    assert worker._add_task_history[0] == (task, "PENDING", True)
    assert worker._add_task_history[-1] == (task, "FAILED", None)


SIBLINGS = """
import luigi
from luigi.scheduler import Scheduler
from luigi.worker import Worker

class Sibling(luigi.Task):
    n = luigi.IntParameter()
    done = False

    def complete(self):
        return self.done

    def run(self):
        self.done = True
        print(self.n)

class Parent(luigi.Task):
    def requires(self):
        return [Sibling(n=n) for n in range(8)]

    def complete(self):
        return False

with Worker(scheduler=Scheduler()) as worker:
    worker.add(Parent())
    worker.run()
"""


def test_05_16_siblings_run_in_the_same_order_in_every_process() -> None:
    prelude = "import warnings; warnings.simplefilter('ignore')\n"
    if luigi.Task.__module__.startswith("luigi_clone"):
        prelude += "import luigi_clone.alias\nluigi_clone.alias.install()\n"
    root = str(Path(luigi.__file__).resolve().parents[1])
    orders = {
        subprocess.run(
            [sys.executable, "-c", prelude + SIBLINGS],
            env={**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout
        for seed in "1234"
    }
    assert orders == {"0\n1\n2\n3\n4\n5\n6\n7\n"}


class Fails(Incomplete):
    n = luigi.IntParameter()

    def run(self) -> None:
        raise ValueError(f"failure {self.n}")


def test_05_20_failing_mail_service_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("no mail today")

    monkeypatch.setattr(notifications, "send_error_email", refuse)
    with make() as worker:
        assert worker.add(Fails(n=1))
        assert worker.add(Fails(n=2))
        assert not worker.run()
    assert [status for _, status, _ in worker._add_task_history] == ["PENDING", "PENDING", "FAILED", "FAILED"]


class Times(luigi.Task):
    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def output(self) -> Any:
        return luigi.LocalTarget(f"{self.folder}/{self.n}")

    def run(self) -> None:
        with self.output().open("w") as out:
            out.write(str(time.time()))


@pytest.mark.timeout(20)
def test_05_20_slow_mail_service_stalls_no_slot(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    sent: list[str] = []

    def slow(subject: str, *_: Any, **__: Any) -> None:
        time.sleep(1.5)
        sent.append(subject)

    monkeypatch.setattr(notifications, "send_error_email", slow)
    with make(worker_processes=2) as worker:
        assert worker.add(Fails(n=1))
        for n in range(5):
            assert worker.add(Times(n=n, folder=str(tmp_path)))
        started = time.time()
        assert not worker.run()
    finished = [float((tmp_path / str(n)).read_text()) - started for n in range(5)]
    assert max(finished) < 1.4
    assert len(sent) == 1, "the mail is sent before run() returns"


def test_05_24_worker_can_be_made_in_any_thread() -> None:
    outcome: list[Any] = []

    def work() -> None:
        try:
            with make() as worker:
                worker.add(Incomplete())
                outcome.append(worker.run())
        except ValueError as error:
            outcome.append(error)

    before = signal.getsignal(signal.SIGUSR1)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert outcome == [True]
    assert signal.getsignal(signal.SIGUSR1) is before


class BadMessages(Scheduler):
    """Sends a message with arguments that its receiver does not take, then counts the pings."""

    pings = 0

    def ping(self, **kwargs: Any) -> Any:
        reply = super().ping(**kwargs)
        self.pings += 1
        if self.pings == 1:
            reply["rpc_messages"] = [{"name": "set_worker_processes", "kwargs": {"wrong": 1}}]
        return reply


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_05_30_bad_message_does_not_end_the_pings() -> None:
    scheduler = BadMessages()
    with make(scheduler=scheduler, ping_interval=0.01) as worker:
        deadline = time.monotonic() + 3
        while scheduler.pings < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert worker._keep_alive_thread.is_alive()
    assert scheduler.pings >= 3


class Restless(luigi.Target):
    """Never there, and named differently each time."""

    asked = 0

    def exists(self) -> bool:
        return False

    def __str__(self) -> str:
        Restless.asked += 1
        return f"output {Restless.asked}"


class NeverMade(luigi.Task):
    runs = 0

    def output(self) -> luigi.Target:
        return Restless()

    def complete(self) -> bool:
        # an end for a worker that would go on for ever
        return NeverMade.runs >= 30

    def run(self) -> None:
        NeverMade.runs += 1


class NeedsIt(Incomplete):
    def requires(self) -> luigi.Task:
        return NeverMade()


def test_05_21_reschedules_are_counted_whatever_the_outputs_are_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(NeverMade, "runs", 0)
    worker = make(config={"stable_done_cooldown_secs": 0})
    worker.add(NeedsIt())
    worker.run()
    assert NeverMade.runs == 2


def test_05_19_the_completion_cache_needs_no_process() -> None:
    with make(cache_task_completion=True):
        assert multiprocessing.active_children() == []
