"""Workers as the summary sees them once they have finished."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import luigi
from luigi import execution_summary

P = [("PENDING", True)]  # registered, never run
EXTERNAL = [("PENDING", False)]
RAN = [("PENDING", True), ("DONE", None)]
COMPLETE = [("DONE", False)]
FAILED = [("PENDING", True), ("FAILED", None)]
RETRIED = [("PENDING", True), ("FAILED", None), ("PENDING", True), ("DONE", None)]
NOT_SCHEDULED = [("UNKNOWN", False)]
DISABLED = [("DISABLED", True)]
YIELDED = [("PENDING", True), ("PENDING", None), ("DONE", None)]


class FinishedWorker:
    """Has the attributes that a worker's summary is made from."""

    def __init__(self, *outcomes: tuple[Iterable[luigi.Task], list[tuple[str, Any]]]) -> None:
        self._id = "this worker"
        self._add_task_history = [
            (task, status, runnable)
            for tasks, statuses in outcomes
            for task in tasks
            for status, runnable in statuses
        ]
        self._scheduled_tasks = {task.task_id: task for task, _, _ in self._add_task_history}
        self._get_work_response_history: list[dict[str, Any]] = []

    def saw(self, *running: tuple[luigi.Task, str], task_id: str | None = None) -> FinishedWorker:
        """Note an answer to a request for work that lists tasks run by workers."""
        self._get_work_response_history.append(
            {
                "task_id": task_id,
                "running_tasks": [{"task_id": task.task_id, "worker": name} for task, name in running],
            }
        )
        return self


def body(worker: FinishedWorker) -> str:
    """Return the summary without its frame."""
    frame = "===== Luigi Execution Summary ====="
    text = execution_summary.summary(worker)
    assert text.startswith(f"\n{frame}\n\n")
    assert text.endswith(f"\n\n{frame}\n")
    return text[len(frame) + 3 : -len(frame) - 3]


def family_lines(*tasks: luigi.Task) -> list[str]:
    """Return the lines that list tasks which ran."""
    return [line[4:] for line in body(FinishedWorker((tasks, RAN))).split("\n") if line.startswith("    ")]
