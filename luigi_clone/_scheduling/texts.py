"""The texts by which words find tasks, in blocks, so that most tasks are passed over many at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import NamedTuple

from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.query import Term

_BLOCK = 1_024
_END, _BETWEEN = "\n", "\x1f"


class _Block(NamedTuple):
    """Some tasks, and a line for each."""

    tasks: list[TaskRecord]
    text: str


class Texts:
    """Ids, families and parameters of all tasks in lower case: made when somebody looks for a word.

    What a task is, once it is told, stays; those of which it is not told yet are *unsettled*.
    """

    def __init__(self, machine: Machine, sees_hidden: bool) -> None:
        self._machine = machine
        self._sees_hidden = sees_hidden
        self._blocks: list[_Block] = []
        self._unsettled: dict[TaskRecord, None] = {}
        self._last = 0  # the arrival of the last task in a block
        self._size = 0

    def settled(self, needles: Sequence[str]) -> Generator[None, None, list[TaskRecord]]:
        """Return the settled tasks that have all ``needles`` in fields of theirs, the latest first."""
        yield from self._catch_up()
        found: list[TaskRecord] = []
        for block in list(self._blocks):
            if all(needle in block.text for needle in needles):
                lines = zip(block.tasks, block.text.split(_END), strict=True)
                if len(needles) == 1:
                    needle = needles[0]
                    found += [task for task, line in lines if needle in line]
                else:
                    found += [task for task, line in lines if all(one in line for one in needles)]
            yield
        found.reverse()
        if self._unsettled:
            found = [task for task in found if task not in self._unsettled]
        return found

    def unsettled(self) -> list[TaskRecord]:
        """Return the tasks that have to be looked at themselves."""
        return list(self._unsettled)

    def _catch_up(self) -> Generator[None, None, None]:
        tasks = self._machine.tasks
        if self._size > 2 * len(tasks) + _BLOCK:  # most of them are gone
            self._blocks, self._last, self._size = [], 0, 0
            self._unsettled.clear()
        new = self._new()
        if self._blocks and new and len(self._blocks[-1].tasks) < _BLOCK:
            rest = self._blocks.pop()
            self._size -= len(rest.tasks)
            new[:0] = rest.tasks
        for start in range(0, len(new), _BLOCK):
            some = new[start : start + _BLOCK]
            self._blocks.append(_Block(some, _END.join(map(self._line, some)).lower()))
            self._unsettled.update((task, None) for task in some if not (task.family and task.params))
            self._size += len(some)
            self._last = max(self._last, max(task.seq for task in some))
            yield

    def _new(self) -> list[TaskRecord]:
        tasks = self._machine.tasks
        if not self._last:
            return list(tasks.values())
        new: list[TaskRecord] = []
        for task in reversed(tasks.values()):
            if task.seq <= self._last:
                break
            new.append(task)
        new.reverse()
        return new

    def _line(self, task: TaskRecord) -> str:
        hidden = () if self._sees_hidden else task.hidden_params
        fields = [task.id, task.family]
        fields += [f"{name}={value}" for name, value in task.params.items() if name not in hidden]
        line = _BETWEEN.join(fields)
        return line.replace(_END, " ") if _END in line else line


def needles_of(terms: Iterable[Term]) -> tuple[list[str], list[Term]]:
    """Return texts that a field of each task has to have which fulfils ``terms``, and what is left to test.

    A free word is in a field, and that is all that it asks; other terms are left to be tested besides.
    """
    needles: list[str] = []
    left: list[Term] = []
    for term in terms:
        value = term.values[0]
        needle = max(value.parts or (value.text,), key=len)
        is_word = not term.key and not term.negated
        if is_word and needle and not (_END in needle or _BETWEEN in needle):
            needles.append(needle)
            if value.parts is None:
                continue
        left.append(term)
    return needles, left
