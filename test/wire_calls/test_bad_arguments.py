"""Bad arguments are refused with a reason, and leave the scheduler as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luigi_clone._scheduling.invariants import validate
from luigi_clone._wire.kinds import MAX_DEPTH
from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone._wire.tickets import RefusedError, Ticket
from luigi_clone.scheduler import Scheduler

from ..scheduling import machines


def loaded() -> Scheduler:
    """Return a scheduler in which a bit of everything is going on."""
    scheduler = Scheduler(resources={"r": 2})
    scheduler.add_task_batcher("X", "F", ["k"])
    scheduler.add_worker("X", {"workers": 2})
    for name in "ABC":
        scheduler.add_task(worker="X", task_id=name, family="F", params={"k": name}, batchable=True)
    scheduler.add_task(worker="X", task_id="D", deps=["E"], resources={"r": 1}, priority=3)
    scheduler.add_task(worker="Y", task_id="E", family="E", resources={"r": 1})
    scheduler.add_task(worker="Y", task_id="G", status="FAILED", expl='"why"')
    scheduler.get_work(worker="Y", host="h")
    return scheduler


def everything(scheduler: Scheduler) -> dict[str, Any]:
    """Return the whole state, when workers were last heard from included."""
    state = machines.fields(scheduler._machine)
    state["seen"] = {worker.id: worker.last_active for worker in scheduler._machine.workers.values()}
    return state


BAD = [
    ("add_task", {"worker": "X"}, "add_task: task_id is missing; it must be a text"),
    ("add_task", {"task_id": "T"}, "add_task: worker is missing; it must be a text"),
    ("add_task", {"worker": None, "task_id": "T"}, "add_task: worker must be a text, not null"),
    ("add_task", {"worker": "X", "task_id": ["T"]}, "add_task: task_id must be a text, not a list"),
    ("add_task", {"worker": "X", "task_id": "T", "priority": "abc"}, "priority must be a number, not 'abc'"),
    ("add_task", {"worker": "X", "task_id": "T", "priority": None}, "priority must be a number, not null"),
    ("add_task", {"worker": "X", "task_id": "T", "priority": float("nan")}, "priority must be a number"),
    ("add_task", {"worker": "X", "task_id": "T", "status": "WEIRD"}, "status must be one of BATCH_RUNNING, "),
    ("add_task", {"worker": "X", "task_id": "T", "deps": "Dep"}, "deps must be a list of texts or null"),
    ("add_task", {"worker": "X", "task_id": "T", "deps": [None]}, "an element of deps must be a text"),
    ("add_task", {"worker": "X", "task_id": "T", "new_deps": {"a": 1}}, "new_deps must be a list of texts"),
    ("add_task", {"worker": "X", "task_id": "T", "resources": {"r": "much"}}, "the amount of 'r' must be"),
    ("add_task", {"worker": "X", "task_id": "T", "resources": {"r": -1}}, "a number of zero or more"),
    ("add_task", {"worker": "X", "task_id": "T", "resources": {"r": float("inf")}}, "of zero or more"),
    ("add_task", {"worker": "X", "task_id": "T", "resources": [1]}, "resources must be an object"),
    ("add_task", {"worker": "X", "task_id": "T", "params": ["x"]}, "params must be an object"),
    ("add_task", {"worker": "X", "task_id": "T", "family": []}, "family must be a text or null, not a list"),
    ("add_task", {"worker": "X", "task_id": "T", "batch_id": {}}, "batch_id must be a text or null"),
    ("add_task", {"worker": "X", "task_id": "T", "owners": "me"}, "owners must be a list of texts or null"),
    ("add_task", {"worker": "X", "task_id": "T", "retry_policy_dict": {"retry": 1}}, "unknown entry 'retry'"),
    ("add_task", {"worker": "X", "task_id": "T", "retry_policy_dict": {"retry_count": "x"}}, "a number or"),
    ("add_task", {"worker": "X", "task_id": "T", "param_visibilities": {"x": "0"}}, "parameter 'x' must be"),
    ("add_task", {"worker": "X", "task_id": "T", "self": 1}, "add_task: self is nothing that can be sent"),
    ("add_task", {"worker": "X", "task_id": "T\ud800"}, "task_id holds half a character"),
    ("add_task", {"worker": "X", "task_id": "T", "params": {"x": "\udfff"}}, "params holds half a character"),
    ("add_task", {"worker": "X", "task_id": "T", "status": "RUNNING", "batch_id": "?"}, "does not exist any"),
    ("get_work", {}, "get_work: worker is missing"),
    ("get_work", {"worker": "X", "current_tasks": [["A"]]}, "an element of current_tasks must be a text"),
    ("get_work", {"worker": "X", "current_tasks": "A"}, "current_tasks must be a list of texts or null"),
    ("get_work", {"worker": {"a": 1}}, "get_work: worker must be a text, not an object"),
    ("get_work", {"worker": "X", "assistant": [1]}, "assistant must be a text, a number, true, false or"),
    ("ping", {}, "ping: worker is missing"),
    ("ping", {"worker": []}, "ping: worker must be a text, not a list"),
    ("count_pending", {"worker": {}}, "count_pending: worker must be a text"),
    ("count_pending", {"worker": "X", "more": 1}, "there is no argument 'more' (there is: worker)"),
    ("pause", {"why": "x"}, "pause: there is no argument 'why' (there is: none)"),
    ("add_worker", {"worker": "X", "info": 5}, "info must be an object, or a list of pairs, not 5"),
    ("add_worker", {"worker": "X", "info": [["a"]]}, "an element of info must be a pair"),
    ("add_worker", {"worker": "X", "info": {"workers": "many"}}, "info: workers must be a number"),
    (
        "add_task_batcher",
        {"worker": "X", "task_family": [], "batched_args": []},
        "task_family must be a text",
    ),
    (
        "add_task_batcher",
        {"worker": "X", "task_family": "F", "batched_args": ["k"], "max_batch_size": float("nan")},
        "max_batch_size must be a number",
    ),
    ("task_list", {"status": ["PENDING"]}, "task_list: status must be a text or null, not a list"),
    ("task_list", {"max_shown_tasks": "x"}, "max_shown_tasks must be a number or null"),
    ("task_search", {}, "task_search: task_str is missing"),
    ("dep_graph", {"task_id": {}}, "dep_graph: task_id must be a text"),
    ("fetch_error", {"task_id": None}, "fetch_error: task_id must be a text, not null"),
    ("forgive_failures", {"task_id": []}, "task_id must be a text or null"),
    ("set_worker_processes", {"worker": "X", "n": "many"}, "n must be a whole number of zero or more"),
    ("set_worker_processes", {"worker": "X", "n": 1.5}, "n must be a whole number"),
    ("update_resources", {"r": float("nan")}, "update_resources: r must be a number"),
    ("update_resources", {"r": -1}, "r must be a number of zero or more, not -1"),
    ("update_resources", {"self": 1}, "self is nothing that can be sent"),
    ("update_resources", {"r\ud800": 1}, "the name of a resource holds half a character"),
    (
        "decrease_running_task_resources",
        {"task_id": "E", "decrease_resources": {"r": "x"}},
        "decrease of 'r'",
    ),
    ("decrease_running_task_resources", {"task_id": "E", "decrease_resources": None}, "must be an object"),
    (
        "set_task_progress_percentage",
        {"task_id": "E", "progress_percentage": [1]},
        "must be a text, a number",
    ),
    ("update_metrics_task_started", {"task": "E"}, "task is nothing that can be sent"),
    ("add_scheduler_message_response", {"task_id": "E", "message_id": [], "response": ""}, "message_id must"),
]


@pytest.mark.parametrize(("name", "arguments", "reason"), BAD)
def test_refusal_tells_the_reason_and_changes_nothing(name: str, arguments: Any, reason: str) -> None:
    scheduler = loaded()
    before = everything(scheduler)
    with pytest.raises(RefusedError) as refused:
        scheduler.answer(name, arguments)
    assert reason in refused.value.reason
    assert refused.value.status == (409 if "batch" in refused.value.reason and "?" in str(arguments) else 400)
    assert everything(scheduler) == before


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [MAX_DEPTH, 100_000])
def test_values_that_are_nested_too_deep_are_refused(depth: int) -> None:
    scheduler = loaded()
    before = everything(scheduler)
    for name, arguments in (
        ("add_task", {"worker": "X", "task_id": "T", "params": {"x": nested(depth)}}),
        ("add_worker", {"worker": "X", "info": {"x": nested(depth)}}),
        ("set_task_status_message", {"task_id": "E", "status_message": nested(depth)}),
    ):
        with pytest.raises(RefusedError, match=f"nested more than {MAX_DEPTH} levels deep"):
            scheduler.answer(name, arguments)
    assert everything(scheduler) == before
    scheduler.answer("set_task_status_message", {"task_id": "E", "status_message": nested(MAX_DEPTH - 1)})


def test_unknown_call() -> None:
    with pytest.raises(RefusedError) as refused:
        loaded().answer("add_tusk", {})
    assert (refused.value.status, refused.value.reason) == (404, "there is no call 'add_tusk'")


@pytest.mark.parametrize("request_id", ["", "x", "-1", "x-", "x-y", "x" * 65 + "-1", "x-1234567890123456", 5])
def test_request_id_that_is_none(request_id: Any) -> None:
    with pytest.raises(RefusedError, match="<client>-<number>"):
        loaded().answer("ping", {"worker": "X"}, Ticket(request_id))


def test_scalars_are_taken_for_texts() -> None:
    scheduler = loaded()
    scheduler.answer("add_task", {"worker": 7, "task_id": 5, "deps": [1, 2.5], "family": 3})
    task = scheduler._machine.tasks["5"]
    assert (task.deps, task.family, task.crew.workers) == (("1", "2.5"), "3", ("7",))
    assert scheduler.answer("set_worker_processes", {"worker": "X", "n": "3"}).response is None
    messages = scheduler.answer("ping", {"worker": "X"}).response["rpc_messages"]
    assert messages == [{"name": "set_worker_processes", "kwargs": {"n": 3}}]


def test_what_stock_clients_send_is_taken() -> None:
    scheduler = loaded()
    scheduler.answer(
        "add_task_batcher",
        {"worker": "X", "task_family": "F", "batched_args": ["k"], "max_batch_size": float("inf")},
    )
    scheduler.answer("add_worker", {"worker": "W", "info": [["salt", "86"], ["workers", 1]]})
    scheduler.answer("add_worker", {"worker": "W", "info": {"workers": 3}, "added_by_a_newer_client": [1]})
    assert scheduler._machine.workers["W"].info == {"salt": "86", "workers": 3}
    for call in RPC_METHODS.values():
        for name, default in call.rpc_call.defaults.items():  # type: ignore[attr-defined]
            if default is not None:
                sent = {"worker": "X", "task_id": "T", name: default}
                kinds = call.rpc_call.kinds  # type: ignore[attr-defined]
                kinds[name].convert(name, default)
                assert sent


def test_whole_numbers_beyond_all_stores_become_fractions() -> None:
    scheduler = loaded()
    scheduler.answer(
        "add_task", {"worker": "X", "task_id": "T", "priority": 10**30, "resources": {"r": 10**20}}
    )
    assert scheduler._machine.tasks["T"].priority == 1e30
    with pytest.raises(RefusedError, match="priority is too large"):
        scheduler.answer("add_task", {"worker": "X", "task_id": "U", "priority": 10**400})
    assert scheduler.answer("update_resource", {"resource": "r", "amount": 10**400}).response is False


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["X", "Y", "A", "D", "E", "G", "r", "F", "k", "DONE", "PENDING", "FAILED", "RUNNING"])
    | st.text(st.characters(codec=None), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["r", "k", "workers", "retry_count", "name", "x\ud800"]), inner)
    ),
    max_leaves=5,
)
NAMES = sorted(RPC_METHODS)


@st.composite
def calls(draw: Any) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(NAMES))
    call = RPC_METHODS[name].rpc_call  # type: ignore[attr-defined]
    names = [*call.kinds, *(["more", "self", "r"] if draw(st.booleans()) else [])]
    good = {"worker": "X", "task_id": "A", "task": "A", "task_family": "F", "resource": "r", "n": 2}
    arguments = {key: value for key, value in good.items() if key in call.kinds}
    for key in draw(st.lists(st.sampled_from(names), max_size=4, unique=True)) if names else ():
        arguments[key] = draw(JSON)
    return name, arguments


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(calls(), min_size=1, max_size=12))
def test_no_call_whatever_breaks_the_scheduler(script: list[tuple[str, dict[str, Any]]]) -> None:
    scheduler = loaded()
    machine = scheduler._machine
    for number, (name, arguments) in enumerate(script):
        before = everything(scheduler)
        try:
            reply = scheduler.answer(name, arguments, Ticket(f"c-{number}"))
        except RefusedError as refused:
            assert refused.status in (400, 409)
            assert refused.reason.startswith(f"{name}: ")
            assert everything(scheduler) == before
        else:
            json.dumps(reply.response).encode()
        validate(machine)
    scheduler.unpause()
    scheduler.add_task(worker="Healthy", task_id="Own", family="Own", priority=float("inf"))
    assert scheduler.get_work(worker="Healthy", host="h")["task_id"] == "Own"
    scheduler.add_task(worker="Healthy", task_id="Own", status="DONE")
    views = [
        scheduler.graph(),
        scheduler.task_list(limit=False),
        scheduler.worker_list(),
        scheduler.resource_list(),
    ]
    json.dumps(views, ensure_ascii=False).encode()
