"""What a worker tells the scheduler of the families of its tasks, for people who look at its pages."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from luigi_clone._parameters.base import ParameterVisibility, _no_value
from luigi_clone._worker.talking import Talking, offered

if TYPE_CHECKING:
    from luigi_clone.parameter import Parameter
    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")

_LONGEST_DOC = 65_536
_LONGEST_TEXT = 4_000
_WORDS = {
    ParameterVisibility.PUBLIC: "public",
    ParameterVisibility.HIDDEN: "hidden",
    ParameterVisibility.PRIVATE: "private",
}


class Announcing(Talking):
    """The part of a worker that describes families."""

    def _announce_family(self, task: Task) -> None:
        """Describe the family of a task, once, together with what is told anyway.

        A scheduler that takes one call at a time, as Luigi's does, is not told.
        """
        family = task.task_family
        if family in self._families_told:
            return
        mention = offered(self._scheduler, "mention")
        if mention is None:
            self._families_told.add(family)
            return
        try:
            described = description_of(task)
        except Exception:  # user code; the pages do without
            logger.debug("Could not describe the family %s", family, exc_info=True)
            self._families_told.add(family)
            return
        if mention("announce_family", worker=self._id, family=family, **described):
            self._families_told.add(family)


def description_of(task: Task) -> dict[str, Any]:
    """Return docstring, module and parameters of a task's class."""
    cls = type(task)
    doc = cls.__doc__
    return {
        "module": task.task_module,
        "doc": None if doc is None else _cut(doc, _LONGEST_DOC),
        "parameters": [_described(name, parameter) for name, parameter in task.get_params()],
    }


def _described(name: str, parameter: Parameter[Any]) -> dict[str, Any]:
    visibility = _WORDS.get(parameter.visibility, "private")
    default = None if visibility == "private" else _default_of(parameter)
    description = parameter.description
    told = None if description is None else _cut(str(description), _LONGEST_TEXT)
    return {"name": name, "visibility": visibility, "description": told, "default": default}


def _default_of(parameter: Parameter[Any]) -> str | None:
    """Return the default that the class gives, not the configuration, which may hold what is secret."""
    default = parameter._default
    if default is _no_value:
        return None
    try:
        return _cut(str(parameter.serialize(default)), _LONGEST_TEXT)
    except Exception:  # user code, which may take other values than it was made for
        return _cut(str(default), _LONGEST_TEXT)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
