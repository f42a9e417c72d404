"""Asking whether tasks are complete at once: threads, processes, bulk_complete, and how it ends."""

from __future__ import annotations

import copyreg
import os
import pickle
import threading
import time
from collections.abc import Iterable
from typing import Any

import luigi
import pytest

from luigi_clone._worker.asking import _Leave


class Answers(luigi.Task):
    """Answers as its parameters say."""

    n = luigi.IntParameter()
    answer = luigi.Parameter(default="no")

    def complete(self) -> Any:
        if self.answer == "dies":
            os._exit(7)
        if self.answer == "leaves":
            raise SystemExit(5)
        if self.answer == "raises":
            raise ValueError("as intended")
        if self.answer == "lambda":
            return lambda: None
        return self.answer == "yes"


class Asks(luigi.Task):
    answers = luigi.ListParameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return [Answers(n=n, answer=answer) for n, answer in enumerate(self.answers)]


WAYS = {
    "threads": {"parallel_scheduling_threads": 4},
    "processes": {},
}


def statuses(worker: Any) -> dict[int, str]:
    return {task.n: status for task, status, _ in worker._add_task_history if isinstance(task, Answers)}


@pytest.mark.parametrize("way", WAYS)
def test_answers(make_worker: Any, mails: Any, caplog: pytest.LogCaptureFixture, way: str) -> None:
    worker = make_worker(**WAYS[way])
    assert not worker.add(Asks(answers=["no", "yes", "raises", "lambda"] + ["no"] * 20), True, 2)
    assert statuses(worker) == {0: "PENDING", 1: "DONE", 2: "UNKNOWN", 3: "UNKNOWN"} | dict.fromkeys(
        range(4, 24), "PENDING"
    )
    assert "ValueError: as intended" in caplog.text
    assert "Return value of Task.complete() must be boolean (was" in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "luigi-complete"]


@pytest.mark.parametrize("way", WAYS)
def test_system_exit_of_complete_leaves(make_worker: Any, mails: Any, way: str) -> None:
    worker = make_worker(**WAYS[way])
    with pytest.raises(SystemExit) as caught:
        worker.add(Asks(answers=["no", "leaves"]), True, 2)
    assert caught.value.code == 5
    assert mails == []


def test_exit_code_travels_whatever_else_pickles_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tblib does, which distributed installs: it makes exceptions without their ``__init__``."""
    monkeypatch.setitem(
        copyreg.dispatch_table, SystemExit, lambda error: (SystemExit.__new__, (SystemExit, *error.args))
    )
    assert pickle.loads(pickle.dumps(SystemExit(5))).code is None
    answer = pickle.loads(pickle.dumps(_Leave(SystemExit(5))))
    assert answer.reason.code == 5


def test_process_that_dies_is_replaced(
    make_worker: Any, mails: Any, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker()
    assert not worker.add(Asks(answers=["no", "dies", "yes", "dies", "no", "yes"]), True, 1)
    assert statuses(worker) == {0: "PENDING", 1: "UNKNOWN", 2: "DONE", 3: "UNKNOWN", 4: "PENDING", 5: "DONE"}
    text = (
        "The process that called complete() of Answers(n=1, answer=dies) died unexpectedly with exit code 7"
    )
    assert text in caplog.text


class NotATask(luigi.Task):
    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return "no task"


@pytest.mark.parametrize("way", WAYS)
def test_framework_error_ends_threads_and_processes(make_worker: Any, mails: Any, way: str) -> None:
    worker = make_worker(**WAYS[way])
    with pytest.raises(Exception, match=r"requires\(\) must return Task objects"):
        worker.add(NotATask(), True, 2)
    assert not [thread for thread in threading.enumerate() if thread.name == "luigi-complete"]


def test_threads_fill_the_completion_cache(make_worker: Any) -> None:
    worker = make_worker(cache_task_completion=True, parallel_scheduling_threads=2)
    assert worker.add(Answers(n=1, answer="yes"), multiprocess=True)
    assert worker._task_completion_cache == {Answers(n=1, answer="yes").task_id: True}


# -- many at once --------------------------------------------------


class Remote(luigi.Task):
    """Asks a store that takes 50 ms to answer."""

    n = luigi.IntParameter()
    lock = threading.Lock()
    asking = 0
    most = 0

    def complete(self) -> bool:
        with self.lock:
            Remote.asking += 1
            Remote.most = max(Remote.most, Remote.asking)
        time.sleep(0.05)
        with self.lock:
            Remote.asking -= 1
        return True


class Remotes(luigi.Task):
    count = luigi.IntParameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return [Remote(n=n) for n in range(self.count)]


@pytest.mark.slow
def test_ten_thousand_slow_answers_take_ten_seconds_at_most(make_worker: Any) -> None:
    worker = make_worker(parallel_scheduling_threads=128)
    started = time.monotonic()
    assert worker.add(Remotes(count=10_000), multiprocess=True)
    took = time.monotonic() - started
    assert [status for _, status, _ in worker._add_task_history].count("DONE") == 10_000
    assert Remote.most >= 50
    assert took < 10


# -- in bulk -------------------------------------------------------


class Bulky(luigi.Task):
    n = luigi.IntParameter()
    asked: list[Any] = []

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> Any:
        values = list(parameter_tuples)
        Bulky.asked.append(values)
        return (value for value in values if value % 2)

    def complete(self) -> bool:
        Bulky.asked.append(self.n)
        return bool(self.n % 2)


class BulkyPair(Bulky):
    name = luigi.Parameter()

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> Any:
        values = list(parameter_tuples)
        Bulky.asked.append(values)
        return [(n, name) for n, name in values if n % 2]


class BulkyBroken(Bulky):
    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> Any:
        raise RuntimeError("no listing today")


class BulkyNaive(luigi.task.MixinNaiveBulkComplete, luigi.Task):
    n = luigi.IntParameter()
    complete = Bulky.complete


class Collects(luigi.Task):
    kind = luigi.Parameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        if self.kind == "pair":
            return [BulkyPair(n=n, name="x") for n in range(6)]
        cls = {"single": Bulky, "broken": BulkyBroken, "naive": BulkyNaive}[self.kind]
        return [cls(n=n) for n in range(6)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(Bulky, "asked", [])
    return Bulky.asked


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        ("single", [[0, 1, 2, 3, 4, 5]]),
        ("pair", [[(n, "x") for n in range(6)]]),
        ("broken", [0, 1, 2, 3, 4, 5]),
        ("naive", [0, 1, 2, 3, 4, 5]),
    ],
)
@pytest.mark.parametrize("threads", [None, 2])
def test_bulk_complete(
    make_worker: Any, asked: list[Any], kind: str, calls: list[Any], threads: int | None
) -> None:
    worker = make_worker(complete_in_bulk=True, parallel_scheduling_threads=threads or 0)
    assert worker.add(Collects(kind=kind), multiprocess=threads is not None)
    assert sorted(asked, key=str) == calls
    assert {task.n: s for task, s, _ in worker._add_task_history if hasattr(task, "n")} == {
        n: "DONE" if n % 2 else "PENDING" for n in range(6)
    }


def test_bulk_complete_beside_processes(make_worker: Any, asked: list[Any]) -> None:
    worker = make_worker(complete_in_bulk=True)
    assert worker.add(Collects(kind="single"), True, 2)
    assert asked == [[0, 1, 2, 3, 4, 5]]


def test_bulk_complete_is_asked_only_when_told_to(make_worker: Any, asked: list[Any]) -> None:
    worker = make_worker()
    assert worker.add(Collects(kind="single"))
    assert asked == [0, 1, 2, 3, 4, 5]


def test_what_the_completion_cache_knows_is_not_asked_in_bulk(make_worker: Any, asked: list[Any]) -> None:
    worker = make_worker(complete_in_bulk=True, cache_task_completion=True)
    worker._task_completion_cache[Bulky(n=3).task_id] = True
    assert worker.add(Collects(kind="single"))
    assert asked == [[0, 1, 2, 4, 5]]
