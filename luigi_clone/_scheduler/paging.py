"""The calls that pages make: lists, one task, what goes on."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from luigi_clone.__version__ import ENGINE_VERSION
from luigi_clone._scheduler.surveying import SurveyCalls
from luigi_clone._scheduling import views
from luigi_clone._scheduling.arguments import ArgumentError
from luigi_clone._wire.methods import rpc_method

if TYPE_CHECKING:
    from luigi_clone._scheduler.logs import AttemptTail, TailStore
    from luigi_clone._scheduling.families import Families, Parameter
    from luigi_clone._scheduling.pages import Finds
    from luigi_clone._scheduling.query import Query
    from luigi_clone._scheduling.views import Steps

_MOST_ROWS = 1_000
_MOST_IDS = 1_000_000


class LargePages(SurveyCalls):
    """The calls of pages, made step by step."""

    _finds: Finds | None = None
    _families: Families
    _tails: TailStore

    def in_steps(self, name: str) -> Callable[..., Steps] | None:
        """Return what makes the answer of the call ``name`` in steps; None if that is not for this call."""
        make = _LARGE.get(name)
        if make is None or getattr(type(self), name) is not getattr(PageCalls, name):
            return super().in_steps(name)
        return partial(make, self)

    def _task_page(
        self,
        query: str = "",
        sort: str = "state",
        descending: bool = False,
        offset: int = 0,
        limit: int = 50,
    ) -> Steps:
        from luigi_clone._scheduling.pages import SORTS, page

        if sort not in SORTS:
            raise ArgumentError(f"sort must be one of {', '.join(SORTS)}, not {sort[:60]!r}")
        if limit > _MOST_ROWS:
            raise ArgumentError(f"limit must be {_MOST_ROWS:,} at most, not {limit}")
        sees_hidden = self._shows_hidden
        return self._asked(
            query,
            lambda parsed, finds: page(
                self.row_maker(sees_hidden), parsed, finds, sort, descending, offset, limit
            ),
            {"total": 0, "all": len(self._machine.tasks), "rows": [], "counts": {}, "reads": ""},
        )

    def _task_ids(self, query: str, limit: int = 10_000) -> Steps:
        from luigi_clone._scheduling.pages import ids

        if limit > _MOST_IDS:
            raise ArgumentError(f"limit must be {_MOST_IDS:,} at most, not {limit}")
        sees_hidden = self._shows_hidden
        return self._asked(
            query,
            lambda parsed, finds: ids(self.row_maker(sees_hidden), parsed, finds, limit),
            {"total": 0, "ids": []},
        )

    def _explain_task(self, task_id: str) -> Steps:
        yield from self._surveyor.preparing()
        cause = self.row_maker().why(task_id, deep=True)
        return {"task_id": task_id, "code": cause.code, "text": cause.text, "ids": list(cause.ids)}

    def _overview(self) -> Steps:
        from luigi_clone._scheduling.overview import overview

        yield from self._surveyor.preparing()
        told = overview(self.row_maker(), self._surveyor.durations)
        return {**told, "name": socket.gethostname(), "version": ENGINE_VERSION}

    def _family_durations(self, since: float | None = None, until: float | None = None) -> Steps:
        from luigi_clone._scheduling.durations import by_family

        return (yield from by_family(self._machine.attempts.ended, since, until))

    def _task_detail(self, task_id: str) -> Steps:
        sees_hidden = self._shows_hidden
        return self._detail(task_id, sees_hidden)

    def _detail(self, task_id: str, sees_hidden: bool) -> Steps:
        from luigi_clone._scheduling.detail import detail

        yield from self._surveyor.preparing()
        surveyor = self._surveyor
        told = yield from detail(self.row_maker(sees_hidden), task_id, surveyor.durations, self._families)
        tails = self._tails.attempts(task_id)
        for attempt, number in zip(told["attempts"], _logs(told["attempts"], tails), strict=True):
            attempt["has_log"], attempt["log"] = number is not None, number
        return told

    def _asked(
        self,
        text: str,
        answer: Callable[[Query, Finds], Generator[None, None, dict[str, Any]]],
        nothing: dict[str, Any],
    ) -> Steps:
        """Answer to a query; with ``nothing`` and the reason if it cannot be read."""
        from luigi_clone._scheduling.pages import Finds
        from luigi_clone._scheduling.query import QueryError, parse

        try:
            parsed = parse(text, seconds_of)
        except QueryError as error:
            bad = {"start": error.start, "end": error.end, "text": error.text}
            return {**nothing, "as_of": self._clock(), "error": bad}
        yield from self._surveyor.preparing()
        if self._finds is None:
            self._finds = Finds()
        return (yield from answer(parsed, self._finds))


_LARGE: dict[str, Callable[..., Steps]] = {
    "task_page": LargePages._task_page,
    "task_ids": LargePages._task_ids,
    "explain_task": LargePages._explain_task,
    "overview": LargePages._overview,
    "task_detail": LargePages._task_detail,
    "family_durations": LargePages._family_durations,
}


def _logs(attempts: Sequence[Mapping[str, Any]], tails: Sequence[AttemptTail]) -> list[int | None]:
    """Return for each attempt the number by which its log is asked for: matched from the end, by worker."""
    left: dict[str, list[int]] = {}
    for tail in tails:
        left.setdefault(tail.key[0], []).append(tail.number)
    numbers: list[int | None] = []
    for attempt in reversed(attempts):
        known = left.get(attempt["worker"] or "")
        numbers.append(known.pop() if known else None)
    numbers.reverse()
    return numbers


def _list(steps: Steps) -> list[dict[str, Any]]:
    """Make an answer that is a list at once."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        told: list[dict[str, Any]] = end.value
        return told


def seconds_of(text: str) -> float | None:
    """Return the seconds that a date, a date with a time, or a time of today stands for here."""
    for form in _FORMS:
        try:
            told = datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        if "%d" not in form:
            told = datetime.datetime.combine(datetime.date.today(), told.time())
        try:
            return told.timestamp()
        except (OverflowError, OSError, ValueError):
            return None
    return None


_FORMS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%H:%M", "%H:%M:%S")


class PageCalls(LargePages):
    """What pages ask for."""

    @rpc_method()
    def task_page(
        self,
        query: str = "",
        sort: str = "state",
        descending: bool = False,
        offset: int = 0,
        limit: int = 50,
    ) -> dict[str, Any]:
        """Return some of the tasks that a query asks for, in an order, and how many there are of each state.

        ``sort`` is one of state, family, worker, priority, updated and took; ``limit`` is 1,000 at most.
        """
        return views.whole(self._task_page(query, sort, descending, offset, limit))

    @rpc_method()
    def task_ids(self, query: str, limit: int = 10_000) -> dict[str, Any]:
        """Return the ids of the tasks that a query asks for, and how many there are."""
        return views.whole(self._task_ids(query, limit))

    @rpc_method()
    def task_detail(self, task_id: str) -> dict[str, Any]:
        """Return everything about a task that its page shows."""
        return views.whole(self._task_detail(task_id))

    @rpc_method()
    def announce_family(
        self,
        worker: str,
        family: str,
        module: str | None = None,
        doc: str | None = None,
        parameters: list[Any] | None = None,
    ) -> None:
        """Tell what tasks of a family are for, and which parameters they take.

        ``parameters`` are objects with name, visibility (public, hidden or private), description and default.
        It is kept in memory: workers tell it once, and again when they register again.
        """
        self._families.announce(family, module, doc, parameters or ())

    @rpc_method()
    def describe_family(self, family: str) -> dict[str, Any]:
        """Return what workers announced of a family: its docstring as a tree, its module and parameters."""
        known = self._families.get(family)
        if known is None:
            return {"family": family, "announced": False, "module": None, "doc": [], "parameters": []}
        from luigi_clone._scheduler.docstrings import tree_of

        return {
            "family": family,
            "announced": True,
            "module": known.module,
            "doc": list(tree_of(known.doc)),
            "parameters": [
                {**one._asdict(), "default": one.default if self._shows(one) else None}
                for one in known.parameters
            ],
        }

    def _shows(self, parameter: Parameter) -> bool:
        return parameter.visibility == "public" or (parameter.visibility == "hidden" and self._shows_hidden)

    @rpc_method()
    def overview(self) -> dict[str, Any]:
        """Return what needs attention, and what goes on: counts, the last hour, workers, resources."""
        return views.whole(self._overview())

    @rpc_method()
    def family_durations(
        self, since: float | None = None, until: float | None = None
    ) -> list[dict[str, Any]]:
        """Return quartiles and more of the seconds that runs took that ended between two times, by family."""
        return _list(self._family_durations(since, until))

    @rpc_method()
    def explain_task(self, task_id: str) -> dict[str, Any]:
        """Return the first cause why a task runs or does not: a code, a text, the ids involved.

        It finds, among others, a dependency that no worker ever described, and tasks in a cycle.
        """
        return views.whole(self._explain_task(task_id))
