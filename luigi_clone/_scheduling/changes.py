"""Which tasks have changed while somebody looks on, told by the facts that are recorded anyway."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable

from luigi_clone._scheduling.facts import FACTS
from luigi_clone._scheduling.indexed import Fact

_OF_TASKS = frozenset(kind for kind, (fields, _) in FACTS.items() if fields[0] == "task")
_BATCH, _MEMBERS = "batch_started", 3


class Changes:
    """Takes facts, and keeps the ids of the tasks that they are about."""

    def __init__(self) -> None:
        self.tasks: set[str] = set()

    def take(self, facts: Iterable[Fact]) -> None:
        """Look at some facts."""
        add = self.tasks.add
        for fact in facts:
            if fact[0] in _OF_TASKS:
                add(fact[1])
            elif fact[0] == _BATCH:
                self.tasks.update(fact[_MEMBERS])

    def taken(self) -> set[str]:
        """Return the ids since the last time, and forget them."""
        ids, self.tasks = self.tasks, set()
        return ids


class LastChanges:
    """Counts, for many who began to look at different times, the tasks that have changed since.

    Beyond ``most`` tasks the one whose change is longest ago is forgotten, and counted again when it changes.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._at: dict[str, int] = {}
        self._most = most

    def note(self, ids: Iterable[str], turn: int) -> Noted:
        """Note that these tasks have changed in a turn, numbered upwards; return when they had before."""
        at = self._at
        before: dict[str, int] = {}
        for task_id in ids:
            before[task_id] = at.pop(task_id, -1)
            at[task_id] = turn
        while len(at) > self._most:
            del at[next(iter(at))]
        return Noted(before)


class Noted:
    """The tasks that changed in one turn, with the turns in which they had changed before."""

    def __init__(self, before: dict[str, int]) -> None:
        self._before = before
        self._turns = sorted(before.values())

    def new_since(self, turn: int, except_for: Collection[str]) -> int:
        """Return how many of them had not changed since a turn, leaving some tasks out."""
        before = self._before
        known = sum(1 for task_id in except_for if before.get(task_id, turn) < turn)
        return bisect_left(self._turns, turn) - known
