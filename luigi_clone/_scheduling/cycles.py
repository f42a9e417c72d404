"""Tasks that wait for each other: looked for where one may arise, and where work has come to a halt.

A look never costs more than a given number of steps, so registering and asking cost the same however large
the graph is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from luigi_clone._scheduling.model import TaskRecord
from luigi_clone.task_status import DONE

STEPS = 200
"""Steps of one look."""
QUIET = 1.0
"""Seconds without a new dependency after which all tasks are looked through, if a worker gets nothing."""
MANY = 1_000
"""So many cycles are remembered as reported."""


def cycle_through(tasks: Mapping[str, TaskRecord], task: TaskRecord) -> list[str]:
    """Return the ids of a cycle through ``task`` in order, none if there is none within a few steps."""
    came_from: dict[str, str] = {}
    stack = [task]
    steps = 0
    while stack:
        upper = stack.pop()
        for dep in upper.deps:
            steps += 1
            if dep == task.id:
                return _way_to(upper.id, task.id, came_from)
            other = tasks.get(dep)
            if other is not None and other.deps and other.status is not DONE and dep not in came_from:
                came_from[dep] = upper.id
                stack.append(other)
        if steps >= STEPS:
            break
    return []


def _way_to(last: str, first: str, came_from: Mapping[str, str]) -> list[str]:
    way = [last]
    while way[-1] != first:
        way.append(came_from[way[-1]])
    return way[::-1]


class CycleSearch:
    """A look through all tasks for cycles of any length, a few steps at a time.

    It is about the graph as it was at the beginning: with a new dependency it has to begin anew.
    """

    def __init__(self, tasks: Mapping[str, TaskRecord], version: int) -> None:
        self.version = version
        self.finished = False
        self._tasks = tasks
        self._roots: Iterator[TaskRecord] = iter(list(tasks.values()))
        self._done: set[str] = set()
        self._path: dict[str, Iterator[str]] = {}  # from the root down: id → dependencies still to be seen

    def step(self, steps: int = STEPS) -> Iterable[list[str]]:
        """Go on for some steps; return the cycles that were found, each as ids in order."""
        path, done, found = self._path, self._done, []
        for _ in range(steps):
            if not path:
                if not self._begin():
                    self.finished = True
                    break
                continue
            current, deps = next(reversed(path.items()))
            dep = next(deps, None)
            if dep is None:
                path.popitem()
                done.add(current)
            elif dep in path:
                ids = list(path)
                found.append(ids[ids.index(dep) :])
            elif dep not in done:
                self._enter(dep)
        return found

    def _begin(self) -> bool:
        root = next(self._roots, None)
        if root is not None and root.id not in self._done:
            self._enter(root.id)
        return root is not None

    def _enter(self, task_id: str) -> None:
        task = self._tasks.get(task_id)
        if task is None or not task.deps or task.status is DONE:
            self._done.add(task_id)
        else:
            self._path[task_id] = iter(task.deps)
