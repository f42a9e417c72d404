"""A scheduler filled by calls alone: tasks in states that no run brings about in time for a test."""

from __future__ import annotations

import itertools
from typing import Any

from test.ui.conftest import Scheduler

WORKER = "by-hand"

CONFIG = """
[scheduler]
remove_delay = 86400
worker_disconnect_delay = 86400
retry_delay = 86400
disable_persist = 86400
send_messages = true
task_log_size = 20000000
record_task_history = true

[task_history]
db_connection = sqlite:///{history}
"""


class ByCalls(Scheduler):
    """Calls as a worker would make them."""

    _urgency = itertools.count(1000)

    def add(self, family: str, status: str = "PENDING", **more: Any) -> str:
        """Register a task, and return its id."""
        params = more.pop("params", {})
        task_id = more.pop("task_id", "_".join([family, *params.values()]))
        self.call(
            "add_task", worker=WORKER, task_id=task_id, family=family, status=status, params=params, **more
        )
        return str(task_id)

    def start(self, family: str, **more: Any) -> str:
        """Register a task, and have it given out as the next one."""
        task_id = self.add(family, priority=next(self._urgency), **more)
        assert self.call("get_work", worker=WORKER, host="here")["task_id"] == task_id
        return task_id

    def end(self, task_id: str, family: str, status: str = "DONE", **more: Any) -> None:
        """Tell how the run of a task ended."""
        self.add(family, status, task_id=task_id, **more)

    def write(self, task_id: str, text: str, offset: int = 0, attempt: int = 1) -> int:
        """Have a task write; return where the next piece begins."""
        self.call(
            "append_task_log", task_id=task_id, attempt=attempt, offset=offset, text=text, worker=WORKER
        )
        return offset + len(text)
