"""A server of the tests' own that notes what it is asked and answers as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import luigi
import pytest
from luigi import rpc

OK = '{"response": null}'


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    body: str

    @property
    def arguments(self) -> Any:
        (data,) = parse_qs(self.body)["data"]
        return json.loads(data)


class Server:
    """``answers`` are (status, body), used in turn and then the last one again; None drops the connection."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[tuple[int, str] | None] = [(200, OK)]
        test = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
                test.asked.append(Asked(self.path, dict(self.headers), body))
                answer = test.answers.pop(0) if len(test.answers) > 1 else test.answers[0]
                if answer is None:
                    self.close_connection = True
                    return
                status, text = answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args: Any) -> None:
                """Stay quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.address = f"127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def only(self) -> Asked:
        (asked,) = self.asked
        return asked


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(params=["urllib", "requests"])
def transport(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each of the transports."""
    if request.param == "requests":
        pytest.importorskip("requests")
        fetcher: Any = rpc.RequestsFetcher()
    else:
        fetcher = rpc.URLLibFetcher()
    yield fetcher
    fetcher.close()


@pytest.fixture
def connect(server: Server, transport: Any) -> Any:
    """Return a client of the server: ``connect(userinfo="", path="")``."""

    luigi.configuration.get_config()  # its line in the log comes now

    def connect(userinfo: str = "", path: str = "/", **arguments: Any) -> rpc.RemoteScheduler:
        client = rpc.RemoteScheduler(f"http://{userinfo}{server.address}{path}", **arguments)
        client.close()
        client._fetcher = transport
        client._rpc_retry_wait = 0
        return client

    return connect
