"""What type checkers are told of tasks where the code itself would tell them less, or something wrong.

Nothing here exists while a program runs: the module is imported for type checking only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Protocol

from typing_extensions import Self, TypeVar

_Made_co = TypeVar("_Made_co", covariant=True)

Setting = Literal[
    "accepts_messages",
    "batchable",
    "disable_hard_timeout",
    "disable_window",
    "disable_window_seconds",
    "disabled",
    "ignore_unconsumed",
    "max_batch_size",
    "owner_email",
    "priority",
    "resources",
    "retry_count",
    "task_namespace",
    "use_cmdline_section",
    "worker_timeout",
]
"""The attributes by which a class tells the engine how to treat its tasks."""

class Unannotated(Protocol[_Made_co]):
    """A task class that annotates no parameter, so that a checker cannot know what its constructor takes.

    To a checker a task is a dataclass: what is annotated is a field.  ``__match_args__``, which a checker
    gives to every dataclass, has the names of the fields, here of none but settings.
    """

    @property
    def __match_args__(self) -> tuple[Setting, ...]: ...
    def _made(self) -> _Made_co: ...

class Declared:
    """Base class of :class:`luigi_clone.task.Task` in the eyes of type checkers.

    The settings are declared twice.  A subclass may replace each by an attribute or by a property.  mypy
    takes the first declaration, and lets both replace a property; pyright takes the last, and lets both
    replace an attribute whose type is anything.
    """

    @property
    def priority(self) -> float:
        """Of the tasks that can run, those with a higher priority run first."""

    @property
    def disabled(self) -> bool:
        """Whether the task is announced as one that must not run."""

    @property
    def resources(self) -> dict[str, int]:
        """What the task holds while it runs: resource to amount."""

    @property
    def worker_timeout(self) -> int | None:
        """Seconds after which a run is ended; ``None`` for what is configured, 0 for never."""

    @property
    def max_batch_size(self) -> float:
        """How many tasks may run as one batch."""

    @property
    def batchable(self) -> bool:
        """Whether the task may run in a batch."""

    @property
    def retry_count(self) -> int | None:
        """How many failures disable the task, when not what is configured."""

    @property
    def disable_hard_timeout(self) -> int | None:
        """Seconds after the first failure when one more disables the task, when not what is configured."""

    @property
    def disable_window(self) -> int | None:
        """Seconds in which failures are counted, when not what is configured."""

    @property
    def disable_window_seconds(self) -> int | None:
        """The same as :attr:`disable_window` (deprecated)."""

    @property
    def owner_email(self) -> Any:
        """Who gets mail about the task, besides those configured: addresses with commas, or a list."""

    @property
    def use_cmdline_section(self) -> bool:
        """Whether flags on the command line begin with the family; read on the class."""

    @property
    def accepts_messages(self) -> bool:
        """Whether messages can be sent to the running task."""

    priority: Any  # type: ignore[no-redef]
    disabled: Any  # type: ignore[no-redef]
    resources: Any  # type: ignore[no-redef]
    worker_timeout: Any  # type: ignore[no-redef]
    max_batch_size: Any  # type: ignore[no-redef]
    batchable: Any  # type: ignore[no-redef]
    retry_count: Any  # type: ignore[no-redef]
    disable_hard_timeout: Any  # type: ignore[no-redef]
    disable_window: Any  # type: ignore[no-redef]
    disable_window_seconds: Any  # type: ignore[no-redef]
    owner_email: Any  # type: ignore[no-redef]
    use_cmdline_section: Any  # type: ignore[no-redef]
    accepts_messages: Any  # type: ignore[no-redef]

    task_family: ClassVar[str]
    task_namespace: str | None
    ignore_unconsumed: set[str]

    task_id: str
    param_kwargs: dict[str, Any]

    # There while run() goes on, which is where they are used.
    set_tracking_url: Callable[[str], None]
    set_status_message: Callable[[str], None]
    set_progress_percentage: Callable[[float], None]
    decrease_running_resources: Callable[[dict[str, int]], None]
    scheduler_messages: Any

    # There on classes decorated with inherits() or requires(), which no checker lets add to a class.
    def clone_parent(self, **kwargs: Any) -> Any: ...
    def clone_parents(self, **kwargs: Any) -> Any: ...
    @classmethod
    def _made(cls) -> Self: ...
