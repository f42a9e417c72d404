"""What an argument of a call may be: checked before anything is done with it.

Only what would do harm later is refused: what a comparison, a sum, a look-up or a text encoding would fail
on, for everybody. A scalar where text is expected is taken as its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from luigi_clone.task_status import (
    BATCH_RUNNING,
    DISABLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    SUSPENDED,
    UNKNOWN,
)

MAX_DEPTH = 50
"""How deep values may be nested: far more than anybody needs, far less than any recursion bears."""

_LARGEST_WHOLE = 2**63
_SHOWN = 60
_STATUSES = frozenset(
    (PENDING, FAILED, DONE, RUNNING, BATCH_RUNNING, SUSPENDED, UNKNOWN, DISABLED),
)
_NOTHING: frozenset[type] = frozenset()
_NONE = frozenset((type(None),))
_SCALARS = frozenset((type(None), bool, int, float))
_SCALAR_TYPES = (str, bool, int, float)


class BadValueError(ValueError):
    """A value that an argument may not have; the text says what, and what is expected."""


class Kind(NamedTuple):
    """What an argument may be.

    ``expected`` is for people. A value of exactly one of the types ``plain`` is taken as it is, as is a text
    with ``text``; any other goes through ``convert(name, value)``, which returns what is taken for it or
    raises :class:`BadValueError`.
    """

    expected: str
    plain: frozenset[type]
    text: bool
    convert: Callable[[str, Any], Any]


def shown(value: Any) -> str:
    """Return a value as an error text shows it: short, and of containers only that they are one."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _must(name: str, expected: str, value: Any) -> BadValueError:
    return BadValueError(f"{name} must be {expected}, not {shown(value)}")


def _encodable(name: str, value: str) -> str:
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadValueError(f"{name} holds half a character (a lone surrogate)") from None
    return value


# ---- texts


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return _encodable(name, value)
    if value is None or not isinstance(value, _SCALAR_TYPES):
        raise _must(name, TEXT.expected, value)
    return str(value)


def _text_or_none(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, _SCALAR_TYPES):
        return _text(name, value)
    raise _must(name, TEXT_OR_NONE.expected, value)


def _status(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in _STATUSES:
        raise _must(name, STATUS.expected, value)
    return value


def _texts(name: str, value: Any) -> Any:
    if type(value) is not list and not isinstance(value, (tuple, set, frozenset)):
        raise _must(name, TEXTS.expected, value)
    for one in value:
        if type(one) is not str or not one.isascii():
            element = f"an element of {name}"
            return [_text(element, one) for one in value]
    return value


def _texts_or_none(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, (list, tuple, set, frozenset)):
        raise _must(name, TEXTS_OR_NONE.expected, value)
    return None if value is None else _texts(name, value)


def _list_or_none(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, (list, tuple)):
        raise _must(name, LIST_OR_NONE.expected, value)
    return None if value is None else _walk(name, value)


def _text_or_texts(name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return _texts(name, value)
    if value is None or not isinstance(value, _SCALAR_TYPES):
        raise _must(name, TEXT_OR_TEXTS.expected, value)
    return _text(name, value)


# ---- numbers


def _number(name: str, value: Any) -> Any:
    """Return a number that sums, comparisons with fractions and stores can take."""
    if type(value) is int:
        if -_LARGEST_WHOLE <= value < _LARGEST_WHOLE:
            return value
        try:
            return float(value)
        except OverflowError:
            raise BadValueError(f"{name} is too large") from None
    if not isinstance(value, (int, float)) or value != value:
        raise _must(name, NUMBER.expected, value)
    return value


def _number_or_none(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, (int, float)):
        raise _must(name, NUMBER_OR_NONE.expected, value)
    return None if value is None else _number(name, value)


def _count(name: str, value: Any) -> int:
    """Return a whole number, which pages may send as a text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = _number(name, int(value.strip()[:_SHOWN]))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not 0 <= value < _LARGEST_WHOLE:
        raise _must(name, COUNT.expected, value)
    return value


def _count_or_none(name: str, value: Any) -> int | None:
    return None if value is None else _count(name, value)


def _amount(name: str, value: Any) -> Any:
    if type(value) is int and 0 <= value < _LARGEST_WHOLE:
        return value
    value = _number(name, value)
    if not 0 <= value < float("inf"):
        raise _must(name, "a number of zero or more", value)
    return value


def _limit(name: str, value: Any) -> Any:
    value = _number(_encodable("the name of a resource", name), value)
    if value < 0:
        raise _must(name, LIMIT.expected, value)
    return value


# ---- objects


def _mapping(name: str, expected: str, value: Any) -> Mapping[str, Any]:
    if type(value) is dict:
        return value
    if not isinstance(value, Mapping):
        raise _must(name, expected, value)
    return value


def _each(
    name: str, of: str, expected: str, value: Any, check: Callable[[str, Any], Any]
) -> Mapping[str, Any]:
    """Check the values of an object, and that its keys can be written."""
    given = _mapping(name, expected, value)
    changed: dict[str, Any] | None = None
    for key, one in given.items():
        if not key.isascii():
            _encodable(f"a key of {name}", key)
        taken = check(f"{of} {shown(key)}", one)
        if taken is not one:
            changed = dict(given) if changed is None else changed
            changed[key] = taken
    return given if changed is None else changed


def _amounts(name: str, value: Any) -> Any:
    if type(value) is dict:
        for key, one in value.items():
            if type(one) is not int or not 0 <= one < _LARGEST_WHOLE or not key.isascii():
                break
        else:
            return value
    return _each(name, f"{name}: the amount of", AMOUNTS.expected, value, _amount)


def _changes(name: str, value: Any) -> Any:
    return _each(name, "the decrease of", CHANGES.expected, value, _number)


def _visibilities(name: str, value: Any) -> Any:
    if type(value) is dict:
        for key, one in value.items():
            if type(one) is not int or not 0 <= one < _LARGEST_WHOLE or not key.isascii():
                break
        else:
            return value
    return _each(name, "the visibility of parameter", VISIBILITIES.expected, value, _number)


_NO_POLICY = dict.fromkeys(("retry_count", "disable_hard_timeout", "disable_window"))


def _policy(name: str, value: Any) -> Any:
    if value == _NO_POLICY:
        return value
    for key in _mapping(name, POLICY.expected, value):
        if key not in _NO_POLICY:
            known = ", ".join(_NO_POLICY)
            raise BadValueError(f"{name} has the unknown entry {shown(key)} (known: {known})")
    return _each(name, f"{name}:", POLICY.expected, value, _number_or_none)


def _params(name: str, value: Any) -> Any:
    for key, one in _mapping(name, PARAMS.expected, value).items():
        if type(one) is not str or not one.isascii() or not key.isascii():
            return _walk(name, value)
    return value


def _info(name: str, value: Any) -> Any:
    """Take an object, or a list of pairs as stock workers send it."""
    if isinstance(value, (list, tuple)):
        for pair in value:
            if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
                raise _must(f"an element of {name}", "a pair of a text and a value", pair)
        value = dict(value)
    taken = _walk(name, _mapping(name, INFO.expected, value))
    if "workers" in taken:
        _number_or_none(f"{name}: workers", taken["workers"])
    return taken


# ---- anything


def _scalar(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _encodable(name, value)
    if value is not None and not isinstance(value, _SCALAR_TYPES):
        raise _must(name, SCALAR.expected, value)
    return value


def _walk(name: str, value: Any) -> Any:
    """Look through a value of any shape, without recursion."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for one in level:
            if type(one) is str:
                if not one.isascii():
                    _encodable(f"a text in {name}", one)
            elif isinstance(one, Mapping):
                below.extend(one)
                below.extend(one.values())
            elif isinstance(one, (list, tuple)):
                below.extend(one)
            elif one is not None and not isinstance(one, _SCALAR_TYPES):
                raise _must(f"a value in {name}", "what JSON can tell", one)
        if not below:
            return value
        level = below
    raise BadValueError(f"{name} is nested more than {MAX_DEPTH} levels deep")


def _nothing(name: str, value: Any) -> Any:
    raise BadValueError(f"{name} is nothing that can be sent")


TEXT = Kind("a text", _NOTHING, True, _text)
TEXT_OR_NONE = Kind("a text or null", _NONE, True, _text_or_none)
STATUS = Kind(f"one of {', '.join(sorted(_STATUSES))}", _NOTHING, False, _status)
TEXTS = Kind("a list of texts", _NOTHING, False, _texts)
TEXTS_OR_NONE = Kind("a list of texts or null", _NONE, False, _texts_or_none)
LIST_OR_NONE = Kind("a list or null", _NONE, False, _list_or_none)
TEXT_OR_TEXTS = Kind("a text or a list of texts", _NOTHING, True, _text_or_texts)
NUMBER = Kind("a number", _NOTHING, False, _number)
NUMBER_OR_NONE = Kind("a number or null", _NONE, False, _number_or_none)
COUNT = Kind("a whole number of zero or more", _NOTHING, False, _count)
COUNT_OR_NONE = Kind("a whole number of zero or more, or null", _NONE, False, _count_or_none)
LIMIT = Kind("a number of zero or more", _NOTHING, False, _limit)
AMOUNTS = Kind("an object of names and amounts", _NONE, False, _amounts)
CHANGES = Kind("an object of names and numbers", _NOTHING, False, _changes)
VISIBILITIES = Kind("an object of parameter names and 0 (public) or 1 (hidden)", _NONE, False, _visibilities)
POLICY = Kind("an object with retry_count, disable_hard_timeout, disable_window", _NONE, False, _policy)
PARAMS = Kind("an object of names and values", _NONE, False, _params)
INFO = Kind("an object, or a list of pairs", _NOTHING, False, _info)
SCALAR = Kind("a text, a number, true, false or null", _SCALARS, True, _scalar)
FLAG = Kind("true or false", _SCALARS, True, _scalar)
ANY = Kind("any value", _SCALARS, True, _walk)
NOTHING = Kind("nothing that can be sent", _NOTHING, False, _nothing)
DROPPED = Kind("anything: it is not looked at", _NOTHING, False, lambda name, value: value)

Checker = Callable[[Mapping[str, Any]], Mapping[str, Any]]


_MANY_SHAPES = 256


class _Looks(NamedTuple):
    """What is left to look at in arguments of given names and types."""

    texts: tuple[str, ...]
    others: tuple[tuple[str, Callable[[str, Any], Any]], ...]


def make_checker(call: str, kinds: Mapping[str, Kind], needed: Iterable[str], more: Kind | None) -> Checker:
    """Return a function that returns the arguments of ``call`` as they are taken.

    It raises :class:`BadValueError` for an argument that there is not (unless ``more`` is what those are),
    one that is missing, or one that has a value of the wrong kind. What it is given stays as it is. Which
    values need a look follows from names and types, and is kept: clients send the same ones again and again.
    """
    entries = dict(kinds)
    if more is not None:
        entries["self"] = NOTHING  # it would be taken for the scheduler
    missing_from = frozenset(needed)
    shapes: dict[Any, _Looks] = {}

    def looks_of(arguments: Mapping[str, Any]) -> _Looks:
        texts, others = [], []
        for name, value in arguments.items():
            kind = entries.get(name, more)
            if kind is None:
                known = ", ".join(entries) or "none"
                raise BadValueError(f"{call}: there is no argument {shown(name)} (there is: {known})")
            if type(value) is str and kind.text:
                texts.append(name)
            elif type(value) not in kind.plain:
                others.append((name, kind.convert))
        for name in sorted(missing_from - arguments.keys()):
            raise BadValueError(f"{call}: {name} is missing; it must be {entries[name].expected}")
        return _Looks(tuple(texts), tuple(others))

    def check(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        shape = (tuple(arguments), tuple(map(type, arguments.values())))
        looks = shapes.get(shape)
        if looks is None:
            looks = looks_of(arguments)
            if len(shapes) >= _MANY_SHAPES:
                shapes.clear()
            shapes[shape] = looks
        changed: dict[str, Any] | None = None
        name = ""
        try:
            for name in looks.texts:
                if not arguments[name].isascii():
                    _encodable(name, arguments[name])
            for name, convert in looks.others:
                value = arguments[name]
                taken = convert(name, value)
                if taken is not value:
                    changed = dict(arguments) if changed is None else changed
                    changed[name] = taken
        except BadValueError as error:
            raise BadValueError(f"{call}: {error}") from None
        return arguments if changed is None else changed

    return check
