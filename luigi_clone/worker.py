"""The worker: registers tasks with a scheduler, asks for work, runs it and reports the results.

``Worker`` is made for a scheduler object, local or remote, entered as a context manager (that starts the
pings), fed with ``add(task)``, and set going with ``run()``.  What packages built on Luigi override stays
overridable: each step is a method of the class, and whatever ``_create_task_process`` returns is started,
watched and ended through the few attributes of :class:`TaskProcess`.
"""

from __future__ import annotations

import collections
import copy
import datetime
import json
import logging
import os
import signal
import time
import traceback
from typing import TYPE_CHECKING, Any, Literal

from luigi_clone import notifications
from luigi_clone._postman import POSTMAN
from luigi_clone._task_processes import process as _process
from luigi_clone._task_processes.completion import (
    AsyncCompletionException,
    CompletionCache,
    TaskException,
    TracebackWrapper,
    check_complete,
    check_complete_cached,
)
from luigi_clone._task_processes.completion import is_external as _is_external
from luigi_clone._task_processes.forking import fork_lock
from luigi_clone._task_processes.guard import TerminationGuard
from luigi_clone._task_processes.interpreter import refuse_while_starting
from luigi_clone._task_processes.results import ResultQueue
from luigi_clone._worker.discovery import DequeQueue, SingleProcessPool
from luigi_clone._worker.logs import task_logs_of
from luigi_clone._worker.messages import (
    KeepAliveThread,
    SchedulerMessage,
    TaskStatusReporter,
    rpc_message_callback,
)
from luigi_clone._worker.options import worker
from luigi_clone._worker.returning import Returning
from luigi_clone._worker.running import HISTORY_SLACK
from luigi_clone._worker.scheduling import CyclicRequirements
from luigi_clone._worker.scheduling import get_retry_policy_dict as _get_retry_policy_dict
from luigi_clone._worker.state import GetWorkResponse
from luigi_clone._worker.strangers import ASSISTANT_WARNING, Strangers
from luigi_clone.event import Event
from luigi_clone.scheduler import (
    DISABLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    UNKNOWN,
    WORKER_STATE_ACTIVE,
    WORKER_STATE_DISABLED,
    RetryPolicy,
    Scheduler,
)
from luigi_clone.task import Config, DynamicRequirements, Task, flatten
from luigi_clone.task_register import TaskClassException, load_task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

    from luigi_clone._task_processes.process import ContextManagedTaskProcess, TaskProcess

logger = logging.getLogger("luigi-interface")

__all__ = [
    "DISABLED",
    "DONE",
    "FAILED",
    "PENDING",
    "RUNNING",
    "UNKNOWN",
    "WORKER_STATE_ACTIVE",
    "WORKER_STATE_DISABLED",
    "AsyncCompletionException",
    "Config",
    "ContextManagedTaskProcess",
    "CyclicRequirements",
    "DequeQueue",
    "DynamicRequirements",
    "Event",
    "GetWorkResponse",
    "KeepAliveThread",
    "RetryPolicy",
    "Scheduler",
    "SchedulerMessage",
    "SingleProcessPool",
    "Task",
    "TaskClassException",
    "TaskException",
    "TaskProcess",
    "TaskStatusReporter",
    "TracebackWrapper",
    "Worker",
    "_get_retry_policy_dict",
    "_is_external",
    "check_complete",
    "check_complete_cached",
    "flatten",
    "fork_lock",
    "load_task",
    "logger",
    "notifications",
    "rpc_message_callback",
    "worker",
]

_WAIT_INTERVAL_EPS = 0.00001


def _load_on_use(name: str) -> Any:
    """Load multiprocessing for whoever asks for the classes that are processes."""
    if name in ("TaskProcess", "ContextManagedTaskProcess"):
        _process.become_process()
        return getattr(_process, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # to a checker a module with this function has every name
    __getattr__ = _load_on_use


class Worker(Returning):
    """Runs tasks for a scheduler, in ``worker_processes`` slots.

    With one slot and no timeout a task runs in this process and thread; otherwise each runs in a child.
    Keyword arguments beyond the named ones are options of the ``[worker]`` section.
    """

    def __init__(
        self,
        scheduler: Any = None,
        worker_id: str | None = None,
        worker_processes: int = 1,
        assistant: bool = False,
        **kwargs: Any,
    ) -> None:
        refuse_while_starting()
        if scheduler is None:
            scheduler = Scheduler()
        self.worker_processes = int(worker_processes)
        self._worker_info = self._generate_worker_info()
        # A copy, because equal configurations are one object and phasing out writes to this one.
        self._config = copy.copy(worker(**kwargs))
        self._id = worker_id or self._config.id or self._generate_worker_id(self._worker_info)
        assert self._config.wait_interval >= _WAIT_INTERVAL_EPS, "[worker] wait_interval must be positive"
        assert self._config.wait_jitter >= 0.0, "[worker] wait_jitter must be equal or greater than zero"

        self._assistant = assistant
        self._strangers = Strangers(self._config.assistant_modules)
        self._scheduler = scheduler
        self.host = _host_name()
        self._scheduled_tasks = {}
        self._found = {}
        self._suspended_tasks = {}
        self._batch_running_tasks = {}
        self._batch_families_sent = set()
        self._families_told = set()
        self._task_types = set()
        self._first_task = None

        self.add_succeeded = True
        self.run_succeeded = True
        self.unfulfilled_counts = collections.defaultdict(int)

        self._install_interrupt_handler()

        self._task_result_queue = ResultQueue()
        self._running_tasks = {}
        self._task_completion_cache = self._make_completion_cache()
        self._judged = set()
        self._timed_out = set()
        self._endings = []
        self._executors = {}
        self._open_executors = []
        self._termination_guard = TerminationGuard(self._end_by_signal)
        self._stop_requesting_work = False
        self._idle_since = None
        self._required_ids = {}
        self._dynamic_ids = {}
        self._unannounced_batches = set()
        self._idle_clock = None
        self._seen_running = set()
        self._history_limit = HISTORY_SLACK
        self._add_task_history = []
        self._get_work_response_history = []
        self._task_logs = None

    # -- identity ------------------------------------------------

    def _generate_worker_info(self) -> list[tuple[str, Any]]:
        info: list[tuple[str, Any]] = [
            ("salt", f"{int.from_bytes(os.urandom(8), 'big') % 10_000_000_000:09d}"),
            ("workers", self.worker_processes),
        ]
        for key, find in (
            ("host", _host_name),
            ("username", _user_name),
            ("pid", os.getpid),
            ("sudo_user", lambda: os.environ["SUDO_USER"]),
        ):
            try:
                info.append((key, find()))
            except Exception:  # noqa: PERF203, S112 - what cannot be found out is left out
                continue
        return info

    def _generate_worker_id(self, worker_info: list[tuple[str, Any]]) -> str:
        return f"Worker({', '.join(f'{key}={value}' for key, value in worker_info)})"

    def _make_completion_cache(self) -> Any:
        return CompletionCache() if self._config.cache_task_completion else None

    # -- context ------------------------------------------------

    def __enter__(self) -> Worker:
        self._keep_alive_thread = KeepAliveThread(
            self._scheduler, self._id, self._config.ping_interval, self._handle_rpc_message
        )
        self._keep_alive_thread.daemon = True
        self._keep_alive_thread.start()
        self._task_logs = task_logs_of(self._config, self._scheduler, self._id)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> Literal[False]:
        self._keep_alive_thread.stop()
        self._keep_alive_thread.join()
        self._leave(interrupted=exc_type is not None and issubclass(exc_type, KeyboardInterrupt | SystemExit))
        self._task_result_queue.close()
        if self._task_logs is not None:
            self._task_logs.close()
            self._task_logs = None
        POSTMAN.finish()
        return False

    # -- signals and shutdown ------------------------------------------------

    def _install_interrupt_handler(self) -> None:
        if self._config.no_install_shutdown_handler:
            return
        signum = getattr(signal, "SIGUSR1", None)
        if signum is None:
            return
        try:
            signal.signal(signum, self.handle_interrupt)
        except ValueError:
            # Only the main thread may install a handler; a worker in another thread does without.
            return
        signal.siginterrupt(signum, False)

    def handle_interrupt(self, signum: int, _: FrameType | None) -> None:
        """Stop asking for work on SIGUSR1."""
        if signum == signal.SIGUSR1:
            self._start_phasing_out()

    def _start_phasing_out(self) -> None:
        """Ask for no more work and leave when what runs is done."""
        self._config.keep_alive = False
        self._stop_requesting_work = True

    # -- asking for work ------------------------------------------------

    def _add_worker(self) -> None:
        self._worker_info.append(("first_task", self._first_task))
        self._scheduler.add_worker(worker=self._id, info=self._worker_info)

    def _get_work(self) -> GetWorkResponse:
        if self._stop_requesting_work:
            return GetWorkResponse(None, 0, 0, 0, 0, WORKER_STATE_DISABLED)
        if self.worker_processes > 0:
            logger.debug("Asking scheduler for work...")
            reply = self._scheduler.get_work(
                worker=self._id,
                host=self.host,
                assistant=self._assistant,
                current_tasks=list(self._running_tasks),
            )
        else:
            logger.debug("Checking if tasks are still pending")
            reply = self._scheduler.count_pending(worker=self._id)

        running_tasks = reply["running_tasks"]
        task_id = self._get_work_task_id(reply)
        self._note_reply(task_id, running_tasks)
        if task_id is not None and task_id not in self._scheduled_tasks:
            task_id = self._load_unknown_task(task_id, reply)
        if task_id is not None and "batch_task_ids" in reply:
            self._batch_running_tasks[task_id] = [
                self._scheduled_tasks[member]
                for member in reply["batch_task_ids"]
                if member in self._scheduled_tasks
            ]
        return GetWorkResponse(
            task_id,
            running_tasks,
            reply["n_pending_tasks"],
            reply["n_unique_pending"],
            # servers older than these fields do not send them
            reply.get("n_pending_last_scheduled", 0),
            reply.get("worker_state", WORKER_STATE_ACTIVE),
        )

    def _note_reply(self, task_id: str | None, running_tasks: Any) -> None:
        """Keep the reply for the summary, unless it tells nothing that is not known already.

        A worker may live for months, and what other workers run changes all the time; of replies without work
        those count that show a task at a worker for the first time.
        """
        if task_id is None:
            seen = {(running["task_id"], running["worker"]) for running in running_tasks}
            seen = {pair for pair in seen if pair[0] in self._scheduled_tasks}
            history = self._get_work_response_history
            if history and history[-1]["task_id"] is None and seen <= self._seen_running:
                return
            self._seen_running |= seen
        self._get_work_response_history.append({"task_id": task_id, "running_tasks": running_tasks})

    def _get_work_task_id(self, get_work_response: dict[str, Any]) -> str | None:
        """Return the id in the reply; a batch is claimed under the id of its combined task."""
        task_id: str | None = get_work_response.get("task_id")
        if task_id is not None or "batch_id" not in get_work_response:
            return task_id
        try:
            task = self._strangers.load(get_work_response, self._scheduled_tasks.values())
        except Exception as error:  # importing and parsing run user code
            self._handle_task_load_error(error, get_work_response["batch_task_ids"])
            self.run_succeeded = False
            return None
        self._scheduler.add_task(
            worker=self._id,
            task_id=task.task_id,
            module=get_work_response.get("task_module"),
            family=get_work_response["task_family"],
            params=task.to_str_params(),
            status=RUNNING,
            batch_id=get_work_response["batch_id"],
        )
        self._say_all()  # the task may speak for itself as soon as it runs
        return task.task_id

    def _load_unknown_task(self, task_id: str, reply: dict[str, Any]) -> str | None:
        logger.info("Did not schedule %s, will load it dynamically", task_id)
        try:
            self._scheduled_tasks[task_id] = self._strangers.load(reply, self._scheduled_tasks.values())
        except Exception as error:  # importing and parsing run user code
            self._handle_task_load_error(error, [task_id])
            self.run_succeeded = False
            return None
        return task_id

    def _handle_task_load_error(self, exception: Exception, task_ids: list[str]) -> None:
        message = f"Cannot find task(s) sent by scheduler: {','.join(task_ids)}"
        logger.error(message, exc_info=exception)
        error = "".join(traceback.format_exception(exception))
        for task_id in task_ids:
            self._add_task(
                worker=self._id,
                task_id=task_id,
                status=FAILED,
                runnable=False,
                expl=json.dumps(error),
                owners=[],
            )
        self._send_error_email(f"Luigi: {message}", error)

    def _log_remote_tasks(self, get_work_response: GetWorkResponse) -> None:
        logger.debug("Done")
        logger.debug("There are no more tasks to run at this time")
        if get_work_response.running_tasks:
            for other in get_work_response.running_tasks:
                logger.debug("%s is currently run by worker %s", other["task_id"], other["worker"])
        elif get_work_response.n_pending_tasks:
            logger.debug(
                "There are %s pending tasks possibly being run by other workers",
                get_work_response.n_pending_tasks,
            )
            if get_work_response.n_unique_pending:
                logger.debug(
                    "There are %i pending tasks unique to this worker", get_work_response.n_unique_pending
                )
            if get_work_response.n_pending_last_scheduled:
                logger.debug(
                    "There are %i pending tasks last scheduled by this worker",
                    get_work_response.n_pending_last_scheduled,
                )

    # -- the loop ------------------------------------------------

    def _sleeper(self) -> Iterator[None]:
        """Sleep at each ``next()``: ``wait_interval`` and a random part of ``wait_jitter``."""
        import random

        while True:
            pause = self._config.wait_interval + random.uniform(0, self._config.wait_jitter)  # noqa: S311
            logger.debug("Sleeping for %f seconds", pause)
            time.sleep(pause)
            yield

    def _keep_alive(self, get_work_response: GetWorkResponse) -> bool:
        """Decide whether an idle worker stays."""
        config = self._config
        if not config.keep_alive:
            return False
        if self._assistant:
            return True
        if config.count_last_scheduled:
            return get_work_response.n_pending_last_scheduled > 0
        if config.count_uniques:
            return get_work_response.n_unique_pending > 0
        if get_work_response.n_pending_tasks == 0:
            return False
        if not config.max_keep_alive_idle_duration or not self._idle_since:
            return True
        time_to_shutdown = config.max_keep_alive_idle_duration - self._idle_for(self._idle_since)
        logger.debug("[%s] %s until shutdown", self._id, time_to_shutdown)
        return time_to_shutdown > datetime.timedelta(0)

    def _idle_for(self, since: datetime.datetime) -> datetime.timedelta:
        # The clock on the wall may have been set meanwhile; of a time that others wrote there is no other.
        if self._idle_clock is not None and self._idle_clock[0] is since:
            return datetime.timedelta(seconds=time.monotonic() - self._idle_clock[1])
        return datetime.datetime.now() - since

    def run(self) -> bool:
        """Run tasks until there is nothing left to do; return whether all of them succeeded."""
        logger.info("Running Worker with %d processes", self.worker_processes)
        self.run_succeeded = True
        if self._assistant and self._strangers.any_is_welcome:
            logger.warning(ASSISTANT_WARNING)
        try:
            with self._collecting():
                self._add_worker()
                self._run_until_idle()
                while self._running_tasks:
                    logger.debug("Shut down Worker, %d more tasks to go", len(self._running_tasks))
                    self._handle_next_task()
        finally:
            POSTMAN.finish()
            self._termination_guard.remove()
        return self.run_succeeded

    def _run_until_idle(self) -> None:
        sleeper = self._sleeper()
        while True:
            while len(self._running_tasks) >= self.worker_processes > 0:
                logger.debug("%d running tasks, waiting for next task to finish", len(self._running_tasks))
                self._handle_next_task()
                if self._running_tasks and self._is_said_to_be_new():
                    self._register_again()

            response = self._get_work()
            if self._is_forgotten(response):
                self._register_again(response.task_id)
                if response.task_id is None:
                    continue
            if response.worker_state == WORKER_STATE_DISABLED:
                self._start_phasing_out()
            if response.task_id is not None:
                logger.debug("Pending tasks: %s", response.n_pending_tasks)
                self._run_task(response.task_id)
                continue

            if not self._stop_requesting_work:
                self._log_remote_tasks(response)
            if self._running_tasks:
                self._handle_next_task()
                continue
            if not self._idle_since:
                self._idle_since = datetime.datetime.now()
                self._idle_clock = self._idle_since, time.monotonic()
            if not self._keep_alive(response):
                break
            next(sleeper)

    # -- messages ------------------------------------------------

    def _handle_rpc_message(self, message: dict[str, Any]) -> None:
        """Call the method that the message names, if it is meant to be called so."""
        name, kwargs = message["name"], message["kwargs"]
        function = getattr(self, name, None)
        if function is None:
            logger.error("Worker %s has no function '%s'", self._id, name)
        elif not getattr(function, "is_rpc_message_callback", False):
            logger.error("Worker %s function '%s' is not available as rpc message callback", self._id, name)
        else:
            logger.info("Worker %s successfully dispatched rpc message to function '%s'", self._id, name)
            function(**kwargs)

    @rpc_message_callback
    def set_worker_processes(self, n: int) -> None:
        """Change the number of slots; running tasks go on."""
        self.worker_processes = max(1, n)
        self._scheduler.add_worker(worker=self._id, info={"workers": self.worker_processes})

    @rpc_message_callback
    def dispatch_scheduler_message(self, task_id: str, message_id: str, content: str, **kwargs: Any) -> None:
        """Put a message into the queue of a running task that accepts messages."""
        process = self._running_tasks.get(task_id)
        if process is None:
            return
        messages = process.status_reporter.scheduler_messages
        if messages is not None:
            messages.put(SchedulerMessage(self._scheduler, task_id, message_id, content, **kwargs))


def _host_name() -> str:
    """Return the name that ``socket.gethostname`` returns, without loading socket."""
    return os.uname().nodename


def _user_name() -> str:
    """Return the login name, from the same places as ``getpass.getuser``."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        name = os.environ.get(variable)
        if name:
            return name
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name
