"""Rules of ``add_task``: what a worker tells about a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern
from typing import Any

from luigi_clone._scheduling import arguments
from luigi_clone._scheduling.lifecycle import Lifecycle
from luigi_clone._scheduling.model import (
    STATUSES,
    Batch,
    RetryPolicy,
    Settings,
    TaskRecord,
    WorkerRecord,
)
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING


class Registration(Lifecycle):
    """Adds ``add_task``."""

    def __init__(self, settings: Settings, limits: Mapping[str, float]) -> None:
        super().__init__(settings, limits)
        self._policies: dict[RetryPolicy, RetryPolicy] = {}
        self._visibilities: dict[Any, Mapping[str, int]] = {}

    def add_task(
        self,
        now: float,
        task_id: Any = None,
        status: Any = PENDING,
        runnable: Any = True,
        deps: Iterable[str] | None = None,
        new_deps: Iterable[str] | None = None,
        expl: str | None = None,
        resources: Mapping[str, Any] | None = None,
        priority: Any = 0,
        family: str = "",
        module: str | None = None,
        params: Mapping[str, Any] | None = None,
        param_visibilities: Mapping[str, int] | None = None,
        accepts_messages: bool | None = False,
        assistant: bool = False,
        tracking_url: str | None = None,
        worker: Any = None,
        batchable: bool | None = None,
        batch_id: str | None = None,
        retry_policy_dict: Mapping[str, Any] | None = None,
        owners: Iterable[str] | None = None,
    ) -> None:
        """Take in what ``worker`` tells about a task, or about the end of its run.

        Raises AssertionError without a worker, and ValueError when an argument would poison the state (a
        priority that cannot be compared, a status that does not exist, …); nothing is changed then.
        """
        assert worker is not None, "add_task needs the id of the worker that tells about the task"
        if type(worker) is not str:
            worker = arguments.identifier("worker", worker)
        if type(task_id) is not str:
            task_id = arguments.identifier("task_id", task_id)
        if type(priority) is not int:
            priority = arguments.number("priority", priority)
        wanted = STATUSES.get(status) or arguments.status(status)
        dep_ids = None if deps is None else arguments.ids("deps", deps)
        more_deps = arguments.ids("new_deps", new_deps) if new_deps else ()
        amounts = arguments.amounts("resources", resources) if resources else resources
        policy = None if retry_policy_dict is None else self._policy(retry_policy_dict)
        if params:
            params = arguments.mapping("params", params)
        if param_visibilities:
            param_visibilities = arguments.visibilities(param_visibilities)
        task = self.tasks.get(task_id)
        claimed = None
        if wanted is RUNNING and batch_id is not None:
            claimed = self._claimed(task, batch_id)

        sender = self.workers.get(worker)
        if sender is None:
            sender = self.new_worker(worker, now)
        else:
            sender.last_active = now
        stakes = not assistant and not sender.disabled
        runs = bool(runnable) and wanted is not FAILED and not sender.disabled
        if task is None:
            if sender.disabled:
                return
            task = self.add_record(task_id, now, priority, self.default_policy(), sender, stakes, runs)
            created = True
        else:
            if sender.disabled and task.status is not RUNNING:
                return
            if wanted is PENDING and task.status is DONE:
                if now - task.updated < self.settings.stable_done_cooldown_secs:
                    return
            created = False

        if (
            (family and not task.family)
            or (params and not task.params)
            or (module and not task.module)
            or (param_visibilities and not task.visibilities)
        ):
            self._describe(task, family, module, params, param_visibilities)
        if not created or batch_id is not None or wanted is RUNNING:
            self._tell_run(task, wanted, now, sender, batch_id, claimed)
        self._tell_traits(task, accepts_messages, batchable, family, runnable, tracking_url, expl)

        applied = (
            (task.status is not RUNNING and task.status is not BATCH_RUNNING)
            or bool(more_deps)
            or (task.worker_running == worker and (wanted is DONE or wanted is FAILED or wanted is RUNNING))
        )
        if applied:
            if self.wants_history and (wanted is PENDING or created or wanted is not task.status):
                self.effects.append(("history", task, wanted, None))
            if wanted is not PENDING:
                self.change_status(task, wanted, now)
        if wanted is FAILED and self.settings.batch_emails:
            self._collect_failure(task, expl, owners, worker)

        if dep_ids is not None or more_deps:
            all_deps = task.deps if dep_ids is None else dep_ids
            if more_deps:
                all_deps = tuple(dict.fromkeys((*all_deps, *more_deps)))
            if all_deps != task.deps:
                self.set_deps(task, all_deps)
        if amounts is not None and (amounts or task.needs.gates):
            self.set_needs(task, amounts)
        if not created and (stakes or runs):
            self.join(task, sender, stakes, runs)
        if stakes and task.deps:
            self._stake_deps(task, priority, now, sender)
        if priority > task.priority or task.deps:
            self._raise_priority(task, priority)
        if policy is not None and policy is not task.policy:
            self.set_policy(task, policy)
        if applied and wanted is PENDING:
            self.change_status(task, PENDING, now)

    # ---- the parts

    def _policy(self, given: Mapping[str, Any]) -> RetryPolicy:
        policy = arguments.retry_policy(given, self.default_policy())
        return self._policies.setdefault(policy, policy)

    def _claimed(self, task: TaskRecord | None, batch_id: str) -> Batch | None:
        """Return the batch that a new run of ``task`` would stand for.

        Raises ValueError if nothing is left of it (its tasks were given back, or have failed).
        """
        batch = self.batches.get(batch_id)
        if batch is not None and batch.members:
            return batch
        if task is not None and task.status is RUNNING:
            return None
        raise ValueError(f"batch {batch_id!r} does not exist any more, so it cannot be started")

    def _describe(
        self,
        task: TaskRecord,
        family: str,
        module: str | None,
        params: Mapping[str, Any] | None,
        visibilities: Mapping[str, int] | None,
    ) -> None:
        """Fill in what is still empty."""
        shown: Mapping[str, int] = task.visibilities
        hidden = task.hidden_params
        if visibilities and not shown:
            shown = self._shared_visibilities(visibilities)
        stored = task.params
        if params and not stored:
            stored = params
            if shown:
                hidden = tuple(name for name in params if shown.get(name, 0) != 0)
        self.describe(
            task,
            task.family or (intern(family) if type(family) is str else str(family or "")),
            task.module or (intern(module) if type(module) is str else module),
            stored,
            shown,
            hidden,
        )

    def _shared_visibilities(self, visibilities: Mapping[str, int]) -> Mapping[str, int]:
        key = tuple(visibilities.items())
        return self._visibilities.setdefault(key, visibilities)

    def _tell_run(
        self,
        task: TaskRecord,
        wanted: str,
        now: float,
        sender: WorkerRecord,
        batch_id: str | None,
        claimed: Batch | None,
    ) -> None:
        """A run that the sender tells of, and what that does to the date of removal."""
        if wanted is RUNNING and (
            task.worker_running is None or (task.status is not RUNNING and task.status is not BATCH_RUNNING)
        ):
            held = task.held
            if claimed is not None:
                first = next(iter(claimed.members.values()))
                held = dict(first.held or {})
            self.set_run(task, sender.id, now, held)
        if batch_id is not None:
            self.set_batch(task, batch_id)
        if task.remove is not None:
            self.set_remove(task, None)

    def _tell_traits(
        self,
        task: TaskRecord,
        accepts_messages: bool | None,
        batchable: bool | None,
        family: str,
        runnable: bool | None,
        tracking_url: str | None,
        expl: str | None,
    ) -> None:
        accepts = task.accepts_messages
        if accepts_messages:
            accepts = True
        elif accepts and accepts_messages is not None and family and runnable is not None:
            accepts = False  # a registration; results and bare calls say False whatever the task is
        batches = task.batchable if batchable is None else bool(batchable)
        if accepts is not task.accepts_messages or batches is not task.batchable:
            self.set_traits(task, accepts, batches)
        if tracking_url is not None or task.status is not RUNNING:
            for one in self._with_members(task):
                if one.more.tracking_url != tracking_url:
                    self.tell(one, "tracking_url", tracking_url)
        if expl is not None:
            for one in self._with_members(task):
                self.set_expl(one, expl)

    def _with_members(self, task: TaskRecord) -> Iterable[TaskRecord]:
        """Return the task and, if it stands for a batch, its members."""
        batch = self.batches.get(task.batch_id) if task.batch_id is not None else None
        if batch is None:
            return (task,)
        return (task, *(member for member in batch.members.values() if member is not task))

    def _stake_deps(self, task: TaskRecord, priority: float, now: float, sender: WorkerRecord) -> None:
        """Make a placeholder for each dependency that is not known; the sender wants them all."""
        tasks, policy, worker_id = self.tasks, self.default_policy(), sender.id
        for dep in task.deps:
            other = tasks.get(dep)
            if other is None:
                self.add_record(dep, now, priority, policy, sender, stakeholder=True, runs=False)
            elif worker_id not in other.crew.stakeholders:
                self.join(other, sender, stakeholder=True, runs=False)

    def _raise_priority(self, task: TaskRecord, priority: float) -> None:
        """Make the task at least as urgent as ``priority``, and all that it waits for as urgent as it."""
        if priority > task.priority:
            self.set_priority(task, priority)
        tasks, stack = self.tasks, [task]
        while stack:
            upper = stack.pop()
            for dep in upper.deps:
                other = tasks.get(dep)
                if other is not None and upper.priority > other.priority:
                    self.set_priority(other, upper.priority)
                    stack.append(other)

    def _collect_failure(self, task: TaskRecord, expl: Any, owners: Any, worker_id: str) -> None:
        batched = self.batcher(worker_id, task.family).batched_args or ()
        self.effects.append(("batch_failure", task, expl, owners, batched))
        if task.status is DISABLED:
            self.effects.append(("batch_disable", task, owners, batched))
