"""What the search field of every page finds: tasks, families and workers by a part of their names."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.rows import RowMaker

_A_WHILE = 512


def find(maker: RowMaker, text: str, limit: int) -> Generator[None, None, dict[str, Any]]:
    """Return tasks, families and workers in whose names all words of ``text`` are, step by step."""
    words = text.lower().split()
    tasks: list[TaskRecord] = []
    exact = maker.machine.tasks.get(text.strip())
    if exact is not None:
        tasks.append(exact)
    if words:
        kept = list(maker.machine.tasks.values())
        kept.reverse()
        for start in range(0, len(kept), _A_WHILE):
            for task in kept[start : start + _A_WHILE]:
                if task is exact:
                    continue
                if _has_all(words, task.id) or _has_all(words, _searched(maker, task)):
                    tasks.append(task)
            if len(tasks) >= limit:
                break
            yield
    return {
        "tasks": [
            {
                "id": task.id,
                "family": task.family,
                "params": maker.params_of(task),
                "state": maker.state_of(task),
            }
            for task in tasks[:limit]
        ],
        "families": _names(words, maker.survey.families, limit),
        "workers": _names(words, maker.machine.workers, limit),
    }


def _searched(maker: RowMaker, task: TaskRecord) -> str:
    hidden = () if maker.sees_hidden else task.hidden_params
    return " ".join([task.family, *(str(value) for name, value in task.params.items() if name not in hidden)])


def _has_all(words: Iterable[str], text: str) -> bool:
    lowered = text.lower()
    return all(word in lowered for word in words)


def _names(words: list[str], names: Iterable[str], limit: int) -> list[str]:
    """Return the names that have all words, those first that begin with the first."""
    found = [name for name in names if words and name and _has_all(words, name)]
    found.sort(key=lambda name: (not name.lower().startswith(words[0]), name))
    return found[:limit]
