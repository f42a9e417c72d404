"""One task as a row of a page."""

from __future__ import annotations

import math
from typing import Any

from luigi_clone._scheduling.explain import At, Cause, explain
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.shown import state_of
from luigi_clone._scheduling.survey import Survey
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN

Row = dict[str, Any]

_LONGEST_MESSAGE = 1_000
_RUNS = (RUNNING, BATCH_RUNNING)
_ENDED = (DONE, FAILED, DISABLED)


class RowMaker:
    """Makes rows for one who asks.

    ``survey`` tells what holds up a task; ``at`` how times are told in sentences; ``sees_hidden`` whether
    HIDDEN parameters are shown. PRIVATE ones never reach the scheduler.
    """

    def __init__(self, machine: Machine, survey: Survey, now: float, at: At, sees_hidden: bool) -> None:
        self.machine = machine
        self.survey = survey
        self.now = now
        self.at = at
        self.sees_hidden = sees_hidden

    def state_of(self, task: TaskRecord) -> str:
        """Return the state that a task is shown in."""
        return state_of(task, self.survey.causes.get(task))

    def params_of(self, task: TaskRecord) -> dict[str, Any]:
        """Return the parameters that are shown."""
        hidden = task.hidden_params
        if self.sees_hidden or not hidden:
            return dict(task.params)
        return {name: value for name, value in task.params.items() if name not in hidden}

    def why(self, task_id: str, deep: bool = False) -> Cause:
        """Return why a task is as it is; ``deep`` is for where the survey is silent."""
        return explain(self.machine, task_id, self.at, self.survey.causes, deep)

    def row(self, task: TaskRecord) -> Row:
        """Return a task as pages show it: times in seconds, what is not known is None."""
        more = task.more
        why = self.why(task.id)
        return {
            "id": task.id,
            "family": task.family,
            "params": self.params_of(task),
            "state": self.state_of(task),
            "status": task.status,
            "why": {"code": why.code, "text": why.text, "ids": list(why.ids)},
            "worker": task.worker_running,
            "priority": task.priority,
            "updated": task.updated,
            "started": task.time_running,
            "took": took(task, self.now),
            "retry_at": self.retry_at(task),
            "failures": len(more.failures),
            "progress": _percentage(more.progress_percentage),
            "message": _message(more.status_message),
            "tracking_url": web_address(more.tracking_url),
            "resources": dict(task.needs.amounts),
            "accepts_messages": bool(
                task.status is RUNNING and task.accepts_messages and self.machine.settings.send_messages
            ),
            "re_enable_able": task.status is DISABLED and more.scheduler_disable_time is not None,
        }

    def retry_at(self, task: TaskRecord) -> float | None:
        """Return when the scheduler lets a task be tried again by itself."""
        if task.status is FAILED:
            return None if self.machine.settings.retry_delay < 0 else task.retry
        since = task.more.scheduler_disable_time
        if task.status is DISABLED and since is not None:
            return since + self.machine.settings.disable_persist
        return None

    def unknown_row(self, task_id: str) -> Row:
        """Return a row for a task that others depend on and that no worker has told of."""
        why = self.why(task_id)
        return {
            **dict.fromkeys(("worker", "updated", "started", "took", "retry_at", "progress", "message")),
            "id": task_id,
            "family": "",
            "params": {},
            "state": "unknown",
            "status": UNKNOWN,
            "why": {"code": why.code, "text": why.text, "ids": list(why.ids)},
            "priority": 0,
            "failures": 0,
            "tracking_url": None,
            "resources": {},
            "accepts_messages": False,
            "re_enable_able": False,
        }


def took(task: TaskRecord, now: float) -> float | None:
    """Return for how many seconds a task has run, in its current run or in the one that ended last."""
    started = task.time_running
    if started is None or task.status is PENDING:
        return None
    if task.status in _RUNS:
        return max(0.0, now - started)
    return task.updated - started if task.status in _ENDED and task.updated >= started else None


def _percentage(told: Any) -> float | None:
    if isinstance(told, str):
        try:
            told = float(told)
        except ValueError:
            return None
    if not isinstance(told, (int, float)) or isinstance(told, bool) or not math.isfinite(told):
        return None
    return min(100, max(0, told))


def _message(told: Any) -> str | None:
    if told is None:
        return None
    text = told if isinstance(told, str) else str(told)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def web_address(told: Any) -> str | None:
    """Return an address that a page may link to, None for anything else (a script, for one)."""
    if isinstance(told, str) and told[:8].lower().startswith(("http://", "https://")):
        return told
    return None
