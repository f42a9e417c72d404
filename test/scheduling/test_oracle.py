"""The scheduler answers as the plain linear one does, call by call."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luigi_clone.scheduler import Scheduler
from test.scheduling.oracle import LinearScheduler
from test.scheduling.scripts import TASKS, Step, claim, comparable, random_script, task_view

OPTIONS: dict[str, Any] = {
    "retry_delay": 20.0,
    "remove_delay": 100.0,
    "worker_disconnect_delay": 60.0,
    "disable_window": 60,
    "disable_persist": 50,
    "stable_done_cooldown_secs": 2,
}
IDS = TASKS + [f"{family}_{task}_all" for family in "FG" for task in TASKS]


class _OracleState:
    def __init__(self, oracle: LinearScheduler) -> None:
        self.get_task = oracle.tasks.get


def play(script: list[Step], prune_on_get_work: bool) -> None:
    oracle = LinearScheduler(resources={"s": 2}, prune_on_get_work=prune_on_get_work, **OPTIONS)
    scheduler = Scheduler(resources={"s": 2}, prune_on_get_work=prune_on_get_work, **OPTIONS)
    scheduler._clock = lambda: oracle.now
    oracle.now = 1000.0
    done: list[Any] = []
    todo = list(script)
    while todo:
        seconds, method, arguments = todo.pop(0)
        oracle.now += seconds
        expected = getattr(oracle, method)(**arguments)
        actual = getattr(scheduler, method)(**arguments)
        done.append((oracle.now, method, arguments))
        assert comparable(method, actual) == comparable(method, expected), done
        for task_id in IDS:
            assert task_view(scheduler._state, task_id) == task_view(_OracleState(oracle), task_id), (
                task_id,
                done,
            )
        if method == "get_work":
            claiming = claim(expected, arguments["worker"])
            if claiming is not None:
                todo.insert(0, claiming)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(5, 60), st.booleans())
def test_answers_of_the_linear_scheduler(rng: random.Random, length: int, prune_on_get_work: bool) -> None:
    play(random_script(rng, length), prune_on_get_work)


def test_long_scripts() -> None:
    for seed in range(40):
        play(random_script(random.Random(seed), 200), prune_on_get_work=seed % 2 == 0)
