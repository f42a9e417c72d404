"""The numbers that stand on every page: how many tasks are in which state, slots, the last hour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.shown import GROUPS
from luigi_clone.task_status import RUNNING

_ODD = 100_000


def glance(machine: Machine, states: Mapping[str, int], now: float) -> dict[str, Any]:
    """Return the numbers; ``states`` is state → number of tasks."""
    return {
        "states": dict(states),
        "groups": {group: sum(states[state] for state in of_group) for group, of_group in GROUPS.items()},
        "total": len(machine.tasks),
        "paused": machine.paused,
        "slots": slots(machine),
        "rate": rate(machine, now),
        "fullest": fullest(machine),
    }


def slots(machine: Machine) -> dict[str, int]:
    """Return how many tasks may run at once on the workers that take work, and how many run."""
    total = 0
    for worker in machine.workers.values():
        told = worker.info.get("workers", 1)
        if not worker.disabled and isinstance(told, int) and 0 <= told < _ODD:
            total += told
    return {"busy": len(machine.by_status[RUNNING]), "total": total}


def rate(machine: Machine, now: float) -> dict[str, int]:
    """Return how many runs ended well and badly in the last hour."""
    done = failed = 0
    for minute in machine.attempts.minutes(now):
        done += minute.done
        failed += minute.failed
    return {"done": done, "failed": failed}


def fullest(machine: Machine) -> dict[str, Any] | None:
    """Return the resource of which the greatest part is used; None if none is used."""
    found, most = None, 0.0
    used = machine.used_resources()
    for name, total in machine.index.limits.items():
        amount = used.get(name, 0)
        share = amount / total if total > 0 else 0.0
        if share > most:
            found, most = {"name": name, "used": amount, "total": total}, share
    return found
