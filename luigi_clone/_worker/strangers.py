"""Tasks that a worker did not register itself: the scheduler names their module, family and parameters."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from luigi_clone.task_register import Register, _own_module, load_task

if TYPE_CHECKING:
    from luigi_clone.task import Task

ANY = "*"

ASSISTANT_WARNING = (
    "As an assistant this worker imports and runs whatever task the scheduler names: anybody who may call "
    "the scheduler can register one. [worker] assistant_modules limits it to modules that you name"
)


class ModuleNotAllowedError(Exception):
    """The scheduler named a task of a module that ``[worker] assistant_modules`` leaves out."""


class Strangers:
    """Loads tasks of others; ``patterns`` are modules and packages, with ``*`` for any text."""

    def __init__(self, patterns: str) -> None:
        self._patterns = [_plain(pattern) for pattern in patterns.replace(",", " ").split()]

    @property
    def any_is_welcome(self) -> bool:
        """Tell whether tasks of every module are run."""
        return ANY in self._patterns

    def load(self, reply: dict[str, Any], own_tasks: Iterable[Task]) -> Task:
        """Return the task that a reply to ``get_work`` describes.

        Tasks of the classes of ``own_tasks`` are always run. Raises ModuleNotAllowedError before anything is
        imported that is not allowed, and whatever importing and parsing raises.
        """
        module, family = reply.get("task_module"), reply["task_family"]
        if not self.any_is_welcome:
            self._check(module, family, own_tasks)
        return load_task(module=module, task_name=family, params_str=reply["task_params"])

    def _check(self, module: str | None, family: str, own_tasks: Iterable[Task]) -> None:
        if any(task.task_family == family and module in (None, task.task_module) for task in own_tasks):
            return
        if module is not None:
            self._check_module(module, family)
            __import__(_own_module(module))
        # A module that may be imported does not make every class known to this process a task of it.
        self._check_module(Register.get_task_cls(family).__module__, family)

    def _check_module(self, module: str, family: str) -> None:
        name = _plain(module)
        for pattern in self._patterns:
            if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*"):
                return
        raise ModuleNotAllowedError(
            f"{family} is a task of the module {module}, which [worker] assistant_modules of this worker "
            f"does not name (it names: {', '.join(self._patterns) or 'none'})"
        )


def _plain(module: str) -> str:
    """Return one name of a module of the framework, which has Luigi's as well as its own."""
    root, dot, rest = module.partition(".")
    return f"luigi{dot}{rest}" if root == "luigi_clone" else module
