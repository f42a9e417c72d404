"""A worker and its scheduler over HTTP, where Luigi's fall short (documents 05, 06 and 07)."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import luigi
import pytest
from luigi.rpc import RemoteScheduler, URLLibFetcher
from luigi.scheduler import Scheduler
from luigi.worker import KeepAliveThread, Worker


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        name = self.path.rpartition("/")[2]
        self.server.requests.append((name, dict(self.headers)))
        if name == "batch":
            calls = json.loads(body)["calls"]
            result = [{"response": self.call(each["call"], each["arguments"])} for each in calls]
        else:
            result = self.call(name, json.loads(parse_qs(body)["data"][0]))
        if self.server.answers_to_lose:
            self.server.answers_to_lose -= 1
            self.close_connection = True
            return
        text = json.dumps({"response": result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def call(self, name, arguments):
        with self.server.lock:
            return getattr(self.server.scheduler, name)(**arguments)

    def log_message(self, *args):
        """Stay quiet."""


class Luigid(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheduler, self.lock = Scheduler(), threading.Lock()
        self.requests, self.connections, self.answers_to_lose = [], [], 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def get_request(self):
        request, address = super().get_request()
        self.connections.append(request)
        return request, address

    def handle_error(self, request, client_address):
        """Stay quiet: connections are dropped on purpose."""

    def begin_again(self):
        """Lose all state and all connections, as a process does that is killed."""
        self.scheduler = Scheduler()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def stop(self):
        self.shutdown()
        self._thread.join()
        self.begin_again()
        self.server_close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def luigid():
    running = Luigid()
    yield running
    running.stop()


@pytest.fixture
def client(luigid):
    scheduler = RemoteScheduler(luigid.url)
    scheduler._rpc_retry_wait = 0
    yield scheduler
    scheduler.close()


class Leaf(luigi.Task):
    n = luigi.IntParameter()
    done: set[int] = set()
    when_run = None

    def complete(self):
        return self.n in Leaf.done

    def run(self):
        if Leaf.when_run is not None:
            Leaf.when_run()
        Leaf.done.add(self.n)


class Fan(luigi.Task):
    width = luigi.IntParameter()

    def requires(self):
        return [Leaf(n=n) for n in range(self.width)]

    def complete(self):
        return -1 in Leaf.done

    def run(self):
        Leaf.done.add(-1)


@pytest.fixture(autouse=True)
def nothing_done():
    Leaf.done.clear()
    Leaf.when_run = None


def test_05_11_a_scheduler_that_is_away_for_longer_than_the_attempts_is_waited_for(luigid, client):
    client.ping(worker="W")
    luigid.answers_to_lose = 4  # there are 3 attempts
    assert client.ping(worker="W") == {"rpc_messages": []}


def test_05_12_a_thousand_tasks_are_registered_by_a_few_requests(luigid, client):
    worker = Worker(scheduler=client)
    assert worker.add(Fan(width=1000))
    assert len(luigid.requests) <= 60
    assert len(luigid.scheduler.task_list("PENDING", "")) == 1001


def test_06_29_a_worker_that_was_forgotten_registers_again(luigid, client):
    def lose_once():
        Leaf.when_run = None
        luigid.begin_again()

    Leaf.when_run = lose_once
    worker = Worker(scheduler=client)
    worker.add(Fan(width=3))
    assert worker.run()
    assert Leaf.done == {0, 1, 2, -1}


def test_07_12_a_repeated_report_can_be_told_from_a_new_one(luigid, client):
    client.add_task(worker="W", task_id="T")
    luigid.requests.clear()
    luigid.answers_to_lose = 1
    client.add_task(worker="W", task_id="T", status="FAILED")
    client.add_task(worker="W", task_id="T", status="FAILED")
    ids = [headers.get("Luigi-Request-Id") for _, headers in luigid.requests]
    assert None not in ids
    assert ids[0] == ids[1] != ids[2]


def test_07_15_a_ping_is_not_repeated_by_itself(client, monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    attempts = []

    def fetch(full_url, body, timeout):
        attempts.append(full_url)
        raise ConnectionResetError("line cut")

    monkeypatch.setattr(client._fetcher, "fetch", fetch)
    pings = KeepAliveThread(client, "W", 0.01, print)
    pings.start()
    deadline = time.monotonic() + 10
    while caplog.messages.count("Failed pinging scheduler") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    pings.stop()
    pings.join()
    assert len(attempts) == caplog.messages.count("Failed pinging scheduler")


def test_07_16_connections_are_kept_without_the_package_requests(luigid, client):
    client._fetcher = URLLibFetcher()
    client.ping(worker="W")
    client.ping(worker="W")
    assert len(luigid.connections) == 1


def test_07_16_a_token_is_sent(luigid, monkeypatch):
    monkeypatch.setenv("LUIGI_SCHEDULER_TOKEN", "secret")
    scheduler = RemoteScheduler(luigid.url)
    scheduler.ping(worker="W")
    scheduler.close()
    assert luigid.requests[0][1].get("Authorization") == "Bearer secret"
