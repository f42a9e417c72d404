"""Registrations and reports that travel together, and a server that does not know how to take them."""

from __future__ import annotations

import json
import logging
import os

import luigi
import pytest

from test.server.test_calls import Server as Luigid


class Counted:
    """Counts the requests of a client."""

    def __init__(self, client):
        self._fetch = client._fetcher.fetch
        client._fetcher.fetch = self.fetch
        self.paths = []
        self.headers = []

    def fetch(self, full_url, body, timeout):
        self.paths.append(full_url.partition("/api/")[2])
        self.headers.append(dict(body.headers))
        return self._fetch(full_url, body, timeout)


@pytest.fixture
def luigid():
    with Luigid() as running:
        yield running


@pytest.fixture
def client(luigid):
    made = luigi.RemoteScheduler(luigid.url)
    yield made
    made.close()


def register(client, *names, **more):
    for name in names:
        client.add_task(worker="W", task_id=name, family="F", **more)


def test_outside_of_a_context_each_call_is_made_at_once(client):
    requests = Counted(client)
    register(client, "a", "b")
    assert requests.paths == ["add_task", "add_task"]


def test_calls_travel_with_the_next_other_one(client, luigid):
    requests = Counted(client)
    with client.collecting():
        register(client, "a", "b", deps=[], resources={"r": 1}, priority=3)
        assert not requests.paths
        assert client.get_work(worker="W", host="h", current_tasks=[])["task_id"] == "a"
    assert requests.paths == ["batch"]
    assert luigid.scheduler.task_list(status="")["b"]["priority"] == 3


def test_what_is_left_is_sent_at_the_end(client, luigid):
    requests = Counted(client)
    with client.collecting():
        with client.collecting():
            register(client, "a")
        assert not requests.paths  # the end of an inner context is not the end
        register(client, "b")
    assert requests.paths == ["batch"]
    assert set(luigid.scheduler.task_list(status="")) == {"a", "b"}


def test_not_more_than_two_hundred_wait(client, monkeypatch):
    monkeypatch.setattr("luigi_clone._client.outbox.LONGEST_WAIT", 1e9)
    requests = Counted(client)
    with client.collecting():
        register(client, *(f"t{n}" for n in range(450)))
        assert requests.paths == ["batch"] * 2
    assert requests.paths == ["batch"] * 3


def test_nothing_waits_for_long(client, monkeypatch):
    monkeypatch.setattr("luigi_clone._client.outbox.LONGEST_WAIT", 0)
    requests = Counted(client)
    with client.collecting():
        register(client, "a")
        assert requests.paths == ["batch"]


def test_arguments_are_those_of_the_moment_of_the_call(client, luigid):
    deps = ["x"]
    with client.collecting():
        register(client, "a", deps=deps)
        deps.append("y")
    assert luigid.scheduler.dep_graph("a")["a"]["deps"] == ["x"]


def test_an_error_is_raised_for_the_first_bad_call_and_the_others_are_made(client, luigid):
    with pytest.raises(luigi.RPCError, match=r"refused add_task: \d+: ") as raised, client.collecting():
        register(client, "a")
        client.add_task(worker="W", task_id="bad", priority="high")
        register(client, "b")
    assert raised.value.sub_exception is not None
    assert {"a", "b"} <= set(luigid.scheduler.task_list(status=""))


def test_what_cannot_be_sent_is_refused_at_once(client):
    with pytest.raises(TypeError), client.collecting():
        register(client, "a", params={"x": object()})


def test_an_error_of_ones_own_comes_through_and_what_waits_is_sent(client, luigid):
    with pytest.raises(ZeroDivisionError), client.collecting():
        register(client, "a")
        1 / 0
    assert set(luigid.scheduler.task_list(status="")) == {"a"}


def test_a_forked_process_does_not_say_what_its_parent_has_to_say(client, luigid):
    requests = Counted(client)
    with client.collecting():
        register(client, "a")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                client.close()
                code = len(requests.paths)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not luigid.scheduler.task_list(status="")
    assert set(luigid.scheduler.task_list(status="")) == {"a"}


def test_a_server_without_batches_gets_the_calls_one_by_one(connect, server):
    client = connect()
    server.answers = [(404, "<html>"), (200, '{"response": null}')]
    with client.collecting():
        register(client, "a", "b")
    register(client, "c")
    with client.collecting():
        register(client, "d")
    assert [asked.path.partition("/api/")[2] for asked in server.asked] == ["batch"] + ["add_task"] * 4
    arguments = server.asked[1].arguments
    assert arguments["task_id"] == "a"
    assert len(arguments) == 20  # all of them, as stock servers know them
    assert arguments["runnable"] is True


def test_a_batch_that_is_too_large_is_halved(connect, server):
    client = connect()
    answer = json.dumps({"response": [{"response": None}] * 2})
    server.answers = [(413, "x"), (200, answer)]
    with client.collecting():
        register(client, *"abcd")
    batches = [json.loads(asked.body)["calls"] for asked in server.asked]
    assert [[call["arguments"]["task_id"] for call in batch] for batch in batches] == [
        list("abcd"),
        list("ab"),
        list("cd"),
    ]


def test_a_call_that_is_repeated_has_the_same_id(connect, server):
    client = connect()
    server.answers = [(503, "x"), (200, '{"response": null}')]
    register(client, "a", "b")
    ids = [asked.headers["Luigi-Request-Id"] for asked in server.asked]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].rpartition("-")[0] == ids[2].rpartition("-")[0]
    assert ids[0] != connect()._ticket_of("add_task", {}).request_id


def test_a_batch_that_is_repeated_has_the_same_ids(connect, server):
    client = connect()
    server.answers = [(503, "x"), (200, '{"response": [{"response": null}, {"response": null}]}')]
    with client.collecting():
        register(client, "a", "b")
    first, second = (asked.body for asked in server.asked)
    assert first == second
    ids = [call["request_id"] for call in json.loads(first)["calls"]]
    assert len(set(ids)) == 2


def test_a_ping_that_failed_is_repeated_by_the_next_one(connect, server):
    client = connect()
    answer = (200, '{"response": {"rpc_messages": []}}')
    server.answers = [(503, "x"), answer, answer]
    with client.in_haste():
        with pytest.raises(luigi.RPCError):
            client.ping(worker="W")
        client.ping(worker="W")
        client.ping(worker="W")
    ids = [asked.headers["Luigi-Request-Id"] for asked in server.asked]
    assert ids[0] == ids[1] != ids[2]


def test_lease_goes_with_the_reports_about_its_task(connect, server):
    client = connect()
    work = {"response": {"task_id": "a"}, "lease": 7}
    server.answers = [
        (200, json.dumps({"response": [{"response": None}, work]})),
        (200, '{"response": null}'),
    ]
    with client.collecting():
        register(client, "a")
        client.get_work(worker="W")
    client.set_task_status_message(task_id="a", status_message="half")
    register(client, "a")  # a registration tells nothing about the grant
    client.add_task(worker="V", task_id="a", status="DONE")
    client.add_task(worker="W", task_id="a", status="DONE")
    client.add_task(worker="W", task_id="a", status="DONE")
    leases = [asked.headers.get("Luigi-Lease") for asked in server.asked[1:]]
    assert leases == ["7", None, None, "7", None]


def test_lease_of_a_batch_is_that_of_the_task_that_claims_it(connect, server):
    client = connect()
    work = {"response": {"task_id": None, "batch_id": "b1"}, "lease": 9}
    server.answers = [
        (200, json.dumps({"response": [{"response": None}, work]})),
        (200, '{"response": null}'),
    ]
    with client.collecting():
        register(client, "x")
        client.get_work(worker="W")
    client.add_task(worker="W", task_id="head", status="RUNNING", batch_id="b1")
    client.add_task(worker="W", task_id="head", status="DONE")
    assert [asked.headers.get("Luigi-Lease") for asked in server.asked[1:]] == ["9", "9"]


@pytest.mark.parametrize("together", [False, True])
def test_a_report_that_does_not_count_any_more_is_logged_only(connect, server, caplog, together):
    caplog.set_level(logging.WARNING)
    client = connect()
    if together:
        refusal = {"error": {"status": 409, "reason": "given to another"}}
        server.answers = [(200, json.dumps({"response": [refusal]}))]
        with client.collecting():
            client.add_task(worker="W", task_id="a", status="DONE")
    else:
        server.answers = [(409, "<body>409: Conflict\n<p>given to another</p></body>")]
        client.add_task(worker="W", task_id="a", status="DONE")
    assert len(server.asked) == 1
    assert "A report about task a does not count" in caplog.messages[-1]
    assert "given to another" in caplog.messages[-1]


def test_reason_of_a_refusal_is_in_the_error(connect, server):
    server.answers = [(400, "<html><body>400: Bad Request\n<p>priority: &lt;a number&gt;</p></body></html>")]
    with pytest.raises(luigi.RPCError, match=r"Errors \(1 attempts\).*: 400: priority: <a number>$"):
        connect().ping(worker="W")


@pytest.mark.parametrize("where", ["option", "environment"])
def test_token(connect, server, monkeypatch, caplog, where):
    caplog.set_level(logging.DEBUG)
    if where == "option":
        luigi.configuration.get_config().set("core", "scheduler_token", "s3cret")
    else:
        luigi.configuration.get_config().set("core", "scheduler_token", "other")
        monkeypatch.setenv("LUIGI_SCHEDULER_TOKEN", "s3cret")
    client = connect()
    server.answers = [(403, "<p>no</p>")]
    with pytest.raises(luigi.RPCError) as raised:
        client.ping(worker="W")
    assert server.asked[0].headers["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in caplog.text + str(raised.value) + repr(raised.value.sub_exception)


class Piece(luigi.Task):
    n = luigi.IntParameter()
    done: set[int] = set()

    def complete(self):
        return self.n in Piece.done

    def run(self):
        Piece.done.add(self.n)


class Whole(luigi.Task):
    count = luigi.IntParameter()

    def requires(self):
        return [Piece(n=n) for n in range(self.count)]

    def complete(self):
        return False


@pytest.mark.parametrize("count", [300])
def test_requests_of_a_run(client, count):
    Piece.done.clear()
    requests = Counted(client)
    with luigi.worker.Worker(scheduler=client, ping_interval=3600) as worker:
        assert worker.add(Whole(count=count))
        discovery = len(requests.paths)
        # 200 a request where the machine is fast enough, and what comes together in 50 ms in any case
        assert discovery <= 60
        assert worker.run()
    # add_worker, then one for each task, and one that hears that there is no more
    assert len(requests.paths) - discovery <= count + 1 + 2
