"""What the scheduler does outside when the state machine has decided: log lines, history, metrics, mails."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._scheduling import views
from luigi_clone._scheduling.facade import Task
from luigi_clone._scheduling.model import WORKER_STATE_ACTIVE, WORKER_STATE_DISABLED, TaskRecord
from luigi_clone.metrics import Gauges

logger = logging.getLogger("luigi.scheduler")


class Effects(SchedulerParts):
    """The part of the scheduler that touches the world."""

    def _run_effects(self) -> None:
        """Do outside what the machine has decided, but never before it is durable."""
        if self._machine.facts and not self._store():
            return
        effects, self._machine.effects = self._machine.effects, []
        for kind, *fields in effects:
            getattr(self, f"_effect_{kind}")(*fields)

    def _effect_log(self, message: str, arguments: tuple[Any, ...]) -> None:
        logger.info(message, *arguments)

    def _effect_warning(self, message: str, arguments: tuple[Any, ...]) -> None:
        logger.warning(message, *arguments)

    def _effect_history(self, record: TaskRecord, status: str, host: str | None) -> None:
        self._update_task_history(Task.of(self._machine, record), status, host=host)

    def _effect_metric(self, event: str, record: TaskRecord) -> None:
        task = Task.of(self._machine, record)
        collector = self._metrics_collector
        try:
            if event == "disabled":
                collector.handle_task_disabled(task, self._config)
            else:
                getattr(collector, f"handle_task_{event}")(task)
        except Exception:
            logger.warning("Error in metrics collector for task %r", record.id, exc_info=True)

    def _effect_queue_latency(self, record: TaskRecord, seconds: float) -> None:
        try:
            self._metrics_collector.observe_queue_latency(Task.of(self._machine, record), seconds)
        except Exception:
            logger.warning("Error in metrics collector for task %r", record.id, exc_info=True)

    def _observe_call(self, name: str, seconds: float) -> None:
        """Tell the metrics how long a call took that came from outside."""
        try:
            self._metrics_collector.observe_rpc(name, seconds)
        except Exception:
            logger.warning("Error in metrics collector for call %r", name, exc_info=True)

    def _gauges(self) -> Gauges:
        """Tell how the scheduler stands, without looking at any task."""
        machine = self._machine
        disabled = sum(worker.disabled for worker in machine.workers.values())
        used = machine.index.resources
        return Gauges(
            {status: len(tasks) for status, tasks in machine.by_status.items()},
            {WORKER_STATE_ACTIVE: len(machine.workers) - disabled, WORKER_STATE_DISABLED: disabled},
            {
                name: (total, used[name].used if name in used else 0)
                for name, total in machine.index.limits.items()
            },
            machine.paused,
        )

    def _effect_disable_mail(self, record: TaskRecord) -> None:
        from luigi_clone._postman import post_error_email

        policy = record.policy
        post_error_email(
            f"Luigi Scheduler: DISABLED {record.id} due to excessive failures",
            f"{record.id} failed {policy.retry_count} times in the last {policy.disable_window} seconds, "
            f"so it is being disabled for {self._config.disable_persist} seconds",
        )

    def _effect_batch_failure(
        self, record: TaskRecord, expl: Any, owners: Iterable[str] | None, batched: tuple[str, ...]
    ) -> None:
        if self._email_batcher is not None:
            self._email_batcher.add_failure(
                views.pretty_id(record),
                record.family,
                without(record.params, batched),
                text_of(expl),
                owners,
            )

    def _effect_batch_disable(
        self, record: TaskRecord, owners: Iterable[str] | None, batched: tuple[str, ...]
    ) -> None:
        if self._email_batcher is not None:
            self._email_batcher.add_disable(
                views.pretty_id(record), record.family, without(record.params, batched), owners
            )


def without(params: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    left_out = set(names)
    return {name: value for name, value in (params or {}).items() if name not in left_out}


def text_of(expl: Any) -> str | None:
    """Return the text of an explanation, which is JSON or else taken as it stands."""
    try:
        return as_text(json.loads(expl))
    except (TypeError, ValueError, RecursionError):
        return as_text(expl)


def as_text(explained: Any) -> str | None:
    """Return what a mail says for an explanation: ``on_failure`` of a task may return anything."""
    return (
        explained if explained is None or isinstance(explained, str) else json.dumps(explained, default=str)
    )
