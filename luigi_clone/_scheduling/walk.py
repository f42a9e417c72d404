"""Greedy reservation, worked out step by step where tasks want the same resource.

The rule: tasks are looked at from the best rank down. A running task takes a slot and its resources from
the worker that runs it; a task that could start but is not for the asking worker reserves a slot of one of
its own workers and its resources. So a worker is not given a resource that a more urgent task will want in
a moment. Only slots of workers that asked for work lately count.

The walk goes from one candidate of the asking worker to the next, and between them looks at the tasks of
others that may reserve something: one look for each reservation, and one for each bucket that reservations
have closed. Reservations only grow on the way down, so what is blocked once is blocked for the rest of the
walk.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from luigi_clone._scheduling.model import Rank, WorkerRecord
from luigi_clone._scheduling.ready import Bucket, Crew, Gate, Needs, Pool, Resource, first

if TYPE_CHECKING:
    from luigi_clone._scheduling.assignment import Assignment

_CREWS, _QUEUES, _BUCKETS, _TASKS = range(4)  # what a heap on a frontier holds

_FEW = 12  # so many buckets are gone through at once: cheaper than one by one, in order

_Entry = tuple[Rank, int, int, list[Any], int, Any]


def slots_of(worker: WorkerRecord) -> float:
    """Return how many tasks a worker says it runs at once."""
    slots = worker.info.get("workers", 1)
    return slots if isinstance(slots, (int, float)) else 1


def is_contended(rank: Rank) -> bool:
    """Tell whether better ready tasks want so much of the same resources that they may leave too little.

    The free resources must do for the task itself.
    """
    for gate in rank[3].needs.gates:
        resource = gate.resource
        users = resource.users
        if first(users) is rank:
            continue
        rest = resource.limit - resource.used - gate.amount
        stack = [0]
        while stack:
            i = stack.pop()
            if i >= len(users) or not users[i] < rank:
                continue
            other = users[i]
            if other[3].rank is other:
                rest -= other[3].needs.amounts[resource.name]
                if rest < 0:
                    return True
            stack.append(2 * i + 1)
            stack.append(2 * i + 2)
    return False


class _Frontier:
    """Goes through the ready tasks of a pool in order of rank, without taking anything out of its heaps."""

    __slots__ = ("_number", "_seen", "entries")

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self._number = 0
        self._seen: set[Any] = set()

    def arrive(self, entry: _Entry) -> Any:
        """Return the node of an entry that is no task, once; None if the entry is stale."""
        rank, _, _, heap, i, owner = entry
        node = heap[i][1]
        # a node may have two entries with its current rank: an old one that has become right again
        if owner.live.get(node) is not rank or node in self._seen:
            return None
        self._seen.add(node)
        return node

    def push(self, kind: int, heap: list[Any], i: int, owner: Any) -> None:
        """Come to entry ``i`` of a heap, and so to those below it."""
        if i < len(heap):
            self._number += 1
            rank = heap[i] if kind == _TASKS else heap[i][0]
            heappush(self.entries, (rank, self._number, kind, heap, i, owner))

    def below(self, entry: _Entry) -> None:
        """Come to the entries below one in its heap."""
        _, _, kind, heap, i, owner = entry
        if 2 * i + 1 < len(heap):
            self.push(kind, heap, 2 * i + 1, owner)
            self.push(kind, heap, 2 * i + 2, owner)

    def come_to_pool(self, kind: int, pool: Pool) -> None:
        """Come to the children of a pool."""
        pool.bound()  # drops stale entries at its top
        self.push(kind, pool.heap, 0, pool)

    def come_to_tasks(self, bucket: Bucket) -> None:
        """Come to the tasks of a bucket."""
        heap = bucket.heap
        if first(heap) is not None:
            self._number += 1
            heappush(self.entries, (heap[0], self._number, _TASKS, heap, 0, bucket))


class GreedyWalk:
    """One look at the ready tasks on behalf of a worker that asks."""

    def __init__(self, machine: Assignment, asker: WorkerRecord, assistant: bool, now: float) -> None:
        self._machine = machine
        self._asker = asker
        self._assistant = assistant
        self._since = now - machine.settings.worker_disconnect_delay
        self._reserved: dict[Resource, float] = {}
        self._held: dict[Resource, float] = {}  # by tasks of workers that asked lately
        self._taken: dict[WorkerRecord, float] = {}
        self._slots: dict[WorkerRecord, float] = {}
        self._plain: dict[WorkerRecord, list[list[Rank]]] = {}
        # gates and needs that are closed: for what is below the others looked at, and below the candidate
        self._blocked: set[Any] = set()
        self._blocked_below: set[Any] = set()
        self._idle: set[Crew] = set()  # crews whose workers have no free slot left
        self._later: list[Bucket] = []  # buckets of others that are worse than the candidate
        self._candidates = _Frontier()
        self._others = _Frontier()

    def run(self, pool: Pool) -> Rank | None:
        """Return the task to give, looking for candidates in the crews of ``pool``."""
        everyone = self._machine.index.pool_of_everyone()
        everyone.top()
        self._candidates.push(_CREWS, pool.heap, 0, pool)
        self._others.push(_CREWS, everyone.heap, 0, everyone)
        while True:
            rank = self._next_candidate()
            if rank is None or not rank[3].needs.gates or self._survives(rank):
                return rank

    def _next_candidate(self) -> Rank | None:
        """Return the best task left that the asker may run and that nothing blocks so far."""
        frontier, blocked = self._candidates, self._blocked_below
        entries = frontier.entries
        while entries:
            entry = heappop(entries)
            rank, _, kind, heap, i, owner = entry
            if kind == _TASKS:
                if rank[3].rank is not rank:
                    frontier.below(entry)
                elif owner.needs.closed_gate() is not None:
                    # what it lacks it may still reserve, with all of its bucket from here on
                    self._others.push(kind, heap, i, owner)
                elif not self._is_blocked(owner.needs, rank, blocked):
                    return rank
                continue
            frontier.below(entry)
            node = frontier.arrive(entry)
            if node is None:
                continue
            if kind == _CREWS:
                self._come_to_own_crew(node)
            elif kind == _BUCKETS:
                if node.needs not in blocked:
                    frontier.come_to_tasks(node)
            elif node.gate not in blocked:
                (frontier if node.gate.open else self._others).come_to_pool(_BUCKETS, node)
        return None

    def _come_to_own_crew(self, crew: Crew) -> None:
        """Come to what the asker may run in a crew."""
        frontier = self._candidates
        if crew.plain.heap:
            frontier.come_to_tasks(crew.plain)
        if len(crew.buckets) > _FEW:
            frontier.come_to_pool(_QUEUES, crew.open)
            return
        for needs, bucket in crew.buckets.items():
            if needs not in self._blocked_below and not bucket.queue.parked:
                (frontier if needs.closed_gate() is None else self._others).come_to_tasks(bucket)

    def _survives(self, candidate: Rank) -> bool:
        """Let better tasks of others reserve what they can; tell whether enough is left."""
        frontier, blocked, idle = self._others, self._blocked, self._idle
        below = self._blocked_below
        entries = frontier.entries
        later, self._later = self._later, []
        for bucket in later:
            self._come_to_others(bucket, candidate)
        while entries and entries[0][0] < candidate:
            entry = heappop(entries)
            rank, _, kind, _, _, owner = entry
            if kind == _TASKS:
                if rank[3].rank is not rank:
                    frontier.below(entry)
                elif owner.crew not in idle and not (
                    owner.needs.gates and self._is_blocked(owner.needs, rank, blocked)
                ):
                    if not self._reserve(owner.crew, owner.needs, rank):
                        idle.add(owner.crew)
                        continue
                    frontier.below(entry)
                    if owner.needs.gates and self._is_blocked(candidate[3].needs, candidate, below):
                        return False
                continue
            if kind != _CREWS and owner.crew in idle:
                continue
            frontier.below(entry)
            node = frontier.arrive(entry)
            if node is None:
                continue
            if kind == _CREWS:
                self._come_to_crew(node, rank, candidate)
            elif kind == _QUEUES:
                if node.gate not in blocked:
                    frontier.come_to_pool(_BUCKETS, node)
            elif node.needs not in blocked:
                frontier.come_to_tasks(node)
        return True

    def _come_to_crew(self, crew: Crew, rank: Rank, candidate: Rank) -> None:
        """Come to what a crew may reserve, unless its workers are busy with better tasks already."""
        if self._free_worker(crew, rank) is None:
            self._idle.add(crew)
            return
        others, blocked = self._others, self._blocked
        own = self._asker.id in crew.workers or (self._assistant and crew.runnable)
        if not own and crew.plain.heap and len(crew.members) != 1:
            self._come_to_others(crew.plain, candidate)  # one worker's: see _plain_above
        if len(crew.buckets) > _FEW:
            if not own:
                others.come_to_pool(_QUEUES, crew.open)
            others.come_to_pool(_QUEUES, crew.shut)
            return
        for needs, bucket in crew.buckets.items():
            if needs not in blocked and not (own and not bucket.queue.parked):
                self._come_to_others(bucket, candidate)

    def _come_to_others(self, bucket: Bucket, candidate: Rank) -> None:
        """Come to tasks that may reserve something before ``candidate``; leave worse ones for later."""
        rank = first(bucket.heap)
        if rank is None:
            return
        if rank < candidate:
            self._others.push(_TASKS, bucket.heap, 0, bucket)
        else:
            self._later.append(bucket)

    # ---- slots

    def _free_worker(self, crew: Crew, rank: Rank) -> WorkerRecord | None:
        """Return the first worker of ``crew`` with a free slot for a task of ``rank``."""
        for worker in crew.members:
            if self._has_slot(worker, rank):
                return worker
        return self._asker if self._assistant and self._has_slot(self._asker, rank) else None

    def _reserve(self, crew: Crew, needs: Needs, rank: Rank) -> bool:
        """Take a slot and the needs for a task of ``crew``; tell whether a slot was free."""
        worker = self._free_worker(crew, rank)
        if worker is None:
            return False
        self._taken[worker] = self._taken.get(worker, 0) + 1
        for gate in needs.gates:
            self._reserved[gate.resource] = self._reserved.get(gate.resource, 0) + gate.amount
        return True

    def _has_slot(self, worker: WorkerRecord, rank: Rank) -> bool:
        slots = self._slots.get(worker)
        if slots is None:
            slots = self._slots[worker] = slots_of(worker) if self._asked_lately(worker) else 0
        free = slots - self._taken.get(worker, 0)
        if free <= 0:
            return False
        free -= self._plain_above(worker, rank, free)
        runs = worker.runs
        if free <= 0 or free > len(runs):
            return free > 0
        for task in runs.values():
            if (-task.priority, task.time, task.seq) < rank:
                free -= 1
        return free > 0

    def _plain_above(self, worker: WorkerRecord, rank: Rank, enough: float) -> int:
        """Count the better tasks without needs that only ``worker`` can run, up to ``enough``.

        Each takes a slot of that worker and nothing else, so it is enough to count them.
        """
        heaps = self._plain.get(worker)
        if heaps is None:
            # what the asker may run takes no slot: it is given out
            own = worker is self._asker or self._assistant
            crews = () if own else worker.pool.live
            heaps = [c.plain.heap for c in crews if len(c.members) == 1 and first(c.plain.heap)]
            self._plain[worker] = heaps
        count = 0
        for heap in heaps:
            stack = [0]
            while stack and count < enough:
                i = stack.pop()
                if i < len(heap) and heap[i] < rank:
                    count += heap[i][3].rank is heap[i]
                    stack.append(2 * i + 1)
                    stack.append(2 * i + 2)
        return count

    def _asked_lately(self, worker: WorkerRecord) -> bool:
        asked = worker.last_get_work
        return asked is not None and asked > self._since

    # ---- resources

    def _is_blocked(self, needs: Needs, rank: Rank, blocked: set[Any]) -> bool:
        """Tell whether better running tasks and the reservations leave too little for a task of ``rank``.

        What is found is noted in ``blocked``; it holds for all worse ranks, so also where candidates are.
        """
        if needs in blocked:
            return True
        for gate in needs.gates:
            if gate in blocked or self._is_shut(gate, rank):
                blocked.update((gate, needs))
                self._blocked_below.update((gate, needs))
                return True
        return False

    def _is_shut(self, gate: Gate, rank: Rank) -> bool:
        resource = gate.resource
        rest = resource.limit - gate.amount - self._reserved.get(resource, 0)
        if resource.used <= rest:
            return False
        total = self._held.get(resource)
        if total is None:
            workers = self._machine.workers
            total = 0
            for runner, amount in resource.held_by.items():
                worker = None if runner is None else workers.get(runner)
                if worker is not None and self._asked_lately(worker):
                    total += amount
            self._held[resource] = total
        if total <= rest:
            return False
        ranked = resource.ranked
        better = bisect_left(ranked, rank)
        if 2 * better < len(ranked):
            return self._held_by_some(resource, ranked[:better]) > rest
        return total - self._held_by_some(resource, ranked[better:]) > rest

    def _held_by_some(self, resource: Resource, ranked: list[Rank]) -> float:
        """Return what those of the holders have whose workers asked lately."""
        total: float = 0
        workers = self._machine.workers
        for rank in ranked:
            amount, runner = resource.holders[rank[3]]
            worker = None if runner is None else workers.get(runner)
            if worker is not None and self._asked_lately(worker):
                total += amount
        return total
