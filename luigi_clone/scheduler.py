"""The scheduler: which task may run where, and what became of it.

:class:`Scheduler` has the calls that workers, pages and tools make, in process or through the server. It is
the shell of :class:`luigi_clone._scheduling.machine.Machine`: it tells it the time, and does what follows
outside (log lines, mails, metrics, history rows).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from luigi_clone import metrics, parameter
from luigi_clone._scheduler.answering import Answering
from luigi_clone._scheduler.clock import wall_clock
from luigi_clone._scheduler.effects import Effects, as_text, without
from luigi_clone._scheduler.logs import LogCalls, TailStore
from luigi_clone._scheduler.paging import PageCalls
from luigi_clone._scheduler.portraits import PortraitCalls
from luigi_clone._scheduler.saving import Saving
from luigi_clone._scheduler.steering import OperatorCalls, RunningTaskCalls
from luigi_clone._scheduler.surveying import Surveyor
from luigi_clone._scheduler.viewing import ViewCalls
from luigi_clone._scheduling import views
from luigi_clone._scheduling.facade import Limits, OrderedSet, SimpleTaskState, Task, Worker
from luigi_clone._scheduling.families import Families
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import (
    STATUS_TO_UPSTREAM_MAP,
    UPSTREAM_DISABLED,
    UPSTREAM_FAILED,
    UPSTREAM_MISSING_INPUT,
    UPSTREAM_RUNNING,
    UPSTREAM_SEVERITY_KEY,
    UPSTREAM_SEVERITY_ORDER,
    WORKER_STATE_ACTIVE,
    WORKER_STATE_DISABLED,
    RetryPolicy,
    Settings,
)
from luigi_clone._scheduling.views import TASK_FAMILY_RE
from luigi_clone._wire.methods import RPC_METHODS, rpc_method
from luigi_clone.configuration import get_config
from luigi_clone.task import Config
from luigi_clone.task_history import NopHistory, TaskHistory
from luigi_clone.task_status import (
    BATCH_RUNNING,
    DISABLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    SUSPENDED,
    UNKNOWN,
)

if TYPE_CHECKING:
    from luigi_clone._scheduling.assignment import Picker
    from luigi_clone.batch_notifier import BatchNotifier

__all__ = [
    "BATCH_RUNNING",
    "DISABLED",
    "DONE",
    "FAILED",
    "PENDING",
    "RPC_METHODS",
    "RUNNING",
    "STATUS_TO_UPSTREAM_MAP",
    "SUSPENDED",
    "TASK_FAMILY_RE",
    "UNKNOWN",
    "UPSTREAM_DISABLED",
    "UPSTREAM_FAILED",
    "UPSTREAM_MISSING_INPUT",
    "UPSTREAM_RUNNING",
    "UPSTREAM_SEVERITY_KEY",
    "UPSTREAM_SEVERITY_ORDER",
    "WORKER_STATE_ACTIVE",
    "WORKER_STATE_DISABLED",
    "OrderedSet",
    "RetryPolicy",
    "Scheduler",
    "SimpleTaskState",
    "Task",
    "Worker",
    "rpc_method",
    "scheduler",
]

logger = logging.getLogger("luigi.scheduler")


def _get_empty_retry_policy() -> RetryPolicy:
    """Return a policy that leaves everything to the scheduler's settings."""
    return RetryPolicy(None, None, None)


class scheduler(Config):  # noqa: N801 - named after its section
    """Options of ``[scheduler]``; also keywords of :class:`Scheduler`. Times are in seconds."""

    retry_delay = parameter.FloatParameter(
        default=900.0, description="a FAILED task is tried again after this; never if negative"
    )
    remove_delay = parameter.FloatParameter(
        default=600.0, description="a task that no worker wants any more is dropped after this"
    )
    worker_disconnect_delay = parameter.FloatParameter(
        default=60.0, description="a worker is dropped after this long without contact"
    )
    state_path = parameter.Parameter(
        default="/var/lib/luigi-server/state.pickle", description="where the state is kept over restarts"
    )
    batch_emails = parameter.BoolParameter(
        default=False, description="collect failures and disabled tasks and mail them together"
    )
    disable_window = parameter.IntParameter(
        default=3600,
        description="failures are counted this long",
    )
    retry_count = parameter.IntParameter(
        default=999999999,
        description="so many failures within the window disable a task",
    )
    disable_hard_timeout = parameter.IntParameter(
        default=999999999,
        description="a failure this long after the first one disables the task",
    )
    disable_persist = parameter.IntParameter(
        default=86400,
        description="how long a task stays disabled",
    )
    max_shown_tasks = parameter.IntParameter(default=100000, description="most tasks that a list shows")
    max_graph_nodes = parameter.IntParameter(default=100000, description="most tasks that a graph shows")
    record_task_history = parameter.BoolParameter(
        default=False, description="keep the history of tasks in a database"
    )
    prune_on_get_work = parameter.BoolParameter(default=False, description="do what is due at each get_work")
    pause_enabled = parameter.BoolParameter(default=True, description="allow to pause the scheduler")
    send_messages = parameter.BoolParameter(default=True, description="allow messages to tasks")
    metrics_collector: Any = parameter.EnumParameter(
        enum=metrics.MetricsCollectors,
        default=metrics.MetricsCollectors.default,
        description="where counts and times of runs go",
    )
    metrics_custom_import = parameter.OptionalStrParameter(
        default=None, description="dotted name of the class for metrics_collector=custom"
    )
    stable_done_cooldown_secs = parameter.IntParameter(
        default=10, description="a task that has been DONE for less than this is not taken for PENDING"
    )
    task_log_size = parameter.IntParameter(
        default=262_144, description="most characters that are kept in memory of what one task writes"
    )
    task_logs_size = parameter.IntParameter(
        default=67_108_864, description="most characters that are kept in memory of what all tasks write"
    )


class Scheduler(
    Answering, Saving, Effects, OperatorCalls, RunningTaskCalls, LogCalls, PageCalls, PortraitCalls, ViewCalls
):
    """Assigns tasks to workers.

    ``kwargs`` are options of ``[scheduler]``; ``resources`` replaces the section ``[resources]``, and
    ``task_history_impl`` the history. Subclasses may replace ``_rank``, ``_schedulable``, ``_has_resources``
    (the choice then looks at every task), ``_make_task`` and ``_update_task_history``, and may add calls with
    :func:`rpc_method`. Not safe for use by several threads at once, except for the pings of a worker.
    """

    _email_batcher: BatchNotifier | None
    _metrics_collector: metrics.MetricsCollector

    def __init__(
        self,
        config: Any = None,
        resources: Mapping[str, int] | None = None,
        task_history_impl: TaskHistory | None = None,
        **kwargs: Any,
    ) -> None:
        self._config = config or scheduler(**kwargs)
        limits = resources or get_config().getintdict("resources")
        self._set_up(limits)
        self._metrics_collector = metrics.MetricsCollectors.get(
            self._config.metrics_collector, self._config.metrics_custom_import
        )
        self._metrics_collector.watch(self._gauges)
        self._machine.wants_metrics = not isinstance(self._metrics_collector, metrics.NoMetricsCollector)
        self._task_history = task_history_impl or self._configured_history()
        if self._config.batch_emails:
            from luigi_clone.batch_notifier import BatchNotifier

            self._email_batcher = BatchNotifier()
            self._email_batcher._deliver = _post

    def _set_up(self, limits: Mapping[str, Any]) -> None:
        """Make the state machine, without any task; the world outside is told of nothing yet."""
        self._clock: Callable[[], float] = wall_clock
        self._prepared = {}
        self._strangers = set()
        self._newcomers = set()
        self._machine = machine = Machine(_live_options(self._config), {})
        machine.configure_resources(limits)
        self._state = SimpleTaskState(self._config.state_path, machine)
        self._upstream = views.Upstream(machine)
        self._surveyor = Surveyor(machine, lambda: self._clock())
        self._families = Families()
        # A configuration object of a program may know nothing of logs.
        self._tails = TailStore(
            getattr(self._config, "task_log_size", 0), getattr(self._config, "task_logs_size", 0)
        )
        self._email_batcher = None
        self._metrics_collector = metrics.NoMetricsCollector()
        self._task_history = NopHistory()
        self._makes_tasks = _replaced(self, "_make_task")
        if any(_replaced(self, name) for name in ("_rank", "_schedulable", "_has_resources")):
            machine.picker = self._linear_picker()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy in another process needs.

        Nothing that such a copy is told comes back, so it gets no tasks, and tells no history, collector or
        mail of anything.
        """
        left_out = {
            *(
                "_clock",
                "_prepared",
                "_strangers",
                "_newcomers",
                "_machine",
                "_state",
                "_upstream",
                "_surveyor",
                "_families",
                "_tails",
                "_email_batcher",
                "_metrics_collector",
            ),
            "_Scheduler__history",
            *self._not_copied(),
        }
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return {**state, "_limits": dict(self._resources)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make an empty scheduler with the same options."""
        limits = state.pop("_limits")
        self.__dict__.update(state)
        self._set_up(limits)

    # ---- parts that subclasses replace

    def _rank(self, task: Task) -> Any:
        """Return what tasks are ordered by: the greatest is given out first."""
        return task.priority, -task.time

    def _schedulable(self, task: Task) -> bool:
        """Tell whether the task could be given out, were its resources free."""
        record = self._machine.tasks[task.id]
        return record.status is PENDING and not record.unmet

    def _has_resources(self, needed_resources: Mapping[str, Any], used_resources: Mapping[str, Any]) -> bool:
        """Tell whether what is needed fits beside what is used."""
        limits = self._machine.index.limits
        for name, amount in (needed_resources or {}).items():
            if amount + used_resources.get(name, 0) > limits.get(name, 1):
                return False
        return True

    def _make_task(self, **fields: Any) -> Task:
        """Return a task with these fields; what a subclass changes in it is what gets registered."""
        return Task(**fields)

    def _update_task_history(self, task: Task, status: str, host: str | None = None) -> None:
        """Tell the history of a change of status; its exceptions are logged."""
        try:
            if status in (DONE, FAILED):
                self._task_history.task_finished(task, status == DONE)
            elif status == PENDING:
                self._task_history.task_scheduled(task)
            elif status == RUNNING:
                self._task_history.task_started(task, host)
        except Exception:
            logger.warning("Error saving Task history", exc_info=True)

    def _linear_picker(self) -> Picker:
        """Return a choice that looks at every task by the rules of a subclass."""
        from luigi_clone._scheduling.linear import LinearPicker, Rules

        machine = self._machine
        rules = Rules(
            lambda record: self._rank(Task.of(machine, record)),
            lambda record: self._schedulable(Task.of(machine, record)),
            self._has_resources,
        )
        return LinearPicker(machine, rules).pick

    def _configured_history(self) -> TaskHistory:
        if not self._config.record_task_history:
            return NopHistory()
        from importlib import import_module

        try:
            db_task_history = import_module("luigi_clone.db_task_history")
        except ImportError as error:
            raise ImportError(
                f"[scheduler] record_task_history needs luigi_clone.db_task_history: {error}"
            ) from error
        history: TaskHistory = db_task_history.DbTaskHistory()
        return history

    # ---- the outside world

    @property
    def task_history(self) -> TaskHistory:
        """The history of tasks."""
        return self._task_history

    @property
    def _task_history(self) -> TaskHistory:
        history: TaskHistory = self.__history
        return history

    @_task_history.setter
    def _task_history(self, history: TaskHistory) -> None:
        self.__history = history
        nothing = isinstance(history, NopHistory)
        self._machine.wants_history = not nothing or _replaced(self, "_update_task_history")

    @property
    def _paused(self) -> bool:
        return self._machine.paused

    @_paused.setter
    def _paused(self, paused: bool) -> None:
        self._machine.set_paused(paused)

    @property
    def _resources(self) -> Limits:
        return Limits(self._machine)

    @_resources.setter
    def _resources(self, amounts: Mapping[str, Any]) -> None:
        self._machine.update_resources(amounts)

    # ---- registration and work

    @rpc_method()
    def add_task(
        self,
        task_id: str | None = None,
        status: str = PENDING,
        runnable: bool | None = True,
        deps: Iterable[str] | None = None,
        new_deps: Iterable[str] | None = None,
        expl: str | None = None,
        resources: Mapping[str, Any] | None = None,
        priority: float = 0,
        family: str = "",
        module: str | None = None,
        params: Mapping[str, Any] | None = None,
        param_visibilities: Mapping[str, int] | None = None,
        accepts_messages: bool | None = False,
        assistant: bool = False,
        tracking_url: str | None = None,
        worker: str | None = None,
        batchable: bool | None = None,
        batch_id: str | None = None,
        retry_policy_dict: Mapping[str, Any] | None = None,
        owners: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Register a task, or tell what became of its run.

        ``deps`` replaces the dependencies and ``new_deps`` adds to them; what is None stays as it is.
        ``runnable`` tells whether ``worker`` can run it. Raises AssertionError without a worker, and
        ValueError for an argument that would do harm later; nothing is changed then.
        """
        machine = self._machine
        if self._makes_tasks and task_id is not None and task_id not in machine.tasks:
            made = self._make_task(
                task_id=task_id,
                status=status,
                deps=deps,
                resources=resources,
                priority=priority,
                family=family,
                module=module,
                params=params,
                param_visibilities=param_visibilities,
            )
            resources, priority, family, module = made.resources, made.priority, made.family, made.module
            params, param_visibilities = made.params, made.param_visibilities
        machine.add_task(
            self._clock(),
            task_id,
            status,
            runnable,
            deps,
            new_deps,
            expl,
            resources,
            priority,
            family,
            module,
            params,
            param_visibilities,
            accepts_messages,
            assistant,
            tracking_url,
            worker,
            batchable,
            batch_id,
            retry_policy_dict,
            owners,
            self._lease,
        )
        if machine.effects:
            self._run_effects()

    @rpc_method()
    def add_task_batcher(
        self,
        worker: str,
        task_family: str,
        batched_args: Iterable[str],
        max_batch_size: float = float("inf"),
    ) -> None:
        """Tell which parameters of a family ``worker`` can merge, and how many tasks at once."""
        self._machine.add_task_batcher(worker, task_family, batched_args, max_batch_size)

    @rpc_method()
    def add_worker(self, worker: str, info: Any, **kwargs: Any) -> None:
        """Merge ``info`` (a mapping or a list of pairs) into what is known of a worker."""
        self._machine.add_worker(self._clock(), worker, info)

    @rpc_method(allow_null=False)
    def get_work(
        self,
        host: str | None = None,
        assistant: bool = False,
        current_tasks: list[str] | None = None,
        worker: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Give ``worker`` a task or a batch, with the counts of what waits for it.

        ``current_tasks`` are the ids that it runs: a task it should be running but does not name is given
        again.
        """
        reply = self._machine.get_work(self._clock(), host, assistant, current_tasks, worker)
        if self._machine.effects:
            self._run_effects()
        if self._email_batcher is not None and self._config.prune_on_get_work:
            self._email_batcher.update()
        return reply

    @rpc_method()
    def count_pending(self, worker: str) -> dict[str, Any]:
        """Tell how many tasks wait for a worker, and which of its tasks run anywhere."""
        return self._machine.count_pending(worker)

    @rpc_method()
    def ping(self, **kwargs: Any) -> dict[str, Any]:
        """Note that ``worker`` is alive; hand over the messages that wait for it."""
        return {"rpc_messages": self._machine.ping(self._clock(), kwargs["worker"])}

    @rpc_method()
    def announce_scheduling_failure(
        self,
        task_name: str,
        family: str,
        params: Mapping[str, Any],
        expl: str | None,
        owners: Iterable[str] | None,
        **kwargs: Any,
    ) -> None:
        """Note that ``worker`` could not schedule a task, for the next batch mail."""
        if self._email_batcher is None:
            return
        batcher = self._machine.batcher(kwargs.get("worker", ""), family)
        unbatched = without(params, batcher.batched_args or ())
        self._email_batcher.add_scheduling_fail(task_name, family, unbatched, as_text(expl), owners)

    @rpc_method()
    def prune(self) -> None:
        """Do what is due: drop silent workers, retry tasks, end disables, drop unwanted tasks, send mails."""
        self._machine.prune(self._clock())
        if self._machine.effects:
            self._run_effects()
        if self._finds is not None:
            self._finds.age(self._clock())
        if self._email_batcher is not None:
            self._email_batcher.update()


class _Options:
    """The attributes of a configuration object, read without its descriptors."""


def _live_options(config: Any) -> Any:
    """Return an object with the options of ``config`` that follows its changes and is quick to read."""
    values = getattr(config, "__dict__", {})
    if not all(name in values for name in Settings.__annotations__):
        return config
    options = _Options()
    options.__dict__ = values
    return options


def _replaced(instance: Scheduler, name: str) -> bool:
    return getattr(type(instance), name) is not getattr(Scheduler, name)


def _post(subject: str, send: Callable[[], object]) -> bool:
    """Have a batch mail sent beside the scheduler's work; false if too many mails wait."""
    from luigi_clone._postman import POSTMAN

    return POSTMAN.post(subject, send)
