"""A call that comes again, because its answer was lost, is not made again."""

from __future__ import annotations

from typing import Any

import pytest

from luigi_clone._scheduling.answers import KEPT, MANY_CLIENTS, Answer, Answers
from luigi_clone._scheduling.facts import replay
from luigi_clone._wire.tickets import RefusedError, Reply, Ticket
from luigi_clone.scheduler import Scheduler

from ..scheduling import machines


class Bench:
    """A scheduler, a clock, and a client that counts its requests."""

    def __init__(self, **options: Any) -> None:
        self.scheduler = Scheduler(**options)
        self.now = 1000.0
        self.scheduler._clock = lambda: self.now
        self.machine = self.scheduler._machine
        self.number = 0

    def call(self, name: str, lease: int | None = None, again: bool = False, **arguments: Any) -> Reply:
        self.number += not again
        return self.scheduler.answer(name, arguments, Ticket(f"client-{self.number}", lease))

    def status(self, task_id: str) -> str:
        return self.machine.tasks[task_id].status

    def start(self, task_id: str, worker: str = "X", **fields: Any) -> int:
        """Register a task and let the worker begin it; return the number of the grant."""
        self.call("add_task", worker=worker, task_id=task_id, family=task_id, **fields)
        reply = self.call("get_work", worker=worker, host="h")
        assert reply.response["task_id"] == task_id
        assert reply.lease is not None
        return reply.lease

    def vanish(self, *staying: str) -> None:
        """Let all workers but ``staying`` be silent for too long."""
        for _ in range(3):
            self.now += 30
            for worker in staying:
                self.call("ping", worker=worker)
            self.call("prune")


@pytest.fixture
def bench() -> Bench:
    return Bench(retry_delay=200.0)


# ---- repeated requests


def test_repeated_get_work_gets_the_same_task(bench: Bench) -> None:
    for task_id in "AB":
        bench.call("add_task", worker="X", task_id=task_id, family="F", module="m", params={"k": task_id})
    first = bench.call("get_work", worker="X", host="h")
    again = bench.call("get_work", worker="X", host="h", again=True)
    assert first.response["task_id"] == again.response["task_id"] == "A"
    assert first.lease == again.lease
    assert first.response.keys() == again.response.keys()
    assert again.response["task_params"] == {"k": "A"}
    assert bench.status("B") == "PENDING"


def test_repeated_get_work_gets_the_same_batch(bench: Bench) -> None:
    bench.call("add_task_batcher", worker="X", task_family="F", batched_args=["k"])
    for task_id in "AB":
        bench.call("add_task", worker="X", task_id=task_id, family="F", params={"k": task_id}, batchable=True)
    first = bench.call("get_work", worker="X", current_tasks=[])
    again = bench.call("get_work", worker="X", current_tasks=[], again=True)
    told = ("batch_id", "batch_task_ids", "task_family", "task_params", "task_id")
    assert [first.response[name] for name in told] == [again.response[name] for name in told]
    assert first.lease == again.lease is not None
    claim = {"worker": "X", "task_id": "AB", "status": "RUNNING", "batch_id": first.response["batch_id"]}
    bench.call("add_task", lease=first.lease, **claim)
    bench.call("add_task", lease=first.lease, again=True, **claim)
    bench.call("add_task", lease=first.lease, worker="X", task_id="AB", status="DONE")
    assert [bench.status(task_id) for task_id in ("A", "B", "AB")] == ["DONE"] * 3


def test_repeated_get_work_looks_anew_when_the_task_was_taken_away(bench: Bench) -> None:
    lease = bench.start("A")
    request = bench.number
    bench.call("mark_as_done", task_id="A")
    bench.call("add_task", worker="X", task_id="B")
    bench.number = request
    again = bench.call("get_work", worker="X", host="h", again=True)
    assert again.response["task_id"] == "B"
    assert (again.lease or 0) > lease


def test_failure_whose_answer_was_lost_is_counted_once(bench: Bench) -> None:
    policy = {"retry_count": 2, "disable_hard_timeout": None, "disable_window": None}
    lease = bench.start("A", retry_policy_dict=policy)
    report = {"worker": "X", "task_id": "A", "status": "FAILED", "expl": '"why"'}
    bench.call("add_task", lease, **report)
    bench.call("add_task", lease, again=True, **report)
    assert bench.status("A") == "FAILED"
    assert len(bench.machine.tasks["A"].more.failures) == 1
    bench.call("add_task", lease, **report)  # under another id, as a process that was started again would
    assert bench.status("A") == "FAILED"
    assert len(bench.machine.tasks["A"].more.failures) == 1


def test_messages_in_a_lost_answer_are_handed_out_again(bench: Bench) -> None:
    bench.call("add_worker", worker="X", info={})
    bench.call("set_worker_processes", worker="X", n=3)
    first = bench.call("ping", worker="X")
    again = bench.call("ping", worker="X", again=True)
    assert first == again
    assert [message["name"] for message in again.response["rpc_messages"]] == ["set_worker_processes"]
    assert bench.call("ping", worker="X").response == {"rpc_messages": []}


def test_answer_to_a_message_is_handed_out_again(bench: Bench) -> None:
    bench.start("A", accepts_messages=True)
    sent = bench.call("send_scheduler_message", worker="X", task="A", content="hello")
    assert bench.call("send_scheduler_message", worker="X", task="A", content="hello", again=True) == sent
    (message,) = bench.call("ping", worker="X").response["rpc_messages"]
    message_id = message["kwargs"]["message_id"]
    bench.call("add_scheduler_message_response", task_id="A", message_id=message_id, response="yes")
    asked = {"task_id": "A", "message_id": message_id}
    assert bench.call("get_scheduler_message_response", **asked).response == {"response": "yes"}
    assert bench.call("get_scheduler_message_response", again=True, **asked).response == {"response": "yes"}
    assert bench.call("get_scheduler_message_response", **asked).response == {"response": None}


def test_decrease_is_made_once(bench: Bench) -> None:
    bench.call("update_resource", resource="r", amount=5)
    bench.start("A", resources={"r": 4})
    decrease = {"task_id": "A", "decrease_resources": {"r": 1}}
    bench.call("decrease_running_task_resources", **decrease)
    bench.call("decrease_running_task_resources", again=True, **decrease)
    assert bench.machine.tasks["A"].held == {"r": 3}


def test_views_are_never_remembered(bench: Bench) -> None:
    bench.start("A")
    kept = list(bench.machine.answers.all())
    assert [answer[:2] for answer in kept] == [("client", 1), ("client", 2)]
    bench.call("task_list")
    bench.call("count_pending", worker="X")
    bench.call("get_work", worker="X")
    bench.call("ping", worker="X")
    assert list(bench.machine.answers.all()) == kept


# ---- workers that are not known any more


def test_worker_learns_that_it_is_not_known(bench: Bench) -> None:
    assert bench.call("ping", worker="X").worker_is_new
    assert bench.call("ping", worker="X", again=True).worker_is_new
    assert not bench.call("ping", worker="X").worker_is_new
    bench.vanish()
    assert bench.call("get_work", worker="X").worker_is_new
    assert bench.call("get_work", worker="X", again=True).worker_is_new
    assert not bench.call("add_task", worker="X", task_id="A").worker_is_new
    bench.vanish()
    assert bench.call("add_task", worker="X", task_id="A").worker_is_new


def test_answers_go_with_their_worker(bench: Bench) -> None:
    bench.call("add_task", worker="X", task_id="A")
    assert list(bench.machine.answers.all())
    bench.vanish()
    assert not [one for one in bench.machine.answers.all() if one[2] == "X"]


# ---- reports that come late


def test_report_of_a_worker_that_had_vanished_counts(bench: Bench) -> None:
    lease = bench.start("A")
    bench.vanish()
    assert bench.status("A") == "FAILED"
    bench.call("add_task", lease, worker="X", task_id="A", status="DONE")
    assert bench.status("A") == "DONE"


def test_late_failure_tells_the_reason_and_is_not_counted_twice(bench: Bench) -> None:
    lease = bench.start("A")
    bench.vanish()
    bench.call("add_task", lease, worker="X", task_id="A", status="FAILED", expl='"the reason"')
    task = bench.machine.tasks["A"]
    assert (task.expl, len(task.more.failures), task.status) == ('"the reason"', 1, "FAILED")


@pytest.mark.parametrize("status", ["DONE", "FAILED", "RUNNING"])
def test_late_report_is_refused_when_the_task_was_given_out_anew(
    bench: Bench, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    lease = bench.start("A")
    bench.call("add_task", worker="Y", task_id="A")
    bench.vanish("Y")
    bench.call("forgive_failures", task_id="A")
    anew = bench.call("get_work", worker="Y")
    assert anew.response["task_id"] == "A"
    assert (anew.lease or 0) > lease
    before = machines.fields(bench.machine)
    with pytest.raises(RefusedError, match="was given out anew") as refused:
        bench.call("add_task", lease, worker="X", task_id="A", status=status)
    assert refused.value.status == 409
    assert machines.fields(bench.machine) == before
    assert "Refused what worker 'X' tells" in caplog.text
    bench.call("add_task", anew.lease, worker="Y", task_id="A", status="DONE")
    assert bench.status("A") == "DONE"


def test_late_failure_of_a_task_that_is_done_is_refused(bench: Bench) -> None:
    lease = bench.start("A")
    bench.call("mark_as_done", task_id="A")
    with pytest.raises(RefusedError, match="'A' is DONE"):
        bench.call("add_task", lease, worker="X", task_id="A", status="FAILED")
    bench.call("add_task", lease, worker="X", task_id="A", status="DONE")
    assert bench.status("A") == "DONE"


def test_end_that_was_told_is_not_told_again_to_a_task_that_came_back(bench: Bench) -> None:
    lease = bench.start("A")
    bench.call("add_task", lease, worker="X", task_id="A", status="DONE")
    bench.now += 100
    bench.call("add_task", worker="X", task_id="A")
    assert bench.status("A") == "PENDING"
    bench.call("add_task", lease, worker="X", task_id="A", status="DONE")
    assert bench.status("A") == "PENDING"


def test_worker_that_goes_on_after_it_had_vanished_runs_its_task_again(bench: Bench) -> None:
    lease = bench.start("A")
    bench.vanish()
    assert bench.call("ping", worker="X").worker_is_new
    bench.call("add_task", lease, worker="X", task_id="A", status="RUNNING")
    assert bench.status("A") == "RUNNING"
    bench.call("add_task", worker="Y", task_id="A")
    assert bench.call("get_work", worker="Y").response["task_id"] is None
    bench.call("prune")
    assert bench.status("A") == "RUNNING"
    bench.call("add_task", lease, worker="X", task_id="A", status="DONE")
    assert bench.status("A") == "DONE"


def test_end_of_a_batch_whose_worker_had_vanished_counts_for_its_members(bench: Bench) -> None:
    bench.call("add_task_batcher", worker="X", task_family="F", batched_args=["k"])
    for task_id in "AB":
        bench.call("add_task", worker="X", task_id=task_id, family="F", params={"k": task_id}, batchable=True)
        bench.call("add_task", worker="Y", task_id=task_id)
    given = bench.call("get_work", worker="X", current_tasks=[])
    batch_id = given.response["batch_id"]
    head = {"worker": "X", "task_id": "AB", "batch_id": batch_id}
    bench.call("add_task", given.lease, status="RUNNING", **head)
    bench.vanish("Y")
    assert [bench.status(task_id) for task_id in "AB"] == ["FAILED", "FAILED"]
    bench.call("add_task", given.lease, worker="X", task_id="AB", status="DONE")
    assert [bench.status(task_id) for task_id in ("A", "B", "AB")] == ["DONE"] * 3
    assert not bench.machine.lapsed


def test_report_without_a_grant_follows_luigis_rules(bench: Bench) -> None:
    bench.start("A")
    bench.vanish()
    bench.call("forgive_failures", task_id="A")
    bench.call("add_task", worker="Y", task_id="A")
    assert bench.call("get_work", worker="Y").response["task_id"] == "A"
    bench.call("add_task", worker="X", task_id="A", status="DONE")
    assert bench.status("A") == "RUNNING"


def test_grants_of_a_later_life_are_greater(bench: Bench) -> None:
    lease = bench.start("A")
    later = Bench()
    later.now = bench.now + 1
    anew = later.start("A", worker="Y")
    assert anew > lease
    with pytest.raises(RefusedError, match="given out anew"):
        later.call("add_task", lease, worker="X", task_id="A", status="DONE")


# ---- what is kept


def test_all_that_is_remembered_comes_back_from_the_facts(bench: Bench) -> None:
    bench.scheduler.hold()
    bench.machine.facts = []
    lease = bench.start("A")
    bench.call("add_worker", worker="X", info={"workers": 1})
    bench.call("set_worker_processes", worker="X", n=3)
    told = bench.call("ping", worker="X")
    again = Bench()
    replay(again.machine, bench.machine.facts or [])
    assert machines.fields(again.machine) == machines.fields(bench.machine)
    again.number, again.now = bench.number, bench.now
    assert again.call("ping", worker="X", again=True) == told
    again.number = 2
    assert again.call("get_work", worker="X", again=True).lease == lease


def test_bounds() -> None:
    answers = Answers()
    for number in range(KEPT + 10):
        answers.keep("c", number, "X", Answer(number))
    assert answers.find("c", 9) is None
    assert answers.find("c", 10) == Answer(10)
    for number in range(MANY_CLIENTS):
        answers.keep(f"d{number}", 1, None, Answer(None))
    assert answers.find("c", KEPT) is None
    assert len(list(answers.all())) == MANY_CLIENTS
    answers.keep("e", 1, "X", Answer(1))
    answers.keep("e", 2, "Y", Answer(2))
    answers.forget_worker("X")
    assert answers.find("e", 2) == Answer(2)
    answers.forget_worker("Y")
    assert answers.find("e", 2) is None


def test_messages_and_their_answers_are_bounded(bench: Bench) -> None:
    bench.start("A")
    for _ in range(1000):
        bench.call("set_worker_processes", worker="X", n=1)
    sent = bench.call("send_scheduler_message", worker="X", task="A", content="")
    assert sent.response == {"message_id": None}
    for number in range(150):
        bench.call("add_scheduler_message_response", task_id="A", message_id=str(number), response="yes")
    assert list(bench.machine.tasks["A"].more.responses) == [str(number) for number in range(50, 150)]
