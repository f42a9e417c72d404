"""Sorts the tasks of a finished worker into the categories of the execution summary.

Everything is derived from what the worker wrote down, in time linear in the tasks and edges, without
recursion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from luigi_clone.task import Task
from luigi_clone.task_status import DONE, FAILED, PENDING, UNKNOWN

if TYPE_CHECKING:
    from typing import Any, Protocol

    Categories = dict[str, set[Task]]
    History = Sequence[tuple[Task, str | None, bool | None]]

    class FinishedWorker(Protocol):
        """What the summary reads of a worker; anything with these attributes can be summarised.

        A worker may also have ``_required_ids``, task id → ids of what the task requires.
        """

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


_EXTERNAL = "PENDING, not runnable here"


def partition(worker: FinishedWorker) -> Categories:
    """Return category name → tasks, as far as the worker's own history tells.

    The five categories that depend on other tasks are present and empty; :func:`explain_pending` fills them.
    """
    # Hashing a task is a call of a Python method: objects are collected by address first, and operations
    # between whole sets keep the hashes.
    objects: dict[str, dict[int, Task]] = {_EXTERNAL: {}, PENDING: {}, DONE: {}, FAILED: {}, UNKNOWN: {}}
    for task, status, runnable in worker._add_task_history:
        if status == PENDING and not runnable:
            status = _EXTERNAL
        if status in objects:
            objects[status][id(task)] = task
    internal, external = set(objects[PENDING].values()), set(objects[_EXTERNAL].values())
    ever_failed = set(objects[FAILED].values())
    done_objects, pending_objects = objects[DONE], objects[PENDING]
    all_differ = len(internal) == len(pending_objects)
    if all_differ and not external and done_objects.keys() <= pending_objects.keys():
        done = completed = internal - {
            task for address, task in pending_objects.items() if address not in done_objects
        }
    else:
        done = set(done_objects.values())
        completed = done & (internal | external)
    return {
        "completed": completed,
        "already_done": done - completed,
        "ever_failed": ever_failed,
        "failed": ever_failed - completed,
        "scheduling_error": set(objects[UNKNOWN].values()),
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


def explain_pending(categories: Categories, required_ids: Mapping[str, Sequence[str]]) -> None:
    """Fill the upstream categories and ``not_run`` for the tasks that are left pending, in place.

    ``required_ids`` tells the ids of what a task requires, as far as the worker knows: calling ``requires()``
    again may cost much, have side effects or fail.  Any other pending task is asked once, by ``_requires()``.
    """
    pending = categories["still_pending_not_ext"]
    if not pending:
        return
    causes = _known_causes(categories)
    waiting = {}
    for task in sorted(pending, key=id):  # about as they lie in memory: see _family_lines
        waiting[task.task_id] = task
        causes[task.task_id] = causes.get(task.task_id, 0) | _UNVISITED
    for task_id in waiting:
        if causes[task_id] & _UNVISITED:
            _visit(task_id, causes, waiting, required_ids, categories)
    explained = categories["run_by_other_worker"].union(
        categories["upstream_failure"],
        categories["upstream_missing_dependency"],
        categories["upstream_run_by_other_worker"],
        categories["upstream_scheduling_error"],
    )
    categories["not_run"] = pending - explained


def _known_causes(categories: Categories) -> dict[str, int]:
    causes: dict[str, int] = {}
    for name, cause in (
        ("ever_failed", _FAILURE),
        ("still_pending_ext", _MISSING),
        ("run_by_other_worker", _ELSEWHERE),
        ("scheduling_error", _SCHEDULING),
    ):
        for task in categories[name]:
            causes[task.task_id] = causes.get(task.task_id, 0) | cause
    return causes


def _visit(
    root_id: str,
    causes: dict[str, int],
    waiting: Mapping[str, Task],
    required_ids: Mapping[str, Sequence[str]],
    categories: Categories,
) -> None:
    """Walk depth first from a pending task; a frame is (task id, dependencies to come, causes so far)."""
    causes[root_id] &= ~_UNVISITED
    stack = [(root_id, iter(_dependencies(waiting[root_id], required_ids)), [0])]
    while stack:
        task_id, dependencies, found = stack[-1]
        for dependency in dependencies:
            cause = causes.get(dependency, 0)
            if cause & _UNVISITED:
                causes[dependency] = cause & ~_UNVISITED
                stack.append((dependency, iter(_dependencies(waiting[dependency], required_ids)), [0]))
                break
            found[0] |= cause
        else:
            stack.pop()
            _settle(waiting[task_id], found[0], categories)
            causes[task_id] |= found[0] & _TRAVELS
            if stack:
                stack[-1][2][0] |= causes[task_id]


def _dependencies(task: Task, required_ids: Mapping[str, Sequence[str]]) -> Sequence[str]:
    # deps() of one's own may name more than _requires(), which is what the summary goes by
    if type(task).deps is Task.deps:
        known = required_ids.get(task.task_id)
        if known is not None:
            return known
    return [dependency.task_id for dependency in task._requires()]


def _settle(task: Task, found: int, categories: Categories) -> None:
    if found & _FAILURE:
        categories["upstream_failure"].add(task)
    if found & _MISSING:
        categories["upstream_missing_dependency"].add(task)
    if found & _ELSEWHERE:
        categories["upstream_run_by_other_worker"].add(task)
    if found & _SCHEDULING:
        categories["upstream_scheduling_error"].add(task)
