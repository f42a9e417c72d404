"""What a client remembers of the scheduler's answers: its grants, and the workers that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luigi_clone._wire.tickets import Reply
from luigi_clone.task_status import DONE, FAILED, RUNNING

_ABOUT_A_RUN = frozenset(
    {
        "set_task_status_message",
        "set_task_progress_percentage",
        "decrease_running_task_resources",
        "report_task_statistics",
    }
)


_NOBODY = object()


class Grants:
    """The lease of each task that was given to a worker here, until its end is reported.

    A batch is given under an id of its own; its lease becomes that of the task which claims it.
    """

    def __init__(self) -> None:
        self._leases: dict[str, tuple[Any, int]] = {}
        self._batches: dict[str, int] = {}
        self._known: set[Any] = set()
        self._forgotten: set[Any] = set()

    def lease_of(self, name: str, arguments: Mapping[str, Any]) -> int | None:
        """Return the lease that goes with a call."""
        if name == "add_task":
            batch_id = arguments.get("batch_id")
            if batch_id in self._batches:
                return self._batches[batch_id]
            if not _tells_of_a_run(arguments):
                return None
        elif name not in _ABOUT_A_RUN:
            return None
        worker, lease = self._leases.get(arguments.get("task_id", ""), (None, None))
        return lease if arguments.get("worker", worker) == worker else None

    def note(self, name: str, arguments: Mapping[str, Any], reply: Reply) -> None:
        """Take in the answer to a call."""
        worker = arguments.get("worker")
        if worker is not None:
            if reply.worker_is_new and worker in self._known:
                self._forgotten.add(worker)
            self._known.add(worker)
        if name == "get_work":
            self._note_grant(worker, reply)
        elif name == "add_task":
            self._note_report(worker, arguments)

    def forgot(self, worker: Any) -> bool:
        """Tell once whether the scheduler did not know a worker that it had known before."""
        if worker in self._forgotten:
            self._forgotten.discard(worker)
            return True
        return False

    def _note_grant(self, worker: Any, reply: Reply) -> None:
        if reply.lease is None or not isinstance(reply.response, dict):
            return
        task_id, batch_id = reply.response.get("task_id"), reply.response.get("batch_id")
        if task_id is not None:
            self._leases[task_id] = worker, reply.lease
        elif batch_id is not None:
            self._batches[batch_id] = reply.lease

    def _note_report(self, worker: Any, arguments: Mapping[str, Any]) -> None:
        task_id, status = arguments.get("task_id"), arguments.get("status")
        lease = self._batches.pop(arguments.get("batch_id") or "", None)
        if lease is not None and task_id is not None:
            self._leases[task_id] = worker, lease
        elif status != RUNNING and _tells_of_a_run(arguments) and self._holder_of(task_id) == worker:
            self._leases.pop(str(task_id), None)

    def _holder_of(self, task_id: Any) -> Any:
        return self._leases.get(task_id, (_NOBODY, 0))[0]


def _tells_of_a_run(arguments: Mapping[str, Any]) -> bool:
    return arguments.get("status") in (RUNNING, DONE, FAILED) or bool(arguments.get("new_deps"))
