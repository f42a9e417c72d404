"""The only functions that change the scheduler's tables.

Each *apply function* makes one kind of change and keeps every index in step with it. It stands for one kind
of *fact*: where a journal asks for facts, the call's fields are appended to :attr:`State.facts` as a tuple,
and :func:`luigi_clone._scheduling.facts.replay` makes the same change from that tuple. The functions decide
nothing: what changes, and to what, is decided by the rules in the classes built on this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from luigi_clone._scheduling.answers import Answer
from luigi_clone._scheduling.batches import Grouping
from luigi_clone._scheduling.indexed import Indexed
from luigi_clone._scheduling.model import (
    NO_RESPONSES,
    NOTHING_MORE,
    Batch,
    Batcher,
    More,
    RetryPolicy,
    TaskRecord,
    Visibilities,
    WorkerRecord,
)
from luigi_clone._scheduling.ready import Pool
from luigi_clone._scheduling.timers import ENABLE, REMOVE, RETRY
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, PENDING, RUNNING, UNKNOWN

MANY_LAPSED = 1_000
"""So many batches of vanished workers are remembered, and so many of these workers: the latest."""
MANY_BATCHERS = 10_000
"""So many workers' ways to batch are remembered beyond those of workers that are there."""
MANY_RESPONSES = 100
"""So many answers to messages a task keeps that nobody takes, the latest."""


class State(Indexed):
    """The tables, and the apply functions."""

    # ---- tasks

    def add_record(
        self,
        task_id: str,
        now: float,
        priority: float,
        policy: RetryPolicy,
        worker: WorkerRecord | None,
        stakeholder: bool,
        runs: bool,
    ) -> TaskRecord:
        """Make a record of a task that is UNKNOWN so far."""
        if self.facts is not None:
            worker_id = None if worker is None else worker.id
            self.facts.append(("task_added", task_id, now, priority, policy, worker_id, stakeholder, runs))
        index = self.index
        crew = index.nobody
        if worker is not None and (stakeholder or runs):
            crew = index.successor(crew, worker, stakeholder, runs)
        self._arrivals += 1
        needs = index.no_needs
        task = TaskRecord(task_id, self._arrivals, now, priority, policy, crew, needs)
        self.tasks[task_id] = self.by_status[UNKNOWN][task_id] = crew.tasks[task_id] = task
        if not stakeholder:
            self.stakeless[task_id] = task
        if self._orphans:
            task.dependents = self._orphans.pop(task_id, ())
        self.version += 1
        return task

    def admit(
        self,
        task: TaskRecord | None,
        task_id: str,
        now: float,
        status: str,
        priority: float,
        policy: RetryPolicy,
        worker: WorkerRecord,
        stakeholder: bool,
        runs: bool,
        family: str,
        module: str | None,
        params: Mapping[str, Any],
        visibilities: Visibilities,
        hidden: tuple[str, ...],
        accepts_messages: bool | None,
        batchable: bool | None,
        deps: tuple[str, ...],
        amounts: Mapping[str, Any],
        expl: str | None,
    ) -> TaskRecord:
        """Take in all about a task of which nothing was known but its id: the changes of most calls in one.

        ``task`` is the record that is UNKNOWN so far, if there is one; ``status`` is PENDING or DONE.
        """
        if self.facts is not None:
            first = ("task_admitted", task_id, now, status, priority, policy, worker.id, stakeholder, runs)
            described = (family, module, dict(params), dict(visibilities.by_name), hidden)
            rest = (accepts_messages, batchable, deps, dict(amounts), expl)
            self.facts.append((*first, *described, *rest))
        index = self.index
        if task is None:
            crew = index.successor(index.nobody, worker, stakeholder, runs)
            self._arrivals += 1
            task = TaskRecord(task_id, self._arrivals, now, priority, policy, crew, index.no_needs)
            self.tasks[task_id] = task
            if not stakeholder:
                self.stakeless[task_id] = task
            if self._orphans:
                task.dependents = self._orphans.pop(task_id, ())
        else:
            task_id = task.id
            old = task.crew
            crew = index.successor(old, worker, stakeholder, runs)
            del self.by_status[UNKNOWN][task_id]
            if crew is not old:
                del old.tasks[task_id]
                if not old.tasks:
                    index.forget_crew(old)
                task.crew = crew
            if priority > task.priority:
                task.priority = priority
            task.policy = policy
            task.updated = now
        crew.tasks[task_id] = self.by_status[status][task_id] = task
        task.family = family
        task.module = module
        task.params = params
        task.visibilities = visibilities
        task.hidden_params = hidden
        if accepts_messages:
            task.accepts_messages = True
        if batchable:
            task.batchable = True
        if expl is not None:
            task.expl = expl
        if amounts:
            task.needs = needs = index.needs(amounts)
            needs.uses += 1
        task.status = status
        if status is DONE and task.dependents:
            self._tell_dependents(task, done=True)
        if deps:
            self._add_deps(task, deps)
        if status is PENDING:
            self._enter(task)
            if task.severed:
                self._sever([task])
        self.version += 1
        return task

    def describe(
        self,
        task: TaskRecord,
        family: str,
        module: str | None,
        params: Mapping[str, Any],
        visibilities: Visibilities,
        hidden: tuple[str, ...],
    ) -> None:
        """Note what the task is."""
        if self.facts is not None:
            fact = (
                "task_described",
                task.id,
                family,
                module,
                dict(params),
                dict(visibilities.by_name),
                hidden,
            )
            self.facts.append(fact)
        grouped = task.rank is not None and task.batchable
        if grouped:
            self._leave(task)
        task.family = family
        task.module = module
        task.params = params
        task.visibilities = visibilities
        task.hidden_params = hidden
        if grouped:
            self._enter(task)

    def join(self, task: TaskRecord, worker: WorkerRecord, stakeholder: bool, runs: bool) -> None:
        """Give ``worker`` a stake in the task, or note that it can run it, or both."""
        crew = self.index.successor(task.crew, worker, stakeholder, runs)
        if crew is task.crew:
            return
        if self.facts is not None:
            self.facts.append(("task_joined", task.id, worker.id, stakeholder, runs))
        self._move(task, crew)

    def set_deps(self, task: TaskRecord, deps: tuple[str, ...]) -> None:
        """Note what the task depends on: ids without repetition."""
        if self.facts is not None:
            self.facts.append(("task_deps", task.id, deps))
        waiting = task.status is PENDING
        if waiting:
            self._leave(task)
        old = task.deps
        if old:
            kept = set(deps)
            for dep in old:
                if dep not in kept:
                    self._unlink(task, dep)
        was_severed = task.severed
        self._add_deps(task, deps)
        if waiting:
            self._enter(task)
        if was_severed:
            self._mend(task)
        elif waiting and task.severed:
            self._sever([task])
        self.version += 1

    def set_needs(self, task: TaskRecord, amounts: Mapping[str, Any]) -> None:
        """Note which resources the task needs."""
        if self.facts is not None:
            self.facts.append(("task_needs", task.id, dict(amounts)))
        index, old = self.index, task.needs
        needs = index.needs(amounts) if amounts else index.no_needs
        if needs is old:
            return
        self._leave(task)
        task.needs = needs
        needs.uses += 1
        self._enter(task)
        old.uses -= 1
        if not old.uses:
            index.forget_needs(old)

    def set_priority(self, task: TaskRecord, priority: float) -> None:
        """Note how urgent the task is."""
        if self.facts is not None:
            self.facts.append(("task_priority", task.id, priority))
        # what holds resources is ordered by priority, too
        batch = None if task.batch_id is None else self.batches.get(task.batch_id)
        holds = batch is not None and batch.holder is task
        if task.rank is not None or task.status is RUNNING:
            self._leave(task)
            task.priority = priority
            self._enter(task)
        elif holds and task.held:
            self.index.let_go(task, task.held)
            task.priority = priority
            self.index.hold(task, task.held, None)
        else:
            task.priority = priority

    def set_policy(self, task: TaskRecord, policy: RetryPolicy) -> None:
        """Note when failures disable the task."""
        if self.facts is not None:
            self.facts.append(("task_policy", task.id, policy))
        task.policy = policy

    def set_expl(self, task: TaskRecord, expl: str | None) -> None:
        """Keep what was last said about an end of the task."""
        if self.facts is not None:
            self.facts.append(("task_expl", task.id, expl))
        task.expl = expl

    def set_traits(self, task: TaskRecord, accepts_messages: bool, batchable: bool) -> None:
        """Note whether the task listens to messages, and whether it can be part of a batch."""
        if self.facts is not None:
            self.facts.append(("task_traits", task.id, accepts_messages, batchable))
        task.accepts_messages = accepts_messages
        if batchable != task.batchable:
            self._leave(task)
            task.batchable = batchable
            self._enter(task)

    def tell(self, task: TaskRecord, field: str, value: Any) -> None:
        """Keep what is said of a running task: its tracking_url, progress_percentage and the like."""
        if self.facts is not None:
            self.facts.append(("task_told", task.id, field, value))
        setattr(self._more(task), field, value)

    def set_response(self, task: TaskRecord, message_id: str, response: Any) -> None:
        """Keep the task's answer to a message; ``None`` when the answer was taken."""
        if self.facts is not None:
            self.facts.append(("task_response", task.id, message_id, response))
        more = self._more(task)
        responses = {**more.responses, message_id: response}
        if response is None:
            del responses[message_id]
        elif len(responses) > MANY_RESPONSES:
            del responses[next(iter(responses))]
        more.responses = responses or NO_RESPONSES

    def set_status(self, task: TaskRecord, status: str, now: float) -> None:
        """Change the status."""
        if self.facts is not None:
            self.facts.append(("task_status", task.id, status, now))
        old = task.status
        cut = self._cuts(task)
        self._leave(task)
        del self.by_status[old][task.id]
        if old is BATCH_RUNNING and task.batch_id is not None:
            self._leave_batch(task)
        # a batch that is claimed may have the id of one of its members: the run of that goes on
        if old is RUNNING or (old is BATCH_RUNNING and status is not PENDING and status is not RUNNING):
            self.attempts.end(task, status, now)
        elif old is not BATCH_RUNNING and (status is RUNNING or status is BATCH_RUNNING):
            self.attempts.begin(now)
        task.status = status
        task.updated = now
        self.by_status[status][task.id] = task
        self._enter(task)
        if (old is RUNNING or old is BATCH_RUNNING) and not task.crew.stakeholders:
            self.stakeless[task.id] = task
        if task.dependents:
            if status is DONE:
                self._tell_dependents(task, done=True)
            elif old is DONE:
                self._tell_dependents(task, done=False)
            if cut and status is not DISABLED:
                self._mend(task)
            elif not cut and self._cuts(task):
                self._sever([task])
        self.version += 1

    def set_failures(
        self,
        task: TaskRecord,
        failures: tuple[float, ...],
        first: float | None,
        disabled_at: float | None,
        expires: float,
    ) -> None:
        """Note when the task failed, first and lately, and when it was disabled for that."""
        if self.facts is not None:
            self.facts.append(("task_failures", task.id, failures, first, disabled_at, expires))
        more = self._more(task)
        more.failures = failures
        more.first_failure_time = first
        more.scheduler_disable_time = disabled_at
        if disabled_at is not None:
            self.timers.set(expires, ENABLE, task)

    def set_retry(self, task: TaskRecord, due: float) -> None:
        """Note when a FAILED task becomes PENDING again."""
        if self.facts is not None:
            self.facts.append(("task_retry", task.id, due))
        task.retry = due
        self.timers.set(due, RETRY, task)

    def set_remove(self, task: TaskRecord, due: float | None) -> None:
        """Note when the task is dropped, unless somebody registers it before."""
        if self.facts is not None:
            self.facts.append(("task_remove", task.id, due))
        task.remove = due
        if due is not None:
            self.timers.set(due, REMOVE, task)
        elif not task.crew.stakeholders:
            self.stakeless[task.id] = task

    def set_run(
        self, task: TaskRecord, worker_id: str | None, started: float | None, held: Mapping[str, Any] | None
    ) -> None:
        """Note who runs the task since when, and what it holds meanwhile."""
        if self.facts is not None:
            copied = None if held is None else dict(held)
            self.facts.append(("task_run", task.id, worker_id, started, copied))
        running = task.status is RUNNING
        if running:
            self._leave(task)
        task.worker_running = worker_id
        task.time_running = started
        task.held = held
        if running:
            self._enter(task)

    def grant(self, task: TaskRecord, worker_id: str, lease: int, now: float) -> None:
        """Give the task to ``worker_id``: what most answers of ``get_work`` change, in one."""
        if self.facts is not None:
            self.facts.append(("task_granted", task.id, worker_id, lease, now))
        facts, self.facts = self.facts, None  # the parts are no facts of their own
        self.last_lease = task.lease = lease
        if task.remove is not None:
            self.set_remove(task, None)
        self.set_run(task, worker_id, now, task.needs.amounts)
        if task.status is not RUNNING:
            self.set_status(task, RUNNING, now)
        self.facts = facts

    def set_lease(self, task: TaskRecord, lease: int) -> None:
        """Note which grant the task runs by; negative when its end was told."""
        if self.facts is not None:
            self.facts.append(("task_lease", task.id, lease))
        task.lease = lease

    def set_held(self, task: TaskRecord, held: Mapping[str, Any]) -> None:
        """Take back a part of what a running task holds."""
        if self.facts is not None:
            self.facts.append(("task_held", task.id, dict(held)))
        batch = None if task.batch_id is None else self.batches.get(task.batch_id)
        holds = batch is not None and batch.holder is task
        if holds and task.held:
            self.index.let_go(task, task.held)
        if task.status is RUNNING:
            self._leave(task)
        task.held = held
        if task.status is RUNNING:
            self._enter(task)
        elif holds:
            self.index.hold(task, held, None)

    def set_batch(self, task: TaskRecord, batch_id: str | None) -> None:
        """Note the batch that the task stands for or belongs to."""
        if self.facts is not None:
            self.facts.append(("task_batch", task.id, batch_id))
        if batch_id == task.batch_id:
            return
        self._leave(task)
        if task.status is BATCH_RUNNING and task.batch_id is not None:
            self._leave_batch(task)
        task.batch_id = batch_id
        self._enter(task)

    def remove_record(self, task: TaskRecord) -> None:
        """Forget the task."""
        if self.facts is not None:
            self.facts.append(("task_removed", task.id))
        cut = self._cuts(task)
        self._leave(task)
        if task.batch_id is not None and task.status is BATCH_RUNNING:
            self._leave_batch(task)
        for dep in task.deps:
            self._unlink(task, dep)
        if task.status is DONE:
            self._tell_dependents(task, done=False)
        dependents = task.dependents
        del self.tasks[task.id], self.by_status[task.status][task.id], task.crew.tasks[task.id]
        if dependents:
            self._orphans[task.id] = (
                dependents if isinstance(dependents, dict) else {dependents[0].id: dependents[0]}
            )
        task.deps, task.severed = (), False
        if cut:
            self._mend(task)
        self.index.forget_crew(task.crew)
        task.needs.uses -= 1
        if not task.needs.uses:
            self.index.forget_needs(task.needs)
        self.suspects.pop(task.id, None)
        self.stakeless.pop(task.id, None)
        self.version += 1

    # ---- batches

    def start_batch(
        self, batch_id: str, worker: WorkerRecord, members: tuple[TaskRecord, ...], lease: int, now: float
    ) -> None:
        """Give ``members`` to ``worker``, to be run as one."""
        if self.facts is not None:
            ids = tuple(task.id for task in members)
            self.facts.append(("batch_started", batch_id, worker.id, ids, lease, now))
        self.last_lease = max(lease, self.last_lease)  # the batch of a worker that is back has an old one
        batch = Batch(batch_id, worker.id, {})
        self.batches[batch_id] = worker.batches[batch_id] = batch
        facts, self.facts = self.facts, None  # the parts are no facts of their own
        for task in members:
            task.worker_running = worker.id
            task.time_running = now
            task.held = task.needs.amounts
            task.batch_id = batch_id
            task.lease = lease
            if task.remove is not None:
                self.set_remove(task, None)
            batch.members[task.id] = task
            self.set_status(task, BATCH_RUNNING, now)
        self.facts = facts
        holder = batch.holder = members[0]
        if holder.held:
            self.index.hold(holder, holder.held, None)

    def _leave_batch(self, task: TaskRecord) -> None:
        batch = self.batches.get(task.batch_id) if task.batch_id is not None else None
        if batch is not None:
            if batch.holder is task:
                self._release_unclaimed(batch)
            batch.members.pop(task.id, None)
            self._forget_batch(batch)

    def lapse_batch(self, lease: int, members: tuple[str, ...]) -> None:
        """Note what a batch was made of whose worker has vanished, until its end is told after all."""
        if self.facts is not None:
            self.facts.append(("batch_lapsed", lease, members))
        if not members:
            self.lapsed.pop(lease, None)
            return
        if len(self.lapsed) >= MANY_LAPSED:
            del self.lapsed[next(iter(self.lapsed))]
        self.lapsed[lease] = members

    def lapse_runs(self, worker_id: str, now: float, runs: Mapping[str, int]) -> None:
        """Note what ran at a worker that vanishes, by which grants, until it is back (``runs`` is empty)."""
        if self.facts is not None:
            self.facts.append(("runs_lapsed", worker_id, now, dict(runs)))
        self.absent.pop(worker_id, None)
        if not runs:
            return
        if len(self.absent) >= MANY_LAPSED:
            del self.absent[next(iter(self.absent))]
        self.absent[worker_id] = now, runs

    def set_batcher(
        self, worker_id: str, family: str, batched_args: tuple[str, ...] | None, size: float
    ) -> None:
        """Note how ``worker_id`` can merge tasks of ``family``."""
        if self.facts is not None:
            self.facts.append(("batcher_set", worker_id, family, batched_args, size))
        if worker_id not in self.batchers and len(self.batchers) >= MANY_BATCHERS:
            gone = next((other for other in self.batchers if other not in self.workers), None)
            if gone is not None:
                del self.batchers[gone]
        self.batchers.setdefault(worker_id, {})[family] = Batcher(batched_args, size)

    def grouping(self, family: str, batched_args: tuple[str, ...]) -> Grouping:
        """Return the index of tasks of ``family`` that can be batched over ``batched_args``."""
        groupings = self._groupings.setdefault(family, {})
        found = groupings.get(batched_args)
        if found is None:
            found = groupings[batched_args] = Grouping(batched_args)
            for task in self.by_status[PENDING].values():
                if task.family == family and task.batchable and task.rank is not None:
                    found.add(task)
        return found

    # ---- workers

    def add_worker_record(self, worker_id: str, now: float) -> WorkerRecord:
        """Make a record of a worker."""
        if self.facts is not None:
            self.facts.append(("worker_added", worker_id, now))
        # of two threads that come at once (a worker and its pings), both get the same record
        return self.workers.setdefault(worker_id, WorkerRecord(worker_id, now, Pool()))

    def set_worker_info(self, worker: WorkerRecord, info: dict[str, Any]) -> None:
        """Keep what the worker says of itself."""
        if self.facts is not None:
            self.facts.append(("worker_info", worker.id, dict(info)))
        worker.info = info
        self.index.prefix = None  # it may have more or fewer slots
        for task in list(worker.runs.values()):
            self._tell_running(task)
            if not self.has_live_runner(task):
                self.suspects[task.id] = task

    def set_worker_disabled(self, worker: WorkerRecord) -> None:
        """Give the worker no work any more; its tasks are left to others."""
        if self.facts is not None:
            self.facts.append(("worker_disabled", worker.id))
        worker.disabled = True
        self.index.prefix = None
        self._withdraw(worker, stakeholder=False)

    def drop_worker(self, worker: WorkerRecord) -> None:
        """Forget a worker that has vanished."""
        if self.facts is not None:
            self.facts.append(("worker_dropped", worker.id))
        del self.workers[worker.id]
        self.index.prefix = None
        for task in worker.runs.values():
            self.suspects[task.id] = task
        for batch in worker.batches.values():
            self.suspects.update(batch.members)
        self._withdraw(worker, stakeholder=True)
        self.index.forget_successors()
        self.answers.forget_worker(worker.id)

    def queue_message(self, worker: WorkerRecord, message: dict[str, Any]) -> None:
        """Let a message wait for the worker's next sign of life."""
        if self.facts is not None:
            self.facts.append(("message_queued", worker.id, message))
        worker.messages.append(message)

    def take_messages(self, worker: WorkerRecord) -> list[dict[str, Any]]:
        """Hand the worker its messages."""
        if self.facts is not None:
            self.facts.append(("messages_taken", worker.id))
        messages, worker.messages = worker.messages, []
        return messages

    # ---- the scheduler

    def keep_answer(
        self,
        client: str,
        number: int,
        worker_id: str | None,
        response: Any,
        lease: int | None,
        worker_is_new: bool,
    ) -> None:
        """Remember what a call was answered, for the case that the answer is lost."""
        if self.facts is not None:
            self.facts.append(("answered", client, number, worker_id, response, lease, worker_is_new))
        self.answers.keep(client, number, worker_id, Answer(response, lease, worker_is_new))

    def set_paused(self, paused: bool) -> None:
        """Whether work is given out at all."""
        if self.facts is not None:
            self.facts.append(("paused", paused))
        self.paused = paused

    def set_attempts(self, ended: Iterable[Iterable[Any]], minutes: Iterable[Iterable[int]]) -> None:
        """Bring back which runs there were."""
        if self.facts is not None:
            self.facts.append(("attempts", ended, minutes))
        self.attempts.restore(ended, minutes)

    def set_last_lease(self, lease: int) -> None:
        """Note the number of the latest grant: later ones are greater."""
        if self.facts is not None:
            self.facts.append(("lease_reached", lease))
        self.last_lease = lease

    def set_limit(self, name: str, amount: float) -> None:
        """How much there is of a resource."""
        if self.facts is not None:
            self.facts.append(("limit_set", name, amount))
        self.limits_told[name] = amount
        self.index.set_limit(name, amount)

    # ---- shared by several

    def _add_deps(self, task: TaskRecord, deps: tuple[str, ...]) -> None:
        task.deps = deps
        self.edges_version += 1
        unmet = 0
        for dep in deps:
            if not self._link(task, dep):
                unmet += 1
        task.unmet = unmet
        if self.by_status[DISABLED] and not task.severed:
            task.severed = self._is_severed(task)

    @staticmethod
    def _more(task: TaskRecord) -> More:
        if task.more is NOTHING_MORE:
            task.more = More()
        return task.more

    def _move(self, task: TaskRecord, crew: Any) -> None:
        self._leave(task)
        old = task.crew
        del old.tasks[task.id]
        crew.tasks[task.id] = task
        task.crew = crew
        self._enter(task)
        if not old.tasks:
            self.index.forget_crew(old)
        if not crew.stakeholders:
            self.stakeless[task.id] = task

    def _withdraw(self, worker: WorkerRecord, *, stakeholder: bool) -> None:
        """Take ``worker`` out of all crews."""
        for crew in list(self.index.crews.values()):
            concerned = worker.id in crew.workers or (stakeholder and worker.id in crew.stakeholders)
            if concerned and crew.tasks:
                smaller = self.index.without(crew, worker, stakeholder)
                for task in list(crew.tasks.values()):
                    self._move(task, smaller)
