"""A call whose answer was lost is repeated, and does no more than once."""

from __future__ import annotations

from typing import Any

from luigi.scheduler import Scheduler

from luigi_clone._wire.tickets import Ticket


def called(scheduler: Any, name: str, request: int, lease: int | None = None, **arguments: Any) -> Any:
    return scheduler.answer(name, arguments, Ticket(f"client-{request}", lease))


def test_07_12_failure_whose_answer_was_lost_is_counted_once() -> None:
    scheduler: Any = Scheduler()
    policy = {"retry_count": 2, "disable_hard_timeout": None, "disable_window": None}
    called(scheduler, "add_task", 1, worker="X", task_id="A", retry_policy_dict=policy)
    lease = called(scheduler, "get_work", 2, worker="X").lease
    for _ in range(2):
        called(scheduler, "add_task", 3, lease, worker="X", task_id="A", status="FAILED")
    assert scheduler._state.get_task("A").status == "FAILED"


def test_07_12_messages_in_a_lost_answer_are_handed_out_again() -> None:
    scheduler: Any = Scheduler()
    called(scheduler, "add_worker", 1, worker="X", info={})
    called(scheduler, "set_worker_processes", 2, worker="X", n=3)
    told = [called(scheduler, "ping", 3, worker="X").response["rpc_messages"] for _ in range(2)]
    assert told == [[{"name": "set_worker_processes", "kwargs": {"n": 3}}]] * 2
