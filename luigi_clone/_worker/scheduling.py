"""The scheduling phase: walk the graph of requirements, ask each task once, tell the scheduler."""

from __future__ import annotations

import itertools
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from luigi_clone._postman import POSTMAN
from luigi_clone._task_processes.completion import (
    AsyncCompletionException,
    TaskException,
    TracebackWrapper,
    check_complete,
    is_external,
)
from luigi_clone._worker.announcing import Announcing
from luigi_clone._worker.discovery import DequeQueue, complete_in_bulk, find_cycles, offers_bulk
from luigi_clone._worker.failures import FailureReports
from luigi_clone.event import Event
from luigi_clone.target import Target
from luigi_clone.task import Task, verify_same_task
from luigi_clone.task_status import DISABLED, DONE, PENDING, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger("luigi-interface")

Registration = tuple[str, bool, "list[Task] | None"]
"""Status, runnable, dependencies."""

_REFUSED: Registration = (UNKNOWN, False, None)


class CyclicRequirements(Exception):  # noqa: N818 - a state of the graph
    """Tasks require each other, so that none of them can ever run."""

    __module__ = "luigi_clone.worker"


def get_retry_policy_dict(task: Task) -> dict[str, Any]:
    """Return what ``task`` says about retries; ``None`` where it leaves it to the scheduler."""
    return {
        "retry_count": task.retry_count,
        "disable_hard_timeout": task.disable_hard_timeout,
        "disable_window": task.disable_window,
    }


class SchedulingPhase(Announcing, FailureReports):
    """The part of a worker that finds out what there is to do."""

    _task_types: set[type]
    """Classes that are known to be tasks; asking an abstract base class takes long."""

    def add(self, task: Task, multiprocess: bool = False, processes: int = 0) -> bool:
        """Register ``task`` and everything it requires; return whether each of them could be scheduled.

        With ``multiprocess``, ``complete()`` is evaluated in ``processes`` processes (0: one per CPU).
        """
        if self._first_task is None and hasattr(task, "task_id"):
            self._first_task = task.task_id
        self.add_succeeded = True
        self._validate_task(task)
        try:
            with self._collecting():
                if multiprocess:
                    self._walk_in_parallel(task, processes)
                else:
                    self._walk(task)
        except (KeyboardInterrupt, TaskException):
            raise
        except Exception as exception:
            self.add_succeeded = False
            formatted_traceback = traceback.format_exc()
            self._log_unexpected_error(task)
            task.trigger_event(Event.BROKEN_TASK, task, exception)
            self._email_unexpected_error(task, formatted_traceback)
            raise
        finally:
            if not self.add_succeeded:
                POSTMAN.give_a_moment()
        return self.add_succeeded

    def _walk(self, root: Task) -> None:
        found = DequeQueue()
        cache = self._task_completion_cache

        def ask(task: Task) -> None:
            check_complete(task, found, cache)

        def ask_group(tasks: list[Task]) -> None:
            for task, is_complete in self._bulk_answers(tasks):
                if is_complete is None:
                    ask(task)
                else:
                    found.put((task, is_complete))

        self._explore(root, ask, ask_group, found.get)

    def _walk_in_parallel(self, root: Task, processes: int) -> None:
        from luigi_clone._worker.asking import CompletionPool

        pool = CompletionPool(
            processes, self._config.parallel_scheduling_threads, self._task_completion_cache
        )

        def ask_group(tasks: list[Task]) -> None:
            if pool.bulk_in_threads:
                pool.ask_in_bulk(tasks)
                return
            for task, is_complete in self._bulk_answers(tasks):
                if is_complete is None:
                    pool.ask(task)
                else:
                    pool.answer(task, is_complete)

        try:
            self._explore(root, pool.ask, ask_group, pool.get)
        except Exception:
            pool.close()
            raise
        except BaseException:  # ctrl-C does not wait for what complete() waits for
            pool.abandon()
            raise
        pool.close()

    @staticmethod
    def _bulk_answers(tasks: list[Task]) -> Iterable[tuple[Task, bool | None]]:
        """Pair tasks of one class with what ``bulk_complete`` says, ``None`` where it says nothing."""
        return zip(tasks, complete_in_bulk(tasks) or itertools.repeat(None), strict=False)

    def _ask_groups(
        self, tasks: list[Task], ask: Callable[[Task], Any], ask_group: Callable[[list[Task]], Any]
    ) -> None:
        cache = self._task_completion_cache
        groups: dict[type, list[Task]] = {}
        for task in tasks:
            if cache is not None and cache.get(task.task_id):
                ask(task)
            else:
                groups.setdefault(type(task), []).append(task)
        for cls, group in groups.items():
            if len(group) > 1 and offers_bulk(cls):
                ask_group(group)
            else:
                for task in group:
                    ask(task)

    def _explore(
        self,
        root: Task,
        ask: Callable[[Task], Any],
        ask_group: Callable[[list[Task]], Any],
        next_answer: Callable[[], tuple[Task, Any]],
    ) -> None:
        """Ask about tasks and expand them as the answers come, until no answer is outstanding."""
        history_start = len(self._add_task_history)
        edges: dict[str, list[str]] = {}
        self._found = seen = {root.task_id: root}
        verify_same_task(self._scheduled_tasks.get(root.task_id, root), root)
        # A cycle needs an edge to a task that was expanded before; without one there is nothing to look for.
        edge_back = False
        in_bulk = self._config.complete_in_bulk
        ask(root)
        outstanding = 1
        while outstanding:
            task, is_complete = next_answer()
            outstanding -= 1
            edges[task.task_id] = targets = []
            siblings: list[Task] = []
            for dep in self._add(task, is_complete):
                dep_id = dep.task_id
                targets.append(dep_id)
                known = seen.get(dep_id)
                if known is None:
                    self._validate_task(dep)
                    seen[dep_id] = dep
                    if in_bulk:
                        siblings.append(dep)
                    else:
                        ask(dep)
                    outstanding += 1
                    continue
                if known is not dep:
                    verify_same_task(known, dep)
                if dep_id in edges:
                    edge_back = True
            if siblings:
                self._ask_groups(siblings, ask, ask_group)
        if edge_back:
            for cycle in find_cycles(edges):
                self._refuse_cycle(cycle, history_start)

    def _add(self, task: Task, is_complete: Any) -> Iterable[Task]:
        """Yield what ``task`` requires, then register it."""
        limit = self._config.task_limit
        if limit is not None and len(self._scheduled_tasks) >= limit:
            logger.warning(
                "Will not run %s or any dependencies due to exceeded task-limit of %d", task, limit
            )
            status, runnable, deps = _REFUSED
        else:
            status, runnable, deps = self._classify(task, is_complete)
            if task.disabled:
                status = DISABLED
        dep_ids: list[str] | None = None
        if deps is not None:
            dep_ids = []
            for dep in deps:
                self._validate_dependency(dep)
                task.trigger_event(Event.DEPENDENCY_DISCOVERED, task, dep)
                dep_ids.append(dep.task_id)
                yield dep
            # for the summary, so that it need not call requires() again
            self._required_ids[task.task_id] = dep_ids
        self._scheduled_tasks[task.task_id] = task
        self._register(task, status, runnable, dep_ids)

    def _classify(self, task: Task, is_complete: Any) -> Registration:
        """Decide how ``task`` is registered; fire the events and send the reports that belong to it."""
        try:
            self._check_complete_value(is_complete)
        except KeyboardInterrupt:
            raise
        except AsyncCompletionException as error:
            return self._refuse_for_complete(task, error.trace)
        except Exception:  # comparing a value of the user's may raise anything
            return self._refuse_for_complete(task, traceback.format_exc())
        if is_complete:
            task.trigger_event(Event.DEPENDENCY_PRESENT, task)
            return DONE, False, None
        if is_external(task):
            task.trigger_event(Event.DEPENDENCY_MISSING, task)
            logger.warning(
                "Data for %s does not exist (yet?). The task is an external data dependency, so it cannot"
                " be run from this luigi process.",
                task,
            )
            return PENDING, self._config.retry_external_tasks, None
        try:
            deps = task.deps()
            if deps is not None and type(deps) is not list:
                deps = list(deps)
            self._add_task_batcher(task)
        except Exception as exception:  # user code
            if _comes_from_the_scheduler(exception):
                raise
            return self._refuse_for_deps(task, exception, traceback.format_exc())
        return PENDING, True, deps

    def _refuse_for_complete(self, task: Task, formatted_traceback: str) -> Registration:
        self.add_succeeded = False
        self._log_complete_error(task, formatted_traceback)
        task.trigger_event(Event.DEPENDENCY_MISSING, task)
        self._email_complete_error(task, formatted_traceback)
        return _REFUSED

    def _refuse_for_deps(self, task: Task, exception: Exception, formatted_traceback: str) -> Registration:
        self.add_succeeded = False
        self._log_dependency_error(task, formatted_traceback)
        task.trigger_event(Event.BROKEN_TASK, task, exception)
        self._email_dependency_error(task, formatted_traceback)
        return _REFUSED

    def _refuse_cycle(self, cycle: list[str], history_start: int) -> None:
        """Treat the members of a cycle as tasks whose requirements cannot be known."""
        members = [self._scheduled_tasks[task_id] for task_id in cycle[:-1]]
        error = CyclicRequirements(
            f"These tasks require each other, so none of them can run: {_chain([*members, members[0]])}"
        )
        status, runnable, _ = self._refuse_for_deps(
            members[0], error, "".join(traceback.format_exception_only(error))
        )
        # Their first registration is void: they were never waiting to run.
        void = set(cycle)
        self._add_task_history[history_start:] = [
            entry for entry in self._add_task_history[history_start:] if entry[0].task_id not in void
        ]
        for task in members:
            self._register(task, status, runnable, None)

    def _register(self, task: Task, status: str, runnable: bool, dep_ids: list[str] | None) -> None:
        self._announce_family(task)
        self._add_task(
            worker=self._id,
            task_id=task.task_id,
            status=status,
            deps=dep_ids,
            runnable=runnable,
            priority=task.priority,
            resources=task.process_resources(),
            params=task.to_str_params(),
            family=task.task_family,
            module=task.task_module,
            batchable=task.batchable,
            retry_policy_dict=get_retry_policy_dict(task),
            accepts_messages=task.accepts_messages,
        )

    def _add_task(self, *args: Any, **kwargs: Any) -> None:
        """Call ``scheduler.add_task`` and note the call for the summary."""
        task_id: str = kwargs["task_id"]
        status: str | None = kwargs["status"]
        runnable: bool | None = kwargs["runnable"]
        task = self._scheduled_tasks.get(task_id)
        if task is not None:
            self._add_task_history.append((task, status, runnable))
            kwargs["owners"] = task._owner_list()
            if kwargs.get("params"):
                kwargs["param_visibilities"] = task._get_param_visibilities()
        if task_id in self._batch_running_tasks:
            for member in self._batch_running_tasks.pop(task_id):
                self._add_task_history.append((member, status, True))
        self._scheduler.add_task(*args, **kwargs)
        logger.info("Informed scheduler that task   %s   has status   %s", task_id, status)

    def _add_task_batcher(self, task: Task) -> None:
        """Tell the scheduler once per family which of its parameters can be combined."""
        family = task.task_family
        if family in self._batch_families_sent:
            return
        names = task.batch_param_names()
        if names:
            self._scheduler.add_task_batcher(
                worker=self._id, task_family=family, batched_args=names, max_batch_size=task.max_batch_size
            )
        self._batch_families_sent.add(family)

    def _validate_task(self, task: Any) -> None:
        if type(task) in self._task_types and task.initialized():
            return
        if not isinstance(task, Task):
            raise TaskException(f"Can not schedule non-task {task}")
        if not task.initialized():
            # Without its base constructor the task may have no usable repr either.
            raise TaskException(
                f"Task of class {task.__class__.__name__} not initialized. Did you override __init__"
                " and forget to call super(...).__init__?"
            )

    def _validate_dependency(self, dependency: Any) -> None:
        if type(dependency) in self._task_types:
            return
        if isinstance(dependency, Target):
            raise Exception(  # noqa: TRY002 - Luigi's type
                "requires() can not return Target objects. Wrap it in an ExternalTask class"
            )
        if not isinstance(dependency, Task):
            raise Exception(  # noqa: TRY002 - Luigi's type
                f"requires() must return Task objects but {dependency} is a {type(dependency)}"
            )
        self._task_types.add(type(dependency))

    def _check_complete_value(self, is_complete: Any) -> None:
        if is_complete is True or is_complete is False:
            return
        if isinstance(is_complete, TracebackWrapper):
            raise AsyncCompletionException(is_complete.trace)
        if is_complete not in (True, False):
            raise Exception(  # noqa: TRY002 - Luigi's type
                f"Return value of Task.complete() must be boolean (was {is_complete!r})"
            )


_SHOWN = 10


def _chain(tasks: list[Task]) -> str:
    """Return ``a -> b -> a``, without the middle of a long one."""
    if len(tasks) <= 2 * _SHOWN:
        return " -> ".join(map(str, tasks))
    left_out = len(tasks) - 2 * _SHOWN
    return " -> ".join([*map(str, tasks[:_SHOWN]), f"... {left_out} more ...", *map(str, tasks[-_SHOWN:])])


def _comes_from_the_scheduler(exception: Exception) -> bool:
    """Tell whether a scheduler elsewhere could not be reached, without loading the client for that."""
    rpc = sys.modules.get("luigi_clone.rpc")
    return rpc is not None and isinstance(exception, rpc.RPCError)
