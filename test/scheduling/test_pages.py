"""The list of tasks as pages show it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from luigi_clone._scheduling.shown import STATES
from luigi_clone._wire.tickets import RefusedError
from luigi_clone.scheduler import Scheduler


class Bench:
    """One task in each state."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.scheduler = Scheduler(retry_delay=50.0, retry_count=3)
        self.scheduler._clock = lambda: self.now
        self.add("Failed", day="1")
        self.run("Failed", "FAILED", expl=json.dumps("Traceback …\nKeyError: 'x'\n"))
        self.add("Runs")
        assert self.scheduler.get_work(worker="X")["task_id"] == "Runs"
        self.add("Input", runnable=False)
        self.add("Off")
        self.scheduler.disable_task("Off")
        self.add("Done")
        self.run("Done", "DONE")
        self.add("Ready")
        self.add("OnFailed", deps=["Failed", "Runs"])
        self.add("OnOff", deps=["Off"])
        self.add("OnInput", deps=["Input"])
        self.add("OnRuns", deps=["Runs"])
        self.add("OnReady", deps=["Ready"])
        self.add("OnNobody", deps=["Nobody"])
        self.add("Far", deps=["OnFailed", "OnRuns"])

    def add(self, task_id: str, deps: list[str] | None = None, **rest: Any) -> None:
        options = {key: rest.pop(key) for key in ("runnable", "priority") if key in rest}
        self.scheduler.add_task(
            worker="X", task_id=task_id, deps=deps, family=f"{task_id}Family", params=rest, **options
        )

    def run(self, task_id: str, status: str, **rest: Any) -> None:
        assert self.scheduler.get_work(worker="X")["task_id"] == task_id
        self.now += 10
        self.scheduler.add_task(worker="X", task_id=task_id, status=status, **rest)

    def page(self, query: str = "", **rest: Any) -> dict[str, Any]:
        return self.scheduler.task_page(query, **rest)

    def ids(self, query: str = "", **rest: Any) -> list[str]:
        return [row["id"] for row in self.page(query, **rest)["rows"]]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_states_in_their_order(bench: Bench) -> None:
    page = bench.page()
    assert [(row["id"], row["state"]) for row in page["rows"]] == [
        ("Failed", "failed"),
        ("Far", "upfailed"),
        ("OnFailed", "upfailed"),
        ("OnInput", "missing"),
        ("Input", "missing"),
        ("Off", "disabled"),
        ("OnOff", "updisabled"),
        ("Nobody", "unknown"),
        ("Runs", "running"),
        ("OnRuns", "uprunning"),
        ("Ready", "ready"),
        ("OnNobody", "pending"),
        ("OnReady", "pending"),
        ("Done", "done"),
    ]
    assert page["total"] == page["all"] == 14
    assert list(page["counts"]) == list(STATES)
    assert page["counts"]["upfailed"] == 2
    assert page["reads"] == "All tasks"
    assert page["error"] is None
    assert page["as_of"] == bench.now


def test_row(bench: Bench) -> None:
    bench.scheduler.add_task(
        worker="X", task_id="Runs", status="RUNNING", tracking_url="javascript:alert(1)", resources={"r": 1}
    )
    bench.scheduler.set_task_progress_percentage("Runs", 140)
    bench.scheduler.set_task_status_message("Runs", "on the way")
    bench.now += 5
    row = bench.page("status:running")["rows"][0]
    assert (row["took"], row["started"], row["worker"]) == (15.0, bench.now - 15, "X")
    assert (row["progress"], row["message"], row["tracking_url"]) == (100, "on the way", None)
    assert row["why"] == {"code": "running", "text": "It runs on X.", "ids": ["X"]}
    failed = bench.page("status:failed")["rows"][0]
    assert failed["params"] == {"day": "1"}
    assert failed["failures"] == 1
    assert failed["retry_at"] == 1_000_060.0
    assert failed["took"] == 10.0
    assert failed["why"]["text"].startswith("It failed at ")
    assert ": KeyError: 'x'. It is tried again at " in failed["why"]["text"]


def test_one_sentence_in_list_and_call(bench: Bench) -> None:
    rows = {row["id"]: row["why"] for row in bench.page()["rows"]}
    assert rows["Far"]["code"] == "dependency_failed"
    assert rows["Far"]["text"].startswith("It waits for FailedFamily 1, which failed at ")
    for task_id, why in rows.items():
        assert bench.scheduler.explain_task(task_id) == {"task_id": task_id, **why}


def test_pages_and_orders(bench: Bench) -> None:
    everything = bench.ids()
    assert bench.ids(offset=3, limit=4) == everything[3:7]
    assert bench.ids(sort="state", descending=True)[0] == "Done"
    assert bench.ids(sort="family")[:3] == ["Nobody", "Done", "Failed"]
    assert bench.ids(sort="updated")[-1] in ("Done", "OnReady", "Far", "Nobody")
    bench.add("Urgent", priority=9)
    assert bench.ids(sort="priority", descending=True)[0] == "Urgent"
    assert set(bench.ids(sort="worker", descending=True)[:3]) == {"Done", "Failed", "Runs"}
    assert bench.ids(sort="took", descending=True)[0] in ("Done", "Failed", "Runs")


@pytest.mark.parametrize("mixed", [False, True])
def test_the_last_change_comes_first(bench: Bench, mixed: bool) -> None:
    for number in range(5):
        bench.now += 10
        bench.add(f"Late{number}")
    done = bench.scheduler._machine.by_status["PENDING"]
    if mixed:  # as a restart may leave them
        done["Late1"] = done.pop("Late1")
    assert bench.ids(sort="updated", descending=True)[:4] == ["Late4", "Late3", "Late2", "Late1"]
    assert bench.ids(sort="updated", descending=True, offset=1, limit=2) == ["Late3", "Late2"]
    assert bench.ids(sort="updated")[-4:] == ["Late1", "Late2", "Late3", "Late4"]
    assert bench.ids("status:ready", sort="updated", descending=True)[0] == "Late4"
    assert bench.scheduler._surveyor.latest().in_order is not mixed


def test_queries(bench: Bench) -> None:
    assert bench.ids("status:failed") == ["Failed"]
    assert set(bench.ids("is:attention family:On*")) == {"OnFailed", "OnInput", "OnOff"}
    assert bench.ids("-is:attention -is:waiting -is:finished") == ["Runs", "OnRuns"]
    assert bench.ids("day:1") == ["Failed"]
    assert bench.ids("day>1") == []
    assert set(bench.ids("onf fam")) == {"OnFailed"}
    assert set(bench.ids("worker:x")) == {"Done", "Failed", "Runs"}
    page = bench.page("status:done family:*family")
    assert page["counts"]["failed"] == 1  # of all that match but for their state
    assert page["total"] == 1
    assert bench.scheduler.task_ids("family:OnR*,Done*") == {
        "total": 3,
        "ids": ["OnRuns", "OnReady", "Done"],
    }


def test_bad_query_tells_where(bench: Bench) -> None:
    page = bench.page("day:1 status:odd")
    assert (page["rows"], page["total"]) == ([], 0)
    assert (page["error"]["start"], page["error"]["end"]) == (6, 16)
    assert "'odd' is no status" in page["error"]["text"]


def test_bad_arguments(bench: Bench) -> None:
    for arguments in ({"sort": "odd"}, {"limit": 1001}, {"offset": -1}, {"query": None}, {"nothing": 1}):
        with pytest.raises(RefusedError) as caught:
            bench.scheduler.answer("task_page", arguments)
        assert caught.value.status == 400


def test_hidden_parameters_are_for_some_only() -> None:
    scheduler = Scheduler()
    scheduler.add_task(
        worker="X", task_id="A", family="A", params={"a": "1", "b": "2"}, param_visibilities={"a": 0, "b": 1}
    )
    assert scheduler.task_page()["rows"][0]["params"] == {"a": "1", "b": "2"}
    assert scheduler.task_page("b:2")["total"] == 1
    scheduler._shows_hidden = False
    assert scheduler.task_page()["rows"][0]["params"] == {"a": "1"}
    assert scheduler.task_page("b:2")["total"] == 0
    assert scheduler.task_page("b=2")["total"] == 0


def test_counts_follow_the_tasks(bench: Bench) -> None:
    bench.now += 100
    bench.scheduler.add_task(worker="X", task_id="Runs", status="DONE")
    bench.scheduler.forgive_failures("Failed")
    rows = {row["id"]: row["state"] for row in bench.page()["rows"]}
    assert (rows["Failed"], rows["OnRuns"], rows["Far"]) == ("ready", "ready", "pending")
