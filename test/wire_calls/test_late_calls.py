"""Calls that come late or twice, beside those that the caller has made since."""

import pytest

from luigi_clone._wire.tickets import RefusedError, Ticket
from luigi_clone.scheduler import Scheduler


def scheduler(now):
    made = Scheduler(worker_disconnect_delay=20, remove_delay=0)
    made._clock = lambda: now[0]
    for number, task in enumerate(("a", "b")):
        made.answer("add_task", {"worker": "w", "task_id": task}, Ticket(f"c-{number}"))
    return made


def get_work(made, number, *current):
    return made.answer("get_work", {"worker": "w", "current_tasks": list(current)}, Ticket(f"c-{number}"))


def test_a_question_for_work_that_was_overtaken_gives_nothing_out_again():
    made = scheduler([100.0])
    given = get_work(made, 12)
    with pytest.raises(RefusedError, match="later call"):
        get_work(made, 11)
    assert made._machine.tasks[given.response["task_id"]].lease == given.lease
    report = {"worker": "w", "task_id": given.response["task_id"], "status": "DONE", "runnable": None}
    made.answer("add_task", report, Ticket("c-13", given.lease))
    assert made._machine.tasks[report["task_id"]].status == "DONE"


def test_an_answer_from_memory_is_a_sign_of_life():
    now = [100.0]
    made = scheduler(now)
    again = {"worker": "w", "task_id": "c"}
    made.answer("add_task", again, Ticket("c-20"))
    now[0] = 115.0
    made.answer("add_task", again, Ticket("c-20"))
    now[0] = 130.0
    made.prune()
    assert "w" in made._machine.workers


def test_a_worker_that_only_pinged_hears_that_it_is_new_when_it_tells_about_itself():
    made = Scheduler()
    assert made.answer("ping", {"worker": "w"}, Ticket("c-1")).worker_is_new
    tells = {"worker": "w", "info": {"workers": 1}}
    assert made.answer("add_worker", tells, Ticket("c-2")).worker_is_new
    assert made.answer("add_worker", tells, Ticket("c-2")).worker_is_new  # its answer was lost
    assert not made.answer("add_worker", tells, Ticket("c-3")).worker_is_new
