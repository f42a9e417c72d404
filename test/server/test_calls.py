"""The central scheduler's process: calls over HTTP, and its beginning and end."""

from __future__ import annotations

import html
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlencode

import luigi
import pytest
from luigi.rpc import RemoteScheduler, RPCError

from luigi_clone import server
from luigi_clone.scheduler import Scheduler
from test.server.serving import ROOT, Server, free_port, luigid, started


class Piece(luigi.Task):
    folder = luigi.Parameter()
    number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.number}")

    def requires(self):
        return Piece(self.folder, self.number - 1) if self.number else []

    def run(self):
        self.set_status_message("at work")
        with self.output().open("w") as file:
            file.write("done")


def test_a_worker_runs_its_tasks_through_it(served, tmp_path):
    assert luigi.build([Piece(str(tmp_path), 3)], scheduler_url=served.url)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]
    done = RemoteScheduler(served.url).task_list("DONE", "")
    assert {task["params"]["number"] for task in done.values()} == {"0", "1", "2", "3"}


def test_the_answer_of_a_call(served):
    status, headers, body = served.call("add_task", worker="w", task_id="T", family="T", params={"x": "</b>"})
    assert (status, body) == (200, '{"response": null}')
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    status, _, body = served.call("dep_graph", task_id="T")
    assert r'"x": "<\/b>"' in body and json.loads(body)["response"]["T"]["status"] == "PENDING"


def test_get_and_post_are_the_same_and_the_body_counts(served):
    query = urlencode({"data": json.dumps({"resource": "gpu", "amount": 1})})
    assert json.loads(served.ask("GET", f"/api/update_resource?{query}")[2]) == {"response": True}
    body = urlencode({"data": json.dumps({"resource": "gpu", "amount": 7})})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert served.ask("POST", f"/api/update_resource?{query}", body, headers)[0] == 200
    assert served.scheduler.resources()["gpu"]["total"] == 7


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/no_such_call", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/load", 404),
        ("GET", "/api/dump", 404),
        ("GET", "/api/_rank", 404),
        ("GET", "/api/ping/", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", "/API/ping", 404),
        ("GET", "/api", 404),
        ("GET", "/api/is%5Fpaused", 200),
        ("GET", "/static/visualiser/index.html", 200),
        ("HEAD", "/static/visualiser/index.html", 200),
        ("GET", "/static/visualiser", 403),
        ("GET", "/static/", 403),
        ("GET", "/static/none.html", 404),
        ("GET", "/static/%2e%2e/server.py", 403),
        ("GET", "/api/batch", 405),
        ("GET", "/metrics", 200),
        ("PUT", "/api/ping", 405),
        ("DELETE", "/api/ping", 405),
        ("HEAD", "/api/ping", 405),
        ("OPTIONS", "/api/ping", 204),
        ("HEAD", "/", 204),
        ("GET", "/api/resource_list", 200),
        ("GET", "/api/resource_list?data=", 400),
        ("GET", "/api/resource_list?data=x", 400),
        ("GET", "/api/resource_list?data=[1]", 400),
        ("GET", "/api/resource_list?data=%7B%22x%22:1%7D", 400),
        ("GET", "/api/resource_list?data=%FF", 400),
    ],
)
def test_status_codes(served, caplog, method, path, status):
    assert served.ask(method, path)[0] == status


def test_the_root_leads_to_the_page(served):
    status, headers, _ = served.ask("GET", "/")
    assert (status, headers["Location"]) == (302, "static/visualiser/index.html")


def test_a_refused_call_tells_the_reason(served):
    status, _, body = served.call("disable_worker", nobody=1)
    assert status == 400
    assert "there is no argument 'nobody' (there is: worker)" in html.unescape(body)


def test_an_error_reaches_the_client_without_its_cause(served, caplog, monkeypatch):
    def broken(worker):
        raise TypeError("the cause")

    monkeypatch.setattr(served.scheduler, "disable_worker", broken)
    luigi.configuration.get_config().set("core", "rpc_retry_attempts", "1")
    with pytest.raises(RPCError) as caught:
        RemoteScheduler(served.url).disable_worker(worker="X")
    assert "500" in str(caught.value.sub_exception)
    assert served.call("disable_worker", worker="X")[2] == (
        "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>"
    )
    assert "TypeError" in caplog.text, "the cause is in the log"


def test_it_listens_on_this_machine_only_and_says_so(caplog):
    with Server() as one:
        assert {name[0] for name in one.names} <= {"127.0.0.1", "::1"}
        assert len({name[1] for name in one.names}) == 1
    assert "--address" in caplog.text


def test_an_address_and_a_port(caplog):
    with Server(address="127.0.0.1") as one:
        assert [name[0] for name in one.names] == ["127.0.0.1"]
        second = luigid(one.names[0][1])
        with second:
            assert "Address already in use" in second.communicate()[1]
        assert second.returncode == 1
    assert "--address" not in caplog.text


def test_a_unix_socket_for_its_owner_alone(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with Server(unix_socket=str(path)):
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 204")


def test_metrics(served):
    class Collector:
        def generate_latest(self):
            return "tasks 3\n"

        def configure_http_handler(self, handler):
            handler.set_header("Content-Type", "text/plain; version=0.0.4")

    served.scheduler._metrics_collector = Collector()
    status, headers, body = served.ask("GET", "/metrics")
    assert (status, headers["Content-Type"], body) == (200, "text/plain; version=0.0.4", "tasks 3\n")


def test_the_names_of_what_is_bound():
    code = """
import asyncio
import html
from luigi_clone import scheduler, server
async def main():
    print(server._init_api(scheduler.Scheduler(), 0, "127.0.0.1")[0][0])
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "127.0.0.1\n"


@pytest.mark.timeout(60)
def test_run_until_it_is_stopped():
    begun = threading.Event()

    class Watched(Scheduler):
        ends = 0

        def load(self):
            begun.set()

        def dump(self):
            Watched.ends += 1

    thread = threading.Thread(target=server.run, kwargs={"api_port": 0, "scheduler": Watched()})
    thread.start()
    assert begun.wait(20)
    while thread.is_alive():
        server.stop()
        thread.join(0.05)
    assert Watched.ends == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_luigid_ends_by_a_signal(number):
    with started(free_port()) as (process, log):
        port = int(process.args[process.args.index("--port") + 1])
        assert RemoteScheduler(f"http://127.0.0.1:{port}").is_paused() == {"paused": False}
        with socket.create_connection(("127.0.0.1", port)) as kept:
            kept.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert kept.recv(1000).startswith(b"HTTP/1.1 204")
            began = time.monotonic()
            process.send_signal(number)
            log += process.communicate()[1]
            assert time.monotonic() - began < 5, "at most one second on a machine with nothing else to do"
            assert kept.recv(1000) == b""
    assert process.returncode == 0
    assert log.count("Scheduler instance shutting down") == 1
