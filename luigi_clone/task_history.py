"""What a scheduler tells of each task's life, for whoever keeps a history."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

__all__ = ["NopHistory", "StoredTask", "TaskHistory"]


class StoredTask:
    """A task of the past: the scheduler's record of it, the status it had and the host it ran on.

    ``record_id`` is the number under which the history keeps it; a history that has numbers sets it.
    """

    def __init__(self, task: Any, status: str, host: str | None = None) -> None:
        self._task = task
        self.status = status
        self.host = host
        self.record_id: int | None = None

    @property
    def task_family(self) -> str:
        """Family of the task."""
        family: str = self._task.family
        return family

    @property
    def parameters(self) -> Mapping[str, str]:
        """Parameter name → value, hidden ones included."""
        params: Mapping[str, str] = self._task.params
        return params


class TaskHistory(abc.ABC):
    """Interface of a history. ``task`` is the scheduler's record; an exception is logged by the scheduler."""

    @abc.abstractmethod
    def task_scheduled(self, task: Any) -> None:
        """Note that the task was registered to be run (once for each registration)."""

    @abc.abstractmethod
    def task_finished(self, task: Any, successful: bool) -> None:
        """Note that the task is done, or has failed."""

    @abc.abstractmethod
    def task_started(self, task: Any, worker_host: str | None) -> None:
        """Note that the task was given to a worker on ``worker_host``."""

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until what was told so far is kept; false where that takes longer than ``timeout`` seconds."""
        return True


class NopHistory(TaskHistory):
    """The history that keeps nothing."""

    def task_scheduled(self, task: Any) -> None:
        """Do nothing."""

    def task_finished(self, task: Any, successful: bool) -> None:
        """Do nothing."""

    def task_started(self, task: Any, worker_host: str | None) -> None:
        """Do nothing."""
