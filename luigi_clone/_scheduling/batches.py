"""Ready tasks that may be run as one: by family, parameters that are not batched, and needs."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from luigi_clone._scheduling.model import Rank, TaskRecord
from luigi_clone._scheduling.ready import shrink

_Key = tuple[Any, ...]


class _Group:
    __slots__ = ("heap", "size")

    def __init__(self) -> None:
        self.heap: list[Rank] = []
        self.size = 0


class Grouping:
    """The ready batchable tasks of one family, for one choice of batched parameters."""

    __slots__ = ("_groups", "batched_args")

    def __init__(self, batched_args: tuple[str, ...]) -> None:
        self.batched_args = batched_args
        self._groups: dict[_Key, _Group] = {}

    def _key(self, task: TaskRecord) -> _Key | None:
        params, batched = task.params, self.batched_args
        for name in batched:
            if name not in params:
                return None
        rest = sorted((name, value) for name, value in params.items() if name not in batched)
        return (task.needs, *((name, value if type(value) is str else repr(value)) for name, value in rest))

    def add(self, task: TaskRecord) -> None:
        """Take in a task that has become ready."""
        key = self._key(task)
        if key is None:
            return
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group()
        group.size += 1
        assert task.rank is not None
        heappush(group.heap, task.rank)

    def drop(self, task: TaskRecord) -> None:
        """Forget a task that is not ready any more."""
        key = self._key(task)
        group = None if key is None else self._groups.get(key)
        if group is None:
            return
        group.size -= 1
        if group.size:
            shrink(group.heap, group.size)
        else:
            assert key is not None
            del self._groups[key]

    def companions(self, task: TaskRecord, limit: float, crew_member: str | None) -> list[TaskRecord]:
        """Return up to ``limit`` tasks of lower rank than ``task`` that can be run together with it, by rank.

        With ``crew_member``, only those that this worker may run.
        """
        key = self._key(task)
        group = None if key is None else self._groups.get(key)
        found: list[TaskRecord] = []
        if group is None or task.rank is None:
            return found
        heap, passed = group.heap, []
        while heap and len(found) < limit:
            rank = heappop(heap)
            other = rank[3]
            if other.rank is not rank:
                continue
            passed.append(rank)
            if rank > task.rank and (crew_member is None or crew_member in other.crew.workers):
                found.append(other)
        for rank in passed:
            heappush(heap, rank)
        return found
