"""Rules of ``add_task``: what a worker tells about a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern
from typing import Any

from luigi_clone._scheduling import arguments
from luigi_clone._scheduling.cycles import MANY, QUIET, CycleSearch, cycle_through
from luigi_clone._scheduling.model import (
    NO_AMOUNTS,
    NO_PARAMS,
    NO_VISIBILITIES,
    STATUSES,
    Batch,
    RetryPolicy,
    Settings,
    TaskRecord,
    Visibilities,
    WorkerRecord,
)
from luigi_clone._scheduling.resuming import Resuming
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN

_MANY = 10_000  # so many different values are shared by the tasks that have them
_NO_POLICY: Mapping[str, Any] = dict.fromkeys(RetryPolicy._fields)  # what a task without a policy sends


def _is_placeholder(task: TaskRecord) -> bool:
    """Whether nothing is known of the task but that others depend on it."""
    return (
        task.status is UNKNOWN
        and task.crew.blank
        and not (task.family or task.module or task.params or task.visibilities.by_name)
        and not (task.deps or task.needs.gates or task.remove is not None)
    )


def _text(name: Any) -> Any:
    """Return a name that many tasks share as one object."""
    return intern(name) if name and type(name) is str else name


class Registration(Resuming):
    """Adds ``add_task``."""

    def __init__(self, settings: Settings, limits: Mapping[str, float]) -> None:
        super().__init__(settings, limits)
        self._policies: dict[RetryPolicy, RetryPolicy] = {}
        self._visibilities: dict[Any, Visibilities] = {}
        self._search: CycleSearch | None = None
        self._reported: dict[frozenset[str], None] = {}  # cycles
        self._quiet_since = 0.0
        self._quiet_version = 0

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
        lease: int | None = None,
    ) -> None:
        """Take in what ``worker`` tells about a task, or about the end of its run.

        ``lease`` is the number of the grant by which it runs the task, where it tells that. Raises
        ConflictError when the task was given out anew since or is DONE.

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
        dep_ids = None if deps is None else arguments.ids("deps", deps) if deps else ()
        more_deps = arguments.ids("new_deps", new_deps) if new_deps else ()
        amounts = arguments.amounts("resources", resources) if resources else resources
        policy = None if retry_policy_dict is None else self._policy(retry_policy_dict)
        task = self.tasks.get(task_id)
        if params and (task is None or not task.params):
            params = arguments.mapping("params", params)
        shown = self.visibilities(param_visibilities) if param_visibilities else NO_VISIBILITIES
        claimed = None
        if batch_id is not None and wanted is RUNNING:
            claimed = self._claimed(task, batch_id)
        if wanted is PENDING and not more_deps:
            lease = None  # a registration tells of no run
        if (
            wanted is RUNNING
            and dep_ids is not None
            and batch_id is None
            and lease is not None
            and task is not None
            and self.is_late(task, lease)
        ):
            self._stake_late(task, worker, now, priority, assistant)
            return
        if lease is not None and task is not None and self.is_told(task, lease, wanted):
            self.touch(worker, now)
            was_failed = wanted is FAILED and task.lease == lease
            if not was_failed or task.worker_running is None:
                if was_failed:
                    self._explain_failure(task, lease, expl, owners, worker)
                return
            # its worker is back with this very report: the run goes on, and fails now

        sender = self.workers.get(worker)
        if sender is None:
            sender = self.new_worker(worker, now)
        else:
            sender.last_active = now
        disabled = sender.disabled
        if disabled and (task is None or task.status is not RUNNING):
            return
        stakes = not assistant and not disabled
        runs = bool(runnable) and wanted is not FAILED and not disabled

        if (
            (wanted is PENDING or wanted is DONE)
            and (task is None or _is_placeholder(task))
            and batch_id is None
            and not more_deps
        ):
            task = self.admit(
                task,
                task_id,
                now,
                wanted,
                priority,
                self.default_policy() if policy is None else policy,
                sender,
                stakes,
                runs,
                _text(family) or "",
                _text(module),
                params or NO_PARAMS,
                shown,
                shown.hidden_in(params) if params else (),
                accepts_messages,
                batchable,
                dep_ids or (),
                amounts or NO_AMOUNTS,
                expl,
            )
            if tracking_url is not None:
                self.tell(task, "tracking_url", tracking_url)
            if self.wants_history:
                self.effects.append(("history", task, wanted, None))
            if self.wants_metrics and wanted is DONE:
                self.effects.append(("metric", "done", task))
            if task.deps:
                if stakes:
                    self._stake(task.deps, priority, now, sender)
                self._raise_priority(task, priority)
                if task.dependents:
                    self._look_for_cycle(task)
            if lease is not None:
                self._settle(task, lease, wanted, now, expl, sender)
            return

        created = task is None
        if task is None:
            task = self.add_record(task_id, now, priority, self.default_policy(), sender, stakes, runs)
        elif (
            wanted is PENDING
            and task.status is DONE
            and now - task.updated < self.settings.stable_done_cooldown_secs
        ):
            return
        if (
            (params and not task.params)
            or (family and not task.family)
            or (module and not task.module)
            or (shown.by_name and not task.visibilities.by_name)
        ):
            self._describe(task, family, module, params, shown)
        if wanted is RUNNING or batch_id is not None:
            self._tell_run(task, wanted, now, sender, batch_id, claimed)
        if task.remove is not None:
            self.set_remove(task, None)
        self._tell_traits(task, accepts_messages, batchable, family, runnable)
        if tracking_url is not None or (task.status is not RUNNING and task.more.tracking_url is not None):
            for one in self._with_members(task):
                self.tell(one, "tracking_url", tracking_url)
        if expl is not None:
            if task.batch_id is None:
                self.set_expl(task, expl)
            else:
                for one in self._with_members(task):
                    self.set_expl(one, expl)

        status_now = task.status
        applied = (
            (status_now is not RUNNING and status_now is not BATCH_RUNNING)
            or (task.worker_running == worker and (wanted is DONE or wanted is FAILED or wanted is RUNNING))
            or bool(more_deps)
        )
        if applied:
            if self.wants_history and (wanted is PENDING or created or wanted is not status_now):
                self.effects.append(("history", task, wanted, None))
            if wanted is not PENDING:
                self.change_status(task, wanted, now)
        elif wanted is DONE and not runnable and task.batch_id is None and task.lease:
            # it counts if the run ends without a word: whoever found it complete will not run it
            self.tell(task, "said_done", abs(task.lease))
        if wanted is FAILED and self.settings.batch_emails:
            self._collect_failure(task, expl, owners, worker)

        if dep_ids is not None or more_deps:
            all_deps = task.deps if dep_ids is None else dep_ids
            if more_deps:
                all_deps = tuple(dict.fromkeys((*all_deps, *more_deps)))
            if all_deps != task.deps:
                self.set_deps(task, all_deps)
                if task.dependents:
                    self._look_for_cycle(task)
        if amounts is not None and (amounts or task.needs.gates):
            self.set_needs(task, amounts)
        crew = task.crew
        if (runs and worker not in crew.workers) or (stakes and worker not in crew.stakeholders):
            self.join(task, sender, stakes, runs)
        if task.deps:
            if stakes:
                self._stake(task.deps, priority, now, sender)
            self._raise_priority(task, priority)
        elif priority > task.priority:
            self.set_priority(task, priority)
        if policy is not None and policy is not task.policy:
            self.set_policy(task, policy)
        if applied and wanted is PENDING:
            self.change_status(task, PENDING, now)
        if applied and lease is not None:
            self._settle(task, lease, wanted, now, expl, sender)

    # ---- tasks that wait for each other

    def _look_for_cycle(self, task: TaskRecord) -> None:
        """Look whether the dependencies that were just told lead back to the task."""
        cycle = cycle_through(self.tasks, task)
        if cycle:
            self._report_cycle(cycle)

    def look_for_cycles(self, now: float) -> None:
        """Look a little further through all tasks: a worker has nothing to do, though tasks wait for it."""
        if self._quiet_version != self.edges_version:
            self._quiet_version, self._quiet_since = self.edges_version, now
            self._search = None
            return
        if self._search is None:
            if now - self._quiet_since < QUIET:
                return
            self._search = CycleSearch(self.tasks, self.edges_version)
        if not self._search.finished:
            for cycle in self._search.step():
                self._report_cycle(cycle)

    def _report_cycle(self, cycle: list[str]) -> None:
        key = frozenset(cycle)
        if key in self._reported:
            return
        if len(self._reported) >= MANY:
            self._reported.clear()
        self._reported[key] = None
        text = "Tasks wait for each other, so that none of them can ever run: %s"
        self.effects.append(("warning", text, (" -> ".join((*cycle, cycle[0])),)))

    # ---- runs by number of the grant

    def _stake_late(
        self, task: TaskRecord, worker: str, now: float, priority: float, assistant: bool
    ) -> None:
        """Let a worker that is back keep its part in a task that was given to others, or done, meanwhile.

        What it runs does not count any more, but it still wants the task, and can run it.
        """
        text = "Worker %r is back and runs task %r, which is %s by worker %r since: its run does not count"
        self.effects.append(("warning", text, (worker, task.id, task.status, task.worker_running)))
        sender = self.touch(worker, now)
        if not sender.disabled:
            self.join(task, sender, stakeholder=not assistant, runs=True)
            if task.deps and not assistant:
                self._stake(task.deps, priority, now, sender)

    def _explain_failure(self, task: TaskRecord, lease: int, expl: Any, owners: Any, worker: str) -> None:
        """Keep the reason of a failure that was counted when the worker had vanished."""
        self.set_lease(task, -lease)
        if expl is not None:
            self.set_expl(task, expl)
        if self.settings.batch_emails:
            self._collect_failure(task, expl, owners, worker)

    def _settle(
        self, task: TaskRecord, lease: int, wanted: str, now: float, expl: Any, sender: WorkerRecord
    ) -> None:
        """Note that a run has begun by a grant, or that its end was told."""
        told = lease if wanted is RUNNING else -lease
        if task.lease != told:
            self.set_lease(task, told)
        members = self.lapsed.get(lease, ())
        if wanted is RUNNING and members and task.worker_running == sender.id:
            self.resume_batch(task, sender, lease, now)
            return
        if not members:
            return
        self.lapse_batch(lease, ())
        for member in map(self.tasks.get, members):
            free = member is not None and member.status not in (DONE, RUNNING, BATCH_RUNNING)
            if member is None or not free or member.lease != lease:
                continue
            self.set_lease(member, -lease)
            if expl is not None:
                self.set_expl(member, expl)
            if wanted is DONE:
                if self.wants_history:
                    self.effects.append(("history", member, DONE, None))
                self.change_status(member, DONE, now)

    # ---- the parts

    @staticmethod
    def status(name: str) -> str:
        """Return the shared text of a status. Raises ValueError if there is none of that name."""
        return arguments.status(name)

    def _policy(self, given: Mapping[str, Any]) -> RetryPolicy:
        default = self.default_policy()
        if given == _NO_POLICY:
            return default
        return self.shared_policy(arguments.retry_policy(given, default))

    def shared_policy(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the object that tasks of this policy share."""
        if len(self._policies) >= _MANY:
            self._policies.clear()
        return self._policies.setdefault(policy, policy)

    def known_policy(self, fields: tuple[Any, ...]) -> RetryPolicy:
        """Return the policy with these fields, as tasks share it."""
        known: Any = self._policies.get(fields)  # type: ignore[call-overload]  # equal to the tuple of its fields
        return self.shared_policy(RetryPolicy(*fields)) if known is None else known

    def _claimed(self, task: TaskRecord | None, batch_id: str) -> Batch | None:
        """Return the batch that a new run of ``task`` would stand for.

        Raises ValueError if nothing is left of it (its tasks were given back, or have failed).
        """
        batch = self.batches.get(batch_id)
        if batch is not None and batch.members:
            return batch
        if task is not None and task.status is RUNNING:
            return None
        raise arguments.ConflictError(f"batch {batch_id!r} does not exist any more, so it cannot be started")

    def _describe(
        self,
        task: TaskRecord,
        family: str,
        module: str | None,
        params: Mapping[str, Any] | None,
        visibilities: Visibilities,
    ) -> None:
        """Fill in what is still empty."""
        shown = task.visibilities if task.visibilities.by_name else visibilities
        stored, hidden = task.params, task.hidden_params
        if params and not stored:
            stored, hidden = params, shown.hidden_in(params)
        self.describe(
            task, task.family or _text(family) or "", task.module or _text(module), stored, shown, hidden
        )

    def visibilities(self, given: Mapping[str, int]) -> Visibilities:
        """Return the shared object for these visibilities. Raises ValueError if one is not a number."""
        try:
            key = tuple(given.items())
            known = self._visibilities.get(key)
        except (AttributeError, TypeError):
            known = None
        if known is None:
            by_name = arguments.visibilities(given)
            if len(self._visibilities) >= _MANY:
                self._visibilities.clear()
            known = Visibilities(by_name, tuple(name for name, one in by_name.items() if one != 0))
            self._visibilities[tuple(by_name.items())] = known
        return known

    def _tell_run(
        self,
        task: TaskRecord,
        wanted: str,
        now: float,
        sender: WorkerRecord,
        batch_id: str | None,
        claimed: Batch | None,
    ) -> None:
        """Note the run or the batch that the sender tells of."""
        if wanted is RUNNING and (
            task.worker_running is None or (task.status is not RUNNING and task.status is not BATCH_RUNNING)
        ):
            held = task.held
            if claimed is not None:
                first = next(iter(claimed.members.values()))
                held = dict(first.held or {})
            self.set_run(task, sender.id, now, held)
        if batch_id is not None and not (claimed is None and self.is_resumed(task)):
            self.set_batch(task, batch_id)

    def _tell_traits(
        self,
        task: TaskRecord,
        accepts_messages: bool | None,
        batchable: bool | None,
        family: str,
        runnable: bool | None,
    ) -> None:
        accepts = task.accepts_messages
        if accepts_messages:
            accepts = True
        elif accepts and accepts_messages is not None and family and runnable is not None:
            accepts = False  # a registration; results and bare calls say False whatever the task is
        batches = task.batchable if batchable is None else bool(batchable)
        if accepts is not task.accepts_messages or batches is not task.batchable:
            self.set_traits(task, accepts, batches)

    def _with_members(self, task: TaskRecord) -> Iterable[TaskRecord]:
        """Return the task and, if it stands for a batch, its members."""
        batch = self.batches.get(task.batch_id) if task.batch_id is not None else None
        if batch is None:
            return (task,)
        return (task, *(member for member in batch.members.values() if member is not task))

    def stake_ahead(self, now: float, worker: str, task_ids: Iterable[str], priority: float) -> bool:
        """Do a part of what ``add_task`` does for very many dependencies, before it; tell whether it may.

        A worker that gets no work has no stake in anything.
        """
        sender = self.workers.get(worker) or self.new_worker(worker, now)
        sender.last_active = now
        if not sender.disabled:
            self._stake(task_ids, priority, now, sender)
        return not sender.disabled

    def _stake(self, task_ids: Iterable[str], priority: float, now: float, sender: WorkerRecord) -> None:
        """Make a placeholder for each task that is not known; the sender wants them all."""
        tasks, policy, worker_id = self.tasks, self.default_policy(), sender.id
        for task_id in task_ids:
            other = tasks.get(task_id)
            if other is None:
                self.add_record(task_id, now, priority, policy, sender, stakeholder=True, runs=False)
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
