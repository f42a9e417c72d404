"""What a task needs, or what needs it, as a graph that can be drawn."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Generator, Iterable, Sequence
from typing import Any

from luigi_clone._scheduling.durations import Durations
from luigi_clone._scheduling.rows import RowMaker, took
from luigi_clone._scheduling.shown import RANK, label
from luigi_clone.task_status import DONE

DIRECTIONS = ("needs", "needed_by")
FOLDS = ("auto", "family", "none")

_A_WHILE = 256
_FOLDED_FROM = 150
"""``auto`` folds where there are more tasks than this."""


class _Reached:
    """The tasks that were reached, nearest first, with their neighbours in the direction that was taken."""

    def __init__(self, maker: RowMaker, root: str, direction: str, include_done: bool) -> None:
        self._maker = maker
        self._is_upstream = direction == "needs"
        self._include_done = include_done
        self.root = root
        self.neighbours: dict[str, tuple[str, ...]] = {}
        self.left_out: Counter[str] = Counter()
        """Task → how many of its neighbours are not there."""
        self.is_cut = False

    def walk(self, most: int) -> Generator[None, None, None]:
        """Reach up to ``most`` tasks."""
        tasks = self._maker.machine.tasks
        queue = deque([self.root])
        seen = {self.root}
        looked = 0
        while queue:
            task_id = queue.popleft()
            chosen = []
            for other in self._all_neighbours(task_id):
                looked += 1
                record = tasks.get(other)
                if not self._include_done and record is not None and record.status is DONE:
                    self.left_out[task_id] += 1
                elif other in seen:
                    chosen.append(other)
                elif len(seen) >= most:
                    self.is_cut = True
                    self.left_out[task_id] += 1
                else:
                    seen.add(other)
                    queue.append(other)
                    chosen.append(other)
            self.neighbours[task_id] = tuple(chosen)
            looked += 1
            if looked >= _A_WHILE:
                looked = 0
                yield

    def _all_neighbours(self, task_id: str) -> Sequence[str]:
        machine = self._maker.machine
        if self._is_upstream:
            task = machine.tasks.get(task_id)
            return () if task is None else task.deps
        return [one.id for one in machine.dependents_of(task_id)]

    def levels(self) -> Generator[None, None, dict[str, int]]:
        """Return the longest way from the root to each task; within a cycle, some way."""
        incoming: Counter[str] = Counter()
        for others in self.neighbours.values():
            incoming.update(others)
        levels = dict.fromkeys(self.neighbours, 0)
        free = deque(task_id for task_id in self.neighbours if not incoming[task_id])
        placed: set[str] = set()
        looked = 0
        rest = iter(self.neighbours)
        while True:
            if not free:  # what is left stands in cycles or behind them
                entry = next((one for one in rest if one not in placed), None)
                if entry is None:
                    return levels
                free.append(entry)
            task_id = free.popleft()
            if task_id in placed:
                continue
            placed.add(task_id)
            for other in self.neighbours[task_id]:
                if other in placed:
                    continue
                levels[other] = max(levels[other], levels[task_id] + 1)
                incoming[other] -= 1
                if not incoming[other]:
                    free.append(other)
                looked += 1
            if looked >= _A_WHILE:
                looked = 0
                yield


def task_graph(
    maker: RowMaker,
    durations: Durations,
    root: str,
    direction: str,
    fold: str,
    include_done: bool,
    limit: int,
    unfolded: Collection[str] = (),
) -> Generator[None, None, dict[str, Any]]:
    """Return the nodes and edges of what is around a task, step by step.

    With ``fold`` family, the tasks of a family that are equally far from the root are one node, but for the
    nodes whose ids are in ``unfolded``: of these, each task is one.
    """
    if root not in maker.machine.tasks and not any(True for _ in maker.machine.dependents_of(root)):
        return {**_EMPTY, "root": root, "direction": direction, "fold": "none" if fold == "auto" else fold}
    reached = _Reached(maker, root, direction, include_done)
    yield from reached.walk(max(limit, int(maker.machine.settings.max_graph_nodes)))
    if fold == "auto":
        fold = "family" if len(reached.neighbours) > _FOLDED_FROM else "none"
    levels = yield from reached.levels()
    members: dict[str, list[str]] = {}
    node_of: dict[str, str] = {}
    for number, task_id in enumerate(reached.neighbours):
        node = task_id
        if fold == "family" and task_id != root:
            group = f"group:{levels[task_id]}:{_family_of(maker, task_id)}"
            node = task_id if group in unfolded else group
        node_of[task_id] = node
        members.setdefault(node, []).append(task_id)
        if not number % _A_WHILE:
            yield
    chosen = list(members)[:limit]
    shown = set(chosen)
    names = {node: members[node][0] if len(members[node]) == 1 else node for node in chosen}
    edges: dict[tuple[str, str], None] = {}
    for number, (task_id, others) in enumerate(reached.neighbours.items()):
        if not number % _A_WHILE:
            yield
        here = node_of[task_id]
        for other in others:
            there = node_of[other]
            if here not in shown or there not in shown:
                reached.left_out[task_id] += 1
            elif here != there:
                edge = (names[there], names[here]) if direction == "needs" else (names[here], names[there])
                edges[edge] = None
    nodes = []
    for number, node in enumerate(chosen):
        nodes.append(_node(maker, durations, names[node], members[node], reached))
        if not number % _A_WHILE:
            yield
    return {
        "root": root,
        "direction": direction,
        "fold": fold,
        "total_tasks": len(reached.neighbours),
        "nodes": nodes,
        "edges": [list(edge) for edge in edges],
        "critical": _critical(nodes, edges),
        "truncated": reached.is_cut or len(members) > len(chosen),
    }


_EMPTY: dict[str, Any] = {
    "total_tasks": 0,
    "nodes": [],
    "edges": [],
    "critical": [],
    "truncated": False,
}


def _family_of(maker: RowMaker, task_id: str) -> str:
    task = maker.machine.tasks.get(task_id)
    return "" if task is None else task.family


def _node(
    maker: RowMaker, durations: Durations, name: str, ids: list[str], reached: _Reached
) -> dict[str, Any]:
    tasks = [maker.machine.tasks.get(task_id) for task_id in ids]
    states = Counter("unknown" if task is None else maker.state_of(task) for task in tasks)
    first = tasks[0]
    family = "" if first is None else first.family
    times = [took(task, maker.now) for task in tasks if task is not None]
    alone = len(ids) == 1
    seconds = max((one for one in times if one is not None), default=None)
    usual = durations.usual(family)["p50"] if seconds is None else None
    return {
        "id": name,
        "kind": "task" if alone else "group",
        "family": family,
        "label": (ids[0] if first is None else label(first)) if alone else family,
        "params": {} if first is None or not alone else maker.params_of(first),
        "state": min(states, key=RANK.__getitem__),
        "states": dict(states),
        "n": len(ids),
        "took": seconds,
        "usual": usual,
        "hidden": sum(reached.left_out[task_id] for task_id in ids),
    }


def _critical(nodes: Sequence[dict[str, Any]], edges: Iterable[tuple[str, str]]) -> list[str]:
    """Return the ids along the path that takes longest, first what has to be done first."""
    seconds = {node["id"]: node["took"] or node["usual"] or 0.0 for node in nodes}
    after: dict[str, list[str]] = {}
    incoming: Counter[str] = Counter()
    for needed, needing in edges:
        after.setdefault(needed, []).append(needing)
        incoming[needing] += 1
    total = dict(seconds)
    before: dict[str, str] = {}
    free = deque(node for node in seconds if not incoming[node])
    while free:
        node = free.popleft()
        for other in after.get(node, ()):
            if other not in before or total[node] + seconds[other] > total[other]:
                total[other] = total[node] + seconds[other]
                before[other] = node
            incoming[other] -= 1
            if not incoming[other]:
                free.append(other)
    last: str | None = max(total, key=total.__getitem__, default=None)
    if last is None or not total[last]:
        return []
    path: list[str] = []
    while last is not None:
        path.append(last)
        last = before.get(last)
    path.reverse()
    return path
