"""The server answers a script of calls as Luigi's server does."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from test.differential.engines import THIS, Engine, stock
from test.wire.pairings import difference
from test.wire.sites import Site

X = "Worker(salt=1, workers=1, host=hx, username=ü, pid=1)"
Y = "Worker(salt=2, workers=2, host=hy, username=v, pid=2)"
INFO = [["salt", "1"], ["workers", 1], ["host", "hx"], ["username", "ü"], ["pid", 1], ["first_task", "A_1"]]
Call = tuple[str, dict[str, Any]]


def _add(task_id: str, worker: str = X, **more: Any) -> Call:
    """Return a registration with all the nulls of a stock client."""
    told = {
        "task_id": task_id,
        "status": "PENDING",
        "runnable": True,
        "deps": None,
        "new_deps": None,
        "expl": None,
        "resources": {},
        "priority": 0,
        "family": task_id.partition("_")[0],
        "module": "m",
        "params": {"x": task_id[-1]},
        "param_visibilities": {"x": 0},
        "accepts_messages": False,
        "assistant": False,
        "tracking_url": None,
        "worker": worker,
        "batchable": False,
        "batch_id": None,
        "retry_policy_dict": None,
        "owners": None,
    }
    return "add_task", {**told, **more}


def _ask(worker: str = X, **more: Any) -> Call:
    return "get_work", {"worker": worker, "host": "h", "assistant": False, "current_tasks": None, **more}


def _end(task_id: str, status: str = "DONE", worker: str = X, **more: Any) -> Call:
    said = {"expl": '"why <b>☃</b>"' if status == "FAILED" else "null", "new_deps": []}
    return _add(task_id, worker, status=status, runnable=None, batchable=None, **{**said, **more})


VIEWS: list[Call] = [
    ("task_list", {"status": "", "upstream_status": ""}),
    *(("task_list", {"status": status, "upstream_status": ""}) for status in ("PENDING", "DONE", "FAILED")),
    *(
        ("task_list", {"status": "PENDING", "upstream_status": f"UPSTREAM_{cause}", "search": ""})
        for cause in ("RUNNING", "MISSING_INPUT", "FAILED", "DISABLED")
    ),
    ("worker_list", {}),
    ("worker_list", {"include_running": False}),
    ("resource_list", {}),
    ("graph", {}),
    ("count_pending", {"worker": X}),
    ("count_pending", {"worker": Y}),
]
SCRIPTS: dict[str, list[Call]] = {
    "nothing-yet": [
        *VIEWS[:-2],
        ("has_task_history", {}),
        ("is_paused", {}),
        ("is_pause_enabled", {}),
        ("prune", {}),
        ("graph", {"unknown": 1}),
        ("dep_graph", {"task_id": "nobody"}),
        ("inverse_dep_graph", {"task_id": "nobody"}),
        ("task_search", {"task_str": "nobody"}),
        ("fetch_error", {"task_id": "nobody"}),
        ("forgive_failures", {"task_id": "nobody"}),
        ("forgive_failures", {}),
        ("mark_as_done", {"task_id": "nobody"}),
        ("re_enable_task", {"task_id": "nobody"}),
        ("get_task_status_message", {"task_id": "nobody"}),
        ("get_task_progress_percentage", {"task_id": "nobody"}),
        ("get_running_task_resources", {"task_id": "nobody"}),
        ("set_task_status_message", {"task_id": "nobody", "status_message": "x"}),
        ("decrease_running_task_resources", {"task_id": "nobody", "decrease_resources": {"r": 1}}),
        ("get_scheduler_message_response", {"task_id": "nobody", "message_id": "x"}),
        ("report_task_statistics", {"task_id": "nobody", "statistics": {}}),
        ("ping", {"worker": X}),
        _ask(),
        *VIEWS,
    ],
    "a-run": [
        ("add_worker", {"worker": X, "info": INFO}),
        ("add_worker", {"worker": Y, "info": {"workers": 2, "host": "hy"}}),
        _add("A_1", deps=["B_1", "C_1"], resources={"r": 1}, priority=3.5, owners=["a@b.c"]),
        *VIEWS,
        _add("B_1", accepts_messages=True, resources={"r": 1, "s": 2}),
        _add("C_1", runnable=False, deps=None),
        _add("D_1", status="DONE", runnable=False),
        _add("E_1", status="UNKNOWN", runnable=False),
        _add("B_1", worker=Y),
        *VIEWS,
        _ask(),
        _ask(current_tasks=["B_1"]),
        _ask(current_tasks=[]),
        _ask(Y),
        ("set_task_status_message", {"task_id": "B_1", "status_message": "</b> ☃"}),
        ("get_task_status_message", {"task_id": "B_1"}),
        ("set_task_progress_percentage", {"task_id": "B_1", "progress_percentage": 12.5}),
        ("get_task_progress_percentage", {"task_id": "B_1"}),
        ("get_running_task_resources", {"task_id": "B_1"}),
        ("decrease_running_task_resources", {"task_id": "B_1", "decrease_resources": {"s": 1, "t": 1}}),
        ("get_running_task_resources", {"task_id": "B_1"}),
        ("send_scheduler_message", {"worker": X, "task": "B_1", "content": "hi ☃"}),
        ("set_worker_processes", {"worker": X, "n": 3}),
        *VIEWS,
        ("ping", {"worker": X}),
        ("ping", {"worker": X}),
        ("add_scheduler_message_response", {"task_id": "B_1", "message_id": "id", "response": "r"}),
        ("get_scheduler_message_response", {"task_id": "B_1", "message_id": "id"}),
        ("get_scheduler_message_response", {"task_id": "B_1", "message_id": "id"}),
        _end("B_1", "FAILED"),
        *VIEWS,
        ("fetch_error", {"task_id": "B_1"}),
        ("dep_graph", {"task_id": "A_1"}),
        ("dep_graph", {"task_id": "A_1", "include_done": False}),
        ("inverse_dep_graph", {"task_id": "B_1"}),
        ("task_search", {"task_str": "_1"}),
        ("task_list", {"status": "", "upstream_status": "", "search": "a x=1"}),
        ("task_list", {"status": "", "upstream_status": "", "max_shown_tasks": 2}),
        ("task_list", {"status": "", "upstream_status": "", "limit": False, "max_shown_tasks": 2}),
        ("task_list", {"status": "PENDING", "upstream_status": "UPSTREAM_FAILED", "max_shown_tasks": 1}),
        ("forgive_failures", {"task_id": "B_1"}),
        ("forgive_failures", {"task_id": "D_1"}),
        _ask(),
        ("mark_as_done", {"task_id": "B_1"}),
        ("mark_as_done", {"task_id": "C_1"}),
        _end("C_1", worker=Y),
        _ask(),
        _end("A_1"),
        *VIEWS,
    ],
    "dynamic": [
        _add("A_1"),
        _ask(),
        _add("N_1"),
        _end("A_1", "PENDING", new_deps=["N_1"], expl='""'),
        ("dep_graph", {"task_id": "A_1"}),
        _ask(),
        _ask(current_tasks=["N_1"]),
        _end("N_1"),
        _ask(),
        *VIEWS,
    ],
    "batches": [
        ("add_task_batcher", {"worker": X, "task_family": "F", "batched_args": ["x"], "max_batch_size": 2}),
        *(_add(f"F_{n}", batchable=True, params={"x": str(n), "g": "g"}) for n in range(3)),
        _ask(),
        _add("G_1"),
        *VIEWS,
    ],
    "disables": [
        ("add_worker", {"worker": Y, "info": {}}),
        ("update_resource", {"resource": "r", "amount": 0}),
        ("update_resource", {"resource": "r", "amount": -1}),
        ("update_resource", {"resource": "r", "amount": "1"}),
        ("update_resources", {"s": 5, "ü": 1}),
        _add("A_1", resources={"r": 1}, retry_policy_dict={"retry_count": 1}),
        _ask(),
        ("update_resource", {"resource": "r", "amount": 1}),
        ("pause", {}),
        ("is_paused", {}),
        _ask(),
        ("unpause", {}),
        _ask(),
        _end("A_1", "FAILED", retry_policy_dict={"retry_count": 1}, resources={"r": 1}),
        *VIEWS,
        _add("A_1"),
        _add("B_1", deps=["A_1"]),
        *VIEWS,
        ("re_enable_task", {"task_id": "B_1"}),
        ("re_enable_task", {"task_id": "A_1"}),
        _add("G_1", status="DISABLED"),
        ("re_enable_task", {"task_id": "G_1"}),
        ("mark_as_done", {"task_id": "G_1"}),
        ("disable_worker", {"worker": X}),
        _ask(),
        *VIEWS,
    ],
    "an-assistant": [
        _add("A_1"),
        _add("B_1", deps=["A_1"]),
        ("add_worker", {"worker": Y, "info": {"workers": 1}}),
        _ask(Y, assistant=True, current_tasks=[]),
        ("count_pending", {"worker": Y}),
        _ask(),
        _end("A_1", worker=Y, assistant=True),
        _ask(Y, assistant=True, current_tasks=[]),
        *VIEWS,
    ],
    "refused": [
        ("no_such_call", {}),
        ("", {}),
        ("_state", {}),
        ("load", {}),
        ("ping/", {}),
        ("PING", {}),
        ("ping", {}),
        ("count_pending", {}),
        ("count_pending", {"worker": X, "more": 1}),
        ("disable_worker", {}),
        ("update_resource", {"resource": "r"}),
        ("add_task", {"task_id": "A_1"}),
        ("add_task", {"task_id": "A_1", "worker": X, "priority": "high"}),
        ("pause", {"more": 1}),
        ("resource_list", {"more": 1}),
        ("set_task_status_message", {"task_id": "A_1"}),
    ],
}


def _drawn(value: Any) -> Any:
    return value and "drawn by lot"


_MADE_COMPARABLE = {"message_id": _drawn, "batch_id": _drawn, "deps": sorted}


def _comparable(value: Any) -> Any:
    """Return an answer without times and without what is drawn by lot."""
    if isinstance(value, dict):
        return {key: _MADE_COMPARABLE.get(key, _comparable)(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_comparable(one) for one in value]
    return "time" if isinstance(value, float) and value > 1e9 else value


class _Caller:
    def __init__(self, site: Site) -> None:
        self._http = HTTPConnection("127.0.0.1", site.port, timeout=20)

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._http.request(method, path, body, named)
        answer = self._http.getresponse()
        return answer.status, answer.headers, answer.read().decode("utf-8")

    def call(self, name: str, arguments: dict[str, Any], by: str) -> Any:
        """Return what may be compared: the answer, or that it is an error."""
        data = urlencode({"data": json.dumps(arguments)})
        path = f"/api/{quote(name)}"
        if by == "GET":
            status, headers, body = self.ask("GET", f"{path}?{data}")
        else:
            form = {"Content_Type": "application/x-www-form-urlencoded"}
            status, headers, body = self.ask("POST", path, data, **form)
        if status != 200:
            return (400 if status == 500 else status,)  # where Luigi says 500, ours tells what was wrong
        found = json.loads(body)
        assert body == json.dumps(found).replace("</", "<\\/")
        return status, headers["Content-Type"], _comparable(found)


def _answers(folder: Any, server: Engine, calls: list[Call], by: str) -> list[Any]:
    folder.mkdir()
    # no times but those of the script
    options = {"retry_delay": 1000, "prune_on_get_work": "false", "stable_done_cooldown_secs": 0}
    sections = {"scheduler": options, "resources": {"r": 2}}
    with Site(folder, server, server, sections) as site, closing(_Caller(site)) as caller:
        return [caller.call(*call, by) for call in calls]


@pytest.mark.parametrize(
    ("name", "by"), [*((name, "POST") for name in SCRIPTS), ("a-run", "GET"), ("refused", "GET")]
)
def test_answers(stock_venv, tmp_path, name, by):
    calls = SCRIPTS[name]
    places = [("luigi", stock(stock_venv)), ("ours", THIS)]
    with ThreadPoolExecutor(2) as threads:
        luigis, ours = threads.map(
            lambda place: [*zip(calls, _answers(tmp_path / place[0], place[1], calls, by), strict=True)],
            places,
        )
    assert {status for _, (status, *_) in luigis} == ({400, 404} if name == "refused" else {200})
    if ours != luigis:
        different = [pair for pair in zip(luigis, ours, strict=True) if pair[0] != pair[1]]
        pytest.fail(difference(*zip(*different, strict=True)), pytrace=False)
