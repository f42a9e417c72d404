"""Which category a task falls in, from the worker's history."""

from __future__ import annotations

import luigi
import pytest
from luigi import LuigiStatusCode, execution_summary
from luigi.execution_summary import (
    _ORDERED_STATUSES,
    _partition_tasks,
    _root_task,
    _summary_dict,
    _tasks_status,
)

from test.summary.workers import (
    COMPLETE,
    EXTERNAL,
    FAILED,
    NOT_SCHEDULED,
    RAN,
    RETRIED,
    FinishedWorker,
    P,
    body,
)


class Step(luigi.Task):
    n = luigi.IntParameter()
    needs = luigi.ListParameter(default=(), significant=False)

    def requires(self):
        return [Step(n=n) for n in self.needs]


def step(n, *needs):
    return Step(n=n, needs=needs)


def categories(worker):
    return {name: sorted(task.n for task in tasks) for name, tasks in _summary_dict(worker).items() if tasks}


def test_names_of_categories():
    assert _ORDERED_STATUSES == (
        "already_done",
        "completed",
        "ever_failed",
        "failed",
        "scheduling_error",
        "still_pending",
        "still_pending_ext",
        "run_by_other_worker",
        "upstream_failure",
        "upstream_missing_dependency",
        "upstream_run_by_other_worker",
        "upstream_scheduling_error",
        "not_run",
    )
    expected = {*_ORDERED_STATUSES, "still_pending_not_ext"} - {"still_pending"}
    assert set(_summary_dict(FinishedWorker())) == set(_partition_tasks(FinishedWorker())) == expected


def test_partition_leaves_upstream_causes_open():
    worker = FinishedWorker(([step(1, 2)], P), ([step(2)], FAILED))
    assert _partition_tasks(worker)["upstream_failure"] == set()
    assert _partition_tasks(worker)["still_pending_not_ext"] == {step(1)}
    assert _summary_dict(worker)["upstream_failure"] == {step(1)}


def test_history_of_each_task():
    worker = FinishedWorker(
        ([step(1)], RAN),
        ([step(2)], COMPLETE),
        ([step(3)], FAILED),
        ([step(4)], RETRIED),
        ([step(5)], NOT_SCHEDULED),
        ([step(6)], EXTERNAL),
        ([step(7)], P),
    )
    assert categories(worker) == {
        "completed": [1, 4],
        "already_done": [2],
        "ever_failed": [3, 4],
        "failed": [3],
        "scheduling_error": [5],
        "still_pending_ext": [6],
        "still_pending_not_ext": [7],
        "not_run": [7],
    }


def test_equal_tasks_that_are_not_one_object():
    # tasks are equal whatever their insignificant parameters; what became of one became of the other
    first, second = step(1, 7), step(1, 8)
    assert first is not second
    pending, done = ("PENDING", True), ("DONE", None)
    for history in ([(first, pending), (second, pending), (first, done)], [(first, pending), (second, done)]):
        worker = FinishedWorker(*(([task], [status]) for task, status in history))
        assert categories(worker) == {"completed": [1]}


def test_pending_twice_counts_in_both_pending_categories():
    # as a task that yielded requirements and was not run again
    worker = FinishedWorker(([step(1)], [("PENDING", True), ("PENDING", None)]))
    assert categories(worker) == {"still_pending_ext": [1], "still_pending_not_ext": [1], "not_run": [1]}
    assert "* 2 were left pending, among these:\n" in body(worker)


def test_causes_travel_up_except_a_scheduling_error():
    worker = FinishedWorker(
        ([step(1, 2), step(2, 3), step(3, 10, 11, 12, 13)], P),
        ([step(10)], FAILED),
        ([step(11)], EXTERNAL),
        ([step(12)], NOT_SCHEDULED),
        ([step(13)], P),
    ).saw((step(13), "other"))
    assert categories(worker) == {
        "ever_failed": [10],
        "failed": [10],
        "scheduling_error": [12],
        "still_pending_ext": [11],
        "still_pending_not_ext": [1, 2, 3, 13],
        "run_by_other_worker": [13],
        "upstream_failure": [1, 2, 3],
        "upstream_missing_dependency": [1, 2, 3],
        "upstream_run_by_other_worker": [1, 2, 3],
        "upstream_scheduling_error": [3],
    }


def test_a_failure_that_was_made_good_is_still_a_cause():
    worker = FinishedWorker(([step(1, 2)], P), ([step(2)], RETRIED))
    assert categories(worker)["upstream_failure"] == [1]


def test_cause_behind_a_task_that_is_not_pending_is_not_looked_for():
    worker = FinishedWorker(([step(1, 2)], P), ([step(2, 3)], RAN), ([step(3)], FAILED))
    assert categories(worker)["not_run"] == [1]


def test_tasks_that_require_each_other():
    worker = FinishedWorker(([step(1, 2), step(2, 1)], P))
    assert categories(worker)["not_run"] == [1, 2]


def test_other_workers_are_those_seen_when_there_was_no_work():
    worker = FinishedWorker(([step(1), step(2), step(3)], P))
    worker.saw((step(1), "other"), (step(2), worker._id), (step(9), "other"))
    worker.saw((step(3), "other"), task_id="given")
    assert categories(worker)["run_by_other_worker"] == [1]
    worker.saw((step(3), "third"), (step(1), "third"))
    assert "\nThe other workers were:\n    - other ran 1 tasks\n    - third ran 2 tasks\n" in body(worker)


def test_own_task_run_elsewhere_and_completed_here_is_listed_without_pending_line():
    worker = FinishedWorker(([step(1)], RAN)).saw((step(1), "other"))
    assert body(worker).startswith(
        "Scheduled 1 tasks of which:\n* 1 ran successfully:\n    - 1 Step(n=1)\n"
        "    * 1 were being run by another worker:\n        - 1 Step(n=1)\n\nThe other workers were:\n"
    )


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], LuigiStatusCode.SUCCESS),
        ([RAN, COMPLETE], LuigiStatusCode.SUCCESS),
        ([RETRIED, P, EXTERNAL, NOT_SCHEDULED], LuigiStatusCode.SUCCESS_WITH_RETRY),
        ([FAILED, RETRIED, P], LuigiStatusCode.FAILED),
        ([FAILED, NOT_SCHEDULED, P], LuigiStatusCode.FAILED_AND_SCHEDULING_FAILED),
        ([NOT_SCHEDULED, P, EXTERNAL], LuigiStatusCode.SCHEDULING_FAILED),
        ([P, EXTERNAL], LuigiStatusCode.NOT_RUN),
        ([EXTERNAL, RAN], LuigiStatusCode.MISSING_EXT),
    ],
)
def test_status(outcomes, status):
    worker = FinishedWorker(*(([step(n)], outcome) for n, outcome in enumerate(outcomes)))
    assert _tasks_status(_summary_dict(worker)) is status
    result = execution_summary.LuigiRunResult(worker)
    assert result.status is status
    smiley, reason = status.value
    assert result.one_line_summary == f"This progress looks {smiley} because {reason}"


def test_result_object():
    worker = FinishedWorker(([step(1)], RAN))
    result = execution_summary.LuigiRunResult(worker, False)
    assert result.worker is worker
    assert result.scheduling_succeeded is False
    assert result.summary_text == execution_summary.summary(worker)
    assert str(result) == "LuigiRunResult with status LuigiStatusCode.SUCCESS"
    assert repr(result) == (
        f"LuigiRunResult(status={LuigiStatusCode.SUCCESS!r},worker={worker!r},scheduling_succeeded=False)"
    )
    assert execution_summary.LuigiRunResult(worker).scheduling_succeeded is True


def test_root_task():
    assert _root_task(FinishedWorker(([step(4), step(2)], P))) is step(4)


def test_statuses():
    assert {status.name: status.value for status in LuigiStatusCode} == {
        "SUCCESS": (":)", "there were no failed tasks or missing dependencies"),
        "SUCCESS_WITH_RETRY": (":)", "there were failed tasks but they all succeeded in a retry"),
        "FAILED": (":(", "there were failed tasks"),
        "FAILED_AND_SCHEDULING_FAILED": (":(", "there were failed tasks and tasks whose scheduling failed"),
        "SCHEDULING_FAILED": (":(", "there were tasks whose scheduling failed"),
        "NOT_RUN": (":|", "there were tasks that were not granted run permission by the scheduler"),
        "MISSING_EXT": (":|", "there were missing external dependencies"),
    }
