"""The tails of what tasks write: in memory, bounded, lost with the process."""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from typing import Any, NamedTuple

from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._wire.methods import rpc_method
from luigi_clone.task_status import BATCH_RUNNING, RUNNING

_WHOLE_CHUNK = 4096
_OVERHEAD = 128
"""What a chunk or an attempt costs beside its text, counted as so many characters."""


class _Chunk(NamedTuple):
    offset: int
    text: str

    @property
    def end(self) -> int:
        return self.offset + len(self.text)


class AttemptTail:
    """What is kept of one attempt; ``number`` counts the attempts at the task that have sent anything."""

    __slots__ = ("chunks", "key", "number", "size")

    def __init__(self, number: int, key: tuple[str, int]) -> None:
        self.number = number
        self.key = key
        self.chunks: deque[_Chunk] = deque()
        self.size = _OVERHEAD

    @property
    def end(self) -> int:
        """The offset at which the next piece is expected."""
        return self.chunks[-1].end if self.chunks else 0

    def append(self, offset: int, text: str, limit: int) -> None:
        """Add a piece; what is there already is left out, what is missing before it stays missing."""
        known = self.end - offset
        if known > 0 and self.chunks:
            offset, text = offset + known, text[known:]
        if len(text) > limit:
            offset, text = offset + len(text) - limit, text[-limit:]
        if not text:
            return
        last = self.chunks[-1] if self.chunks else None
        if last is not None and last.end == offset and len(last.text) + len(text) <= min(_WHOLE_CHUNK, limit):
            self.chunks[-1] = _Chunk(last.offset, last.text + text)
            self.size += len(text)
        else:
            self.chunks.append(_Chunk(offset, text))
            self.size += len(text) + _OVERHEAD

    def drop_oldest(self) -> int:
        """Forget the oldest chunk; return what that frees."""
        freed = len(self.chunks.popleft().text) + _OVERHEAD
        self.size -= freed
        return freed

    def read(self, offset: int, limit: int) -> tuple[int, str]:
        """Return up to ``limit`` characters in a row, from ``offset`` or the first kept place after it."""
        start, parts, left = None, [], limit
        for chunk in self.chunks:
            if chunk.end <= offset:
                continue
            begin = max(offset, chunk.offset)
            if start is None:
                start = begin
            elif begin != offset:
                break  # something is missing here
            part = chunk.text[begin - chunk.offset :][:left]
            parts.append(part)
            left -= len(part)
            offset = begin + len(part)
            if not left:
                break
        return (self.end if start is None else start), "".join(parts)


class _TaskTail:
    """The attempts at one task, oldest first."""

    __slots__ = ("_numbers", "attempts", "size")

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.attempts: deque[AttemptTail] = deque()
        self.size = 0

    def attempt(self, key: tuple[str, int]) -> AttemptTail:
        """Return the attempt with this key, a new one if there is none."""
        for each in reversed(self.attempts):
            if each.key == key:
                return each
        made = AttemptTail(next(self._numbers), key)
        self.attempts.append(made)
        self.size += made.size
        return made

    def shorten(self, limit: int) -> None:
        """Forget the oldest until what is left is within ``limit``."""
        while self.size > limit and self.attempts:
            oldest = self.attempts[0]
            if oldest.chunks and (len(oldest.chunks) > 1 or len(self.attempts) > 1):
                self.size -= oldest.drop_oldest()
            elif len(self.attempts) > 1:
                self.size -= oldest.size
                self.attempts.popleft()
            else:
                return


class TailStore:
    """The tails of all tasks; those of the task that was silent for longest go first."""

    def __init__(self, of_task: int, of_all: int) -> None:
        self._of_task = of_task
        self._of_all = of_all
        self._tasks: OrderedDict[str, _TaskTail] = OrderedDict()
        self.size = 0

    def append(self, task_id: str, key: tuple[str, int], offset: int, text: str) -> None:
        """Add a piece of an attempt's text."""
        if self._of_task <= 0 or self._of_all <= 0:
            return
        task = self._tasks.get(task_id)
        if task is None:
            task = self._tasks[task_id] = _TaskTail()
        else:
            self._tasks.move_to_end(task_id)
        before = task.size
        attempt = task.attempt(key)
        grown = attempt.size
        attempt.append(offset, text, self._of_task)
        task.size += attempt.size - grown
        task.shorten(self._of_task)
        self.size += task.size - before
        while self.size > self._of_all and len(self._tasks) > 1:
            _, gone = self._tasks.popitem(last=False)
            self.size -= gone.size

    def attempts(self, task_id: str) -> list[AttemptTail]:
        """Return the attempts at a task of which something is kept, oldest first."""
        task = self._tasks.get(task_id)
        return [] if task is None else list(task.attempts)


class LogCalls(SchedulerParts):
    """The calls about what tasks write."""

    _tails: TailStore

    @rpc_method()
    def append_task_log(self, task_id: str, attempt: int, offset: int, text: str, worker: str) -> None:
        """Keep a piece of what a task writes.

        ``attempt`` tells the attempts of ``worker`` apart, ``offset`` is the number of characters before the
        piece. A piece may come twice, and pieces may be left out. The oldest text goes where there is more
        than ``task_log_size`` of a task or ``task_logs_size`` of all.
        """
        self._tails.append(task_id, (worker, attempt), offset, text)

    @rpc_method()
    def task_log(
        self, task_id: str, attempt: int | None = None, offset: int = 0, limit: int = 65_536
    ) -> dict[str, Any]:
        """Return what is kept of an attempt's text from ``offset`` on, at most ``limit`` characters.

        ``attempt`` is its number, counted from 1; the latest if there is none given. In the answer,
        ``offset`` is where ``text`` begins: later than asked for, and ``truncated``, where something is not
        kept; ask for what follows with ``next_offset``. ``running`` tells whether the task runs on the worker
        of the attempt and this is its latest, ``ended`` the opposite; ``attempts`` are all of which something
        is kept.
        """
        known = self._tails.attempts(task_id)
        chosen = known[-1] if known else None
        if attempt is not None:
            chosen = next((each for each in known if each.number == attempt), None)
        start, text = (offset, "") if chosen is None else chosen.read(offset, limit)
        record = self._machine.tasks.get(task_id)
        runner = None
        if record is not None and record.status in (RUNNING, BATCH_RUNNING):
            runner = record.worker_running
        is_latest = chosen is None or chosen is known[-1]
        running = runner is not None and is_latest and (chosen is None or chosen.key[0] == runner)
        return {
            "task_id": task_id,
            "attempt": attempt if chosen is None else chosen.number,
            "attempts": [{"attempt": each.number, "worker": each.key[0]} for each in known],
            "worker": None if chosen is None else chosen.key[0],
            "running": running,
            "ended": not running,
            "text": text,
            "offset": start,
            "next_offset": start + len(text),
            "truncated": start > offset,
        }
