"""The kinds of facts that only a snapshot has: how a task comes back that has a past.

A snapshot tells first of workers, limits and batchers by the facts that every journal has, then of the
tasks in the order of their arrival, then of batches. What many tasks share is told once and numbered: their
workers and stakeholders (a *crew*), and what tasks of one family have in common (a *shape*).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from luigi_clone._scheduling.assignment import Assignment
from luigi_clone._scheduling.model import (
    STATUSES,
    Batch,
    More,
    RetryPolicy,
    TaskRecord,
    Visibilities,
)
from luigi_clone._scheduling.ready import Crew, Needs
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE

TUPLES = frozenset(("failures",))
"""Fields of a task that JSON makes lists of."""
TOLD_OF_TASKS = ("expl", "worker_running", "time_running", "held", "batch_id", "retry", "remove", "lease")
"""Fields of a task's record that most tasks leave alone, by their names."""


class Shape(NamedTuple):
    """What tasks have in common that differ in parameters, dependencies and what became of them."""

    family: str
    module: str | None
    visibilities: Visibilities
    hidden: tuple[str, ...]
    policy: RetryPolicy
    needs: Needs
    accepts_messages: bool
    batchable: bool


class _Told:
    """What the snapshot that is being read has told once, by number."""

    __slots__ = ("crews", "shapes")

    def __init__(self) -> None:
        self.crews: dict[int, Crew] = {}
        self.shapes: dict[int, Shape] = {}


class Restoring(Assignment):
    """Adds the apply functions of a snapshot's own facts; no rule ever calls them."""

    _told: _Told | None = None

    def restore_crew(
        self, number: int, workers: Iterable[str], runnable: bool, stakeholders: Iterable[str]
    ) -> None:
        """Note a crew that tasks will refer to."""
        if self._told is None:
            self._told = _Told()
        ids = tuple(workers)
        members = tuple(self.workers[worker_id] for worker_id in ids)
        self._told.crews[number] = self.index.crew(ids, runnable, frozenset(stakeholders), members)

    def restore_shape(
        self,
        number: int,
        family: str,
        module: str | None,
        visibilities: Mapping[str, int],
        hidden: Iterable[str],
        policy: Iterable[Any],
        amounts: Mapping[str, Any],
        accepts_messages: bool,
        batchable: bool,
    ) -> None:
        """Note a shape that tasks will refer to."""
        assert self._told is not None
        index = self.index
        self._told.shapes[number] = Shape(
            family,
            module,
            self.visibilities(visibilities),
            tuple(hidden),
            self.shared_policy(RetryPolicy(*policy)),
            index.needs(amounts) if amounts else index.no_needs,
            accepts_messages,
            batchable,
        )

    def restore_task(
        self,
        task_id: str,
        seq: int,
        status: str,
        time: float,
        updated: float,
        priority: float,
        crew_number: int,
        shape_number: int,
        params: Mapping[str, Any] | None,
        deps: Iterable[str] | None,
        rest: Mapping[str, Any] | None,
    ) -> None:
        """Make the record of a task as it was."""
        told = self._told
        assert told is not None
        crew, shape = told.crews[crew_number], told.shapes[shape_number]
        status = STATUSES[status]
        task = TaskRecord(task_id, seq, time, priority, shape.policy, crew, shape.needs)
        shape.needs.uses += 1
        task.family, task.module = shape.family, shape.module
        task.visibilities, task.hidden_params = shape.visibilities, shape.hidden
        task.accepts_messages, task.batchable = shape.accepts_messages, shape.batchable
        task.status = status
        task.updated = updated
        if params:
            task.params = params
        if rest is not None:
            _restore_rest(task, rest)
        self.tasks[task_id] = self.by_status[status][task_id] = crew.tasks[task_id] = task
        if not crew.stakeholders:
            self.stakeless[task_id] = task
        if self._orphans:
            task.dependents = self._orphans.pop(task_id, ())
            if status is DONE and task.dependents:
                self._tell_dependents(task, done=True)
        if deps:
            task.deps = tuple(deps)
            unmet, link = 0, self._link
            for dep in task.deps:
                if not link(task, dep):
                    unmet += 1
            task.unmet = unmet
        if status is not DONE:
            self._enter(task)
        if status is BATCH_RUNNING and not self.has_live_runner(task):
            self.suspects[task_id] = task

    def restore_batch(
        self, batch_id: str, worker_id: str, members: Iterable[str], heads: Iterable[str], holder: str | None
    ) -> None:
        """Bring back a batch whose tasks are there again."""
        batch = Batch(batch_id, worker_id, {member: self.tasks[member] for member in members})
        batch.heads = {head: self.tasks[head] for head in heads}
        self.batches[batch_id] = batch
        worker = self.workers.get(worker_id)
        if worker is not None:
            worker.batches[batch_id] = batch
        if holder is not None:
            task = batch.holder = self.tasks[holder]
            if task.held:
                self.index.hold(task, task.held, None)

    def end_snapshot(self, arrivals: int) -> None:
        """Work out what depends on all tasks, and go on counting where the snapshot stopped."""
        self._sever(list(self.by_status[DISABLED].values()))
        self._told = None
        self._arrivals = arrivals
        self.version += 1

    def end_torn_snapshot(self) -> None:
        """Make the best of a snapshot whose end is missing."""
        if self._told is not None:
            self.end_snapshot(max((task.seq for task in self.tasks.values()), default=0))


def _restore_rest(task: TaskRecord, rest: Mapping[str, Any]) -> None:
    more = None
    for name, value in rest.items():
        if name in TOLD_OF_TASKS:
            setattr(task, name, value)
        else:
            if more is None:
                more = task.more = More()
            setattr(more, name, tuple(value) if name in TUPLES else value)
