"""What travels between a worker, its tasks and the scheduler while tasks run."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from luigi_clone._task_processes.forking import talking
from luigi_clone._worker.talking import in_haste, offered
from luigi_clone.task_status import RUNNING

if TYPE_CHECKING:
    from luigi_clone._task_logs.desk import AttemptLog

logger = logging.getLogger("luigi-interface")

_RAREST_PING = 10.0

_Function = TypeVar("_Function", bound=Callable[..., Any])


def rpc_message_callback(fn: _Function) -> _Function:
    """Mark a method of a worker as one that the scheduler may call by a message."""
    fn.is_rpc_message_callback = True  # type: ignore[attr-defined]
    return fn


class _OutOfReach:
    """Stands for a scheduler in the memory of another process, as long as no way leads there."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _lose


def _lose(**_: Any) -> None:
    """Take the arguments of any call."""


class _Carried:
    """Stands, in a child, for a scheduler in the worker's memory: calls go there, without answers."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._owner = os.getpid()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)

        def carry(**kwargs: Any) -> None:
            import pickle

            # What the task itself has forked must not write into the middle of the task's messages.
            if os.getpid() != self._owner:
                return
            try:
                call = pickle.dumps((name, kwargs), pickle.HIGHEST_PROTOCOL)
            except Exception:  # pickling runs user code
                logger.warning("%s: the arguments cannot be sent to the worker", name, exc_info=True)
                return
            self._send(call)

        return carry


@functools.cache
def _lives_in_memory(kind: Any) -> bool:
    from luigi_clone.scheduler import Scheduler

    return issubclass(kind, Scheduler | _OutOfReach)


def _is_in_memory(scheduler: Any) -> bool:
    """Tell whether ``scheduler`` lives in the memory of the worker."""
    kind: Any = type(scheduler)
    return _lives_in_memory(kind)


def _without_scheduler(state: dict[str, Any]) -> dict[str, Any]:
    # Another process would get a copy of a scheduler in memory, at the cost of all its tasks, and what is
    # told to a copy is lost.
    if _is_in_memory(state["_scheduler"]):
        return {**state, "_scheduler": _OutOfReach()}
    return state


class _Inbox:
    """The messages of a task in a child; answers to them go the way that leads to the scheduler."""

    def __init__(self, messages: Any, scheduler: Any) -> None:
        self._messages = messages
        self._scheduler = scheduler

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._messages, name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Take the next message, with the arguments of ``queue.Queue.get``."""
        message = self._messages.get(*args, **kwargs)
        if isinstance(message, SchedulerMessage):
            message._scheduler = self._scheduler
        return message

    def get_nowait(self) -> Any:
        """Take the next message if there is one."""
        return self.get(block=False)


class TaskStatusReporter:
    """Tells the scheduler about one running task; its methods become the callbacks on the task."""

    __module__ = "luigi_clone.worker"

    def __init__(self, scheduler: Any, task_id: str, worker_id: str, scheduler_messages: Any) -> None:
        self._task_id = task_id
        self._worker_id = worker_id
        self._scheduler = scheduler
        self.scheduler_messages = scheduler_messages
        self.log: AttemptLog | None = None
        """Keeps what the task writes, if anything does."""
        _is_in_memory(scheduler)  # found out before a fork, for all children

    def __getstate__(self) -> dict[str, Any]:
        return _without_scheduler(self.__dict__)

    def without_scheduler(self) -> TaskStatusReporter:
        """Return one that tells nothing before :meth:`carry_through` has shown it a way."""
        other = TaskStatusReporter(_OutOfReach(), self._task_id, self._worker_id, self.scheduler_messages)
        other.log = self.log
        return other

    def carry_through(self, send: Callable[[bytes], None]) -> None:
        """In a child: let calls to a scheduler in the worker's memory go through ``send``."""
        if not _is_in_memory(self._scheduler):
            return
        self._scheduler = _Carried(send)
        if self.scheduler_messages is not None:
            self.scheduler_messages = _Inbox(self.scheduler_messages, self._scheduler)

    def take_call(self, call: bytes) -> None:
        """In the worker: make a call that came from the child."""
        import pickle

        try:
            name, kwargs = pickle.loads(call)  # noqa: S301 - written by our own child
            self._tell(name, **kwargs)
        except Exception:  # what a task says of itself must not end the worker
            logger.warning("Could not tell the scheduler what task %s said", self._task_id, exc_info=True)

    def _tell(self, call: str, **arguments: Any) -> None:
        # A scheduler that is away does not fail the task, nor hold it up for long.
        tell = offered(self._scheduler, "tell")
        if tell is None:
            getattr(self._scheduler, call)(**arguments)
        else:
            tell(call, **arguments)

    def update_tracking_url(self, tracking_url: str) -> None:
        """Set the address at which the work can be watched."""
        self._tell(
            "add_task",
            task_id=self._task_id,
            worker=self._worker_id,
            status=RUNNING,
            tracking_url=tracking_url,
        )

    def update_status_message(self, message: str) -> None:
        """Set the status text."""
        self._tell("set_task_status_message", task_id=self._task_id, status_message=message)

    def update_progress_percentage(self, percentage: float) -> None:
        """Set the progress, 0 to 100."""
        self._tell("set_task_progress_percentage", task_id=self._task_id, progress_percentage=percentage)

    def decrease_running_resources(self, decrease_resources: dict[str, int]) -> None:
        """Give back part of the resources that the running task holds."""
        self._tell(
            "decrease_running_task_resources", task_id=self._task_id, decrease_resources=decrease_resources
        )

    def report_task_statistics(self, statistics: Any) -> None:
        """Hand statistics of the task to the scheduler's metrics collector."""
        self._tell("report_task_statistics", task_id=self._task_id, statistics=statistics)


class SchedulerMessage:
    """A message to a running task; ``str()`` is its content, and it equals whatever has the same text."""

    __module__ = "luigi_clone.worker"

    def __init__(self, scheduler: Any, task_id: str, message_id: str, content: str, **payload: Any) -> None:
        self._scheduler = scheduler
        self._task_id = task_id
        self._message_id = message_id
        self.content = content
        self.payload = payload

    def __getstate__(self) -> dict[str, Any]:
        return _without_scheduler(self.__dict__)

    def __str__(self) -> str:
        return str(self.content)

    def __eq__(self, other: object) -> bool:
        return bool(self.content == other)

    __hash__ = None  # type: ignore[assignment]

    def respond(self, response: Any) -> None:
        """Send an answer, which the sender finds at the scheduler."""
        self._scheduler.add_scheduler_message_response(
            task_id=self._task_id, message_id=self._message_id, response=response
        )


class KeepAliveThread(threading.Thread):
    """Pings the scheduler every ``ping_interval`` seconds and hands over the messages that come back."""

    __module__ = "luigi_clone.worker"

    def __init__(
        self,
        scheduler: Any,
        worker_id: str,
        ping_interval: float,
        rpc_message_callback: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__()
        self._should_stop = threading.Event()
        self._scheduler = scheduler
        self._worker_id = worker_id
        self._ping_interval = ping_interval
        self._rpc_message_callback = rpc_message_callback
        self._failures = 0

    def stop(self) -> None:
        """Let the thread end; it wakes at once."""
        self._should_stop.set()

    def run(self) -> None:
        """Ping until stopped."""
        while not self._should_stop.wait(self._next_wait()):
            self._ping()
        logger.info("Worker %s was stopped. Shutting down Keep-Alive thread", self._worker_id)

    def _next_wait(self) -> float:
        # A scheduler that is away is asked less and less often, yet is to hear of its workers when back.
        longer = self._ping_interval * 2.0 ** min(self._failures, 10)
        return max(self._ping_interval, min(longer, _RAREST_PING))

    def _ping(self) -> None:
        try:
            # tried once: the next ping is the next attempt
            with talking(), in_haste(self._scheduler):
                response = self._scheduler.ping(worker=self._worker_id)
        except Exception:
            logger.warning("Failed pinging scheduler")
            self._failures += 1
            return
        self._failures = 0
        for message in (response or {}).get("rpc_messages", ()):
            logger.info("Worker %s got message %s", self._worker_id, message)
            try:
                self._rpc_message_callback(message)
            except Exception:  # a bad message must not end the pings
                logger.exception("Worker %s could not handle message %s", self._worker_id, message)
