"""Sorts the tasks of a finished worker into the categories of the execution summary.

Everything is derived from what the worker wrote down, in time linear in the tasks and edges, without
recursion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from luigi_clone.task_status import DONE, FAILED, PENDING, UNKNOWN

if TYPE_CHECKING:
    from luigi_clone.task import Task

    Categories = dict[str, set[Task]]
    History = Sequence[tuple[Task, str, bool | None]]


class FinishedWorker(Protocol):
    """What the summary reads of a worker; anything with these attributes can be summarised."""

    @property
    def _id(self) -> str: ...

    @property
    def _add_task_history(self) -> History:
        """``(task, status, runnable)`` of each registration, in order."""

    @property
    def _get_work_response_history(self) -> Sequence[Mapping[str, Any]]:
        """``{"task_id", "running_tasks"}`` of each answer to a request for work."""

    @property
    def _scheduled_tasks(self) -> Mapping[str, Task]: ...


def partition(worker: FinishedWorker) -> Categories:
    """Return category name → tasks, as far as the worker's own history tells.

    The five categories that depend on other tasks are present and empty; :func:`explain_pending` fills them.
    """
    by_status: dict[str, list[Task]] = {DONE: [], FAILED: [], UNKNOWN: []}
    pending_runnable: list[Task] = []
    pending_not_runnable: list[Task] = []
    for task, status, runnable in worker._add_task_history:
        if status == PENDING:
            (pending_runnable if runnable else pending_not_runnable).append(task)
        elif status in by_status:
            by_status[status].append(task)
    internal, external = set(pending_runnable), set(pending_not_runnable)
    done = set(by_status[DONE])
    completed = {task for task in done if task in internal or task in external}
    ever_failed = set(by_status[FAILED])
    return {
        "completed": completed,
        "already_done": done - completed,
        "ever_failed": ever_failed,
        "failed": ever_failed - completed,
        "scheduling_error": set(by_status[UNKNOWN]),
        "still_pending_ext": external - ever_failed - completed,
        "still_pending_not_ext": internal - ever_failed - completed,
        "run_by_other_worker": tasks_run_elsewhere(worker),
        "upstream_failure": set(),
        "upstream_missing_dependency": set(),
        "upstream_run_by_other_worker": set(),
        "upstream_scheduling_error": set(),
        "not_run": set(),
    }


def runs_by_other_workers(worker: FinishedWorker) -> dict[str, set[Task]]:
    """Return worker id → tasks known here that it was seen running when there was no work for this worker."""
    others: dict[str, set[Task]] = {}
    for response in worker._get_work_response_history:
        if response["task_id"] is not None:
            continue
        for running in response["running_tasks"]:
            task = worker._scheduled_tasks.get(running["task_id"])
            runner = running["worker"]
            if task is not None and runner != worker._id:
                others.setdefault(runner, set()).add(task)
    return others


def tasks_run_elsewhere(worker: FinishedWorker) -> set[Task]:
    """Return this worker's tasks that other workers were seen running."""
    return set().union(*runs_by_other_workers(worker).values())


_FAILURE, _MISSING, _ELSEWHERE, _SCHEDULING, _UNVISITED = 1, 2, 4, 8, 16
# A scheduling error is told to direct dependents alone, the other causes travel on.
_TRAVELS = _FAILURE | _MISSING | _ELSEWHERE


def explain_pending(categories: Categories) -> None:
    """Fill the upstream categories and ``not_run`` for the tasks that are left pending, in place.

    ``_requires()`` of each pending task is called once.
    """
    pending = categories["still_pending_not_ext"]
    if not pending:
        return
    causes = _known_causes(categories)
    for task in pending:
        causes[task] = causes.get(task, 0) | _UNVISITED
    for root in pending:
        if causes[root] & _UNVISITED:
            _visit(root, causes, categories)
    explained = categories["run_by_other_worker"].union(
        categories["upstream_failure"],
        categories["upstream_missing_dependency"],
        categories["upstream_run_by_other_worker"],
        categories["upstream_scheduling_error"],
    )
    categories["not_run"] = pending - explained


def _known_causes(categories: Categories) -> dict[Task, int]:
    causes: dict[Task, int] = {}
    for name, cause in (
        ("ever_failed", _FAILURE),
        ("still_pending_ext", _MISSING),
        ("run_by_other_worker", _ELSEWHERE),
        ("scheduling_error", _SCHEDULING),
    ):
        for task in categories[name]:
            causes[task] = causes.get(task, 0) | cause
    return causes


def _visit(root: Task, causes: dict[Task, int], categories: Categories) -> None:
    """Walk depth first from ``root``; a frame is (task, dependencies to come, causes)."""
    causes[root] &= ~_UNVISITED
    stack = [(root, iter(_dependencies(root)), [0])]
    while stack:
        task, dependencies, found = stack[-1]
        for dependency in dependencies:
            cause = causes.get(dependency, 0)
            if cause & _UNVISITED:
                causes[dependency] = cause & ~_UNVISITED
                stack.append((dependency, iter(_dependencies(dependency)), [0]))
                break
            found[0] |= cause
        else:
            stack.pop()
            _settle(task, found[0], causes, categories)
            if stack:
                stack[-1][2][0] |= causes[task]


def _dependencies(task: Task) -> Iterable[Task]:
    return task._requires()


def _settle(task: Task, found: int, causes: dict[Task, int], categories: Categories) -> None:
    if found & _FAILURE:
        categories["upstream_failure"].add(task)
    if found & _MISSING:
        categories["upstream_missing_dependency"].add(task)
    if found & _ELSEWHERE:
        categories["upstream_run_by_other_worker"].add(task)
    if found & _SCHEDULING:
        categories["upstream_scheduling_error"].add(task)
    causes[task] |= found & _TRAVELS
