"""Ready tasks, ordered so that the next one for a worker is found without looking at the others.

Tasks that differ in nothing but rank share a :class:`Bucket`: they have the same ordered workers,
stakeholders and resource needs. The buckets of one :class:`Crew` (the same workers) stand in queues, one
queue for each :class:`Gate` (an amount of a resource). A gate is open while that amount is free. A bucket
stands in the queue of one of its gates; when the bucket's turn comes and another gate is closed, it moves
to the queue of that one. So a task whose mutex is taken costs nothing until the mutex is free.

All orders are heaps with lazy deletion, each holding a lower bound for each child (:class:`Pool`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Any, Protocol

from luigi_clone._scheduling.model import Rank, TaskRecord

if TYPE_CHECKING:
    from luigi_clone._scheduling.model import WorkerRecord

SLACK = 32  # stale entries that a heap may hold beyond one for each live one


def first(heap: list[Rank]) -> Rank | None:
    """Return the best rank of ``heap`` that is still its task's, dropping stale ones before it."""
    while heap:
        rank = heap[0]
        if rank[3].rank is rank:
            return rank
        heappop(heap)
    return None


def shrink(heap: list[Rank], valid: int) -> None:
    """Drop stale entries when they outnumber the ``valid`` ones."""
    if not valid:
        heap.clear()
    elif len(heap) > 2 * valid + SLACK:
        heap[:] = [rank for rank in heap if rank[3].rank is rank]
        heapify(heap)


class _Ranked(Protocol):
    def top(self) -> Rank | None: ...


class Pool:
    """Children ordered by their best task.

    ``live`` has a lower bound of each child's best rank; the heap has an entry for it, and perhaps stale
    ones.
    """

    __slots__ = ("heap", "live")

    def __init__(self) -> None:
        self.heap: list[tuple[Rank, Any]] = []
        self.live: dict[Any, Rank] = {}

    def offer(self, rank: Rank, child: _Ranked) -> bool:
        """Note that ``child`` has a task of ``rank``; tell whether that is better than what was known."""
        live = self.live
        known = live.get(child)
        if known is not None and known <= rank:
            return False
        live[child] = rank
        heap = self.heap
        if len(heap) > 2 * len(live) + SLACK:
            heap[:] = [(bound, node) for node, bound in live.items()]
            heapify(heap)
        else:
            heappush(heap, (rank, child))
        return True

    def withdraw(self, child: _Ranked) -> None:
        """Forget ``child``."""
        self.live.pop(child, None)
        if not self.live:
            self.heap.clear()

    def bound(self) -> Rank | None:
        """Return a rank that no child's task is better than."""
        heap, live = self.heap, self.live
        while heap:
            rank, child = heap[0]
            if live.get(child) is rank:
                return rank
            heappop(heap)
        return None

    def top(self) -> Rank | None:
        """Return the best rank of all children, or None if nothing is ready."""
        heap, live = self.heap, self.live
        while heap:
            bound, child = heap[0]
            if live.get(child) is not bound:
                heappop(heap)
                continue
            rank = self._top_of(child)
            if rank is bound:
                return rank
            if rank is None:
                # it may have withdrawn itself, or been moved, while it was asked
                if live.get(child) is bound:
                    del live[child]
            elif live.get(child) is bound:
                live[child] = rank
                heapreplace(heap, (rank, child))
        return None

    def _top_of(self, child: Any) -> Rank | None:
        rank: Rank | None = child.top()
        return rank


class Everyone(Pool):
    """All crews, by their best task whether its resources are free or not."""

    __slots__ = ()

    def _top_of(self, child: Any) -> Rank | None:
        rank: Rank | None = child.top_of_all()
        return rank


Holding = tuple[float, str | None]
"""What a running task holds, and the worker that runs it (None: a batch that nobody runs yet)."""


class Resource:
    """A named amount that running tasks share."""

    __slots__ = ("gates", "held_by", "holders", "limit", "name", "ranked", "used", "users", "waiting")

    def __init__(self, name: str, limit: float) -> None:
        self.name = name
        self.limit = limit
        self.used: float = 0
        self.holders: dict[TaskRecord, Holding] = {}
        self.ranked: list[Rank] = []  # the holders from the best rank down
        self.held_by: dict[str | None, float] = {}  # runner → sum of what its tasks hold
        self.gates: dict[float, Gate] = {}
        self.users: list[Rank] = []  # ready tasks that need it; a heap with stale entries
        self.waiting = 0  # how many of them are valid

    def take(self, task: TaskRecord, amount: float, runner: str | None) -> None:
        """Let ``task``, which holds nothing so far, hold ``amount``."""
        self.holders[task] = (amount, runner)
        insort(self.ranked, (-task.priority, task.time, task.seq, task))
        self._use(amount, runner)

    def release(self, task: TaskRecord) -> None:
        """Take back what ``task`` holds; its rank is still what it was then."""
        held = self.holders.pop(task, None)
        if held is not None:
            del self.ranked[bisect_left(self.ranked, (-task.priority, task.time, task.seq, task))]
            self._use(-held[0], held[1])

    def set_limit(self, limit: float) -> None:
        """Change how much there is."""
        self.limit = limit
        self._set_gates()

    def _use(self, change: float, runner: str | None) -> None:
        held_by = self.held_by
        if type(change) is int:
            self.used += change
            rest = held_by.get(runner, 0) + change
            if rest:
                held_by[runner] = rest
            else:
                held_by.pop(runner, None)
        else:  # a running sum of fractions would drift away from the sum of the parts
            self.used = sum(amount for amount, _ in self.holders.values())
            held_by.clear()
            for amount, holder in self.holders.values():
                held_by[holder] = held_by.get(holder, 0) + amount
        self._set_gates()

    def _set_gates(self) -> None:
        for gate in self.gates.values():
            is_open = self.used + gate.amount <= self.limit
            if is_open and not gate.open:
                gate.open = True
                gate.wake()
            else:
                gate.open = is_open


class Gate:
    """``amount`` of ``resource``: open while that much is free."""

    __slots__ = ("amount", "open", "queues", "resource", "uses")

    def __init__(self, resource: Resource, amount: float) -> None:
        self.resource = resource
        self.amount = amount
        self.open = resource.used + amount <= resource.limit
        self.queues: dict[Crew, Queue] = {}
        self.uses = 0  # how many needs have it

    def wake(self) -> None:
        """Let the queues that were found closed be looked at again."""
        for queue in self.queues.values():
            if queue.parked:
                queue.unpark()


class Needs:
    """Resources that a task needs. Equal needs are the same object."""

    __slots__ = ("amounts", "gates", "key", "uses")

    def __init__(self, key: Any, amounts: dict[str, Any], gates: tuple[Gate, ...]) -> None:
        self.key = key
        self.amounts = amounts  # shared: never changed
        self.gates = gates
        self.uses = 0  # how many tasks have them

    def closed_gate(self) -> Gate | None:
        """Return a gate that keeps these tasks from starting, if there is one."""
        for gate in self.gates:
            if not gate.open:
                return gate
        return None

    def busiest_gate(self) -> Gate:
        """Return the gate whose resource most ready tasks want: where waiting together saves most looks."""
        return max(self.gates, key=lambda gate: gate.resource.waiting)


class Bucket:
    """Ready tasks of one crew with the same needs, by rank."""

    __slots__ = ("crew", "heap", "needs", "queue", "size")

    def __init__(self, crew: Crew, needs: Needs) -> None:
        self.crew = crew
        self.needs = needs
        self.heap: list[Rank] = []
        self.size = 0  # entries of the heap that are valid
        self.queue: Queue  # the buckets of tasks without needs have none

    def __lt__(self, other: object) -> bool:
        return False  # heap entries of equal rank: any order will do

    def top(self) -> Rank | None:
        """Return the best rank."""
        return first(self.heap)


class Queue(Pool):
    """Buckets of one crew that stand before the same gate."""

    __slots__ = ("crew", "gate", "parked")

    def __init__(self, crew: Crew, gate: Gate) -> None:
        super().__init__()
        self.crew = crew
        self.gate = gate
        self.parked = not gate.open

    def __lt__(self, other: object) -> bool:
        return False

    def accept(self, rank: Rank, bucket: Bucket) -> None:
        """Put ``bucket`` (whose best task is of ``rank``) in this queue, or tell that it got better."""
        bucket.queue = self
        if self.offer(rank, bucket):
            crew = self.crew
            if self.parked:
                crew.shut.offer(rank, self)
                crew.notify_everyone(rank)
            else:
                crew.open.offer(rank, self)
                crew.notify(rank)

    def park(self) -> None:
        """Step aside until the gate opens."""
        self.parked = True
        self.crew.open.withdraw(self)
        rank = self.bound()
        if rank is not None:
            self.crew.shut.offer(rank, self)

    def unpark(self) -> None:
        """Come back: the gate has opened."""
        self.parked = False
        self.crew.shut.withdraw(self)
        rank = self.bound()
        if rank is not None:
            self.crew.open.offer(rank, self)
            self.crew.notify(rank)

    def _top_of(self, child: Bucket) -> Rank | None:
        rank = child.top()
        if rank is None:
            return None
        gate = child.needs.closed_gate()
        if gate is None:
            return rank
        self.withdraw(child)
        if not self.live:
            self.leave()
        self.crew.queue(gate).accept(rank, child)
        return None

    def leave(self) -> None:
        """Go: nothing stands here any more."""
        del self.crew.queues[self.gate]
        del self.gate.queues[self.crew]


class _ShutQueues(Pool):
    """Queues of a crew whose gate was found closed."""

    __slots__ = ("crew",)

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self.crew = crew


class _OpenQueues(_ShutQueues):
    """Queues of a crew whose gate was open when they were last looked at."""

    __slots__ = ()

    def _top_of(self, child: Queue) -> Rank | None:
        if not child.gate.open:
            child.park()
            return None
        return child.top()


class Crew:
    """Ordered workers that may run a task, whether an assistant may, and who has a stake in it.

    Every task has a crew; tasks with equal ones share the object.
    """

    __slots__ = (
        "blank",
        "buckets",
        "everyone",
        "members",
        "open",
        "pending",
        "plain",
        "pools",
        "queues",
        "runnable",
        "shut",
        "stakeholders",
        "successors",
        "tasks",
        "workers",
    )

    def __init__(
        self,
        workers: tuple[str, ...],
        runnable: bool,
        stakeholders: frozenset[str],
        members: tuple[WorkerRecord, ...],
        no_needs: Needs,
    ) -> None:
        self.workers = workers
        self.runnable = runnable
        self.stakeholders = stakeholders
        self.members = members
        self.blank = not workers and not runnable  # nobody has said that it can run the task
        self.tasks: dict[str, TaskRecord] = {}
        self.pending = 0  # how many of them are PENDING
        self.successors: dict[tuple[str, bool, bool], Crew] = {}
        self.plain = Bucket(self, no_needs)
        self.buckets: dict[Needs, Bucket] = {}
        self.queues: dict[Gate, Queue] = {}
        self.open = _OpenQueues(self)
        self.shut = _ShutQueues(self)
        self.pools: list[Pool] = [member.pool for member in members]
        self.everyone: Pool | None = None

    def __lt__(self, other: object) -> bool:
        return False

    def top(self) -> Rank | None:
        """Return the rank of the best task whose resources are free."""
        plain = self.plain.top()
        if not self.open.heap:
            return plain
        rank = self.open.top()
        if plain is None or (rank is not None and rank < plain):
            return rank
        return plain

    def top_of_all(self) -> Rank | None:
        """Return a rank that no ready task of the crew is better than."""
        rank, shut = self.top(), self.shut.bound()
        return shut if rank is None or (shut is not None and shut < rank) else rank

    def notify(self, rank: Rank) -> None:
        """Tell those who watch the crew that a task of ``rank`` can be given out."""
        for pool in self.pools:
            pool.offer(rank, self)
        if self.everyone is not None:
            self.everyone.offer(rank, self)

    def notify_everyone(self, rank: Rank) -> None:
        """Tell of a task that waits for a resource."""
        if self.everyone is not None:
            self.everyone.offer(rank, self)

    def queue(self, gate: Gate) -> Queue:
        """Return the queue before ``gate``."""
        queue = self.queues.get(gate)
        if queue is None:
            queue = self.queues[gate] = gate.queues[self] = Queue(self, gate)
        return queue

    def add(self, task: TaskRecord) -> None:
        """Take in a task with needs that has become ready and has its rank."""
        rank = task.rank
        assert rank is not None
        needs = task.needs
        for gate in needs.gates:
            gate.resource.waiting += 1
            heappush(gate.resource.users, rank)
        found = self.buckets.get(needs)
        if found is None:
            found = self.buckets[needs] = Bucket(self, needs)
            found.queue = self.queue(needs.closed_gate() or needs.busiest_gate())
        found.size += 1
        heappush(found.heap, rank)
        if found.heap[0] is rank:
            found.queue.accept(rank, found)

    def drop(self, task: TaskRecord) -> None:
        """Forget a task with needs that was ready; it has no rank any more."""
        needs = task.needs
        for gate in needs.gates:
            resource = gate.resource
            resource.waiting -= 1
            shrink(resource.users, resource.waiting)
        bucket = self.buckets[needs]
        bucket.size -= 1
        shrink(bucket.heap, bucket.size)
        if not bucket.size:
            self._remove(bucket)

    def _remove(self, bucket: Bucket) -> None:
        del self.buckets[bucket.needs]
        queue = bucket.queue
        queue.withdraw(bucket)
        if not queue.live:
            queue.leave()
            (self.shut if queue.parked else self.open).withdraw(queue)
