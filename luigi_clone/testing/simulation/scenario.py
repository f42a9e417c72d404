"""What a simulation is made of: the plan of tasks, the options, and the faults."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from luigi_clone.testing.simulation.clock import Chance

LIMITS = {"slots": 2, "mutex": 1}


class PlannedTask(NamedTuple):
    """One task: ``deps`` before it runs, ``asks`` for more while it runs."""

    deps: tuple[int, ...]
    asks: tuple[int, ...]
    needs: dict[str, int]
    priority: int
    seconds: float
    fails: float
    """How likely a run fails while there are faults."""
    merges: bool


class Plan(NamedTuple):
    """All tasks, by number; a task needs only those of lower numbers."""

    tasks: tuple[PlannedTask, ...]


class PlannedWorker(NamedTuple):
    """A worker that comes at ``start``."""

    start: float
    slots: int
    roots: tuple[int, ...]
    options: dict[str, Any]


class Fault(NamedTuple):
    """Something that goes wrong: at a time, or (``message``) to the message of that number."""

    at: float
    kind: str
    details: tuple[Any, ...] = ()


class Scenario(NamedTuple):
    """All that is decided beforehand; chance in its course comes from ``seed`` as well."""

    seed: int
    plan: Plan
    workers: tuple[PlannedWorker, ...]
    options: dict[str, Any]
    horizon: float
    """No fault comes later."""
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, seed: int) -> Scenario:
        """Return the scenario of a seed."""
        chance = Chance(seed)
        plan = _plan(chance.of("plan"))
        rng = chance.of("scenario")
        horizon = rng.choice((120.0, 240.0, 400.0))
        workers = tuple(_worker(rng, len(plan.tasks), horizon) for _ in range(rng.randint(2, 4)))
        options = {
            "worker_disconnect_delay": rng.choice((20.0, 30.0, 60.0)),
            "retry_delay": rng.choice((0.5, 5.0, 25.0)),
            "remove_delay": rng.choice((5.0, 40.0)),
            "retry_count": rng.choice((999999999, 999999999, 3)),
            "disable_persist": 30,
            "prune_on_get_work": rng.random() < 0.3,
            "stable_done_cooldown_secs": rng.choice((0, 10)),
        }
        faults = _faults(chance.of("faults"), horizon, len(workers))
        return cls(seed, plan, workers, options, horizon, faults)


def _plan(rng: Random) -> Plan:
    tasks: list[PlannedTask] = []
    merging = rng.random() < 0.4
    for number in range(rng.randint(3, 10)):
        lower = range(number)
        deps = tuple(sorted(rng.sample(lower, min(number, rng.choice((0, 0, 1, 1, 2))))))
        asks = tuple(sorted(rng.sample(lower, 1))) if number and rng.random() < 0.15 else ()
        needs: dict[str, int] = {}
        if rng.random() < 0.35:
            needs["slots"] = rng.choice((1, 1, 2))
        if rng.random() < 0.2:
            needs["mutex"] = 1
        merges = merging and not asks and rng.random() < 0.6
        fails = rng.choice((0.0, 0.1, 0.4))
        seconds = rng.choice((0.2, 3.0, 10.0, 45.0))
        tasks.append(PlannedTask(deps, asks, needs, rng.randint(0, 2), seconds, fails, merges))
    return Plan(tuple(tasks))


def _worker(rng: Random, tasks: int, horizon: float) -> PlannedWorker:
    roots = tuple(sorted(rng.sample(range(tasks), rng.randint(1, tasks))))
    options = {
        "keep_alive": rng.random() < 0.6,
        "ping_interval": rng.choice((1.0, 4.0)),
        "wait_interval": rng.choice((1.0, 3.0)),
    }
    return PlannedWorker(rng.choice((0.0, rng.uniform(0, horizon / 2))), rng.randint(1, 3), roots, options)


_TO_A_WORKER = ("kill", "stop", "cut")
_TO_A_MESSAGE = ("lost", "unanswered", "doubled", "late", "slow")
_ACCIDENTS = ("begun", "begun", "done", "done", "begun-error", "done-error")


def _faults(rng: Random, horizon: float, workers: int) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    for _ in range(rng.randint(0, 8)):
        at, kind = rng.uniform(0, horizon), rng.choice((*_TO_A_WORKER, "crash", "crash", "leap", "resize"))
        who, seconds = rng.randrange(workers), rng.choice((2.0, 12.0, 40.0, 90.0))
        if kind == "crash":
            faults.append(Fault(at, kind, (rng.choice(_ACCIDENTS), rng.choice((0.1, 5.0, 70.0)))))
        elif kind == "leap":
            faults.append(Fault(at, kind, (rng.choice((-86400.0, -50.0, 50.0, 3600.0)),)))
        elif kind == "resize":
            faults.append(Fault(at, kind, (who, rng.randint(1, 4))))
        else:
            faults.append(Fault(at, kind, (who, seconds)))
    numbers = sorted(rng.sample(range(300), rng.choice((0, 10, 50, 150))))
    faults.extend(
        Fault(number, "message", (rng.choice(_TO_A_MESSAGE), rng.uniform(0.1, 40.0))) for number in numbers
    )
    return tuple(sorted(faults, key=lambda fault: (fault.kind == "message", fault.at)))
