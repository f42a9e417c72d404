"""How answers look: batches, reasons, tags, compression, large ones made in slices."""

from __future__ import annotations

import json
import threading
import time
from urllib.parse import quote, urlencode

import pytest

from luigi_clone._scheduling import views
from luigi_clone._web import large
from luigi_clone._web.answers import Package
from luigi_clone._web.asking import unquoted
from luigi_clone.scheduler import Scheduler
from test.server.serving import Server

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def add(number, **more):
    return {"call": "add_task", "arguments": {"worker": "w", "task_id": f"T_{number}", "family": "T", **more}}


# ---- what is asked for


@pytest.mark.parametrize(
    "text", ["", "a b", "é☃", '{"x": "</b>", "y": [1, 2]}', "100%", "a=b&c", "%41%4", "=", "line\r\nend", "+"]
)
def test_a_quoted_field_is_unquoted(text):
    assert unquoted(quote(text, safe="").replace("%20", "+").encode()) == text.encode()


@pytest.mark.parametrize(
    ("field", "plain"),
    [("%zz", "%zz"), ("%", "%"), ("%4", "%4"), ("a%%41", "a%A"), ("x=%41", "x=A"), ("%\n", "%\n")],
)
def test_a_field_that_is_quoted_wrongly_is_taken_as_forms_do(field, plain):
    assert unquoted(field.encode()) == plain.encode()


def test_other_forms_and_fields(served):
    body = "\r\n".join(
        [
            "--b",
            'Content-Disposition: form-data; name="data"',
            "",
            '{"resource": "gpu", "amount": 3}',
            "--b--",
            "",
        ]
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert json.loads(served.ask("POST", "/api/update_resource", body, kind)[2]) == {"response": True}
    assert served.scheduler.resources()["gpu"]["total"] == 3
    body = urlencode({"other": "x", "data": json.dumps({"resource": "gpu", "amount": 5})})
    assert served.ask("POST", "/api/update_resource", body, FORM)[0] == 200
    assert served.scheduler.resources()["gpu"]["total"] == 5
    kind = {"Content-Type": "application/json"}
    assert served.ask("POST", "/api/update_resource", '{"resource": "gpu", "amount": 6}', kind)[0] == 200
    assert served.scheduler.resources()["gpu"]["total"] == 6
    assert served.ask("POST", "/api/is_paused", "[1", kind)[0] == 400


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "not JSON"),
        ("[1]", "has to be a JSON object of arguments, not a list"),
        ('"x"', "not a text"),
        ("null", "not null"),
        ("[" * 100_000, "nested too deeply"),
        ("<b>", "not JSON"),
    ],
)
def test_the_reason_of_a_refusal_is_in_the_page(served, data, reason):
    status, headers, page = served.ask("POST", "/api/is_paused", urlencode({"data": data}), FORM)
    assert (status, headers["Content-Type"]) == (400, "text/html; charset=UTF-8")
    assert page.startswith("<html><title>400: Bad Request</title><body>400: Bad Request\n<p>the field ")
    assert reason in page
    assert "Etag" not in headers


@pytest.mark.parametrize("header", ["Luigi-Lease", "Luigi-Request-Id"])
def test_a_ticket_that_makes_no_sense(served, header):
    assert served.ask("POST", "/api/is_paused", "", {header: "x" * 300})[0] == 400


# ---- batches


def test_a_batch_in_its_order_each_by_itself(served):
    first, *answers = served.batch(
        add(0),
        add(1),
        {"call": "no_such_call"},
        {"call": "get_work", "arguments": {"worker": "w"}},
        add(2),
        5,
        {"call": "add_task", "arguments": []},
        {"call": "is_paused", "lease": "x"},
        {"call": "task_list", "arguments": {"status": "PENDING"}},
        {"call": "dep_graph", "arguments": {"task_id": "none"}},
    )
    assert first == {"response": None, "worker_is_new": True}
    assert answers[0] == {"response": None}
    assert answers[1]["error"]["status"] == 404 and "no_such_call" in answers[1]["error"]["reason"]
    assert answers[2]["response"]["task_id"] == "T_0"
    assert answers[3] == {"response": None}
    assert [answer["error"]["status"] for answer in answers[4:7]] == [400, 400, 400]
    assert list(answers[7]["response"]) == ["T_1", "T_2"]
    assert answers[8] == {"response": {}}


def test_a_batch_as_a_form(served):
    body = urlencode({"data": json.dumps({"calls": [{"call": "is_paused"}]})})
    status, _, text = served.ask("POST", "/api/batch", body, FORM)
    assert (status, json.loads(text)) == (
        200,
        {"response": [{"response": {"paused": False}}]},
    )


@pytest.mark.parametrize(
    ("batch", "status"),
    [({}, 400), ({"calls": 3}, 400), ([], 400), ({"calls": [5] * 1001}, 413), ({"calls": []}, 200)],
)
def test_a_batch_that_is_none(served, batch, status):
    kind = {"Content-Type": "application/json; charset=UTF-8"}
    assert served.ask("POST", "/api/batch", json.dumps(batch), kind)[0] == status


def test_a_batch_that_takes_its_time_lets_others_go_between(served):
    served.call("ping", worker="w")
    answers = []
    batch = threading.Thread(target=lambda: answers.extend(served.batch(*[add(n) for n in range(1000)])))
    batch.start()
    batch.join()
    assert answers == [{"response": None}] * 1000
    assert len(served.scheduler.task_list("PENDING")) == 1000


# ---- tags and compression


def test_an_answer_that_is_known_already(served):
    served.batch(add(1))
    status, headers, body = served.ask("GET", "/api/graph")
    assert (status, headers["Vary"]) == (200, "Accept-Encoding")
    for tag in (headers["Etag"], f'"x", W/{headers["Etag"]}', "*"):
        status, again, nothing = served.ask("GET", "/api/graph", headers={"If-None-Match": tag})
        assert (status, nothing, again["Etag"]) == (304, "", headers["Etag"])
    served.batch(add(2))
    status, again, changed = served.ask("GET", "/api/graph", headers={"If-None-Match": headers["Etag"]})
    assert status == 200 and changed != body and again["Etag"] != headers["Etag"]
    assert "Etag" not in served.ask("POST", "/api/graph")[1]


@pytest.mark.parametrize(("count", "packed"), [(1, False), (200, True)])
def test_a_large_answer_is_compressed_for_who_wants_it(served, count, packed):
    served.batch(*[add(number) for number in range(count)])
    plain = served.ask("GET", "/api/graph")
    assert "Content-Encoding" not in plain[1]
    _, headers, text = served.ask("GET", "/api/graph", headers={"Accept-Encoding": "deflate, gzip"})
    assert ("Content-Encoding" in headers) is packed
    assert text == plain[2] and headers["Etag"] == plain[1]["Etag"]
    assert len(served.raw) == int(headers["Content-Length"])


# ---- in slices


def scheduler_with(count):
    scheduler = Scheduler(retry_count=1)
    for number in range(count):
        deps = [f"T_{number - 1}"] if number % 3 else []
        scheduler.add_task(worker="w", task_id=f"T_{number}", family="T", deps=deps, params={"x": "</"})
    scheduler.add_task(
        worker="w", task_id="All", family="All", deps=[f"T_{number}" for number in range(count)]
    )
    scheduler.add_task(worker="w", task_id="T_1", status="DONE")
    scheduler.add_task(worker="w", task_id="T_2", status="FAILED")
    return scheduler


VIEWS = [
    ("task_list", {"status": ""}),
    ("task_list", {"status": "PENDING", "upstream_status": "UPSTREAM_DISABLED"}),
    ("task_list", {"status": "PENDING", "search": "T 1"}),
    ("task_list", {"status": "PENDING", "max_shown_tasks": 2}),
    ("task_list", {"status": "PENDING", "search": "t", "max_shown_tasks": 2}),
    ("task_list", {"status": "UNKNOWN"}),
    ("task_search", {"task_str": "T"}),
    ("task_search", {"task_str": "none"}),
    ("dep_graph", {"task_id": "All"}),
    ("dep_graph", {"task_id": "All", "include_done": False}),
    ("dep_graph", {"task_id": "none"}),
    ("inverse_dep_graph", {"task_id": "T_3"}),
    ("graph", {}),
]


@pytest.mark.parametrize("count", [0, 1, 32, 500])
@pytest.mark.parametrize(("name", "arguments"), VIEWS)
def test_slices_make_the_same_answer(count, name, arguments):
    scheduler = scheduler_with(count)
    package = Package("POST", {})
    answer = large.LargeAnswer(scheduler.in_steps(name)(**arguments), package)
    slices = 1
    while not answer.work(0):
        slices += 1
    text = b"".join(package.answer().pieces).decode()
    assert json.loads(text) == {"response": getattr(scheduler, name)(**arguments)}
    assert "</" not in text
    if count == 500 and text.count("display_name") > 100:
        assert slices > 3


def test_what_changes_between_two_slices_breaks_nothing():
    scheduler = scheduler_with(400)
    for name, arguments in VIEWS:
        package = Package("POST", {})
        answer = large.LargeAnswer(scheduler.in_steps(name)(**arguments), package)
        number = 0
        while not answer.work(0):
            number += 1
            scheduler.add_task(worker="w", task_id=f"New_{name}_{number}", family="New")
            scheduler.add_task(worker="w", task_id=f"T_{number}", status="DONE")
            scheduler._machine.prune(time.time() + 10_000 * number)
        json.loads(b"".join(package.answer().pieces))


def test_a_subclass_answers_by_itself():
    class Mine(Scheduler):
        def graph(self, **kwargs):
            return {"mine": 1}

    assert Mine().in_steps("graph") is None
    with Server(Mine()) as served:
        assert served.ask("GET", "/api/graph")[2] == '{"response": {"mine": 1}}'


def test_others_are_served_while_a_large_answer_is_made(served, monkeypatch):
    """However slow the machine: as long as rows are made, calls between them are answered."""
    made = threading.Event()
    let_go = threading.Event()
    plain = views.serialize

    def slow(machine, task, deps=None):
        if task.id == "T_499" and not let_go.is_set():
            made.set()
            raise AssertionError("the last row was made before the ping was answered")
        return plain(machine, task, deps)

    served.batch(*[add(number) for number in range(500)])
    monkeypatch.setattr(large, "_SLICE", 0)
    monkeypatch.setattr(views, "serialize", slow)
    steps = views.task_list

    def patient(*args):
        """Show nothing, step after step, until another call was answered."""
        while not let_go.is_set():
            made.set()
            yield None
        return (yield from steps(*args))

    monkeypatch.setattr(views, "task_list", patient)
    answers = []
    view = threading.Thread(target=lambda: answers.append(served.call("task_list", status="PENDING")))
    view.start()
    assert made.wait(20)
    assert served.call("ping", worker="w")[0] == 200
    let_go.set()
    view.join(20)
    assert answers[0][0] == 200 and len(json.loads(answers[0][2])["response"]) == 500


def test_an_error_within_a_large_answer(served, monkeypatch, caplog):
    served.batch(add(1))
    monkeypatch.setattr(views, "serialize", lambda *args, **kwargs: 1 / 0)
    assert served.ask("GET", "/api/graph")[0] == 500
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    assert served.ask("GET", "/api/graph")[0] == 200
