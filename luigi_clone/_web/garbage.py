"""Keeps the garbage collector from stopping the server.

A full collection looks at every object there is: at a million tasks it stops all calls for a second. What is
known of tasks holds no cycles and is freed without the collector, so it need not be looked at again.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luigi_clone.scheduler import Scheduler

LOOK_EVERY = 1_000
"""Milliseconds between two looks at how many tasks have come."""
_WORTH_IT = 10_000
"""So few tasks are looked at within milliseconds."""


class LongLived:
    """Sets what has been made so far aside, whenever a tenth of the tasks is new.

    Not oftener: a cycle that is set aside, such as an open connection, is never collected.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._machine = scheduler._machine
        self._seen = 0

    def look(self) -> None:
        """Set the tasks aside that have come, if they are many."""
        machine = self._machine
        if machine.arrivals - self._seen > max(_WORTH_IT, len(machine.tasks) // 10):
            self._seen = machine.arrivals
            gc.collect(1)
            gc.freeze()
