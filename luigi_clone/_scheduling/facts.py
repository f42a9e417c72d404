"""The kinds of facts: what a journal stores of each change, and how the change is made again from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import intern
from typing import Any, NamedTuple

from luigi_clone._scheduling.indexed import Fact
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import NO_VISIBILITIES, RetryPolicy


class Kind(NamedTuple):
    """One kind of fact: the names of its fields, and how to apply them."""

    fields: tuple[str, ...]
    apply: Callable[..., Any]


def _task(name: str) -> Callable[..., None]:
    def apply(machine: Machine, task_id: str, *rest: Any) -> None:
        getattr(machine, name)(machine.tasks[task_id], *rest)

    return apply


def _worker(name: str) -> Callable[..., None]:
    def apply(machine: Machine, worker_id: str, *rest: Any) -> None:
        getattr(machine, name)(machine.workers[worker_id], *rest)

    return apply


def _plain(name: str) -> Callable[..., None]:
    def apply(machine: Machine, *fields: Any) -> None:
        getattr(machine, name)(*fields)

    return apply


def _add_record(
    machine: Machine,
    task_id: str,
    now: float,
    priority: float,
    policy: Any,
    worker_id: str | None,
    stakeholder: bool,
    runs: bool,
) -> None:
    worker = None if worker_id is None else machine.workers[worker_id]
    machine.add_record(
        task_id, now, priority, machine.shared_policy(RetryPolicy(*policy)), worker, stakeholder, runs
    )


def _admit(
    machine: Machine,
    task_id: str,
    now: float,
    status: str,
    priority: float,
    policy: Any,
    worker_id: str,
    stakeholder: bool,
    runs: bool,
    family: str,
    module: str | None,
    params: Any,
    visibilities: Any,
    hidden: Any,
    accepts_messages: bool | None,
    batchable: bool | None,
    deps: Any,
    amounts: Any,
    expl: str | None,
) -> None:
    machine.admit(
        machine.tasks.get(task_id),
        task_id,
        now,
        machine.status(status),
        priority,
        machine.known_policy(tuple(policy)),
        machine.workers[worker_id],
        stakeholder,
        runs,
        intern(family) if type(family) is str else family,
        intern(module) if type(module) is str else module,
        params,
        machine.visibilities(visibilities) if visibilities else NO_VISIBILITIES,
        tuple(hidden) if hidden else (),
        accepts_messages,
        batchable,
        tuple(deps) if deps else (),
        amounts,
        expl,
    )


def _describe(
    machine: Machine,
    task_id: str,
    family: str,
    module: str | None,
    params: Any,
    visibilities: Any,
    hidden: Any,
) -> None:
    task, shown = machine.tasks[task_id], machine.visibilities(visibilities)
    machine.describe(task, family, module, params, shown, tuple(hidden))


def _join(machine: Machine, task_id: str, worker_id: str, stakeholder: bool, runs: bool) -> None:
    machine.join(machine.tasks[task_id], machine.workers[worker_id], stakeholder, runs)


def _set_deps(machine: Machine, task_id: str, deps: Iterable[str]) -> None:
    machine.set_deps(machine.tasks[task_id], tuple(deps))


def _set_policy(machine: Machine, task_id: str, policy: Any) -> None:
    machine.set_policy(machine.tasks[task_id], machine.shared_policy(RetryPolicy(*policy)))


def _set_status(machine: Machine, task_id: str, status: str, now: float) -> None:
    machine.set_status(machine.tasks[task_id], machine.status(status), now)


def _set_failures(machine: Machine, task_id: str, failures: Iterable[float], *rest: Any) -> None:
    machine.set_failures(machine.tasks[task_id], tuple(failures), *rest)


def _start_batch(
    machine: Machine, batch_id: str, worker_id: str, members: Iterable[str], lease: int, now: float
) -> None:
    tasks = tuple(machine.tasks[task_id] for task_id in members)
    machine.start_batch(batch_id, machine.workers[worker_id], tasks, lease, now)


def _lapse_batch(machine: Machine, lease: int, members: Iterable[str]) -> None:
    machine.lapse_batch(lease, tuple(members))


def _set_batcher(
    machine: Machine, worker_id: str, family: str, batched_args: Iterable[str] | None, size: float
) -> None:
    machine.set_batcher(worker_id, family, None if batched_args is None else tuple(batched_args), size)


FACTS: dict[str, Kind] = {
    "task_added": Kind(
        ("task", "now", "priority", "policy", "worker", "stakeholder", "runs"),
        _add_record,
    ),
    "task_admitted": Kind(
        (
            *(
                "task",
                "now",
                "status",
                "priority",
                "policy",
                "worker",
                "stakeholder",
                "runs",
                "family",
                "module",
            ),
            *("params", "visibilities", "hidden", "accepts_messages", "batchable", "deps", "amounts", "expl"),
        ),
        _admit,
    ),
    "task_described": Kind(("task", "family", "module", "params", "visibilities", "hidden"), _describe),
    "task_joined": Kind(("task", "worker", "stakeholder", "runs"), _join),
    "task_deps": Kind(("task", "deps"), _set_deps),
    "task_needs": Kind(("task", "amounts"), _task("set_needs")),
    "task_priority": Kind(("task", "priority"), _task("set_priority")),
    "task_policy": Kind(("task", "policy"), _set_policy),
    "task_expl": Kind(("task", "expl"), _task("set_expl")),
    "task_traits": Kind(("task", "accepts_messages", "batchable"), _task("set_traits")),
    "task_told": Kind(("task", "field", "value"), _task("tell")),
    "task_response": Kind(("task", "message_id", "response"), _task("set_response")),
    "task_status": Kind(("task", "status", "now"), _set_status),
    "task_failures": Kind(("task", "failures", "first", "disabled_at", "expires"), _set_failures),
    "task_retry": Kind(("task", "due"), _task("set_retry")),
    "task_remove": Kind(("task", "due"), _task("set_remove")),
    "task_granted": Kind(("task", "worker", "lease", "now"), _task("grant")),
    "task_lease": Kind(("task", "lease"), _task("set_lease")),
    "task_run": Kind(("task", "worker", "started", "held"), _task("set_run")),
    "task_held": Kind(("task", "held"), _task("set_held")),
    "task_batch": Kind(("task", "batch"), _task("set_batch")),
    "task_removed": Kind(("task",), _task("remove_record")),
    "batch_started": Kind(("batch", "worker", "members", "lease", "now"), _start_batch),
    "batch_lapsed": Kind(("lease", "members"), _lapse_batch),
    "runs_lapsed": Kind(("worker", "now", "runs"), _plain("lapse_runs")),
    "batcher_set": Kind(("worker", "family", "batched_args", "size"), _set_batcher),
    "worker_added": Kind(("worker", "now"), _plain("add_worker_record")),
    "worker_info": Kind(("worker", "info"), _worker("set_worker_info")),
    "worker_disabled": Kind(("worker",), _worker("set_worker_disabled")),
    "worker_dropped": Kind(("worker",), _worker("drop_worker")),
    "message_queued": Kind(("worker", "message"), _worker("queue_message")),
    "messages_taken": Kind(("worker",), _worker("take_messages")),
    "answered": Kind(
        ("client", "number", "worker", "response", "lease", "worker_is_new"), _plain("keep_answer")
    ),
    "attempts": Kind(("ended", "minutes"), _plain("set_attempts")),
    "lease_reached": Kind(("lease",), _plain("set_last_lease")),
    "paused": Kind(("paused",), _plain("set_paused")),
    "limit_set": Kind(("resource", "amount"), _plain("set_limit")),
    # of snapshots only
    "crew_known": Kind(("number", "workers", "runnable", "stakeholders"), _plain("restore_crew")),
    "shape_known": Kind(
        (
            *("number", "family", "module", "visibilities", "hidden", "policy", "amounts"),
            *("accepts_messages", "batchable"),
        ),
        _plain("restore_shape"),
    ),
    "task_known": Kind(
        (
            *("task", "seq", "status", "time", "updated", "priority", "crew", "shape", "params", "deps"),
            "rest",
        ),
        _plain("restore_task"),
    ),
    "batch_known": Kind(("batch", "worker", "members", "heads", "holder"), _plain("restore_batch")),
    "snapshot_ended": Kind(("arrivals",), _plain("end_snapshot")),
}
"""Kind → its fields and how to apply it. A fact is the tuple (kind, *fields)."""


def replay(machine: Machine, facts: Iterable[Fact]) -> None:
    """Bring ``machine``, which is new, to the state that the facts tell of.

    The facts may come from a store that knows no tuples. Nothing is recorded and nothing is decided anew.
    When workers were last seen is no fact: see :meth:`Machine.welcome_workers`.
    """
    recorded, machine.facts = machine.facts, None
    try:
        restore_task = machine.restore_task
        for fact in facts:
            # of a million facts most are of one of two kinds
            if fact[0] == "task_known":
                restore_task(*fact[1:])
            elif fact[0] == "task_admitted":
                _admit(machine, *fact[1:])
            else:
                FACTS[fact[0]].apply(machine, *fact[1:])
    finally:
        machine.facts = recorded
    machine.set_timers_anew()


def story(facts: Iterable[Fact], task_id: str) -> str:
    """Tell what happened to one task, one line a fact; for failing assertions and for the curious."""
    lines = []
    for kind, *fields in facts:
        named = dict(zip(FACTS[kind].fields, fields, strict=True))
        if named.get("task") == task_id or task_id in named.get("members", ()):
            rest = ", ".join(f"{name}={value!r}" for name, value in named.items() if name != "task")
            lines.append(f"{kind}: {rest}")
    return "\n".join(lines) or f"nothing is known of {task_id!r}"
