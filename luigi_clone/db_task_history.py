"""The history of tasks in a database: any that SQLAlchemy (1.4 or 2) knows.

``[scheduler] record_task_history`` switches it on; section ``[task_history]`` says where it is:
``db_connection`` is SQLAlchemy's URL. ``keep_days`` (0: for ever) is how long events are kept, and
``max_waiting`` (100000) how many may wait while the database is slow or away.
"""

from __future__ import annotations

import contextlib
import datetime
import weakref
from collections.abc import Iterator
from typing import Any

from luigi_clone._history.database import Database
from luigi_clone._history.rows import Rows
from luigi_clone._history.tables import Base, TaskEvent, TaskParameter, TaskRecord
from luigi_clone._history.writer import Event, Writer
from luigi_clone.configuration import get_config
from luigi_clone.task_history import TaskHistory
from luigi_clone.task_status import DONE, FAILED, PENDING, RUNNING

import sqlalchemy  # isort: skip - after the room that says what to do where it is missing
import sqlalchemy.orm

__all__ = ["Base", "DbTaskHistory", "TaskEvent", "TaskParameter", "TaskRecord"]

_MAX_WAITING = 100_000
_RECENT = datetime.timedelta(days=1)


class DbTaskHistory(TaskHistory):
    """Keeps a record per task with its parameters and the host it ran on, and an event per change of status.

    What the scheduler tells is written soon after, by a thread, several events in one transaction; reading
    waits for what was told before. A task keeps its record over restarts. Hidden parameters are written too.
    Raises what the configuration, SQLAlchemy or the database's driver raise when there is no such database.
    """

    def __init__(self) -> None:
        config = get_config()
        keep_days = config.getfloat("task_history", "keep_days", 0.0)
        if keep_days < 0:
            raise ValueError(f"[task_history] keep_days must be 0 (for ever) or more, not {keep_days}")
        max_waiting = config.getint("task_history", "max_waiting", _MAX_WAITING)
        self._database = Database(config.get("task_history", "db_connection"))
        self.engine: Any = self._database.engine
        self.session_factory: Any = self._database.sessions
        self._writer = Writer(Rows(self._database, keep_days), max_waiting)
        if keep_days:
            self._writer.start()
        weakref.finalize(self, self._writer.close)

    # ---- what the scheduler tells

    def task_scheduled(self, task: Any) -> None:
        """Note that the task was registered to be run."""
        self._note(task, PENDING)

    def task_finished(self, task: Any, successful: bool) -> None:
        """Note that the task is done, or has failed."""
        self._note(task, DONE if successful else FAILED)

    def task_started(self, task: Any, worker_host: str | None) -> None:
        """Note that the task was given to a worker on ``worker_host``."""
        self._note(task, RUNNING, worker_host)

    def _note(self, task: Any, status: str, host: str | None = None) -> None:
        now = datetime.datetime.now()
        self._writer.put(Event(task.id, task.family, task.params or {}, status, host, now))

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until what was told so far is written; false where that does not succeed."""
        return self._writer.flush(timeout)

    # ---- what there is

    @contextlib.contextmanager
    def _session(self, session: Any = None) -> Iterator[Any]:
        """Give ``session`` or a new one, which is committed at the end and rolled back at an exception."""
        if session is None:
            self.flush()
        with self._database.session(session) as opened:
            yield opened

    def find_all_by_parameters(
        self, task_name: str, session: Any = None, **task_params: str
    ) -> Iterator[TaskRecord]:
        """Return the records of a family that have these values of parameters, by their first event."""
        yield from self._by_parameters(task_name, task_params, session)

    def find_all_by_name(self, task_name: str, session: Any = None) -> Iterator[TaskRecord]:
        """Return the records of a family, by their first event."""
        yield from self._by_parameters(task_name, {}, session)

    def _by_parameters(self, name: str, params: dict[str, str], session: Any) -> list[TaskRecord]:
        chosen = sqlalchemy.select(TaskRecord.id).where(TaskRecord.name == name)
        for parameter, value in params.items():
            alias = sqlalchemy.orm.aliased(TaskParameter)
            chosen = chosen.join(alias, alias.task_id == TaskRecord.id)
            chosen = chosen.where(alias.name == parameter, alias.value == str(value))
        wanted = chosen.subquery()
        first = (
            sqlalchemy.select(TaskEvent.task_id, sqlalchemy.func.min(TaskEvent.ts).label("first"))
            .where(TaskEvent.task_id.in_(sqlalchemy.select(wanted.c.id)))
            .group_by(TaskEvent.task_id)
            .subquery()
        )
        query = _whole_records().join(first, first.c.task_id == TaskRecord.id)
        return self._all(query.order_by(first.c.first, TaskRecord.id), session)

    def find_latest_runs(self, session: Any = None) -> list[TaskRecord]:
        """Return the records with events in the last 24 hours, the newest first."""
        last = (
            sqlalchemy.select(
                TaskEvent.task_id,
                sqlalchemy.func.max(TaskEvent.ts).label("last"),
                sqlalchemy.func.max(TaskEvent.id).label("number"),
            )
            .where(TaskEvent.ts >= datetime.datetime.now() - _RECENT)
            .group_by(TaskEvent.task_id)
            .subquery()
        )
        query = _whole_records().join(last, last.c.task_id == TaskRecord.id)
        return self._all(query.order_by(last.c.last.desc(), last.c.number.desc()), session)

    def find_all_runs(self, session: Any = None) -> list[TaskRecord]:
        """Return all records."""
        return self._all(_whole_records().order_by(TaskRecord.id), session)

    def find_all_events(self, session: Any = None) -> list[TaskEvent]:
        """Return all events."""
        return self._all(sqlalchemy.select(TaskEvent).order_by(TaskEvent.id), session)

    def find_task_by_id(self, id: Any, session: Any = None) -> TaskRecord | None:  # noqa: A002 - Luigi's name
        """Return the record with a number, None if there is none."""
        found = self._all(_whole_records().where(TaskRecord.id == id), session)
        return found[0] if found else None

    def find_task_by_task_id(self, task_id: str, session: Any = None) -> TaskRecord:
        """Return the last record of a task. Raises IndexError if there is none."""
        query = _whole_records().where(TaskRecord.task_id == task_id)
        found: list[TaskRecord] = self._all(query.order_by(TaskRecord.id.desc()).limit(1), session)
        if not found:
            raise IndexError(f"the task history knows no task {task_id!r}")
        return found[0]

    def _all(self, query: Any, session: Any) -> list[Any]:
        with self._session(session) as opened:
            return list(opened.execute(query).scalars())


def _whole_records() -> Any:
    """Return a query of records with all that belongs to them, so that they are of use after the session."""
    whole = (
        sqlalchemy.orm.selectinload(TaskRecord.parameters),
        sqlalchemy.orm.selectinload(TaskRecord.events),
    )
    return sqlalchemy.select(TaskRecord).options(*whole)
