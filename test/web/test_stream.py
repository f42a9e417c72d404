"""The stream of news: what a page is told, and what happens to one that does not listen."""

from __future__ import annotations

import json
import socket
import time

import pytest

from luigi_clone.scheduler import Scheduler
from test.doors.asking import ADMIN, READ
from test.doors.servers import luigid
from test.served import Served
from test.web.following import following
from test.web.test_sessions import TOKENS, call, sign_in


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with luigid(tmp_path_factory.mktemp("stream"), "[resources]\ngpu=2\n") as process:
        yield process


def tell(running, name, **arguments):
    status, _, response = call(running, name, arguments)
    assert status == 200, response
    return response


def add(running, task_id, **fields):
    tell(running, "add_task", **{"task_id": task_id, "worker": "w", "family": "F", **fields})


def test_a_page_is_told_at_once_what_it_shows(running):
    add(running, "F_at_once", status="DONE", params={"n": "1"})
    with following(running.port, {"ids": ["F_at_once", "F_of_nobody"], "topics": ["resources"]}) as page:
        assert page.status == 200
        headers = page.answer.headers
        assert (
            headers["Content-Type"].startswith("text/event-stream") and headers["Cache-Control"] == "no-store"
        )
        name, hello = page.next()
        assert name == "hello" and hello["stream"] and abs(hello["now"] - time.time()) < 20
        name, counts = page.next()
        assert name == "counts"
        assert counts["states"]["done"] == counts["groups"]["finished"] >= 1
        assert sum(counts["states"].values()) == sum(counts["groups"].values()) == counts["total"]
        assert counts["paused"] is False and set(counts["slots"]) == {"busy", "total"}
        name, resources = page.next()
        assert (name, [row["name"] for row in resources["rows"]]) == ("resources", ["gpu"])
        name, tasks = page.next()
        assert name == "tasks"
        [row] = tasks["rows"]
        assert (row["id"], row["state"], row["params"]) == ("F_at_once", "done", {"n": "1"})


def test_changes_of_tasks_on_view_and_elsewhere(running):
    add(running, "F_on_view")
    view = {"ids": ["F_on_view"], "query": "family:F status:failed,ready"}
    with following(running.port, view) as page:
        assert [row["state"] for row in page.until("tasks")["rows"]] == ["ready"]
        add(running, "F_on_view", status="FAILED", expl="boom")
        add(running, "F_elsewhere_1")
        add(running, "F_elsewhere_2", status="DONE")
        assert page.until("tasks")["rows"][0]["state"] == "failed"
        add(running, "F_elsewhere_3")
        assert page.until("changed", lambda told: told["n"] >= 2)["n"] == 2, "the DONE one is not asked for"
        add(running, "F_elsewhere_3", status="FAILED")
        add(running, "F_elsewhere_4")
        assert page.until("changed", lambda told: told["n"] >= 3)["n"] == 3, "each task counts once"


def test_what_changes_only_by_others_is_told_too(running):
    add(running, "F_upstream")
    add(running, "F_downstream", deps=["F_upstream"])
    with following(running.port, {"ids": ["F_downstream"]}) as page:
        assert page.until("tasks")["rows"][0]["state"] == "pending"
        add(running, "F_upstream", status="FAILED")
        told = page.until("tasks", lambda told: told["rows"][0]["state"] == "upfailed")
        assert "F_upstream" in told["rows"][0]["why"]["ids"]


def test_counts_are_told_when_they_change_and_not_oftener_than_twice_a_second(running):
    with following(running.port) as page:
        page.until("counts")
        begun, told = time.monotonic(), 0
        for number in range(300):
            add(running, f"F_many_{number}")
        tell(running, "pause")
        while not page.until("counts")["paused"]:
            told += 1
        assert told <= 2 * (time.monotonic() - begun) + 1
        tell(running, "unpause")
        page.until("counts", lambda counts: not counts["paused"])


def test_workers_and_resources(running):
    tell(running, "add_worker", worker="w7", info={"workers": 3})
    with following(running.port, {"topics": ["workers", "resources", "overview"]}) as page:
        assert "w7" in [row["name"] for row in page.until("workers")["rows"]]
        tell(running, "update_resource", resource="gpu", amount=5)
        page.until("resources", lambda told: told["rows"][0]["num_total"] == 5)
        tell(running, "disable_worker", worker="w7")
        page.until(
            "workers",
            lambda told: {"w7": "disabled"}.items() <= {r["name"]: r["state"] for r in told["rows"]}.items(),
        )


def test_a_task_that_is_forgotten_is_told(tmp_path):
    with luigid(tmp_path, "[scheduler]\nremove_delay=0\nworker_disconnect_delay=0\n") as process:
        add(process, "F_gone", status="DONE")
        with following(process.port, {"ids": ["F_gone"]}) as page:
            assert page.until("tasks")["rows"][0]["state"] == "done"
            tell(process, "prune")
            tell(process, "prune")
            assert page.until("tasks")["rows"][0]["state"] == "unknown"


def test_a_long_view_is_sent_by_post(running):
    add(running, "F_posted")
    with following(
        running.port, {"ids": ["F_posted", *(f"{number:080}" for number in range(499))]}, "POST"
    ) as page:
        assert page.until("tasks")["rows"][0]["id"] == "F_posted"


@pytest.mark.parametrize(
    "view",
    [
        *("x", "[]", "1", "[[", '{"ids": 1}', '{"ids": [1]}', '{"topics": ["x"]}'),
        *('{"query": 1}', '{"topics": "workers"}', json.dumps({"ids": [""] * 501})),
    ],
)
def test_views_that_make_no_sense(running, view):
    with following(running.port, view) as page:
        assert page.status == 400
        assert b"<p>stream: " in page.answer.read()


def test_a_query_that_cannot_be_read_counts_nothing(running):
    with following(running.port, {"query": 'status:nonsense "'}) as page:
        page.until("counts")


def test_a_scheduler_without_a_journal_tells_of_changes_too():
    with Served(Scheduler()) as served:
        served.ask("/api/add_task?data=%7B%22task_id%22%3A%22F_1%22%2C%22worker%22%3A%22w%22%7D")
        with following(served.port, {"ids": ["F_1"], "query": ""}) as page:
            assert page.until("tasks")["rows"][0]["state"] == "ready"
            served.ask("/api/add_task?data=%7B%22task_id%22%3A%22F_2%22%2C%22worker%22%3A%22w%22%7D")
            assert page.until("changed")["n"] == 1
            assert served.scheduler._machine.facts is not None
        with following(served.port) as page:
            page.until("counts")


def test_when_no_page_is_open_nothing_is_recorded():
    with Served(Scheduler()) as served:
        with following(served.port) as page:
            page.until("counts")
        deadline = time.monotonic() + 20
        while served.scheduler._machine.facts is not None:
            assert time.monotonic() < deadline
            served.ask("/api/ping?data=%7B%22worker%22%3A%22w%22%7D")


# -- who may, and how it ends ----------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with luigid(tmp_path_factory.mktemp("guarded"), TOKENS) as process:
        arguments = {"task_id": "F_1", "worker": "w", "family": "F", "params": {"a": "1", "b": "2"}}
        arguments["param_visibilities"] = {"a": 0, "b": 1}
        assert call(process, "add_task", arguments, Authorization=f"Bearer {ADMIN}")[0] == 200
        yield process


def test_a_stream_needs_a_right_to_look(guarded):
    with following(guarded.port) as page:
        assert page.status == 401
    with following(guarded.port, Authorization=f"Bearer {READ}") as page:
        assert page.status == 200


@pytest.mark.parametrize(("token", "seen"), [(READ, {"a"}), (ADMIN, {"a", "b"})])
def test_hidden_parameters_are_for_an_admin(guarded, token, seen):
    with following(guarded.port, {"ids": ["F_1"]}, Authorization=f"Bearer {token}") as page:
        assert set(page.until("tasks")["rows"][0]["params"]) == seen


def test_signing_out_ends_the_stream(guarded):
    cookie, csrf = sign_in(guarded, READ)
    with following(guarded.port, Cookie=cookie) as page:
        page.until("counts")
        assert call(guarded, "sign_out", {}, Cookie=cookie, X_Luigi_CSRF=csrf)[0] == 200
        call(guarded, "pause", {}, Authorization=f"Bearer {ADMIN}")
        while (event := page.next())[0] != "":
            assert event[0] is None or not event[1]["paused"], "nothing is told after it"
        call(guarded, "unpause", {}, Authorization=f"Bearer {ADMIN}")


def test_open_streams_do_not_hold_up_the_end(tmp_path):
    process = luigid(tmp_path)
    with process as server, following(server.port) as page:
        page.until("counts")
        begun = time.monotonic()
        server.process.terminate()
        server.process.wait(20)
        assert time.monotonic() - begun < 5
        assert page.next() == ("", None)


def test_a_page_that_does_not_read_is_given_up_and_not_buffered(monkeypatch):
    monkeypatch.setattr("luigi_clone._web.page.streams.PATIENCE", 0.2)
    scheduler = Scheduler()
    for number in range(400):
        scheduler.add_task(task_id=f"F_{number}", worker="w", family="F", params={"text": "x" * 20_000})
    with Served(scheduler) as served, socket.create_connection(("127.0.0.1", served.port)) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps({"view": {"ids": [f"F_{number}" for number in range(400)]}}).encode()
        head = ["POST /api/stream HTTP/1.1", "Host: x", "Content-Type: application/json"]
        head += [f"Content-Length: {len(body)}", "", ""]
        lazy.sendall("\r\n".join(head).encode() + body)
        lazy.settimeout(20)
        assert lazy.recv(1, socket.MSG_PEEK), "it is let in"
        with following(served.port, {"ids": ["F_0"]}) as other:
            other.until("tasks")
            streams = served.streams
            deadline = time.monotonic() + 20
            while len(streams) > 1:
                assert time.monotonic() < deadline
                served.ask("/api/ping?data=%7B%22worker%22%3A%22w%22%7D")
            assert other.answer.fp is not None, "who reads goes on"


def test_too_many_pages(monkeypatch):
    monkeypatch.setattr("luigi_clone._web.page.streams.MOST", 1)
    with Served(Scheduler()) as served, following(served.port) as first:
        first.until("counts")
        with following(served.port) as second:
            assert second.status == 503 and second.answer.headers["Retry-After"]
