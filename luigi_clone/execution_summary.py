"""The text that ends a run: what ran, what failed, what was left and why, and the result object of a run.

:func:`summary` writes the text for a worker, :class:`LuigiRunResult` is what ``luigi.build(...,
detailed_summary=True)`` returns, :class:`LuigiStatusCode` names the outcome.  ``[execution_summary]
summary_length`` limits the number of families listed per category.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from luigi_clone import task
from luigi_clone._summary.categories import explain_pending, partition, runs_by_other_workers
from luigi_clone._summary.family_lines import family_line
from luigi_clone.parameter import IntParameter

if TYPE_CHECKING:
    from luigi_clone._summary.categories import Categories, FinishedWorker

__all__ = ["LuigiRunResult", "LuigiStatusCode", "execution_summary", "summary"]


class execution_summary(task.Config):  # noqa: N801 - the name of the configuration section
    """Options of ``[execution_summary]``."""

    summary_length = IntParameter(default=5)


class LuigiStatusCode(enum.Enum):
    """The outcome of a run; the value is ``(smiley, explanation)``."""

    SUCCESS = (":)", "there were no failed tasks or missing dependencies")
    SUCCESS_WITH_RETRY = (":)", "there were failed tasks but they all succeeded in a retry")
    FAILED = (":(", "there were failed tasks")
    FAILED_AND_SCHEDULING_FAILED = (":(", "there were failed tasks and tasks whose scheduling failed")
    SCHEDULING_FAILED = (":(", "there were tasks whose scheduling failed")
    NOT_RUN = (":|", "there were tasks that were not granted run permission by the scheduler")
    MISSING_EXT = (":|", "there were missing external dependencies")


class LuigiRunResult:
    """The result of a run.

    ``status`` is a :class:`LuigiStatusCode`, ``summary_text`` the whole execution summary,
    ``one_line_summary`` its last line, ``worker`` the worker that ran, ``scheduling_succeeded`` whether all
    tasks were scheduled and run without an error (a task that failed first and succeeded later counts as an
    error).
    """

    def __init__(self, worker: FinishedWorker, worker_add_run_status: bool = True) -> None:
        self.worker = worker
        categories = _summary_dict(worker)
        self.summary_text = _summary_wrap(_summary_format(categories, worker))
        self.status = _tasks_status(categories)
        self.one_line_summary = _create_one_line_summary(self.status)
        self.scheduling_succeeded = worker_add_run_status

    def __str__(self) -> str:
        return f"LuigiRunResult with status {self.status}"

    def __repr__(self) -> str:
        return (
            f"LuigiRunResult(status={self.status!r},worker={self.worker!r},"
            f"scheduling_succeeded={self.scheduling_succeeded!r})"
        )


def summary(worker: FinishedWorker) -> str:
    """Return the execution summary of a worker that has finished, frame included."""
    return _summary_wrap(_summary_format(_summary_dict(worker), worker))


_ORDERED_STATUSES = (
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

# Categories that get a line, in order.  Those of the second table stand below "left pending".
_TOP_COMMENTS = {
    "already_done": "complete ones were encountered",
    "completed": "ran successfully",
    "failed": "failed",
    "scheduling_error": "failed scheduling",
}
_PENDING_COMMENTS = {
    "still_pending_ext": "were missing external dependencies",
    "run_by_other_worker": "were being run by another worker",
    "upstream_failure": "had failed dependencies",
    "upstream_missing_dependency": "had missing dependencies",
    "upstream_run_by_other_worker": "had dependencies that were being run by other worker",
    "upstream_scheduling_error": "had dependencies whose scheduling failed",
    "not_run": "was not granted run permission by the scheduler",
}


def _partition_tasks(worker: FinishedWorker) -> Categories:
    """Return category → set of tasks, with the categories that depend on upstream tasks still empty."""
    return partition(worker)


def _summary_dict(worker: FinishedWorker) -> Categories:
    """Return category → set of tasks, with the pending ones in two sets."""
    categories = _partition_tasks(worker)
    explain_pending(categories, getattr(worker, "_required_ids", {}))
    return categories


def _root_task(worker: FinishedWorker) -> task.Task:
    """Return the first task that was scheduled; IndexError when there was none."""
    return worker._add_task_history[0][0]


def _summary_wrap(str_output: str) -> str:
    """Put the frame around the body of a summary."""
    frame = "===== Luigi Execution Summary ====="
    return f"\n{frame}\n\n{str_output}\n\n{frame}\n"


def _summary_format(set_tasks: Mapping[str, Collection[task.Task]], worker: FinishedWorker) -> str:
    """Return the body of the summary for the categories of ``_summary_dict``."""
    counts = {category: len(tasks) for category, tasks in set_tasks.items()}
    pending = counts["still_pending_ext"] + counts["still_pending_not_ext"]
    not_started = counts["already_done"] + counts["scheduling_error"] + pending
    total = not_started + counts["completed"] + counts["failed"]
    if not total:
        return "Did not schedule any tasks"
    limit = execution_summary().summary_length
    parts = [f"Scheduled {total} tasks of which:\n"]
    for category, comment in _TOP_COMMENTS.items():
        if counts[category]:
            parts.append(f"* {counts[category]} {comment}:\n")
            parts.append(_family_lines(set_tasks[category], 4, limit))
    if pending:
        parts.append(f"* {pending} were left pending, among these:\n")
    for category, comment in _PENDING_COMMENTS.items():
        if counts[category]:
            parts.append(f"    * {counts[category]} {comment}:\n")
            parts.append(_family_lines(set_tasks[category], 8, limit))
    others = _other_workers(worker)
    parts.append(others)
    if total == not_started:
        parts.append("Did not run any tasks" if others else "\nDid not run any tasks")
    parts.append("\n" + _create_one_line_summary(_tasks_status(set_tasks)))
    return "".join(parts)


def _family_lines(tasks: Iterable[task.Task], indent: int, limit: int) -> str:
    """Return the lines of one category, sorted by family; ``limit`` 0 lists all."""
    by_class: dict[type[task.Task], list[task.Task]] = {}
    # by address, that is about in the order in which they were made: a walk in the order of a set of 50,000
    # tasks waits for memory most of the time
    for member in sorted(tasks, key=id):
        by_class.setdefault(type(member), []).append(member)
    families: dict[str, list[task.Task]] = {}
    for members in by_class.values():
        families.setdefault(members[0].task_family, []).extend(members)
    lines = []
    for index, family in enumerate(sorted(families)):
        if limit and index >= limit:
            lines.append(" " * indent + "...\n")
            break
        lines.append(f"{' ' * indent}{family_line(families[family])}\n")
    return "".join(lines)


def _other_workers(worker: FinishedWorker) -> str:
    others = runs_by_other_workers(worker)
    if not others:
        return ""
    shown = list(others.items()) if len(others) <= 5 else list(others.items())[:4]
    text = "\nThe other workers were:\n"
    text += "".join(f"    - {name} ran {len(tasks)} tasks\n" for name, tasks in shown)
    if len(others) > len(shown):
        text += f"    and {len(others) - len(shown)} other workers"
    return text + "\n"


def _tasks_status(set_tasks: Mapping[str, Collection[Any]]) -> LuigiStatusCode:
    """Return the outcome that the categories amount to."""
    if set_tasks["ever_failed"]:
        if not set_tasks["failed"]:
            return LuigiStatusCode.SUCCESS_WITH_RETRY
        if set_tasks["scheduling_error"]:
            return LuigiStatusCode.FAILED_AND_SCHEDULING_FAILED
        return LuigiStatusCode.FAILED
    if set_tasks["scheduling_error"]:
        return LuigiStatusCode.SCHEDULING_FAILED
    if set_tasks["not_run"]:
        return LuigiStatusCode.NOT_RUN
    if set_tasks["still_pending_ext"]:
        return LuigiStatusCode.MISSING_EXT
    return LuigiStatusCode.SUCCESS


def _create_one_line_summary(status_code: LuigiStatusCode) -> str:
    """Return the last line of a summary."""
    smiley, explanation = status_code.value
    return f"This progress looks {smiley} because {explanation}"
