"""What the parts of the scheduler share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luigi_clone import metrics
    from luigi_clone._scheduling.facade import Task
    from luigi_clone._scheduling.machine import Machine
    from luigi_clone._scheduling.views import Upstream
    from luigi_clone.batch_notifier import BatchNotifier
    from luigi_clone.task_history import TaskHistory


class SchedulerParts:
    """What a part uses of the others. The scheduler makes the attributes; what raises is in another part."""

    _config: Any
    _clock: Callable[[], float]
    _machine: Machine
    _upstream: Upstream
    _email_batcher: BatchNotifier | None
    _metrics_collector: metrics.MetricsCollector

    @property
    def _task_history(self) -> TaskHistory:
        raise NotImplementedError

    def prune(self) -> None:
        """Do what is due."""
        raise NotImplementedError

    def in_steps(self, name: str) -> Callable[..., Any] | None:
        """Return what makes the answer of the call ``name`` row by row; None if that is not for this call."""
        return None

    def _store(self) -> bool:
        """Make the facts durable; false while they wait for a commit of several calls."""
        raise NotImplementedError

    def _run_effects(self) -> None:
        raise NotImplementedError

    def _update_task_history(self, task: Task, status: str, host: str | None = None) -> None:
        raise NotImplementedError
