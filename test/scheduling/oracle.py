"""A plain linear scheduler: the rules as they read, with nothing kept up to date and nothing indexed.

Every question is answered by walking all tasks.  The tests ask it and the real scheduler the same questions
and compare the answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

INFINITY = float("inf")


@dataclass
class Config:
    retry_delay: float = 900.0
    remove_delay: float = 600.0
    worker_disconnect_delay: float = 60.0
    disable_window: float = 3600
    retry_count: int = 999999999
    disable_hard_timeout: float = 999999999
    disable_persist: float = 86400
    stable_done_cooldown_secs: float = 10
    prune_on_get_work: bool = False


@dataclass
class Policy:
    retry_count: int
    disable_hard_timeout: float
    disable_window: float


@dataclass(eq=False)
class Task:
    id: str
    arrival: int
    time: float
    status: str
    policy: Policy
    priority: float = 0
    deps: list[str] = field(default_factory=list)
    stakeholders: set[str] = field(default_factory=set)
    workers: list[str] = field(default_factory=list)
    resources: dict[str, int] = field(default_factory=dict)
    resources_running: dict[str, int] | None = None
    family: str = ""
    module: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    worker_running: str | None = None
    updated: float = 0
    retry: float | None = None
    remove: float | None = None
    failures: list[float] = field(default_factory=list)
    first_failure: float | None = None
    disabled_at: float | None = None
    runnable: bool = False
    batchable: bool = False
    batch_id: str | None = None
    grant: int = 0
    said_done: int | None = None

    @property
    def rank(self) -> tuple[float, float, int]:
        return (-self.priority, self.time, self.arrival)


@dataclass
class Worker:
    id: str
    last_active: float
    last_get_work: float | None = None
    info: dict[str, Any] = field(default_factory=dict)
    disabled: bool = False

    @property
    def assistant(self) -> bool:
        return bool(self.info.get("assistant"))


SEVERITY = ["", "UPSTREAM_RUNNING", "UPSTREAM_MISSING_INPUT", "UPSTREAM_FAILED", "UPSTREAM_DISABLED"]


class LinearScheduler:
    def __init__(self, resources: dict[str, int] | None = None, luigi: bool = False, **options: Any) -> None:
        # with `luigi`, also the shortcomings of Luigi that the real scheduler mends
        self.luigi = luigi
        self.config = Config(**options)
        self.limits = dict(resources or {})
        self.tasks: dict[str, Task] = {}
        self.workers: dict[str, Worker] = {}
        self.batchers: dict[tuple[str, str], tuple[list[str], float]] = {}
        self.paused = False
        self.now = 0.0
        self.arrivals = 0
        self.grants = 0

    # registration

    def add_worker(self, worker: str, info: Any) -> None:
        self._worker(worker).info.update(dict(info))

    def add_task_batcher(
        self, worker: str, task_family: str, batched_args: list[str], max_batch_size: float = INFINITY
    ) -> None:
        self.batchers[(worker, task_family)] = (list(batched_args), max_batch_size)

    def add_task(
        self,
        worker: str,
        task_id: str,
        status: str = "PENDING",
        runnable: bool = True,
        deps: Iterable[str] | None = None,
        new_deps: Iterable[str] | None = None,
        resources: dict[str, int] | None = None,
        priority: float = 0,
        family: str = "",
        module: str | None = None,
        params: dict[str, str] | None = None,
        assistant: bool = False,
        batchable: bool | None = None,
        batch_id: str | None = None,
        retry_policy_dict: dict[str, Any] | None = None,
    ) -> None:
        sender = self._seen(worker)
        policy = self._policy(retry_policy_dict)
        task = self.tasks.get(task_id)
        if task is None:
            if sender.disabled:
                return
            task = self._new_task(task_id, "PENDING", priority)
        elif sender.disabled and task.status != "RUNNING":
            return
        cooling = self.now - task.updated < self.config.stable_done_cooldown_secs
        if status == "PENDING" and task.status == "DONE" and cooling:
            return
        task.family = task.family or family
        task.module = task.module or module
        task.params = task.params or dict(params or {})
        if batch_id is not None:
            task.batch_id = batch_id
        if status == "RUNNING" and not task.worker_running:
            task.worker_running = worker
            if batch_id:
                members = [
                    t for t in self.tasks.values() if t.batch_id == batch_id and t.status == "BATCH_RUNNING"
                ]
                task.resources_running = dict(members[0].resources_running or {})
        if batchable is not None:
            task.batchable = batchable
        task.remove = None
        by_runner = status in ("DONE", "FAILED", "RUNNING") and task.worker_running == worker
        if task.status not in ("RUNNING", "BATCH_RUNNING") or by_runner or new_deps:
            self._set_status(task, status)
        elif status == "DONE" and not runnable and task.batch_id is None and task.grant:
            task.said_done = task.grant
        if deps is not None:
            task.deps = list(dict.fromkeys(deps))
        if new_deps:
            task.deps = list(dict.fromkeys([*task.deps, *new_deps]))
        if resources is not None:
            task.resources = dict(resources)
        if not sender.disabled and not assistant:
            task.stakeholders.add(worker)
            for dep in task.deps:
                if dep not in self.tasks:
                    self._new_task(dep, "UNKNOWN", priority)
                self.tasks[dep].stakeholders.add(worker)
        self._raise_priority(task, priority)
        task.policy = policy
        if runnable and status != "FAILED" and not sender.disabled:
            if worker not in task.workers:
                task.workers.append(worker)
            task.runnable = True

    def _new_task(self, task_id: str, status: str, priority: float) -> Task:
        self.arrivals += 1
        task = Task(
            task_id, self.arrivals, self.now, status, self._policy(None), priority=priority, updated=self.now
        )
        self.tasks[task_id] = task
        return task

    def _policy(self, given: dict[str, Any] | None) -> Policy:
        c = self.config
        named = {k: v for k, v in (given or {}).items() if v is not None}
        return Policy(
            **{
                "retry_count": c.retry_count,
                "disable_hard_timeout": c.disable_hard_timeout,
                "disable_window": c.disable_window,
                **named,
            }
        )

    def _raise_priority(self, task: Task, priority: float) -> None:
        priority = max(priority, task.priority)
        task.priority = priority
        todo = [task]
        while todo:
            for dep in todo.pop().deps:
                below = self.tasks.get(dep)
                if below is not None and below.priority < priority:
                    below.priority = priority
                    todo.append(below)

    # status

    def _set_status(self, task: Task, new: str) -> None:
        if new == "DISABLED" and task.status in ("RUNNING", "BATCH_RUNNING"):
            return
        if task.status == "DISABLED":
            if new == "DONE":
                self._clear_failures(task)
            elif task.disabled_at is not None and new != "DISABLED":
                return
        was_head = task.status == "RUNNING" and task.batch_id is not None and new != "RUNNING"
        if was_head:
            for member in list(self.tasks.values()):
                if member.batch_id == task.batch_id and member.status == "BATCH_RUNNING":
                    self._set_status(member, new)
                    member.batch_id = None
            task.batch_id = None
        if new == "FAILED" and task.status != "DISABLED":
            task.failures.append(self.now)
            if task.first_failure is None:
                task.first_failure = self.now
            if self._excessive(task):
                task.disabled_at = self.now
                new = "DISABLED"
        elif new == "DISABLED":
            task.disabled_at = None
        if new != task.status:
            task.status = new
            task.updated = self.now
        if new == "FAILED":
            task.retry = self.now + self.config.retry_delay
            if was_head and not task.batchable:
                task.remove = self.now

    def _excessive(self, task: Task) -> bool:
        assert task.first_failure is not None
        if self.now >= task.first_failure + task.policy.disable_hard_timeout:
            return True
        recent = [f for f in task.failures if f >= self.now - task.policy.disable_window]
        return len(recent) >= task.policy.retry_count

    def _clear_failures(self, task: Task) -> None:
        task.failures, task.first_failure, task.disabled_at = [], None, None

    def _re_enable(self, task: Task) -> None:
        self._clear_failures(task)
        task.status, task.updated = "FAILED", self.now
        task.retry = self.now + self.config.retry_delay

    # work

    def get_work(
        self, worker: str, host: str = "h", assistant: bool = False, current_tasks: list[str] | None = None
    ) -> dict[str, Any]:
        if self.config.prune_on_get_work:
            self.prune()
        asking = self._seen(worker)
        asking.last_get_work = self.now
        if asking.disabled:
            return {
                "n_pending_tasks": 0,
                "running_tasks": [],
                "task_id": None,
                "n_unique_pending": 0,
                "worker_state": "disabled",
            }
        if assistant:
            asking.info["assistant"] = True
        chosen, members = None, []
        if current_tasks is not None:
            lost = [
                t
                for t in self.tasks.values()
                if t.status == "RUNNING" and t.worker_running == worker and t.id not in current_tasks
            ]
            chosen = min(lost, key=lambda t: t.rank, default=None)
            self._reset_orphans(worker)
        if chosen is None and not self.paused:
            chosen, members = self._choose(asking, assistant)
        reply = self._counts(worker)
        if len(members) > 1:
            assert chosen is not None
            return {**reply, **self._start_batch(asking, members)}
        if chosen is None:
            return {**reply, "task_id": None}
        self._start(chosen, worker, "RUNNING")
        return {
            **reply,
            "task_id": chosen.id,
            "task_family": chosen.family,
            "task_module": chosen.module,
            "task_params": dict(chosen.params),
        }

    def _reset_orphans(self, worker: str) -> None:
        heads = {
            t.batch_id for t in self.tasks.values() if t.status == "RUNNING" and t.worker_running == worker
        }
        for t in self.tasks.values():
            if t.status == "BATCH_RUNNING" and t.worker_running == worker and t.batch_id not in heads:
                t.status, t.updated, t.batch_id = "PENDING", self.now, None

    def _start(self, task: Task, worker: str, status: str) -> None:
        self._set_status(task, status)
        if not self.luigi:
            task.remove = None
        task.worker_running = worker
        task.resources_running = dict(task.resources)
        self.grants += 1
        task.grant = self.grants

    def _choose(self, asking: Worker, assistant: bool) -> tuple[Task | None, list[Task]]:
        trivial = not asking.assistant and not any(
            t.resources for t in self.tasks.values() if t.status == "PENDING" and asking.id in t.workers
        )
        alive = [t for t in self.tasks.values() if t.status in ("PENDING", "RUNNING")]
        slots: dict[str, int] = {}
        used: dict[str, int] = {}
        if trivial:
            alive = [t for t in alive if asking.id in t.workers]
        else:
            for w in self.workers.values():
                if (
                    w.last_get_work is not None
                    and w.last_get_work + self.config.worker_disconnect_delay > self.now
                ):
                    slots[w.id] = w.info.get("workers", 1)
            for t in self.tasks.values():
                if t.status == "RUNNING":
                    held = t.resources if t.resources_running is None else t.resources_running
                    _add(used, held)
        reserved: dict[str, int] = {}
        alive.sort(key=lambda t: t.rank)
        for position, task in enumerate(alive):
            if task.status == "RUNNING":
                if task.worker_running in slots:
                    slots[task.worker_running] -= 1
                    _add(
                        reserved, task.resources if task.resources_running is None else task.resources_running
                    )
                continue
            if not self._schedulable(task) or not self._fits(task, reserved):
                continue
            mine = asking.id in task.workers or (assistant and task.runnable)
            if mine and self._fits(task, used):
                return task, self._batch(asking, task, alive[position + 1 :])
            owners = list(task.workers) + ([asking.id] if assistant and asking.id not in task.workers else [])
            for owner in owners:
                if slots.get(owner, 0) > 0:
                    slots[owner] -= 1
                    _add(reserved, task.resources)
                    break
        return None, []

    def _schedulable(self, task: Task) -> bool:
        return task.status == "PENDING" and all(
            d in self.tasks and self.tasks[d].status == "DONE" for d in task.deps
        )

    def _fits(self, task: Task, taken: dict[str, int]) -> bool:
        return all(n + taken.get(r, 0) <= self.limits.get(r, 1) for r, n in task.resources.items())

    def _batch(self, asking: Worker, first: Task, rest: list[Task]) -> list[Task]:
        batched, size = self.batchers.get((asking.id, first.family), (None, 1))
        if not first.batchable or batched is None or any(b not in first.params for b in batched):
            return [first]
        members = [first]
        for task in rest:
            if len(members) >= size:
                break
            if (
                task.family == first.family
                and task.batchable
                and self._schedulable(task)
                and task.resources == first.resources
                and _unbatched(task, batched) == _unbatched(first, batched)
            ):
                members.append(task)
        return members

    def _start_batch(self, asking: Worker, members: list[Task]) -> dict[str, Any]:
        batch_id = hashlib.md5("|".join(t.id for t in members).encode()).hexdigest()
        batched, _ = self.batchers[(asking.id, members[0].family)]
        params: dict[str, Any] = dict(members[0].params)
        for name in batched:
            params[name] = [t.params[name] for t in members]
        for t in members:
            self._start(t, asking.id, "BATCH_RUNNING")
            t.batch_id = batch_id
        return {
            "task_id": None,
            "task_family": members[0].family,
            "task_module": members[0].module,
            "task_params": params,
            "batch_id": batch_id,
            "batch_task_ids": [t.id for t in members],
        }

    def count_pending(self, worker: str) -> dict[str, Any]:
        return self._counts(worker)

    def _counts(self, worker: str) -> dict[str, Any]:
        pending = unique = last = 0
        running = []
        for t in self.tasks.values():
            if worker not in t.workers or self._upstream(t, {}) == "UPSTREAM_DISABLED":
                continue
            if t.status in ("PENDING", "FAILED"):
                pending += 1
                unique += len(t.workers) == 1
                last += t.workers[-1] == worker
            elif t.status == "RUNNING":
                runner = self.workers.get(t.worker_running or "")
                running.append(
                    {"task_id": t.id, "worker": t.worker_running, **(runner.info if runner else {})}
                )
        return {
            "n_pending_tasks": pending,
            "n_unique_pending": unique,
            "n_pending_last_scheduled": last,
            "worker_state": "disabled"
            if worker in self.workers and self.workers[worker].disabled
            else "active",
            "running_tasks": running,
        }

    def _upstream(self, task: Task, visiting: dict[str, str]) -> str:
        simple = {
            "FAILED": "UPSTREAM_FAILED",
            "RUNNING": "UPSTREAM_RUNNING",
            "BATCH_RUNNING": "UPSTREAM_RUNNING",
            "DISABLED": "UPSTREAM_DISABLED",
        }
        if task.status in simple:
            return simple[task.status]
        if task.status != "PENDING":
            return ""
        if not task.deps:
            return "UPSTREAM_MISSING_INPUT"
        if task.id not in visiting:
            visiting[task.id] = ""
            below = [
                self._upstream(self.tasks[d], visiting)
                for d in task.deps
                if d in self.tasks and self.tasks[d].status != "DONE"
            ]
            visiting[task.id] = max(below, key=SEVERITY.index, default="")
        return visiting[task.id]

    # time

    def ping(self, worker: str) -> None:
        self._seen(worker)

    def prune(self) -> None:
        for w in list(self.workers.values()):
            if w.last_active + self.config.worker_disconnect_delay < self.now:
                del self.workers[w.id]
                for t in self.tasks.values():
                    t.stakeholders.discard(w.id)
                    if w.id in t.workers:
                        t.workers.remove(w.id)
        assistants = {w.id for w in self.workers.values() if w.assistant}
        for t in list(self.tasks.values()):
            if (
                t.status in ("RUNNING", "BATCH_RUNNING")
                and t.worker_running is not None
                and t.worker_running not in t.stakeholders | assistants
                # a member may belong to another worker than the one that runs the batch
                and (self.luigi or t.status == "RUNNING" or t.worker_running not in self.workers)
            ):
                t.worker_running = None
                found_complete = t.batch_id is None and t.said_done == t.grant and not self.luigi
                self._set_status(t, "DONE" if found_complete else "FAILED")
            if not t.stakeholders and t.status != "RUNNING" and t.remove is None:
                t.remove = self.now + self.config.remove_delay
            if t.disabled_at is not None and self.now - t.disabled_at > self.config.disable_persist:
                self._re_enable(t)
            if (
                t.status == "FAILED"
                and self.config.retry_delay >= 0
                and t.retry is not None
                and t.retry < self.now
            ):
                self._set_status(t, "PENDING")
            if (
                t.remove is not None
                and self.now >= t.remove
                and (self.luigi or t.status not in ("RUNNING", "BATCH_RUNNING"))
            ):
                del self.tasks[t.id]

    def _worker(self, worker: str) -> Worker:
        return self.workers.setdefault(worker, Worker(worker, self.now))

    def _seen(self, worker: str) -> Worker:
        record = self._worker(worker)
        record.last_active = self.now
        return record

    # operators

    def disable_worker(self, worker: str) -> None:
        self._worker(worker).disabled = True
        for t in self.tasks.values():
            if worker in t.workers:
                t.workers.remove(worker)

    def forgive_failures(self, task_id: str) -> dict[str, Any]:
        task = self.tasks.get(task_id)
        if task is not None and task.status == "FAILED":
            self._set_status(task, "PENDING")
        return {"task_id": task_id, "status": task.status if task else None}

    def mark_as_done(self, task_id: str) -> dict[str, Any]:
        task = self.tasks.get(task_id)
        if task is not None and task.status in ("RUNNING", "FAILED", "DISABLED"):
            self._set_status(task, "DONE")
        return {"task_id": task_id, "status": task.status if task else None}

    def re_enable_task(self, task_id: str) -> None:
        task = self.tasks.get(task_id)
        if task is not None and task.status == "DISABLED" and task.disabled_at is not None:
            self._re_enable(task)

    def pause(self) -> None:
        self.paused = True

    def unpause(self) -> None:
        self.paused = False

    def update_resource(self, resource: str, amount: int) -> bool:
        self.limits[resource] = amount
        return True

    def decrease_running_task_resources(self, task_id: str, decrease_resources: dict[str, int]) -> None:
        task = self.tasks.get(task_id)
        if task is None or task.status != "RUNNING":
            return
        for holder in [
            task,
            *(
                t
                for t in self.tasks.values()
                if task.batch_id and t.batch_id == task.batch_id and t is not task
            ),
        ]:
            held = holder.resources_running or {}
            for name, amount in decrease_resources.items():
                if name in held and amount > 0:
                    held[name] = max(0, held[name] - amount)

    def snapshot(self) -> dict[str, Any]:
        """Return what the views of the real scheduler show of each task."""
        return {
            t.id: (
                t.status,
                t.priority,
                list(t.workers),
                t.worker_running,
                dict(t.resources),
                dict(t.resources_running or {}),
            )
            for t in self.tasks.values()
        }


def _add(total: dict[str, int], amounts: dict[str, int]) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount


def _unbatched(task: Task, batched: list[str]) -> dict[str, str]:
    return {k: v for k, v in task.params.items() if k not in batched}
