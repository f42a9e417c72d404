"""``api/history_page``: runs out of the task history, read beside the event loop; and who sees what of it."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Any

from luigi_clone._web.answers import JSON, encoded
from luigi_clone._web.asking import arguments_of
from luigi_clone._web.doors.handlers import GuardedHandler, error_page
from luigi_clone._wire.roles import Role
from luigi_clone._wire.tickets import RefusedError
from luigi_clone.task_status import DONE, FAILED

if TYPE_CHECKING:
    from luigi_clone.scheduler import Scheduler

application_log = logging.getLogger("tornado.application")

_MOST_ROWS = 1_000
_LARGEST_OFFSET = 100_000
_LONGEST_TEXT = 1_000
_LATEST = 32_000_000_000.0
"""Seconds: about the year 2984, which every database can tell."""
_TEXTS = ("family", "parameter", "value", "status")
_TIMES = ("since", "until")
_AT_ONCE = 2
"""So many questions go to the database at once."""


class HistoryPageHandler(GuardedHandler):
    """Answers with runs that have ended, the last ones first."""

    def initialize(self, scheduler: Scheduler, turns: asyncio.Semaphore) -> None:
        """Take what the application hands to each request."""
        self._scheduler = scheduler
        self._turns = turns

    async def get(self) -> None:
        """Answer; 400 for arguments that make no sense, 503 where the history cannot be read."""
        try:
            response = await self._response()
        except RefusedError as refused:
            self.set_status(refused.status)
            self.finish(error_page(refused.status, refused.reason))
            return
        self.set_header("Content-Type", JSON)
        self.finish(b'{"response": ' + encoded(response) + b"}")

    post = get

    async def _response(self) -> dict[str, Any]:
        history: Any = self._scheduler.task_history
        asked = _checked(arguments_of(self.request))
        if not hasattr(history, "_session"):
            return {"kept": False, "total": 0, "rows": []}
        sees_all = self.doors is None or self.doors.role_of(self.request) is Role.ADMIN
        discretion = HistoryDiscretion(self._scheduler, sees_all)
        if asked["parameter"] is not None and not discretion.may_search(asked["family"], asked["parameter"]):
            raise RefusedError(
                403,
                "history_page: without the role admin, runs are found by public parameters of a family that "
                "a worker has announced",
            )
        from luigi_clone._history.runs import Wanted, ended_runs

        def read() -> Any:
            with history._session() as session:
                return ended_runs(session, Wanted(**asked))

        async with self._turns:
            try:
                total, runs = await asyncio.get_running_loop().run_in_executor(None, read)
            except Exception:
                application_log.error("The task history could not be read", exc_info=True)
                raise RefusedError(503, "The task history could not be read; the log says why.") from None
        rows = [
            {**run._asdict(), "params": dict(discretion.shown(run.task_id, run.family, run.params.items()))}
            for run in runs
        ]
        return {"kept": True, "total": total, "rows": rows}


class HistoryDiscretion:
    """Tells which parameters somebody sees: the database does not know which of them are HIDDEN.

    For one who is no admin it is those that are public by what the scheduler knows of the task or its family.
    """

    def __init__(self, scheduler: Scheduler, sees_all: bool) -> None:
        self._scheduler = scheduler
        self._sees_all = sees_all

    def shown(self, task_id: str | None, family: str, parameters: Any) -> list[tuple[str, Any]]:
        """Return the parameters that are shown, as pairs."""
        if self._sees_all:
            return list(parameters)
        task = self._scheduler._machine.tasks.get(task_id or "")
        known = None if task is None else task.params.keys() - set(task.hidden_params)
        public = self._public_of(family) if known is None else known
        return [(name, value) for name, value in parameters if name in public]

    def may_search(self, family: str | None, parameter: str) -> bool:
        """Tell whether somebody may find runs by a parameter: what is found tells its value."""
        return self._sees_all or (family is not None and parameter in self._public_of(family))

    def _public_of(self, family: str) -> set[str]:
        known = self._scheduler._families.get(family)
        if known is None:
            return set()
        return {parameter.name for parameter in known.parameters if parameter.visibility == "public"}


def _checked(told: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name in _TEXTS:
        asked[name] = text = told.get(name)
        if text is not None and (not isinstance(text, str) or len(text) > _LONGEST_TEXT):
            raise RefusedError(400, f"history_page: {name!r} has to be a text")
    if asked["status"] not in (None, DONE, FAILED):
        raise RefusedError(400, f"history_page: 'status' has to be {DONE} or {FAILED}")
    for name in _TIMES:
        asked[name] = time = told.get(name)
        if time is not None and not (_is_number(time) and math.isfinite(time) and 0 <= time <= _LATEST):
            raise RefusedError(400, f"history_page: {name!r} has to be a time in seconds")
    for name, usual, most in (("offset", 0, _LARGEST_OFFSET), ("limit", 50, _MOST_ROWS)):
        asked[name] = number = told.get(name, usual)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
            raise RefusedError(400, f"history_page: {name!r} has to be a whole number from 0 to {most:,}")
    return asked


def _is_number(told: Any) -> bool:
    return isinstance(told, (int, float)) and not isinstance(told, bool)


def routes(scheduler: Scheduler) -> list[tuple[Any, ...]]:
    """Return where the call is, for the web application around ``scheduler``."""
    return [
        (
            r"/api/history_page",
            HistoryPageHandler,
            {"scheduler": scheduler, "turns": asyncio.Semaphore(_AT_ONCE)},
        )
    ]
