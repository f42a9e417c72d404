"""Bugs to be planted into the real code, each of which the simulation has to find."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from luigi_clone._scheduling.answers import Answers
from luigi_clone._scheduling.machine import Machine
from luigi_clone._web.turns import Turns
from luigi_clone._worker.returning import Returning


def _answer_before_commit(turns: Any) -> None:
    waiting, turns._waiting = turns._waiting, []
    for then in waiting:
        then(turns._loss)
    if turns._loss is None:
        turns._commit()


def _ping_unheard(machine: Any, now: float, worker: str) -> list[Any]:
    record = machine._worker(worker, now)
    return machine.take_messages(record) if record.messages else []


def _grant_without_a_fact(machine: Any, task: Any, worker: str, lease: int, now: float) -> None:
    facts, machine.facts = machine.facts, None
    _GRANT(machine, task, worker, lease, now)
    machine.facts = facts


_GRANT = Machine.grant

BUGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "answers are not remembered": lambda: mock.patch.object(Answers, "find", lambda *_: None),
    "answers are sent before the commit": lambda: mock.patch.object(Turns, "end_turn", _answer_before_commit),
    "a ping is no sign of life": lambda: mock.patch.object(Machine, "ping", _ping_unheard),
    "workers do not count as just seen after a start": lambda: mock.patch.object(
        Machine, "welcome_workers", lambda machine, _: machine.set_timers_anew()
    ),
    "grants are not stored": lambda: mock.patch.object(Machine, "grant", _grant_without_a_fact),
    "a worker that is back has lost what it ran": lambda: mock.patch.object(
        Machine, "_resume", lambda *_: None
    ),
    "a batch whose worker is back is not one any more": lambda: mock.patch.object(
        Machine, "resume_batch", lambda *_: None
    ),
    "reports count however late they come": lambda: mock.patch.object(
        Machine, "is_told", staticmethod(lambda *_: False)
    ),
    "a forgotten worker does not register again": lambda: mock.patch.object(
        Returning, "_register_again", lambda *_: None
    ),
}
