"""Connections are kept, and renewed where that is needed."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import luigi
import pytest
from luigi import rpc

from luigi_clone._client.connections import Connections, Tls


class Counting(ThreadingHTTPServer):
    """Answers everything with null; ``connections`` are those that were opened."""

    daemon_threads = True

    def __init__(self, address=("127.0.0.1", 0)):
        self.connections = []
        self.seen = []
        super().__init__(address, Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def get_request(self):
        request, address = super().get_request()
        self.connections.append(request)
        return request, address

    def stop(self):
        self.shutdown()
        self._thread.join()
        self.drop()
        self.server_close()
        for connection in self.connections:
            connection.close()

    def drop(self):
        """Close all connections, as a server does that restarts."""
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers), body))
        self.answer(200, b'{"response": null}')

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Stay quiet."""

    def address_string(self):
        return ""


@pytest.fixture
def server():
    running = Counting()
    yield running
    running.stop()


@pytest.fixture
def client(server, transport):
    made = luigi.RemoteScheduler(f"http://127.0.0.1:{server.server_address[1]}/")
    made.close()
    made._fetcher, made._rpc_retry_wait = transport, 0
    return made


def test_one_connection_serves_many_calls(client, server):
    for _ in range(5):
        client.ping(worker="W")
    assert len(server.connections) == 1


def test_a_connection_that_the_server_has_closed_is_renewed_without_a_failed_attempt(client, server, caplog):
    client.ping(worker="W")
    server.drop()
    client.ping(worker="W")
    assert len(server.connections) == 2
    assert not caplog.records


def test_threads_do_not_share_a_connection_at_one_time(client, server):
    def call():
        for _ in range(20):
            client.ping(worker="W")

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 80
    assert 1 <= len(server.connections) <= 8


def test_a_forked_process_opens_its_own(client, server):
    client.ping(worker="W")
    child = os.fork()
    if child == 0:
        try:
            client.ping(worker="child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    client.ping(worker="W")
    assert len(server.connections) == 2
    assert len(server.seen) == 3


def test_session_that_somebody_asked_for_carries_all_requests(server):
    pytest.importorskip("requests")
    fetcher = rpc.RequestsFetcher()
    url = f"http://127.0.0.1:{server.server_address[1]}/api/ping"
    fetcher.fetch(url, {"data": "{}"}, 5)
    assert "X-Mine" not in server.seen[-1][0]
    fetcher.session.headers["X-Mine"] = "1"
    fetcher.fetch(url, {"data": "{}"}, 5)
    assert server.seen[-1][0]["X-Mine"] == "1"
    fetcher.close()


@pytest.mark.parametrize("what", ["proxy", "netrc"])
def test_what_requests_alone_can_do_is_left_to_it(server, monkeypatch, tmp_path, what):
    pytest.importorskip("requests")
    address = f"127.0.0.1:{server.server_address[1]}"
    if what == "proxy":
        monkeypatch.setenv("http_proxy", f"http://{address}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        url = "http://scheduler.invalid/api/ping"
    else:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login joe password pass\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        url = f"http://{address}/api/ping"
    fetcher = rpc.RequestsFetcher()
    fetcher.fetch(url, {"data": "{}"}, 5)
    headers = server.seen[-1][0]
    if what == "proxy":
        assert headers["Host"] == "scheduler.invalid"
    else:
        assert headers["Authorization"] == "Basic am9lOnBhc3M="
    fetcher.close()


def test_standard_library_goes_through_a_proxy_too(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.delenv("no_proxy", raising=False)
    fetcher = rpc.URLLibFetcher()
    assert fetcher.fetch("http://scheduler.invalid/api/ping", {"data": "{}"}, 5) == '{"response": null}'
    assert server.seen[-1][0]["Host"] == "scheduler.invalid"


@pytest.mark.parametrize("kind", [rpc.RequestsFetcher, rpc.URLLibFetcher])
def test_unix_socket_needs_no_package(kind, tmp_path):
    path = tmp_path / "luigid.sock"

    class OnSocket(Counting):
        address_family = socket.AF_UNIX

        def server_bind(self):
            self.socket.bind(str(path))
            self.server_name, self.server_port = "", 0

        def get_request(self):
            request, _ = super().get_request()
            return request, ("", 0)

    running = OnSocket("")
    try:
        client = luigi.RemoteScheduler(f"http+unix://{str(path).replace('/', '%2F')}/")
        client._fetcher = kind()
        assert client.ping(worker="W") is None
        assert client.ping(worker="W") is None
        assert len(running.connections) == 1
        client.close()
    finally:
        running.stop()


def test_unix_socket_that_is_not_there(tmp_path):
    client = luigi.RemoteScheduler(f"http+unix://{str(tmp_path / 'none').replace('/', '%2F')}/")
    client._rpc_retry_wait = 0
    with pytest.raises(luigi.RPCError, match=r"Errors \(3 attempts\)"):
        client.ping(worker="W")


def test_answer_that_is_packed(monkeypatch):
    import gzip

    class Packing(Handler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Accept-Encoding"] == "gzip"
            self.answer(200, gzip.compress(b'{"response": "\xc3\xa9"}'), [("Content-Encoding", "gzip")])

    monkeypatch.setattr("luigi_clone._client.connections._LOOPBACK", ("nowhere",))
    running = Counting()
    running.RequestHandlerClass = Packing
    try:
        fetcher = rpc.URLLibFetcher()
        url = f"http://127.0.0.1:{running.server_address[1]}/api/x"
        assert fetcher.fetch(url, {"data": "{}"}, 5) == '{"response": "é"}'
        fetcher.close()
    finally:
        running.stop()


def test_redirection_is_followed_as_the_libraries_do(server, transport):
    target = f"http://127.0.0.1:{server.server_address[1]}/api/ping"

    class Elsewhere(Handler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(302, b"", [("Location", target)])

    class WithGet(Handler):
        def do_GET(self):
            self.answer(200, b'{"response": 1}')

    server.RequestHandlerClass = WithGet
    running = Counting()
    running.RequestHandlerClass = Elsewhere
    try:
        url = f"http://127.0.0.1:{running.server_address[1]}/api/ping"
        assert transport.fetch(url, {"data": "{}"}, 5) == '{"response": 1}'
    finally:
        running.stop()


def test_timeout_is_the_calls_own(transport):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api/ping"
        with pytest.raises((TimeoutError, *transport.raises)):
            transport.fetch(url, {"data": "{}"}, 0.05)


def test_connections_close():
    connections = Connections(Tls())
    running = Counting()
    try:
        url = f"http://127.0.0.1:{running.server_address[1]}/"
        assert connections.post(url, b"x", {}, 5).status == 200
        (kept,) = next(iter(connections._idle.values()))
        assert isinstance(kept, http.client.HTTPConnection)
        connections.close()
        assert kept.sock is None
        assert connections.post(url, b"x", {}, 5).status == 200
        connections.close()
    finally:
        running.stop()
