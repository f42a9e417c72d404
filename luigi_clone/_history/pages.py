"""What the pages of the task history show. Each function reads a bounded number of rows, by an index."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from luigi_clone._history.tables import TaskEvent, TaskParameter, TaskRecord
from luigi_clone.task_status import DONE, FAILED, RUNNING

import sqlalchemy  # isort: skip - after the room that says what to do where it is missing
import sqlalchemy.orm

__all__ = [
    "Detail",
    "Run",
    "Summary",
    "details",
    "details_of_task",
    "families",
    "latest",
    "records_of",
    "runs_of",
]

_RECENT = datetime.timedelta(days=1)
_EVENTS_READ = 5000
_EVENTS_SHOWN = 1000


class Summary(NamedTuple):
    """A record in a list, with its last event."""

    id: int
    task_id: str | None
    name: str
    host: str | None
    parameters: tuple[tuple[str, str | None], ...]
    status: str
    at: datetime.datetime


class Detail(NamedTuple):
    """A record, with its newest events (status and time), the newest first."""

    id: int
    task_id: str | None
    name: str
    host: str | None
    parameters: tuple[tuple[str, str | None], ...]
    events: tuple[tuple[str, datetime.datetime], ...]


class Run(NamedTuple):
    """One run of a task that has ended: its record's number and id, its begin, end and status."""

    record: int
    task_id: str
    begin: datetime.datetime
    end: datetime.datetime
    status: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.begin).total_seconds()


def latest(session: Any, limit: int) -> list[Summary]:
    """Return the records with events in the last 24 hours, the newest first."""
    recent = (
        sqlalchemy.select(TaskEvent.task_id)
        .where(TaskEvent.ts >= datetime.datetime.now() - _RECENT)
        .order_by(TaskEvent.ts.desc(), TaskEvent.id.desc())
        .limit(10 * limit)
    )
    numbers = list(dict.fromkeys(session.execute(recent).scalars()))[:limit]
    return _summaries(session, numbers)


def records_of(session: Any, name: str, params: Mapping[str, Any], limit: int) -> list[Summary]:
    """Return the newest records of a family that have these values of parameters, by their last event."""
    chosen = sqlalchemy.select(TaskRecord.id).where(TaskRecord.name == name)
    for parameter, value in params.items():
        alias = sqlalchemy.orm.aliased(TaskParameter)
        chosen = chosen.join(alias, alias.task_id == TaskRecord.id)
        chosen = chosen.where(alias.name == parameter, alias.value == str(value))
    chosen = chosen.order_by(TaskRecord.id.desc()).limit(limit)
    found = _summaries(session, list(session.execute(chosen).scalars()))
    return sorted(found, key=lambda summary: (summary.at, summary.id))


def _summaries(session: Any, numbers: list[int]) -> list[Summary]:
    """Return the records with these numbers, in this order."""
    if not numbers:
        return []
    last = (
        sqlalchemy.select(sqlalchemy.func.max(TaskEvent.id))
        .where(TaskEvent.task_id.in_(numbers))
        .group_by(TaskEvent.task_id)
    )
    query = (
        sqlalchemy.select(
            TaskRecord.id,
            TaskRecord.task_id,
            TaskRecord.name,
            TaskRecord.host,
            TaskEvent.event_name,
            TaskEvent.ts,
        )
        .join(TaskEvent, TaskEvent.task_id == TaskRecord.id)
        .where(TaskEvent.id.in_(list(session.execute(last).scalars())))
    )
    parameters = _parameters(session, numbers)
    found = {
        number: Summary(number, task_id, name, host, parameters.get(number, ()), status, at)
        for number, task_id, name, host, status, at in session.execute(query)
    }
    return [found[number] for number in numbers if number in found]


def _parameters(session: Any, numbers: list[int]) -> dict[int, tuple[tuple[str, str | None], ...]]:
    query = (
        sqlalchemy.select(TaskParameter.task_id, TaskParameter.name, TaskParameter.value)
        .where(TaskParameter.task_id.in_(numbers))
        .order_by(TaskParameter.task_id, TaskParameter.name)
    )
    found: dict[int, tuple[tuple[str, str | None], ...]] = {}
    for number, name, value in session.execute(query):
        found[number] = (*found.get(number, ()), (name, value))
    return found


def details(session: Any, number: int) -> Detail | None:
    """Return the record with a number, None if there is none."""
    return _details(session, TaskRecord.id == number)


def details_of_task(session: Any, task_id: str) -> Detail | None:
    """Return the last record of a task, None if there is none."""
    return _details(session, TaskRecord.task_id == task_id)


def _details(session: Any, condition: Any) -> Detail | None:
    query = (
        sqlalchemy.select(TaskRecord.id, TaskRecord.task_id, TaskRecord.name, TaskRecord.host)
        .where(condition)
        .order_by(TaskRecord.id.desc())
        .limit(1)
    )
    found = session.execute(query).first()
    if found is None:
        return None
    happened = (
        sqlalchemy.select(TaskEvent.event_name, TaskEvent.ts)
        .where(TaskEvent.task_id == found.id)
        .order_by(TaskEvent.ts.desc(), TaskEvent.id.desc())
        .limit(_EVENTS_SHOWN)
    )
    events = tuple((name, at) for name, at in session.execute(happened))
    parameters = _parameters(session, [found.id]).get(found.id, ())
    return Detail(found.id, found.task_id, found.name, found.host, parameters, events)


def families(session: Any, after: str = "", limit: int = 500) -> list[str]:
    """Return the names of families after ``after``, in order.

    Each is one look into the index over the names, however many records it has.
    """
    found: list[str] = []
    while len(found) < limit:
        following = sqlalchemy.select(sqlalchemy.func.min(TaskRecord.name)).where(TaskRecord.name > after)
        name = session.execute(following).scalar()
        if name is None:
            break
        found.append(name)
        after = name
    return found


def runs_of(session: Any, name: str, limit: int) -> list[Run]:
    """Return the newest runs of a family that have ended, the oldest of them first.

    Runs are looked for in the newest records of the family only, and in a bounded number of events.
    """
    newest = (
        sqlalchemy.select(TaskRecord.id, TaskRecord.task_id)
        .where(TaskRecord.name == name)
        .order_by(TaskRecord.id.desc())
        .limit(2 * limit)
    )
    task_ids = {row.id: row.task_id for row in session.execute(newest)}
    if not task_ids:
        return []
    happened = (
        sqlalchemy.select(TaskEvent.task_id, TaskEvent.event_name, TaskEvent.ts)
        .where(TaskEvent.task_id.in_(list(task_ids)))
        .order_by(TaskEvent.ts.desc(), TaskEvent.id.desc())
        .limit(_EVENTS_READ)
    )
    events = reversed(session.execute(happened).all())
    runs = sorted(_paired(events, task_ids), key=lambda run: (run.begin, run.record))
    return runs[-limit:]


def _paired(events: Iterable[Any], task_ids: dict[int, str]) -> list[Run]:
    """Pair each begin with the next end of the same task."""
    begun: dict[int, datetime.datetime] = {}
    runs: list[Run] = []
    for number, status, at in events:
        if status == RUNNING:
            begun[number] = at
        elif status in (DONE, FAILED) and number in begun:
            runs.append(Run(number, task_ids[number], begun.pop(number), at, status))
    return runs
