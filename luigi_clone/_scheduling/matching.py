"""Which tasks a query asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.query import Term, Value

Test = Callable[[TaskRecord], bool]


def make_test(terms: Sequence[Term], sees_hidden: bool) -> Test | None:
    """Return what tells whether a task fulfils all ``terms``; None if there are none.

    HIDDEN parameters match only if whoever asks may see them: otherwise he could guess them.
    """
    tests = [_make(term, sees_hidden) for term in sorted(terms, key=_cost)]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda task: first(task) and second(task)
    return lambda task: all(test(task) for test in tests)


def fits_family(terms: Iterable[Term], family: str) -> bool:
    """Tell whether a family fulfils ``terms``, which are all about it."""
    return all(_any(term.values, family) is not term.negated for term in terms)


def _cost(term: Term) -> int:
    """Return a key by which terms that are quick to test come first."""
    return _QUICK.index(term.key) if term.key in _QUICK else len(_QUICK)


_QUICK = ("family", "priority", "updated", "worker", "resource")


def _make(term: Term, sees_hidden: bool) -> Test:
    if not term.key:
        test = _free(term.values[0], sees_hidden)
    elif term.key == "family":
        test = _family(term.values)
    elif term.key in ("priority", "updated"):
        test = _number(term)
    elif term.key == "worker":
        test = _worker(term.values)
    elif term.key == "resource":
        test = _resource(term.values)
    else:
        test = _param(term, sees_hidden)
    return _not(test) if term.negated else test


def _not(test: Test) -> Test:
    return lambda task: not test(task)


def _any(values: Iterable[Value], text: str) -> bool:
    lowered = text.lower()
    return any(value.fits(lowered) for value in values)


def _family(values: Sequence[Value]) -> Test:
    known: dict[str, bool] = {}

    def test(task: TaskRecord) -> bool:
        found = known.get(task.family)
        if found is None:
            found = known[task.family] = _any(values, task.family)
        return found

    return test


def _worker(values: Sequence[Value]) -> Test:
    def test(task: TaskRecord) -> bool:
        worker = task.worker_running
        return worker is not None and _any(values, worker)

    return test


def _resource(values: Sequence[Value]) -> Test:
    return lambda task: any(_any(values, name) for name in task.needs.amounts)


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ":": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_COMPARE_TEXT: dict[str, Callable[[str, str], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _number(term: Term) -> Test:
    compare = _COMPARE[term.comparison]
    wanted = [value.number for value in term.values if value.number is not None]
    if len(wanted) == 1:
        one = wanted[0]
        if term.key == "priority":
            return lambda task: compare(task.priority, one)
        return lambda task: compare(task.updated, one)
    if term.key == "priority":
        return lambda task: any(compare(task.priority, number) for number in wanted)
    return lambda task: any(compare(task.updated, number) for number in wanted)


def _param(term: Term, sees_hidden: bool) -> Test:
    name, values, comparison = term.key, term.values, term.comparison
    # of several equal values most tasks have few: what one text comes to is kept
    known: dict[Any, bool] = {}

    def test(task: TaskRecord) -> bool:
        told = task.params.get(name)
        if told is None or (not sees_hidden and name in task.hidden_params):
            return False
        text = told if told.__class__ is str else str(told)
        fits = known.get(text)
        if fits is None:
            if len(known) > _MANY:
                known.clear()
            fits = known[text] = (
                _any(values, text)
                if comparison == ":"
                else any(_compares(text, comparison, value) for value in values)
            )
        return fits

    return test


_MANY = 10_000


def _compares(text: str, comparison: str, value: Value) -> bool:
    """Compare as numbers where both are, else as texts: dates as they are written are in their order then."""
    if value.number is not None:
        try:
            return _COMPARE[comparison](float(text), value.number)
        except ValueError:
            return False
    return _COMPARE_TEXT[comparison](text.lower(), value.text)


def _free(value: Value, sees_hidden: bool) -> Test:
    def test(task: TaskRecord) -> bool:
        # most ids hold the family and the first values: most tasks that match do so by their ids
        if value.is_in(task.id.lower()) or value.is_in(task.family.lower()):
            return True
        hidden = () if sees_hidden else task.hidden_params
        return any(
            value.is_in(f"{name}={told}".lower()) for name, told in task.params.items() if name not in hidden
        )

    return test
