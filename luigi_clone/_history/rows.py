"""Rows of events: how a batch is stored, and how old ones are deleted."""

from __future__ import annotations

import datetime
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from luigi_clone._history.database import Database
from luigi_clone._history.tables import TaskEvent, TaskParameter, TaskRecord
from luigi_clone._history.writer import Event

import sqlalchemy  # isort: skip - after the room that says what to do where it is missing

__all__ = ["Rows"]

_TASKS, _PARAMETERS, _EVENTS = (cls.__table__ for cls in (TaskRecord, TaskParameter, TaskEvent))
_REMEMBERED = 10_000
"""Numbers of records that need not be looked up."""
_SLICE = 500
"""Most values in one condition, and most events deleted in one transaction."""


class Rows:
    """Stores events in the three tables; a task keeps its record for as long as the database has it.

    ``keep_days`` is the age at which events are deleted, with the records that are left without any; 0 keeps
    all.
    """

    def __init__(self, database: Database, keep_days: float = 0) -> None:
        self._database = database
        self._keep_days = keep_days
        self._record_ids: OrderedDict[str, int] = OrderedDict()

    def is_away(self, error: BaseException) -> bool:
        """Tell whether the same may succeed later."""
        return self._database.is_away(error)

    def store(self, events: Sequence[Event]) -> None:
        """Store the events in one transaction."""
        try:
            with self._database.begin() as connection:
                found = self._records(connection, events)
                connection.execute(
                    sqlalchemy.insert(_EVENTS),
                    [
                        {"task_id": found[event.task_id], "event_name": event.name, "ts": event.at}
                        for event in events
                    ],
                )
                self._set_hosts(connection, events, found)
        except Exception:
            # another process may have deleted a record
            self._record_ids.clear()
            raise
        self._remember(found)

    def _records(self, connection: Any, events: Sequence[Event]) -> dict[str, int]:
        """Return task id → number of its record, which is made where there is none."""
        known = self._record_ids
        found = {event.task_id: known[event.task_id] for event in events if event.task_id in known}
        unknown: dict[str, Event] = {}
        for event in events:
            if event.task_id not in found:
                unknown.setdefault(event.task_id, event)
        latest = sqlalchemy.func.max(_TASKS.c.id)
        for task_ids in _slices(unknown):
            asked = (
                sqlalchemy.select(_TASKS.c.task_id, latest)
                .where(_TASKS.c.task_id.in_(task_ids))
                .group_by(_TASKS.c.task_id)
            )
            found.update((row[0], row[1]) for row in connection.execute(asked))
        new = [event for task_id, event in unknown.items() if task_id not in found]
        parameters: list[dict[str, Any]] = []
        for event in new:
            row = {"task_id": event.task_id, "name": event.family, "host": None}
            made = connection.execute(sqlalchemy.insert(_TASKS).values(row))
            number = found[event.task_id] = made.inserted_primary_key[0]
            parameters += [
                {"task_id": number, "name": name, "value": value if value is None else str(value)}
                for name, value in event.params.items()
            ]
        if parameters:
            connection.execute(sqlalchemy.insert(_PARAMETERS), parameters)
        return found

    @staticmethod
    def _set_hosts(connection: Any, events: Sequence[Event], found: dict[str, int]) -> None:
        hosts = {found[event.task_id]: event.host for event in events if event.host is not None}
        if hosts:
            change = (
                sqlalchemy.update(_TASKS)
                .where(_TASKS.c.id == sqlalchemy.bindparam("record"))
                .values(host=sqlalchemy.bindparam("on"))
            )
            rows = [{"record": number, "on": host} for number, host in hosts.items()]
            connection.execute(change, rows)

    def _remember(self, found: dict[str, int]) -> None:
        known = self._record_ids
        for task_id, number in found.items():
            known[task_id] = number
            known.move_to_end(task_id)
        while len(known) > _REMEMBERED:
            known.popitem(last=False)

    # ---- age

    def tend(self) -> bool:
        """Delete some of what is too old; tell whether there may be more."""
        if not self._keep_days:
            return False
        age = datetime.timedelta(days=self._keep_days)
        return self.delete_before(datetime.datetime.now() - age)

    def delete_before(self, when: datetime.datetime) -> bool:
        """Delete some events from before ``when``, and their records if nothing else happened to them."""
        with self._database.begin() as connection:
            old = connection.execute(
                sqlalchemy.select(_EVENTS.c.id, _EVENTS.c.task_id)
                .where(_EVENTS.c.ts < when)
                .order_by(_EVENTS.c.ts)
                .limit(_SLICE)
            ).all()
            if not old:
                return False
            connection.execute(sqlalchemy.delete(_EVENTS).where(_EVENTS.c.id.in_([row[0] for row in old])))
            numbers = {row[1] for row in old}
            left = sqlalchemy.select(_EVENTS.c.task_id).where(_EVENTS.c.task_id.in_(numbers)).distinct()
            empty = numbers - set(connection.execute(left).scalars())
            if empty:
                connection.execute(sqlalchemy.delete(_PARAMETERS).where(_PARAMETERS.c.task_id.in_(empty)))
                connection.execute(sqlalchemy.delete(_TASKS).where(_TASKS.c.id.in_(empty)))
        for task_id in [task_id for task_id, number in self._record_ids.items() if number in empty]:
            del self._record_ids[task_id]
        return len(old) == _SLICE


def _slices(values: Iterable[str]) -> Iterable[list[str]]:
    listed = list(values)
    return (listed[start : start + _SLICE] for start in range(0, len(listed), _SLICE))
