"""One attempt at a task, in the worker's own process or in a child."""

from __future__ import annotations

import collections.abc
import functools
import json
import logging
import os
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.attempt import attempting
from luigi_clone._task_processes.completion import (
    CompletionCache,
    TaskException,
    check_complete_cached,
    is_external,
)
from luigi_clone._task_processes.ending import Ending, send_to_group
from luigi_clone._task_processes.forking import begin_child, end_with, has_terminal, load_end_with
from luigi_clone._task_processes.interpreter import is_aliased, prepare_interpreter
from luigi_clone._task_processes.results import ChildResults, ResultQueue
from luigi_clone.event import Event
from luigi_clone.task import DynamicRequirements, flatten
from luigi_clone.task_status import DONE, FAILED, PENDING

if TYPE_CHECKING:
    import multiprocessing
    from collections.abc import MutableMapping
    from contextlib import AbstractContextManager

    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")

Requirement = tuple[str, str, dict[str, Any]]
"""Module, family and text parameters: enough to make the task again."""

Result = tuple[str, "str | None", Any, list[str], list[Requirement]]
"""Task id, status, explanation, missing dependencies, new requirements."""

_EXTERNAL_MISSING = "Task is an external data dependency and data does not exist (yet?)."

if TYPE_CHECKING:
    _Process = multiprocessing.Process
else:

    class _Process:
        """Stands in for ``multiprocessing.Process`` until that is loaded."""


# What multiprocessing.Process keeps in an instance from its constructor on.
_PROCESS_STATE = frozenset(
    ("_identity", "_config", "_parent_pid", "_popen", "_closed", "_target", "_args", "_kwargs", "_name")
)


def plain_explanation(expl: Any) -> Any:
    """Return ``expl`` if it can travel as JSON, else its text."""
    if expl is None or type(expl) is str:
        return expl
    try:
        json.dumps(expl)
    except Exception:  # a value of the user's may raise anything when encoded
        return repr(expl)
    return expl


def become_process() -> None:
    """Make :class:`TaskProcess` a subclass of ``multiprocessing.Process``.

    A pipeline that runs in one process never needs it, and loading multiprocessing would cost a command more
    time than its task. So it is done as soon as there is a child, somebody asks for the class by its public
    name, or multiprocessing is loaded anyway.
    """
    if _Process in TaskProcess.__bases__:
        import multiprocessing

        TaskProcess.__bases__ = (multiprocessing.Process,)


@functools.cache
def _prepare_children() -> None:
    """Do here what every child would have to do otherwise."""
    import pickle  # noqa: F401
    import random  # noqa: F401

    has_terminal()
    load_end_with()


def _revive(aliased: bool, inner: bytes) -> Any:
    """Make a task process in a child that was not forked."""
    import pickle

    prepare_interpreter(aliased)
    kind, attributes = pickle.loads(inner)  # noqa: S301 - written by our own parent
    process = kind.__new__(kind)
    process.__dict__.update(attributes)
    process.forked_by = None
    if isinstance(process.result_queue, ChildResults):
        process.result_queue.process = process
    return process


class _Outcome:
    """What an attempt has come to so far."""

    __slots__ = ("expl", "missing", "new_deps", "status")

    def __init__(self) -> None:
        self.status: str | None = FAILED
        self.expl: Any = ""
        self.missing: list[str] = []
        self.new_deps: list[Requirement] = []


class _Forwarding:
    """The callbacks are on the task within this context."""

    __slots__ = ("process",)

    def __init__(self, process: TaskProcess) -> None:
        self.process = process

    def __enter__(self) -> TaskProcess:
        process = self.process
        task, reporter = process.task, process.status_reporter
        for reporter_name, task_name in process.forward_reporter_attributes.items():
            setattr(task, task_name, getattr(reporter, reporter_name))
        return process

    def __exit__(self, *_: object) -> None:
        task = self.process.task
        for task_name in self.process.forward_reporter_attributes.values():
            setattr(task, task_name, None)


class TaskProcess(_Process):
    """Runs one task once and puts the outcome on ``result_queue``.

    ``run()`` does it in the calling process, ``start()`` in a child. ``timeout_time`` is the Unix time from
    which on the worker ends the child, ``None`` without a timeout.
    """

    __module__ = "luigi_clone.worker"

    forward_reporter_attributes: dict[str, str] = {  # noqa: RUF012 - Luigi's name, replaceable
        "update_tracking_url": "set_tracking_url",
        "update_status_message": "set_status_message",
        "update_progress_percentage": "set_progress_percentage",
        "decrease_running_resources": "decrease_running_resources",
        "scheduler_messages": "scheduler_messages",
    }

    termination_grace = 5.0
    """Seconds between SIGTERM and SIGKILL."""

    end_note: str = ""
    """What is known of the end beside the exit code, to be put behind that."""

    forked_by: int | None = None
    """Process id of the worker, once the child is forked."""

    def __init__(
        self,
        task: Task,
        worker_id: str,
        result_queue: Any,
        status_reporter: Any,
        use_multiprocessing: bool = False,
        worker_timeout: float = 0,
        check_unfulfilled_deps: bool = True,
        check_complete_on_run: bool = False,
        task_completion_cache: MutableMapping[str, bool] | None = None,
    ) -> None:
        self.task = task
        self.worker_id = worker_id
        self.result_queue = result_queue
        self.status_reporter = status_reporter
        if task.worker_timeout is not None:
            worker_timeout = task.worker_timeout
        self.worker_timeout = worker_timeout
        self.deadline: float | None = None
        self.timeout_time = time.time() + worker_timeout if worker_timeout else None
        self.use_multiprocessing = use_multiprocessing or self.timeout_time is not None
        if self.use_multiprocessing or "multiprocessing" in sys.modules:
            become_process()
        self.check_unfulfilled_deps = check_unfulfilled_deps
        self.check_complete_on_run = check_complete_on_run
        self.task_completion_cache = task_completion_cache
        self.ending: Ending | None = None
        self.required_tasks: list[Task] | None = None

    def __getattr__(self, name: str) -> Any:
        # multiprocessing's own constructor runs when the first of its attributes is asked for: a task that
        # runs in this process has no use for it.
        if name in _PROCESS_STATE and "_popen" not in self.__dict__:
            become_process()
            super().__init__()
            return self.__dict__[name]
        if _Process in TaskProcess.__bases__ and not name.startswith("__"):
            become_process()
            return getattr(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def check_complete(self, task: Task) -> bool:
        """Return whether ``task`` is complete, from the worker's cache when there is one."""
        return check_complete_cached(task, self.task_completion_cache)

    @property
    def timeout_time(self) -> float | None:
        """The Unix time at which the attempt is to end; ``deadline`` is that by a clock nobody sets."""
        return self._timeout_time

    @timeout_time.setter
    def timeout_time(self, when: float | None) -> None:
        self._timeout_time = when
        self.deadline = None if when is None else time.monotonic() + when - time.time()

    # -- the attempt ------------------------------------------------

    def run(self) -> None:
        """Run the task, fire its events, and put the result tuple on the queue whatever happens."""
        outcome = _Outcome()
        try:
            with attempting(self):
                self._attempt(outcome)
        finally:
            self.result_queue.put(
                (
                    self.task.task_id,
                    outcome.status,
                    plain_explanation(outcome.expl),
                    outcome.missing,
                    outcome.new_deps,
                )
            )

    def _attempt(self, outcome: _Outcome) -> None:
        task = self.task
        logger.info("[pid %s] Worker %s running   %s", os.getpid(), self.worker_id, task)
        if self.use_multiprocessing and self.forked_by is None:
            self._reseed()
        try:
            external = is_external(task)
            if self.check_unfulfilled_deps and not external:
                self._check_dependencies(outcome.missing)
            started = time.monotonic()
            outcome.status = None
            task.trigger_event(Event.START, task)
            if external:
                outcome.status, outcome.expl = self._look_for_external_data()
            else:
                with self._forward_attributes():
                    outcome.new_deps = self._run_get_new_deps() or []
                outcome.status = self._status_after_run(outcome.new_deps)
            if outcome.new_deps:
                logger.info("[pid %s] Worker %s new requirements      %s", os.getpid(), self.worker_id, task)
            elif outcome.status == DONE:
                outcome.expl = self._succeed(started)
        except KeyboardInterrupt:
            if self.use_multiprocessing:
                # The worker goes on without this child, so it must learn that the attempt is over.
                outcome.status = FAILED
                outcome.expl = "Interrupted:\n" + traceback.format_exc()
            raise
        except BaseException as exception:  # SystemExit fails the task as well
            outcome.status = FAILED
            outcome.expl = self._fail(exception)

    def _reseed(self) -> None:
        """Give the child random numbers of its own, as a fork does by itself."""
        import random

        random.seed(os.getpid() * time.time())

    def _check_dependencies(self, missing: list[str]) -> None:
        for dep in self.task.deps():
            if not self.check_complete(dep):
                absent = [output for output in flatten(dep.output()) if not output.exists()]
                if absent:
                    missing.append(f"{dep.task_id} ({', '.join(map(str, absent))})")
                else:
                    missing.append(dep.task_id)
        if missing:
            noun = "dependency" if len(missing) == 1 else "dependencies"
            raise RuntimeError(f"Unfulfilled {noun} at run time: {', '.join(missing)}")

    def _look_for_external_data(self) -> tuple[str, str]:
        if self.check_complete(self.task):
            return DONE, ""
        return FAILED, _EXTERNAL_MISSING

    def _status_after_run(self, new_deps: list[Requirement]) -> str:
        if new_deps:
            return PENDING
        if self.check_complete_on_run:
            if not self.check_complete(self.task):
                raise TaskException("Task finished running, but complete() is still returning false.")
        elif self.task_completion_cache is not None:
            self.task_completion_cache[self.task.task_id] = True
        return DONE

    def _succeed(self, started: float) -> Any:
        task = self.task
        task.trigger_event(Event.PROCESSING_TIME, task, time.monotonic() - started)
        expl = task.on_success()
        logger.info("[pid %s] Worker %s done      %s", os.getpid(), self.worker_id, task)
        task.trigger_event(Event.SUCCESS, task)
        return expl

    def _fail(self, exception: BaseException) -> Any:
        try:
            return self._handle_run_exception(exception)
        except Exception:  # the user's on_failure must not take the other tasks with it
            logger.exception(
                "[pid %s] Worker %s: on_failure of %s raised", os.getpid(), self.worker_id, self.task
            )
            return "Runtime error, and on_failure() raised while handling it:\n" + traceback.format_exc()

    def _handle_run_exception(self, exception: BaseException) -> Any:
        """Log the exception, fire FAILURE, and return what the task's ``on_failure`` says."""
        logger.exception("[pid %s] Worker %s failed    %s", os.getpid(), self.worker_id, self.task)
        self.task.trigger_event(Event.FAILURE, self.task, exception)
        return self.task.on_failure(exception)

    def _forward_attributes(self) -> AbstractContextManager[TaskProcess]:
        """Put the callbacks of the status reporter on the task, and ``None`` in their place afterwards."""
        return _Forwarding(self)

    def _run_get_new_deps(self) -> list[Requirement] | None:
        """Call ``run()`` and drive its generator; return the requirements that are not complete yet."""
        generator: Any = self.task.run()
        if generator is None or not isinstance(generator, collections.abc.Generator):
            return None
        outputs: Any = None
        while True:
            try:
                required = generator.send(outputs)
            except StopIteration:
                return None
            if not isinstance(required, DynamicRequirements):
                required = DynamicRequirements(required)
            if not required.complete(self.check_complete):
                tasks = list(required.flat_requirements)
                self.required_tasks = tasks
                return [(t.task_module, t.task_family, t.to_str_params()) for t in tasks]
            outputs = required.paths

    # -- the child ------------------------------------------------

    def start(self) -> None:
        """Start the child that runs the task."""
        _prepare_children()
        self.forked_by = os.getpid()
        queue = self.result_queue
        if not isinstance(queue, ResultQueue):
            super().start()
            return
        with queue.channel(self) as self.result_queue:
            try:
                super().start()
            finally:
                self.result_queue = queue

    def __reduce__(self) -> Any:
        # Only a start by spawn or forkserver gets here. The child must know what "luigi" means before it
        # imports the module of the task, so the object itself travels inside.
        from multiprocessing.reduction import ForkingPickler

        inner = bytes(ForkingPickler.dumps((type(self), self.__dict__)))
        return _revive, (is_aliased(), inner)

    @staticmethod
    def _Popen(process: Any) -> Any:  # noqa: N802 - where multiprocessing lets a process choose how it starts
        import multiprocessing

        if multiprocessing.get_start_method() == "fork":
            from luigi_clone._task_processes import forked

            if forked.suits(process):
                return forked.Forked(process)
        return multiprocessing.Process._Popen(process)

    @property
    def fork_time(self) -> float:
        """CPU seconds that this process spent on forking the child; 0 where that is not known."""
        return getattr(self._popen, "took", 0.0)

    def _bootstrap(self, parent_sentinel: int | None = None) -> int:
        self.begin()
        return super()._bootstrap(parent_sentinel)  # type: ignore[misc, no-any-return]

    def begin(self) -> None:
        """In a child: become a process of its own."""
        end_with(self.forked_by)
        begin_child()
        if isinstance(self.result_queue, ChildResults):
            carry = getattr(self.status_reporter, "carry_through", None)
            if carry is not None:
                carry(self.result_queue.call)
        if isinstance(self.task_completion_cache, CompletionCache):
            self.task_completion_cache.fresh.clear()

    def refused_result(self, result: Any, error: Exception) -> Any:
        """Return a failure in place of a result that cannot be pickled."""
        return (
            self.task.task_id,
            FAILED,
            f"The result of the task cannot be sent to the worker: {error!r}",
            [],
            [],
        )

    def findings(self) -> bytes:
        """Return which tasks were found complete, and the required tasks with their PRIVATE values."""
        cache = self.task_completion_cache
        fresh = cache.fresh if isinstance(cache, CompletionCache) else []
        if not fresh and not self.required_tasks:
            return b""
        import pickle

        try:
            return pickle.dumps((fresh, self.required_tasks))
        except Exception:  # the worker makes tasks that cannot be pickled from their texts
            return pickle.dumps((fresh, None))

    def take_findings(self, findings: bytes) -> None:
        """Take in what the child found."""
        import pickle

        try:
            fresh, self.required_tasks = pickle.loads(findings)  # noqa: S301 - written by our own child
        except (
            Exception
        ):  # a class that exists in the child only: the task is made from its texts, or refused
            return
        if isinstance(self.task_completion_cache, CompletionCache):
            self.task_completion_cache.learn(fresh)

    def take_call(self, call: bytes) -> None:
        """Tell the scheduler what the task has told it in the child."""
        self.status_reporter.take_call(call)

    def is_alive(self) -> bool:
        """Tell whether the child runs; false when there is none."""
        popen = self.__dict__.get("_popen")
        if popen is None:
            return "_popen" in self.__dict__ and super().is_alive()
        # Asked of every child after each result; the rest of what multiprocessing does costs as much again.
        alive: bool = popen.poll() is None
        return alive

    def terminate(self) -> None:
        """Begin to end the child, without waiting: SIGTERM now, SIGKILL after ``termination_grace``."""
        self._recursive_terminate()

    def interrupt(self) -> None:
        """Send the child what ctrl-C sends."""
        assert self.pid is not None
        send_to_group(self.pid, signal.SIGINT)

    def _recursive_terminate(self) -> None:
        """Begin to end the child and everything it started."""
        if self.is_alive() and self.pid is not None:
            self.ending = Ending(self.pid, self.termination_grace)


class ContextManagedTaskProcess(TaskProcess):
    """Runs the task within the context manager that ``[worker] task_process_context`` names."""

    __module__ = "luigi_clone.worker"

    def __init__(self, context: str | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context = context

    def run(self) -> None:
        """Run the task within the context."""
        if not self.context:
            super().run()
            return
        import importlib

        logger.debug("Importing module and instantiating %s", self.context)
        module_name, _, class_name = self.context.rpartition(".")
        context = getattr(importlib.import_module(module_name), class_name)
        with context(self):
            super().run()
