"""Figures for the execution summary; run by bench_summary.py on either engine.  Prints one JSON object."""

from __future__ import annotations

import datetime
import json
import sys
import time

import luigi
from luigi import execution_summary

COUNT = int(sys.argv[1])
RAN = [("PENDING", True), ("DONE", None)]
LEFT = [("PENDING", True)]


class One(luigi.Task):
    n = luigi.IntParameter()


class Day(luigi.Task):
    day = luigi.DateParameter()
    region = luigi.Parameter(default="x")


class Three(luigi.Task):
    a = luigi.IntParameter()
    b = luigi.Parameter(default="x")
    c = luigi.FloatParameter(default=1.0)


class Finished:
    """A worker as the summary sees it."""

    def __init__(self, tasks: list[luigi.Task], statuses: list[tuple[str, bool | None]]) -> None:
        self._id = "worker"
        self._add_task_history = [(task, *status) for status in statuses for task in tasks]
        self._scheduled_tasks = {task.task_id: task for task in tasks}
        self._get_work_response_history: list[dict[str, object]] = []


def milliseconds(tasks: list[luigi.Task], statuses: list[tuple[str, bool | None]]) -> float:
    worker = Finished(tasks, statuses)
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        execution_summary.summary(worker)
        best = min(best, time.process_time() - start)
    return best * 1e3


first = datetime.date(1900, 1, 1)
print(
    json.dumps(
        {
            "one, a range": milliseconds([One(n=i) for i in range(COUNT)], RAN),
            "one, with gaps": milliseconds([One(n=2 * i) for i in range(COUNT)], RAN),
            "three, one varies": milliseconds([Three(a=i) for i in range(COUNT)], RAN),
            "three, two vary": milliseconds([Three(a=i, b=str(i)) for i in range(COUNT)], RAN),
            "dates": milliseconds([Day(first + datetime.timedelta(days=i)) for i in range(COUNT)], RAN),
            "left pending": milliseconds([One(n=i) for i in range(COUNT)], LEFT),
        }
    )
)
