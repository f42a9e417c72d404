"""The scheduler's state machine.

Its methods take plain arguments and the time, and return plain answers: equal inputs give equal outputs.
What the caller has to do besides (mails, metrics, history rows, log lines) is appended to ``effects``; what
happened is appended to ``facts`` where that is a list. Nothing here reads a clock, a file or a random
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from luigi_clone._scheduling import arguments
from luigi_clone._scheduling.model import TaskRecord, WorkerRecord
from luigi_clone._scheduling.restoring import Restoring
from luigi_clone.task_status import DISABLED, DONE, FAILED, PENDING, RUNNING

_MANY_MESSAGES = 1_000  # for a worker that does not fetch them
_MANY_ENTRIES = 1_000  # of what a worker tells of itself


class Machine(Restoring):
    """The whole scheduler: registration and work, operator actions, and what running tasks tell."""

    # ---- workers

    def add_worker(self, now: float, worker: Any, info: Any) -> None:
        """Merge ``info`` (a mapping or a list of pairs) into what is known of the worker."""
        worker = arguments.identifier("worker", worker)
        told = arguments.worker_info(info)
        known = self.workers.get(worker)
        info = told if known is None else {**known.info, **told}
        if len(info) > _MANY_ENTRIES:
            raise arguments.ArgumentError(f"info of a worker may have {_MANY_ENTRIES} entries at most")
        self.set_worker_info(self._worker(worker, now), info)

    def add_task_batcher(self, worker: Any, task_family: str, batched_args: Any, max_batch_size: Any) -> None:
        """Remember how the worker merges tasks of a family."""
        worker = arguments.identifier("worker", worker)
        size = arguments.number("max_batch_size", max_batch_size)
        args = None if batched_args is None else arguments.ids("batched_args", batched_args)
        self.set_batcher(worker, task_family, args, size)

    def ping(self, now: float, worker: Any) -> list[dict[str, Any]]:
        """Note that the worker is alive; return the messages for it, once."""
        record = self.touch(arguments.identifier("worker", worker), now)
        return self.take_messages(record) if record.messages else []

    def disable_worker(self, now: float, worker: Any) -> None:
        """Give the worker no work any more, and its tasks to others."""
        self.set_worker_disabled(self._worker(arguments.identifier("worker", worker), now))

    def send_message(self, worker: Any, name: str, arguments_: Mapping[str, Any]) -> bool:
        """Queue a message for a worker; tell whether there is such a worker, and one that takes messages."""
        record = self.workers.get(worker)
        if record is None or len(record.messages) >= _MANY_MESSAGES:
            return False
        self.queue_message(record, {"name": name, "kwargs": dict(arguments_)})
        return True

    def _worker(self, worker_id: str, now: float) -> WorkerRecord:
        worker = self.workers.get(worker_id)
        return self.new_worker(worker_id, now) if worker is None else worker

    # ---- what operators do to tasks

    def forgive_failures(self, now: float, task_id: Any) -> str | None:
        """Make a FAILED task PENDING at once; return its status, None if there is no such task."""
        task = self.tasks.get(task_id)
        if task is None:
            return None
        if task.status is FAILED:
            if self.wants_history:
                self.effects.append(("history", task, PENDING, None))
            self.change_status(task, PENDING, now)
        return task.status

    def mark_as_done(self, now: float, task_id: Any) -> str | None:
        """Make a RUNNING, FAILED or DISABLED task DONE; return its status, None if there is no such task."""
        task = self.tasks.get(task_id)
        if task is None:
            return None
        if task.status in (RUNNING, FAILED, DISABLED):
            if self.wants_history:
                self.effects.append(("history", task, DONE, None))
            self.change_status(task, DONE, now)
        return task.status

    def re_enable_task(self, now: float, task_id: Any) -> TaskRecord | None:
        """Take back an automatic disable; return the task, None if it was not disabled so."""
        task = self.tasks.get(task_id)
        if task is None or task.status is not DISABLED or task.more.scheduler_disable_time is None:
            return None
        self.enable(task, now)
        return task

    def configure_resources(self, amounts: Mapping[str, Any]) -> None:
        """Set how much there is of some resources by the configuration: that is no fact."""
        for name, amount in arguments.amounts("resources", amounts).items():
            self.index.set_limit(name, amount)

    def steer(self, now: float, action: Any, task_ids: Iterable[str]) -> dict[str, str | None]:
        """Do ``action(task, now)`` to tasks; return id → status then, None if there is no such task."""
        statuses: dict[str, str | None] = {}
        for task_id in task_ids:
            task = self.tasks.get(task_id)
            if task is not None:
                action(task, now)
            statuses[task_id] = None if task is None else task.status
        return statuses

    def update_resources(self, amounts: Mapping[str, Any]) -> None:
        """Change how much there is of some resources."""
        for name, amount in arguments.amounts("resources", amounts).items():
            self.set_limit(name, amount)

    # ---- what running tasks tell

    def tell_progress(self, task_id: Any, field: str, value: Any) -> None:
        """Store a status message or a progress percentage, for a running batch head also on the members."""
        task = self.tasks.get(task_id)
        if task is None:
            return
        self.tell(task, field, value)
        if task.status is RUNNING:
            for member in self._with_members(task):
                if member is not task:
                    self.tell(member, field, value)

    def decrease_running_task_resources(self, task_id: Any, decrease_resources: Any) -> None:
        """Let a running task give back some of what it holds."""
        decreases = arguments.decreases(decrease_resources)
        task = self.tasks.get(task_id)
        if task is None or task.status is not RUNNING:
            return
        for one in self._with_members(task):
            held = dict(one.needs.amounts if one.held is None else one.held)
            for name, amount in decreases.items():
                if name in held and amount > 0:
                    held[name] = max(0, held[name] - amount)
            self.set_held(one, held)

    def add_response(self, task_id: Any, message_id: str, response: Any) -> None:
        """Keep a task's answer to a message until somebody takes it."""
        task = self.tasks.get(task_id)
        if task is not None:
            self.set_response(task, message_id, response)

    def take_response(self, task_id: Any, message_id: str) -> Any:
        """Return a task's answer to a message and forget it; None if there is none."""
        task = self.tasks.get(task_id)
        response = None if task is None else task.more.responses.get(message_id)
        if task is not None and response is not None:
            self.set_response(task, message_id, None)
        return response
