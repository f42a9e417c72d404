"""News for all open pages: looked for twice a second at most, made once, and sent to those who keep up.

It costs nothing while no page is open; then changes are known by the facts that are stored anyway.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from luigi_clone._scheduling.changes import Changes, LastChanges, Noted
from luigi_clone._scheduling.glance import glance
from luigi_clone._scheduling.matching import make_test
from luigi_clone._web.answers import encoded
from luigi_clone._web.page.open_page import OpenPage
from luigi_clone._web.page.rows import ShownRows
from luigi_clone._web.page.views import View
from luigi_clone._wire.tickets import RefusedError, Ticket

if TYPE_CHECKING:
    from luigi_clone._scheduling.query import Query
    from luigi_clone._scheduling.rows import RowMaker
    from luigi_clone._web.turns import Direct

application_log = logging.getLogger("tornado.application")

MOST = 1_000
"""So many pages can be open."""
EVERY = 0.5
"""Seconds between two looks for news, or more: they take a tenth of the time at most."""
PATIENCE = 30.0
"""Seconds after which a page is given up that does not take its news."""
_SHARE = 10
_SLICE = 0.002
_THOROUGH = 10
"""In one of so many looks all rows on view are made anew: a sentence may tell of resources or others."""
_OLD = 5.0

Key = tuple["tuple[Any, ...] | None", bool]


class _Watched:
    """A query that open pages have, and which of its tasks have changed."""

    def __init__(self, query: Query | None, sees_hidden: bool) -> None:
        self.states = None if query is None else query.states
        self.test = None if query is None else make_test(query.terms, sees_hidden)
        self.last = LastChanges()
        self.noted: Noted | None = None

    def is_meant(self, maker: RowMaker, task_id: str) -> bool:
        """Tell whether the query asks for a task."""
        if self.test is None and self.states is None:
            return True
        task = maker.machine.tasks.get(task_id)
        if task is None:
            return False
        return (self.test is None or self.test(task)) and (
            self.states is None or maker.state_of(task) in self.states
        )


class Streams:
    """The open pages of a server, and what looks for their news."""

    def __init__(self, maker: Direct, clock: Callable[[], float] = time.monotonic) -> None:
        self._maker = maker
        self._scheduler = maker.scheduler
        self._clock = clock
        self._pages: dict[OpenPage, Key] = {}
        self._watched: dict[Key, _Watched] = {}
        self._shown = {True: ShownRows(), False: ShownRows()}
        self._task: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._arrivals: list[OpenPage] = []
        self._number = 0
        self._seen: Any = None
        self._slice = 0.0
        self._spent = 0.0

    def now(self) -> float:
        """Return the scheduler's time, in seconds."""
        return self._scheduler._clock()

    def __len__(self) -> int:
        return len(self._pages)

    # ---- pages come and go

    def open(self, view: View, sees_hidden: bool, abort: Callable[[], None]) -> OpenPage:
        """Let a page in; RefusedError if too many are open."""
        if len(self._pages) >= MOST:
            raise RefusedError(503, f"{MOST:,} pages are open already; close some")
        page = OpenPage(view, sees_hidden, self._number, abort)
        key = (None if view.query is None else (view.query.terms, view.query.states), sees_hidden)
        self._pages[page] = key
        if key not in self._watched:
            self._watched[key] = _Watched(view.query, sees_hidden)
        return page

    def welcome(self, page: OpenPage) -> None:
        """Tell a page that is about to wait what it wants to know first."""
        self._arrivals.append(page)
        self._arrived.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self, page: OpenPage) -> None:
        """Forget a page that is gone."""
        key = self._pages.pop(page, None)
        if key is not None and key not in self._pages.values():
            del self._watched[key]
        if not self._pages:
            self._arrived.set()

    def end(self) -> None:
        """End all streams."""
        for page in list(self._pages):
            page.end()

    # ---- turns

    async def _run(self) -> None:
        self._scheduler.tell_of_changes(Changes())
        try:
            for _ in self._scheduler._surveyor.preparing():
                await asyncio.sleep(0)
            while self._pages:
                begun, self._spent = self._clock(), 0.0
                await self._guarded(self._turn())
                due = begun + max(EVERY, self._spent * _SHARE)
                while self._pages and self._clock() < due:
                    await self._pause(due - self._clock())
                    await self._guarded(self._welcome())
        finally:
            self._scheduler.tell_of_changes(None)
            self._shown = {True: ShownRows(), False: ShownRows()}
            self._task = None
            if self._pages:  # they came while this ended
                self._task = asyncio.get_running_loop().create_task(self._run())

    async def _guarded(self, work: Any) -> None:
        self._slice = time.perf_counter()
        try:
            await work
        except Exception:
            application_log.error("Uncaught exception in looking for news of pages", exc_info=True)
        self._spent += time.perf_counter() - self._slice

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._arrived.wait(), max(0.0, seconds))
        except asyncio.TimeoutError:
            return
        self._arrived.clear()

    async def _breathe(self) -> None:
        """Let others have their turn if this one has lasted for a while."""
        now = time.perf_counter()
        if now - self._slice >= _SLICE:
            self._spent += now - self._slice
            await asyncio.sleep(0)
            self._slice = time.perf_counter()

    async def _welcome(self) -> None:
        """Tell those that have just come."""
        arrivals, self._arrivals = self._arrivals, []
        if arrivals:
            await self._tell(arrivals, frozenset(), False, is_quiet=False)

    async def _turn(self) -> None:
        """Look for news, and tell them."""
        changed = self._scheduler.changed_tasks()
        self._number += 1
        self._arrivals.clear()
        if changed:
            await self._note(changed)
        thorough = self._number % _THOROUGH == 0
        if thorough:
            for sees_hidden, rows in self._shown.items():
                pages = [page for page in self._pages if page.sees_hidden is sees_hidden]
                rows.keep_only({task_id for page in pages for task_id in page.view.ids})
        await self._tell(list(self._pages), changed, thorough, is_quiet=self._is_quiet() and not changed)

    def _is_quiet(self) -> bool:
        """Tell whether no task waits for anything else than when this was asked last."""
        seen = self._scheduler._machine.version, self._scheduler._surveyor.latest()
        before, self._seen = self._seen, seen
        return before is not None and before[0] == seen[0] and before[1] is seen[1]

    async def _note(self, changed: Iterable[str]) -> None:
        """Count, for each page, the changes that it does not show."""
        for key, watched in list(self._watched.items()):
            maker = self._scheduler.row_maker(key[1])
            meant = []
            for number, task_id in enumerate(changed):
                if watched.is_meant(maker, task_id):
                    meant.append(task_id)
                if not number % 64:
                    await self._breathe()
            watched.noted = watched.last.note(meant, self._number) if meant else None
        for page, key in list(self._pages.items()):
            known = self._watched.get(key)
            if known is not None and known.noted is not None:
                page.elsewhere += known.noted.new_since(page.since + 1, page.view.ids)
            await self._breathe()
        for watched in self._watched.values():
            watched.noted = None

    # ---- news

    async def _tell(
        self, pages: list[OpenPage], changed: frozenset[str] | set[str], thorough: bool, *, is_quiet: bool
    ) -> None:
        now = self._clock()
        topics = {topic for page in pages for topic in page.view.topics}
        common = {"counts": self._counts()}
        for topic, call in (("workers", "worker_list"), ("resources", "resource_list")):
            if topic in topics:
                await self._breathe()
                rows = self._rows_of(call)
                if rows is not None:
                    common[topic] = rows
        makers = {shows: self._scheduler.row_maker(shows) for shows in {page.sees_hidden for page in pages}}
        for page in pages:
            if page.is_waiting:
                news = self._common_news(page, common)
                if thorough or page.is_behind or not is_quiet:
                    news += await self._row_news(page, makers[page.sees_hidden], changed, thorough)
                    page.is_behind = False
                if news and page.is_waiting:
                    page.tell(b"".join(news), now)
            else:
                page.is_behind = True
                if page.busy_since is not None and now - page.busy_since > PATIENCE:
                    page.abort()
            await self._breathe()

    def _common_news(self, page: OpenPage, common: dict[str, tuple[bytes, bytes]]) -> list[bytes]:
        news = []
        for name, (essence, event) in common.items():
            is_wanted = name == "counts" or name in page.view.topics
            if is_wanted and page.told.get(name) != essence:
                page.told[name] = essence
                news.append(event)
        if page.view.query is not None and page.elsewhere:
            told = b'{"n": %d}' % page.elsewhere
            if page.told.get("changed") != told:
                page.told["changed"] = told
                news.append(event_of("changed", told))
        return news

    async def _row_news(
        self, page: OpenPage, maker: RowMaker, changed: frozenset[str] | set[str], thorough: bool
    ) -> list[bytes]:
        fresh = []
        shown, known = self._shown[page.sees_hidden], page.rows
        for task_id in page.view.ids:
            row = shown.row(maker, task_id, thorough or task_id in changed)
            if row is not None and known.get(task_id) is not row:
                known[task_id] = row
                fresh.append(row.body)
            await self._breathe()
        return [event_of("tasks", b'{"rows": [' + b", ".join(fresh) + b"]}")] if fresh else []

    def _counts(self) -> tuple[bytes, bytes]:
        scheduler = self._scheduler
        now = scheduler._clock()
        states, as_of = scheduler.state_counts()
        told = glance(scheduler._machine, states, now)
        essence = encoded({**told, "old": now - as_of > _OLD})
        return essence, event_of("counts", encoded({"now": now, **told, "as_of": as_of}))

    def _rows_of(self, call: str) -> tuple[bytes, bytes] | None:
        """Return the answer of a call as news.

        When workers were heard last is told every ten seconds, since it changes with every ping.
        """
        outcome = self._maker.make(call, {}, Ticket())
        if isinstance(outcome, RefusedError):
            return None
        rows = outcome.response
        name = "workers" if call == "worker_list" else "resources"
        event = event_of(name, encoded({"rows": rows}))
        if call != "worker_list":
            return event, event
        moment = int(self._clock() / 10)
        return encoded([moment, [{**row, "last_active": None} for row in rows]]), event


def event_of(name: str, data: bytes) -> bytes:
    """Return an event as it travels: ``data`` is JSON without line breaks."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
