"""No arguments of any call end in an error of the server, or harm the calls that come after."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from math import inf, nan
from typing import Any
from urllib.parse import quote

import luigi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luigi_clone._scheduling.invariants import validate
from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone.scheduler import Scheduler
from test.scheduling.machines import fields
from test.wire.serving import Client, Loop, lived_in

EXAMPLES = int(os.environ.get("WIRE_EXAMPLES", "40"))
"""How often each property is tried; a night can do with more."""
THOROUGH = EXAMPLES > 40
RETRY = {"retry_count": 1, "disable_hard_timeout": None, "disable_window": 60}
USUAL: dict[str, list[Any]] = {
    "task_id": ["A_1", "B_1", "C_1", "D_1", "F_2", "N_1", "räume.G_☃"],
    "worker": ["X", "Y", "Z"],
    "status": ["PENDING", "RUNNING", "DONE", "FAILED", "DISABLED", "UNKNOWN"],
    "upstream_status": ["", "UPSTREAM_FAILED"],
    "runnable": [True, False, None],
    "deps": [[], ["B_1", "N_1"], None],
    "new_deps": [[], ["C_1"], None],
    "expl": ['"why"', "null", None, "no JSON", '["what on_failure returned"]', "[" * 5_000],
    "resources": [{"r": 1}, {}, None],
    "priority": [0, 1.5, -1],
    "family": ["A", ""],
    "module": ["m", None],
    "params": [{"x": "1"}, {}, None],
    "param_visibilities": [{"x": 0}, {"x": 1}, None],
    "accepts_messages": [True, False],
    "assistant": [True, False],
    "tracking_url": ["http://x/", None],
    "batchable": [True, False, None],
    "batch_id": [None, "id"],
    "retry_policy_dict": [RETRY, None],
    "owners": [["a@b.c"], None],
    "task_family": ["F", "A"],
    "batched_args": [["k"], []],
    "max_batch_size": [2, inf],
    "info": [{"workers": 1, "name": "n"}, [["workers", 2], ["state", "s"]]],
    "host": ["h", None],
    "current_tasks": [[], ["B_1"], None],
    "task_name": ["A(x=1)"],
    "n": [1, 4],
    "task": ["B_1"],
    "content": ["hello"],
    "message_id": ["id"],
    "response": ["answer"],
    "resource": ["r", "s"],
    "amount": [0, 3],
    "status_message": ["half"],
    "progress_percentage": [50, 12.5],
    "decrease_resources": [{"r": 1}],
    "statistics": [{"cpu": 1}],
    "limit": [True, False],
    "search": [None, "a x"],
    "max_shown_tasks": [None, 1],
    "task_str": ["A"],
    "include_done": [True, False],
    "include_running": [True, False],
}
"""What callers that mean well send; an argument that is not here gets null."""
ODD: list[Any] = [
    *(None, True, -1, 2**70, nan, "x", "\ud800"),
    *([], [None], ["x", "x"], [[[], 1]]),
    *({}, {"x": None}, {"r": nan}, {"r": "1"}, {"workers": "many"}, {"name": 1}),
]
ODDER: list[Any] = [
    *(False, 0, 1.5, inf, -inf, "", "☃</script>", "\0", "x" * 10_000),
    *([1], ["x"], [[]], [{}], [["a", 1]], [["a"]], [["a", "b", "c"]]),
    *({"": None}, {"x": "1"}, {"r": -1}, {"r": inf}, {"r": {}}, {"x": {"y": [None]}}, {"workers": nan}),
    *({"retry_count": "x"}, {"retry_count": -1, "disable_window": nan}, {"task_id": "x", "worker": []}),
]


def _nested(depth: int, opening: str, core: str, closing: str) -> str:
    return opening * depth + core + closing * depth


DEPTHS = (90, 480, 900, 960, 985, 995, 1000, 5_000) if THOROUGH else (90, 975, 5_000)
DEEP = [_nested(depth, *form) for depth in DEPTHS for form in (("[", "1", "]"), ('{"x":', "1", "}"))]
"""Texts of values: Python has its own limit of nesting, which reading and writing reach at other depths."""


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_mails() -> None:
    config = luigi.configuration.get_config()
    config.set("email", "format", "none")
    config.set("batch_email", "email_interval", "0")


def _names(name: str) -> tuple[str, ...]:
    names: tuple[str, ...] = RPC_METHODS[name].rpc_call.names  # type: ignore[attr-defined]
    return (
        names
        if "worker" in names or name not in ("ping", "announce_scheduling_failure")
        else (*names, "worker")
    )


def _check(client: Client, scheduler: Scheduler, name: str, data: str) -> bool:
    """Make a call and check what must hold after any; return whether it changed the state."""
    before = fields(scheduler._machine)
    status, body = client.call(name, data)
    changed = fields(scheduler._machine) != before
    shown = f"{name} {data[:200]} -> {status} {body[:200]}"
    assert status == 200 or 400 <= status < 500, shown
    if status != 200:
        title, _, rest = body.partition("<body>")
        assert len(rest) > len(title) + 3, f"no reason: {shown}"
        assert not changed, f"refused, but not without effect: {shown}"
    return changed


def _check_afterwards(client: Client, scheduler: Scheduler) -> None:
    """Check that everybody else can go on."""
    validate(scheduler._machine)
    client.response("prune")
    for worker in ("X", "Y", "assistant"):
        client.response("get_work", worker=worker, host="h", assistant=worker == "assistant")
        client.response("count_pending", worker=worker)
    client.response("ping", worker="X")
    for view in ("graph", "worker_list", "resource_list"):
        client.response(view)
    client.response("task_list", status="PENDING", upstream_status="UPSTREAM_FAILED")
    client.response("task_search", task_str="")
    for task_id in fields(scheduler._machine)["tasks"]:
        client.response("fetch_error", task_id=task_id)
    validate(scheduler._machine)


def _try_all(loop: Loop, name: str, texts: Iterator[str], **options: Any) -> None:
    """Make the call with each of the texts; tell all that went wrong at once."""
    found: list[str] = []
    left: str | None = next(texts)
    while left is not None:
        # the same server until a call has changed something
        scheduler = lived_in(**options)
        with loop.serving(scheduler) as client:
            unchanged = True
            while left is not None and unchanged:
                try:
                    if _check(client, scheduler, name, left):
                        unchanged = False
                        _check_afterwards(client, scheduler)
                except AssertionError as error:
                    found.append(f"{name} {left[:200]}: {str(error)[:300]}")
                    unchanged = False
                left = next(texts, None)
            if unchanged:
                _check_afterwards(client, scheduler)
    assert not found, "\n".join([f"{len(found)} times:", *found[:20]])


def _texts(name: str, usual: dict[str, Any], odd_ones: Iterable[str]) -> Iterator[str]:
    """Yield the arguments of calls with one argument that is missing, unknown or odd."""
    yield json.dumps(usual)
    yield json.dumps({**usual, "of_a_later_version": 1})
    values = ODD + ODDER if THOROUGH else ODD
    for argument in odd_ones:
        rest = {other: value for other, value in usual.items() if other != argument}
        yield json.dumps(rest)
        for value in (*USUAL.get(argument, ())[1:], *values):
            yield json.dumps({**rest, argument: value})
        for deep in DEEP:
            yield json.dumps({**rest, argument: "@"}).replace('"@"', deep)


@pytest.mark.parametrize("name", sorted(RPC_METHODS))
def test_one_odd_argument(loop, caplog, name):
    usual = {argument: USUAL.get(argument, [None])[0] for argument in _names(name)}
    _try_all(loop, name, _texts(name, usual, usual))


def test_odd_failures_that_are_mailed_together(loop, caplog):
    failure = {"worker": "X", "task_id": "B_1", "family": "B", "status": "FAILED", "expl": '"why"'}
    more = {"owners": ["a@b.c"], "params": {"x": "1"}}
    texts = _texts("add_task", {**failure, **more}, ("family", "expl", "owners", "params"))
    _try_all(loop, "add_task", texts, batch_emails=True)


def test_odd_announcements_that_are_mailed_together(loop, caplog):
    name = "announce_scheduling_failure"
    usual = {argument: USUAL[argument][0] for argument in _names(name)}
    _try_all(loop, name, _texts(name, usual, usual), batch_emails=True)


json_values = st.recursive(
    st.sampled_from(ODD + ODDER) | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str]:
    name = draw(st.sampled_from(sorted(RPC_METHODS)))
    arguments = {}
    for argument in _names(name):
        usual = st.sampled_from(USUAL.get(argument, [None]))
        kind = draw(st.integers(0, 9))
        if kind:
            arguments[argument] = draw(usual if kind < 9 else json_values)
    if draw(st.integers(0, 19)) == 19:
        arguments[draw(st.text(max_size=8))] = draw(json_values)
    return name, json.dumps(arguments)


quickly = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(quickly, max_examples=EXAMPLES)
@given(script=st.lists(calls(), min_size=1, max_size=8), batch_emails=st.booleans())
def test_scripts_of_odd_calls(loop, caplog, script, batch_emails):
    scheduler = lived_in(batch_emails=batch_emails)
    with loop.serving(scheduler) as client:
        for name, data in script:
            _check(client, scheduler, name, data)
        _check_afterwards(client, scheduler)


@settings(quickly, max_examples=EXAMPLES)
@given(
    name=st.sampled_from(sorted(RPC_METHODS)) | st.text(max_size=10),
    body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    prefix=st.sampled_from([b"", b"data=", b"data=%7B", b"data={}&data=", b"x=1&data=", b"data", b"{"]),
    kind=st.sampled_from(
        ["application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=b", "", "é"]
    ),
)
def test_bodies_that_are_no_arguments(loop, caplog, name, prefix, body, kind):
    scheduler = lived_in()
    with loop.serving(scheduler) as client:
        status, answer = client.ask(f"/api/{quote(name)}", prefix + body, kind)
        assert status < 500, answer
        _check_afterwards(client, scheduler)
