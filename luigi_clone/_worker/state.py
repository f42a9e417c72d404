"""What the parts of a worker share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, MutableMapping

    from luigi_clone._task_logs.desk import TaskLogs
    from luigi_clone._worker.messages import KeepAliveThread
    from luigi_clone._worker.options import worker
    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")


class GetWorkResponse(NamedTuple):
    """The scheduler's answer to a request for work; ``task_id`` is ``None`` when there is none."""

    task_id: Any
    running_tasks: Any
    n_pending_tasks: int
    n_unique_pending: int
    n_pending_last_scheduled: int
    worker_state: str


class WorkerState:
    """Attributes of a worker that others read and set."""

    _id: str
    _scheduler: Any
    _assistant: bool
    _config: worker
    _worker_info: list[tuple[str, Any]]
    worker_processes: int
    host: str
    _scheduled_tasks: dict[str, Task]
    _found: dict[str, Task]
    """What the walk of the graph that was begun last has come upon so far."""
    _running_tasks: dict[str, Any]
    _suspended_tasks: dict[str, Task]
    _batch_running_tasks: dict[str, Iterable[Task]]
    _batch_families_sent: set[str]
    _families_told: set[str]
    _first_task: str | None
    add_succeeded: bool
    run_succeeded: bool
    unfulfilled_counts: MutableMapping[str, int]
    _stop_requesting_work: bool
    _idle_since: datetime.datetime | None
    _idle_clock: tuple[datetime.datetime, float] | None
    """What ``_idle_since`` was set to, and the same moment on a clock that nobody sets."""
    _task_result_queue: Any
    _task_completion_cache: MutableMapping[str, bool] | None
    _required_ids: dict[str, list[str]]
    _seen_running: set[tuple[str, str]]
    """Pairs of a task known here and another worker that was seen running it."""
    _history_limit: int
    """Number of entries at which the history is looked through for repetitions."""
    _add_task_history: list[tuple[Task, str | None, bool | None]]
    _get_work_response_history: list[dict[str, Any]]
    _keep_alive_thread: KeepAliveThread
    _task_logs: TaskLogs | None
    """What keeps the output of tasks; nothing does outside the worker's context, or if it is switched off."""
