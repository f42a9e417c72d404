"""Machines for the tests, and what is compared of two of them."""

from __future__ import annotations

from luigi_clone._scheduling.facade import Settings, _Alone
from luigi_clone._scheduling.linear import LinearPicker, Rules
from luigi_clone._scheduling.machine import Machine
from luigi_clone.task_status import BATCH_RUNNING, PENDING, RUNNING


def settings(**options):
    found = _Alone()
    for name, value in options.items():
        assert name in Settings.__annotations__
        setattr(found, name, value)
    return found


def machine(limits=None, **options):
    made = Machine(settings(**options), {})
    made.update_resources(limits or {})
    made.facts = []
    return made


def lookers_choice(made, worker_id, assistant, now):
    """Return the ids that a look at every task would give to a worker."""

    def has_resources(needed, used):
        limits = made.index.limits
        return all(amount + used.get(name, 0) <= limits.get(name, 1) for name, amount in needed.items())

    rules = Rules(
        lambda task: (task.priority, -task.time),
        lambda task: task.status is PENDING and not task.unmet,
        has_resources,
    )
    picked = LinearPicker(made, rules).pick(made.workers[worker_id], assistant, now)
    return [task.id for task in picked]


def task_fields(task):
    more = task.more
    return {
        **{
            name: getattr(task, name)
            for name in (
                *("id", "seq", "status", "time", "updated", "priority", "policy", "family", "module", "deps"),
                *(
                    "unmet",
                    "severed",
                    "expl",
                    "worker_running",
                    "time_running",
                    "batch_id",
                    "batchable",
                    "lease",
                ),
                *("accepts_messages", "retry", "remove", "hidden_params"),
            )
        },
        "params": dict(task.params),
        "visibilities": dict(task.visibilities.by_name),
        "held": None if task.held is None else dict(task.held),
        "needs": dict(task.needs.amounts),
        "workers": task.crew.workers,
        "runnable": task.crew.runnable,
        "stakeholders": task.crew.stakeholders,
        "more": {name: getattr(more, name) for name in more.__slots__},
    }


def fields(made):
    """Return everything that a journal must bring back."""
    return {
        "tasks": {task_id: task_fields(task) for task_id, task in made.tasks.items()},
        "workers": {
            worker_id: (worker.started, worker.info, worker.disabled, worker.messages)
            for worker_id, worker in made.workers.items()
        },
        "batches": {
            batch_id: (
                batch.worker,
                list(batch.members),
                list(batch.heads),
                None if batch.holder is None else batch.holder.id,
            )
            for batch_id, batch in made.batches.items()
        },
        "batchers": made.batchers,
        "paused": made.paused,
        "limits": made.index.limits,
        "answers": list(made.answers.all()),
        "last_lease": made.last_lease,
        "attempts": made.attempts.kept(),
        "lapsed": made.lapsed,
        "absent": made.absent,
        "suspects": {
            task_id
            for task_id, task in made.suspects.items()
            if task.status in (RUNNING, BATCH_RUNNING) and not made.has_live_runner(task)
        },
        "stakeless": {
            task_id
            for task_id, task in made.stakeless.items()
            if task.remove is None
            and not task.crew.stakeholders
            and task.status is not RUNNING
            and made.tasks.get(task_id) is task
        },
    }
