"""The tasks that run: how they start, how their ends are noticed, and what is reported of them."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes import guard
from luigi_clone._task_processes.completion import is_external
from luigi_clone._task_processes.ending import Ending, press_all
from luigi_clone._task_processes.forking import starting
from luigi_clone._task_processes.process import TaskProcess, plain_explanation
from luigi_clone._task_processes.registry import find_factory
from luigi_clone._task_processes.results import ResultQueue
from luigi_clone._worker.logs import secrets_of
from luigi_clone._worker.messages import TaskStatusReporter
from luigi_clone._worker.scheduling import SchedulingPhase, get_retry_policy_dict
from luigi_clone.event import Event
from luigi_clone.scheduler import Scheduler
from luigi_clone.task_register import load_task
from luigi_clone.task_status import DONE, FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luigi_clone._task_processes.huge_pages import HugePages
    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")

HISTORY_SLACK = 10_000
"""How many entries the history of a worker may have before repetitions are left out."""

SLOW_FORK = 0.003
"""CPU seconds of the worker for one fork from which on it is worth a thought."""
_LAST_WORDS = 2.0  # seconds that a worker which is ended takes to tell the scheduler


class RunningTasks(SchedulingPhase):
    """The part of a worker that runs tasks."""

    _judged: set[str]
    """Running tasks whose failure the worker itself has put on the result queue."""
    _timed_out: set[str]
    """Running tasks whose process was told to end because its time is over."""
    _executors: dict[str, Any]
    """Factories of task processes by their name."""
    _open_executors: list[Any]
    """Those among them that were opened for this worker."""
    _endings: list[Ending]
    """Process groups that get SIGKILL when their grace is over."""
    _termination_guard: guard.TerminationGuard
    _huge_pages: HugePages | None = None
    """Made when a fork was slow."""

    def _sleeper(self) -> Iterator[None]:
        raise NotImplementedError

    # -- starting ------------------------------------------------

    def _run_task(self, task_id: str) -> None:
        if task_id in self._running_tasks:
            logger.debug("Got already running task id %s from scheduler, taking a break", task_id)
            next(self._sleeper())
            return
        process = self._create_task_process(self._scheduled_tasks[task_id])
        self._running_tasks[task_id] = process
        if not process.use_multiprocessing:
            # the worker's own process and thread
            process.run()
        elif isinstance(process, TaskProcess):
            self._start_child(task_id, process)
        else:
            self._start_foreign(process)

    def _start_child(self, task_id: str, process: TaskProcess) -> None:
        if not self._config.no_install_shutdown_handler:
            self._termination_guard.install()
        try:
            with starting():
                process.start()
            self._note_fork(process.fork_time)
        except (
            Exception
        ):  # no process left, or a task that cannot be sent to one: this task fails, not the worker
            logger.exception("Could not start a process for task %s", task_id)
            self._judge(task_id, "Could not start a process for the task:\n" + traceback.format_exc())

    def _note_fork(self, seconds: float) -> None:
        """Make the next forks cheaper, if this one has taken long."""
        if seconds < SLOW_FORK or not self._config.huge_pages:
            return
        if self._huge_pages is None:
            from luigi_clone._task_processes.huge_pages import HugePages

            self._huge_pages = HugePages()
        self._huge_pages.forked(seconds)

    def _start_foreign(self, process: Any) -> None:
        if isinstance(self._task_result_queue, ResultQueue):
            self._task_result_queue.share()
        with starting():
            process.start()
        if isinstance(self._task_result_queue, ResultQueue):
            self._task_result_queue.watch(process)

    def _create_task_process(self, task: Task) -> Any:
        # Straight from the instance: eight times the way through a parameter is a microsecond for each task.
        options = vars(self._config)
        use_multiprocessing = options["force_multiprocessing"] or self.worker_processes > 1
        messages = _message_queue(use_multiprocessing) if task.accepts_messages else None
        reporter = TaskStatusReporter(self._scheduler, task.task_id, self._id, messages)
        if self._task_logs is not None:
            reporter.log = self._task_logs.expect(task.task_id, secrets_of(task))
        return self._executor(options["executor"])(
            options["task_process_context"],
            task,
            self._id,
            self._task_result_queue,
            reporter,
            use_multiprocessing=use_multiprocessing,
            worker_timeout=options["timeout"],
            check_unfulfilled_deps=options["check_unfulfilled_deps"],
            check_complete_on_run=options["check_complete_on_run"],
            task_completion_cache=self._task_completion_cache,
        )

    def _executor(self, name: str) -> Any:
        """Return the factory of this name, opened for this worker if it is one that has to be."""
        executor = self._executors.get(name)
        if executor is None:
            executor = find_factory(name)
            for_worker = getattr(executor, "for_worker", None)
            if for_worker is not None:
                executor = for_worker(self._config, self._task_result_queue)
                self._open_executors.append(executor)
            self._executors[name] = executor
        return executor

    # -- noticing ends ------------------------------------------------

    def _purge_children(self) -> None:
        """Find task processes that died or ran out of time."""
        for task_id, process in self._running_tasks.items():
            if task_id in self._judged or (
                isinstance(process, TaskProcess) and not process.use_multiprocessing
            ):
                continue
            if process.is_alive():
                if _is_late(process) and task_id not in self._timed_out:
                    self._time_out(task_id, process)
            elif task_id in self._timed_out:
                self._judge_timeout(task_id, process)
            elif self._died(task_id, process):
                message = f"Task {task_id} died unexpectedly with exit code {process.exitcode}"
                message += getattr(process, "end_note", "")
                process.task.trigger_event(Event.PROCESS_FAILURE, process.task, message)
                logger.info(message)
                self._judge(task_id, message)
        if self._endings:
            self._endings = press_all(self._endings)

    def _died(self, task_id: str, process: Any) -> bool:
        """Tell whether a process that is not alive ended without a result."""
        results = self._task_result_queue
        if isinstance(results, ResultQueue):
            results.drain(process)
            if results.has_result_of(task_id):
                return False
        # A process that others made may deliver its result later, by a way of its own.
        return bool(process.exitcode) or (isinstance(process, TaskProcess) and process.exitcode == 0)

    def _time_out(self, task_id: str, process: Any) -> None:
        process.terminate()
        ending = process.ending if isinstance(process, TaskProcess) else None
        if ending is None:
            self._judge_timeout(task_id, process)
        else:
            # Its slot stays taken until it is dead, so that no second attempt overlaps with it.
            self._timed_out.add(task_id)
            self._endings.append(ending)

    def _judge_timeout(self, task_id: str, process: Any) -> None:
        message = f"Task {task_id} timed out after {process.worker_timeout} seconds and was terminated."
        process.task.trigger_event(Event.TIMEOUT, process.task, message)
        logger.info(message)
        if isinstance(self._task_result_queue, ResultQueue):
            self._task_result_queue.drain(process)
            self._task_result_queue.discard(task_id)
        self._judge(task_id, message)

    def _judge(self, task_id: str, message: str) -> None:
        self._judged.add(task_id)
        self._task_result_queue.put((task_id, FAILED, message, [], []))

    def _attend_children(self) -> None:
        """End what ran out of time, while the worker waits for a scheduler that is away."""
        for task_id, process in self._running_tasks.items():
            if task_id in self._timed_out or not isinstance(process, TaskProcess):
                continue
            if _is_late(process) and process.is_alive():
                self._time_out(task_id, process)
        if self._endings:
            self._endings = press_all(self._endings)

    def _result_wait(self) -> float:
        """Return how long to wait for a result: until the next timeout, ``wait_interval`` at most."""
        wait = self._config.wait_interval
        for task_id, process in self._running_tasks.items():
            if process.timeout_time is not None and task_id not in self._timed_out:
                wait = min(wait, _time_left(process))
        for ending in self._endings:
            wait = min(wait, ending.kill_at - time.monotonic())
        return max(wait, 0.001)

    # -- results ------------------------------------------------

    def _handle_next_task(self) -> None:
        """Wait for one result and report it, or return after ``wait_interval`` seconds without one."""
        self._idle_since = None
        while True:
            self._purge_children()
            results = self._task_result_queue
            try:
                if results.empty():
                    self._say_all()
                    result = results.get(timeout=self._result_wait())
                else:
                    result = results.get(timeout=0)
            except queue.Empty:
                return
            task_id, status, expl, missing, new_requirements = result
            if task_id not in self._running_tasks:
                # the process ended before; its end has been reported
                continue
            if task_id in self._timed_out and task_id not in self._judged:
                # too late: the process is being ended
                continue
            self._handle_result(task_id, status, expl, missing, new_requirements)
            return

    def _handle_result(
        self, task_id: str, status: str | None, expl: Any, missing: list[str], new_requirements: list[Any]
    ) -> None:
        task = self._scheduled_tasks[task_id]
        if self._task_logs is not None:
            self._task_logs.finish(task_id)
        expl = plain_explanation(expl)
        if status == FAILED and not (is_external(task) and self._config.retry_external_tasks):
            self._email_task_failure(task, expl)
        new_deps = self._add_requirements(task_id, new_requirements) if new_requirements else []
        self._report(task_id, task, status, expl, new_deps)
        self._running_tasks.pop(task_id)
        self._judged.discard(task_id)
        self._timed_out.discard(task_id)
        if missing:
            self._reschedule(task, missing)
        self.run_succeeded &= (status == DONE) or bool(new_deps)

    def _report(self, task_id: str, task: Task, status: str | None, expl: Any, new_deps: list[str]) -> None:
        self._add_task(
            worker=self._id,
            task_id=task_id,
            status=status,
            expl="null" if expl is None else json.dumps(expl),
            resources=task.process_resources(),
            runnable=None,
            params=task.to_str_params(),
            family=task.task_family,
            module=task.task_module,
            new_deps=new_deps,
            assistant=self._assistant,
            retry_policy_dict=get_retry_policy_dict(task),
        )
        if len(self._add_task_history) > self._history_limit:
            self._shorten_history()

    def _shorten_history(self) -> None:
        """Keep of equal entries the first and the last: a task may be tried again for months."""
        history = self._add_task_history
        first: dict[Any, int] = {}
        last: dict[Any, int] = {}
        for index, (task, status, runnable) in enumerate(history):
            key = (task.task_id, status, runnable)
            first.setdefault(key, index)
            last[key] = index
        history[:] = [history[index] for index in sorted({*first.values(), *last.values()})]
        self._history_limit = 2 * len(history) + HISTORY_SLACK

    def _add_requirements(self, task_id: str, new_requirements: list[Any]) -> list[str]:
        """Register what a task asked for while running; return the ids."""
        live = getattr(self._running_tasks[task_id], "required_tasks", None)
        required = []
        for index, (module, name, params) in enumerate(new_requirements):
            task = load_task(module, name, params)
            # What the texts do not carry, such as PRIVATE parameters, only the task itself has.
            if live and len(live) == len(new_requirements) and live[index].param_kwargs != task.param_kwargs:
                task = live[index]
            required.append(task)
        for task in required:
            self.add(task)
        return [task.task_id for task in required]

    def _reschedule(self, task: Task, missing: list[str]) -> None:
        """Register ``task`` again, so that what it misses is made, unless that was tried often enough."""
        worth_it = True
        for dependency in missing:
            # The id only: what the outputs behind it are called may change, and then no limit is reached.
            dependency_id = dependency.partition(" (")[0]
            self.unfulfilled_counts[dependency_id] += 1
            if self.unfulfilled_counts[dependency_id] > self._config.max_reschedules:
                worth_it = False
        if worth_it:
            self.add(task)

    # -- the end ------------------------------------------------

    def _end_children(self) -> None:
        """End the task processes that this worker started, and what they started."""
        guard.end([process for process in self._running_tasks.values() if isinstance(process, TaskProcess)])
        for ending in self._endings:
            ending.kill_at = 0
        self._endings = press_all(self._endings)

    def _end_by_signal(self) -> None:
        """End the task processes, and say so, before SIGTERM ends the worker."""
        self._end_children()
        # One in memory ends with the worker, and the signal may have come in the middle of its work.
        if not isinstance(self._scheduler, Scheduler):
            self._report_unfinished("The worker was ended by SIGTERM while the task ran.")

    def _report_unfinished(self, reason: str) -> None:
        """Report what runs as failed, so that the scheduler need not find out by missing the pings.

        The scheduler may be away, which may even be why the worker is ended: it is given a moment only.
        """
        unfinished = {task_id: self._scheduled_tasks[task_id] for task_id in self._running_tasks}

        def report() -> None:
            try:
                for task_id, task in unfinished.items():
                    self._report(task_id, task, FAILED, reason, [])
            except Exception:  # nobody is left who could do anything about it
                logger.warning("Could not tell the scheduler of the end of the worker", exc_info=True)

        if unfinished:
            thread = threading.Thread(target=report, name="luigi-last-words", daemon=True)
            thread.start()
            thread.join(_LAST_WORDS)

    def _leave(self, interrupted: bool) -> None:
        """End what still runs when the worker is left; after an interruption, tell the scheduler."""
        own = [process for process in self._running_tasks.values() if isinstance(process, TaskProcess)]
        if interrupted:
            guard.interrupt(own)
        for process in self._running_tasks.values():
            if process.is_alive():
                process.terminate()
        self._end_children()
        for executor in self._open_executors:
            executor.close()
        self._open_executors.clear()
        self._executors.clear()
        if interrupted:
            self._report_unfinished("The worker was interrupted while the task ran.")


def _is_late(process: Any) -> bool:
    return process.timeout_time is not None and _time_left(process) < 0


def _time_left(process: Any) -> float:
    """Return the seconds until a process with a timeout has to end, whatever is done to the clock."""
    if isinstance(process, TaskProcess) and process.deadline is not None:
        return process.deadline - time.monotonic()
    return float(process.timeout_time) - time.time()


def _message_queue(in_child: bool) -> Any:
    """Return a queue that reaches the task; within this process the message itself passes through it."""
    if not in_child:
        return queue.Queue()
    import multiprocessing

    return multiprocessing.Queue()
