"""A worker that was silent for too long and is heard of again goes on with what it ran."""

from __future__ import annotations

from typing import Any

import pytest

from luigi_clone._scheduling.facts import replay
from luigi_clone._scheduling.invariants import validate
from luigi_clone._wire.tickets import RefusedError, Reply, Ticket
from luigi_clone.scheduler import Scheduler
from test.scheduling import machines


class Bench:
    """A scheduler, a clock, and a client for each worker."""

    def __init__(self, **options: Any) -> None:
        self.scheduler = Scheduler(retry_delay=20.0, worker_disconnect_delay=60.0, **options)
        self.now = 1000.0
        self.scheduler._clock = lambda: self.now
        self.machine = self.scheduler._machine
        self.number = 0
        self.is_stock = False

    def call(self, name: str, worker: str, lease: int | None = None, **arguments: Any) -> Reply:
        self.number += 1
        ticket = Ticket() if self.is_stock else Ticket(f"of{worker}-{self.number}", lease)
        return self.scheduler.answer(name, {"worker": worker, **arguments}, ticket)

    def ask(self, worker: str, running: list[str] | None = None) -> Any:
        return self.call("get_work", worker, current_tasks=running or []).response["task_id"]

    def start(self, task_id: str, **fields: Any) -> int:
        """Register a task for X and Y and let X begin it; return the number of the grant."""
        for worker in "YX":
            self.call("add_task", worker, task_id=task_id, family=task_id, **fields)
        reply = self.call("get_work", "X", current_tasks=[])
        assert reply.response["task_id"] == task_id
        return reply.lease or 0

    def vanish(self) -> None:
        """Let X be silent for too long."""
        for _ in range(3):
            self.now += 30
            self.call("ping", "Y")
            self.scheduler.prune()

    def status(self, task_id: str) -> str:
        return self.machine.tasks[task_id].status

    def failures(self, task_id: str) -> int:
        return len(self.machine.tasks[task_id].more.failures)


@pytest.fixture
def bench() -> Bench:
    return Bench(resources={"mutex": 1})


def test_what_it_runs_and_holds_is_given_to_nobody_from_its_first_ping_on(bench: Bench) -> None:
    lease = bench.start("A", resources={"mutex": 1})
    bench.call("add_task", "Y", task_id="B", resources={"mutex": 1})
    bench.vanish()
    assert bench.failures("A") == 1
    bench.call("add_task", "Y", task_id="A", resources={"mutex": 1})
    assert bench.status("A") == "PENDING"
    assert bench.call("ping", "X").worker_is_new
    assert bench.status("A") == "RUNNING"
    assert bench.failures("A") == 0
    assert bench.ask("Y") is None
    bench.scheduler.prune()
    assert bench.status("A") == "RUNNING"
    bench.call("add_task", "X", lease, task_id="A", status="DONE")
    assert bench.status("A") == "DONE"
    assert bench.ask("Y") == "B"
    validate(bench.machine)


def test_its_failure_is_counted_once_if_it_comes_back_with_that(bench: Bench) -> None:
    lease = bench.start("A")
    bench.vanish()
    bench.call("add_task", "X", lease, task_id="A", status="FAILED", expl='"why"')
    assert bench.status("A") == "FAILED"
    assert bench.failures("A") == 1
    assert bench.machine.tasks["A"].expl == '"why"'
    assert bench.machine.tasks["A"].lease == -lease


def test_it_may_vanish_again(bench: Bench) -> None:
    bench.start("A")
    for _ in range(3):
        bench.vanish()
        assert bench.status("A") in ("FAILED", "PENDING")
        assert bench.failures("A") == 1
        bench.call("ping", "X")
        assert bench.status("A") == "RUNNING"
        assert bench.failures("A") == 0


def test_a_task_that_was_disabled_since_it_vanished_goes_on(bench: Bench) -> None:
    policy = {"retry_count": 1, "disable_hard_timeout": None, "disable_window": None}
    bench.start("A", retry_policy_dict=policy)
    bench.vanish()
    assert bench.status("A") == "DISABLED"
    bench.call("ping", "X")
    assert bench.status("A") == "RUNNING"
    assert bench.machine.tasks["A"].more.scheduler_disable_time is None


@pytest.mark.parametrize("since", ["granted", "done", "disabled"])
def test_what_has_come_to_something_else_stays_so(bench: Bench, since: str) -> None:
    bench.start("A")
    bench.vanish()
    if since == "granted":
        bench.scheduler.forgive_failures("A")
        assert bench.ask("Y") == "A"
    else:
        bench.call("add_task", "Y", task_id="A", status=since.upper())
    before = machines.task_fields(bench.machine.tasks["A"])
    bench.call("ping", "X")
    assert machines.task_fields(bench.machine.tasks["A"]) == before


def test_a_stock_worker_gets_luigis_rules(bench: Bench) -> None:
    bench.is_stock = True
    bench.start("A")
    bench.vanish()
    assert bench.status("A") == "FAILED"
    bench.call("ping", "X")
    assert bench.status("A") == "FAILED"
    bench.now += 30
    bench.scheduler.prune()
    assert bench.ask("Y") == "A"


@pytest.mark.parametrize("prunes", [True, False])
def test_what_it_does_not_name_when_it_asks_is_given_to_it_again(prunes: bool) -> None:
    bench = Bench(prune_on_get_work=prunes)
    bench.start("A")
    bench.now += 90
    if not prunes:
        bench.scheduler.prune()
    assert bench.ask("X", ["A"]) is None
    assert bench.status("A") == "RUNNING"
    assert bench.ask("X", []) == "A"


@pytest.mark.parametrize("head", ["B", "A+B"])
@pytest.mark.parametrize("kept", [True, False])
def test_all_tasks_of_a_batch_go_on(bench: Bench, head: str, kept: bool) -> None:
    bench.call("add_task_batcher", "X", task_family="F", batched_args=["k"])
    traits: dict[str, Any] = {"family": "F", "batchable": True, "resources": {"mutex": 1}}
    for worker in "YX":
        for task_id in "AB":
            bench.call("add_task", worker, task_id=task_id, params={"k": task_id}, **traits)
    given = bench.call("get_work", "X", current_tasks=[])
    claim = {"task_id": head, "status": "RUNNING", "batch_id": given.response["batch_id"]}
    bench.call("add_task", "X", given.lease, batchable=kept, resources={"mutex": 1}, **claim)
    bench.vanish()
    assert bench.status("A") in ("FAILED", "PENDING")
    bench.call("ping", "X")
    # a head of its own that nobody wants is gone by now: it comes back when its worker tells of it
    bench.call("add_task", "X", given.lease, task_id=head, status="RUNNING", resources={"mutex": 1})
    validate(bench.machine)
    running = {"A": "BATCH_RUNNING", "B": "BATCH_RUNNING", head: "RUNNING"}
    assert {task_id: bench.status(task_id) for task_id in running} == running
    assert bench.machine.used_resources() == {"mutex": 1}
    bench.call("add_task", "X", given.lease, **claim)  # a copy that was long under way
    assert bench.ask("Y") is None
    assert bench.ask("X", [head]) is None
    bench.call("add_task", "X", given.lease, task_id=head, status="DONE")
    assert {bench.status(task_id) for task_id in running} == {"DONE"}
    assert not bench.machine.batches
    assert not bench.machine.lapsed
    validate(bench.machine)


def test_it_goes_on_as_well_if_the_scheduler_was_started_again_meanwhile(bench: Bench) -> None:
    bench.scheduler.hold()
    bench.machine.facts = []
    bench.start("A")
    bench.vanish()
    again = Bench()
    replay(again.machine, bench.machine.facts)
    again.now, again.number = bench.now, bench.number
    again.machine.welcome_workers(again.now)
    again.call("ping", "X")
    assert again.status("A") == "RUNNING"
    assert not again.machine.absent


@pytest.mark.parametrize("since", ["granted", "done"])
def test_it_keeps_its_part_in_a_task_that_was_given_to_others(bench: Bench, since: str) -> None:
    bench.call("add_task", "Y", task_id="B", status="DONE")
    lease = bench.start("A", deps=["B"])
    bench.vanish()
    bench.scheduler.forgive_failures("A")
    given = bench.call("get_work", "Y", current_tasks=[])
    assert given.response["task_id"] == "A"
    if since == "done":
        bench.call("add_task", "Y", given.lease, task_id="A", status="DONE")
    bench.call("ping", "X")
    before = bench.status("A")
    bench.call("add_task", "X", lease, task_id="A", status="RUNNING", deps=["B"])
    task = bench.machine.tasks["A"]
    assert (task.status, task.lease) == (before, given.lease if since == "granted" else -(given.lease or 0))
    assert "X" in task.crew.stakeholders
    assert "X" in task.crew.workers
    assert "X" in bench.machine.tasks["B"].crew.stakeholders
    with pytest.raises(RefusedError, match="comes too late"):
        bench.call("add_task", "X", lease, task_id="A", status="FAILED")
    validate(bench.machine)


def test_what_it_does_not_run_is_left_waiting_while_others_hold_what_that_needs(bench: Bench) -> None:
    bench.start("A", resources={"mutex": 1})
    bench.call("add_task", "Y", task_id="B", resources={"mutex": 1})
    bench.vanish()
    given = bench.call("get_work", "Y", current_tasks=[])
    assert given.response["task_id"] == "B"
    assert bench.call("get_work", "X", current_tasks=["A"]).response["task_id"] is None
    assert bench.status("A") == "RUNNING"
    assert bench.ask("X") is None
    assert bench.status("A") == "PENDING"
    bench.call("add_task", "Y", given.lease, task_id="B", status="DONE")
    assert bench.ask("Y") == "A"
    validate(bench.machine)
