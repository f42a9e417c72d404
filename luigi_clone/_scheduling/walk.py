"""Greedy reservation, worked out step by step where tasks want the same resource.

The rule: tasks are looked at from the best rank down. A running task takes a slot and its resources from the
worker that runs it; a task that could start but is not for the asking worker reserves a slot of one of its own
workers and its resources. So a worker is not given a resource that a more urgent task will want in a moment.

Only slots of workers that asked for work lately count. The walk visits one task for each reservation, and one of
each queue that the reservations have closed.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from luigi_clone._scheduling.model import Rank, TaskRecord, WorkerRecord
from luigi_clone._scheduling.ready import Bucket, Crew, Gate, Needs, Pool, Resource
from luigi_clone.task_status import RUNNING

if TYPE_CHECKING:
    from luigi_clone._scheduling.assignment import Assignment

_CREWS, _QUEUES, _BUCKETS, _TASKS = range(4)  # what a heap on the frontier holds

_Entry = tuple[Rank, int, int, Any, int, Any, bool]


def slots_of(worker: WorkerRecord) -> float:
    """Return how many tasks a worker says it runs at once."""
    slots = worker.info.get("workers", 1)
    return slots if isinstance(slots, (int, float)) else 1


class GreedyWalk:
    """One look at the ready tasks on behalf of a worker that asks."""

    def __init__(self, machine: Assignment, asker: WorkerRecord, assistant: bool, now: float) -> None:
        self._machine = machine
        self._asker = asker
        self._assistant = assistant
        self._now = now
        self._reserved: dict[Resource, float] = {}
        self._taken: dict[WorkerRecord, float] = {}
        self._slots: dict[WorkerRecord, float] = {}
        self._frontier: list[_Entry] = []
        self._number = 0
        self._candidates = 0  # entries of the frontier that may lead to a task for the asker
        self._closed: set[Any] = set()  # crews, queues and buckets that have nothing more to say

    def run(self, pool: Pool) -> Rank | None:
        """Return the task to give, looking for candidates in the crews of ``pool``."""
        everyone = self._machine.index.pool_of_everyone()
        everyone.top()
        self._push(_CREWS, pool.heap, 0, pool, candidate=True)
        self._push(_CREWS, everyone.heap, 0, everyone, candidate=False)
        frontier = self._frontier
        while self._candidates:
            rank, _, kind, heap, i, owner, candidate = heappop(frontier)
            if candidate:
                self._candidates -= 1
            if kind != _CREWS and self._is_closed(owner, candidate):
                continue
            self._push(kind, heap, 2 * i + 1, owner, candidate)
            self._push(kind, heap, 2 * i + 2, owner, candidate)
            if kind == _TASKS:
                if rank[3].rank is rank and self._visit(rank, owner, candidate):
                    return rank
            elif owner.live.get(heap[i][1]) is rank:
                self._expand(kind, heap[i][1], candidate)
        return None

    # ---- the frontier

    def _push(self, kind: int, heap: list[Any], i: int, owner: Any, candidate: bool) -> None:
        if i < len(heap):
            self._number += 1
            rank = heap[i] if kind == _TASKS else heap[i][0]
            heappush(self._frontier, (rank, self._number, kind, heap, i, owner, candidate))
            if candidate:
                self._candidates += 1

    def _expand(self, kind: int, node: Any, candidate: bool) -> None:
        if kind == _BUCKETS:
            self._push(_TASKS, node.heap, 0, node, candidate)
        elif kind == _QUEUES:
            self._push(_BUCKETS, node.heap, 0, node, candidate)
        elif candidate:
            self._push(_TASKS, node.plain.heap, 0, node.plain, True)
            self._push(_QUEUES, node.open.heap, 0, node.open, True)
        else:
            if not self._may_run(node):
                self._push(_TASKS, node.plain.heap, 0, node.plain, False)
                self._push(_QUEUES, node.open.heap, 0, node.open, False)
            self._push(_QUEUES, node.shut.heap, 0, node.shut, False)

    def _is_closed(self, owner: Any, candidate: bool) -> bool:
        closed = self._closed
        if owner in closed or (type(owner) is Bucket and owner.queue in closed):
            return True
        return not candidate and owner.crew in closed

    def _may_run(self, crew: Crew) -> bool:
        return self._asker.id in crew.workers or (self._assistant and crew.runnable)

    # ---- one task

    def _visit(self, rank: Rank, bucket: Bucket, candidate: bool) -> bool:
        """Look at a ready task; tell whether it is the one."""
        needs = bucket.needs
        gate = self._blocking_gate(needs, rank)
        if gate is not None:
            self._closed.add(bucket)
            if bucket.queue is not None and bucket.queue.gate is gate:
                self._closed.add(bucket.queue)
            return False
        if candidate and needs.closed_gate() is None:
            return True
        if not self._reserve(bucket.crew, needs, rank):
            self._closed.add(bucket if candidate else bucket.crew)
        return False

    def _reserve(self, crew: Crew, needs: Needs, rank: Rank) -> bool:
        workers = (*crew.members, self._asker) if self._assistant else crew.members
        for worker in workers:
            if self._has_slot(worker, rank):
                self._taken[worker] = self._taken.get(worker, 0) + 1
                for gate in needs.gates:
                    self._reserved[gate.resource] = self._reserved.get(gate.resource, 0) + gate.amount
                return True
        return False

    def _has_slot(self, worker: WorkerRecord, rank: Rank) -> bool:
        slots = self._slots.get(worker)
        if slots is None:
            slots = self._slots[worker] = slots_of(worker) if self._asked_lately(worker) else 0
        free = slots - self._taken.get(worker, 0)
        if free <= 0:
            return False
        if free > len(worker.runs):
            return True
        return free > sum(1 for task in worker.runs.values() if _is_better(task, rank))

    def _asked_lately(self, worker: WorkerRecord) -> bool:
        asked = worker.last_get_work
        return asked is not None and asked > self._now - self._machine.settings.worker_disconnect_delay

    # ---- resources

    def _blocking_gate(self, needs: Needs, rank: Rank) -> Gate | None:
        """Return a gate that running tasks of better rank and the reservations close."""
        for gate in needs.gates:
            resource = gate.resource
            rest = resource.limit - gate.amount - self._reserved.get(resource, 0)
            if resource.used > rest and self._used_above(resource, rank) > rest:
                return gate
        return None

    def _used_above(self, resource: Resource, rank: Rank) -> float:
        used: float = 0
        workers = self._machine.workers
        for task, amount in resource.holders.items():
            if task.status is RUNNING and task.worker_running is not None and _is_better(task, rank):
                runner = workers.get(task.worker_running)
                if runner is not None and self._asked_lately(runner):
                    used += amount
        return used


def _is_better(task: TaskRecord, rank: Rank) -> bool:
    return (-task.priority, task.time, task.seq) < rank[:3]
