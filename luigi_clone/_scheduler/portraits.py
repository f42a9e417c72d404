"""The calls that pages make of one task, what is around it, and its family."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from luigi_clone._scheduler.surveying import SurveyCalls
from luigi_clone._scheduling import views
from luigi_clone._scheduling.arguments import ArgumentError
from luigi_clone._wire.methods import rpc_method

if TYPE_CHECKING:
    from luigi_clone._scheduler.logs import AttemptTail, TailStore
    from luigi_clone._scheduling.families import Families, Parameter
    from luigi_clone._scheduling.views import Steps

_MOST_NODES = 10_000


class LargePortraits(SurveyCalls):
    """The calls about one task, made step by step."""

    _families: Families
    _tails: TailStore

    def in_steps(self, name: str) -> Callable[..., Steps] | None:
        """Return what makes the answer of the call ``name`` in steps; None if that is not for this call."""
        make = _LARGE.get(name)
        if make is None or getattr(type(self), name) is not getattr(PortraitCalls, name):
            return super().in_steps(name)
        return partial(make, self)

    def _task_detail(self, task_id: str) -> Steps:
        sees_hidden = self._shows_hidden
        return self._detail(task_id, sees_hidden)

    def _detail(self, task_id: str, sees_hidden: bool) -> Steps:
        from luigi_clone._scheduling.detail import detail

        yield from self._surveyor.preparing()
        surveyor = self._surveyor
        told = yield from detail(self.row_maker(sees_hidden), task_id, surveyor.durations, self._families)
        tails = self._tails.attempts(task_id)
        for attempt, number in zip(told["attempts"], _logs(told["attempts"], tails), strict=True):
            attempt["has_log"], attempt["log"] = number is not None, number
        return told

    def _task_graph(
        self,
        task_id: str,
        direction: str = "needs",
        fold: str = "auto",
        include_done: bool = True,
        limit: int = 2_000,
        unfolded: Iterable[str] | None = None,
    ) -> Steps:
        from luigi_clone._scheduling.neighbourhood import DIRECTIONS, FOLDS

        if direction not in DIRECTIONS:
            raise ArgumentError(f"direction must be one of {', '.join(DIRECTIONS)}, not {direction[:60]!r}")
        if fold not in FOLDS:
            raise ArgumentError(f"fold must be one of {', '.join(FOLDS)}, not {fold[:60]!r}")
        if not 0 < limit <= _MOST_NODES:
            raise ArgumentError(f"limit must be between 1 and {_MOST_NODES:,}, not {limit}")
        chosen = frozenset(unfolded or ())
        return self._graph_of(task_id, direction, fold, include_done, limit, chosen, self._shows_hidden)

    def _graph_of(
        self,
        task_id: str,
        direction: str,
        fold: str,
        include_done: bool,
        limit: int,
        unfolded: Collection[str],
        sees_hidden: bool,
    ) -> Steps:
        from luigi_clone._scheduling.neighbourhood import task_graph

        yield from self._surveyor.preparing()
        maker, durations = self.row_maker(sees_hidden), self._surveyor.durations
        return (
            yield from task_graph(maker, durations, task_id, direction, fold, include_done, limit, unfolded)
        )


_LARGE: dict[str, Callable[..., Steps]] = {
    "task_detail": LargePortraits._task_detail,
    "task_graph": LargePortraits._task_graph,
}


def _logs(attempts: Sequence[Mapping[str, Any]], tails: Sequence[AttemptTail]) -> list[int | None]:
    """Return for each attempt the number by which its log is asked for: matched from the end, by worker."""
    left: dict[str, list[int]] = {}
    for tail in tails:
        left.setdefault(tail.key[0], []).append(tail.number)
    numbers: list[int | None] = []
    for attempt in reversed(attempts):
        known = left.get(attempt["worker"] or "")
        numbers.append(known.pop() if known else None)
    numbers.reverse()
    return numbers


class PortraitCalls(LargePortraits):
    """What pages ask of one task or family."""

    @rpc_method()
    def task_graph(
        self,
        task_id: str,
        direction: str = "needs",
        fold: str = "auto",
        include_done: bool = True,
        limit: int = 2_000,
        unfolded: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """Return what a task needs, or what needs it (``needed_by``), as nodes and edges.

        ``fold`` is family (equally far tasks of a family are one node), none, or auto: family if there are
        many tasks. ``unfolded`` are ids of nodes whose tasks are told one by one all the same.
        """
        return views.whole(self._task_graph(task_id, direction, fold, include_done, limit, unfolded))

    @rpc_method()
    def task_detail(self, task_id: str) -> dict[str, Any]:
        """Return everything about a task that its page shows."""
        return views.whole(self._task_detail(task_id))

    @rpc_method()
    def announce_family(
        self,
        worker: str,
        family: str,
        module: str | None = None,
        doc: str | None = None,
        parameters: list[Any] | None = None,
    ) -> None:
        """Tell what tasks of a family are for, and which parameters they take.

        ``parameters`` are objects with name, visibility (public, hidden or private), description and default.
        It is kept in memory: workers tell it once, and again when they register again.
        """
        self._families.announce(family, module, doc, parameters or ())

    @rpc_method()
    def describe_family(self, family: str) -> dict[str, Any]:
        """Return what workers announced of a family: its docstring as a tree, its module and parameters."""
        known = self._families.get(family)
        if known is None:
            return {"family": family, "announced": False, "module": None, "doc": [], "parameters": []}
        from luigi_clone._scheduler.docstrings import tree_of

        return {
            "family": family,
            "announced": True,
            "module": known.module,
            "doc": list(tree_of(known.doc)),
            "parameters": [
                {**one._asdict(), "default": one.default if self._shows(one) else None}
                for one in known.parameters
            ],
        }

    def _shows(self, parameter: Parameter) -> bool:
        return parameter.visibility == "public" or (parameter.visibility == "hidden" and self._shows_hidden)
