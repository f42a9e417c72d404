"""The pages of the task history: what ran lately, the runs of a family, one task.

Every link is relative, so that the pages work behind a path prefix. The database is read in a thread, so that
nobody else's call waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from luigi_clone._web.doors.handlers import GuardedHandler, error_page
from luigi_clone._web.page.history import HistoryDiscretion
from luigi_clone._wire.roles import Role

if TYPE_CHECKING:
    from luigi_clone.scheduler import Scheduler

__all__ = [
    "AllRunHandler",
    "BaseTaskHistoryHandler",
    "ByIdHandler",
    "ByNameHandler",
    "ByParamsHandler",
    "ByTaskIdHandler",
    "RecentRunHandler",
    "SelectedRunHandler",
    "from_utc",
    "routes",
]

_ROWS = 1000
_NAMES = 500
_RUNS = 200
_TEMPLATES = Path(__file__).with_name("templates")
_LARGEST_NUMBER = 2**63 - 1
_FORMATS = ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S")


class BaseTaskHistoryHandler(GuardedHandler):
    """What the pages share. Without a history, and for a task it does not know, the answer is 404."""

    def initialize(self, scheduler: Scheduler) -> None:
        """Take what the application hands to each request."""
        self._scheduler = scheduler

    def get_template_path(self) -> str:
        """Return where the pages are."""
        return str(_TEMPLATES)

    def get_template_namespace(self) -> dict[str, Any]:
        """Return what every page may use: ``root`` leads from here to where the server begins."""
        depth = self.request.path.count("/") - 1
        more = {"root": "../" * depth, "link": _link, "clock": _clock, "limit": _ROWS}
        return {**super().get_template_namespace(), **more}

    async def read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what ``function(session, *arguments)`` finds in the history."""
        history: Any = self._scheduler.task_history

        def ask() -> Any:
            with history._session() as session:
                return function(session, *arguments)

        return await asyncio.get_running_loop().run_in_executor(None, ask)

    @property
    def discretion(self) -> HistoryDiscretion:
        """What tells which parameters who asks may see."""
        sees_all = self.doors is None or self.doors.role_of(self.request) is Role.ADMIN
        return HistoryDiscretion(self._scheduler, sees_all)

    def show_list(self, title: str | None, records: Any) -> None:
        """Show records with the parameters that are shown to who asks."""
        discretion = self.discretion
        shown = [
            one._replace(parameters=discretion.shown(one.task_id, one.name, one.parameters))
            for one in records
        ]
        self.render("history_list.html", title=title, records=shown)

    def show_record(self, record: Any) -> None:
        """Show one record with the parameters that are shown to who asks."""
        parameters = self.discretion.shown(record.task_id, record.name, record.parameters)
        self.render("history_record.html", record=record._replace(parameters=parameters))

    def prepare(self) -> None:
        """Answer 404 where no history is kept."""
        super().prepare()
        if not self._finished and not hasattr(self._scheduler.task_history, "_session"):
            self.refuse("The history of tasks is not kept: [scheduler] record_task_history switches it on.")

    def refuse(self, reason: str) -> None:
        """Answer 404 with the reason."""
        self.set_status(404)
        self.render("history_missing.html", reason=reason)


class RecentRunHandler(BaseTaskHistoryHandler):
    """``/history``: what happened in the last 24 hours."""

    async def get(self) -> None:
        """Show the newest records."""
        from luigi_clone._history import pages

        self.show_list(None, await self.read(pages.latest, _ROWS))


class ByNameHandler(BaseTaskHistoryHandler):
    """``/history/by_name/<family>``: the records of a family."""

    async def get(self, name: str) -> None:
        """Show the newest records of the family."""
        await self.show(name, {})

    async def show(self, name: str, params: dict[str, Any]) -> None:
        """Show the newest records of the family with these values of parameters."""
        from luigi_clone._history import pages

        records = await self.read(pages.records_of, name, params, _ROWS)
        self.show_list(name, records)


class ByParamsHandler(ByNameHandler):
    """``/history/by_params/<family>?data=<json>``: the records with some values of parameters."""

    async def get(self, name: str) -> None:
        """Show the newest records that fit; 400 for data that is no JSON object."""
        text = self.get_argument("data", default="{}")
        try:
            params = json.loads(text)
        except ValueError:
            params = None
        if not isinstance(params, dict):
            self.set_status(400)
            self.finish(error_page(400, "data is no JSON object"))
            return
        discretion = self.discretion
        if not all(discretion.may_search(name, parameter) for parameter in params):
            self.set_status(403)
            self.finish(error_page(403, "Records are found by parameters that everybody may see."))
            return
        await self.show(name, params)


class ByIdHandler(BaseTaskHistoryHandler):
    """``/history/by_id/<number>``: one record."""

    async def get(self, id: str) -> None:  # noqa: A002 - Luigi's name
        """Show the record."""
        from luigi_clone._history import pages

        number = int(id) if id.isascii() and id.isdigit() else _LARGEST_NUMBER + 1
        record = await self.read(pages.details, number) if number <= _LARGEST_NUMBER else None
        if record is None:
            self.refuse(f"The history has no record with the number {id!r}.")
        else:
            self.show_record(record)


class ByTaskIdHandler(BaseTaskHistoryHandler):
    """``/history/by_task_id/<task id>``: the last record of a task."""

    async def get(self, task_id: str) -> None:
        """Show the record."""
        from luigi_clone._history import pages

        record = await self.read(pages.details_of_task, task_id)
        if record is None:
            self.refuse(f"The history knows no task {task_id!r}.")
        else:
            self.show_record(record)


class AllRunHandler(BaseTaskHistoryHandler):
    """``/tasklist``: the families there are."""

    async def get(self) -> None:
        """Show the names, those after ``?after=`` if there are too many for one page."""
        from luigi_clone._history import pages

        names = await self.read(pages.families, self.get_argument("after", default=""), _NAMES)
        self.render("history_families.html", names=names, more=len(names) == _NAMES)


class SelectedRunHandler(BaseTaskHistoryHandler):
    """``/tasklist/<family>``: how long the runs of a family took."""

    async def get(self, name: str) -> None:
        """Show the newest runs as bars."""
        from luigi_clone._history import pages

        runs = await self.read(pages.runs_of, name, _RUNS)
        self.render("history_runs.html", name=name, bars=_bars(runs), runs=_RUNS)


class StyleHandler(GuardedHandler):
    """``/history.css``: how the pages look."""

    role = None

    def get(self) -> None:
        """Answer with the style sheet."""
        self.set_header("Content-Type", "text/css; charset=UTF-8")
        self.write((_TEMPLATES / "history.css").read_bytes())


def routes(scheduler: Scheduler) -> list[tuple[Any, ...]]:
    """Return where the pages are, for the web application around ``scheduler``."""
    shared = {"scheduler": scheduler}
    return [
        (r"/tasklist", AllRunHandler, shared),
        (r"/tasklist/(.*)", SelectedRunHandler, shared),
        (r"/history", RecentRunHandler, shared),
        (r"/history/by_name/(.*)", ByNameHandler, shared),
        (r"/history/by_id/(.*)", ByIdHandler, shared),
        (r"/history/by_task_id/(.*)", ByTaskIdHandler, shared),
        (r"/history/by_params/(.*)", ByParamsHandler, shared),
        (r"/history\.css", StyleHandler),
    ]


class _Bar(NamedTuple):
    """A run as it is drawn: ``share`` is its length in thousandths of the longest one's."""

    run: Any
    share: float
    text: str


def _bars(runs: list[Any]) -> list[_Bar]:
    longest = max((run.seconds for run in runs), default=0) or 1
    return [_Bar(run, round(1000 * max(0, run.seconds) / longest, 1), f"{run.seconds:.3g} s") for run in runs]


def _link(text: str) -> str:
    """Return a name as a part of an address."""
    return quote(text, safe="")


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def from_utc(utcTime: str, fmt: str | None = None) -> int:  # noqa: N803 - Luigi's name
    """Return the seconds since 1970 of a time as the history writes it, which is local time.

    Raises ValueError if it does not look like ``fmt``, or like one of the history's formats.
    """
    for form in _FORMATS if fmt is None else (fmt,):
        with contextlib.suppress(ValueError):
            return int(time.mktime(datetime.strptime(utcTime, form).timetuple()))
    raise ValueError(f"No UTC format matches {utcTime}")
