"""The rows of the tasks on view, made once for all pages that show them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from luigi_clone._scheduling.shown import own_state
from luigi_clone._web.answers import encoded

if TYPE_CHECKING:
    from luigi_clone._scheduling.model import TaskRecord
    from luigi_clone._scheduling.rows import RowMaker


class ShownRow:
    """A row as JSON. Another one stands for it when there is something new to show."""

    __slots__ = ("body", "essence", "mark")

    def __init__(self, body: bytes, essence: bytes, mark: Any) -> None:
        self.body = body
        self.essence = essence
        """What is compared: without the seconds for which a task has run, which pages count themselves."""
        self.mark = mark


class ShownRows:
    """Keeps the rows of all tasks on view, for those who see the same parameters."""

    def __init__(self) -> None:
        self._rows: dict[str, ShownRow] = {}

    def row(self, maker: RowMaker, task_id: str, may_differ: bool) -> ShownRow | None:
        """Return the row of a task, None for one that was never there.

        It is made anew if the task ``may_differ``, or if what holds it up is not what it was.
        """
        known = self._rows.get(task_id)
        task = maker.machine.tasks.get(task_id)
        mark = None if task is None else _mark(maker, task)
        if known is not None and not may_differ and known.mark == mark:
            return known
        if task is None:
            if known is None:
                return None
            made = maker.unknown_row(task_id)
        else:
            made = maker.row(task)
        body = encoded(made)
        essence = body if made["took"] is None else encoded({**made, "took": None})
        if known is not None and known.essence == essence:
            known.body, known.mark = body, mark
            return known
        fresh = self._rows[task_id] = ShownRow(body, essence, mark)
        return fresh

    def keep_only(self, ids: Collection[str]) -> None:
        """Forget the rows of other tasks."""
        for task_id in [one for one in self._rows if one not in ids]:
            del self._rows[task_id]


def _mark(maker: RowMaker, task: TaskRecord) -> Any:
    cause = maker.survey.causes.get(task) if task.unmet else None
    if cause is None:
        return task.status, task.unmet, task.severed
    return task.status, task.unmet, task.severed, cause.id, own_state(cause)
