"""Asking a task whether it is complete, on behalf of the scheduling phase and of task processes."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")


class TaskException(Exception):  # noqa: N818 - Luigi's name
    """A task cannot be scheduled or did not do what it promised."""

    # Tracebacks and pickles name the module in which users know the class.
    __module__ = "luigi_clone.worker"


class AsyncCompletionException(Exception):  # noqa: N818 - Luigi's name
    """``complete()`` raised, perhaps in another process; ``trace`` is the formatted traceback."""

    __module__ = "luigi_clone.worker"

    def __init__(self, trace: str) -> None:
        self.trace = trace


class TracebackWrapper:
    """Stands for the answer of a ``complete()`` that raised; ``trace`` is the formatted traceback."""

    __module__ = "luigi_clone.worker"

    def __init__(self, trace: str) -> None:
        self.trace = trace


class CompletionCache(dict[str, bool]):
    """Task id to ``True``, for the tasks that were found complete.

    ``fresh`` lists what was added: in a task process, for the worker to learn; in the worker, for the
    processes that stay.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fresh: list[str] = []

    def __setitem__(self, task_id: str, is_complete: bool) -> None:
        super().__setitem__(task_id, is_complete)
        self.fresh.append(task_id)

    def learn(self, task_ids: list[str]) -> None:
        """Take over what a task process has found."""
        for task_id in task_ids:
            if task_id not in self:
                self[task_id] = True


class AnswerSink(Protocol):
    """Where :func:`check_complete` puts the pair of task and answer."""

    def put(self, item: Any, /) -> Any:
        """Take one pair."""


def check_complete_cached(task: Task, completion_cache: MutableMapping[str, bool] | None = None) -> bool:
    """Return ``task.complete()``; positive answers are kept in ``completion_cache`` when one is given."""
    if completion_cache is None:
        return task.complete()
    if completion_cache.get(task.task_id):
        return True
    is_complete = task.complete()
    if is_complete:
        completion_cache[task.task_id] = is_complete
    return is_complete


def check_complete(
    task: Task, out_queue: AnswerSink, completion_cache: MutableMapping[str, bool] | None = None
) -> None:
    """Put ``(task, answer)`` on ``out_queue``; an exception becomes a :class:`TracebackWrapper`."""
    logger.debug("Checking if %s is complete", task)
    is_complete: bool | TracebackWrapper
    try:
        is_complete = check_complete_cached(task, completion_cache)
    except Exception:  # whatever user code raises is an answer
        is_complete = TracebackWrapper(traceback.format_exc())
    out_queue.put((task, is_complete))


def is_external(task: Task) -> bool:
    """Tell whether ``task`` only names data that something else makes."""
    run: Any = task.run
    return run is None or run == NotImplemented
