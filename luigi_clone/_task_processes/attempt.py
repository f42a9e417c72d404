"""The span of one attempt at a task, in whatever process it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from luigi_clone._task_logs.desk import AttemptLog
    from luigi_clone._task_processes.process import TaskProcess


class _Plain:
    """Adds nothing. A class with slots, because after a fork each line of Python costs page faults."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_PLAIN = _Plain()


def attempting(process: TaskProcess) -> AbstractContextManager[None]:
    """Return what is put around each attempt, in the process that makes it.

    It is entered before the first line about the attempt is logged, and left after the last one and before
    the result is sent, also when the attempt fails. Forked children, children of the other start methods,
    processes of the pool and the worker's own process all come by here.
    """
    log: AttemptLog | None = getattr(process.status_reporter, "log", None)
    return _PLAIN if log is None else log.capturing()
