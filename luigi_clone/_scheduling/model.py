"""What the scheduler remembers: tasks, workers, batches, and the settings it asks for.

Records are plain data. They are changed only by the apply functions of
:class:`luigi_clone._scheduling.state.State`, which keep every index in step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

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
    from luigi_clone._scheduling.ready import Crew, Needs, Pool

STATUSES: dict[str, str] = {
    name: name for name in (PENDING, FAILED, DONE, RUNNING, BATCH_RUNNING, UNKNOWN, DISABLED)
}
"""What a task may be told to be → what it is then (the very object that records hold)."""
STATUSES[SUSPENDED] = PENDING

UPSTREAM_RUNNING = "UPSTREAM_RUNNING"
UPSTREAM_MISSING_INPUT = "UPSTREAM_MISSING_INPUT"
UPSTREAM_FAILED = "UPSTREAM_FAILED"
UPSTREAM_DISABLED = "UPSTREAM_DISABLED"

UPSTREAM_SEVERITY_ORDER = (
    "",
    UPSTREAM_RUNNING,
    UPSTREAM_MISSING_INPUT,
    UPSTREAM_FAILED,
    UPSTREAM_DISABLED,
)
UPSTREAM_SEVERITY_KEY = UPSTREAM_SEVERITY_ORDER.index
STATUS_TO_UPSTREAM_MAP = {
    FAILED: UPSTREAM_FAILED,
    RUNNING: UPSTREAM_RUNNING,
    BATCH_RUNNING: UPSTREAM_RUNNING,
    PENDING: UPSTREAM_MISSING_INPUT,
    DISABLED: UPSTREAM_DISABLED,
}

WORKER_STATE_ACTIVE = "active"
WORKER_STATE_DISABLED = "disabled"


class RetryPolicy(NamedTuple):
    """When failures disable a task; ``None`` stands for the scheduler's own setting."""

    retry_count: Any
    disable_hard_timeout: Any
    disable_window: Any


class Settings(Protocol):
    """The options of section ``[scheduler]`` that the state machine reads, each time it needs them."""

    retry_delay: float
    remove_delay: float
    worker_disconnect_delay: float
    disable_window: int
    retry_count: int
    disable_hard_timeout: int
    disable_persist: int
    max_shown_tasks: int
    max_graph_nodes: int
    prune_on_get_work: bool
    batch_emails: bool
    pause_enabled: bool
    send_messages: bool
    stable_done_cooldown_secs: int


Rank = tuple[float, float, int, "TaskRecord"]
"""Order in which tasks are given out: ascending (-priority, first seen, arrival)."""

NO_AMOUNTS: Mapping[str, Any] = {}
NO_PARAMS: Mapping[str, str] = {}
NO_RESPONSES: Mapping[str, Any] = {}


class Visibilities(NamedTuple):
    """Who may see which parameter; equal ones are the same object."""

    by_name: Mapping[str, int]  # 0: everybody
    hidden: tuple[str, ...]  # those that lists do not show

    def hidden_in(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in ``params`` that lists do not show."""
        return tuple(name for name in self.hidden if name in params) if self.hidden else ()


NO_VISIBILITIES = Visibilities({}, ())


class TaskRecord:
    """One task. Times are seconds as told by the caller; a field that most tasks leave alone is shared."""

    __slots__ = (
        "accepts_messages",
        "batch_id",
        "batchable",
        "crew",
        "dependents",
        "deps",
        "expl",
        "family",
        "held",
        "hidden_params",
        "id",
        "lease",
        "module",
        "more",
        "needs",
        "params",
        "policy",
        "priority",
        "rank",
        "remove",
        "retry",
        "seq",
        "severed",
        "status",
        "time",
        "time_running",
        "unmet",
        "updated",
        "visibilities",
        "worker_running",
    )

    def __init__(
        self,
        task_id: str,
        seq: int,
        now: float,
        priority: float,
        policy: RetryPolicy,
        crew: Crew,
        needs: Needs,
    ) -> None:
        self.id = task_id
        self.seq = seq
        self.status = UNKNOWN
        self.time = self.updated = now
        self.priority = priority
        self.policy = policy
        self.crew = crew
        self.needs = needs
        self.family = ""
        self.module: str | None = None
        self.params: Mapping[str, Any] = NO_PARAMS
        self.visibilities = NO_VISIBILITIES
        self.hidden_params: tuple[str, ...] = ()
        self.deps: tuple[str, ...] = ()
        # one dependent is kept as a tuple, several by id
        self.dependents: tuple[TaskRecord, ...] | dict[str, TaskRecord] = ()
        self.unmet = 0  # dependencies that are not known to be DONE
        self.severed = False  # a DISABLED task is upstream
        self.rank: Rank | None = None  # while it is ready: its place in the queues
        self.expl: str | None = None
        self.worker_running: str | None = None
        self.time_running: float | None = None
        self.held: Mapping[str, Any] | None = None  # resources of the current or last run
        self.batch_id: str | None = None
        self.lease = 0  # number of the last grant; negative when the end of that run was told
        self.accepts_messages = False
        self.batchable = False
        self.retry: float | None = None
        self.remove: float | None = None
        self.more = NOTHING_MORE

    def __repr__(self) -> str:
        return f"<TaskRecord {self.id} {self.status}>"


class More:
    """The fields of a task that has failed or has told something about its run."""

    __slots__ = (
        "failures",
        "first_failure_time",
        "progress_percentage",
        "responses",
        "said_done",
        "scheduler_disable_time",
        "status_message",
        "tracking_url",
    )

    def __init__(self) -> None:
        self.failures: tuple[float, ...] = ()
        self.first_failure_time: float | None = None
        self.scheduler_disable_time: float | None = None
        self.tracking_url: str | None = None
        self.status_message: Any = None
        self.progress_percentage: Any = None
        self.responses: Mapping[str, Any] = NO_RESPONSES
        self.said_done: int | None = None  # the grant by which it ran when somebody else found it complete


NOTHING_MORE = More()
"""Shared by all tasks that have none of these fields; never changed."""


class WorkerRecord:
    """One worker, and the counts of its tasks that every reply to it carries."""

    __slots__ = (
        "batches",
        "disabled",
        "id",
        "info",
        "last_active",
        "last_get_work",
        "messages",
        "needy",
        "pending",
        "pending_last",
        "pending_unique",
        "pool",
        "ranked",
        "reference",
        "running_tasks",
        "runs",
        "started",
        "timer_due",
    )

    def __init__(self, worker_id: str, now: float, pool: Pool) -> None:
        self.id = worker_id
        self.started = self.last_active = now
        self.last_get_work: float | None = None
        self.reference: Any = None
        self.info: dict[str, Any] = {}
        self.disabled = False
        self.messages: list[dict[str, Any]] = []
        self.pool = pool  # the crews it belongs to, by their best task
        self.pending = 0  # its PENDING and FAILED tasks without a DISABLED one upstream
        self.pending_unique = 0  # of these, those that only it can run
        self.pending_last = 0  # of these, those that it was the last to register
        self.needy = 0  # its PENDING tasks that need resources
        self.running_tasks: dict[str, dict[str, Any]] = {}  # its tasks that run anywhere, as they are told
        self.runs: dict[str, TaskRecord] = {}  # RUNNING tasks that it runs
        self.ranked: list[Rank] = []  # these from the best rank down
        self.batches: dict[str, Batch] = {}  # batches it was given
        self.timer_due = now

    def __repr__(self) -> str:
        return f"<WorkerRecord {self.id}>"

    @property
    def assistant(self) -> bool:
        """Whether it runs the tasks of others."""
        return bool(self.info.get("assistant", False))

    @property
    def state(self) -> str:
        """``active`` or ``disabled``."""
        return WORKER_STATE_DISABLED if self.disabled else WORKER_STATE_ACTIVE


class Batch:
    """Tasks that were given out to be run as one."""

    __slots__ = ("heads", "holder", "id", "members", "worker")

    def __init__(self, batch_id: str, worker: str, members: dict[str, TaskRecord]) -> None:
        self.id = batch_id
        self.worker = worker
        self.members = members  # those that are BATCH_RUNNING
        self.heads: dict[str, TaskRecord] = {}  # RUNNING tasks that stand for all (one, as a rule)
        self.holder: TaskRecord | None = None  # member that holds the resources until the batch is claimed


class Batcher(NamedTuple):
    """Which parameters of a family a worker can merge, and how many tasks at once."""

    batched_args: tuple[str, ...] | None
    max_batch_size: float


NO_BATCHER = Batcher(None, 1)
