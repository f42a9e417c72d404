"""A worker that the scheduler does not know any more, and that registers what it has once more.

That happens when nothing was heard of the worker for longer than ``worker_disconnect_delay``, because it was
stopped or cut off, and when the scheduler has lost its state.  Our server says so in its answers.  Of Luigi's
it is seen from the work that it does not give: nothing is pending there while tasks are here; its list of
workers then shows whether it still has what this one told about itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.completion import check_complete_cached
from luigi_clone._worker.running import RunningTasks
from luigi_clone._worker.talking import offered
from luigi_clone.task_status import DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN

if TYPE_CHECKING:
    from luigi_clone._worker.state import GetWorkResponse
    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")


class Returning(RunningTasks):
    """The part of a worker that comes back to a scheduler that has forgotten it."""

    _dynamic_ids: dict[str, list[str]]
    """What tasks asked for while they ran."""
    _unannounced_batches: set[str]
    """Running tasks whose batch the scheduler has forgotten."""

    def _is_said_to_be_new(self) -> bool:
        """Tell once whether the scheduler has said, to any call, that it does not know this worker."""
        forgot = offered(self._scheduler, "forgot")
        return forgot is not None and forgot(self._id)

    def _is_forgotten(self, response: GetWorkResponse) -> bool:
        """Tell whether the scheduler, going by what it answers, has forgotten this worker."""
        if self._stop_requesting_work or self._assistant or offered(self._scheduler, "forgot") is None:
            return False
        if self._is_said_to_be_new():
            return True
        if response.task_id is not None or response.n_pending_tasks or response.running_tasks is None:
            return False
        if not self._is_something_missing(response):
            return False
        lost_touch = offered(self._scheduler, "lost_touch")
        return lost_touch is not None and lost_touch() and not self._is_known_there()

    def _is_something_missing(self, response: GetWorkResponse) -> bool:
        """Tell whether there are tasks here that the scheduler counts neither as running nor as pending."""
        running = {task["task_id"] for task in response.running_tasks}
        if self._running_tasks:
            return not self._running_tasks.keys() <= running
        return not running and any(
            status in (PENDING, FAILED) and runnable is not False
            for _, status, runnable in self._latest().values()
        )

    def _is_known_there(self) -> bool:
        try:
            workers = self._scheduler.worker_list(include_running=False)
            mine: Any = next((worker for worker in workers if worker["name"] == self._id), {})
        except Exception:  # a view; without it the worker goes on as Luigi's does
            logger.debug("Could not see the scheduler's list of workers", exc_info=True)
            return True
        # a record without it was made by a ping or a question for work after the loss
        return "workers" in mine

    def _latest(self) -> dict[str, tuple[Task, str | None, bool | None]]:
        return {entry[0].task_id: entry for entry in self._add_task_history}

    def _register_again(self, granted: str | None = None) -> None:
        """Tell the scheduler all that it needs to go on with the tasks of this worker.

        ``granted`` was given out in the answer by which this was noticed: it, and the batch that it stands
        for, are about to run, and the scheduler knows.
        """
        logger.warning(
            "The scheduler does not know worker %s any more: registering its tasks again", self._id
        )
        history = len(self._add_task_history)
        self._batch_families_sent.clear()
        self._families_told.clear()
        self._scheduler.add_worker(worker=self._id, info=self._worker_info)
        self._is_said_to_be_new()  # once more, and this is what is done about it
        latest = self._latest()
        members = self._hold_batches()
        going = {*self._running_tasks, *(() if granted is None else (granted,))}
        members.update(member.task_id for member in self._batch_running_tasks.get(granted or "", ()))
        self._announce_running()
        needed: set[str] = set()
        made: set[str] = set()
        for task_id, (task, status, runnable) in latest.items():
            if task_id in going:
                needed.update(self._needs_of(task_id) or ())
            elif task_id not in members and status != DONE:
                if status not in (UNKNOWN, DISABLED) and self._is_complete(task, otherwise=False):
                    made.add(task_id)  # by somebody else, meanwhile
                    self._register(task, DONE, False, None)
                else:
                    needed.update(self._announce(task, status, runnable))
        # what was told before is known to the summary
        del self._add_task_history[history:]
        self._keep_as_complete(made, latest)
        for task_id, (task, status, _) in latest.items():
            if task_id in needed and status == DONE and task_id not in going:
                self._announce_done(task)

    def _hold_batches(self) -> set[str]:
        """Note the batches that run: their members are registered when their end is reported."""
        heads = self._running_tasks.keys() & self._batch_running_tasks.keys()
        self._unannounced_batches |= heads
        return {member.task_id for head in heads for member in self._batch_running_tasks[head]}

    def _announce_running(self) -> None:
        batches = dict(self._batch_running_tasks)
        for task_id in list(self._running_tasks):
            self._register(self._scheduled_tasks[task_id], RUNNING, True, self._needs_of(task_id))
        # a registration counts as the end of a batch to the history
        self._batch_running_tasks.update(batches)

    def _announce(self, task: Task, status: str | None, runnable: bool | None) -> list[str]:
        """Register a task that was not done when it was last told of; return what it needs."""
        if status in (UNKNOWN, DISABLED):
            self._register(task, status, bool(runnable), None)
            return []
        # A failed one is tried again, as it is by a worker that begins.
        needs = self._needs_of(task.task_id)
        try:
            self._add_task_batcher(task)
        except Exception:  # properties of the user's; it went well before
            logger.exception("Could not register how %s is batched", task)
        self._register(task, PENDING, runnable is not False, needs)
        return needs or []

    def _keep_as_complete(
        self, made: set[str], latest: dict[str, tuple[Task, str | None, bool | None]]
    ) -> None:
        """Let the summary count tasks as found complete, or as done in the end where they had failed."""
        if not made:
            return
        history = self._add_task_history
        failed = {task.task_id for task, status, _ in history if status == FAILED} & made
        found = made - failed
        history[:] = [
            (task, DONE if status == PENDING and task.task_id in found else status, runnable)
            for task, status, runnable in history
        ]
        history.extend((latest[task_id][0], DONE, None) for task_id in failed)

    def _announce_done(self, task: Task) -> None:
        """Tell of a task that others wait for; one whose output is gone meanwhile is scheduled again."""
        if self._is_complete(task, otherwise=True):
            history = len(self._add_task_history)
            self._register(task, DONE, False, None)
            del self._add_task_history[history:]
        else:
            self.add(task)

    def _is_complete(self, task: Task, otherwise: bool) -> bool:
        """Ask the task; ``otherwise`` is the answer if it cannot give one."""
        try:
            return bool(check_complete_cached(task, self._task_completion_cache))
        except Exception:  # user code
            logger.warning("Could not check whether %s is complete", task, exc_info=True)
            return otherwise

    def _needs_of(self, task_id: str) -> list[str] | None:
        required, dynamic = self._required_ids.get(task_id), self._dynamic_ids.get(task_id)
        return required if dynamic is None else list(dict.fromkeys([*(required or ()), *dynamic]))

    def _report(self, task_id: str, task: Task, status: str | None, expl: Any, new_deps: list[str]) -> None:
        if new_deps:
            self._dynamic_ids.setdefault(task_id, []).extend(new_deps)
        members: list[Task] = []
        if task_id in self._unannounced_batches:
            self._unannounced_batches.discard(task_id)
            members = list(self._batch_running_tasks.get(task_id, ()))
        super()._report(task_id, task, status, expl, new_deps)
        for member in members:
            if member.task_id != task_id:
                super()._report(member.task_id, member, status, expl, [])
