"""Tasks that wait for each other, told of by several workers, are reported once and cost nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from luigi_clone._scheduling.cycles import STEPS
from luigi_clone.scheduler import Scheduler


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "wait for each other" in record.getMessage()]


def add(scheduler: Scheduler, worker: str, task_id: str, *deps: str, **fields: Any) -> None:
    scheduler.add_task(worker=worker, task_id=task_id, family=task_id, deps=deps, **fields)


def test_cycle_over_several_workers_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = Scheduler()
    add(scheduler, "X", "A", "B")
    add(scheduler, "Y", "B", "C", "D")
    add(scheduler, "Y", "D")
    assert not reports(caplog)
    add(scheduler, "Z", "C", "A")
    for worker, task_id, dep in (("X", "A", "B"), ("Y", "C", "A")):
        add(scheduler, worker, task_id, dep)
    text = "Tasks wait for each other, so that none of them can ever run: C -> A -> B -> C"
    assert reports(caplog) == [text]
    assert caplog.records[-1].levelname == "WARNING"
    assert scheduler.explain_task("A")["code"] == "cycle"
    assert json.loads(scheduler.fetch_error("A")["error"]) == "It waits for itself: A -> B -> C -> A."
    assert scheduler.fetch_error("D")["error"] is None


def test_task_that_waits_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    add(Scheduler(), "X", "A", "A")
    assert reports(caplog) == ["Tasks wait for each other, so that none of them can ever run: A -> A"]


def test_cycle_by_a_dynamic_dependency(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = Scheduler()
    add(scheduler, "X", "A")
    assert scheduler.get_work(worker="X")["task_id"] == "A"
    add(scheduler, "X", "B", "A")
    scheduler.add_task(worker="X", task_id="A", new_deps=["B"])
    assert len(reports(caplog)) == 1


def test_no_cycle_through_what_is_done(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = Scheduler()
    add(scheduler, "X", "A", "B")
    add(scheduler, "X", "B", "C", status="DONE")
    add(scheduler, "X", "C", "A")
    assert not reports(caplog)


def test_long_cycle_is_found_when_nothing_can_be_given_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    scheduler = Scheduler(worker_disconnect_delay=10**6)
    length = 5 * STEPS
    for number in range(length):
        add(scheduler, f"W{number % 3}", f"T{number}", f"T{(number + 1) % length}")
    assert not reports(caplog)
    for asked in range(20):
        now[0] += 0.5
        assert scheduler.get_work(worker=f"W{asked % 3}")["task_id"] is None
    (report,) = reports(caplog)
    assert report.count(" -> ") == length
    machine = scheduler._machine
    assert machine._search is not None
    assert machine._search.finished


def test_looking_costs_the_same_in_a_large_graph() -> None:
    scheduler = Scheduler()
    machine = scheduler._machine
    looked: list[int] = []

    class Counting(dict[str, Any]):
        def get(self, *args: Any) -> Any:
            looked[-1] += 1
            return super().get(*args)

    for layer in range(30):
        for number in range(30):
            add(scheduler, "X", f"L{layer}_{number}", *(f"L{layer - 1}_{n}" for n in range(30) if layer))
    machine.tasks = Counting(machine.tasks)
    looked.append(0)
    add(scheduler, "Y", "L0_0", "New")
    looked.append(0)
    add(scheduler, "Y", "New", "L28_0")
    assert max(looked) < 30 + STEPS + 100
