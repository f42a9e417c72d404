"""The calls that pages make of all tasks: lists, searches, what goes on."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from luigi_clone.__version__ import ENGINE_VERSION
from luigi_clone._scheduler.surveying import SurveyCalls
from luigi_clone._scheduling import views
from luigi_clone._scheduling.arguments import ArgumentError
from luigi_clone._wire.methods import rpc_method

if TYPE_CHECKING:
    from luigi_clone._scheduling.pages import Finds
    from luigi_clone._scheduling.query import Query
    from luigi_clone._scheduling.views import Steps

_MOST_ROWS = 1_000
_MOST_ATTEMPTS = 100_000
_MOST_IDS = 1_000_000


class LargePages(SurveyCalls):
    """The calls of pages, made step by step."""

    _finds: Finds | None = None

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
        return {**told, "name": os.uname().nodename, "version": ENGINE_VERSION}

    def _attempts(
        self,
        since: float | None = None,
        until: float | None = None,
        worker: str | None = None,
        family: str | None = None,
        limit: int = 1000,
    ) -> Steps:
        if limit > _MOST_ATTEMPTS:
            raise ArgumentError(f"limit must be {_MOST_ATTEMPTS:,} at most, not {limit}")
        return self._attempts_of(since, until, worker, family, limit, self._shows_hidden)

    def _attempts_of(
        self,
        since: float | None,
        until: float | None,
        worker: str | None,
        family: str | None,
        limit: int,
        sees_hidden: bool,
    ) -> Steps:
        from luigi_clone._scheduling.activity import attempts

        yield from self._surveyor.preparing()
        return (yield from attempts(self.row_maker(sees_hidden), since, until, worker, family, limit))

    def _family_durations(self, since: float | None = None, until: float | None = None) -> Steps:
        from luigi_clone._scheduling.durations import by_family

        return (yield from by_family(self._machine.attempts.ended, since, until))

    def _search_palette(self, text: str, limit: int = 20) -> Steps:
        sees_hidden = self._shows_hidden
        if limit > _MOST_ROWS:
            raise ArgumentError(f"limit must be {_MOST_ROWS:,} at most, not {limit}")
        return self._search(text, limit, sees_hidden)

    def _search(self, text: str, limit: int, sees_hidden: bool) -> Steps:
        from luigi_clone._scheduling.finding import find

        yield from self._surveyor.preparing()
        return (yield from find(self.row_maker(sees_hidden), text, limit))

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
    "search_palette": LargePages._search_palette,
    "attempts": LargePages._attempts,
    "family_durations": LargePages._family_durations,
}


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
    def search_palette(self, text: str, limit: int = 20) -> dict[str, Any]:
        """Return tasks, families and workers in whose names all words of a text are."""
        return views.whole(self._search_palette(text, limit))

    @rpc_method()
    def overview(self) -> dict[str, Any]:
        """Return what needs attention, and what goes on: counts, the last hour, workers, resources."""
        return views.whole(self._overview())

    @rpc_method()
    def attempts(
        self,
        since: float | None = None,
        until: float | None = None,
        worker: str | None = None,
        family: str | None = None,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """Return runs that are going on or remembered, the ones that began or ended last first.

        ``since`` and ``until`` are times in seconds between which they went on, at least in part.
        """
        return _list(self._attempts(since, until, worker, family, limit))

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
