"""What the scheduler does better than Luigi's, call by call."""

from __future__ import annotations

import time
from typing import Any

import luigi
import luigi.metrics
import luigi.scheduler
import pytest
from luigi.scheduler import Scheduler


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Clock:
        now = 1000.0

        def wait(self, seconds: float) -> None:
            self.now += seconds

    ticking = Clock()
    monkeypatch.setattr(time, "time", lambda: ticking.now)
    return ticking


def status_of(scheduler: Scheduler, task_id: str) -> Any:
    return scheduler._state.get_task(task_id).status


def ask(scheduler: Scheduler, worker: str, **arguments: Any) -> Any:
    return scheduler.get_work(worker=worker, host="h", **arguments)["task_id"]


def give_batch(scheduler: Scheduler, owners: str, needs: dict[str, int] | None = None) -> Any:
    """Let worker X be given a batch of tasks that the named workers registered."""
    scheduler.add_task_batcher(worker="X", task_family="F", batched_args=["k"])
    for number, worker in enumerate(owners):
        scheduler.add_task(
            worker=worker,
            task_id=f"F{number}",
            family="F",
            params={"k": str(number)},
            batchable=True,
            resources=needs or {},
        )
    return scheduler.get_work(worker="X", host="h")


# ---- input


@pytest.mark.parametrize("priority", ["abc", None, float("nan")])
def test_06_05_priority_that_cannot_be_compared_is_refused_and_changes_nothing(priority: Any) -> None:
    scheduler = Scheduler()
    with pytest.raises(ValueError, match="priority must be a number"):
        scheduler.add_task(worker="X", task_id="A", priority=priority)
    assert scheduler._state.get_task("A") is None
    scheduler.add_task(worker="X", task_id="B", resources={"r": 1})
    assert ask(scheduler, "X") == "B"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"status": "WEIRD"}, "status must be one of"),
        ({"deps": "Dep"}, "deps must be a list of task ids"),
        ({"resources": {"r": "much"}}, "the amount of 'r' must be a number"),
    ],
)
def test_06_06_bad_arguments_are_refused_with_a_reason(arguments: Any, text: str) -> None:
    scheduler = Scheduler()
    with pytest.raises(ValueError, match=text):
        scheduler.add_task(worker="X", task_id="A", **arguments)
    assert scheduler._state.get_task("A") is None


def test_06_30_task_without_an_id_is_refused() -> None:
    scheduler = Scheduler()
    with pytest.raises(ValueError, match="task_id must be a text"):
        scheduler.add_task(worker="X")
    assert scheduler.task_list() == {}


# ---- graphs


def test_06_07_priority_rises_along_a_long_chain() -> None:
    scheduler = Scheduler()
    for number in range(3000):
        scheduler.add_task(worker="X", task_id=f"T{number}", deps=[f"T{number + 1}"])
    scheduler.add_task(worker="X", task_id="T0", priority=7)
    assert scheduler._state.get_task("T3000").priority == 7


def test_06_08_cycle_is_named_when_somebody_asks() -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", deps=["B"], family="A")
    scheduler.add_task(worker="X", task_id="B", deps=["C"], family="B")
    scheduler.add_task(worker="X", task_id="C", deps=["B"], family="C")
    cause = scheduler.explain_task("A")
    assert (cause["code"], cause["ids"]) == ("cycle", ["B", "C"])
    assert cause["text"] == "It waits for itself: B -> C -> B."


def test_06_08_cycle_over_several_workers_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", deps=["B"], family="A")
    scheduler.add_task(worker="Y", task_id="B", deps=["A"], family="B")
    assert "Tasks wait for each other, so that none of them can ever run: B -> A -> B" in caplog.text
    assert "B -> A" in scheduler.fetch_error("B")["error"]


def test_06_18_task_that_its_worker_disabled_can_be_enabled() -> None:
    scheduler: Any = Scheduler()
    scheduler.add_task(worker="X", task_id="A", status="DISABLED")
    assert scheduler.enable_task("A") == {"A": "PENDING"}
    assert ask(scheduler, "X") == "A"


def test_06_13_siblings_run_in_the_order_in_which_they_are_named() -> None:
    scheduler = Scheduler()
    siblings = [f"Sibling_{number * 7919 % 101:03}" for number in range(40)]
    scheduler.add_task(worker="X", task_id="Parent", deps=siblings)
    for sibling in reversed(siblings):
        scheduler.add_task(worker="X", task_id=sibling)
    assert [ask(scheduler, "X") for _ in siblings] == siblings


def test_06_28_dependency_that_nobody_describes_is_named() -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", family="A", deps=["Nobody"])
    cause = scheduler.explain_task("A")
    assert (cause["code"], cause["ids"]) == ("dependency_unknown", ["Nobody"])
    assert "no worker has described" in cause["text"]


# ---- what calls change


def test_06_09_tracking_url_leaves_everything_else_as_it_is() -> None:
    scheduler = Scheduler()
    scheduler.add_task(
        worker="X",
        task_id="A",
        family="A",
        resources={"r": 1},
        accepts_messages=True,
        retry_policy_dict={"retry_count": 1, "disable_hard_timeout": None, "disable_window": None},
    )
    ask(scheduler, "X")
    scheduler.add_task(worker="X", task_id="A", status="RUNNING", tracking_url="http://x/")
    shown = scheduler.task_list("RUNNING")["A"]
    assert (shown["resources"], shown["accepts_messages"]) == ({"r": 1}, True)
    scheduler.add_task(worker="X", task_id="A", status="FAILED")
    assert status_of(scheduler, "A") == "DISABLED"


def test_06_17_questions_about_a_worker_do_not_make_it_exist() -> None:
    scheduler = Scheduler()
    assert scheduler.count_pending(worker="Ghost")["n_pending_tasks"] == 0
    scheduler.set_worker_processes(worker="Ghost", n=2)
    scheduler.send_scheduler_message(worker="Ghost", task="T", content="hello")
    assert scheduler.worker_list() == []


def test_06_33_info_of_a_worker_cannot_break_the_list_of_workers() -> None:
    scheduler = Scheduler()
    scheduler.add_worker("X", {"name": "other", "state": "fine", "host": "h"})
    (shown,) = scheduler.worker_list()
    assert (shown["name"], shown["state"], shown["host"]) == ("X", "active", "h")


# ---- collectors and mails


class RaisingCollector(luigi.metrics.MetricsCollector):
    def __init__(self) -> None:
        pass

    def handle_task_started(self, task: Any) -> None:
        raise TypeError

    def handle_task_failed(self, task: Any) -> None:
        raise TypeError

    def handle_task_disabled(self, task: Any, config: Any) -> None:
        raise TypeError

    def handle_task_done(self, task: Any) -> None:
        raise TypeError


def test_06_14_error_in_a_metrics_collector_does_not_reach_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        luigi.metrics.MetricsCollectors, "get", classmethod(lambda cls, *arguments: RaisingCollector())
    )
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", status="DISABLED")
    scheduler.add_task(worker="X", task_id="B", status="FAILED")
    assert [status_of(scheduler, task_id) for task_id in "AB"] == ["DISABLED", "FAILED"]
    assert "Error in metrics collector" in caplog.text


def test_06_15_failure_without_explanation_or_owners_is_collected_for_the_mail() -> None:
    scheduler = Scheduler(batch_emails=True)
    scheduler.add_task(worker="X", task_id="A", family="A", status="FAILED", expl=None, owners=None)
    assert status_of(scheduler, "A") == "FAILED"
    scheduler.announce_scheduling_failure(
        worker="X", task_name="A()", family="A", params={}, expl="text", owners=None
    )


# ---- what is kept


def test_06_16_dropped_tasks_are_not_kept_by_their_worker(clock: Any) -> None:
    scheduler = Scheduler(remove_delay=5.0)
    for number in range(100):
        scheduler.add_task(worker="X", task_id=f"T{number}", assistant=True)
    scheduler.prune()
    clock.wait(6)
    scheduler.ping(worker="X")
    scheduler.prune()
    assert not list(scheduler._state.get_active_tasks())
    assert len(scheduler._state.get_worker("X").tasks) == 0


def test_06_34_dropped_batch_head_is_not_counted(clock: Any) -> None:
    scheduler = Scheduler()
    given = give_batch(scheduler, 3 * "X")
    for number in range(50):
        scheduler.add_task(worker="Y", task_id=f"Other{number}")
    claim = {"worker": "X", "task_id": "Head", "family": "F", "batch_id": given["batch_id"]}
    scheduler.add_task(status="RUNNING", params={"k": "2"}, **claim)
    scheduler.add_task(status="FAILED", runnable=None, worker="X", task_id="Head", expl='"no"')
    clock.wait(1)
    scheduler.prune()
    assert scheduler._state.get_task("Head") is None
    assert scheduler.count_pending(worker="X")["n_pending_tasks"] == 3


# ---- batches and assistants


def test_06_19_members_of_another_worker_stay_in_their_batch() -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="Needy", resources={"q": 1}, priority=-1)
    assert give_batch(scheduler, "XYX")["batch_task_ids"] == ["F0", "F1", "F2"]
    scheduler.prune()
    assert {status_of(scheduler, f"F{number}") for number in range(3)} == {"BATCH_RUNNING"}


def test_06_19_batch_holds_its_resources_before_it_is_claimed() -> None:
    scheduler = Scheduler(resources={"r": 1})
    assert give_batch(scheduler, "XX", {"r": 1})["batch_task_ids"] == ["F0", "F1"]
    scheduler.add_task(worker="Y", task_id="Rival", resources={"r": 1})
    assert ask(scheduler, "Y") is None


def test_06_31_task_claimed_by_a_second_worker_belongs_to_it(clock: Any) -> None:
    scheduler = Scheduler()
    for worker in "XY":
        scheduler.add_task(worker=worker, task_id="A")
    assert ask(scheduler, "X") == "A"
    scheduler.add_task(worker="X", task_id="A", status="FAILED")
    scheduler.add_task(worker="Y", task_id="A", status="RUNNING")
    scheduler.add_task(worker="Y", task_id="A", status="DONE")
    assert status_of(scheduler, "A") == "DONE"


def test_06_32_task_that_an_assistant_runs_is_not_dropped(clock: Any) -> None:
    scheduler = Scheduler(worker_disconnect_delay=10.0, remove_delay=30.0)
    scheduler.add_task(worker="X", task_id="A")
    clock.wait(11)
    scheduler.prune()
    assert ask(scheduler, "H", assistant=True) == "A"
    for _ in range(10):
        clock.wait(9)
        scheduler.ping(worker="H")
        scheduler.prune()
    assert status_of(scheduler, "A") == "RUNNING"
    scheduler.add_task(worker="H", task_id="A", status="DONE", assistant=True)
    assert status_of(scheduler, "A") == "DONE"


def test_06_22_task_of_a_vanished_worker_tells_the_reason(clock: Any) -> None:
    scheduler = Scheduler(worker_disconnect_delay=10.0)
    for worker in "XY":
        scheduler.add_task(worker=worker, task_id="A", family="A")
    ask(scheduler, "X")
    clock.wait(9)
    scheduler.ping(worker="Y")
    clock.wait(9)
    scheduler.prune()
    assert status_of(scheduler, "A") == "FAILED"
    assert scheduler.fetch_error("A")["error"] == '"Worker X vanished while it was running this task."'


# ---- cost


def drain_time(count: int) -> float:
    scheduler = Scheduler(prune_on_get_work=True)
    for number in range(count):
        scheduler.add_task(worker="X", task_id=f"T{number}")
    start = time.process_time()
    for _ in range(200):
        task_id = ask(scheduler, "X")
        scheduler.add_task(worker="X", task_id=task_id, status="DONE")
    return time.process_time() - start


def test_06_20_cost_of_a_task_does_not_grow_with_what_is_pending() -> None:
    few = min(drain_time(300) for _ in range(3))
    many = min(drain_time(6000) for _ in range(3))
    assert many < 5 * few
