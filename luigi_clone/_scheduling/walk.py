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
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Any

from luigi_clone._scheduling.model import Rank, WorkerRecord
from luigi_clone._scheduling.prefix import Prefix
from luigi_clone._scheduling.ready import Bucket, Crew, Gate, Needs, Pool, Resource, first

if TYPE_CHECKING:
    from luigi_clone._scheduling.assignment import Assignment

_CREWS, _QUEUES, _BUCKETS, _TASKS, _MERGED = range(5)  # what a heap on a frontier holds

_FEW = 12  # so many buckets are gone through at once: cheaper than one by one, in order

_Entry = tuple[Rank, int, int, list[Any], int, Any]
_Place = tuple[Rank, int, list[Rank], int, Bucket]  # entry of a bucket's heap; several buckets make one heap


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


class _Slots:
    """The slots of a worker that are not taken yet, as the walk comes down."""

    __slots__ = ("_plain", "_runs", "free", "worker")

    def __init__(self, worker: WorkerRecord, free: float, plain: list[list[Rank]]) -> None:
        self.worker = worker
        self.free = free
        self._runs = worker.ranked
        # tasks without needs that only this worker can run: each takes a slot and nothing else, so it is
        # enough to count them
        self._plain = [(heap[0], number, heap, 0) for number, heap in enumerate(plain)]
        heapify(self._plain)

    def has_one(self, rank: Rank) -> bool:
        """Tell whether a slot is left for a task of ``rank``; ranks come from the best down."""
        plain = self._plain
        while plain and plain[0][0] < rank and self.free > 0:
            best, number, heap, i = heappop(plain)
            self.free -= best[3].rank is best
            for below in (2 * i + 1, 2 * i + 2):
                if below < len(heap):
                    heappush(plain, (heap[below], number, heap, below))
        free, runs = self.free, self._runs
        return free > 0 and (free > len(runs) or free > bisect_left(runs, rank))


class GreedyWalk:
    """One look at the ready tasks on behalf of a worker that asks."""

    def __init__(self, machine: Assignment, asker: WorkerRecord, assistant: bool, now: float) -> None:
        self._machine = machine
        self._asker = asker
        self._assistant = assistant
        self._since = now - machine.settings.worker_disconnect_delay
        self._reserved: dict[Resource, float] = {}
        self._held: dict[Resource, float] = {}  # by tasks of workers that asked lately
        self._slots: dict[WorkerRecord, _Slots] = {}
        # gates and needs that are closed: for what is below the others looked at, and below the candidate
        self._blocked: set[Any] = set()
        self._blocked_below: set[Any] = set()
        self.found = Prefix(now, machine.settings.worker_disconnect_delay)
        self._idle = self.found.idle  # crews whose workers have no free slot left
        self._later: list[Bucket] = []  # buckets of others that are worse than the candidate
        self._candidates = _Frontier()
        self._candidate: _Entry  # the latest
        self._others = _Frontier()

    def run(self, pool: Pool, reach: int) -> Rank | None:
        """Return the task to give, looking for candidates in the crews of ``pool``.

        The walk goes on from there until ``reach`` tasks have reserved something, or the asking worker could
        not take more: it will ask again.
        """
        everyone = self._machine.index.pool_of_everyone()
        everyone.top()
        self._candidates.push(_CREWS, pool.heap, 0, pool)
        self._others.push(_CREWS, everyone.heap, 0, everyone)
        best = rank = self._next_survivor()
        if best is None:
            self.found.content.add(self._asker)
        while rank is not None and len(self.found.takers) < reach and self._take(rank):
            rank = self._next_survivor()
        return best

    def _next_survivor(self) -> Rank | None:
        """Return the best task left that can be given to the asker."""
        while True:
            rank = self._next_candidate()
            if rank is None or not rank[3].needs.gates or self._survives(rank):
                return rank

    def _take(self, rank: Rank) -> bool:
        """Let the latest candidate reserve, as if it were given to the asker; tell whether it could."""
        bucket: Bucket = self._candidate[5]
        if bucket.crew.members != (self._asker,):
            return False
        if not bucket.needs.gates:
            self._survives(rank)  # the others before it have not been looked at yet
        if not self._reserve(rank, bucket):
            return False
        self._candidates.below(self._candidate)
        return True

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
                    self._candidate = entry
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
        frontier, idle = self._others, self._idle
        entries = frontier.entries
        later, self._later = self._later, []
        for bucket in later:
            self._come_to_others(bucket, candidate)
        while entries and entries[0][0] < candidate:
            entry = heappop(entries)
            rank, _, kind, heap, i, owner = entry
            if kind == _MERGED:
                if owner not in idle:
                    # as long as none of the others is better
                    until = entries[0][0] if entries and entries[0][0] < candidate else candidate
                    if not self._go_on_in_crew(heap, owner, candidate, until):
                        return False
            elif kind == _TASKS:
                if owner.crew not in idle and self._reserve(rank, owner):
                    for below in (2 * i + 1, 2 * i + 2):
                        if below < len(heap):
                            frontier.push(_TASKS, heap, below, owner)
                    if self._is_short(candidate):
                        return False
            elif kind == _CREWS or owner.crew not in idle:
                frontier.below(entry)
                node = frontier.arrive(entry)
                if node is not None:
                    self._come_to_others_node(kind, node, rank, candidate)
        return True

    def _go_on_in_crew(self, merged: list[_Place], crew: Crew, candidate: Rank, until: Rank) -> bool:
        """Let a crew's tasks down to ``until`` reserve; tell whether ``candidate`` is still possible."""
        wanted, possible = candidate[3].needs.amounts, True
        # up to and including: a stale entry may be equal to one elsewhere, which would wait for this one
        while possible and merged and not until < merged[0][0]:
            rank, number, heap, i, bucket = merged[0]
            if rank[3].rank is rank:
                if not self._reserve(rank, bucket):
                    if crew in self._idle:
                        return True
                    heappop(merged)
                    continue
                for gate in bucket.needs.gates:
                    if gate.resource.name in wanted and self._is_short(candidate):
                        possible = False  # for the next candidate the walk goes on from here
            left = 2 * i + 1
            if left < len(heap):
                heapreplace(merged, (heap[left], number, heap, left, bucket))
                if left + 1 < len(heap):
                    heappush(merged, (heap[left + 1], number, heap, left + 1, bucket))
            else:
                heappop(merged)
        if merged:
            self._others.push(_MERGED, merged, 0, crew)
        return possible

    def _reserve(self, rank: Rank, bucket: Bucket) -> bool:
        """Let a task reserve a slot and its needs; tell whether to come to those below it in its bucket."""
        if rank[3].rank is not rank:
            return True
        needs, reserved = bucket.needs, self._reserved
        if needs in self._blocked:
            return False
        gates = needs.gates
        for gate in gates:
            resource = gate.resource
            # mostly there is enough, whoever holds the rest
            if reserved.get(resource, 0) + resource.used + gate.amount > resource.limit and (
                self._is_blocked(needs, rank, self._blocked)
            ):
                return False
        members = bucket.crew.members
        slots = self._slots.get(members[0]) if len(members) == 1 and not self._assistant else None
        if slots is None:
            slots = self._free_worker(bucket.crew, rank)
        elif not slots.has_one(rank):
            slots = None
        if slots is None:
            self._idle.setdefault(bucket.crew, rank)
            return False
        slots.free -= 1
        for gate in gates:
            resource = gate.resource
            reserved[resource] = reserved.get(resource, 0) + gate.amount
        self.found.note(rank, bucket.crew, slots.worker)
        return True

    def _is_short(self, candidate: Rank) -> bool:
        """Tell whether the reservations have left too little for ``candidate``."""
        needs, reserved = candidate[3].needs, self._reserved
        for gate in needs.gates:
            rest = gate.resource.limit - gate.resource.used - gate.amount
            if reserved.get(gate.resource, 0) > rest:
                return self._is_blocked(needs, candidate, self._blocked_below)
        return False

    def _come_to_others_node(self, kind: int, node: Any, rank: Rank, candidate: Rank) -> None:
        """Come to a crew, queue or bucket of others, or of tasks that the asker lacks something for."""
        if kind == _CREWS:
            self._come_to_crew(node, rank, candidate)
        elif kind == _QUEUES:
            if node.gate not in self._blocked:
                self._others.come_to_pool(_BUCKETS, node)
        elif node.needs not in self._blocked:
            self._others.come_to_tasks(node)

    def _come_to_crew(self, crew: Crew, rank: Rank, candidate: Rank) -> None:
        """Come to what a crew may reserve, unless its workers are busy with better tasks already."""
        if self._free_worker(crew, rank) is None:
            self._idle.setdefault(crew, rank)
            return
        own = self._asker.id in crew.workers or (self._assistant and crew.runnable)
        # the plain tasks of a single worker: see _Slots
        plain = () if own or len(crew.members) == 1 else (crew.plain,)
        if len(crew.buckets) > _FEW:
            for bucket in plain:
                self._come_to_others(bucket, candidate)
            if not own:
                self._others.come_to_pool(_QUEUES, crew.open)
            self._others.come_to_pool(_QUEUES, crew.shut)
            return
        blocked, merged = self._blocked, []
        for number, bucket in enumerate((*crew.buckets.values(), *plain)):
            if bucket.needs in blocked or (own and not bucket.queue.parked):
                continue
            best = first(bucket.heap)
            if best is None:
                continue
            if best < candidate:
                merged.append((best, number, bucket.heap, 0, bucket))
            else:
                self._later.append(bucket)
        if merged:
            heapify(merged)
            self._others.push(_MERGED, merged, 0, crew)

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

    def _free_worker(self, crew: Crew, rank: Rank) -> _Slots | None:
        """Return the slots of the first worker of ``crew`` that has one free for a task of ``rank``."""
        known = self._slots
        for worker in crew.members:
            slots = known.get(worker) or self._slots_of(worker)
            if slots.free > 0 and slots.has_one(rank):
                return slots
        if self._assistant:
            slots = known.get(self._asker) or self._slots_of(self._asker)
            if slots.has_one(rank):
                return slots
        return None

    def _slots_of(self, worker: WorkerRecord) -> _Slots:
        free = slots_of(worker) if self._asked_lately(worker) else 0
        plain: list[list[Rank]] = []
        # what the asker may run takes no slot: it is given out
        if free > 0 and worker is not self._asker and not self._assistant:
            for crew in worker.pool.live:
                if len(crew.members) == 1 and first(crew.plain.heap):
                    plain.append(crew.plain.heap)  # noqa: PERF401 - first() drops stale entries
        slots = self._slots[worker] = _Slots(worker, free, plain)
        return slots

    def _asked_lately(self, worker: WorkerRecord) -> bool:
        asked = worker.last_get_work
        if asked is None or asked <= self._since:
            return False
        self.found.oldest = min(self.found.oldest, asked)
        return True

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
        workers, holders, since = self._machine.workers, resource.holders, self._since
        for rank in ranked:
            amount, runner = holders[rank[3]]
            worker = None if runner is None else workers.get(runner)
            asked = None if worker is None else worker.last_get_work
            if asked is not None and asked > since:
                total += amount
        return total
