"""The state of one moment as facts, made bit by bit while the machine goes on.

Tasks are told in the order of their arrival. A task that is about to change before its turn is told at
once, as it still is: the machine's list of facts is replaced by one that looks at each fact when it is
recorded, which is before the change is made. So a snapshot costs nothing while there is none, and no moment
at which all tasks have to be looked at together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from luigi_clone._scheduling.facts import FACTS
from luigi_clone._scheduling.indexed import Fact
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import NOTHING_MORE, More, TaskRecord
from luigi_clone._scheduling.ready import Crew
from luigi_clone._scheduling.restoring import TOLD_OF_TASKS, Shape

_SUBJECTS = {kind: 1 for kind, (fields, _) in FACTS.items() if fields and fields[0] == "task"}
_GROUPS = {kind: fields.index("members") + 1 for kind, (fields, _) in FACTS.items() if "members" in fields}
_LEAVING = frozenset(("worker_disabled", "worker_dropped"))
"""Kinds after which tasks of a worker have another crew."""
_NOTHING_TOLD = More()
_ATTEMPTS_AT_ONCE = 500


class Snapshot:
    """Facts that replay to the state in which the machine was when this was made.

    The machine records facts, and goes on recording them. Call :meth:`part` until it returns nothing, or
    :meth:`give_up`.
    """

    def __init__(self, machine: Machine) -> None:
        assert machine.facts is not None
        self._machine = machine
        self._head = list(_head(machine))
        self._attempts = list(_attempts(machine))
        self._tail = list(_tail(machine))
        self._tasks = list(machine.tasks.values())
        self._told = 0  # arrival of the last task that was told
        self._newest = self._tasks[-1].seq if self._tasks else 0
        self._tasks.reverse()
        self._images: dict[TaskRecord, Fact] = {}
        self._old_crews: dict[TaskRecord, Crew] = {}
        self._crews: dict[Crew, int] = {}
        self._shapes: dict[tuple[Any, ...], tuple[int, Shape]] = {}
        self._definitions: list[Fact] = []
        machine.facts = _Watched(machine.facts, self)

    def part(self, size: int) -> list[Fact]:
        """Return the next facts, of about ``size`` tasks; an empty list when all are told."""
        if self._head:
            facts, self._head = self._head[:size], self._head[size:]
            return facts
        if self._attempts:
            return [self._attempts.pop(0)]
        if self._tasks:
            chosen = self._tasks[: -size - 1 : -1]
            del self._tasks[-size:]
            images, image = self._images, self._image
            told = [images.pop(task) if task in images else image(task) for task in chosen]
            self._told = chosen[-1].seq
            facts, self._definitions = self._definitions, []
            facts += told
            return facts
        facts, self._tail = self._tail[:size], self._tail[size:]
        if not self._tail:
            self.give_up()
        return facts

    def give_up(self) -> None:
        """Leave the machine alone."""
        facts = self._machine.facts
        if isinstance(facts, _Watched):
            self._machine.facts = list(facts)
        self._tasks = []
        self._images.clear()
        self._old_crews.clear()

    # ---- changes meanwhile

    def before(self, fact: Fact) -> None:
        """Keep what ``fact`` is about to change."""
        kind = fact[0]
        if kind in _SUBJECTS:
            self._keep(fact[1])
        elif kind in _GROUPS:
            for task_id in fact[_GROUPS[kind]]:
                self._keep(task_id)
        elif kind in _LEAVING:
            self._keep_crews(fact[1])

    def _keep(self, task_id: str) -> None:
        task = self._machine.tasks.get(task_id)
        if task is not None and self._told < task.seq <= self._newest and task not in self._images:
            self._images[task] = self._image(task)

    def _keep_crews(self, worker_id: str) -> None:
        old, told, newest = self._old_crews, self._told, self._newest
        for crew in self._machine.index.crews.values():
            if worker_id in crew.workers or worker_id in crew.stakeholders:
                for task in crew.tasks.values():
                    if told < task.seq <= newest:
                        old.setdefault(task, crew)

    # ---- tasks

    def _image(self, task: TaskRecord) -> Fact:
        crew = self._old_crews.get(task, task.crew) if self._old_crews else task.crew
        number = self._crews.get(crew)
        if number is None:
            number = self._define_crew(crew)
        key = (
            task.family,
            task.module,
            id(task.visibilities),
            task.hidden_params,
            task.policy,
            task.needs,
            task.accepts_messages,
            task.batchable,
        )
        shape = self._shapes.get(key) or self._define_shape(key, task)
        rest = _rest(task)
        if task.more is not NOTHING_MORE:
            rest.update(_more(task.more))
        return (
            "task_known",
            task.id,
            task.seq,
            task.status,
            task.time,
            task.updated,
            task.priority,
            number,
            shape[0],
            task.params or None,
            task.deps or None,
            rest or None,
        )

    def _define_crew(self, crew: Crew) -> int:
        number = self._crews[crew] = len(self._crews)
        stakeholders = sorted(crew.stakeholders)
        self._definitions.append(("crew_known", number, crew.workers, crew.runnable, stakeholders))
        return number

    def _define_shape(self, key: tuple[Any, ...], task: TaskRecord) -> tuple[int, Shape]:
        shape = Shape(
            task.family,
            task.module,
            task.visibilities,
            task.hidden_params,
            task.policy,
            task.needs,
            task.accepts_messages,
            task.batchable,
        )
        found = self._shapes[key] = (len(self._shapes), shape)
        visible, amounts = dict(shape.visibilities.by_name), dict(shape.needs.amounts)
        described = (shape.family, shape.module, visible, shape.hidden, shape.policy, amounts)
        self._definitions.append(
            ("shape_known", found[0], *described, shape.accepts_messages, shape.batchable)
        )
        return found


class _Watched(list[Fact]):
    """A machine's facts while a snapshot is being made."""

    def __init__(self, facts: list[Fact], snapshot: Snapshot) -> None:
        super().__init__(facts)
        self._snapshot = snapshot

    def append(self, fact: Fact) -> None:
        self._snapshot.before(fact)
        super().append(fact)


def _rest(task: TaskRecord) -> dict[str, Any]:
    if (
        task.expl is None
        and task.worker_running is None
        and task.time_running is None
        and task.held is None
        and task.batch_id is None
        and task.retry is None
        and task.remove is None
        and not task.lease
    ):
        return {}
    rest = {name: getattr(task, name) for name in TOLD_OF_TASKS}
    if not task.lease:
        del rest["lease"]
    return {name: value for name, value in rest.items() if value is not None}


def _more(more: More) -> Iterator[tuple[str, Any]]:
    for name in More.__slots__:
        value = getattr(more, name)
        if value != getattr(_NOTHING_TOLD, name):
            yield name, value


def _head(machine: Machine) -> Iterator[Fact]:
    for name, amount in machine.limits_told.items():
        yield "limit_set", name, amount
    if machine.paused:
        yield "paused", True
    for worker in machine.workers.values():
        yield "worker_added", worker.id, worker.started
        if worker.info:
            yield "worker_info", worker.id, dict(worker.info)
        if worker.disabled:
            yield "worker_disabled", worker.id
        for message in worker.messages:
            yield "message_queued", worker.id, message
    for worker_id, families in machine.batchers.items():
        for family, (batched_args, size) in families.items():
            yield "batcher_set", worker_id, family, batched_args, size


def _attempts(machine: Machine) -> Iterator[Fact]:
    ended, minutes = machine.attempts.kept()
    for start in range(0, max(1, len(ended)), _ATTEMPTS_AT_ONCE):
        yield "attempts", ended[start : start + _ATTEMPTS_AT_ONCE], minutes


def _tail(machine: Machine) -> Iterator[Fact]:
    for batch in machine.batches.values():
        holder = None if batch.holder is None else batch.holder.id
        yield "batch_known", batch.id, batch.worker, tuple(batch.members), tuple(batch.heads), holder
    for lease, members in machine.lapsed.items():
        yield "batch_lapsed", lease, members
    for absent, (vanished, runs) in machine.absent.items():
        yield "runs_lapsed", absent, vanished, dict(runs)
    for client, number, worker_id, answer in machine.answers.all():
        yield "answered", client, number, worker_id, *answer
    yield "lease_reached", machine.last_lease
    yield "snapshot_ended", machine._arrivals
