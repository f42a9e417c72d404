"""Rules for runs that are told of late, and for workers that had vanished: these go on with what they ran."""

from __future__ import annotations

from collections.abc import Iterable

from luigi_clone._scheduling import arguments
from luigi_clone._scheduling.lifecycle import Lifecycle
from luigi_clone._scheduling.model import TaskRecord, WorkerRecord
from luigi_clone.task_status import DISABLED, DONE, FAILED, PENDING, RUNNING


class Resuming(Lifecycle):
    """Adds what a worker finds again that was stopped or cut off for too long.

    From the first sign of life on, what it ran and nobody was given meanwhile is RUNNING again, with its
    resources, until the worker tells of its end, does not name it any more when it asks for work, or vanishes
    once more. Workers that send no request ids get Luigi's rules: their runs stay FAILED.
    """

    def vanish(self, worker: WorkerRecord, now: float) -> None:
        """Drop a worker that was silent for too long; remember what it ran."""
        runs = {task.id: task.lease for task in worker.runs.values() if task.lease > 0}
        if runs and self.answers.knows_worker(worker.id):
            self.lapse_runs(worker.id, now, runs)
        super().vanish(worker, now)

    def new_worker(self, worker_id: str, now: float) -> WorkerRecord:
        """Take in a worker that is heard of for the first time, or again after it had vanished."""
        worker = super().new_worker(worker_id, now)
        if worker_id in self.absent:
            self._resume(worker, now)
        return worker

    # ---- what is told of runs by number of the grant

    @staticmethod
    def is_late(task: TaskRecord, lease: int) -> bool:
        """Tell whether the run by grant ``lease`` does not count any more."""
        return lease < abs(task.lease) or task.status is DONE

    @staticmethod
    def is_told(task: TaskRecord, lease: int, wanted: str) -> bool:
        """Tell whether the scheduler knows already what is reported of the run by grant ``lease``.

        Raises ConflictError if the report comes too late to count.
        """
        current = abs(task.lease)
        if lease < current:
            raise arguments.ConflictError(
                f"task {task.id!r} was given out anew (grant {current}, worker {task.worker_running!r}): "
                f"what is told about grant {lease} comes too late"
            )
        if task.status is DONE:
            if wanted is DONE:
                return True
            raise arguments.ConflictError(
                f"task {task.id!r} is DONE: that it is {wanted} by grant {lease} comes too late"
            )
        if task.lease == -lease:
            return True
        # its worker had vanished, which counted as the failure of this run
        return wanted is FAILED and task.lease == lease and task.worker_running is None

    # ---- coming back

    def _resume(self, worker: WorkerRecord, now: float) -> None:
        vanished, runs = self.absent[worker.id]
        self.lapse_runs(worker.id, vanished, {})
        for task_id, lease in runs.items():
            task = self.tasks.get(task_id)
            if task is None or not _is_free(task, lease, vanished):
                continue
            self.effects.append(("log", "Worker %r is back and goes on with task %r", (worker.id, task_id)))
            self._take_back_failure(task, vanished)
            if task.remove is not None:
                self.set_remove(task, None)
            self.set_run(task, worker.id, task.time_running, task.held)
            self.join(task, worker, stakeholder=True, runs=False)
            self._write_history(task)
            self.set_status(task, RUNNING, now)
            if lease in self.lapsed:
                self.resume_batch(task, worker, lease, now, vanished)

    def resume_batch(
        self, head: TaskRecord, worker: WorkerRecord, lease: int, now: float, vanished: float | None = None
    ) -> None:
        """Let the tasks of a batch run with ``head`` again, which stands for them; its worker had vanished.

        ``vanished`` tells when, if that is known: what then counted as a failure is taken back.
        """
        members = self.lapsed.get(lease, ())
        if not members:
            return
        self.lapse_batch(lease, ())
        free = [member for member in self._known(members) if _is_free(member, lease, vanished)]
        if not free:
            return
        for member in free:
            self._take_back_failure(member, vanished)
            self._write_history(member)
        batch_id = _batch_of(lease)
        self.start_batch(batch_id, worker, tuple(free), lease, now)
        self.set_batch(head, batch_id)

    @staticmethod
    def is_resumed(task: TaskRecord) -> bool:
        """Tell whether the task stands for a batch that runs again."""
        return task.status is RUNNING and task.batch_id == _batch_of(task.lease)

    def _known(self, task_ids: Iterable[str]) -> Iterable[TaskRecord]:
        return (task for task in map(self.tasks.get, task_ids) if task is not None)

    def _write_history(self, task: TaskRecord) -> None:
        if self.wants_history:
            self.effects.append(("history", task, RUNNING, None))

    def _take_back_failure(self, task: TaskRecord, vanished: float | None) -> None:
        """Forget that the run counted as failed when its worker vanished."""
        more = task.more
        if vanished is not None and more.failures and more.failures[-1] == vanished:
            first = None if more.first_failure_time == vanished else more.first_failure_time
            self.set_failures(task, more.failures[:-1], first, None, 0)


def _batch_of(lease: int) -> str:
    """Return the id of the batch that runs again: what it was called before is not remembered."""
    return f"{lease}-resumed"


def _is_free(task: TaskRecord, lease: int, vanished: float | None) -> bool:
    """Tell whether the run by grant ``lease`` is the last of the task, and its end was never told."""
    if task.lease != lease or task.worker_running is not None:
        return False
    if task.status is DISABLED:
        return vanished is not None and task.more.scheduler_disable_time == vanished
    return task.status is FAILED or task.status is PENDING
