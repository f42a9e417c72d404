"""The calls by which people and running tasks steer the scheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._scheduling import views
from luigi_clone._scheduling.facade import Task
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._wire.methods import rpc_method
from luigi_clone.task_status import DISABLED

logger = logging.getLogger("luigi.scheduler")


class OperatorCalls(SchedulerParts):
    """What operators ask for."""

    @rpc_method()
    def forgive_failures(self, task_id: str | None = None) -> dict[str, Any]:
        """Make a FAILED task PENDING at once."""
        status = self._machine.forgive_failures(self._clock(), task_id)
        self._run_effects()
        return {"task_id": task_id, "status": status}

    @rpc_method()
    def mark_as_done(self, task_id: str | None = None) -> dict[str, Any]:
        """Take a RUNNING, FAILED or DISABLED task for DONE."""
        status = self._machine.mark_as_done(self._clock(), task_id)
        self._run_effects()
        return {"task_id": task_id, "status": status}

    @rpc_method()
    def re_enable_task(self, task_id: str) -> dict[str, Any]:
        """Take back an automatic disable; return the task, or nothing if it was not disabled so."""
        record = self._machine.re_enable_task(self._clock(), task_id)
        self._run_effects()
        return {} if record is None else views.serialize(self._machine, record, sorted(record.deps))

    @rpc_method()
    def retry_task(self, task_id: str | Iterable[str]) -> dict[str, str | None]:
        """Let FAILED and DISABLED tasks be tried again at once; return id → status, None if unknown.

        ``task_id`` is one id or several; the failures of a DISABLED task are forgotten.
        """
        return self._steer(self._machine.retry, task_id)

    @rpc_method()
    def disable_task(self, task_id: str | Iterable[str]) -> dict[str, str | None]:
        """Disable tasks as too many failures would; return id → status, None if unknown.

        ``task_id`` is one id or several. A task that runs or is DONE stays as it is.
        """
        return self._steer(self._machine.disable, task_id)

    @rpc_method()
    def enable_task(self, task_id: str | Iterable[str]) -> dict[str, str | None]:
        """Make DISABLED tasks PENDING, whoever disabled them; return id → status, None if unknown.

        ``task_id`` is one id or several. (``re_enable_task`` takes back automatic disables only, and makes
        the task FAILED.)
        """

        def enable(task: TaskRecord, now: float) -> None:
            if task.status is DISABLED:
                self._machine.retry(task, now)

        return self._steer(enable, task_id)

    def _steer(
        self, action: Callable[[TaskRecord, float], None], task_id: str | Iterable[str]
    ) -> dict[str, str | None]:
        ids = (task_id,) if isinstance(task_id, str) else task_id
        statuses = self._machine.steer(self._clock(), action, ids)
        self._run_effects()
        return statuses

    @rpc_method()
    def disable_worker(self, worker: str) -> None:
        """Give a worker no work any more."""
        self._machine.disable_worker(self._clock(), worker)

    @rpc_method()
    def set_worker_processes(self, worker: str, n: int) -> None:
        """Ask a worker to run ``n`` tasks at once."""
        self._machine.send_message(worker, "set_worker_processes", {"n": n})

    @rpc_method()
    def send_scheduler_message(self, worker: str, task: str, content: Any) -> dict[str, Any]:
        """Send a message to a task that runs on ``worker``; return the id to ask for the answer by.

        The id is None when messages are switched off, or the worker is not there or takes none.
        """
        if not self._config.send_messages:
            return {"message_id": None}
        import uuid

        message_id = str(uuid.uuid4())
        message = {"task_id": task, "message_id": message_id, "content": content}
        sent = self._machine.send_message(worker, "dispatch_scheduler_message", message)
        return {"message_id": message_id if sent else None}

    @rpc_method()
    def add_scheduler_message_response(self, task_id: str, message_id: str, response: Any) -> None:
        """Store a task's answer to a message."""
        self._machine.add_response(task_id, message_id, response)

    @rpc_method()
    def get_scheduler_message_response(self, task_id: str, message_id: str) -> dict[str, Any]:
        """Take a task's answer to a message."""
        return {"response": self._machine.take_response(task_id, message_id)}

    @rpc_method()
    def pause(self) -> None:
        """Give out no work until :meth:`unpause`."""
        if self._config.pause_enabled:
            self._machine.set_paused(True)

    @rpc_method()
    def unpause(self) -> None:
        """Give out work again."""
        if self._config.pause_enabled:
            self._machine.set_paused(False)

    @rpc_method()
    def is_paused(self) -> dict[str, bool]:
        """Tell whether work is given out."""
        return {"paused": self._machine.paused}

    @rpc_method()
    def is_pause_enabled(self) -> dict[str, bool]:
        """Tell whether the scheduler can be paused."""
        return {"enabled": self._config.pause_enabled}

    @rpc_method()
    def update_resources(self, **resources: Any) -> None:
        """Change how much there is of some resources. Raises ValueError for an amount that is no number."""
        self._machine.update_resources(resources)

    @rpc_method()
    def update_resource(self, resource: str, amount: int) -> bool:
        """Change how much there is of a resource; return false unless that is an int of zero or more."""
        if not isinstance(amount, int) or not 0 <= amount < 2**63:
            return False
        self._machine.update_resources({resource: amount})
        return True


class RunningTaskCalls(SchedulerParts):
    """What a running task tells and asks."""

    @rpc_method()
    def set_task_status_message(self, task_id: str, status_message: str) -> None:
        """Store what a task says of itself."""
        self._machine.tell_progress(task_id, "status_message", status_message)

    @rpc_method()
    def get_task_status_message(self, task_id: str) -> dict[str, Any]:
        """Return what a task says of itself."""
        record = self._machine.tasks.get(task_id)
        message = "" if record is None else record.more.status_message
        return {"taskId": task_id, "statusMessage": message}

    @rpc_method()
    def set_task_progress_percentage(self, task_id: str, progress_percentage: float) -> None:
        """Store how far a task has come."""
        self._machine.tell_progress(task_id, "progress_percentage", progress_percentage)

    @rpc_method()
    def get_task_progress_percentage(self, task_id: str) -> dict[str, Any]:
        """Return how far a task has come."""
        record = self._machine.tasks.get(task_id)
        progress = None if record is None else record.more.progress_percentage
        return {"taskId": task_id, "progressPercentage": progress}

    @rpc_method()
    def decrease_running_task_resources(self, task_id: str, decrease_resources: Mapping[str, Any]) -> None:
        """Let a running task give back a part of its resources."""
        self._machine.decrease_running_task_resources(task_id, decrease_resources)

    @rpc_method()
    def get_running_task_resources(self, task_id: str) -> dict[str, Any]:
        """Return the resources that the current or last run of a task holds, None if it never ran."""
        record = self._machine.tasks.get(task_id)
        held = None if record is None or record.held is None else dict(record.held)
        return {"taskId": task_id, "resources": held}

    @rpc_method()
    def report_task_statistics(self, task_id: str, statistics: Any) -> None:
        """Hand statistics of a task to the metrics collector."""
        record = self._machine.tasks.get(task_id)
        if record is not None:
            try:
                self._metrics_collector.handle_task_statistics(Task.of(self._machine, record), statistics)
            except Exception:
                logger.warning("Error in metrics collector for task %r", task_id, exc_info=True)

    @rpc_method()
    def update_metrics_task_started(self, task: Task) -> None:
        """Tell the metrics collector that a task begins to run."""
        self._metrics_collector.handle_task_started(task)
