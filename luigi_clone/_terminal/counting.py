"""How many of a worker's tasks are where, read off what the worker keeps anyway for its summary.

Nothing is added to the worker's own path: whoever wants to know reads on from where the last look ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from luigi_clone.task_status import DISABLED, DONE, FAILED, PENDING, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class CountedWorker(Protocol):
    """The attributes of a worker that are read."""

    _add_task_history: Sequence[tuple[Any, str | None, bool | None]]
    _running_tasks: Collection[str]
    _batch_running_tasks: Mapping[str, Collection[Any]]
    _assistant: bool
    _found: Collection[str]


class Counts(NamedTuple):
    """How many tasks are in each state; each task is in one."""

    complete: int = 0
    """Complete when they were first looked at."""
    done: int = 0
    """Run successfully, or made complete meanwhile."""
    failed: int = 0
    """Their last run failed."""
    running: int = 0
    pending: int = 0
    missing: int = 0
    """External data that is not there."""
    refused: int = 0
    """Could not be scheduled: ``complete()`` or ``requires()`` raised."""
    disabled: int = 0

    @property
    def over(self) -> int:
        """Those whose turn is over, for now."""
        return self.done + self.failed

    @property
    def to_run(self) -> int:
        """Those that run in this run, now, before or later."""
        return self.over + self.running + self.pending


_FIELD_OF_STATUS = {FAILED: "failed", UNKNOWN: "refused", DISABLED: "disabled"}


class Tally:
    """Keeps count of one worker's tasks; a look costs in proportion to what has happened since the last."""

    def __init__(self, worker: CountedWorker) -> None:
        self._worker = worker
        self._forget()

    def _forget(self) -> None:
        self._position = 0
        self._last: object = None
        self._states: dict[str, str] = {}
        self._numbers = dict.fromkeys(Counts._fields, 0)
        # what _state says, kept: a run has few kinds of entries and many of each
        self._steps: dict[tuple[str | None, str | None, bool | None], str | None] = {}

    def found(self) -> int:
        """Return how many tasks are known so far, including those that have not been asked yet."""
        return max(len(self._states), len(self._worker._found))

    def counts(self) -> Counts:
        """Return the counts as they are now; may be called from another thread than the worker's."""
        history = self._worker._add_task_history
        if self._position and (
            len(history) < self._position or history[self._position - 1] is not self._last
        ):
            self._forget()  # entries were taken back, as those of tasks that turn out to require each other
        self._read(history[self._position :])
        return self._with_running()

    def _read(self, entries: Sequence[tuple[Any, str | None, bool | None]]) -> None:
        states, steps, numbers = self._states, self._steps, self._numbers
        for task, status, runnable in entries:
            task_id = task.task_id
            before = states.get(task_id)
            step = (before, status, runnable)
            try:
                now = steps[step]
            except KeyError:
                now = steps[step] = self._state(*step)
            if now is None or now == before:
                continue
            if before is not None:
                numbers[before] -= 1
            states[task_id] = now
            numbers[now] += 1
        if entries:
            self._last = entries[-1]
            self._position += len(entries)

    def _state(self, before: str | None, status: str | None, runnable: bool | None) -> str | None:
        """Return the state of a task after an entry, ``None`` where the entry says nothing about it."""
        # A registration says whether the task is runnable, the report of a run does not.
        is_report = runnable is None
        if before is None and is_report and not self._worker._assistant:
            return None  # the task that stands for a batch: its members are counted
        if status == PENDING:
            return "missing" if runnable is False else "pending"
        if status == DONE:
            found_complete = not is_report and before in (None, "complete", "missing")
            return "complete" if found_complete else "done"
        return _FIELD_OF_STATUS.get(status or "")

    def _with_running(self) -> Counts:
        numbers = dict(self._numbers)
        batches = self._worker._batch_running_tasks
        for task_id in list(self._worker._running_tasks):
            members = batches.get(task_id)
            for running_id in [task_id] if members is None else [member.task_id for member in members]:
                state = self._states.get(running_id)
                if state in ("pending", "failed"):
                    numbers[state] -= 1
                    numbers["running"] += 1
                elif state is None:
                    numbers["running"] += 1  # another worker's task
        return Counts(**numbers)
