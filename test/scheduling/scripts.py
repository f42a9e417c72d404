"""Random scripts of scheduler calls, and how one is played to a scheduler object."""

from __future__ import annotations

import random
from typing import Any

TASKS = list("ABCDEFGH")
WORKERS = list("XYZ")
Step = tuple[float, str, dict[str, Any]]


def random_script(rng: random.Random, length: int, singly_new: bool = False) -> list[Step]:
    """Return ``length`` steps: seconds that pass, method, keyword arguments.

    With ``singly_new`` no call names more than one dependency, so that Luigi, which creates placeholders in
    the order of a set, has no choice of order.
    """
    steps: list[Step] = []
    running: dict[str, list[str]] = {w: [] for w in WORKERS}
    for worker in WORKERS:
        if rng.random() < 0.7:
            steps.append((0.5, "add_worker", {"worker": worker, "info": {"workers": rng.randint(1, 3)}}))
    for _ in range(length):
        dt = rng.choice([0.51, 0.51, 0.51, 0.51, 3.07, 17.3, 41.9])
        worker = rng.choice(WORKERS)
        method = rng.choices(
            ["add", "get", "end", "ping", "prune", "batcher", "operator", "resource"],
            [30, 28, 18, 6, 6, 3, 6, 3],
        )[0]
        steps.append((dt, *_step(rng, method, worker, running, singly_new)))
    return steps


def _step(
    rng: random.Random, kind: str, worker: str, running: dict[str, list[str]], singly_new: bool
) -> tuple[str, dict[str, Any]]:
    task = rng.choice(TASKS)
    if kind == "add":
        return "add_task", _registration(rng, worker, task, singly_new)
    if kind == "get":
        current = rng.choice([None, None, TASKS])
        return "get_work", {
            "worker": worker,
            "host": "h",
            "assistant": worker == "Z" and rng.random() < 0.5,
            "current_tasks": current,
        }
    if kind == "end":
        # no cycles: what a walk through one yields depends on where it begins
        later = TASKS[TASKS.index(task) + 1 :]
        new_deps = [rng.choice(later)] if later and rng.random() < 0.15 else []
        status = "PENDING" if new_deps else rng.choice(["DONE", "DONE", "FAILED"])
        return "add_task", {
            **_registration(rng, worker, task, singly_new),
            "status": status,
            "new_deps": new_deps,
            "deps": None,
            "runnable": None,
        }
    if kind == "ping":
        return "ping", {"worker": worker}
    if kind == "prune":
        return "prune", {}
    if kind == "batcher":
        return "add_task_batcher", {
            "worker": worker,
            "task_family": rng.choice("FG"),
            "batched_args": ["k"],
            "max_batch_size": rng.choice([2, 3]),
        }
    if kind == "resource":
        return "update_resource", {"resource": rng.choice("rs"), "amount": rng.randint(0, 3)}
    return rng.choice(
        [
            ("forgive_failures", {"task_id": task}),
            ("mark_as_done", {"task_id": task}),
            ("re_enable_task", {"task_id": task}),
            ("pause", {}),
            ("unpause", {}),
            ("unpause", {}),
            ("disable_worker", {"worker": "Y"}),
            ("count_pending", {"worker": worker}),
            ("decrease_running_task_resources", {"task_id": task, "decrease_resources": {"r": 1}}),
        ]
    )


def _registration(rng: random.Random, worker: str, task: str, singly_new: bool) -> dict[str, Any]:
    later = TASKS[TASKS.index(task) + 1 :]
    deps = rng.sample(later, min(len(later), rng.choice([0, 0, 1, 1, 1] if singly_new else [0, 0, 1, 2, 3])))
    family = "F" if task in "ABCD" else "G"
    return {
        "worker": worker,
        "task_id": task,
        "status": rng.choices(["PENDING", "DONE", "DISABLED", "UNKNOWN"], [20, 3, 1, 1])[0],
        "runnable": rng.random() < 0.9,
        "deps": deps,
        "resources": _resources_of(task),
        "priority": rng.choice([0, 0, 0, 1, 5]),
        "family": family,
        "module": "m",
        "params": {"k": task, "g": "1" if task in "ABEF" else "2"},
        "assistant": False,
        "batchable": task in "ABCDEF",
        "retry_policy_dict": {
            "retry_count": rng.choice([None, 2]),
            "disable_hard_timeout": None,
            "disable_window": None,
        },
    }


def _resources_of(task: str) -> dict[str, int]:
    return {"A": {"r": 1}, "B": {"r": 1}, "C": {"s": 2}, "E": {"r": 1, "s": 1}}.get(task, {})


def claim(reply: Any, worker: str) -> Step | None:
    """Return the call by which a worker claims the batch that ``get_work`` gave it, if it gave one."""
    if not isinstance(reply, dict) or "batch_id" not in reply:
        return None
    params = {k: max(v) if isinstance(v, list) else v for k, v in reply["task_params"].items()}
    return (
        0.0,
        "add_task",
        {
            "worker": worker,
            "task_id": f"{reply['task_family']}_{params['k']}_all",
            "status": "RUNNING",
            "batch_id": reply["batch_id"],
            "family": reply["task_family"],
            "module": reply["task_module"],
            "params": params,
        },
    )


def comparable(method: str, reply: Any) -> Any:
    """Return ``reply`` without what is not compared."""
    if method == "re_enable_task":
        return None
    if isinstance(reply, dict) and "running_tasks" in reply:
        running = sorted((r["task_id"], r["worker"]) for r in reply["running_tasks"])
        return {**{k: v for k, v in reply.items() if k != "running_tasks"}, "running_tasks": running}
    return (
        reply
        if method in ("get_work", "count_pending", "forgive_failures", "mark_as_done", "update_resource")
        else None
    )


def task_view(state: Any, task_id: str) -> Any:
    """Return what is compared of one task record of a scheduler object's state, or ``None``."""
    task = state.get_task(task_id)
    if task is None:
        return None
    held = getattr(task, "resources_running", None) or {}
    return [
        task.status,
        task.priority,
        list(task.workers),
        task.worker_running,
        dict(task.resources or {}),
        dict(held),
        sorted(task.stakeholders),
    ]
