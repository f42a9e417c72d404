"""Registration of a task with very many dependencies, most of its work bit by bit and ahead of the call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from luigi_clone.task_status import DONE

if TYPE_CHECKING:
    from luigi_clone._scheduling.machine import Machine

MANY = 1_000
"""So many dependencies are worth it: with fewer the call takes as long as a bit of the work."""

_SLICE = 0.008
"""Seconds that a bit of the work takes; other calls wait for it."""
_AT_ONCE = 50


class Staking:
    """Makes the records of the tasks that a task waits for, a bit at a time.

    The call that follows finds them all, and has only to tie them to the task: a sixth of the work. Others
    see meanwhile that the worker wants these tasks, and that nothing else is known of them.
    """

    def __init__(
        self, machine: Machine, clock: Callable[[], float], worker: str, task_ids: list[str], priority: float
    ) -> None:
        self._machine = machine
        self._clock = clock
        self.worker = worker
        self._task_ids = task_ids
        self._priority = priority
        self._next = 0

    def work(self) -> bool:
        """Go on for a while; tell whether all is done."""
        until = time.perf_counter() + _SLICE
        now = self._clock()
        while self._next < len(self._task_ids):
            part = self._task_ids[self._next : self._next + _AT_ONCE]
            self._next += _AT_ONCE
            if not self._machine.stake_ahead(now, self.worker, part, self._priority):
                return True
            if time.perf_counter() >= until:
                break
        return self._next >= len(self._task_ids)


def has_many_deps(arguments: Mapping[str, Any]) -> bool:
    """Tell whether a call, whose arguments nobody has checked, names very many dependencies."""
    deps, new_deps = arguments.get("deps"), arguments.get("new_deps")
    count = len(deps) if type(deps) is list else 0
    return count >= MANY or (type(new_deps) is list and count + len(new_deps) >= MANY)


def staking_for(
    machine: Machine, clock: Callable[[], float], arguments: Mapping[str, Any], lease: int | None
) -> Staking | None:
    """Return what to do ahead of ``add_task`` with these arguments, which are checked; None for nothing.

    There is nothing to do for a call that will change nothing: a report that comes too late, or from an
    assistant, which has no stake.
    """
    worker, task_id = arguments.get("worker"), arguments.get("task_id")
    if arguments.get("assistant") or not isinstance(worker, str) or not isinstance(task_id, str):
        return None
    task = machine.tasks.get(task_id)
    if task is not None and (task.status is DONE or (lease is not None and lease != abs(task.lease))):
        return None
    task_ids = [*(arguments.get("deps") or ()), *(arguments.get("new_deps") or ())]
    return Staking(machine, clock, worker, task_ids, arguments.get("priority", 0))
