"""The client sends for each call what Luigi's client sends."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import Any

import pytest

from test.differential.engines import ROOT, THIS, Engine, stock
from test.wire.capture import Recorder, as_old_server

PLAYER = Path(__file__).with_name("client_calls.py")
W = "Worker(salt=1, workers=1, host=h, username=ü, pid=2)"
TASK = "räume.Größe_a_b_☃ 🐍_0123456789"
CALLS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("add_task", [], {"worker": W, "task_id": TASK}),
    ("add_task", [TASK, "DONE", False], {"worker": W, "priority": 1.5, "deps": [], "expl": "null"}),
    ("add_task", [], {"worker": W}),
    (
        "add_task",
        [],
        {
            "worker": W,
            "task_id": TASK,
            "status": "FAILED",
            "runnable": None,
            "deps": ["a", "b"],
            "new_deps": ["c"],
            "expl": '"</b>\\n"',
            "resources": {"db": 1, "é": 0},
            "priority": -3,
            "family": "räume.Größe",
            "module": "m",
            "params": {"a": "b", "ü": '"'},
            "param_visibilities": {"a": 0, "ü": 1},
            "accepts_messages": True,
            "assistant": True,
            "tracking_url": "http://x/?a=1&b=2",
            "batchable": True,
            "batch_id": "f3360f",
            "retry_policy_dict": {"retry_count": 2, "disable_hard_timeout": None, "disable_window": None},
            "owners": ["a@b.c"],
            "of_a_later_version": [1],
        },
    ),
    ("add_task_batcher", [], {"worker": W, "task_family": "F", "batched_args": ["k"]}),
    ("add_task_batcher", [W, "F", ["k"], 3], {}),
    ("add_task_batcher", [W, "F", ["k"], inf], {}),
    ("add_worker", [W, [["salt", "1"], ["workers", 1], ["first_task", None]]], {}),
    ("add_worker", [W, {"workers": 3}], {}),
    ("add_worker", [W, {}], {"more": 1}),
    ("get_work", [], {"worker": W, "host": "h", "assistant": False, "current_tasks": []}),
    ("get_work", [], {}),
    ("get_work", ["h", True, [TASK], W], {}),
    ("count_pending", [W], {}),
    ("ping", [], {"worker": W}),
    ("ping", [], {}),
    ("announce_scheduling_failure", ["T(a=1)", "T", {"a": "1"}, "why", ["a@b.c"]], {"worker": W}),
    ("prune", [], {}),
    ("forgive_failures", [TASK], {}),
    ("forgive_failures", [], {}),
    ("mark_as_done", [], {"task_id": TASK}),
    ("mark_as_done", [], {}),
    ("re_enable_task", [TASK], {}),
    ("disable_worker", [W], {}),
    ("set_worker_processes", [W, 3], {}),
    ("send_scheduler_message", [W, TASK, "grüß ☃"], {}),
    ("add_scheduler_message_response", [TASK, "id", {"any": ["thing"]}], {}),
    ("get_scheduler_message_response", [], {"task_id": TASK, "message_id": "id"}),
    ("pause", [], {}),
    ("unpause", [], {}),
    ("is_paused", [], {}),
    ("is_pause_enabled", [], {}),
    ("update_resources", [], {"db": 2, "é": 1}),
    ("update_resource", ["db", 2], {}),
    ("set_task_status_message", [TASK, "<b>☃</b>"], {}),
    ("get_task_status_message", [TASK], {}),
    ("set_task_progress_percentage", [TASK, 12.5], {}),
    ("get_task_progress_percentage", [TASK], {}),
    ("decrease_running_task_resources", [TASK, {"db": 1}], {}),
    ("get_running_task_resources", [TASK], {}),
    ("report_task_statistics", [TASK, {"cpu": 0.1}], {}),
    ("update_metrics_task_started", [None], {}),
    ("task_list", [], {}),
    ("task_list", ["PENDING", "UPSTREAM_FAILED", False, "a b", 10], {}),
    ("task_list", [], {"status": "DONE", "upstream_status": ""}),
    ("task_search", ["Größe"], {}),
    ("dep_graph", [TASK], {}),
    ("dep_graph", [TASK, False], {}),
    ("inverse_dep_graph", [], {"task_id": TASK, "include_done": False}),
    ("graph", [], {}),
    ("fetch_error", [TASK], {}),
    ("worker_list", [], {}),
    ("worker_list", [False], {}),
    ("resource_list", [], {}),
    ("has_task_history", [], {}),
    # not sent at all
    ("count_pending", [], {}),
    ("add_worker", [W], {}),
    ("update_resource", [], {"resource": "db"}),
]


def _play(engine: Engine, transport: str, folder: Path) -> tuple[dict[str, Any], Recorder]:
    with Recorder(as_old_server) as recorder:
        order = {"url": f"http://127.0.0.1:{recorder.port}/a/path/", "transport": transport, "calls": CALLS}
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LUIGI"))}
        if engine is THIS:
            env["PYTHONPATH"] = str(ROOT)
        done = subprocess.run(
            [*engine.python, str(PLAYER)],
            input=json.dumps(order),
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found, recorder


@pytest.mark.parametrize("transport", ["requests", "urllib"])
def test_each_call(stock_venv, tmp_path, transport):
    engines = (THIS, stock(stock_venv))
    with ThreadPoolExecutor(2) as threads:
        ours, luigis = threads.map(lambda engine: _play(engine, transport, tmp_path), engines)
    assert {method for method, *_ in CALLS} == set(luigis[0]["methods"]), "a call is not compared"
    assert set(ours[0]["methods"]) >= set(luigis[0]["methods"])
    pairs = zip(ours[1].understood(), luigis[1].understood(), strict=True)
    for mine, theirs in pairs:
        assert mine.line == theirs.line
        assert mine.arguments == theirs.arguments
        for header in ("Content-Type", "Content-Length"):
            assert mine.headers[header] == theirs.headers[header]
    kind = "python-requests" if transport == "requests" else "Python-urllib"
    assert luigis[1].understood()[0].headers["User-Agent"].startswith(kind)
    assert len(luigis[1].understood()) == len(CALLS) - 3
    for call, mine, theirs in zip(CALLS, ours[0]["results"], luigis[0]["results"], strict=True):
        assert (call, mine) == (call, theirs)
    assert [kind for kind, _ in luigis[0]["results"][-3:]] == ["TypeError"] * 3
