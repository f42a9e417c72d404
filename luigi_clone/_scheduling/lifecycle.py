"""Rules for changes of status: failures, retries, disabling, and what time alone brings about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from luigi_clone._scheduling.model import RetryPolicy, Settings, TaskRecord, WorkerRecord
from luigi_clone._scheduling.state import State
from luigi_clone._scheduling.timers import ENABLE, REMOVE, RETRY, WORKER, Timer
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING

Effect = tuple[Any, ...]
"""Something for the caller to do after the call: (kind, *fields); the kinds are listed in EFFECTS."""

EFFECTS: Mapping[str, tuple[str, ...]] = {
    "log": ("message", "arguments"),  # at level INFO
    "warning": ("message", "arguments"),
    "metric": ("event", "task"),  # event: started, done, failed, disabled
    "queue_latency": ("task", "seconds"),  # from when it could run until it was given to a worker
    "history": ("task", "status", "host"),
    "disable_mail": ("task",),
    "batch_failure": ("task", "expl", "owners", "batched_args"),
    "batch_disable": ("task", "owners", "batched_args"),
}

_METRICS = {DISABLED: "disabled", DONE: "done", FAILED: "failed"}


def _policy_of(settings: Settings) -> RetryPolicy:
    return RetryPolicy(settings.retry_count, settings.disable_hard_timeout, settings.disable_window)


class Lifecycle(State):
    """State plus the rules of 'set status' and of 'prune'."""

    def __init__(self, settings: Settings, limits: Mapping[str, float]) -> None:
        super().__init__(limits)
        self.settings = settings
        self.effects: list[Effect] = []
        self.wants_metrics = False
        self.wants_history = False
        self.most_due: int | None = None
        """So many of the things that are due, and of unwanted tasks, one :meth:`prune` looks at at most."""
        self.is_behind = False
        """Whether the last :meth:`prune` has left something for the next one."""
        self._delays = self.current_delays()
        self._default_policy = _policy_of(settings)

    # ---- workers

    def touch(self, worker_id: str, now: float) -> WorkerRecord:
        """Note a sign of life of a worker."""
        worker = self.workers.get(worker_id)
        if worker is None:
            return self.new_worker(worker_id, now)
        worker.last_active = now
        return worker

    def vanish(self, worker: WorkerRecord, now: float) -> None:
        """Drop a worker that was silent for too long."""
        self.drop_worker(worker)

    def new_worker(self, worker_id: str, now: float) -> WorkerRecord:
        """Take in a worker that is heard of for the first time."""
        worker = self.add_worker_record(worker_id, now)
        self.timers.set(now + self.settings.worker_disconnect_delay, WORKER, worker)
        return worker

    # ---- status

    def default_policy(self) -> RetryPolicy:
        """Return the policy of tasks that have none of their own."""
        settings, known = self.settings, self._default_policy
        if (
            known.retry_count != settings.retry_count
            or known.disable_hard_timeout != settings.disable_hard_timeout
            or known.disable_window != settings.disable_window
        ):
            known = self._default_policy = _policy_of(settings)
        return known

    def change_status(self, task: TaskRecord, new: str, now: float) -> None:
        """Apply the rules by which a task comes from one status to another."""
        old = task.status
        if new is DISABLED and (old is RUNNING or old is BATCH_RUNNING):
            return
        more = task.more
        if old is DISABLED:
            if new is DONE:
                self._clear_failures(task)
            elif more.scheduler_disable_time is not None and new is not DISABLED:
                return
        was_head = False
        if old is RUNNING and task.batch_id is not None and new is not RUNNING:
            was_head = True
            self._end_batch(task, new, now)
        if new is FAILED and old is not DISABLED:
            new = self._record_failure(task, now)
        elif new is DISABLED and more.scheduler_disable_time is not None:
            self.set_failures(task, more.failures, more.first_failure_time, None, 0)
        if new is not old:
            self.set_status(task, new, now)
            if self.wants_metrics and new in _METRICS:
                self.effects.append(("metric", _METRICS[new], task))
        if new is FAILED:
            self.set_retry(task, now + self.settings.retry_delay)
            if was_head and not task.batchable:
                self.set_remove(task, now)

    def _end_batch(self, head: TaskRecord, new: str, now: float) -> None:
        batch = self.batches.get(head.batch_id) if head.batch_id is not None else None
        for member in list(batch.members.values()) if batch is not None else ():
            self.change_status(member, new, now)
            self.set_batch(member, None)
        self.set_batch(head, None)

    def _clear_failures(self, task: TaskRecord) -> None:
        more = task.more
        if more.failures or more.first_failure_time is not None or more.scheduler_disable_time is not None:
            self.set_failures(task, (), None, None, 0)

    def _record_failure(self, task: TaskRecord, now: float) -> str:
        """Count a failure; return the status that the task comes to by it."""
        policy, more = task.policy, task.more
        first = now if more.first_failure_time is None else more.first_failure_time
        since = now - policy.disable_window
        failures = (*(moment for moment in more.failures if moment >= since), now)
        excessive = now >= first + policy.disable_hard_timeout or len(failures) >= policy.retry_count
        disabled_at = now if excessive else more.scheduler_disable_time
        self.set_failures(task, failures, first, disabled_at, now + self.settings.disable_persist)
        if not excessive:
            return FAILED
        if not self.settings.batch_emails:
            self.effects.append(("disable_mail", task))
        return DISABLED

    def retry(self, task: TaskRecord, now: float) -> None:
        """Let a FAILED or DISABLED task be tried again at once."""
        if task.status is DISABLED:
            self._clear_failures(task)
        if task.status is DISABLED or task.status is FAILED:
            if self.wants_history:
                self.effects.append(("history", task, PENDING, None))
            self.change_status(task, PENDING, now)

    def disable(self, task: TaskRecord, now: float) -> None:
        """Disable a task as too many failures would, unless it runs or is DONE."""
        if task.status in (RUNNING, BATCH_RUNNING, DONE):
            return
        more = task.more
        expires = now + self.settings.disable_persist
        self.set_failures(task, more.failures, more.first_failure_time, now, expires)
        if task.status is not DISABLED:
            self.set_status(task, DISABLED, now)
            if self.wants_metrics:
                self.effects.append(("metric", "disabled", task))

    def enable(self, task: TaskRecord, now: float) -> None:
        """Take back an automatic disable: FAILED without counting a failure, so PENDING after a while."""
        self._clear_failures(task)
        if task.status is not FAILED:
            self.set_status(task, FAILED, now)
            if self.wants_metrics:
                self.effects.append(("metric", "failed", task))
        self.set_retry(task, now + self.settings.retry_delay)

    # ---- what time brings about

    def prune(self, now: float) -> None:
        """Drop silent workers, fail what they ran, and do whatever else is due.

        With :attr:`most_due` it may be that only a part is done, and :attr:`is_behind` afterwards.
        """
        most = self.most_due
        settings = self.settings
        disconnect, persist, retry = self._delays
        if (
            settings.worker_disconnect_delay != disconnect
            or settings.disable_persist != persist
            or settings.retry_delay != retry
        ):
            self.set_timers_anew()
        due = self.timers.take(now, most)
        self.is_behind = len(due) == most and self.timers.are_due(now)
        if due:
            for timer in due:
                if timer.kind is WORKER:
                    self._check_worker(timer.subject, now)
        if self.suspects:
            self._fail_orphans(now)
        if self.stakeless:
            self._doom(now)
        if due:
            for kind, check in (
                (ENABLE, self._check_disabled),
                (RETRY, self._check_retry),
                (REMOVE, self._check_remove),
            ):
                for timer in due:
                    if timer.kind is kind:
                        check(timer, now)
            # what just came due (a removal date that is now)
            for timer in self.timers.take(now, most):
                if timer.kind is REMOVE:
                    self._check_remove(timer, now)
                else:
                    self.timers.set(timer.due, timer.kind, timer.subject)

    def _check_worker(self, worker: WorkerRecord, now: float) -> None:
        if self.workers.get(worker.id) is not worker:
            return
        due = worker.last_active + self.settings.worker_disconnect_delay
        if due < now:
            self.vanish(worker, now)
        else:
            self.timers.set(due, WORKER, worker)

    def _fail_orphans(self, now: float) -> None:
        suspects, self.suspects = self.suspects, {}
        for task in sorted(suspects.values(), key=lambda task: task.seq):
            running = task.status is RUNNING or task.status is BATCH_RUNNING
            if not running or self.tasks.get(task.id) is not task or self.has_live_runner(task):
                continue
            worker_id = task.worker_running
            batch = None if task.batch_id is None else self.batches.get(task.batch_id)
            if batch is not None and batch.heads and batch.members and task.lease not in self.lapsed:
                self.lapse_batch(task.lease, tuple(batch.members))
            if task.batch_id is None and task.more.said_done == abs(task.lease):
                self._end_orphan_as_done(task, now)
                continue
            self.effects.append(
                (
                    "log",
                    "Task %r is marked as running by disconnected worker %r -> marking as FAILED "
                    "with retry delay of %rs",
                    (task.id, worker_id, self.settings.retry_delay),
                )
            )
            self.set_expl(task, json.dumps(f"Worker {worker_id} vanished while it was running this task."))
            self.change_status(task, FAILED, now)
            self.set_run(task, None, task.time_running, task.held)

    def _end_orphan_as_done(self, task: TaskRecord, now: float) -> None:
        """End the run of a worker that vanished, since another one has found the task complete meanwhile."""
        text = (
            "Task %r is marked as running by disconnected worker %r but was found complete -> marking as DONE"
        )
        self.effects.append(("log", text, (task.id, task.worker_running)))
        if self.wants_history:
            self.effects.append(("history", task, DONE, None))
        self.change_status(task, DONE, now)
        self.set_run(task, None, task.time_running, task.held)

    def _doom(self, now: float) -> None:
        """Give tasks that nobody wants a date of removal; those that are left over come next time."""
        stakeless, most = self.stakeless, self.most_due
        is_cut = most is not None and len(stakeless) > most
        if is_cut:
            looked_at = [stakeless.pop(task_id) for task_id in list(islice(stakeless, most))]
        else:
            looked_at, self.stakeless = list(stakeless.values()), {}
        kept = 0
        for task in looked_at:
            if self.tasks.get(task.id) is not task:
                continue
            running = task.status is RUNNING or task.status is BATCH_RUNNING
            if task.remove is not None and task.remove <= now:
                if running:
                    self.stakeless[task.id] = task  # its date has passed: it goes when the run has ended
                    kept += 1
                else:
                    self._remove(task)
            elif task.remove is None and not task.crew.stakeholders and task.status is not RUNNING:
                self.set_remove(task, now + self.settings.remove_delay)
        self.is_behind = self.is_behind or (is_cut and kept < len(looked_at))

    def _check_disabled(self, timer: Timer, now: float) -> None:
        task: TaskRecord = timer.subject
        since = task.more.scheduler_disable_time
        if since is None or task.status is not DISABLED or self.tasks.get(task.id) is not task:
            return
        due = since + self.settings.disable_persist
        if due < now:
            self.enable(task, now)
        else:
            self.timers.set(due, ENABLE, task)

    def _check_retry(self, timer: Timer, now: float) -> None:
        task: TaskRecord = timer.subject
        if task.status is not FAILED or task.retry != timer.due or self.tasks.get(task.id) is not task:
            return
        if timer.due == now:
            self.timers.set(timer.due, RETRY, task)
        elif self.settings.retry_delay >= 0:
            self.change_status(task, PENDING, now)

    def _check_remove(self, timer: Timer, now: float) -> None:
        task: TaskRecord = timer.subject
        if task.remove != timer.due or self.tasks.get(task.id) is not task:
            return
        if task.status is RUNNING or task.status is BATCH_RUNNING:
            self.stakeless[task.id] = task
        else:
            self._remove(task)

    def _remove(self, task: TaskRecord) -> None:
        self.effects.append(("log", "Removing task %r", (task.id,)))
        self.remove_record(task)

    # ---- timers

    def welcome_workers(self, now: float) -> None:
        """Take every worker for just seen: after a start nobody can know which of them are still there."""
        for worker in self.workers.values():
            worker.last_active = now
        self.set_timers_anew()

    def delays_in_use(self) -> tuple[float, float, float]:
        """Return the delays that the timers were set by."""
        return self._delays

    def current_delays(self) -> tuple[float, float, float]:
        """Return the delays that the settings ask for."""
        settings = self.settings
        return settings.worker_disconnect_delay, settings.disable_persist, settings.retry_delay

    def set_timers_anew(self) -> None:
        """Set every timer from the state: after a replay, and when a delay was changed."""
        self._delays = disconnect, persist, _ = self.current_delays()
        self.timers.replace([])
        for worker in self.workers.values():
            self.timers.set(worker.last_active + disconnect, WORKER, worker)
        for task in self.tasks.values():
            if task.status is FAILED and task.retry is not None:
                self.timers.set(task.retry, RETRY, task)
            if task.remove is not None:
                self.timers.set(task.remove, REMOVE, task)
            if task.status is DISABLED and task.more.scheduler_disable_time is not None:
                self.timers.set(task.more.scheduler_disable_time + persist, ENABLE, task)
