"""What a walk has found, kept for the workers that ask next.

The reservations that a walk makes on its way down do not depend on who asks: the first task that the asking
worker could be given ends the walk, and all before it reserve as they would for anybody else. A task that has
reserved something is therefore what the walk of another worker of its crew would end at, if what it needs is
free and nothing better of that worker has been passed over. When the worker whose slot a task has reserved is
given it, the task holds what it had reserved, so everything found stays true; whatever else changes the ready
or running tasks, the resources or the workers voids it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from luigi_clone._scheduling.model import Rank, TaskRecord
from luigi_clone._scheduling.ready import Crew, first

if TYPE_CHECKING:
    from luigi_clone._scheduling.model import WorkerRecord

_MANY = 12  # of so many crews a worker does not look for the best one here


class Prefix:
    """The reservations from the best rank down to where a walk ended."""

    __slots__ = ("_delay", "_made", "_passed", "_position", "content", "idle", "oldest", "takers")

    def __init__(self, now: float, delay: float) -> None:
        self._made = now
        self._delay = delay
        self._passed: dict[Crew, deque[Rank]] = {}  # tasks that reserved something, by rank
        self._position: Rank | None = None  # of the worst of them
        self.takers: dict[TaskRecord, WorkerRecord] = {}  # whose slot each of them reserved
        self.idle: dict[Crew, Rank] = {}  # crews without a free slot for tasks of this rank and worse ones
        self.content: set[WorkerRecord] = set()  # workers for which there was nothing
        self.oldest = now  # least recent request of a worker that counts as having asked lately

    def note(self, rank: Rank, crew: Crew, taker: WorkerRecord) -> None:
        """Note that a task reserved its needs and a slot of ``taker``; ranks come from the best down."""
        self.takers[rank[3]] = taker
        self._position = rank
        passed = self._passed.get(crew)
        if passed is None:
            self._passed[crew] = deque((rank,))
        else:
            passed.append(rank)

    def holds(self, now: float, delay: float) -> bool:
        """Tell whether those who had asked lately are still the same, as far as time decides it."""
        return self._made <= now and self._delay == delay and self.oldest > now - delay

    def outlasts(self, rank: Rank, runner: WorkerRecord) -> bool:
        """Tell whether all this stays true when ``runner`` is given the ready task of ``rank``."""
        taker = self.takers.get(rank[3])
        if taker is not None:
            return taker is runner
        if self._position is None or rank > self._position:
            return True
        # a task without needs that only one worker can run has always taken its slot
        return not rank[3].needs.gates and rank[3].crew.members == (runner,)

    def best_for(self, asker: WorkerRecord) -> Rank | None:
        """Return what a walk for ``asker`` would end at; None if that cannot be told."""
        crews = asker.pool.live
        if self._position is None or len(crews) > _MANY:
            return None
        best: Rank | None = None
        for crew in crews:
            passed = self._front(crew)
            if passed is not None and (best is None or passed < best):
                best = passed
            if len(crew.members) == 1:
                plain = first(crew.plain.heap)
                if plain is not None and plain < (best or self._position):
                    best = plain
        if best is not None:
            for crew in crews:
                idle = self.idle.get(crew)
                if idle is not None and idle < best:
                    return None  # tasks that find no free slot were not looked at
        return best

    def _front(self, crew: Crew) -> Rank | None:
        """Return the best task of ``crew`` that reserved something and can be given out."""
        passed = self._passed.get(crew)
        while passed:
            rank = passed[0]
            # what is closed stays so: only a release opens a gate
            if rank[3].rank is rank and rank[3].needs.closed_gate() is None:
                return rank
            passed.popleft()
        return None
