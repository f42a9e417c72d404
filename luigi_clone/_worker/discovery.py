"""Where answers are kept while the graph is walked, asking in bulk, and finding cycles."""

from __future__ import annotations

import collections
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")


class SingleProcessPool:
    """A pool without processes: what is applied runs at once."""

    __module__ = "luigi_clone.worker"

    def apply_async(self, func: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Call ``func(*args)`` now."""
        return func(*args)

    def close(self) -> None:
        """Nothing to close."""

    def join(self) -> None:
        """Nothing to wait for."""


class DequeQueue(collections.deque[Any]):
    """A stack with the two methods of a queue that the walk uses."""

    __module__ = "luigi_clone.worker"

    def put(self, obj: Any, block: bool | None = None, timeout: float | None = None) -> None:
        """Put an item on top."""
        self.append(obj)

    def get(self, block: bool | None = None, timeout: float | None = None) -> Any:
        """Take the item on top."""
        return self.pop()


def offers_bulk(cls: type[Task]) -> bool:
    """Tell whether a class has a ``bulk_complete`` that is more than asking each task.

    Only where every parameter is positional can its tasks be named by their values.
    """
    from luigi_clone.task import MixinNaiveBulkComplete, Task

    function = getattr(cls.bulk_complete, "__func__", None)
    plain = (Task.bulk_complete.__func__, MixinNaiveBulkComplete.bulk_complete.__func__)  # type: ignore[attr-defined]
    params = cls.get_params()
    return function not in plain and bool(params) and all(param.positional for _, param in params)


def complete_in_bulk(tasks: list[Task]) -> list[bool] | None:
    """Ask tasks of one class by ``bulk_complete``; ``None`` when each must be asked by itself.

    The class gets the value of its only parameter, or tuples of the values of all parameters in their order.
    """
    cls = type(tasks[0])
    names = [name for name, _ in cls.get_params()]
    values: list[Any] = [tuple(task.param_kwargs[name] for name in names) for task in tasks]
    if len(names) == 1:
        values = [value for (value,) in values]
        if any(isinstance(value, tuple | list | dict) for value in values):
            # it would be taken for the values of several parameters
            return None
    logger.debug("Checking which of %d tasks %s are complete", len(tasks), cls.task_family)
    try:
        complete = set(cls.bulk_complete(values))
        return [value in complete for value in values]
    except Exception:  # user code; complete() may still work, or fail with an error that names its task
        logger.debug("bulk_complete of %s failed, asking each task", cls.task_family, exc_info=True)
        return None


_MOST_CYCLES = 20


def find_cycles(edges: dict[str, list[str]]) -> list[list[str]]:
    """Return cycles of a graph, each as the ids along it, the first one repeated at the end.

    Every node that lies on a cycle reaches one of those returned, as long as there are no more than a few.
    The cost is linear in nodes and edges.
    """
    waiting = dict.fromkeys(edges, 0)
    for targets in edges.values():
        for target in targets:
            if target in waiting:
                waiting[target] += 1
    free = [node for node, count in waiting.items() if count == 0]
    while free:
        node = free.pop()
        del waiting[node]
        for target in edges[node]:
            if target in waiting:
                waiting[target] -= 1
                if waiting[target] == 0:
                    free.append(target)
    return _cycles_among(waiting, edges) if waiting else []


def _cycles_among(nodes: dict[str, int], edges: dict[str, list[str]]) -> list[list[str]]:
    """Walk depth first, with a stack of its own, and note each edge back into the path."""
    cycles: list[list[str]] = []
    place: dict[str, int] = {}  # node -> index in the path, -1 once it is left
    for root in nodes:
        if root in place:
            continue
        path = [root]
        place[root] = 0
        stack = [iter(edges[root])]
        while stack:
            for target in stack[-1]:
                index = place.get(target)
                if index is None and target in nodes:
                    place[target] = len(path)
                    path.append(target)
                    stack.append(iter(edges[target]))
                    break
                if index is not None and index >= 0:
                    cycles.append([*path[index:], target])
                    if len(cycles) == _MOST_CYCLES:
                        return cycles
            else:
                stack.pop()
                place[path.pop()] = -1
    return cycles
