"""Runs out of the task history, as the page asks for them; and what of it is for an admin alone."""

from __future__ import annotations

import http.client
import json
import time

import pytest
import sqlalchemy
from luigi.scheduler import Scheduler

from luigi_clone import configuration
from test.doors.asking import ADMIN, READ
from test.history.conftest import run
from test.served import Served


def ask(served, path, arguments=None, token=None):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        body = None if arguments is None else json.dumps(arguments)
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def history(served, token=None, **arguments):
    status, text = ask(served, "/api/history_page", arguments, token)
    assert status == 200, text
    return json.loads(text)["response"]


@pytest.fixture
def scheduler(open_scheduler, url):
    made = open_scheduler(url)
    run(made, "A_1", family="A", n="1")
    run(made, "A_2", family="A", n="2", status="FAILED")
    run(made, "B_1", family="B", n="1%", host="h2")
    assert made.task_history.flush()
    return made


def test_runs_that_have_ended_the_last_first(scheduler):
    begun = time.time()
    with Served(scheduler) as served:
        told = history(served)
        assert told["kept"] is True and told["total"] == 3
        [last, *_] = told["rows"]
        assert (last["task_id"], last["family"], last["params"]) == ("B_1", "B", {"n": "1%"})
        assert (last["status"], last["worker"]) == ("DONE", "h2")
        assert begun - 60 < last["start"] <= last["end"] < begun + 60
        assert [row["task_id"] for row in history(served, offset=1, limit=1)["rows"]] == ["A_2"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"family": "A"}, ["A_2", "A_1"]),
        ({"family": "*"}, ["B_1", "A_2", "A_1"]),
        ({"family": "a_"}, []),
        ({"status": "FAILED"}, ["A_2"]),
        ({"parameter": "n", "value": "1"}, ["A_1"]),
        ({"parameter": "n", "value": "1*"}, ["B_1", "A_1"]),
        ({"parameter": "n", "value": "1%"}, ["B_1"]),
        ({"parameter": "m"}, []),
        ({"since": 4_000_000_000}, []),
        ({"until": 1_000_000_000}, []),
        ({"since": 1_000_000_000, "until": 4_000_000_000, "family": "B"}, ["B_1"]),
    ],
)
def test_what_is_asked_for(scheduler, wanted, found):
    with Served(scheduler) as served:
        told = history(served, **wanted)
        assert [row["task_id"] for row in told["rows"]] == found and told["total"] == len(found)


@pytest.mark.parametrize(
    "arguments",
    [
        *({"family": 1}, {"status": "RUNNING"}, {"since": "x"}, {"since": float("nan")}, {"until": 1e300}),
        *({"limit": 1001}, {"limit": True}, {"offset": -1}, {"offset": 1.5}, {"value": "x" * 1001}),
    ],
)
def test_arguments_that_make_no_sense(arguments):
    with Served(Scheduler()) as served:
        status, text = ask(served, "/api/history_page", arguments)
        assert status == 400 and "<p>history_page: " in text


def test_where_no_history_is_kept():
    with Served(Scheduler()) as served:
        assert history(served) == {"kept": False, "total": 0, "rows": []}


def test_a_database_that_fails_is_told_without_its_address(open_scheduler, tmp_path):
    made = open_scheduler(f"sqlite:///{tmp_path}/history.db")
    run(made, "A_1", family="A", n="1")
    assert made.task_history.flush()
    with made.task_history._session() as session:
        session.execute(sqlalchemy.text("DROP TABLE task_events"))
        session.commit()
    with Served(made) as served:
        status, text = ask(served, "/api/history_page", {})
        assert status == 503 and "could not be read" in text and str(tmp_path) not in text


def test_hidden_parameters_are_for_an_admin(open_scheduler):
    config = configuration.get_config()
    config.set("auth", "read_tokens", READ)
    config.set("auth", "admin_tokens", ADMIN)
    made = open_scheduler("sqlite://")
    params, visibilities = {"open": "1", "secret": "2"}, {"open": 0, "secret": 1}
    told = {"worker": "w", "family": "F", "params": params, "param_visibilities": visibilities}
    made.add_task(task_id="F_known", **told)
    made.get_work(worker="w", host="h")
    made.add_task(worker="w", task_id="F_known", status="DONE")
    run(made, "G_gone", family="G", secret="3")
    assert made.task_history.flush()
    del made._machine.tasks["G_gone"]
    with Served(made) as served:
        by_id = {row["task_id"]: row["params"] for row in history(served, READ)["rows"]}
        assert by_id == {"F_known": {"open": "1"}, "G_gone": {}}
        by_id = {row["task_id"]: row["params"] for row in history(served, ADMIN)["rows"]}
        assert by_id == {"F_known": params, "G_gone": {"secret": "3"}}
        assert ask(served, "/api/history_page", {"family": "F", "parameter": "secret"}, READ)[0] == 403
        assert history(served, ADMIN, family="F", parameter="secret")["total"] == 1
        for path in ("/history", "/history/by_name/F", "/history/by_task_id/F_known"):
            assert "secret" not in ask(served, path, token=READ)[1]
            assert "secret" in ask(served, path, token=ADMIN)[1]
        found = "/history/by_params/F?data=%7B%22secret%22:%222%22%7D"
        assert [ask(served, found, token=token)[0] for token in (READ, ADMIN)] == [403, 200]
