"""Tasks with very many dependencies: registered in slices, with the result of one call."""

from __future__ import annotations

import json

import pytest

from luigi_clone._scheduler import staking
from luigi_clone._scheduling import invariants
from luigi_clone._wire.tickets import NEW_WORKER_HEADER, Ticket
from luigi_clone.scheduler import Scheduler
from test.server.serving import Server

DEPS = [f"Dep_{number}" for number in range(staking.MANY)]
ROOT = {"worker": "w", "task_id": "Root", "family": "Root", "deps": DEPS, "priority": 3}


def picture(scheduler):
    """Return what matters of all tasks, in any order."""
    return {
        record.id: (
            record.status,
            record.priority,
            record.deps,
            record.unmet,
            sorted(record.crew.stakeholders),
            sorted(record.crew.workers),
        )
        for record in scheduler._machine.tasks.values()
    }


@pytest.fixture
def by_one_call():
    """Give the picture after a registration in this process, which is one call."""
    scheduler = Scheduler()
    scheduler.add_task(**ROOT)
    return picture(scheduler)


@pytest.fixture(autouse=True)
def short_slices(monkeypatch):
    monkeypatch.setattr(staking, "_SLICE", 0.0)


def test_slices_lead_where_one_call_leads(served, by_one_call):
    status, headers, text = served.call("add_task", **ROOT)
    assert (status, text, headers[NEW_WORKER_HEADER]) == (200, '{"response": null}', "1")
    assert picture(served.scheduler) == by_one_call
    invariants.validate(served.scheduler._machine)
    assert NEW_WORKER_HEADER not in served.call("add_task", **ROOT)[1]


def test_slices_in_a_batch(served, by_one_call):
    child = {"worker": "w", "task_id": "Dep_5", "family": "Dep"}
    answers = served.batch(
        *({"call": "add_task", "arguments": one} for one in (ROOT, child)),
        {"call": "get_work", "arguments": {"worker": "w"}},
    )
    assert answers[0] == {"response": None, "worker_is_new": True}
    assert answers[1] == {"response": None}
    assert answers[2]["response"]["task_id"] == "Dep_5"
    assert picture(served.scheduler).keys() == by_one_call.keys()


def test_others_are_served_between_the_slices(monkeypatch):
    seen = []
    with Server() as served:
        work = staking.Staking.work

        def watched(self):
            seen.append(len(served.scheduler._machine.tasks))
            return work(self)

        monkeypatch.setattr(staking.Staking, "work", watched)
        assert served.call("add_task", **ROOT)[0] == 200
    assert seen == list(range(0, staking.MANY, staking._AT_ONCE))


def test_a_worker_that_gets_no_work_has_no_stake_in_what_it_names():
    scheduler = Scheduler()
    scheduler.add_worker("w", {})
    scheduler.disable_worker("w")
    work = scheduler.ahead_of("add_task", ROOT)
    assert work.work()
    assert picture(scheduler) == {}


@pytest.mark.parametrize(
    "other",
    [
        {"assistant": True},
        {"deps": DEPS[1:]},
        {"deps": None},
        {"deps": 5},
        {"deps": [*DEPS, {}]},
        {"priority": "high"},
        {"task_id": None},
        {"worker": None},
        {"task_id": "Done"},
    ],
)
def test_there_is_nothing_to_do_ahead_of_other_calls(other):
    scheduler = Scheduler()
    scheduler.add_task(worker="v", task_id="Done", status="DONE")
    before = picture(scheduler)
    assert scheduler.ahead_of("add_task", {**ROOT, **other}) is None
    assert scheduler.ahead_of("add_worker", {"worker": "w", "info": DEPS}) is None
    assert picture(scheduler) == before


def test_a_report_that_comes_too_late_makes_nothing():
    scheduler = Scheduler()
    scheduler.add_task(worker="w", task_id="Root")
    scheduler.get_work(worker="w")
    lease = scheduler._machine.tasks["Root"].lease
    report = {"worker": "w", "task_id": "Root", "status": "PENDING", "new_deps": DEPS}
    assert scheduler.ahead_of("add_task", report, Ticket(None, lease + 1)) is None
    assert scheduler.ahead_of("add_task", report, Ticket(None, lease)) is not None


def test_a_wrong_call_is_refused_and_changes_nothing(served):
    status, _, page = served.call("add_task", **{**ROOT, "status": "NEVER"})
    assert (status, "status must be one of" in page) == (400, True)
    assert json.loads(served.call("count_pending", worker="w")[2])["response"]["n_pending_tasks"] == 0
    assert picture(served.scheduler) == {}
