"""What needs somebody, and what goes on: the first page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from statistics import median
from typing import Any

from luigi_clone._scheduling.durations import Durations
from luigi_clone._scheduling.explain import last_line
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord, WorkerRecord
from luigi_clone._scheduling.rows import RowMaker
from luigi_clone._scheduling.shown import GROUPS, STATES
from luigi_clone._scheduling.survey import Survey, Trouble

_MANY_TROUBLES = 50
_MANY_FAMILIES = 200
_MANY_WORKERS = 100
_MOST_RANKED = 2_000
_MANY_RUNS = 500
_MOVES = ("running", "batch", "uprunning", "ready", "pending")


def overview(maker: RowMaker, durations: Durations) -> dict[str, Any]:
    """Return counts by status and state, what needs attention, the last hour, workers and resources."""
    machine, survey, now = maker.machine, maker.survey, maker.now
    states = survey.counts(machine)
    rate = _rate(machine, now)
    workers = sorted(machine.workers.values(), key=lambda worker: worker.id)
    return {
        "tasks": {status: len(tasks) for status, tasks in machine.by_status.items()},
        "total": len(machine.tasks),
        "paused": machine.paused,
        "pause_enabled": machine.settings.pause_enabled,
        "now": now,
        "as_of": survey.as_of,
        "states": states,
        "groups": groups_of(states),
        "minutes": [{"at": minute.time, **minute._asdict()} for minute in machine.attempts.minutes(now)],
        "rate": rate,
        "estimate": _estimate(machine, states, now),
        "attention": _attention(maker),
        "families": _families(survey, durations),
        "families_total": len(survey.families),
        "slots": slots(machine),
        "workers": [_worker(machine, worker, now) for worker in workers[:_MANY_WORKERS]],
        "workers_total": len(workers),
        "resources": resources(machine),
    }


def groups_of(states: Mapping[str, int]) -> dict[str, int]:
    """Return group → number of tasks."""
    return {group: sum(states[state] for state in members) for group, members in GROUPS.items()}


def slots(machine: Machine) -> dict[str, int]:
    """Return how many tasks the workers can run at once, those that take work, and how many they run."""
    workers = machine.workers.values()
    return {
        "busy": sum(len(worker.runs) for worker in workers),
        "total": sum(_slots_of(worker) for worker in workers if not worker.disabled),
    }


def resources(machine: Machine) -> list[dict[str, Any]]:
    """Return the configured resources, the fullest first."""
    rows = []
    for name, total in machine.index.limits.items():
        known = machine.index.resources.get(name)
        used = 0 if known is None else known.used
        waiting = 0 if known is None else known.waiting
        rows.append({"name": name, "used": used, "total": total, "waiting": waiting})
    return sorted(rows, key=lambda row: (-_fullness(row), -row["used"], row["name"]))


def _fullness(row: Mapping[str, Any]) -> float:
    if row["total"]:
        return float(row["used"] / row["total"])
    return 1.0 if row["waiting"] else 0.0


# ---- the last hour


def _rate(machine: Machine, now: float) -> dict[str, Any]:
    minutes = list(machine.attempts.minutes(now, 120))
    return {
        "done": sum(minute.done for minute in minutes[60:]),
        "failed": sum(minute.failed for minute in minutes[60:]),
        "done_before": sum(minute.done for minute in minutes[:60]),
        "median_wait": _median_wait(machine, now),
    }


def _median_wait(machine: Machine, now: float) -> float | None:
    """Return how long the runs that ended last had been able to start before they did, as far as is known."""
    waits = []
    for attempt in islice(reversed(machine.attempts.ended), _MANY_RUNS):
        if attempt.end is None or attempt.end < now - 3600:
            break
        task = machine.tasks.get(attempt.task_id)
        if task is None or attempt.start is None or task.time_running != attempt.start:
            continue  # it was an attempt before the last one: it waited for its retry
        free_since = task.time
        for dep in task.deps[:_MANY_RUNS]:
            other = machine.tasks.get(dep)
            if other is not None:
                free_since = max(free_since, other.updated)
        if free_since <= attempt.start:
            waits.append(attempt.start - free_since)
    return median(waits) if waits else None


def _estimate(machine: Machine, states: Mapping[str, int], now: float) -> float | None:
    """Return when all that can move will be done, if it goes on as within the last hour."""
    left = sum(states[state] for state in _MOVES)
    begun = [minute for minute in machine.attempts.minutes(now) if minute.started or minute.done]
    done = sum(minute.done for minute in begun)
    if not left or not done or machine.paused:
        return None
    return now + left * max(60.0, now - begun[0].time) / done


# ---- what needs somebody


def _attention(maker: RowMaker) -> list[dict[str, Any]]:
    troubles = maker.survey.troubles.items()
    worst = sorted(troubles, key=lambda item: (-(item[1].holds_back or 0), -item[1].number, item[0]))
    return [_trouble(maker, *key, trouble) for key, trouble in worst[:_MANY_TROUBLES]]


def _trouble(maker: RowMaker, family: str, state: str, trouble: Trouble) -> dict[str, Any]:
    latest = trouble.latest[0]
    due, text = _next(maker, state, trouble.latest)
    return {
        "family": family,
        "state": state,
        "failed": trouble.number,
        "holds_back": trouble.holds_back,
        "cause": last_line(latest.expl) or maker.why(latest.id).text,
        "ids": [task.id for task in trouble.latest],
        "total_ids": trouble.number,
        "next": due,
        "next_text": text,
    }


def _next(maker: RowMaker, state: str, tasks: list[TaskRecord]) -> tuple[float | None, str]:
    due = min((time for time in map(maker.retry_at, tasks) if time is not None), default=None)
    if state == "disabled":
        return due, f"disabled until {maker.at(due)}" if due is not None else "disabled"
    if due is not None:
        return due, f"retry at {maker.at(due)}" if due > maker.now else "retry is due"
    return None, {"missing": "external", "unknown": "not described"}.get(state, "no retry by itself")


def _families(survey: Survey, durations: Durations) -> list[dict[str, Any]]:
    attention = GROUPS["attention"]

    def rank(item: tuple[str, Mapping[str, int]]) -> tuple[int, int, str]:
        counts = item[1]
        return -sum(counts[state] for state in attention), -sum(counts.values()), item[0]

    rows = []
    known = survey.families.items()
    if len(known) > _MOST_RANKED:  # those with trouble, and some others
        troubled = {family for family, _ in survey.troubles}
        chosen = islice([*troubled, *survey.families], _MOST_RANKED)
        known = {family: survey.families[family] for family in chosen}.items()
    for family, counts in sorted(known, key=rank)[:_MANY_FAMILIES]:
        usual = durations.usual(family)
        rows.append(
            {
                "family": family,
                "total": sum(counts.values()),
                "states": {state: counts[state] for state in STATES if counts[state]},
                "failed": counts["failed"],
                "disabled": counts["disabled"],
                "p50": usual["p50"],
                "p95": usual["p95"],
            }
        )
    return rows


# ---- workers

_HOST = re.compile(r"\bhost=([^,()\s]{1,200})")
_PID = re.compile(r"\bpid=(\d{1,20})")


def short_name(worker_id: str) -> str:
    """Return host and process of a worker with an id as workers make them; of another one, the id."""
    host, process = _HOST.search(worker_id), _PID.search(worker_id)
    if host is None:
        return worker_id
    return host[1] if process is None else f"{host[1]} {process[1]}"


def _slots_of(worker: WorkerRecord) -> int:
    told = worker.info.get("workers", 1)
    return told if isinstance(told, int) and told > 0 else 1


def _worker(machine: Machine, worker: WorkerRecord, now: float) -> dict[str, Any]:
    state = worker.state
    if not worker.disabled and now - worker.last_active > machine.settings.worker_disconnect_delay / 2:
        state = "silent"
    return {
        "id": worker.id,
        "name": short_name(worker.id),
        "slots": _slots_of(worker),
        "busy": len(worker.runs),
        "state": state,
        "last_seen": worker.last_active,
        "running": len(worker.runs),
    }
