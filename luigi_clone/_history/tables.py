"""The tables of the task history, and how those of earlier versions are brought up to date.

Written for SQLAlchemy 1.4 and 2 alike, so without the annotations that only 2 knows.
"""

from __future__ import annotations

import logging
from typing import Any

try:
    import sqlalchemy
    import sqlalchemy.orm
    import sqlalchemy.orm.collections
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "the task history needs SQLAlchemy: pip install 'luigi-clone[history]'", name=error.name
    ) from error

__all__ = ["Base", "TaskEvent", "TaskParameter", "TaskRecord", "prepare"]

logger = logging.getLogger("luigi-interface")

Base: Any = sqlalchemy.orm.declarative_base()
"""What the mapped classes are built on; its ``metadata`` has the tables."""


class TaskParameter(Base):  # type: ignore[misc]
    """A parameter of a task: ``name`` and ``value``."""

    __tablename__ = "task_parameters"
    task_id = sqlalchemy.Column(sqlalchemy.Integer, sqlalchemy.ForeignKey("tasks.id"), primary_key=True)
    name = sqlalchemy.Column(sqlalchemy.String(128), primary_key=True)
    value = sqlalchemy.Column(sqlalchemy.Text())

    def __repr__(self) -> str:
        return f"TaskParameter(task_id={self.task_id}, name={self.name})"


class TaskEvent(Base):  # type: ignore[misc]
    """What happened to a task (``event_name``: the status it got) and when (``ts``, local time)."""

    __tablename__ = "task_events"
    id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
    task_id = sqlalchemy.Column(sqlalchemy.Integer, sqlalchemy.ForeignKey("tasks.id"), index=True)
    event_name = sqlalchemy.Column(sqlalchemy.String(20))
    ts = sqlalchemy.Column(sqlalchemy.TIMESTAMP, index=True, nullable=False)

    def __repr__(self) -> str:
        return f"TaskEvent(task_id={self.task_id}, event_name={self.event_name}, ts={self.ts})"


class TaskRecord(Base):  # type: ignore[misc]
    """A task: its id, family (``name``), the host it last ran on, its parameters by name and its events.

    The events are in order, the newest first.
    """

    __tablename__ = "tasks"
    id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
    task_id = sqlalchemy.Column(sqlalchemy.String(200), index=True)
    name = sqlalchemy.Column(sqlalchemy.String(128), index=True)
    host = sqlalchemy.Column(sqlalchemy.String(128))
    parameters = sqlalchemy.orm.relationship(
        TaskParameter,
        collection_class=sqlalchemy.orm.collections.attribute_mapped_collection("name"),
        cascade="all, delete-orphan",
    )
    events = sqlalchemy.orm.relationship(
        TaskEvent,
        order_by=(sqlalchemy.desc(TaskEvent.ts), sqlalchemy.desc(TaskEvent.id)),
        cascade="all, delete-orphan",
    )

    def __repr__(self) -> str:
        return f"TaskRecord(name={self.name}, host={self.host})"


def prepare(engine: Any) -> None:
    """Make the tables that there are not, and bring those of an earlier version up to date."""
    Base.metadata.create_all(engine)
    _upgrade(engine)


def _upgrade(engine: Any) -> None:
    inspector = sqlalchemy.inspect(engine)
    with engine.begin() as connection:
        if "task_id" not in {column["name"] for column in inspector.get_columns("tasks")}:
            logger.warning("Upgrading the task history: adding tasks.task_id")
            connection.execute(sqlalchemy.text("ALTER TABLE tasks ADD COLUMN task_id VARCHAR(200)"))
            connection.execute(sqlalchemy.text("CREATE INDEX ix_task_id ON tasks (task_id)"))
        value = next(c for c in inspector.get_columns("task_parameters") if c["name"] == "value")
        if getattr(value["type"], "length", None):
            _widen(connection, engine.dialect.name)


def _widen(connection: Any, dialect: str) -> None:
    """Let the values of parameters be of any length."""
    change = {
        "postgresql": "ALTER TABLE task_parameters ALTER COLUMN value TYPE TEXT",
        "mysql": "ALTER TABLE task_parameters MODIFY COLUMN value TEXT",
        "mariadb": "ALTER TABLE task_parameters MODIFY COLUMN value TEXT",
        "oracle": "ALTER TABLE task_parameters MODIFY value CLOB",
        "mssql": "ALTER TABLE task_parameters ALTER COLUMN value TEXT",
    }.get(dialect)
    if change is not None:
        logger.warning("Upgrading the task history: task_parameters.value becomes text of any length")
        connection.execute(sqlalchemy.text(change))
    elif dialect == "sqlite":
        # it does not enforce the length, and cannot change the type
        logger.warning("SQLite cannot change the type of task_parameters.value; it keeps long values as well")
    else:
        logger.warning("Change the type of task_parameters.value to text: %s is not known here", dialect)
