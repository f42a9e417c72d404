"""What a client sends, and what it makes of the answers."""

from __future__ import annotations

import base64
import logging
import os
import pickle
import subprocess
import sys

import luigi
import pytest
from luigi import rpc

SECRET = "hunter2"


def test_registration_as_stock_workers_send_it(connect, server):
    client = connect()
    assert (
        client.add_task(
            worker="W",
            task_id="A_2_ebf3617343",
            params={"x": "2", "hid": "é h"},
            family="A",
            module="pipe",
            resources={"db": 1},
            deps=[],
            owners=[],
            priority=0,
        )
        is None
    )
    asked = server.only()
    assert asked.path == "/api/add_task"
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.arguments == {
        "owners": [],
        "retry_policy_dict": None,
        "batch_id": None,
        "batchable": None,
        "worker": "W",
        "tracking_url": None,
        "assistant": False,
        "accepts_messages": False,
        "param_visibilities": None,
        "params": {"x": "2", "hid": "é h"},
        "module": "pipe",
        "family": "A",
        "priority": 0,
        "resources": {"db": 1},
        "expl": None,
        "new_deps": None,
        "deps": [],
        "runnable": True,
        "status": "PENDING",
        "task_id": "A_2_ebf3617343",
    }
    assert "%5Cu00e9+h" in asked.body  # ASCII JSON, then a form


def test_json_is_pythons_with_its_infinity(connect, server):
    connect().add_task_batcher("W", "BT", ["k"])
    assert server.only().body.startswith("data=%7B%22")
    assert "%3A+Infinity" in server.only().body
    assert server.only().arguments == {
        "worker": "W",
        "task_family": "BT",
        "batched_args": ["k"],
        "max_batch_size": float("inf"),
    }


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (lambda s: s.ping(worker="W"), {"worker": "W"}),
        (lambda s: s.prune(), {}),
        (lambda s: s.count_pending("W"), {"worker": "W"}),
        (lambda s: s.add_worker("W", [("salt", "1")]), {"worker": "W", "info": [["salt", "1"]]}),
        (
            lambda s: s.get_work(worker="W", host="h"),
            {"worker": "W", "host": "h", "assistant": False, "current_tasks": None},
        ),
        (lambda s: s.update_resources(db=1, gpu=2), {"db": 1, "gpu": 2}),
        (lambda s: s.fetch_error("t", extra=1), {"task_id": "t", "extra": 1}),
        (lambda s: s.dep_graph("t"), {"task_id": "t", "include_done": True}),
        (
            lambda s: s.task_list("RUNNING", "", search=""),
            {
                "status": "RUNNING",
                "upstream_status": "",
                "limit": True,
                "search": "",
                "max_shown_tasks": None,
            },
        ),
        (
            lambda s: s.announce_scheduling_failure(
                worker="W", task_name="t", family="T", params={}, expl="e", owners=[]
            ),
            {"worker": "W", "task_name": "t", "family": "T", "params": {}, "expl": "e", "owners": []},
        ),
    ],
)
def test_arguments(connect, server, call, sent):
    server.answers = [(200, '{"response": {}}')]
    assert call(connect()) == {}
    assert server.only().arguments == sent


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda s: s.fetch_error(), "fetch_error takes 1 arguments (0 given)"),
        (lambda s: s.add_task_batcher("w", "f"), "add_task_batcher takes 4 arguments (3 given)"),
        (lambda s: s.count_pending("w", "x"), "count_pending takes 1 arguments (2 given)"),
    ],
)
def test_wrong_number_of_arguments_is_noticed_before_the_request(connect, server, call, text):
    with pytest.raises(TypeError) as raised:
        call(connect())
    assert str(raised.value) == text
    assert not server.asked


CALLS = [
    "prune",
    "add_task_batcher",
    "forgive_failures",
    "mark_as_done",
    "add_task",
    "announce_scheduling_failure",
    "add_worker",
    "disable_worker",
    "set_worker_processes",
    "send_scheduler_message",
    "add_scheduler_message_response",
    "get_scheduler_message_response",
    "has_task_history",
    "is_pause_enabled",
    "is_paused",
    "pause",
    "unpause",
    "update_resources",
    "update_resource",
    "count_pending",
    "get_work",
    "ping",
    "graph",
    "dep_graph",
    "inverse_dep_graph",
    "task_list",
    "worker_list",
    "resource_list",
    "task_search",
    "re_enable_task",
    "fetch_error",
    "set_task_status_message",
    "get_task_status_message",
    "set_task_progress_percentage",
    "get_task_progress_percentage",
    "decrease_running_task_resources",
    "get_running_task_resources",
    "update_metrics_task_started",
    "report_task_statistics",
]


def test_all_calls_are_there():
    assert set(CALLS) <= rpc.RPC_METHODS.keys()  # Luigi's, and those that came with this server
    for name in rpc.RPC_METHODS:
        assert callable(getattr(luigi.RemoteScheduler, name))


def test_a_name_that_is_no_call():
    with pytest.raises(AttributeError, match="'RemoteScheduler' object has no attribute 'nonsense'"):
        luigi.RemoteScheduler("http://h:1").nonsense


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "/api/ping"), ("/", "/api/ping"), ("/base/", "/base/api/ping"), ("/a/b", "/a/b/api/ping")],
)
def test_path_prefix(connect, server, path, expected):
    connect(path=path).ping(worker="W")
    assert server.only().path == expected


@pytest.mark.parametrize(
    ("base", "url", "joined"),
    [
        ("http://h", "/api/x", "http://h/api/x"),
        ("http://h", "api/x", "http://h/api/x"),
        ("http://h/base", "/api/x", "http://h/base/api/x"),
        ("http://h/b?q#f", "api/x", "http://h/b/api/x"),
        ("http+unix://%2Frun%2Fd.sock", "/api/x", "http+unix://%2Frun%2Fd.sock/api/x"),
    ],
)
def test_urljoin(base, url, joined):
    assert rpc._urljoin(base, url) == joined


@pytest.mark.parametrize(
    ("userinfo", "sent"), [("joe:hunter2@", "joe:hunter2"), ("joe:@", "joe:"), ("", None)]
)
def test_basic_authentication(connect, server, userinfo, sent):
    connect(userinfo).ping(worker="W")
    header = server.only().headers.get("Authorization")
    expected = sent and f"Basic {base64.b64encode(sent.encode()).decode()}"
    assert header == expected


def test_url_of_a_request_has_no_credentials():
    request = rpc.URLLibFetcher()._create_request("http://joe:hunter2@h:1/x?a=b", {"a": "1 2"})
    assert request.full_url == "http://h:1/x?a=b"
    assert request.data == b"a=1+2"
    assert request.get_method() == "POST"
    assert rpc.URLLibFetcher()._create_request("http://h:1/x").get_method() == "GET"


@pytest.mark.parametrize("answer", [(500, "<html>joe:hunter2</html>"), (401, ""), None])
def test_password_is_in_no_log_and_no_error(connect, server, caplog, answer):
    caplog.set_level(logging.DEBUG)
    server.answers = [answer]
    client = connect(f"joe:{SECRET}@")
    with pytest.raises(Exception) as raised:
        client.ping(worker="W")
    assert SECRET not in caplog.text
    error = raised.value
    while error is not None:
        assert SECRET not in str(error)
        assert SECRET not in repr(error)
        error = error.__cause__ or error.__context__


def test_retries(connect, server, caplog):
    caplog.set_level(logging.INFO, "luigi-interface")
    server.answers = [(500, "x"), (503, "x"), (200, '{"response": 7}')]
    client = connect()
    assert client.is_paused() == 7
    assert len(server.asked) == 3
    url = f"http://{server.address}"
    assert caplog.messages == [
        f"Failed connecting to remote scheduler '{url}'",
        "Retrying attempt 2 of 3 (max)",
        "Wait for 0 seconds",
        f"Failed connecting to remote scheduler '{url}'",
        "Retrying attempt 3 of 3 (max)",
        "Wait for 0 seconds",
    ]
    assert "500" in str(caplog.records[0].exc_info[1])


def test_giving_up(connect, server, caplog):
    caplog.set_level(logging.INFO, "luigi-interface")
    server.answers = [(500, "x")]
    with pytest.raises(luigi.RPCError) as raised:
        connect().ping(worker="W")
    assert (
        str(raised.value)
        == f"Errors (3 attempts) when connecting to remote scheduler 'http://{server.address}'"
    )
    assert "500" in str(raised.value.sub_exception)
    assert raised.value.__cause__ is raised.value.sub_exception
    assert len(server.asked) == 3
    # after the last attempt nobody says that there will be another
    assert [message.split()[0] for message in caplog.messages] == ["Failed", "Retrying", "Wait"] * 2 + [
        "Failed"
    ]


def test_nothing_logged_if_so_configured(connect, server, caplog):
    luigi.configuration.get_config().set("core", "rpc_log_retries", "false")
    caplog.set_level(logging.INFO, "luigi-interface")
    server.answers = [(500, "x")]
    with pytest.raises(luigi.RPCError):
        connect().ping(worker="W")
    assert not caplog.messages


@pytest.mark.parametrize("status", [400, 401, 403, 405, 413])
def test_a_refused_request_is_not_repeated(connect, server, status):
    server.answers = [(status, "x")]
    with pytest.raises(luigi.RPCError, match=r"Errors \(1 attempts\)"):
        connect().ping(worker="W")
    assert len(server.asked) == 1


def test_unknown_call_is_repeated_as_behind_a_proxy_whose_server_restarts(connect, server):
    server.answers = [(404, "x"), (200, '{"response": 1}')]
    assert connect().ping(worker="W") == 1


def test_refused_connection(transport):
    client = luigi.RemoteScheduler("http://127.0.0.1:1/")
    client._fetcher, client._rpc_retry_wait = transport, 0
    with pytest.raises(luigi.RPCError) as raised:
        client.ping(worker="W")
    assert isinstance(raised.value.sub_exception, transport.raises)


def test_dropped_connection(connect, server, transport):
    server.answers = [None]
    expected = ConnectionError if isinstance(transport, rpc.URLLibFetcher) else luigi.RPCError
    with pytest.raises(expected):
        connect().ping(worker="W")
    assert len(server.asked) == 3


@pytest.mark.parametrize(("body", "error"), [("nonsense", ValueError), ('{"other": 1}', KeyError)])
def test_an_answer_that_is_none_is_not_asked_for_again(connect, server, body, error):
    server.answers = [(200, body)]
    with pytest.raises(error):
        connect().ping(worker="W")
    assert len(server.asked) == 1


def test_get_work_refuses_null(connect, server):
    server.answers = [(200, '{"response": null}'), (200, '{"response": {"task_id": null}}')]
    assert connect().get_work(worker="W") == {"task_id": None}
    server.answers, server.asked[:] = [(200, '{"response": null}')], []
    with pytest.raises(luigi.RPCError) as raised:
        connect().get_work(worker="W")
    assert str(raised.value) == f"Received null response from remote scheduler 'http://{server.address}'"
    assert raised.value.sub_exception is None
    assert len(server.asked) == 3


def test_options():
    client = luigi.RemoteScheduler("http://h:1///")
    assert client._url == "http://h:1"
    assert (client._connect_timeout, client._rpc_retry_attempts, client._rpc_retry_wait) == (10.0, 3, 30)
    config = luigi.configuration.get_config()
    config.set("core", "rpc_connect_timeout", "2.5")
    config.set("core", "rpc_retry_attempts", "5")
    config.set("core", "rpc_retry_wait", "1")
    client = luigi.RemoteScheduler("http://h:1")
    assert (client._connect_timeout, client._rpc_retry_attempts, client._rpc_retry_wait) == (2.5, 5, 1)
    assert luigi.RemoteScheduler("http://h:1", connect_timeout=3)._connect_timeout == 3


def test_waits_between_attempts(connect, server, monkeypatch):
    waited = []
    monkeypatch.setattr(rpc.time, "sleep", waited.append)
    server.answers = [(500, "x")]
    client = connect()
    client._rpc_retry_wait = 30
    with pytest.raises(luigi.RPCError):
        client.ping(worker="W")
    first, second = waited
    assert 0 < first < 20 < second
    assert first + second >= 60  # the patience that the options ask for


def test_transport_is_chosen_by_what_is_installed(monkeypatch):
    pytest.importorskip("requests")
    assert isinstance(luigi.RemoteScheduler("http://h:1")._fetcher, rpc.RequestsFetcher)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert isinstance(luigi.RemoteScheduler("http://h:1")._fetcher, rpc.URLLibFetcher)


def test_connection_is_kept_and_a_forked_child_makes_its_own(server):
    pytest.importorskip("requests")
    client = luigi.RemoteScheduler(f"http://{server.address}/")
    try:
        client.ping(worker="W")
        session = client._fetcher.session
        client.ping(worker="W")
        assert client._fetcher.session is session
        child = os.fork()
        if child == 0:
            client._fetcher.check_pid()
            os._exit(0 if client._fetcher.session is not session else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client._fetcher.session is session
    finally:
        client.close()


def test_a_copy_in_another_process_works(connect, server):
    client = pickle.loads(pickle.dumps(connect()))
    try:
        server.answers = [(200, '{"response": 3}')]
        assert client.is_paused() == 3
    finally:
        client.close()


def test_call_of_a_scheduler_class_of_ones_own(connect, server, monkeypatch):
    from luigi_clone._wire.methods import rpc_method

    monkeypatch.setattr(rpc, "RPC_METHODS", rpc.RPC_METHODS)
    try:

        class Own:
            @rpc_method(attempts=1)
            def paint(self, wall, colour="red", *, twice=False):
                raise NotImplementedError

        connect().paint("north")
        assert server.only().path == "/api/paint"
        assert server.only().arguments == {"wall": "north", "colour": "red", "twice": False}
        with pytest.raises(TypeError, match=r"paint takes 3 arguments \(2 given\)"):
            connect().paint()
    finally:
        del rpc.RPC_METHODS["paint"]
    with pytest.raises(AssertionError, match="cannot take"):

        @rpc_method()
        def listed(self, *items):
            raise NotImplementedError


def test_client_does_not_load_the_scheduler():
    code = (
        "import sys, luigi_clone.rpc\n"
        "heavy = {'luigi_clone.scheduler', 'luigi_clone.task', 'tornado', 'requests', 'ssl', 'inspect'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
