"""Tasks in any nesting: what ``requires()`` and ``output()`` return and a running task yields.

Users find these names in :mod:`luigi_clone.task`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from luigi_clone.task_register import Register

_MISSING: Any = object()


class DynamicRequirements:
    """Tasks for ``run`` to yield, with a check of their completeness of their own.

    ``custom_complete`` is called with the function that tells whether one task is complete.
    """

    __module__ = "luigi_clone.task"

    def __init__(
        self,
        requirements: Any,
        custom_complete: Callable[[Callable[[Any], bool]], bool] | None = None,
    ) -> None:
        self.requirements = requirements
        self.custom_complete = custom_complete
        self._flat_requirements: list[Any] | None = None
        self._paths: Any = _MISSING

    @property
    def flat_requirements(self) -> list[Any]:
        """The tasks as a list."""
        if self._flat_requirements is None:
            self._flat_requirements = flatten(self.requirements)
        return self._flat_requirements

    @property
    def paths(self) -> Any:
        """Their outputs, in the structure of the requirements; what the generator receives."""
        if self._paths is _MISSING:
            self._paths = getpaths(self.requirements)
        return self._paths

    def complete(self, complete_fn: Callable[[Any], bool] | None = None) -> bool:
        """Tell whether the tasks are complete; ``complete_fn`` says so of one task."""
        if complete_fn is None:

            def complete_fn(task: Any) -> bool:
                return bool(task.complete())

        if self.custom_complete:
            return self.custom_complete(complete_fn)
        return all(complete_fn(task) for task in self.flat_requirements)


def getpaths(struct: Any) -> Any:
    """Return the structure with each task replaced by its output.

    Raises ``Exception`` for what is neither a task nor holds any.
    """
    if isinstance(type(struct), Register):  # a task
        return struct.output()
    if isinstance(struct, dict):
        pairs = ((key, getpaths(value)) for key, value in struct.items())
        kind: Any = type(struct)
        return kind(struct.default_factory, pairs) if hasattr(struct, "default_factory") else kind(pairs)
    if isinstance(struct, list | tuple):
        paths = (getpaths(item) for item in struct)
        make = getattr(struct, "_make", None)  # a named tuple
        return make(paths) if make is not None else type(struct)(paths)
    message = f"Cannot map {struct} to Task/dict/list"
    if isinstance(struct, str) and struct:
        # each letter of a text is a text again, without end
        raise Exception(message)  # noqa: TRY002 - Luigi's
    try:
        items = iter(struct)
    except TypeError:
        raise Exception(message)  # noqa: B904, TRY002 - Luigi's, with its context in the traceback
    return [getpaths(item) for item in items]


def flatten(struct: Any) -> list[Any]:
    """Return the items of any nesting of dicts and iterables as a list; a single item as a list of one."""
    kind = type(struct)
    if getattr(kind, "__iter__", None) is None and getattr(kind, "__getitem__", None) is None:
        return [] if struct is None else [struct]
    flat: list[Any] = []
    _flatten_into(flat, struct, set())
    return flat


def _flatten_into(flat: list[Any], struct: Any, leaves: set[type]) -> None:
    """Append the items of ``struct``; ``leaves`` are types of which it is known that they hold no items."""
    if isinstance(struct, str):
        flat.append(struct)
        return
    try:
        items = iter(struct.values() if isinstance(struct, dict) else struct)
    except TypeError:
        flat.append(struct)
        return
    for item in items:
        kind = type(item)
        if kind in leaves:
            flat.append(item)
        elif item is None:
            continue
        elif getattr(kind, "__iter__", None) is None and getattr(kind, "__getitem__", None) is None:
            leaves.add(kind)
            flat.append(item)
        else:
            _flatten_into(flat, item, leaves)


def flatten_output(task: Any) -> list[Any]:
    """Return the outputs of the task, or, while there are none, of what it requires, each task once."""
    outputs = []
    pending = deque([task])
    seen = {task}
    while pending:
        current = pending.popleft()
        own = flatten(current.output())
        if own:
            outputs += own
            continue
        for required in flatten(current.requires()):
            if required not in seen:
                seen.add(required)
                pending.append(required)
    return outputs
