"""The tables of the scheduler, with the indexes over the state of each task.

``_enter`` puts a task into the indexes that its state calls for and ``_leave`` takes it out again; whoever
changes something that they look at wraps the change in the two.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from heapq import heappush
from typing import Any

from luigi_clone._scheduling.answers import Answers
from luigi_clone._scheduling.attempts import Attempts
from luigi_clone._scheduling.batches import Grouping
from luigi_clone._scheduling.index import ReadyIndex
from luigi_clone._scheduling.model import (
    NO_BATCHER,
    STATUSES,
    Batch,
    Batcher,
    TaskRecord,
    WorkerRecord,
)
from luigi_clone._scheduling.ready import SLACK, Crew, shrink
from luigi_clone._scheduling.timers import Timers
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING

Fact = tuple[Any, ...]


class Indexed:
    """All records by id, and what is derived from them."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self.tasks: dict[str, TaskRecord] = {}
        self.workers: dict[str, WorkerRecord] = {}
        self.batches: dict[str, Batch] = {}
        self.batchers: dict[str, dict[str, Batcher]] = {}
        self.paused = False
        self.limits_told: dict[str, float] = {}  # those that differ from the configuration, or did
        self.by_status: dict[str, dict[str, TaskRecord]] = {status: {} for status in STATUSES.values()}
        self.index = ReadyIndex(limits)
        self.timers = Timers()
        self.version = 0  # changes with every status and every dependency
        self.suspects: dict[str, TaskRecord] = {}  # to be checked: does their runner still exist?
        self.stakeless: dict[str, TaskRecord] = {}  # to be checked: does anybody still want them?
        self.edges_version = 0  # changes with every dependency
        self.attempts = Attempts()
        self.answers = Answers()
        self.lapsed: dict[int, tuple[str, ...]] = {}  # grant of a batch whose worker vanished → its members
        # worker that vanished → when, and what it ran by which grant
        self.absent: dict[str, tuple[float, Mapping[str, int]]] = {}
        self.last_lease = 0  # number of the latest grant
        self.facts: list[Fact] | None = None
        self._arrivals = 0
        self._orphans: dict[str, dict[str, TaskRecord]] = {}  # unknown id → tasks that depend on it
        self._groupings: dict[str, dict[tuple[str, ...], Grouping]] = {}

    # ---- looking up

    @property
    def arrivals(self) -> int:
        """How many tasks have come since the beginning, those that are gone included."""
        return self._arrivals

    def batcher(self, worker_id: str, family: str) -> Batcher:
        """Return how ``worker_id`` batches ``family``."""
        return self.batchers.get(worker_id, {}).get(family, NO_BATCHER)

    def dependents_of(self, task_id: str) -> Iterable[TaskRecord]:
        """Return the tasks that depend on ``task_id``, which need not be known itself."""
        task = self.tasks.get(task_id)
        found = self._orphans.get(task_id, ()) if task is None else task.dependents
        return found.values() if isinstance(found, dict) else found

    def used_resources(self) -> dict[str, float]:
        """Return resource → amount that running tasks hold."""
        return {name: resource.used for name, resource in self.index.resources.items() if resource.holders}

    def has_live_runner(self, task: TaskRecord) -> bool:
        """Tell whether the worker that runs ``task`` is still there and has a right to.

        A member of a batch may belong to another worker than the one that was given the batch.
        """
        worker_id = task.worker_running
        worker = None if worker_id is None else self.workers.get(worker_id)
        if worker is None:
            return False
        return worker.id in task.crew.stakeholders or worker.assistant or task.status is BATCH_RUNNING

    # ---- indexes of one task

    def _enter(self, task: TaskRecord) -> None:
        status = task.status
        if status is PENDING:
            crew = task.crew
            crew.pending += 1
            if not task.unmet:
                self._make_ready(task)
            if not task.severed and crew.members:
                self._count(crew, 1)
            if task.needs.gates:
                for member in crew.members:
                    member.needy += 1
        elif status is FAILED:
            self._count(task.crew, 1)
        elif status is RUNNING:
            self._enter_running(task)

    def _leave(self, task: TaskRecord) -> None:
        status = task.status
        if status is PENDING:
            crew = task.crew
            crew.pending -= 1
            if task.rank is not None:
                self._unready(task)
            if not task.severed and crew.members:
                self._count(crew, -1)
            if task.needs.gates:
                for member in crew.members:
                    member.needy -= 1
        elif status is FAILED:
            self._count(task.crew, -1)
        elif status is RUNNING:
            self._leave_running(task)

    @staticmethod
    def _count(crew: Crew, change: int) -> None:
        members = crew.members
        if len(members) == 1:
            member = members[0]
            member.pending += change
            member.pending_unique += change
            member.pending_last += change
        elif members:
            for member in members:
                member.pending += change
            member.pending_last += change

    def _make_ready(self, task: TaskRecord) -> None:
        self.index.prefix = None
        rank = task.rank = (-task.priority, task.time, task.seq, task)
        crew = task.crew
        if task.needs.gates:
            crew.add(task)
        else:
            bucket = crew.plain
            bucket.size += 1
            heap = bucket.heap
            heappush(heap, rank)
            if heap[0] is rank:
                crew.notify(rank)
        if task.batchable:
            for grouping in self._groupings.get(task.family, {}).values():
                grouping.add(task)

    def _unready(self, task: TaskRecord) -> None:
        self.index.prefix = None
        task.rank = None
        if task.needs.gates:
            task.crew.drop(task)
        else:
            bucket = task.crew.plain
            bucket.size -= 1
            if not bucket.size or len(bucket.heap) > 2 * bucket.size + SLACK:
                shrink(bucket.heap, bucket.size)
        if task.batchable:
            for grouping in self._groupings.get(task.family, {}).values():
                grouping.drop(task)

    def _enter_running(self, task: TaskRecord) -> None:
        self.index.prefix = None
        amounts = task.needs.amounts if task.held is None else task.held
        if amounts:
            self.index.hold(task, amounts, task.worker_running)
        runner = None if task.worker_running is None else self.workers.get(task.worker_running)
        if runner is not None:
            runner.runs[task.id] = task
            insort(runner.ranked, (-task.priority, task.time, task.seq, task))
        if runner is None or not (runner.id in task.crew.stakeholders or runner.assistant):
            self.suspects[task.id] = task
        if task.crew.members:
            self._tell_running(task)
        if task.batch_id is not None:
            batch = self.batches.get(task.batch_id)
            if batch is not None:
                batch.heads[task.id] = task
                self._release_unclaimed(batch)

    def _leave_running(self, task: TaskRecord) -> None:
        self.index.prefix = None
        amounts = task.needs.amounts if task.held is None else task.held
        if amounts:
            self.index.let_go(task, amounts)
        runner = None if task.worker_running is None else self.workers.get(task.worker_running)
        if runner is not None and runner.runs.pop(task.id, None) is not None:
            ranked = runner.ranked
            del ranked[bisect_left(ranked, (-task.priority, task.time, task.seq, task))]
        for member in task.crew.members:
            member.running_tasks.pop(task.id, None)
        if task.batch_id is not None:
            batch = self.batches.get(task.batch_id)
            if batch is not None:
                batch.heads.pop(task.id, None)
                self._forget_batch(batch)

    def _tell_running(self, task: TaskRecord) -> None:
        """Put ``task`` on the lists of running tasks that its workers are told."""
        told: dict[str, Any] = {"task_id": task.id, "worker": task.worker_running}
        runner = None if task.worker_running is None else self.workers.get(task.worker_running)
        if runner is not None:
            told = {**runner.info, **told} if runner.info.keys() & told.keys() else {**told, **runner.info}
        for member in task.crew.members:
            member.running_tasks[task.id] = told

    # ---- batches

    def _release_unclaimed(self, batch: Batch) -> None:
        holder, batch.holder = batch.holder, None
        if holder is not None and holder.held:
            self.index.let_go(holder, holder.held)

    def _forget_batch(self, batch: Batch) -> None:
        """Drop a batch of which nothing is left."""
        if batch.members or batch.heads or self.batches.get(batch.id) is not batch:
            return
        self._release_unclaimed(batch)
        del self.batches[batch.id]
        worker = self.workers.get(batch.worker)
        if worker is not None:
            worker.batches.pop(batch.id, None)

    # ---- dependencies

    def _link(self, task: TaskRecord, dep: str) -> bool:
        """Note that ``task`` depends on ``dep``; tell whether that is DONE."""
        other = self.tasks.get(dep)
        if other is None:
            self._orphans.setdefault(dep, {})[task.id] = task
            return False
        known = other.dependents
        if isinstance(known, dict):
            known[task.id] = task
        elif known:
            other.dependents = {known[0].id: known[0], task.id: task}
        else:
            other.dependents = (task,)
        return other.status is DONE

    def _unlink(self, task: TaskRecord, dep: str) -> None:
        other = self.tasks.get(dep)
        if other is None:
            orphans = self._orphans.get(dep)
            if orphans is not None:
                orphans.pop(task.id, None)
                if not orphans:
                    del self._orphans[dep]
        elif isinstance(other.dependents, dict):
            other.dependents.pop(task.id, None)
            if not other.dependents:
                other.dependents = ()
        else:
            other.dependents = ()

    def _tell_dependents(self, task: TaskRecord, done: bool) -> None:
        """``task`` has become DONE, or is not DONE any more."""
        for dependent in self.dependents_of(task.id):
            if done:
                dependent.unmet -= 1
                if not dependent.unmet and dependent.status is PENDING:
                    self._make_ready(dependent)
            else:
                if dependent.rank is not None:
                    self._unready(dependent)
                dependent.unmet += 1

    # ---- DISABLED tasks upstream

    @staticmethod
    def _cuts(task: TaskRecord) -> bool:
        """Whether what depends on ``task`` cannot run before somebody enables a task."""
        return task.status is DISABLED or (task.severed and task.status is PENDING)

    def _is_severed(self, task: TaskRecord) -> bool:
        tasks = self.tasks
        for dep in task.deps:
            other = tasks.get(dep)
            if other is not None and self._cuts(other):
                return True
        return False

    def _mark_severed(self, task: TaskRecord, severed: bool) -> bool:
        """Set the mark; tell whether that changes things for the dependents of ``task``."""
        task.severed = severed
        if task.status is not PENDING:
            return False
        self._count(task.crew, -1 if severed else 1)
        return True

    def _sever(self, roots: list[TaskRecord]) -> None:
        """Mark everything downstream of ``roots``, which cut."""
        while roots:
            roots.extend(
                dependent
                for dependent in self.dependents_of(roots.pop().id)
                if not dependent.severed and self._mark_severed(dependent, True)
            )

    def _mend(self, root: TaskRecord) -> None:
        """Work out the marks of ``root`` and of everything downstream anew: something may not cut any more.

        All are taken off first and then set again from outside: in a cycle each would keep the other's.
        """
        mended = [root]
        if root.severed:
            self._mark_severed(root, False)
        stack = [root]
        while stack:
            for dependent in self.dependents_of(stack.pop().id):
                if dependent.severed:
                    mended.append(dependent)
                    if self._mark_severed(dependent, False):
                        stack.append(dependent)
        for task in mended:
            if not task.severed and self._is_severed(task) and self._mark_severed(task, True):
                self._sever([task])
