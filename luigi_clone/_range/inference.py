"""Which of the tasks of a range are complete, as told from the files there are.

How a task writes its date into the paths of its outputs is found out from the paths of tasks at sample dates.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from luigi_clone._range import globs
from luigi_clone._range.listing import which_exist
from luigi_clone.target import FileSystemTarget
from luigi_clone.task import Task, WrapperTask, flatten

# No digits of the one are those of another part of the same date, nor are they common in paths.
_SAMPLE_YEARS = range(2000, 2041, 10)
_SAMPLE_MONTHS = range(1, 4)
_SAMPLE_DAYS = range(5, 8)
_SAMPLE_HOURS = range(21, 24)


def infer_bulk_complete_from_fs(
    datetimes: Iterable[datetime],
    datetime_to_task: Callable[[datetime], Any],
    datetime_to_re: Callable[[datetime], str],
) -> list[datetime]:
    """Return those of the points in time whose tasks are not complete, by what is in the file systems.

    ``datetime_to_re`` returns a regular expression with a group for each part of the date that paths show.
    A task is complete if all its outputs exist; a ``complete`` of its own is not asked.  A task without
    outputs is asked if it has a ``complete`` of its own or requires nothing; otherwise it is as complete as
    the tasks that it requires.

    ``NotImplementedError`` when outputs are no ``FileSystemTarget``, when their number changes over time, or
    when a path does not show its date.
    """
    points = list(datetimes)
    if not points:
        return []
    tasks = [datetime_to_task(point) for point in points]
    locations = list(filesystems_and_globs(datetime_to_task, datetime_to_re))
    evidence = [_Evidence(task) for task in tasks]
    for place, (filesystem, glob) in enumerate(locations):
        having = [each for each in evidence if len(each.outputs) > place]
        exist = which_exist(filesystem, glob, [each.outputs[place] for each in having])
        for each, there in zip(having, exist, strict=True):
            each.is_whole = each.is_whole and there
    return [
        point
        for point, each in zip(points, evidence, strict=True)
        if not each.is_complete(known=len(locations))
    ]


def filesystems_and_globs(
    datetime_to_task: Callable[[datetime], Any], datetime_to_re: Callable[[datetime], str]
) -> Iterator[tuple[Any, str]]:
    """Yield for each output of the tasks its file system and the glob of the directories it lies in.

    ``NotImplementedError`` as for :func:`infer_bulk_complete_from_fs`.
    """
    samples = [
        datetime(*parts)
        for parts in itertools.product(_SAMPLE_YEARS, _SAMPLE_MONTHS, _SAMPLE_DAYS, _SAMPLE_HOURS)
    ]
    regexes = [re.compile(datetime_to_re(sample)) for sample in samples]
    tasks = [datetime_to_task(sample) for sample in samples]
    outputs = [_Evidence(task).outputs for task in tasks]
    for task, own in zip(tasks, outputs, strict=True):
        if len(own) != len(outputs[0]):
            raise NotImplementedError(
                f"Outputs must be consistent over time, sorry; was {own!r} for {task!r} "
                f"and {outputs[0]!r} for {tasks[0]!r}"
            )
        for target in own:
            if not isinstance(target, FileSystemTarget):
                raise NotImplementedError(
                    f"Output targets must be instances of FileSystemTarget; was {target} for {task}"
                )
    for targets in zip(*outputs, strict=True):
        yield targets[0].fs, globs.per_location_glob(tasks, targets, regexes)


class _Evidence:
    """What shows whether a task is complete: outputs, and tasks that have none and must be asked.

    A wrapper has those of the tasks that it requires.
    """

    __slots__ = ("is_whole", "outputs", "witnesses")

    def __init__(self, task: Any) -> None:
        self.outputs: list[Any] = []
        self.witnesses: list[Any] = []
        self.is_whole = True
        """Whether those of the outputs exist that have been looked for."""

        pending = deque([task])
        seen = {task}
        while pending:
            current = pending.popleft()
            own = flatten(current.output())
            if own:
                self.outputs += own
                continue
            required = [] if _speaks_for_itself(current) else flatten(current.requires())
            if not required:
                self.witnesses.append(current)
            for each in required:
                if each not in seen:
                    seen.add(each)
                    pending.append(each)

    def is_complete(self, known: int) -> bool:
        """Tell whether everything is there, given that the first ``known`` outputs have been looked for."""
        return (
            self.is_whole
            and all(output.exists() for output in self.outputs[known:])
            and all(witness.complete() for witness in self.witnesses)
        )


def _speaks_for_itself(task: Any) -> bool:
    """Tell whether a task knows more about being complete than what the framework makes of its outputs."""
    own = getattr(type(task), "complete", None)
    return "complete" in vars(task) or own not in (Task.complete, WrapperTask.complete)
