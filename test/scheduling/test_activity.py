"""Runs and counts as pages and tools see them, and the actions of operators on tasks."""

from __future__ import annotations

from typing import Any

import pytest

from luigi_clone._scheduling.attempts import KEPT, Attempts
from luigi_clone._scheduling.model import RetryPolicy, TaskRecord
from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone._wire.roles import Role
from luigi_clone.scheduler import Scheduler


class Bench:
    def __init__(self, **options: Any) -> None:
        self.scheduler = Scheduler(**options)
        self.now = 6000.0
        self.scheduler._clock = lambda: self.now

    def run(self, task_id: str, worker: str = "X", status: str = "DONE", seconds: float = 10) -> None:
        self.scheduler.add_task(worker=worker, task_id=task_id, family=task_id[:1])
        assert self.scheduler.get_work(worker=worker)["task_id"] == task_id
        self.now += seconds
        self.scheduler.add_task(worker=worker, task_id=task_id, status=status)

    def status(self, task_id: str) -> str:
        return self.scheduler._machine.tasks[task_id].status


@pytest.fixture
def bench() -> Bench:
    return Bench(retry_delay=5.0, worker_disconnect_delay=60.0)


def test_attempts_of_a_task(bench: Bench) -> None:
    bench.run("A1", status="FAILED")
    bench.now += 10
    bench.scheduler.prune()
    assert bench.scheduler.get_work(worker="X")["task_id"] == "A1"
    told = bench.scheduler.task_attempts("A1")
    common = {"task_id": "A1", "family": "A", "worker": "X"}
    assert told == [
        {**common, "start": 6000.0, "end": 6010.0, "status": "FAILED"},
        {**common, "start": 6020.0, "end": None, "status": "RUNNING"},
    ]
    bench.now += 100
    bench.scheduler.prune()
    assert bench.scheduler.task_attempts("A1")[-1] == {
        **common,
        "start": 6020.0,
        "end": 6120.0,
        "status": "FAILED",
    }
    assert bench.scheduler.task_attempts("Nobody") == []


def test_attempts_are_chosen_by_time_worker_and_family(bench: Bench) -> None:
    for task_id, worker in (("A1", "X"), ("A2", "Y"), ("B1", "X")):
        bench.run(task_id, worker)
    bench.scheduler.add_task(worker="Y", task_id="B2", family="B")
    bench.scheduler.get_work(worker="Y")

    def chosen(**arguments: Any) -> list[str]:
        return [attempt["task_id"] for attempt in bench.scheduler.attempts(**arguments)]

    assert chosen() == ["B2", "B1", "A2", "A1"]
    assert chosen(worker="X") == ["B1", "A1"]
    assert chosen(family="B") == ["B2", "B1"]
    assert chosen(since=6015) == ["B2", "B1", "A2"]
    assert chosen(until=6005) == ["A1"]
    assert chosen(limit=2) == ["B2", "B1"]
    assert chosen(limit=0) == []
    bench.run("A1")
    latest = [(one["task_id"], one["attempt"]) for one in bench.scheduler.attempts(family="A")]
    assert latest == [("A1", 2), ("A2", 1), ("A1", 1)]


def test_attempts_have_the_parameters_that_may_be_shown(bench: Bench) -> None:
    hidden = {"a": 0, "b": 1}
    bench.scheduler.add_task(
        worker="X", task_id="T", family="F", params={"a": "1", "b": "2"}, param_visibilities=hidden
    )
    bench.scheduler.get_work(worker="X")
    assert [one["params"] for one in bench.scheduler.attempts()] == [{"a": "1", "b": "2"}]
    bench.scheduler._shows_hidden = False
    assert [one["params"] for one in bench.scheduler.attempts()] == [{"a": "1"}]


def test_members_of_a_batch_are_attempts(bench: Bench) -> None:
    scheduler = bench.scheduler
    scheduler.add_task_batcher("X", "F", ["k"])
    for task_id in ("F1", "F2"):
        scheduler.add_task(worker="X", task_id=task_id, family="F", params={"k": task_id}, batchable=True)
    given = scheduler.get_work(worker="X", current_tasks=[])
    scheduler.get_work(worker="X", current_tasks=[])  # it was not claimed: no attempt
    batch = {"worker": "X", "task_id": "F12", "batch_id": given["batch_id"]}
    scheduler.add_task(status="RUNNING", **batch)
    bench.now += 5
    scheduler.add_task(worker="X", task_id="F12", status="DONE")
    ended = [(one["task_id"], one["status"]) for one in scheduler.attempts()]
    assert sorted(ended) == [("F1", "DONE"), ("F12", "DONE"), ("F2", "DONE")]


def test_a_batch_with_the_id_of_a_member_is_one_run_of_that(bench: Bench) -> None:
    scheduler = bench.scheduler
    scheduler.add_task_batcher("X", "F", ["k"])
    for task_id in ("F1", "F2"):
        scheduler.add_task(worker="X", task_id=task_id, family="F", params={"k": task_id}, batchable=True)
    given = scheduler.get_work(worker="X", current_tasks=[])
    scheduler.add_task(worker="X", task_id="F2", batch_id=given["batch_id"], status="RUNNING")
    assert [(one["task_id"], one["end"]) for one in scheduler.attempts()] == [("F2", None), ("F1", None)]
    bench.now += 5
    scheduler.add_task(worker="X", task_id="F2", status="DONE")
    assert sorted((one["task_id"], one["status"]) for one in scheduler.attempts()) == [
        ("F1", "DONE"),
        ("F2", "DONE"),
    ]
    [minute] = [one for one in scheduler.overview()["minutes"] if one["started"] or one["done"]]
    assert (minute["started"], minute["done"], minute["failed"]) == (2, 2, 0)


def test_overview(bench: Bench) -> None:
    bench.run("A1")
    bench.now += 120
    bench.run("B1", status="FAILED")
    bench.scheduler.add_task(worker="X", task_id="B2", family="B")
    bench.scheduler.disable_task("B2")
    told = bench.scheduler.overview()
    assert {status: count for status, count in told["tasks"].items() if count} == {
        "DONE": 1,
        "FAILED": 1,
        "DISABLED": 1,
    }
    assert (told["workers_total"], told["paused"]) == (1, False)
    assert [(one["family"], one["failed"], one["disabled"]) for one in told["families"]] == [
        ("B", 1, 1),
        ("A", 0, 0),
    ]
    assert len(told["minutes"]) == 60
    assert told["minutes"][-3:] == [
        {"at": 6000, "time": 6000, "started": 1, "done": 1, "failed": 0},
        {"at": 6060, "time": 6060, "started": 0, "done": 0, "failed": 0},
        {"at": 6120, "time": 6120, "started": 1, "done": 0, "failed": 1},
    ]


def test_ring_is_bounded() -> None:
    attempts, scheduler = Attempts(), Scheduler()
    index = scheduler._machine.index
    task = TaskRecord("A", 1, 0, 0, RetryPolicy(1, 1, 1), index.nobody, index.no_needs)
    for number in range(KEPT + 5):
        attempts.end(task, "DONE", number)
    assert len(attempts.ended) == KEPT
    assert attempts.ended[0].end == 5
    assert len(attempts.kept()[1]) <= 121
    again = Attempts()
    again.restore(*attempts.kept())
    assert again.kept() == attempts.kept()


# ---- actions


def test_retry_at_once(bench: Bench) -> None:
    scheduler = bench.scheduler
    bench.run("A1", status="FAILED")
    scheduler.add_task(worker="X", task_id="B1")
    scheduler.disable_task("B1")
    assert scheduler.retry_task(["A1", "B1", "Nobody"]) == {"A1": "PENDING", "B1": "PENDING", "Nobody": None}
    assert scheduler.retry_task("A1") == {"A1": "PENDING"}


def test_disable_holds_until_somebody_enables(bench: Bench) -> None:
    scheduler = bench.scheduler
    for task_id in "AB":
        scheduler.add_task(worker="X", task_id=task_id, deps=["C"] if task_id == "B" else [])
    assert scheduler.disable_task("A") == {"A": "DISABLED"}
    scheduler.add_task(worker="Y", task_id="A")
    assert bench.status("A") == "DISABLED"
    assert scheduler.get_work(worker="X")["task_id"] is None
    assert scheduler.task_list("DISABLED")["A"]["re_enable_able"]
    assert scheduler.enable_task(["A"]) == {"A": "PENDING"}
    assert scheduler.get_work(worker="X")["task_id"] == "A"
    assert scheduler.disable_task("A") == {"A": "RUNNING"}
    assert scheduler.enable_task("B") == {"B": "PENDING"}


def test_enable_also_takes_back_what_a_worker_disabled(bench: Bench) -> None:
    bench.scheduler.add_task(worker="X", task_id="A", status="DISABLED")
    assert bench.scheduler.re_enable_task("A") == {}
    assert bench.scheduler.enable_task("A") == {"A": "PENDING"}


def test_enabled_task_has_no_failures(bench: Bench) -> None:
    policy = {"retry_count": 1}
    bench.scheduler.add_task(worker="X", task_id="A", retry_policy_dict=policy)
    bench.scheduler.get_work(worker="X")
    bench.scheduler.add_task(worker="X", task_id="A", status="FAILED")
    assert bench.status("A") == "DISABLED"
    bench.scheduler.enable_task("A")
    assert not bench.scheduler._machine.tasks["A"].more.failures


def test_roles() -> None:
    def calls(role: Role) -> set[str]:
        return {name for name, method in RPC_METHODS.items() if method.rpc_call.role is role}  # type: ignore[attr-defined]

    assert {"explain_task", "task_attempts", "attempts", "overview", "task_list", "fetch_error"} <= calls(
        Role.READ
    )
    assert calls(Role.WORKER) == {
        *("add_task", "add_task_batcher", "add_worker", "get_work", "ping", "announce_scheduling_failure"),
        *("prune", "add_scheduler_message_response", "set_task_status_message"),
        *("set_task_progress_percentage", "decrease_running_task_resources", "report_task_statistics"),
        *("append_task_log", "announce_family"),
    }
    assert {"retry_task", "disable_task", "enable_task", "pause", "update_resources"} <= calls(Role.ADMIN)
