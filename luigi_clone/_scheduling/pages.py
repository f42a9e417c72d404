"""Pages of the list of tasks: those that a query asks for, in an order, some at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from luigi_clone._scheduling.matching import Test, make_test
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.query import Query
from luigi_clone._scheduling.rows import RowMaker, took
from luigi_clone._scheduling.shown import RANK, STATES, is_missing_input
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, RUNNING, UNKNOWN

SORTS = ("state", "family", "worker", "priority", "updated", "took")

_A_WHILE = 512
_MOST_KEPT = 4
_KEPT_FOR = 2.0
"""Seconds for which what a query found is shown again, page by page, though tasks have changed since."""


class Found(NamedTuple):
    """What a scan found: the tasks by state, as they were at the time ``at``."""

    by_state: dict[str, list[TaskRecord]]
    at: float
    version: int


class Finds:
    """What the last queries found, so that paging does not look for it anew."""

    def __init__(self) -> None:
        self._found: OrderedDict[Any, Found] = OrderedDict()

    def get(self, key: Any, version: int, now: float) -> Found | None:
        """Return what was found, if it is of this version or new enough."""
        found = self._found.get(key)
        if found is None or (found.version != version and now - found.at > _KEPT_FOR):
            return None
        self._found.move_to_end(key)
        return found

    def keep(self, key: Any, found: Found) -> None:
        """Keep what was found, and forget what was longest ago."""
        self._found[key] = found
        self._found.move_to_end(key)
        if len(self._found) > _MOST_KEPT:
            self._found.popitem(last=False)


class Selection(NamedTuple):
    """The tasks that a query asks for: how many of each state, and themselves in the order of the states."""

    counts: dict[str, int]
    total: int
    tasks: Callable[[bool], Iterator[TaskRecord]]
    """Told true, they may be gone through while others have their turn."""


def select(maker: RowMaker, query: Query, finds: Finds) -> Generator[None, None, Selection]:
    """Find the tasks that a query asks for, step by step."""
    survey, states = maker.survey, query.states
    shown = STATES if states is None else [state for state in STATES if state in states]
    test = make_test(query.terms, maker.sees_hidden)
    if test is None:
        counts = survey.counts(maker.machine)
        return Selection(counts, _total(counts, shown), lambda in_turns: _of_states(maker, shown, in_turns))
    key = (query.terms, maker.sees_hidden)
    found = finds.get(key, maker.machine.version, maker.now)
    if found is None:
        found = yield from _scan(maker, test)
        finds.keep(key, found)
    by_state = found.by_state
    counts = {state: len(by_state[state]) for state in STATES}

    def tasks(in_turns: bool) -> Iterator[TaskRecord]:
        known = maker.machine.tasks
        return (task for state in shown for task in by_state[state] if known.get(task.id) is task)

    return Selection(counts, _total(counts, shown), tasks)


def _total(counts: dict[str, int], states: Iterable[str]) -> int:
    return sum(counts[state] for state in states)


_PLAIN = {"disabled": DISABLED, "unknown": UNKNOWN, "running": RUNNING, "batch": BATCH_RUNNING, "done": DONE}


def _of_states(maker: RowMaker, states: Iterable[str], in_turns: bool) -> Iterator[TaskRecord]:
    """Return all tasks of some states, in each those first that came to it last."""
    by_status, survey = maker.machine.by_status, maker.survey
    for state in states:
        status = _PLAIN.get(state)
        if status is not None or state == "failed":
            tasks: Iterable[TaskRecord] = reversed(by_status[status or FAILED].values())
            tasks = list(tasks) if in_turns else tasks
            yield from tasks if status is not None else (task for task in tasks if not is_missing_input(task))
        else:
            known = maker.machine.tasks
            for task in survey.derived[state]:
                if maker.state_of(task) == state and known.get(task.id) is task:
                    yield task


def _scan(maker: RowMaker, test: Test) -> Generator[None, None, Found]:
    machine = maker.machine
    by_state: dict[str, list[TaskRecord]] = {state: [] for state in STATES}
    found = Found(by_state, maker.now, machine.version)
    state_of = maker.state_of
    tasks = list(machine.tasks.values())
    tasks.reverse()
    for start in range(0, len(tasks), _A_WHILE):
        for task in filter(test, tasks[start : start + _A_WHILE]):
            by_state[state_of(task)].append(task)
        yield
    return found


# ---- orders


def ordered(
    maker: RowMaker, selection: Selection, sort: str, descending: bool, offset: int, limit: int
) -> Generator[None, None, list[TaskRecord]]:
    """Return some of the selected tasks in an order; equal ones come in the order of their states."""
    if sort == "state" and not descending:
        return list(islice(selection.tasks(False), offset, offset + limit))
    key = _key(maker, sort)
    wanted = offset + limit
    best: list[TaskRecord] = []
    tasks = selection.tasks(True)
    worst: Any = None
    while some := list(islice(tasks, _A_WHILE)):
        if worst is None:
            best.extend(some)
        elif descending:
            best.extend([task for task in some if key(task) > worst])
        else:
            best.extend([task for task in some if key(task) < worst])
        if len(best) > 2 * wanted + _A_WHILE:
            best.sort(key=key, reverse=descending)
            del best[wanted:]
            worst = key(best[-1]) if best else None
        yield
    best.sort(key=key, reverse=descending)
    return best[offset:wanted]


def _key(maker: RowMaker, sort: str) -> Callable[[TaskRecord], Any]:
    if sort == "state":
        return lambda task: RANK[maker.state_of(task)]
    if sort == "worker":
        return lambda task: task.worker_running or ""
    if sort == "took":
        return lambda task: took(task, maker.now) or 0.0
    return attrgetter(sort)


def page(
    maker: RowMaker, query: Query, finds: Finds, sort: str, descending: bool, offset: int, limit: int
) -> Generator[None, None, dict[str, Any]]:
    """Return one page of the list, step by step."""
    selection = yield from select(maker, query, finds)
    tasks = yield from ordered(maker, selection, sort, descending, offset, limit)
    return {
        "total": selection.total,
        "all": len(maker.machine.tasks),
        "rows": [maker.row(task) for task in tasks],
        "counts": selection.counts,
        "as_of": maker.survey.as_of,
        "reads": query.reads,
        "error": None,
    }


def ids(maker: RowMaker, query: Query, finds: Finds, limit: int) -> Generator[None, None, dict[str, Any]]:
    """Return the ids of all tasks that a query asks for, up to a number of them."""
    selection = yield from select(maker, query, finds)
    chosen = [task.id for task in islice(selection.tasks(False), limit)]
    return {"total": selection.total, "ids": chosen}
