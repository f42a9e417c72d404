"""Where ``complete()`` runs while the graph is walked, and what the walk has seen."""

from __future__ import annotations

import collections
import queue
import traceback
from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.completion import TracebackWrapper
from luigi_clone._task_processes.interpreter import is_aliased, prepare_interpreter

if TYPE_CHECKING:
    from luigi_clone.task import Task


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


Answer = tuple[Any, dict[str, Any]]
"""What ``complete()`` said, and the attributes of the task that it changed."""


def _answer(task: Task) -> Answer:
    """Ask a task in a process of the pool."""
    import pickle

    before = dict(task.__dict__)
    is_complete: bool | TracebackWrapper
    try:
        is_complete = task.complete()
    except Exception:  # whatever user code raises is an answer
        is_complete = TracebackWrapper(traceback.format_exc())
    missing = object()
    changed = {k: v for k, v in task.__dict__.items() if before.get(k, missing) is not v}
    try:
        pickle.dumps(changed)
    except Exception:  # such attributes cannot leave the process
        changed = {}
    return is_complete, changed


def unpicklable_attribute(task: Task) -> str:
    """Say which attribute keeps ``task`` from being pickled."""
    import pickle

    for name, value in task.__dict__.items():
        try:
            pickle.dumps(value)
        except Exception as error:  # noqa: PERF203 - pickling runs user code
            return f"its attribute {name!r} of type {type(value).__name__} ({error})"
    return f"its class {type(task).__module__}.{type(task).__qualname__}"


class CompletionPool:
    """Processes that evaluate ``complete()``; ``get`` takes the answers in the order in which they arrive."""

    def __init__(self, processes: int) -> None:
        import multiprocessing

        self._pool = multiprocessing.Pool(
            processes=processes if processes > 0 else None,
            initializer=prepare_interpreter,
            initargs=(is_aliased(),),
        )
        self._answers: queue.SimpleQueue[tuple[Task, Any]] = queue.SimpleQueue()

    def ask(self, task: Task, completion_cache: MutableMapping[str, bool] | None) -> None:
        """Send ``task`` to a process; its answer arrives in the queue whatever happens."""
        if completion_cache is not None and completion_cache.get(task.task_id):
            self._answers.put((task, True))
            return

        def answered(answer: Answer) -> None:
            is_complete, changed = answer
            task.__dict__.update(changed)
            if completion_cache is not None and is_complete is True:
                completion_cache[task.task_id] = True
            self._answers.put((task, is_complete))

        def failed(error: BaseException) -> None:
            self._answers.put((task, TracebackWrapper(_cannot_ask(task, error))))

        self._pool.apply_async(_answer, [task], callback=answered, error_callback=failed)

    def get(self) -> tuple[Task, Any]:
        """Wait for the next answer."""
        return self._answers.get()

    def close(self) -> None:
        """Take no more questions."""
        self._pool.close()

    def join(self) -> None:
        """Wait for the processes to end."""
        self._pool.join()


def _cannot_ask(task: Task, error: BaseException) -> str:
    import pickle

    try:
        pickle.dumps(task)
    except Exception:  # pickling runs user code
        return (
            f"{task} cannot be sent to a scheduling process because of {unpicklable_attribute(task)}. "
            "Keep such objects out of the task until run(), or turn parallel scheduling off.\n"
        )
    return "".join(traceback.format_exception(error))


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
