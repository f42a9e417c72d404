"""What must hold for every state of the machine, checked without the indexes that are being checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from luigi_clone._scheduling.assignment import rank_of
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import STATUSES, Rank, TaskRecord
from luigi_clone._scheduling.ready import Crew, Pool
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING

_NEVER = float("inf")


class ViolationError(AssertionError):
    """Something that must always hold does not."""


def validate(machine: Machine) -> None:
    """Check everything that must always hold. Raises ViolationError with all that does not."""
    found = [
        problem
        for check in (
            _statuses,
            _dependencies,
            _severed,
            _crews,
            _ready,
            _queues,
            _running,
            _counts,
            _resources,
            _batches,
            _timers,
            _agenda,
        )
        for problem in check(machine)
    ]
    if found:
        raise ViolationError("\n".join(found))


def _statuses(machine: Machine) -> Iterator[str]:
    for task_id, task in machine.tasks.items():
        if task.id != task_id:
            yield f"{task} is filed under {task_id}"
        if STATUSES.get(task.status) is not task.status:
            yield f"{task}: its status is not one of the shared texts"
        if machine.by_status[task.status].get(task_id) is not task:
            yield f"{task} is not among those of its status"
    if sum(map(len, machine.by_status.values())) != len(machine.tasks):
        yield "a task is filed under two statuses, or one that is gone is still filed"


def _dependencies(machine: Machine) -> Iterator[str]:
    expected: dict[str, set[str]] = {}
    for task in machine.tasks.values():
        unmet = 0
        for dep in task.deps:
            expected.setdefault(dep, set()).add(task.id)
            other = machine.tasks.get(dep)
            unmet += other is None or other.status is not DONE
        if task.unmet != unmet:
            yield f"{task}: {unmet} dependencies are not DONE, not {task.unmet}"
        if len(set(task.deps)) != len(task.deps):
            yield f"{task} has a dependency twice"
    known = set(expected) | set(machine.tasks)
    for task_id in known | set(machine._orphans):
        dependents = [task.id for task in machine.dependents_of(task_id)]
        if len(dependents) != len(set(dependents)) or set(dependents) != expected.get(task_id, set()):
            yield f"{task_id}: wrong dependents {dependents}, should be {expected.get(task_id)}"


def _severed(machine: Machine) -> Iterator[str]:
    """Check the marks: a task is severed if a path of PENDING tasks leads from it to a DISABLED one."""
    severed: set[str] = set()
    stack = [task.id for task in machine.tasks.values() if task.status is DISABLED]
    while stack:
        for dependent in machine.dependents_of(stack.pop()):
            if dependent.id not in severed:
                severed.add(dependent.id)
                if dependent.status is PENDING:
                    stack.append(dependent.id)
    for task in machine.tasks.values():
        if task.severed != (task.id in severed):
            yield f"{task}: severed is {task.severed}, should be {task.id in severed}"


def _crews(machine: Machine) -> Iterator[str]:
    crews = machine.index.crews
    for key, crew in crews.items():
        if key != (crew.workers, crew.runnable, crew.stakeholders):
            yield f"crew {key} is filed under another key"
        if not crew.tasks and crew is not machine.index.nobody:
            yield f"crew {key} has no tasks but is kept"
        if tuple(member.id for member in crew.members) != crew.workers:
            yield f"crew {key} has other members than workers"
        for member in crew.members:
            if machine.workers.get(member.id) is not member:
                yield f"crew {key} has a member that is gone"
        if not crew.stakeholders <= set(machine.workers):
            yield f"crew {key} has a stakeholder that is gone"
        if crew.workers and not crew.runnable:
            yield f"crew {key} can run its tasks but they are not runnable"
        for task_id, task in crew.tasks.items():
            if task.crew is not crew or machine.tasks.get(task_id) is not task:
                yield f"{task} is in a crew that is not its own"
    for task in machine.tasks.values():
        key = (task.crew.workers, task.crew.runnable, task.crew.stakeholders)
        if crews.get(key) is not task.crew or task.crew.tasks.get(task.id) is not task:
            yield f"{task}: its crew does not know it"


def _ready(machine: Machine) -> Iterator[str]:
    for task in machine.tasks.values():
        ready = task.status is PENDING and not task.unmet
        if ready != (task.rank is not None):
            yield f"{task}: ready is {ready} but its rank is {task.rank}"
        if task.rank is None:
            continue
        if task.rank != (-task.priority, task.time, task.seq, task):
            yield f"{task}: wrong rank {task.rank}"
        bucket = task.crew.buckets.get(task.needs) if task.needs.gates else task.crew.plain
        if bucket is None or sum(rank is task.rank for rank in bucket.heap) != 1:
            yield f"{task} is not in its bucket exactly once"
    for crew in machine.index.crews.values():
        for bucket in (crew.plain, *crew.buckets.values()):
            valid = [rank for rank in bucket.heap if rank[3].rank is rank]
            if len(valid) != bucket.size or any(rank[3].crew is not crew for rank in valid):
                yield f"a bucket of {crew.workers} holds {len(valid)} ready tasks, not {bucket.size}"
            if bucket is not crew.plain and not bucket.size:
                yield f"an empty bucket of {crew.workers} is kept"


def _best(ranks: Iterator[Rank]) -> Rank | None:
    return min(ranks, default=None)


def _valid(heap: list[Rank]) -> Iterator[Rank]:
    return (rank for rank in heap if rank[3].rank is rank)


def _is_bound(pool: Pool, child: Any, best: Rank | None) -> bool:
    """Whether ``pool`` would find out that ``child`` has a task of rank ``best``."""
    if best is None:
        return True
    bound = pool.live.get(child)
    if bound is None or bound > best:
        return False
    return any(rank is bound and node is child for rank, node in pool.heap)


def _queues(machine: Machine) -> Iterator[str]:
    index = machine.index
    for crew in index.crews.values():
        bests: list[Rank] = list(_valid(crew.plain.heap))
        open_bests = list(bests)
        for needs, bucket in crew.buckets.items():
            best = _best(_valid(bucket.heap))
            queue = bucket.queue
            if queue is None or crew.queues.get(queue.gate) is not queue or queue.gate not in needs.gates:
                yield f"a bucket of {crew.workers} stands in no queue of its gates"
                continue
            if not _is_bound(queue, bucket, best):
                yield f"a queue of {crew.workers} does not know how good its bucket is"
            if best is not None:
                bests.append(best)
                if needs.closed_gate() is None:
                    open_bests.append(best)
                    if queue.parked:
                        yield f"a bucket of {crew.workers} that could start is parked"
        for gate, queue in crew.queues.items():
            if gate.queues.get(crew) is not queue or not queue.live:
                yield f"a queue of {crew.workers} is kept for nothing"
            side, other = (crew.shut, crew.open) if queue.parked else (crew.open, crew.shut)
            if queue in other.live or not _is_bound(side, queue, queue.bound()):
                yield f"a queue of {crew.workers} is on the wrong side, or its bound is unknown"
        for pool in crew.pools:
            if not _is_bound(pool, crew, _best(iter(open_bests))):
                yield f"a pool does not know how good crew {crew.workers} is"
        expected = [member.pool for member in crew.members]
        if crew.runnable and index.assistants is not None:
            expected.append(index.assistants)
        if {id(pool) for pool in crew.pools} != {id(pool) for pool in expected} or len(expected) != len(
            crew.pools
        ):
            yield f"crew {crew.workers} is in the wrong pools"
        if crew.everyone is not index.everyone:
            yield f"crew {crew.workers} is not in the pool of everyone"
        if index.everyone is not None and not _is_bound(index.everyone, crew, _best(iter(bests))):
            yield f"the pool of everyone does not know how good crew {crew.workers} is"
    yield from _leftovers(machine)


def _leftovers(machine: Machine) -> Iterator[str]:
    crews: set[Crew] = set(machine.index.crews.values())
    pools = [worker.pool for worker in machine.workers.values()]
    pools += [pool for pool in (machine.index.assistants, machine.index.everyone) if pool is not None]
    for pool in pools:
        if not crews >= set(pool.live):
            yield "a pool knows a crew that is gone"
    for resource in machine.index.resources.values():
        for gate in resource.gates.values():
            if not crews >= set(gate.queues):
                yield f"a gate of {resource.name} knows a crew that is gone"


def _running(machine: Machine) -> Iterator[str]:
    expected: dict[str, set[str]] = {}
    told: dict[str, set[str]] = {}
    for task in machine.by_status[RUNNING].values():
        if task.worker_running is not None:
            expected.setdefault(task.worker_running, set()).add(task.id)
        for worker_id in task.crew.workers:
            told.setdefault(worker_id, set()).add(task.id)
    for worker_id, worker in machine.workers.items():
        if set(worker.runs) != expected.get(worker_id, set()):
            yield f"{worker} runs {set(worker.runs)}, should be {expected.get(worker_id)}"
        if [rank[3] for rank in worker.ranked] != sorted(worker.runs.values(), key=rank_of):
            yield f"the tasks that {worker} runs are out of order"
        if set(worker.running_tasks) != told.get(worker_id, set()):
            yield f"{worker} is told of {set(worker.running_tasks)}, should be {told.get(worker_id)}"
        for task_id, item in worker.running_tasks.items():
            runner = machine.workers.get(item["worker"])
            info = {} if runner is None else runner.info
            if item != {**info, "task_id": task_id, "worker": machine.tasks[task_id].worker_running}:
                yield f"{worker} is told {item}"


def _counts(machine: Machine) -> Iterator[str]:
    for worker in machine.workers.values():
        counted = [
            task
            for task in machine.tasks.values()
            if worker.id in task.crew.workers
            and (task.status is FAILED or (task.status is PENDING and not task.severed))
        ]
        needy = [
            task
            for task in machine.by_status[PENDING].values()
            if worker.id in task.crew.workers and task.needs.amounts
        ]
        expected = (
            len(counted),
            sum(len(task.crew.workers) == 1 for task in counted),
            sum(task.crew.workers[-1] == worker.id for task in counted),
            len(needy),
        )
        actual = (worker.pending, worker.pending_unique, worker.pending_last, worker.needy)
        if actual != expected:
            yield f"{worker} has counts {actual}, should be {expected}"
    for crew in machine.index.crews.values():
        pending = sum(task.status is PENDING for task in crew.tasks.values())
        if crew.pending != pending:
            yield f"crew {crew.workers} counts {crew.pending} PENDING tasks, should be {pending}"


def _holdings(machine: Machine) -> Iterator[tuple[TaskRecord, Any]]:
    for task in machine.by_status[RUNNING].values():
        yield task, task.needs.amounts if task.held is None else task.held
    for batch in machine.batches.values():
        if batch.holder is not None:
            yield batch.holder, batch.holder.held or {}


def _resources(machine: Machine) -> Iterator[str]:
    index = machine.index
    held: dict[str, dict[str, float]] = {}
    for task, amounts in _holdings(machine):
        for name, amount in amounts.items():
            held.setdefault(name, {})[task.id] = amount
    wanted: dict[str, set[int]] = {}
    uses: dict[int, int] = {}
    for task in machine.tasks.values():
        uses[id(task.needs)] = uses.get(id(task.needs), 0) + 1
        for name in task.needs.amounts if task.rank is not None else ():
            wanted.setdefault(name, set()).add(id(task.rank))
    for needs in index.all_needs():
        if needs is not index.no_needs and needs.uses != uses.get(id(needs), 0):
            yield f"needs {needs.amounts} are used {uses.get(id(needs), 0)} times, not {needs.uses}"
        if needs is not index.no_needs and not needs.uses:
            yield f"needs {needs.amounts} are kept for nothing"
    for name in held.keys() | wanted.keys():
        if name not in index.resources:
            yield f"resource {name} is missing"
    for name, resource in index.resources.items():
        holders = {task.id: amount for task, (amount, _) in resource.holders.items()}
        if [rank[3] for rank in resource.ranked] != sorted(resource.holders, key=rank_of):
            yield f"the holders of {name} are out of order"
        sums: dict[str | None, float] = {}
        for task, (amount, holder) in resource.holders.items():
            runner = task.worker_running if task.status is RUNNING else None
            if holder != runner:
                yield f"{task} holds {name} for {holder}, but is run by {runner}"
            sums[runner] = sums.get(runner, 0) + amount
        if {runner: amount for runner, amount in sums.items() if amount} != resource.held_by:
            yield f"resource {name} is held by runners {resource.held_by}, should be {sums}"
        if holders != held.get(name, {}):
            yield f"resource {name} is held by {holders}, should be {held.get(name)}"
        if resource.used != sum(holders.values()):
            yield f"resource {name}: {resource.used} used, should be {sum(holders.values())}"
        if resource.limit != index.limits.get(name, 1):
            yield f"resource {name} has a wrong limit"
        valid = [rank for rank in resource.users if rank[3].rank is rank]
        if {id(rank) for rank in valid} != wanted.get(name, set()) or len(valid) != resource.waiting:
            yield f"resource {name} does not know the ready tasks that need it"
        for amount, gate in resource.gates.items():
            if gate.open != (resource.used + amount <= resource.limit):
                yield f"the gate for {amount} of {name} is wrong"
            if not gate.uses:
                yield f"the gate for {amount} of {name} is kept for nothing"
        if not resource.gates and not resource.holders:
            yield f"resource {name} is kept for nothing"


def _batches(machine: Machine) -> Iterator[str]:
    members: dict[str, set[str]] = {}
    heads: dict[str, set[str]] = {}
    for task in machine.tasks.values():
        if task.batch_id is not None and task.status is BATCH_RUNNING:
            members.setdefault(task.batch_id, set()).add(task.id)
        if task.batch_id is not None and task.status is RUNNING:
            heads.setdefault(task.batch_id, set()).add(task.id)
    for batch_id, batch in machine.batches.items():
        if set(batch.members) != members.get(batch_id, set()):
            yield f"batch {batch_id} has members {set(batch.members)}, should be {members.get(batch_id)}"
        if set(batch.heads) != heads.get(batch_id, set()):
            yield f"batch {batch_id} has heads {set(batch.heads)}, should be {heads.get(batch_id)}"
        if not batch.members and not batch.heads:
            yield f"batch {batch_id} is kept for nothing"
        if batch.holder is not None and (batch.heads or batch.holder.id not in batch.members):
            yield f"batch {batch_id}: {batch.holder} holds resources for it"
        worker = machine.workers.get(batch.worker)
        if worker is not None and worker.batches.get(batch_id) is not batch:
            yield f"{worker} does not know its batch {batch_id}"
    for worker in machine.workers.values():
        for batch_id, batch in worker.batches.items():
            if machine.batches.get(batch_id) is not batch:
                yield f"{worker} has a batch that is gone"


def _timers(machine: Machine) -> Iterator[str]:
    due: dict[tuple[str, Any], float] = {}
    for timer in machine.timers.all():
        key = (timer.kind, timer.subject)
        due[key] = min(timer.due, due.get(key, timer.due))
    settings = machine.settings
    if machine.delays_in_use() != machine.current_delays():
        return  # the next prune sets them all anew
    for worker in machine.workers.values():
        if due.get(("worker", worker), _NEVER) > worker.last_active + settings.worker_disconnect_delay:
            yield f"{worker} would not be dropped in time"
    for task in machine.tasks.values():
        waits = task.status is FAILED and settings.retry_delay >= 0
        if waits and (task.retry is None or due.get(("retry", task), _NEVER) > task.retry):
            yield f"{task} would not be tried again in time"
        overdue = task.id in machine.stakeless
        if task.remove is not None and not overdue and due.get(("remove", task), _NEVER) > task.remove:
            yield f"{task} would not be dropped in time"
        since = task.more.scheduler_disable_time
        if task.status is not DISABLED or since is None:
            continue
        if due.get(("enable", task), _NEVER) > since + settings.disable_persist:
            yield f"{task} would not be enabled in time"


def _agenda(machine: Machine) -> Iterator[str]:
    """Check that whatever the next prune has to look at is on its list."""
    for task in machine.tasks.values():
        runs = task.status is RUNNING or task.status is BATCH_RUNNING
        if runs and not machine.has_live_runner(task) and task.id not in machine.suspects:
            yield f"{task} is run by nobody, and no prune would notice"
        unwanted = task.status is not RUNNING and not task.crew.stakeholders and task.remove is None
        if unwanted and task.id not in machine.stakeless:
            yield f"{task} is wanted by nobody, and no prune would notice"
