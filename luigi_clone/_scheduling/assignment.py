"""Rules of ``get_work``: which task a worker is given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from luigi_clone._scheduling import arguments
from luigi_clone._scheduling.model import WORKER_STATE_ACTIVE, Rank, Settings, TaskRecord, WorkerRecord
from luigi_clone._scheduling.registration import Registration
from luigi_clone._scheduling.walk import GreedyWalk, is_contended
from luigi_clone.task_status import PENDING, RUNNING

Picker = Callable[[WorkerRecord, bool, float], "list[TaskRecord]"]
"""Chooses what to give to a worker (an assistant or not) at a time: one task, a batch, or nothing."""


class Assignment(Registration):
    """Adds ``get_work`` and ``count_pending``."""

    def __init__(self, settings: Settings, limits: Mapping[str, float]) -> None:
        super().__init__(settings, limits)
        self.picker: Picker = self.pick
        self.granted: int | None = None  # number of the grant that the last get_work made, if any

    def get_work(
        self,
        now: float,
        host: Any = None,
        assistant: Any = False,
        current_tasks: Collection[str] | None = None,
        worker: Any = None,
    ) -> dict[str, Any]:
        """Give ``worker`` its next task, or a batch of them.

        ``current_tasks`` are the ids that it runs: one that it should be running but does not name is given
        again, since the answer that gave it was lost.
        """
        self.granted = None
        if type(worker) is not str:
            worker = arguments.identifier("worker", worker)
        if self.settings.prune_on_get_work:
            self.prune(now)
        asker = self.workers.get(worker)
        if asker is None:
            asker = self.new_worker(worker, now)
        self._hear(asker, now)
        asker.reference = {"host": host}
        if asker.disabled:
            return {
                "n_pending_tasks": 0,
                "running_tasks": [],
                "task_id": None,
                "n_unique_pending": 0,
                "worker_state": asker.state,
            }
        if assistant and not asker.assistant:
            self.set_worker_info(asker, {**asker.info, "assistant": assistant})
        chosen: list[TaskRecord] = []
        if current_tasks is not None:
            if asker.batches:
                self._return_unclaimed(asker, now)
            if asker.runs:
                chosen = self._lost(asker, current_tasks, now)
        reply = self._counts(asker)
        if not chosen and not self.paused:
            chosen = self.picker(asker, bool(assistant), now)
        if len(chosen) > 1:
            self._give_batch(asker, chosen, reply, now)
        elif chosen:
            self._give(asker, chosen[0], reply, now, host)
        else:
            reply["task_id"] = None
            if asker.pending and not asker.runs:
                self.look_for_cycles(now)
        return reply

    def _hear(self, asker: WorkerRecord, now: float) -> None:
        """Note that a worker asks for work; from now on its slots count."""
        asked = asker.last_get_work
        if asked is None or asked <= now - self.settings.worker_disconnect_delay:
            self.index.prefix = None
        asker.last_active = asker.last_get_work = now

    # ---- what is answered

    def count_pending(self, worker: Any) -> dict[str, Any]:
        """Tell how many tasks wait for ``worker``, and which of its tasks run."""
        record = self.workers.get(worker)
        if record is not None:
            return self._counts(record)
        return {
            "n_pending_tasks": 0,
            "n_unique_pending": 0,
            "n_pending_last_scheduled": 0,
            "worker_state": WORKER_STATE_ACTIVE,
            "running_tasks": [],
        }

    @staticmethod
    def _counts(worker: WorkerRecord) -> dict[str, Any]:
        return {
            "n_pending_tasks": worker.pending,
            "n_unique_pending": worker.pending_unique,
            "n_pending_last_scheduled": worker.pending_last,
            "worker_state": worker.state,
            "running_tasks": list(worker.running_tasks.values()),
        }

    def _give(
        self, asker: WorkerRecord, task: TaskRecord, reply: dict[str, Any], now: float, host: Any
    ) -> None:
        if self.wants_metrics:
            self._measure_wait(task, now)
        prefix, rank = self.index.prefix, task.rank
        kept = prefix if prefix is not None and rank is not None and prefix.outlasts(rank, asker) else None
        self.grant(task, asker.id, self._next_lease(now), now)
        self.index.prefix = kept
        if self.wants_metrics:
            self.effects.append(("metric", "started", task))
        if self.wants_history:
            self.effects.append(("history", task, RUNNING, host))
        self._tell_task(task, reply)

    def _next_lease(self, now: float) -> int:
        """Return the number of a new grant.

        It is greater than all before, also than those of an earlier life of which nothing was kept.
        """
        self.granted = lease = max(self.last_lease + 1, int(now * 1000))
        return lease

    @staticmethod
    def _tell_task(task: TaskRecord, reply: dict[str, Any]) -> None:
        reply["task_id"] = task.id
        reply["task_family"] = task.family
        reply["task_module"] = task.module
        reply["task_params"] = dict(task.params)

    def _give_batch(
        self, asker: WorkerRecord, chosen: list[TaskRecord], reply: dict[str, Any], now: float
    ) -> None:
        ids = [task.id for task in chosen]
        from hashlib import md5  # here, because loading OpenSSL takes longer than all of this package

        batch_id = md5("|".join(ids).encode("utf-8"), usedforsecurity=False).hexdigest()
        if self.wants_metrics:
            for task in chosen:
                self._measure_wait(task, now)
        self.start_batch(batch_id, asker, tuple(chosen), self._next_lease(now), now)
        self._tell_batch(asker, batch_id, chosen, reply)

    def _tell_batch(
        self, asker: WorkerRecord, batch_id: str, chosen: list[TaskRecord], reply: dict[str, Any]
    ) -> None:
        first = chosen[0]
        params: dict[str, Any] = dict(first.params)
        for name in self.batcher(asker.id, first.family).batched_args or ():
            params[name] = [task.params.get(name) for task in chosen]
        reply["task_id"] = None
        reply["task_family"] = first.family
        reply["task_module"] = first.module
        reply["task_params"] = params
        reply["batch_id"] = batch_id
        reply["batch_task_ids"] = [task.id for task in chosen]

    def _measure_wait(self, task: TaskRecord, now: float) -> None:
        """Tell the metrics how long it could have run, which is since it or a dependency last changed."""
        if task.status is PENDING:
            ready = task.updated
            for dep in task.deps:
                other = self.tasks.get(dep)
                if other is not None and other.updated > ready:
                    ready = other.updated
            self.effects.append(("queue_latency", task, max(0.0, now - ready)))

    # ---- answers that were lost

    def grant_again(self, now: float, worker: str, lease: int) -> dict[str, Any] | None:
        """Return again what ``get_work`` gave to ``worker`` by a grant; None if that has passed since."""
        asker = self.workers.get(worker)
        if asker is None:
            return None
        self._hear(asker, now)
        for task in asker.runs.values():
            if task.lease == lease:
                reply = self._counts(asker)
                self._tell_task(task, reply)
                return reply
        for batch in asker.batches.values():
            members = list(batch.members.values())
            if members and members[0].lease == lease and not batch.heads:
                reply = self._counts(asker)
                self._tell_batch(asker, batch.id, members, reply)
                return reply
        return None

    def _lost(self, asker: WorkerRecord, current_tasks: Collection[str], now: float) -> list[TaskRecord]:
        runs = asker.runs
        if list(runs) == current_tasks:  # a worker names them in the order in which it got them
            return []
        named = set(current_tasks)
        if runs.keys() <= named:
            return []
        for task in sorted((task for task_id, task in runs.items() if task_id not in named), key=rank_of):
            if not self._is_overdrawn(task, asker):
                return [task]
            self.change_status(task, PENDING, now)
        return []

    def _is_overdrawn(self, task: TaskRecord, asker: WorkerRecord) -> bool:
        """Tell whether others hold what the task needs: they were given it while ``asker`` had vanished."""
        resources = self.index.resources
        return self.answers.knows_worker(asker.id) and any(
            amount and resources[name].used > resources[name].limit
            for name, amount in task.needs.amounts.items()
        )

    def _return_unclaimed(self, asker: WorkerRecord, now: float) -> None:
        """Take back the tasks of batches that the worker was given and never started."""
        for batch in list(asker.batches.values()):
            if not batch.heads:
                for task in list(batch.members.values()):
                    self.change_status(task, PENDING, now)
                    self.set_batch(task, None)

    # ---- choosing

    def pick(self, asker: WorkerRecord, assistant: bool, now: float) -> list[TaskRecord]:
        """Choose the best ready task that the worker may run and that leaves others their resources."""
        pool = self.index.pool_of_assistants() if assistant else asker.pool
        rank = pool.top()
        if rank is None:
            return []
        if rank[3].needs.gates:
            rank = self._best_with_needs(rank, asker, assistant, now)
            if rank is None:
                return []
        task = rank[3]
        return [task, *self._companions(asker, task)] if task.batchable else [task]

    def _best_with_needs(self, top: Rank, asker: WorkerRecord, assistant: bool, now: float) -> Rank | None:
        """Choose what to give where the best task that could start needs resources."""
        pool = self.index.pool_of_assistants() if assistant else asker.pool
        if assistant:  # its walk is another: any task may take its slots
            return GreedyWalk(self, asker, True, now).run(pool, 0) if is_contended(top) else top
        prefix = self.index.prefix
        if prefix is not None and not prefix.holds(now, self.settings.worker_disconnect_delay):
            prefix = None
        if prefix is not None:
            if asker in prefix.content:
                return None
            best = prefix.best_for(asker)
            if best is not None:
                return best
        if not is_contended(top):
            return top
        walk = GreedyWalk(self, asker, False, now)
        # twice as far as the last one: so all walks between two changes cost no more than the longest
        best = walk.run(pool, 0 if prefix is None else 2 * len(prefix.takers))
        self.index.prefix = walk.found
        return best

    def _companions(self, asker: WorkerRecord, task: TaskRecord) -> list[TaskRecord]:
        batcher = self.batcher(asker.id, task.family)
        if not batcher.batched_args or batcher.max_batch_size <= 1:
            return []
        trivial = not asker.needy and not asker.assistant
        grouping = self.grouping(task.family, batcher.batched_args)
        return grouping.companions(task, batcher.max_batch_size - 1, asker.id if trivial else None)


def rank_of(task: TaskRecord) -> tuple[float, float, int]:
    """Return the place of any task, ready or not, in the order in which tasks are given out."""
    return (-task.priority, task.time, task.seq)
