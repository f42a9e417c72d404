"""Checks of what callers send, made before anything is changed.

Only what would poison the state is refused: a value that a later comparison, sum or look-up would fail on,
for every worker. A scalar where text is expected is taken as its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any

from luigi_clone._scheduling.model import STATUSES, RetryPolicy


class ArgumentError(ValueError):
    """An argument that cannot be taken; nothing was changed.

    One kind of error for the wrong type and the wrong value: callers are far away, and get its text.
    """


class ConflictError(ArgumentError):
    """What is told is about a state of things that has passed; nothing was changed."""


def _refusal(reason: str) -> ArgumentError:
    return ArgumentError(reason)


def identifier(name: str, value: Any) -> str:
    """Return the id of a task or worker as text. Raises ValueError if there is none."""
    if isinstance(value, str):
        return value
    if value is None or not isinstance(value, (int, float)):
        raise _refusal(f"{name} must be a text, not {value!r}")
    return str(value)


def status(value: Any) -> str:
    """Return the status that is meant. Raises ValueError for one that does not exist."""
    known = STATUSES.get(value) if isinstance(value, str) else None
    if known is None:
        raise _refusal(f"status must be one of {', '.join(STATUSES)}, not {value!r}")
    return known


def number(name: str, value: Any) -> Any:
    """Return ``value`` if it is a number that can be compared. Raises ValueError otherwise."""
    if isinstance(value, (int, float)) and not isnan(value):
        return value
    raise _refusal(f"{name} must be a number, not {value!r}")


def ids(name: str, value: Any) -> tuple[str, ...]:
    """Return task ids without repetition. Raises ValueError if ``value`` is not a list of ids."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise _refusal(f"{name} must be a list of task ids, not {value!r}")
    found = tuple(one if type(one) is str else identifier(f"an element of {name}", one) for one in value)
    return found if len(found) < 2 else tuple(dict.fromkeys(found))


def amounts(name: str, value: Any) -> dict[str, Any]:
    """Return resource name → amount. Raises ValueError unless all amounts are numbers of zero or more."""
    if not isinstance(value, Mapping):
        raise _refusal(f"{name} must map names to amounts, not {value!r}")
    return {str(resource): amount(name, resource, one) for resource, one in value.items()}


def decreases(value: Any) -> dict[str, Any]:
    """Return resource name → amount to give back. Raises ValueError unless all amounts are numbers."""
    if not isinstance(value, Mapping):
        raise _refusal(f"decrease_resources must map names to amounts, not {value!r}")
    return {str(resource): number(f"the decrease of {resource!r}", one) for resource, one in value.items()}


def amount(name: str, resource: Any, value: Any) -> Any:
    """Return one amount of a resource. Raises ValueError unless it is a number of zero or more."""
    if type(value) is int and value >= 0:
        return value
    if not isinstance(value, (int, float)) or not value >= 0:
        raise _refusal(f"{name}: the amount of {resource!r} must be a number of zero or more, not {value!r}")
    return int(value) if isinstance(value, bool) else value


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a copy of a mapping with text keys. Raises ValueError if it is none."""
    if type(value) is dict:
        return dict(value)
    if not isinstance(value, Mapping):
        raise _refusal(f"{name} must be a mapping of names to values, not {value!r}")
    return {str(key): one for key, one in value.items()}


def visibilities(value: Any) -> dict[str, Any]:
    """Return parameter name → visibility. Raises ValueError if one is not a number."""
    found = mapping("param_visibilities", value)
    for name, one in found.items():
        number(f"the visibility of parameter {name!r}", one)
    return found


def retry_policy(value: Any, default: RetryPolicy) -> RetryPolicy:
    """Return ``default`` overlaid with ``value``. Raises ValueError for an unknown or bad entry."""
    if not isinstance(value, Mapping):
        raise _refusal(f"retry_policy_dict must be a mapping, not {value!r}")
    for name, one in value.items():
        if name not in RetryPolicy._fields:
            known = ", ".join(RetryPolicy._fields)
            raise _refusal(f"retry_policy_dict has the unknown entry {name!r} (known: {known})")
        if one is not None:
            number(f"retry_policy_dict: {name}", one)
    return default._replace(**{name: one for name, one in value.items() if one is not None})


def worker_info(value: Any) -> dict[str, Any]:
    """Return what a worker tells of itself. Raises ValueError if it is no mapping or list of pairs."""
    try:
        info = {str(key): one for key, one in dict(value).items()}
    except (TypeError, ValueError) as error:
        raise _refusal(f"info must be a mapping or a list of pairs, not {value!r}") from error
    slots = info.get("workers")
    if slots is not None:
        number("info: workers", slots)
    return info
