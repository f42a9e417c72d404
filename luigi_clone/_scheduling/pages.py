"""Pages of the list of tasks: those that a query asks for, in an order, some at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.matching import Test, fits_family, make_test
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.query import Query, Term
from luigi_clone._scheduling.rows import RowMaker, took
from luigi_clone._scheduling.shown import RANK, STATES
from luigi_clone._scheduling.texts import Texts, needles_of
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, RUNNING, UNKNOWN

SORTS = ("state", "family", "worker", "priority", "updated", "took")

_A_WHILE = 1_024
_MOST_KEPT = 4
_AT_ONCE = 5_000
_FEW = 20_000
_FORGOTTEN_AFTER = 300.0
_KEPT_FOR = 2.0
"""Seconds for which what a query found is shown again, page by page, though tasks have changed since."""


class Found(NamedTuple):
    """What a scan found: the tasks by state, as they were at the time ``at``."""

    by_state: dict[str, list[TaskRecord]]
    at: float
    version: int
    was_cheap: bool
    """Whether it is no trouble to look for it again."""


class Finds:
    """What the last queries found, so that paging does not look for it anew, and what words are found by."""

    def __init__(self) -> None:
        self._found: OrderedDict[Any, Found] = OrderedDict()
        self._texts: dict[bool, Texts] = {}
        self._used = 0.0

    def get(self, key: Any, version: int, now: float) -> Found | None:
        """Return what was found, if it is of this version or new enough."""
        self._used = now
        found = self._found.get(key)
        if found is None:
            return None
        if found.version != version and (found.was_cheap or now - found.at > _KEPT_FOR):
            return None
        self._found.move_to_end(key)
        return found

    def keep(self, key: Any, found: Found) -> None:
        """Keep what was found, and forget what was longest ago."""
        self._found[key] = found
        self._found.move_to_end(key)
        if len(self._found) > _MOST_KEPT:
            self._found.popitem(last=False)

    def texts(self, machine: Machine, sees_hidden: bool) -> Texts:
        """Return what words are found by, for those who see HIDDEN parameters or those who do not."""
        texts = self._texts.get(sees_hidden)
        if texts is None:
            texts = self._texts[sees_hidden] = Texts(machine, sees_hidden)
        return texts

    def age(self, now: float) -> None:
        """Forget everything if nobody has asked for some minutes: it is as large as all texts of tasks."""
        if now - self._used > _FORGOTTEN_AFTER:
            self._found.clear()
            self._texts.clear()


class Selection:
    """The tasks that a query asks for: how many of each state, and themselves in the order of the states."""

    def __init__(
        self,
        maker: RowMaker,
        counts: dict[str, int],
        states: Iterable[str],
        tasks: Callable[[str, bool], Iterable[TaskRecord]],
        test: Test | None = None,
    ) -> None:
        self.counts = counts
        self.total = sum(counts[state] for state in states)
        self.is_whole = test is None
        """Whether almost every task of the lists belongs there."""
        self.is_everything = test is None and self.total == len(maker.machine.tasks)
        """Whether all tasks are asked for."""
        self._maker = maker
        self._states = [state for state in states if counts[state]]
        self._tasks = tasks
        self._test = test

    def now(self) -> Iterator[TaskRecord]:
        """Return the tasks, to be gone through at once."""
        for state in self._states:
            still = self._still(state)
            for task in self._tasks(state, False):
                if still(task):
                    yield task

    def lists(self) -> Iterator[tuple[list[TaskRecord], Test]]:
        """Return lists in which all tasks are, and what tells whether one belongs there."""
        for state in self._states:
            yield list(self._tasks(state, True)), self._still(state)

    def _still(self, state: str) -> Test:
        """Return what tells whether a task is there and is what it was when it was found."""
        known, test, state_of = self._maker.machine.tasks, self._test, self._maker.state_of

        def still(task: TaskRecord) -> bool:
            if test is not None and not test(task):
                return False
            return known.get(task.id) is task and state_of(task) == state

        return still


def select(maker: RowMaker, query: Query, finds: Finds) -> Generator[None, None, Selection]:
    """Find the tasks that a query asks for, step by step."""
    survey, states = maker.survey, query.states
    shown = STATES if states is None else [state for state in STATES if state in states]
    test = make_test(query.terms, maker.sees_hidden)
    if test is None:
        counts = survey.counts(maker.machine)
        return Selection(maker, counts, shown, partial(_of_state, maker))
    if all(term.key == "family" for term in query.terms):
        # families are counted by the survey: there is nothing to be looked for
        chosen = [counts for family, counts in survey.families.items() if fits_family(query.terms, family)]
        counts = {state: sum(family[state] for family in chosen) for state in STATES}
        return Selection(maker, counts, shown, partial(_of_state, maker), test)
    key = (query.terms, maker.sees_hidden)
    found = finds.get(key, maker.machine.version, maker.now)
    if found is None:
        found = yield from _scan(maker, query.terms, finds)
        finds.keep(key, found)
    by_state = found.by_state
    counts = {state: len(by_state[state]) for state in STATES}
    return Selection(maker, counts, shown, lambda state, _: by_state[state])


_PLAIN = {"disabled": DISABLED, "unknown": UNKNOWN, "running": RUNNING, "batch": BATCH_RUNNING, "done": DONE}


def _of_state(maker: RowMaker, state: str, in_turns: bool) -> Iterable[TaskRecord]:
    """Return all tasks of a state and perhaps others, those first that came to it last.

    What is not told by the status is as of the survey.
    """
    status = FAILED if state == "failed" else _PLAIN.get(state)
    if status is None:
        return maker.survey.derived[state]
    tasks = reversed(maker.machine.by_status[status].values())
    return list(tasks) if in_turns else tasks


def _scan(maker: RowMaker, terms: Sequence[Term], finds: Finds) -> Generator[None, None, Found]:
    machine = maker.machine
    by_state: dict[str, list[TaskRecord]] = {state: [] for state in STATES}
    found = Found(by_state, maker.now, machine.version, len(machine.tasks) < _FEW)
    whole = make_test(terms, maker.sees_hidden)
    needles, left = needles_of(terms)
    if needles:
        texts = finds.texts(machine, maker.sees_hidden)
        settled = yield from texts.settled(needles)
        yield from _sort_out(maker, texts.unsettled(), whole, by_state)
        yield from _sort_out(maker, settled, make_test(left, maker.sees_hidden), by_state)
    else:
        tasks = list(machine.tasks.values())
        tasks.reverse()
        yield from _sort_out(maker, tasks, whole, by_state)
    return found


def _sort_out(
    maker: RowMaker, tasks: list[TaskRecord], test: Test | None, by_state: dict[str, list[TaskRecord]]
) -> Generator[None, None, None]:
    known, state_of = maker.machine.tasks, maker.state_of
    for start in range(0, len(tasks), _A_WHILE):
        some: Iterable[TaskRecord] = tasks[start : start + _A_WHILE]
        for task in some if test is None else filter(test, some):
            if known.get(task.id) is task:
                by_state[state_of(task)].append(task)
        yield


# ---- orders


def ordered(
    maker: RowMaker, selection: Selection, sort: str, descending: bool, offset: int, limit: int
) -> Generator[None, None, list[TaskRecord]]:
    """Return some of the selected tasks in an order; equal ones come in the order of their states."""
    wanted = offset + limit
    best: list[TaskRecord] = []
    if sort == "state" and not descending:
        if selection.is_whole and wanted <= _AT_ONCE:
            return list(islice(selection.now(), offset, wanted))
        for tasks, still in selection.lists():
            for start in range(0, len(tasks), _A_WHILE):
                best += filter(still, tasks[start : start + _A_WHILE])
                if len(best) >= wanted:
                    return best[offset:wanted]
                yield
        return best[offset:]
    if sort == "updated" and selection.is_everything and maker.survey.in_order and wanted <= _AT_ONCE:
        return list(islice(_by_change(maker, descending), offset, wanted))
    key = _key(maker, sort)
    worst: Any = None
    for tasks, still in selection.lists():
        for start in range(0, len(tasks), _A_WHILE):
            some = tasks[start : start + _A_WHILE]
            if worst is not None:
                some = _better(some, sort, key, descending, worst)
            best += filter(still, some)
            if len(best) > 2 * wanted + _A_WHILE:
                best.sort(key=key, reverse=descending)
                del best[wanted:]
                worst = key(best[-1]) if best else None
            yield
    best.sort(key=key, reverse=descending)
    return best[offset:wanted]


def _by_change(maker: RowMaker, descending: bool) -> Iterator[TaskRecord]:
    """Return all tasks by their last change, where those of each status stand in this order."""
    statuses = [tasks.values() for tasks in maker.machine.by_status.values()]
    ways = [reversed(tasks) if descending else iter(tasks) for tasks in statuses]
    return merge(*ways, key=attrgetter("updated"), reverse=descending)


def _better(
    tasks: list[TaskRecord], sort: str, key: Callable[[TaskRecord], Any], descending: bool, worst: Any
) -> list[TaskRecord]:
    """Return the tasks that come before one with the key ``worst``."""
    if sort == "updated":  # the order that is asked for most is worth a quicker look at each task
        if descending:
            return [task for task in tasks if task.updated > worst]
        return [task for task in tasks if task.updated < worst]
    if descending:
        return [task for task in tasks if key(task) > worst]
    return [task for task in tasks if key(task) < worst]


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
    chosen = [task.id for task in islice(selection.now(), limit)]
    return {"total": selection.total, "ids": chosen}
