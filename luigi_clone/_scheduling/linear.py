"""The choice of ``get_work`` for schedulers whose own rules replace a part of it: every task is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from luigi_clone._scheduling.assignment import Assignment
from luigi_clone._scheduling.model import Batcher, TaskRecord, WorkerRecord
from luigi_clone._scheduling.walk import slots_of
from luigi_clone.task_status import PENDING, RUNNING


class Rules(NamedTuple):
    """The parts that can be replaced."""

    rank: Callable[[TaskRecord], Any]  # the greatest is looked at first
    schedulable: Callable[[TaskRecord], bool]
    has_resources: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]


class LinearPicker:
    """Looks at all tasks from the best rank down, by the rules of a subclass of the scheduler."""

    def __init__(self, machine: Assignment, rules: Rules) -> None:
        self._machine = machine
        self._rules = rules

    def pick(self, asker: WorkerRecord, assistant: bool, now: float) -> list[TaskRecord]:
        """Choose what to give to ``asker``: one task, a batch, or nothing."""
        machine = self._machine
        trivial = not assistant and not asker.assistant and not asker.needy
        tasks = [*machine.by_status[PENDING].values(), *machine.by_status[RUNNING].values()]
        if trivial:
            tasks = [task for task in tasks if asker.id in task.crew.workers]
        # a stable sort that keeps the order of arrival among equals
        tasks.sort(key=lambda task: task.seq)
        tasks.sort(key=self._rules.rank, reverse=True)
        walk = iter(tasks)
        chosen = self._best(walk, asker, assistant, now, trivial)
        if chosen is None:
            return []
        batcher = machine.batcher(asker.id, chosen.family)
        return [chosen, *self._companions(walk, chosen, batcher)] if chosen.batchable else [chosen]

    def _best(
        self, walk: Iterator[TaskRecord], asker: WorkerRecord, assistant: bool, now: float, trivial: bool
    ) -> TaskRecord | None:
        rules = self._rules
        used = {} if trivial else self._machine.used_resources()
        slots = {} if trivial else self._slots(now)
        greedy: dict[str, Any] = {}
        for task in walk:
            if task.status is RUNNING and task.worker_running in slots:
                slots[task.worker_running] -= 1
                _add(greedy, task.needs.amounts if task.held is None else task.held)
            if not rules.schedulable(task) or not rules.has_resources(task.needs.amounts, greedy):
                continue
            may_run = asker.id in task.crew.workers or (assistant and task.crew.runnable)
            if may_run and rules.has_resources(task.needs.amounts, used):
                return task
            takers = (*task.crew.workers, asker.id) if assistant else task.crew.workers
            for worker_id in takers:
                if slots.get(worker_id, 0) > 0:
                    slots[worker_id] -= 1
                    _add(greedy, task.needs.amounts)
                    break
        return None

    def _slots(self, now: float) -> dict[str | None, float]:
        since = now - self._machine.settings.worker_disconnect_delay
        return {
            worker.id: slots_of(worker)
            for worker in self._machine.workers.values()
            if worker.last_get_work is not None and worker.last_get_work > since
        }

    def _companions(
        self, walk: Iterator[TaskRecord], first: TaskRecord, batcher: Batcher
    ) -> Iterator[TaskRecord]:
        args = batcher.batched_args or ()
        if not args or any(name not in first.params for name in args):
            return
        count = 1
        for task in walk:
            if count >= batcher.max_batch_size:
                return
            if (
                task.family == first.family
                and task.batchable
                and task.needs is first.needs
                and _unbatched(task, args) == _unbatched(first, args)
                and all(name in task.params for name in args)
                and self._rules.schedulable(task)
            ):
                count += 1
                yield task


def _unbatched(task: TaskRecord, args: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in task.params.items() if name not in args}


def _add(total: dict[str, Any], amounts: Mapping[str, Any]) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount
