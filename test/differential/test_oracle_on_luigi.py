"""The linear scheduler of the tests is right: it answers as stock Luigi does."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

from test.scheduling.oracle import LinearScheduler
from test.scheduling.scripts import claim, comparable, random_script, task_view
from test.scheduling.test_oracle import IDS, OPTIONS, _OracleState

REPLAY = Path(__file__).with_name("replay_calls.py")


def test_oracle_answers_as_luigi(stock_venv: Path) -> None:
    with subprocess.Popen(
        [str(stock_venv / "bin" / "python"), "-W", "ignore", str(REPLAY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as luigi:
        assert luigi.stdin is not None
        assert luigi.stdout is not None

        def ask(*step: Any) -> Any:
            luigi.stdin.write(json.dumps(step) + "\n")  # type: ignore[union-attr]
            luigi.stdin.flush()  # type: ignore[union-attr]
            return json.loads(luigi.stdout.readline())  # type: ignore[union-attr]

        for seed in range(60):
            oracle = LinearScheduler(resources={"s": 2}, luigi=True, **OPTIONS)
            oracle.now = 1000.0
            ask(0, "new", {"resources": {"s": 2}, **OPTIONS})
            todo = random_script(random.Random(seed), 60, singly_new=True)
            while todo:
                step = todo.pop(0)
                seconds, method, arguments = step
                oracle.now += seconds
                answer = getattr(oracle, method)(**arguments)
                assert _as_json(comparable(method, answer)) == ask(*step), (seed, step)
                mine = _as_json([task_view(_OracleState(oracle), task_id) for task_id in IDS])
                assert mine == ask(0, "view", {"ids": IDS}), (seed, step)
                claiming = claim(answer, arguments["worker"]) if method == "get_work" else None
                if claiming is not None:
                    todo.insert(0, claiming)


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))
