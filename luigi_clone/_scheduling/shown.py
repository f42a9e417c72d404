"""The states that pages show: Luigi's statuses, told apart by what a task waits for.

A state that a task has by itself comes from its status; one that it has from upstream comes from the task
that holds it up, its *cause* (see :mod:`luigi_clone._scheduling.survey`).
"""

from __future__ import annotations

from collections.abc import Mapping

from luigi_clone._scheduling.model import TaskRecord
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN

STATES = (
    *("failed", "upfailed", "missing", "disabled", "updisabled", "unknown"),
    *("running", "batch", "uprunning"),
    *("ready", "pending"),
    "done",
)
"""The states in the order in which pages show them."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "attention": STATES[:6],
    "moving": STATES[6:9],
    "waiting": STATES[9:11],
    "finished": STATES[11:],
}
"""Group → its states."""

RANK = {state: rank for rank, state in enumerate(STATES)}
"""State → its place in the order."""

LUIGI_STATUSES: Mapping[str, tuple[str, ...]] = {
    PENDING: ("upfailed", "missing", "updisabled", "uprunning", "ready", "pending"),
    RUNNING: ("running",),
    BATCH_RUNNING: ("batch",),
    DONE: ("done",),
    FAILED: ("failed", "missing"),
    DISABLED: ("disabled",),
    UNKNOWN: ("unknown",),
    "UPSTREAM_RUNNING": ("uprunning",),
    "UPSTREAM_MISSING_INPUT": ("missing",),
    "UPSTREAM_FAILED": ("upfailed",),
    "UPSTREAM_DISABLED": ("updisabled",),
}
"""Luigi's name of a status → the states that tasks of that status may be shown in."""

_BY_STATUS = {DONE: "done", RUNNING: "running", BATCH_RUNNING: "batch", DISABLED: "disabled"}

UPSTREAM = {
    "disabled": "updisabled",
    "failed": "upfailed",
    "missing": "missing",
    "running": "uprunning",
    "batch": "uprunning",
}
"""State of a cause → state of what waits for it; of other causes, it is just pending."""


def own_state(task: TaskRecord) -> str:
    """Return the state that a task has by itself; ``pending`` if it waits for others."""
    status = task.status
    if status is PENDING:
        if task.unmet:
            return "pending"
        return "ready" if task.crew.runnable else "missing"
    if status is FAILED:
        return "missing" if is_missing_input(task) else "failed"
    return _BY_STATUS.get(status, "unknown")


def is_missing_input(task: TaskRecord) -> bool:
    """Tell whether a FAILED task is an input from outside: it has not failed, it is not there."""
    expl = task.expl
    return isinstance(expl, str) and expl.startswith(_ABSENT, 0, 40)


_ABSENT = ('"Task is an external data', "Task is an external data")
"""How workers, stock ones too, begin to tell that an input is not there."""


def state_of(task: TaskRecord, cause: TaskRecord | None) -> str:
    """Return the state of a task that ``cause`` holds up, as far as is known.

    UPSTREAM_MISSING_INPUT is not taken over from Luigi, which says so of all that waits for a task that
    merely has not run yet: here an input is missing if no worker can make it.
    """
    if task.status is not PENDING or not task.unmet:
        return own_state(task)
    if task.severed:
        return "updisabled"
    return "pending" if cause is None else UPSTREAM.get(own_state(cause), "pending")


def label(task: TaskRecord) -> str:
    """Return a short name for sentences: the family and the values of the public parameters."""
    if not task.family:
        return task.id
    hidden = task.hidden_params
    values = [str(value) for name, value in task.params.items() if name not in hidden]
    text = " ".join([task.family, *values])
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


_LONGEST_LABEL = 120
