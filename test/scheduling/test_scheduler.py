"""The scheduler object: its views, its effects on the world outside, and the parts that others replace."""

from __future__ import annotations

import json
import logging
import pickle

import pytest

from luigi_clone import metrics, notifications, task_history
from luigi_clone._postman import POSTMAN
from luigi_clone.scheduler import (
    OrderedSet,
    RetryPolicy,
    Scheduler,
    SimpleTaskState,
    Task,
    Worker,
    _get_empty_retry_policy,
    scheduler,
)

from .test_scenarios import Bench

FULL = {
    "family": "F",
    "module": "m",
    "params": {"x": "1", "hid": "h"},
    "param_visibilities": {"x": 0, "hid": 1},
}


# ---- views


def test_serialized_task():
    bench = Bench()
    bench.add("X", "F_1", resources={"r": 1}, accepts_messages=True, tracking_url="http://x/", **FULL)
    expected = {
        "display_name": "F(x=1)",
        "status": "PENDING",
        "workers": ["X"],
        "worker_running": None,
        "time_running": None,
        "start_time": 1000.0,
        "last_updated": 1000.0,
        "params": {"x": "1"},
        "name": "F",
        "priority": 0,
        "resources": {"r": 1},
        "resources_running": None,
        "tracking_url": "http://x/",
        "status_message": None,
        "progress_percentage": None,
    }
    assert bench.scheduler.task_list("PENDING") == {"F_1": expected}
    bench.now += 5
    bench.ask("X")
    running = {
        **expected,
        "status": "RUNNING",
        "worker_running": "X",
        "time_running": 1005.0,
        "last_updated": 1005.0,
        "resources_running": {"r": 1},
        "accepts_messages": True,
    }
    assert bench.scheduler.task_list("RUNNING") == {"F_1": running}


def test_reply_with_a_task_has_all_its_parameters():
    bench = Bench()
    bench.add("X", "F_1", **FULL)
    assert bench.ask("X") == {
        "n_pending_tasks": 1,
        "n_unique_pending": 1,
        "n_pending_last_scheduled": 1,
        "worker_state": "active",
        "running_tasks": [],
        "task_id": "F_1",
        "task_family": "F",
        "task_module": "m",
        "task_params": {"x": "1", "hid": "h"},
    }


def test_running_tasks_carry_what_their_runner_tells_of_itself():
    bench = Bench()
    bench.add("X", "A")
    bench.scheduler.add_worker("X", [("host", "h1"), ("workers", 2)])
    bench.ask("X")
    told = {"task_id": "A", "worker": "X", "host": "h1", "workers": 2}
    assert bench.ask("X")["running_tasks"] == [told]
    bench.scheduler.add_worker("X", {"workers": 3})
    assert bench.ask("X")["running_tasks"] == [{**told, "workers": 3}]


def test_lists_that_are_too_long_are_only_counted():
    bench = Bench(max_shown_tasks=2)
    for number in range(3):
        bench.add("X", f"T{number}", family=f"Fam{number}")
    scheduler = bench.scheduler
    assert scheduler.task_list("PENDING") == {"num_tasks": 3}
    assert scheduler.task_list("PENDING", "UPSTREAM_RUNNING") == {"num_tasks": -1}
    assert len(scheduler.task_list("PENDING", limit=False)) == 3
    assert len(scheduler.task_list("PENDING", max_shown_tasks=3)) == 3
    assert list(scheduler.task_list("PENDING", search="fAM1 (")) == ["T1"]
    assert scheduler.task_list("PENDING", search="fam") == {"num_tasks": 3}
    assert scheduler.task_list("PENDING", search="fam", max_shown_tasks=0) == {"num_tasks": 3}


def test_search_by_id():
    bench = Bench()
    bench.add("X", "Aa", deps=["Ab"])
    bench.add("X", "Ba", "DONE")
    found = bench.scheduler.task_search("A")
    assert {status: list(tasks) for status, tasks in found.items()} == {"PENDING": ["Aa"], "UNKNOWN": ["Ab"]}


@pytest.fixture
def diamond():
    bench = Bench()
    bench.add("X", "Root", family="R", deps=["Right_1", "Left_1", "Gone(1)"])
    bench.add("X", "Left_1", family="L", deps=["Leaf"])
    bench.add("X", "Right_1", family="R", deps=["Leaf"])
    bench.add("X", "Leaf", "DONE", family="E")
    return bench


def test_graphs(diamond):
    graph = diamond.scheduler.dep_graph("Root")
    assert list(graph) == ["Root", "Gone(1)", "Left_1", "Right_1", "Leaf"]
    assert graph["Root"]["deps"] == ["Gone(1)", "Left_1", "Right_1"]
    assert [task_id for task_id, task in graph.items() if "display_name" in task] == ["Root"]
    assert graph["Gone(1)"] == {
        "deps": [],
        "status": "UNKNOWN",
        "workers": [],
        "start_time": "UNKNOWN",
        "params": {"task_id": "Gone(1)"},
        "name": "Gone",
        "priority": 0,
    }
    without = diamond.scheduler.dep_graph("Root", include_done=False)
    assert "Leaf" not in without
    assert without["Left_1"]["deps"] == []
    inverse = diamond.scheduler.inverse_dep_graph("Leaf")
    assert {task_id: task["deps"] for task_id, task in inverse.items()} == {
        "Leaf": ["Left_1", "Right_1"],
        "Left_1": ["Root"],
        "Right_1": ["Root"],
        "Root": [],
    }
    assert list(diamond.scheduler.graph()) == ["Root", "Gone(1)", "Left_1", "Right_1", "Leaf"]
    assert diamond.scheduler.dep_graph("Nobody") == {}
    json.dumps([graph, inverse])


def test_graph_stops_at_the_limit(diamond):
    diamond.scheduler._config.max_graph_nodes = 2
    assert list(diamond.scheduler.dep_graph("Root")) == ["Root", "Gone(1)"]


def test_upstream_status_is_the_worst_upstream():
    bench = Bench(retry_count=1)
    bench.add("X", "Top", deps=["Middle", "Fails"])
    bench.add("X", "Middle", deps=["Input"])
    bench.add("X", "Input", runnable=False)
    bench.add("X", "Fails", "FAILED")

    def upstream():
        names = ("RUNNING", "MISSING_INPUT", "FAILED", "DISABLED")
        return {name: list(bench.scheduler.task_list("PENDING", f"UPSTREAM_{name}")) for name in names}

    assert bench.status("Fails") == "DISABLED"
    assert upstream() == {
        "RUNNING": [],
        "MISSING_INPUT": ["Middle", "Input"],
        "FAILED": [],
        "DISABLED": ["Top"],
    }
    bench.scheduler.re_enable_task("Fails")
    assert upstream()["FAILED"] == ["Top"]
    bench.add("Y", "Fails", "DONE")
    assert upstream()["MISSING_INPUT"] == ["Top", "Middle", "Input"]


def test_chain_of_100000_is_viewed_without_recursion():
    bench = Bench()
    length = 100_000
    for number in range(length):
        bench.add("X", f"T{number}", deps=[f"T{number + 1}"], family="T")
    bench.add("X", f"T{length}", "FAILED", family="T")
    assert len(bench.scheduler.dep_graph("T0")) == 100_000
    failed = bench.scheduler.task_list("PENDING", "UPSTREAM_FAILED", limit=False)
    assert len(failed) == length
    bench.add("X", f"T{length}", "DISABLED")
    assert bench.scheduler.count_pending("X")["n_pending_tasks"] == 0
    bench.add("X", f"T{length}", "DONE")
    assert bench.scheduler.count_pending("X")["n_pending_tasks"] == length


def test_workers_and_resources():
    bench = Bench(resources={"db": 2, "gpu": 1})
    bench.scheduler.add_worker("X", {"first_task": "A", "workers": 2})
    bench.now += 1
    bench.scheduler.add_worker("Y", {"first_task": "unknown id"})
    bench.add("X", "A", family="Fam", resources={"db": 1})
    bench.add("X", "B")
    bench.add("Y", "B")
    bench.ask("X")
    rows = bench.scheduler.worker_list()
    assert [row["name"] for row in rows] == ["Y", "X"]
    running = rows[1].pop("running")
    assert list(running) == ["A"]
    assert rows[1] == {
        "name": "X",
        "last_active": 1001.0,
        "started": 1000.0,
        "state": "active",
        "first_task_display_name": "Fam()",
        "num_unread_rpc_messages": 0,
        "first_task": "A",
        "workers": 2,
        "num_running": 1,
        "num_pending": 1,
        "num_uniques": 0,
    }
    assert rows[0]["first_task_display_name"] == "unknown id"
    assert "running" not in bench.scheduler.worker_list(include_running=False)[0]
    db, gpu = bench.scheduler.resource_list()
    assert (db["name"], db["num_total"], db["num_used"], db["num_consumer"]) == ("db", 2, 1, 1)
    assert list(db["running"]) == ["A"]
    assert gpu == {"name": "gpu", "num_total": 1, "num_used": 0, "num_consumer": 0, "running": {}}
    assert bench.scheduler.resources() == {"db": {"total": 2, "used": 1}, "gpu": {"total": 1, "used": 0}}


def test_errors():
    bench = Bench()
    bench.add("X", "A", **FULL)
    bench.add("X", "A", "FAILED", expl='"text"')
    assert bench.scheduler.fetch_error("A") == {
        "taskId": "A",
        "error": '"text"',
        "displayName": "F(x=1)",
        "taskParams": {"x": "1", "hid": "h"},
        "taskModule": "m",
        "taskFamily": "F",
    }
    assert bench.scheduler.fetch_error("B") == {"taskId": "B", "error": ""}


# ---- operator actions and messages


def test_operator_actions():
    bench = Bench(retry_count=1)
    scheduler = bench.scheduler
    bench.add("X", "A", "FAILED")
    assert scheduler.forgive_failures("A") == {"task_id": "A", "status": "DISABLED"}
    enabled = scheduler.re_enable_task("A")
    assert (enabled["status"], enabled["deps"]) == ("FAILED", [])
    assert scheduler.re_enable_task("A") == {}
    assert scheduler.forgive_failures("A") == {"task_id": "A", "status": "PENDING"}
    assert scheduler.mark_as_done("A") == {"task_id": "A", "status": "PENDING"}
    bench.add("X", "A")
    assert bench.given("X") == "A"
    assert scheduler.mark_as_done("A") == {"task_id": "A", "status": "DONE"}
    assert scheduler.mark_as_done("B") == {"task_id": "B", "status": None}


def test_disabled_worker_gets_nothing_more():
    bench = Bench()
    bench.add("X", "A")
    bench.add("X", "B")
    bench.ask("X")
    bench.scheduler.disable_worker("X")
    assert bench.ask("X") == {
        "n_pending_tasks": 0,
        "running_tasks": [],
        "task_id": None,
        "n_unique_pending": 0,
        "worker_state": "disabled",
    }
    bench.add("X", "New")
    assert bench.status("New") is None
    bench.add("X", "A", "DONE")
    assert bench.status("A") == "DONE"
    assert bench.scheduler._state.get_task("B").stakeholders == {"X"}


def test_messages():
    bench = Bench()
    scheduler = bench.scheduler
    bench.add("X", "A")
    scheduler.set_worker_processes("X", 3)
    message_id = scheduler.send_scheduler_message("X", "A", "hello")["message_id"]
    assert scheduler.worker_list()[0]["num_unread_rpc_messages"] == 2
    assert scheduler.ping(worker="X") == {
        "rpc_messages": [
            {"name": "set_worker_processes", "kwargs": {"n": 3}},
            {
                "name": "dispatch_scheduler_message",
                "kwargs": {"task_id": "A", "message_id": message_id, "content": "hello"},
            },
        ]
    }
    assert scheduler.ping(worker="X") == {"rpc_messages": []}
    scheduler.add_scheduler_message_response("A", message_id, "yes")
    assert scheduler.get_scheduler_message_response("A", message_id) == {"response": "yes"}
    assert scheduler.get_scheduler_message_response("A", message_id) == {"response": None}
    assert Scheduler(send_messages=False).send_scheduler_message("X", "A", "") == {"message_id": None}


def test_progress_of_a_batch_is_told_of_its_members():
    bench = Bench()
    bench.scheduler.add_task_batcher(worker="X", task_family="F", batched_args=["k"])
    for k in "ab":
        bench.add("X", k, family="F", params={"k": k}, batchable=True, resources={"r": 1})
    batch_id = bench.ask("X")["batch_id"]
    bench.add("X", "H", "RUNNING", family="F", batch_id=batch_id)
    scheduler = bench.scheduler
    scheduler.set_task_status_message("H", "half")
    scheduler.set_task_progress_percentage("H", 50)
    scheduler.decrease_running_task_resources("H", {"r": 1})
    bench.add("X", "H", "RUNNING", tracking_url="http://x/")
    for member in "ab":
        assert scheduler.get_task_status_message(member) == {"taskId": member, "statusMessage": "half"}
        assert scheduler.get_task_progress_percentage(member) == {"taskId": member, "progressPercentage": 50}
        assert scheduler.get_running_task_resources(member)["resources"] == {"r": 0}
        assert scheduler.task_list("BATCH_RUNNING")[member]["tracking_url"] == "http://x/"
        assert scheduler.task_list("BATCH_RUNNING")[member]["resources"] == {"r": 1}


def test_batch_that_is_gone_cannot_be_claimed():
    bench = Bench()
    with pytest.raises(ValueError, match="batch 'nope' does not exist any more"):
        bench.add("X", "H", "RUNNING", batch_id="nope")
    assert bench.status("H") is None


def test_only_sensible_amounts_become_limits():
    scheduler = Scheduler()
    assert [scheduler.update_resource("r", amount) for amount in (3, -1, 1.5, "2")] == [
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(ValueError, match="must be a number of zero or more, not 'many'"):
        scheduler.update_resources(r="many")
    assert dict(scheduler._resources) == {"r": 3}
    scheduler._resources["r"] = 4
    assert scheduler.resources()["r"]["total"] == 4


# ---- what is due


@pytest.mark.parametrize("at_get_work", [True, False])
def test_what_is_due_is_done_when_work_is_asked_for_if_so_wished(at_get_work):
    bench = Bench(
        prune_on_get_work=at_get_work, retry_delay=20.0, worker_disconnect_delay=50.0, retry_count=9
    )
    bench.add("X", "Failed")
    bench.add("Y", "Left")
    assert [bench.given("X"), bench.given("Y")] == ["Failed", "Left"]
    bench.add("X", "Failed", "FAILED")
    bench.now += 21.0
    assert bench.given("X") == ("Failed" if at_get_work else None)
    bench.now += 31.0
    bench.ask("X")
    assert bench.status("Left") == ("FAILED" if at_get_work else "RUNNING")


# ---- explanations


def test_explanations():
    bench = Bench(resources={"r": 1, "big": 2}, retry_count=2)
    bench.add("X", "Runs", resources={"r": 1}, priority=1)
    bench.ask("X")
    bench.add("X", "Waits", resources={"r": 1})
    bench.add("X", "Never", resources={"big": 3})
    bench.add("X", "External", runnable=False)
    bench.add("X", "Fails", "FAILED")
    bench.add("X", "Disabled", "DISABLED")
    bench.add("X", "Done", "DONE")
    bench.add("X", "Ready")
    bench.add("X", "Broken", "UNKNOWN", runnable=False, family="B")
    for name in ("Runs", "Waits", "External", "Fails", "Disabled", "Broken", "Nobody"):
        bench.add("X", f"On{name}", deps=[name, "Done"])
    bench.add("X", "OnAll", deps=["OnRuns", "OnFails", "OnDisabled"])
    expected = {
        "Runs": ("running", ["X"]),
        "Waits": ("resource_taken", ["r", "Runs"]),
        "Never": ("resource_missing", ["big"]),
        "External": ("no_worker", []),
        "Fails": ("failed", []),
        "Disabled": ("disabled", []),
        "Done": ("done", []),
        "Ready": ("ready", ["X"]),
        "Broken": ("broken", ["Broken"]),
        "Nobody": ("unknown", ["Nobody"]),
        "Unheard": ("unknown", ["Unheard"]),
        "OnRuns": ("dependency_running", ["Runs"]),
        "OnWaits": ("dependency_waiting", ["Waits"]),
        "OnExternal": ("dependency_external", ["External"]),
        "OnFails": ("dependency_failed", ["Fails"]),
        "OnDisabled": ("dependency_disabled", ["Disabled"]),
        "OnBroken": ("dependency_broken", ["Broken"]),
        "OnNobody": ("dependency_unknown", ["Nobody"]),
        "OnAll": ("dependency_disabled", ["Disabled"]),
    }
    told = {task_id: bench.scheduler.explain_task(task_id) for task_id in expected}
    assert {task_id: (cause["code"], cause["ids"]) for task_id, cause in told.items()} == expected
    assert told["Waits"]["text"] == "It waits for r. It is taken."
    bench.scheduler.pause()
    assert bench.scheduler.explain_task("Ready")["code"] == "paused"


# ---- the world outside


class Recorder(task_history.TaskHistory):
    def __init__(self):
        self.events = []

    def task_scheduled(self, task):
        self.events.append(("scheduled", task.id))

    def task_finished(self, task, successful):
        self.events.append(("finished", task.id, successful))

    def task_started(self, task, worker_host):
        self.events.append(("started", task.id, worker_host))


def test_history_is_told_of_each_step():
    recorder = Recorder()
    bench = Bench(task_history_impl=recorder)
    assert bench.scheduler.task_history is recorder
    bench.add("X", "A")
    bench.add("X", "A")
    bench.ask("X")
    bench.add("X", "A", "FAILED")
    bench.scheduler.forgive_failures("A")
    bench.add("X", "B", "DONE")
    assert recorder.events == [
        ("scheduled", "A"),
        ("scheduled", "A"),
        ("started", "A", "h"),
        ("finished", "A", False),
        ("scheduled", "A"),
        ("finished", "B", True),
    ]


def test_broken_history_is_logged_and_does_no_harm(caplog):
    class Broken(Recorder):
        def task_scheduled(self, task):
            raise OSError("disk")

    bench = Bench(task_history_impl=Broken())
    bench.add("X", "A")
    assert bench.status("A") == "PENDING"
    assert "Error saving Task history" in caplog.text


def test_metrics_are_told_of_each_end():
    class Collector(metrics.MetricsCollector):
        def __init__(self):
            self.events = []

        def handle_task_started(self, task):
            self.events.append(("started", task.id, task.time_running))

        def handle_task_failed(self, task):
            self.events.append(("failed", task.id, task.updated))

        def handle_task_disabled(self, task, config):
            self.events.append(("disabled", task.id, config.disable_persist))

        def handle_task_done(self, task):
            self.events.append(("done", task.id, task.family))

        def handle_task_statistics(self, task, statistics):
            self.events.append(("statistics", task.id, statistics))

    bench = Bench(retry_count=2)
    collector = bench.scheduler._metrics_collector = Collector()
    bench.scheduler._machine.wants_metrics = True
    for _ in range(2):
        bench.add("X", "A", "FAILED")
    bench.add("X", "B", family="F")
    bench.ask("X")
    bench.scheduler.report_task_statistics("B", {"rows": 1})
    bench.add("X", "B", "DONE")
    assert collector.events == [
        ("failed", "A", 1000.0),
        ("disabled", "A", 86400),
        ("started", "B", 1000.0),
        ("statistics", "B", {"rows": 1}),
        ("done", "B", "F"),
    ]


def test_collectors_by_name():
    get = metrics.MetricsCollectors.get
    assert metrics.MetricsCollectors.default is metrics.MetricsCollectors.none
    assert isinstance(get(metrics.MetricsCollectors.none), metrics.NoMetricsCollector)
    custom = get(metrics.MetricsCollectors.custom, "luigi_clone.metrics.NoMetricsCollector")
    assert isinstance(custom, metrics.NoMetricsCollector)
    for name in (None, "", "luigi_clone.metrics.Enum"):
        with pytest.raises(ValueError, match="metrics_custom_import"):
            get(metrics.MetricsCollectors.custom, name)


def test_disable_is_mailed(monkeypatch):
    mails = []
    monkeypatch.setattr(
        notifications,
        "send_error_email",
        lambda subject, message, more=None: mails.append((subject, message)),
    )
    bench = Bench(retry_count=1, disable_window=10, disable_persist=20)
    bench.add("X", "A", "FAILED")
    POSTMAN.finish()
    assert mails == [
        (
            "Luigi Scheduler: DISABLED A due to excessive failures",
            "A failed 1 times in the last 10 seconds, so it is being disabled for 20 seconds",
        )
    ]


def test_failures_are_collected_for_batch_mails(monkeypatch):
    bench = Bench(batch_emails=True, retry_count=2)
    told = []
    batcher = bench.scheduler._email_batcher
    monkeypatch.setattr(batcher, "add_failure", lambda *event: told.append(("failure", *event)))
    monkeypatch.setattr(batcher, "add_disable", lambda *event: told.append(("disable", *event)))
    monkeypatch.setattr(batcher, "add_scheduling_fail", lambda *event: told.append(("scheduling", *event)))
    bench.scheduler.add_task_batcher(worker="X", task_family="F", batched_args=["k"])
    for expl in ('"json text"', "plain text"):
        bench.add("X", "A", "FAILED", family="F", params={"k": "1", "g": "2"}, expl=expl, owners=["o"])
    bench.scheduler.announce_scheduling_failure("F(k=1)", "F", {"k": "1", "g": "2"}, "why", ["o"], worker="X")
    rest = {"g": "2"}
    assert told == [
        ("failure", "F(g=2, k=1)", "F", rest, "json text", ["o"]),
        ("failure", "F(g=2, k=1)", "F", rest, "plain text", ["o"]),
        ("disable", "F(g=2, k=1)", "F", rest, ["o"]),
        ("scheduling", "F(k=1)", "F", rest, "why", ["o"]),
    ]
    sent = []
    monkeypatch.setattr(batcher, "send_email", lambda: sent.append(1))
    bench.scheduler.dump()
    assert sent == [1]


def test_vanished_worker_and_dropped_task_are_logged(caplog):
    caplog.set_level(logging.INFO, "luigi.scheduler")
    bench = Bench(retry_delay=5.0)
    bench.add("X", "A")
    bench.ask("X")
    bench.later(61)
    bench.later(601)
    assert caplog.messages == [
        "Task 'A' is marked as running by disconnected worker 'X' -> marking as FAILED "
        "with retry delay of 5.0s",
        "Removing task 'A'",
    ]


def test_nothing_is_pickled(tmp_path):
    path = tmp_path / "state.pickle"
    one = Scheduler(state_path=str(path))
    one.dump()
    assert not path.exists()
    one.load()
    one.add_task(worker="X", task_id="A")
    one.dump()
    assert path.read_bytes().startswith(b"SQLite format 3\0")


# ---- parts that others replace, and names they use


def test_replaced_rank_decides():
    class LastFirst(Scheduler):
        def _rank(self, task):
            return task.time

    scheduler = LastFirst()
    for number in range(3):
        scheduler._clock = lambda number=number: 1000.0 + number
        scheduler.add_task(worker="X", task_id=f"T{number}")
    assert [scheduler.get_work(worker="X")["task_id"] for _ in range(3)] == ["T2", "T1", "T0"]


def test_replaced_schedulable_and_resources_decide():
    class Picky(Scheduler):
        def _schedulable(self, task):
            return super()._schedulable(task) and task.family != "Never"

        def _has_resources(self, needed_resources, used_resources):
            return True

    scheduler = Picky()
    scheduler.add_task(worker="X", task_id="A", family="Never", priority=5)
    for task_id in "BC":
        scheduler.add_task(worker="X", task_id=task_id, resources={"r": 1})
    assert [scheduler.get_work(worker="X")["task_id"] for _ in range(3)] == ["B", "C", None]


def test_replaced_batch_choice_agrees_with_the_quick_one():
    class Linear(Scheduler):
        def _rank(self, task):
            return super()._rank(task)

    replies = []
    for made in (Scheduler(), Linear()):
        made._clock = lambda: 1000.0
        made.add_task_batcher(worker="X", task_family="F", batched_args=["k"], max_batch_size=3)
        for k in "abcdef":
            made.add_task(
                worker="X", task_id=k, family="F", params={"k": k, "g": k in "ae"}, batchable=k != "d"
            )
        replies.append([made.get_work(worker="X") for _ in range(4)])
    assert replies[0] == replies[1]
    assert replies[0][0]["batch_task_ids"] == ["a", "e"]


def test_replaced_make_task_changes_what_is_registered():
    class Urgent(Scheduler):
        def _make_task(self, **fields):
            return super()._make_task(**{**fields, "priority": 9})

    scheduler = Urgent()
    scheduler.add_task(worker="X", task_id="A", params={"x": "1"}, family="F", resources={"r": 1})
    shown = scheduler.task_list()["A"]
    assert (shown["priority"], shown["params"], shown["resources"]) == (9, {"x": "1"}, {"r": 1})


def test_replaced_update_task_history_is_called():
    class Telling(Scheduler):
        told = ()

        def _update_task_history(self, task, status, host=None):
            self.told += ((task.id, status, host),)

    scheduler = Telling()
    scheduler.add_task(worker="X", task_id="A")
    scheduler.get_work(worker="X", host="h")
    assert scheduler.told == (("A", "PENDING", None), ("A", "RUNNING", "h"))


def test_task_view_is_live_and_protects_what_is_indexed():
    bench = Bench()
    bench.add("X", "A", deps=["B"], resources={"r": 1}, **FULL)
    task = bench.scheduler._state.get_task("A")
    assert (task.family, task.deps, task.resources, task.pretty_id) == ("F", {"B"}, {"r": 1}, "F(x=1)")
    assert (task.public_params, task.hidden_params) == ({"x": "1"}, {"hid": "h"})
    assert (list(task.failures), task.first_failure_time, task.scheduler_disable_time) == ([], None, None)
    assert not hasattr(task, "resources_running")
    bench.add("X", "A", "FAILED")
    assert task.status == "FAILED"
    assert list(task.failures) == [1000.0]
    with pytest.raises(AttributeError, match=r"changed by SimpleTaskState\.set_status"):
        task.status = "DONE"
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        task.colour
    assert task == bench.scheduler._state.get_task("A")
    bench.scheduler._state.set_status(task, "DONE")
    assert bench.status("A") == "DONE"


def test_state_names():
    bench = Bench()
    bench.add("X", "A")
    bench.ask("X")
    bench.add("X", "B", "DONE")
    state = bench.scheduler._state
    assert isinstance(state, SimpleTaskState)
    assert sorted(task.id for task in state.get_active_tasks()) == ["A", "B"]
    assert [task.id for task in state.get_active_tasks_by_status("RUNNING", "PENDING")] == ["A"]
    assert (state.has_task("A"), state.has_task("C"), state.get_task("C", "none")) == (True, False, "none")
    worker = state.get_worker("X")
    assert (str(worker), worker.enabled, worker.state, worker.assistant) == ("X", True, "active", False)
    assert {task.id for task in worker.tasks} == {"A", "B"}
    worker.add_rpc_message("hello", n=1)
    assert worker.rpc_messages == [{"name": "hello", "kwargs": {"n": 1}}]
    state.inactivate_workers(["X"])
    assert state.get_worker("X") is None


def test_records_that_stand_alone():
    task = Task("F_1", "PENDING", ["D"], resources={"r": 1}, priority=2, **FULL)
    assert (task.id, task.status, task.deps, task.priority) == ("F_1", "PENDING", {"D"}, 2)
    assert task.retry_policy.retry_count == 999999999
    assert Worker("W").id == "W"
    assert SimpleTaskState(None).get_task("A") is None
    stored = task_history.StoredTask(task, "DONE", "h")
    assert (stored.task_family, stored.parameters["x"], stored.host) == ("F", "1", "h")


def test_ordered_set():
    some = OrderedSet([2, 1, 2])
    some.add(3)
    some.add(1)
    assert list(some) == [2, 1, 3]
    assert list(reversed(some)) == [3, 1, 2]
    assert (some.peek(), some.peek(last=False), some.pop(), some.pop(last=False)) == (3, 2, 3, 2)
    assert repr(some) == "OrderedSet([1])"
    assert repr(OrderedSet()) == "OrderedSet()"
    assert OrderedSet([1, 2]) == [2, 1] == OrderedSet([2, 1])
    assert OrderedSet([1, 2]) != OrderedSet([2, 1])
    with pytest.raises(KeyError):
        OrderedSet().pop()


def test_options_are_read_when_they_are_needed():
    made = Scheduler(config=scheduler(retry_count=5))
    made.add_task(worker="X", task_id="A", retry_policy_dict=_get_empty_retry_policy()._asdict())
    assert made._state.get_task("A").retry_policy == RetryPolicy(5, 999999999, 3600)
    made._config.retry_count = 1
    made.add_task(worker="X", task_id="B", status="FAILED")
    assert made._state.get_task("B").status == "DISABLED"


def test_copy_for_another_process_has_the_options_but_no_tasks():
    made = Scheduler(retry_count=3, resources={"r": 2})
    for number in range(5000):
        made.add_task(worker="X", task_id=f"T{number}", deps=[f"T{number + 1}"])
    copy = pickle.loads(pickle.dumps(made))
    assert (copy._config.retry_count, dict(copy._resources)) == (3, {"r": 2})
    assert copy.task_list() == {}
    copy.add_scheduler_message_response("T0", "1", "yes")
    assert len(made.task_list(limit=False)) == 5001


def _found_complete_while_x_runs_it(bench):
    bench.add("X", "A")
    bench.add("Y", "B", deps=["A"])
    assert bench.given("X") == "A"
    bench.add("Y", "A", "DONE", runnable=False)
    assert bench.status("A") == "RUNNING"


def test_task_that_was_found_complete_is_done_when_its_worker_vanishes(tmp_path):
    """Nobody is left to run it: whoever found it complete thinks no more of it, and waits for B for ever."""
    bench = Bench(state_path=str(tmp_path / "state"))
    bench.scheduler.load()
    _found_complete_while_x_runs_it(bench)
    bench.scheduler.dump()
    again = Bench(state_path=str(tmp_path / "state"))
    again.scheduler.load()
    again.scheduler._clock = lambda: again.now
    for _ in range(3):
        again.now += 50
        again.scheduler.ping(worker="Y")
    again.scheduler.prune()
    assert again.status("A") == "DONE"
    assert again.given("Y") == "B"
    again.scheduler.dump()


def test_task_that_was_found_complete_fails_when_its_run_does():
    bench = Bench(retry_delay=5.0)
    _found_complete_while_x_runs_it(bench)
    bench.add("X", "A", "FAILED")
    assert bench.status("A") == "FAILED"
    bench.later(10)
    assert bench.given("X") == "A"
    # what was said of an earlier run says nothing of this one
    for _ in range(3):
        bench.now += 50
        bench.scheduler.ping(worker="Y")
    bench.scheduler.prune()
    assert bench.status("A") == "FAILED"
