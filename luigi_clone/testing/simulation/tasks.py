"""The tasks of a simulation: what they need and how they end is in the scenario's plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from luigi_clone.parameter import IntParameter
from luigi_clone.task import Task

if TYPE_CHECKING:
    from luigi_clone.testing.simulation.scenario import Plan

__all__ = ["MergedTask", "SimulatedTask", "class_of"]

_NAMESPACE = "luigi_clone.testing.simulation"


class SimulatedTask(Task):
    """One task of the plan, by its number."""

    task_namespace = _NAMESPACE
    number = IntParameter()
    plan: ClassVar[Plan]
    targets: ClassVar[set[int]]

    @property
    def priority(self) -> int:
        """How urgent it is."""
        return self.plan.tasks[self.number].priority

    @property
    def resources(self) -> dict[str, int]:
        """What it holds while it runs."""
        return self.plan.tasks[self.number].needs

    def complete(self) -> bool:
        """Tell whether a run of it has succeeded."""
        return self.number in self.targets

    def requires(self) -> Any:
        """Return what it needs before it runs."""
        return [class_of(self.plan, number)(number=number) for number in self.plan.tasks[self.number].deps]


class MergedTask(SimulatedTask):
    """A task that may run together with others of its family."""

    task_namespace = _NAMESPACE
    number = IntParameter(batch_method=max)
    max_batch_size = 3


def class_of(plan: Plan, number: int) -> type[SimulatedTask]:
    """Return the class of a task of the plan."""
    return MergedTask if plan.tasks[number].merges else SimulatedTask
