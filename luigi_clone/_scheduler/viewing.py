"""The calls that read the scheduler's state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._scheduling import activity, views
from luigi_clone._wire.methods import rpc_method


class LargeViews(SchedulerParts):
    """The calls whose answers may be large, made row by row: ``in_steps("graph")`` for ``graph``."""

    def in_steps(self, name: str) -> Callable[..., views.Steps] | None:
        """Return what makes the answer of the call ``name`` in steps; None if that is not for this call."""
        make = _LARGE.get(name)
        if make is None or getattr(type(self), name) is not getattr(ViewCalls, name):
            return super().in_steps(name)  # a subclass may have an answer of its own
        return partial(make, self)

    def _task_list(
        self,
        status: str = "",
        upstream_status: str = "",
        limit: bool = True,
        search: str | None = None,
        max_shown_tasks: int | None = None,
        **kwargs: Any,
    ) -> views.Steps:
        return views.task_list(
            self._machine,
            self._upstream,
            self.prune,
            status,
            upstream_status,
            limit,
            search,
            max_shown_tasks,
        )

    def _task_search(self, task_str: str, **kwargs: Any) -> views.Steps:
        self.prune()
        return views.task_search(self._machine, task_str)

    def _dep_graph(self, task_id: str, include_done: bool = True, **kwargs: Any) -> views.Steps:
        self.prune()
        return views.dep_graph(self._machine, task_id, include_done)

    def _inverse_dep_graph(self, task_id: str, include_done: bool = True, **kwargs: Any) -> views.Steps:
        self.prune()
        return views.inverse_dep_graph(self._machine, task_id, include_done)

    def _graph(self, **kwargs: Any) -> views.Steps:
        self.prune()
        return views.graph(self._machine)


_LARGE: dict[str, Callable[..., views.Steps]] = {
    "task_list": LargeViews._task_list,
    "task_search": LargeViews._task_search,
    "dep_graph": LargeViews._dep_graph,
    "inverse_dep_graph": LargeViews._inverse_dep_graph,
    "graph": LargeViews._graph,
}


class ViewCalls(LargeViews):
    """What pages and tools ask; nothing is changed, except that what is due is done first."""

    @rpc_method()
    def task_list(
        self,
        status: str = "",
        upstream_status: str = "",
        limit: bool = True,
        search: str | None = None,
        max_shown_tasks: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the tasks of a status by id, or only their number if they are more than the limit."""
        steps = self._task_list(status, upstream_status, limit, search, max_shown_tasks)
        return views.whole(steps)

    @rpc_method()
    def task_search(self, task_str: str, **kwargs: Any) -> dict[str, Any]:
        """Return the tasks whose id contains a text, by status."""
        return views.whole(self._task_search(task_str))

    @rpc_method()
    def dep_graph(self, task_id: str, include_done: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Return a task and all that it depends on."""
        return views.whole(self._dep_graph(task_id, include_done))

    @rpc_method()
    def inverse_dep_graph(self, task_id: str, include_done: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Return a task and all that depend on it."""
        return views.whole(self._inverse_dep_graph(task_id, include_done))

    @rpc_method()
    def graph(self, **kwargs: Any) -> dict[str, Any]:
        """Return all tasks with their dependencies."""
        return views.whole(self._graph())

    @rpc_method()
    def fetch_error(self, task_id: str, **kwargs: Any) -> dict[str, Any]:
        """Return what was said about the last end of a task."""
        return views.fetch_error(self._machine, task_id)

    @rpc_method()
    def worker_list(self, include_running: bool = True, **kwargs: Any) -> list[dict[str, Any]]:
        """Return the workers, the newest first."""
        self.prune()
        return views.worker_list(self._machine, include_running)

    @rpc_method()
    def resource_list(self) -> list[dict[str, Any]]:
        """Return the configured resources and the tasks that use them."""
        self.prune()
        return views.resource_list(self._machine)

    @rpc_method()
    def task_attempts(self, task_id: str) -> list[dict[str, Any]]:
        """Return the runs of a task that are remembered, oldest first: start, end, worker, status."""
        return [attempt._asdict() for attempt in activity.task_attempts(self._machine, task_id)]

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return resource → how much there is and how much is used."""
        used = self._machine.used_resources()
        return {
            name: {"total": total, "used": used.get(name, 0)}
            for name, total in self._machine.index.limits.items()
        }

    @rpc_method()
    def has_task_history(self) -> bool:
        """Tell whether the history of tasks is kept."""
        return bool(self._config.record_task_history)
