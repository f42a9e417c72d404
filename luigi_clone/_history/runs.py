"""Runs of all tasks that have ended, page by page: what the history view of the page asks for."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from luigi_clone._history.pages import _parameters
from luigi_clone._history.tables import TaskEvent, TaskParameter, TaskRecord
from luigi_clone.task_status import DONE, FAILED, RUNNING

import sqlalchemy  # isort: skip - after the room that says what to do where it is missing
import sqlalchemy.orm

COUNTED = 10_000
"""So many runs are counted at most."""


class Wanted(NamedTuple):
    """Which runs are asked for: times in seconds; ``family`` may have ``*`` for anything; None is any."""

    family: str | None = None
    parameter: str | None = None
    value: str | None = None
    since: float | None = None
    until: float | None = None
    status: str | None = None
    offset: int = 0
    limit: int = 50


class EndedRun(NamedTuple):
    """A run: times in seconds, ``start`` None where it was not recorded; ``worker`` is its host."""

    task_id: str | None
    family: str
    params: dict[str, str | None]
    start: float | None
    end: float
    status: str
    worker: str | None


def ended_runs(session: Any, wanted: Wanted) -> tuple[int | None, list[EndedRun]]:
    """Return how many runs there are, None for more than are counted, and some, the last ended first."""
    ends = _ends(wanted)
    some = ends.with_only_columns(TaskEvent.id).limit(COUNTED + 1).subquery()
    total = session.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(some)).scalar()
    page = ends.order_by(TaskEvent.ts.desc(), TaskEvent.id.desc()).offset(wanted.offset).limit(wanted.limit)
    rows = list(session.execute(page))
    parameters = _parameters(session, list({row.record for row in rows})) if rows else {}
    runs = [
        EndedRun(
            row.task_id,
            row.name,
            dict(parameters.get(row.record, ())),
            None if row.start is None else row.start.timestamp(),
            row.ts.timestamp(),
            row.event_name,
            row.host,
        )
        for row in rows
    ]
    return (None if total > COUNTED else total), runs


def _ends(wanted: Wanted) -> Any:
    begun = sqlalchemy.orm.aliased(TaskEvent)
    start = (
        sqlalchemy.select(sqlalchemy.func.max(begun.ts))
        .where(begun.task_id == TaskEvent.task_id, begun.event_name == RUNNING, begun.id < TaskEvent.id)
        .correlate(TaskEvent)
        .scalar_subquery()
        .label("start")
    )
    statuses = (DONE, FAILED) if wanted.status is None else (wanted.status,)
    ends = (
        sqlalchemy.select(
            TaskEvent.ts,
            TaskEvent.event_name,
            TaskRecord.id.label("record"),
            TaskRecord.task_id,
            TaskRecord.name,
            TaskRecord.host,
            start,
        )
        .join(TaskRecord, TaskEvent.task_id == TaskRecord.id)
        .where(TaskEvent.event_name.in_(statuses))
    )
    if wanted.family is not None:
        ends = ends.where(_fits(TaskRecord.name, wanted.family))
    if wanted.parameter is not None:
        ends = ends.join(TaskParameter, TaskParameter.task_id == TaskRecord.id)
        ends = ends.where(TaskParameter.name == wanted.parameter)
        if wanted.value is not None:
            ends = ends.where(_fits(TaskParameter.value, wanted.value))
    if wanted.since is not None:
        ends = ends.where(TaskEvent.ts >= datetime.datetime.fromtimestamp(wanted.since))
    if wanted.until is not None:
        ends = ends.where(TaskEvent.ts <= datetime.datetime.fromtimestamp(wanted.until))
    return ends


def _fits(column: Any, text: str) -> Any:
    if "*" not in text:
        return column == text
    for sign in ("|", "%", "_"):
        text = text.replace(sign, f"|{sign}")
    return column.like(text.replace("*", "%"), escape="|")
