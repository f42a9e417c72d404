"""The logs of a worker's tasks: whether they are kept, what is secret in them, and how they get sent."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from luigi_clone._parameters.base import ParameterVisibility
from luigi_clone._task_processes.forking import talking
from luigi_clone._worker.talking import offered

if TYPE_CHECKING:
    from luigi_clone._task_logs.desk import TaskLogs
    from luigi_clone._task_logs.recording import Piece, Recording
    from luigi_clone._worker.options import worker
    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")

_NO_SECRETS = (type(None), bool)
_CONTAINERS = (list, tuple, set, frozenset)


def task_logs_of(options: worker, scheduler: Any, worker_id: str) -> TaskLogs | None:
    """Return what keeps the logs of a worker with these options; ``None`` when nothing is to be kept."""
    tell = offered(scheduler, "tell_together")
    log_dir = str(options.log_dir)
    if not log_dir and tell is None:
        return None
    from luigi_clone._task_logs.settings import settings_of

    settings = settings_of(log_dir, options.log_max_days, options.log_max_size, tell is not None)
    if settings is None:
        return None
    from luigi_clone._task_logs.desk import TaskLogs

    try:
        return TaskLogs(settings, None if tell is None else functools.partial(_send, tell, worker_id))
    except OSError as error:
        logger.warning("What tasks write is not kept in logs: %s", error)
        return None


def _send(tell: Callable[..., bool], worker_id: str, pieces: list[tuple[Recording, Piece]]) -> bool:
    calls = [
        (
            "append_task_log",
            {
                "task_id": recording.task_id,
                "attempt": recording.attempt,
                "offset": piece.offset,
                "text": piece.text,
                "worker": worker_id,
            },
        )
        for recording, piece in pieces
    ]
    with talking():
        return tell(calls)


def secrets_of(task: Task) -> list[str]:
    """Return the texts that stand for the values of a task's PRIVATE parameters."""
    private = [
        (name, parameter)
        for name, parameter in task.get_params()
        if parameter.visibility == ParameterVisibility.PRIVATE
    ]
    texts: list[str] = []
    for name, parameter in private:
        value = getattr(task, name, None)
        if isinstance(value, _NO_SECRETS):
            continue
        texts += _texts_in(value)
        try:
            texts.append(str(parameter.serialize(value)))
        except Exception:  # user code, which may take other values than it was made for
            texts.append(str(value))
    return texts


def _texts_in(value: Any) -> list[str]:
    """Return the texts in a value that may be a structure."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, _CONTAINERS):
        return [text for each in value for text in _texts_in(each)]
    values = getattr(value, "values", None)
    if callable(values):
        return [text for each in values() for text in _texts_in(each)]
    return []
