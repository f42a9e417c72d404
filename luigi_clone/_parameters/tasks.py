"""Task classes as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luigi_clone._parameters.base import Parameter

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    TaskType = TypeVar("TaskType", default=type[Any])
else:
    from typing import TypeVar

    TaskType = TypeVar("TaskType")


class TaskParameter(Parameter[TaskType]):
    """A task class, written as its family.

    A task can so be given the class of another one: a task that runs ``of`` for many days, say.
    """

    def parse(self, input: Any) -> Any:  # noqa: A002 - Luigi's name
        """Return the class; the registry's exceptions when there is none or more than one of that family."""
        from luigi_clone.task_register import Register

        return Register.get_task_cls(input)

    def serialize(self, cls: Any) -> str:
        """Return the class's family."""
        return str(cls.get_task_family())

    def _resolution_is_pure(self) -> bool:
        return False  # classes come and go
