"""The reference scenarios of the scheduler; X and Y are ordinary workers, H an assistant."""

from __future__ import annotations

import pytest

from luigi_clone.scheduler import Scheduler


class Bench:
    """A scheduler on a clock that stands still unless told to go."""

    def __init__(self, **options):
        self.now = 1000.0
        self.scheduler = Scheduler(**options)
        self.scheduler._clock = lambda: self.now

    def add(self, worker, task_id, status="PENDING", **fields):
        self.scheduler.add_task(worker=worker, task_id=task_id, status=status, **fields)

    def ask(self, worker, **fields):
        return self.scheduler.get_work(worker=worker, host="h", **fields)

    def given(self, worker, **fields):
        return self.ask(worker, **fields)["task_id"]

    def status(self, task_id):
        task = self.scheduler._state.get_task(task_id)
        return None if task is None else task.status

    def later(self, seconds):
        self.now += seconds
        self.scheduler.prune()


def fail(bench, worker, task_id):
    bench.add(worker, task_id)
    bench.ask(worker)
    bench.add(worker, task_id, "FAILED")
    return bench.status(task_id)


def test_01_in_order_of_registration():
    bench = Bench()
    bench.add("X", "A")
    bench.add("X", "B")
    assert [bench.given("X") for _ in range(3)] == ["A", "B", None]


def test_02_priority_first():
    bench = Bench()
    bench.add("X", "A", priority=0)
    bench.add("X", "B", priority=5)
    assert bench.given("X") == "B"


def test_03_dependencies_inherit_priority():
    bench = Bench()
    bench.add("X", "E", priority=5)
    bench.add("X", "C", priority=10, deps=["D"])
    bench.add("X", "D", priority=0)
    assert bench.given("X") == "D"
    assert bench.scheduler._state.get_task("D").priority == 10


def test_04_unknown_resource_has_limit_1():
    bench = Bench()
    bench.add("X", "A", resources={"r": 1})
    bench.add("X", "B", resources={"r": 1})
    assert [bench.given("X"), bench.given("X")] == ["A", None]
    bench.add("X", "A", "DONE", resources={"r": 1})
    assert bench.given("X") == "B"


@pytest.mark.parametrize(("y_asked", "expected"), [(True, None), (False, "LO")])
def test_05_and_06_resources_are_reserved_for_workers_that_asked_lately(y_asked, expected):
    bench = Bench()
    if y_asked:
        bench.ask("Y")
    bench.add("Y", "HI", priority=9, resources={"r": 1})
    bench.add("X", "LO", priority=0, resources={"r": 1})
    assert bench.given("X") == expected
    assert bench.given("Y") == ("HI" if y_asked else None)


def test_07_and_08_disabled_after_three_failures_and_enabled_again(caplog):
    bench = Bench(retry_count=3, disable_persist=50, retry_delay=20.0, worker_disconnect_delay=1e9)
    assert [fail(bench, "X", "A") for _ in range(3)] == ["FAILED", "FAILED", "DISABLED"]
    bench.add("X", "A")
    assert bench.status("A") == "DISABLED"
    bench.later(51)
    assert bench.status("A") == "FAILED"
    bench.later(21)
    assert bench.status("A") == "PENDING"


def test_09_done_ends_a_disable():
    bench = Bench(retry_count=1)
    assert fail(bench, "X", "A") == "DISABLED"
    bench.add("X", "A", "DONE")
    assert bench.status("A") == "DONE"


def test_10_lost_reply_is_given_again():
    bench = Bench()
    bench.add("X", "A")
    asked = [[], [], ["A"], None]
    assert [bench.given("X", current_tasks=current) for current in asked] == ["A", "A", None, None]


def test_11_and_12_one_worker_runs_what_two_registered():
    bench = Bench(retry_delay=20.0)
    bench.add("X", "A")
    bench.ask("X")
    bench.add("Y", "A")
    reply = bench.ask("Y")
    assert bench.status("A") == "RUNNING"
    assert (reply["task_id"], reply["n_pending_tasks"]) == (None, 0)
    assert [task["task_id"] for task in reply["running_tasks"]] == ["A"]
    bench.add("X", "A", "FAILED")
    assert bench.given("Y") is None
    bench.later(21)
    assert bench.given("Y") == "A"


def test_13_task_of_a_vanished_worker_goes_in_the_end():
    bench = Bench()
    bench.add("X", "A")
    bench.later(61)
    task = bench.scheduler._state.get_task("A")
    assert (task.status, list(task.workers), task.stakeholders) == ("PENDING", [], set())
    bench.later(601)
    assert bench.status("A") is None


def batch(bench):
    bench.scheduler.add_task_batcher(worker="X", task_family="F", batched_args=["k"], max_batch_size=2)
    for k in "abc":
        bench.add("X", f"F_{k}", family="F", params={"k": k, "g": "1"}, batchable=True)


def test_14_and_15_batch_and_the_same_batch_again():
    bench = Bench()
    batch(bench)
    for _ in range(2):
        reply = bench.ask("X", current_tasks=[])
        assert reply["task_id"] is None
        assert reply["batch_task_ids"] == ["F_a", "F_b"]
        assert reply["task_params"] == {"k": ["a", "b"], "g": "1"}
        assert reply["n_pending_tasks"] == 3


def test_16_failed_batch():
    bench = Bench()
    batch(bench)
    reply = bench.ask("X", current_tasks=[])
    bench.add("X", "F_comb", "RUNNING", family="F", batch_id=reply["batch_id"])
    assert [bench.status(t) for t in ("F_a", "F_b", "F_comb")] == [
        "BATCH_RUNNING",
        "BATCH_RUNNING",
        "RUNNING",
    ]
    bench.add("X", "F_comb", "FAILED", expl='"why"', runnable=None)
    assert [bench.status(t) for t in ("F_a", "F_b", "F_comb")] == ["FAILED", "FAILED", "FAILED"]
    assert bench.scheduler.fetch_error("F_a")["error"] == '"why"'
    bench.later(0)
    assert [bench.status(t) for t in ("F_a", "F_b", "F_comb")] == ["FAILED", "FAILED", None]


def test_17_paused():
    bench = Bench()
    bench.add("X", "A")
    bench.scheduler.pause()
    reply = bench.ask("X")
    assert (reply["task_id"], reply["n_pending_tasks"]) == (None, 1)
    bench.scheduler.unpause()
    assert bench.given("X") == "A"


def test_18_nothing_counts_below_a_disabled_task():
    bench = Bench(retry_count=1)
    assert fail(bench, "X", "D") == "DISABLED"
    bench.add("X", "U", deps=["D"])
    counts = bench.scheduler.count_pending("X")
    assert [
        counts[f"n_{name}"] for name in ("pending_tasks", "unique_pending", "pending_last_scheduled")
    ] == [0] * 3


def test_19_new_dependencies():
    bench = Bench()
    bench.add("X", "A")
    bench.ask("X")
    bench.add("X", "N")
    bench.add("X", "A", new_deps=["N"])
    assert bench.status("A") == "PENDING"
    assert [bench.given("X"), bench.given("X")] == ["N", None]
    bench.add("X", "N", "DONE")
    assert bench.given("X") == "A"


def test_20_dependency_that_nobody_describes():
    bench = Bench()
    bench.add("X", "A", deps=["Nobody"])
    reply = bench.ask("X")
    assert (reply["task_id"], reply["n_pending_tasks"]) == (None, 1)
    assert bench.status("Nobody") == "UNKNOWN"


def test_21_assistant():
    bench = Bench()
    bench.add("X", "A")
    assert bench.given("H", assistant=True) == "A"
    assert bench.scheduler._state.get_task("A").stakeholders == {"X"}
    bench.now += 50
    bench.scheduler.ping(worker="H")
    bench.later(20)
    assert bench.status("A") == "RUNNING"
    bench.later(61)
    assert bench.status("A") == "FAILED"


def test_22_disabled_by_the_worker():
    bench = Bench()
    bench.add("X", "A", "DISABLED")
    shown = bench.scheduler.task_list("DISABLED")["A"]
    assert shown["re_enable_able"] is False
    bench.add("X", "A")
    assert bench.status("A") == "PENDING"


def test_23_cooldown():
    bench = Bench()
    bench.add("X", "A", "DONE")
    bench.add("Y", "A")
    task = bench.scheduler._state.get_task("A")
    assert (task.status, task.stakeholders) == ("DONE", {"X"})
    bench.now += 11
    bench.add("Y", "A")
    assert bench.status("A") == "PENDING"


def test_24_limit_raised():
    bench = Bench(resources={"r": 0})
    bench.add("X", "A", resources={"r": 1})
    assert bench.given("X") is None
    bench.scheduler.update_resource("r", 1)
    assert bench.given("X") == "A"


def test_25_resources_given_back_during_the_run():
    bench = Bench(resources={"r": 4})
    bench.add("X", "A", resources={"r": 3})
    bench.add("X", "B", resources={"r": 2})
    assert [bench.given("X"), bench.given("X")] == ["A", None]
    bench.scheduler.decrease_running_task_resources("A", {"r": 1})
    assert bench.scheduler.get_running_task_resources("A")["resources"] == {"r": 2}
    assert bench.given("X") == "B"


def test_26_hard_timeout():
    bench = Bench(disable_hard_timeout=50)
    assert fail(bench, "X", "A") == "FAILED"
    bench.now += 51
    assert fail(bench, "X", "A") == "DISABLED"


def test_27_old_failures_are_forgotten():
    bench = Bench(retry_count=2, disable_window=10)
    assert fail(bench, "X", "A") == "FAILED"
    bench.now += 11
    assert fail(bench, "X", "A") == "FAILED"
    assert fail(bench, "X", "A") == "DISABLED"


def test_28_only_the_runner_reports():
    bench = Bench()
    for worker in "XY":
        bench.add(worker, "A")
    bench.ask("X")
    bench.add("Y", "A", "DONE")
    assert bench.status("A") == "RUNNING"


def test_29_tasks_that_depend_on_each_other():
    bench = Bench()
    bench.add("X", "A", deps=["B"])
    bench.add("X", "B", deps=["A"])
    assert bench.given("X") is None
    assert bench.ask("X")["n_pending_tasks"] == 2
