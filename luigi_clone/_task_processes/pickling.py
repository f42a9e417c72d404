"""What keeps a task from travelling to another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luigi_clone.task import Task


def unpicklable_attribute(task: Task) -> str:
    """Say which attribute keeps ``task`` from being pickled."""
    import pickle

    for name, value in task.__dict__.items():
        try:
            pickle.dumps(value)
        except Exception as error:  # noqa: PERF203 - pickling runs user code
            return f"its attribute {name!r} of type {type(value).__name__} ({error})"
    return f"its class {type(task).__module__}.{type(task).__qualname__}"


def cannot_travel(task: Task, where: str) -> str:
    """Say why ``task`` cannot be sent to ``where``, and what to do about it."""
    import pickle

    try:
        pickle.dumps(task)
    except Exception:  # pickling runs user code
        why = unpicklable_attribute(task)
    else:
        why = "what surrounds it"
    return (
        f"{task} cannot be sent to {where} because of {why}. Keep such objects out of the task until run(),"
        " or let its worker fork: [worker] executor = process."
    )
