"""Tasks, workers and the state as Luigi's extensions know them: live views of the records.

What is read is what the state machine holds now. Fields that indexes depend on cannot be assigned; the error
names the call that changes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, MutableMapping, MutableSet
from typing import Any, NoReturn

from luigi_clone._scheduling import views
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import STATUSES, RetryPolicy, Settings, TaskRecord, WorkerRecord

_HOW_TO_CHANGE = {
    "status": "SimpleTaskState.set_status",
    "deps": "Scheduler.add_task(deps=…)",
    "resources": "Scheduler.add_task(resources=…)",
    "priority": "Scheduler.add_task(priority=…)",
    "workers": "Scheduler.add_task or disable_worker",
    "stakeholders": "Scheduler.add_task",
    "failures": "SimpleTaskState.set_status",
}


class OrderedSet(MutableSet[Any]):
    """A set that keeps the order in which its elements were added."""

    def __init__(self, iterable: Iterable[Any] = ()) -> None:
        self._elements: dict[Any, None] = dict.fromkeys(iterable)

    def __contains__(self, key: object) -> bool:
        return key in self._elements

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements)

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self._elements)[::-1])

    def __len__(self) -> int:
        return len(self._elements)

    def add(self, key: Any) -> None:
        """Add ``key`` at the end, unless it is there."""
        self._elements[key] = None

    def discard(self, key: Any) -> None:
        """Remove ``key`` if it is there."""
        self._elements.pop(key, None)

    def peek(self, last: bool = True) -> Any:
        """Return the last element (the first one if ``last`` is false). Raises KeyError if there is none."""
        if not self._elements:
            raise KeyError("set is empty")
        return next(reversed(self._elements) if last else iter(self._elements))

    def pop(self, last: bool = True) -> Any:
        """Remove and return the last element (the first one if ``last`` is false)."""
        key = self.peek(last)
        del self._elements[key]
        return key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self) or ''})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OrderedSet):
            return list(self) == list(other)
        return isinstance(other, Iterable) and set(self) == set(other)

    __hash__ = None  # type: ignore[assignment]


class _View:
    """What the views of tasks and workers share: no attribute but those of the record can be assigned."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        how = _HOW_TO_CHANGE.get(name, "the methods of Scheduler")
        raise AttributeError(f"{name} of {self!r} cannot be assigned: it is changed by {how}")


class Task(_View):
    """A task of the scheduler; without one, a record that stands for itself."""

    __slots__ = ("_machine", "_record")
    __module__ = "luigi_clone.scheduler"

    _machine: Machine
    _record: TaskRecord

    def __init__(
        self,
        task_id: str,
        status: str,
        deps: Iterable[str],
        resources: dict[str, Any] | None = None,
        priority: float = 0,
        family: str = "",
        module: str | None = None,
        params: dict[str, Any] | None = None,
        param_visibilities: dict[str, int] | None = None,
        accepts_messages: bool = False,
        tracking_url: str | None = None,
        status_message: str | None = None,
        progress_percentage: float | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        machine = Machine(_Alone(), {})
        policy = machine.default_policy() if retry_policy is None else retry_policy
        record = machine.add_record(task_id, 0, priority, policy, None, stakeholder=False, runs=False)
        visible = machine.visibilities(param_visibilities or {})
        machine.describe(record, family, module, params or {}, visible, visible.hidden_in(params or {}))
        machine.set_deps(record, tuple(dict.fromkeys(deps or ())))
        machine.set_needs(record, resources or {})
        machine.set_traits(record, accepts_messages, batchable=False)
        told = {
            "tracking_url": tracking_url,
            "status_message": status_message,
            "progress_percentage": progress_percentage,
        }
        for field, value in told.items():
            if value is not None:
                machine.tell(record, field, value)
        machine.set_status(record, STATUSES[status], 0)
        object.__setattr__(self, "_machine", machine)
        object.__setattr__(self, "_record", record)

    @classmethod
    def of(cls, machine: Machine, record: TaskRecord) -> Task:
        """Return the view of a record."""
        task = object.__new__(cls)
        object.__setattr__(task, "_machine", machine)
        object.__setattr__(task, "_record", record)
        return task

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and other._record is self._record

    def __hash__(self) -> int:
        return hash(self._record.id)

    def __repr__(self) -> str:
        return f"Task({self._record.id!r}, {self._record.status})"

    def __getattr__(self, name: str) -> Any:
        if name in _PLAIN_FIELDS:
            return getattr(self._record, name)
        if name in _MORE_FIELDS:
            return getattr(self._record.more, name)
        raise AttributeError(f"a task of the scheduler has no attribute {name!r}")

    @property
    def deps(self) -> set[str]:
        """Ids of what it depends on."""
        return set(self._record.deps)

    @property
    def stakeholders(self) -> set[str]:
        """Ids of the workers that keep it from being dropped."""
        return set(self._record.crew.stakeholders)

    @property
    def workers(self) -> OrderedSet:
        """Ids of the workers that can run it, in order of registration."""
        return OrderedSet(self._record.crew.workers)

    @property
    def runnable(self) -> bool:
        """Whether some worker said that it can run it."""
        return self._record.crew.runnable

    @property
    def resources(self) -> dict[str, Any]:
        """Resource name → amount needed."""
        return dict(self._record.needs.amounts)

    @property
    def resources_running(self) -> dict[str, Any]:
        """Resource name → amount held by the current or last run. Raises AttributeError before the first."""
        if self._record.held is None:
            raise AttributeError(f"{self!r} has not run yet, so it has no resources_running")
        return dict(self._record.held)

    @property
    def params(self) -> dict[str, Any]:
        """Parameter name → value."""
        return dict(self._record.params)

    @property
    def param_visibilities(self) -> dict[str, int]:
        """Parameter name → 0 (public) or 1 (hidden)."""
        return dict(self._record.visibilities.by_name)

    @property
    def public_params(self) -> dict[str, Any]:
        """Parameters that everybody may see."""
        return views.public_params(self._record)

    @property
    def hidden_params(self) -> dict[str, Any]:
        """Parameters that lists do not show."""
        return views.hidden_params(self._record)

    @property
    def pretty_id(self) -> str:
        """``Family(name=value, name=value)`` over the public parameters."""
        return views.pretty_id(self._record)

    @property
    def retry_policy(self) -> RetryPolicy:
        """When failures disable it."""
        return self._record.policy

    @property
    def failures(self) -> deque[float]:
        """Times of the failures that still count."""
        return deque(self._record.more.failures)

    @property
    def scheduler_message_responses(self) -> dict[str, Any]:
        """Message id → answer that nobody has taken yet."""
        return dict(self._record.more.responses)


_PLAIN_FIELDS = frozenset(
    (
        *("id", "status", "time", "updated", "retry", "remove", "worker_running", "time_running", "expl"),
        *("priority", "family", "module", "accepts_messages", "batchable", "batch_id"),
    )
)
_MORE_FIELDS = frozenset(
    ["tracking_url", "status_message", "progress_percentage", "first_failure_time", "scheduler_disable_time"]
)


class Worker(_View):
    """A worker that the scheduler knows."""

    __slots__ = ("_machine", "_record")
    __module__ = "luigi_clone.scheduler"

    _machine: Machine
    _record: WorkerRecord

    def __init__(self, worker_id: str, last_active: float | None = None) -> None:
        machine = Machine(_Alone(), {})
        object.__setattr__(self, "_machine", machine)
        object.__setattr__(self, "_record", machine.new_worker(worker_id, last_active or 0))

    @classmethod
    def of(cls, machine: Machine, record: WorkerRecord) -> Worker:
        """Return the view of a record."""
        worker = object.__new__(cls)
        object.__setattr__(worker, "_machine", machine)
        object.__setattr__(worker, "_record", record)
        return worker

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Worker) and other._record is self._record

    def __hash__(self) -> int:
        return hash(self._record.id)

    def __repr__(self) -> str:
        return f"Worker({self._record.id!r})"

    def __str__(self) -> str:
        return self._record.id

    def __getattr__(self, name: str) -> Any:
        if name in _WORKER_FIELDS:
            return getattr(self._record, name)
        raise AttributeError(f"a worker of the scheduler has no attribute {name!r}")

    @property
    def info(self) -> dict[str, Any]:
        """What the worker says of itself."""
        return dict(self._record.info)

    @property
    def rpc_messages(self) -> list[dict[str, Any]]:
        """Messages that wait for it."""
        return list(self._record.messages)

    @property
    def enabled(self) -> bool:
        """Whether it gets work."""
        return not self._record.disabled

    @property
    def tasks(self) -> set[Task]:
        """The tasks that it registered as runnable."""
        worker_id, machine = self._record.id, self._machine
        return {
            Task.of(machine, record)
            for crew in machine.index.crews.values()
            if worker_id in crew.workers
            for record in crew.tasks.values()
        }

    def add_rpc_message(self, name: str, **kwargs: Any) -> None:
        """Queue a message: at its next ping the worker calls its method ``name``."""
        self._machine.send_message(self._record.id, name, kwargs)


_WORKER_FIELDS = frozenset(
    ("id", "reference", "last_active", "last_get_work", "started", "disabled", "assistant", "state")
)


class SimpleTaskState:
    """All tasks and workers of a scheduler, by id and by status."""

    __module__ = "luigi_clone.scheduler"

    def __init__(self, state_path: str | None = None, machine: Machine | None = None) -> None:
        self._state_path = state_path
        self._machine = Machine(_Alone(), {}) if machine is None else machine

    def _record(self, task: Any) -> TaskRecord:
        return self._machine.tasks[task if isinstance(task, str) else task.id]

    def get_task(self, task_id: str, default: Any = None) -> Any:
        """Return a task, or ``default`` if there is none of that id."""
        record = self._machine.tasks.get(task_id)
        return default if record is None else Task.of(self._machine, record)

    def has_task(self, task_id: str) -> bool:
        """Tell whether there is a task of that id."""
        return task_id in self._machine.tasks

    def get_active_tasks(self) -> Iterator[Task]:
        """Return all tasks."""
        return (Task.of(self._machine, record) for record in list(self._machine.tasks.values()))

    def get_active_tasks_by_status(self, *statuses: str) -> Iterator[Task]:
        """Return the tasks that have one of the statuses."""
        by_status = self._machine.by_status
        return (
            Task.of(self._machine, record)
            for status in statuses
            for record in list(by_status.get(status, {}).values())
        )

    def set_status(self, task: Any, new_status: str, config: Any = None, now: float | None = None) -> None:
        """Change a task's status by the rules; ``now`` is its last change if not given."""
        record = self._record(task)
        self._machine.change_status(record, STATUSES[new_status], record.updated if now is None else now)

    def get_worker(self, worker_id: str) -> Any:
        """Return a worker, or None if there is none of that id."""
        record = self._machine.workers.get(worker_id)
        return None if record is None else Worker.of(self._machine, record)

    def inactivate_workers(self, delete_workers: Iterable[str]) -> None:
        """Drop workers: they have vanished."""
        for worker_id in list(delete_workers):
            record = self._machine.workers.get(worker_id)
            if record is not None:
                self._machine.drop_worker(record)


class Limits(MutableMapping[str, Any]):
    """Resource name → how much there is; assigning changes it at once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def __getitem__(self, name: str) -> Any:
        return self._machine.index.limits[name]

    def __setitem__(self, name: str, amount: Any) -> None:
        self._machine.update_resources({name: amount})

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(f"the limit of {name!r} cannot be taken away, only changed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._machine.index.limits)

    def __len__(self) -> int:
        return len(self._machine.index.limits)

    def __repr__(self) -> str:
        return repr(self._machine.index.limits)


class _Alone(Settings):
    """Settings of a record that belongs to no scheduler: the defaults of ``[scheduler]``."""

    retry_delay: float = 900.0
    remove_delay: float = 600.0
    worker_disconnect_delay: float = 60.0
    disable_window: int = 3600
    retry_count: int = 999999999
    disable_hard_timeout: int = 999999999
    disable_persist: int = 86400
    max_shown_tasks: int = 100000
    max_graph_nodes: int = 100000
    prune_on_get_work: bool = False
    batch_emails: bool = False
    pause_enabled: bool = True
    send_messages: bool = True
    stable_done_cooldown_secs: int = 10
