"""Writes the tasks of one family on one line of the execution summary.

When a range, a list or only a number is shown is Luigi's rule, number for number: people and scripts read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from luigi_clone.parameter import Parameter, ParameterVisibility
from luigi_clone.task import Task

_MASKED = "***"
_LIST_SOFT_LIMIT, _LIST_HARD_LIMIT = 30, 200


def family_line(tasks: Sequence[Task]) -> str:
    """Return ``- 3 Family(a=0...2, b=x)`` for the tasks of one family, without indentation."""
    count = len(tasks)
    family = tasks[0].task_family
    parameters = tasks[0].get_params()
    if not parameters:
        return f"- {count} {family}()"
    names_length = sum(len(name) for name, _ in parameters)
    if names_length > 60:
        return f"- {count} {family}(...)"
    texts = _texts(tasks)
    first = min(texts)
    several = len(parameters) > 1
    if len(first) > 200 or (count == 2 and several and (names_length > 40 or len(first) > 100)):
        return f"- {count} {family}(...)"
    if not several:
        return f"- {count} {family}({_one_parameter(tasks, texts, *parameters[0])})"
    if count > 2:
        ranging = _one_ranging_parameter(tasks, parameters)
        return f"- {count} {first} ..." if ranging is None else f"- {count} {family}({ranging})"
    return f"- 1 {first}" if count == 1 else f"- 2 {first} and {max(texts)}"


def _texts(tasks: Sequence[Task]) -> list[str]:
    """Return the string form of each task; for a class with Luigi's own, column by column."""
    cls = type(tasks[0])
    table = cls._renew_parameter_table()
    if (
        cls.__repr__ is not Task.__repr__
        or cls.__str__ is not object.__str__
        or table.custom_values
        or table.family is None
        or any(type(task) is not cls for task in tasks)
    ):
        return [str(task) for task in tasks]
    columns = []
    for label, name, normalize, serialize in table.shown:
        values = [task.param_kwargs[name] for task in tasks]
        if normalize is not None:
            values = list(map(normalize, values))
        columns.append([label + serialize(value) for value in values])
    if len(columns) == 1:
        return [f"{table.family}({text})" for text in columns[0]]
    if not columns:
        return [f"{table.family}()"] * len(tasks)
    return [f"{table.family}({', '.join(row)})" for row in zip(*columns, strict=True)]


def _one_parameter(tasks: Sequence[Task], texts: Sequence[str], name: str, parameter: Parameter[Any]) -> str:
    """Return ``p=0...9``, or ``p=0,1,12,...`` in the order of the tasks' string form."""
    if parameter.visibility == ParameterVisibility.PRIVATE:
        return f"{name}={_MASKED}"
    values = _values(tasks, name, parameter)
    if len(values) > 3:
        ends = _range_ends(_distinct(values, parameter), parameter)
        if ends is not None:
            return f"{name}={ends}"
    order = sorted(range(len(texts)), key=texts.__getitem__)
    text, last = "", len(order) - 1
    for index, position in enumerate(order):
        if index:
            text += ","
            if len(text) > _LIST_HARD_LIMIT or (len(text) >= _LIST_SOFT_LIMIT and 2 < index < last):
                text += "..."
                break
        text += parameter.serialize(values[position])
    return f"{name}={text}"


def _one_ranging_parameter(
    tasks: Sequence[Task], parameters: Sequence[tuple[str, Parameter[Any]]]
) -> str | None:
    """Return ``a=0...2, b=x`` when one parameter alone varies and its values form a range, else None."""
    varying: tuple[Parameter[Any], dict[Any, Any]] | None = None
    for name, parameter in parameters:
        distinct = _distinct(_values(tasks, name, parameter), parameter)
        if len(distinct) > 1:
            if varying is not None:
                return None
            varying = (parameter, distinct)
    if varying is None or len(varying[1]) < 3:
        return None
    ends = _range_ends(varying[1], varying[0])
    if ends is None:
        return None
    parts = []
    for name, parameter in parameters:
        if parameter.visibility == ParameterVisibility.PRIVATE:
            parts.append(f"{name}={_MASKED}")
        elif parameter is varying[0]:
            parts.append(f"{name}={ends}")
        else:
            parts.append(f"{name}={parameter.serialize(getattr(tasks[0], name))}")
    return ", ".join(parts)


def _values(tasks: Sequence[Task], name: str, parameter: Parameter[Any]) -> list[Any]:
    if type(parameter).__get__ is Parameter.__get__:
        # what the descriptor does, without a call for each task
        return [task.__dict__[name] for task in tasks]
    return [getattr(task, name) for task in tasks]


def _distinct(values: Iterable[Any], parameter: Parameter[Any]) -> dict[Any, Any]:
    """Return the different values as keys; values that cannot be hashed are told apart by their text."""
    try:
        return dict.fromkeys(values)
    except TypeError:
        return dict.fromkeys(parameter.serialize(value) for value in values)


def _range_ends(distinct: dict[Any, Any], parameter: Parameter[Any]) -> str | None:
    """Return ``first...last`` when each value but the last is followed by another one, else None."""
    successor = parameter.next_in_enumeration
    try:
        following = {successor(value): value for value in distinct}
    except Exception:  # a user's enumeration: without it there is no range, but a summary
        return None
    beginnings = [value for value in distinct if value not in following]
    beyond = [value for value in following if value not in distinct]
    if len(beginnings) != 1 or len(beyond) != 1:
        return None
    return f"{parameter.serialize(beginnings[0])}...{parameter.serialize(following[beyond[0]])}"
