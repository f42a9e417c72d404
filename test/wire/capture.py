"""A server that notes what it is asked: it answers like a scheduler, or passes on to one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode
from urllib.request import Request, urlopen

BULK = "/api/batch"
"""The path of the bulk call, which a stock server does not have."""


class Asked(NamedTuple):
    """One request, as it came."""

    line: str
    headers: dict[str, str]
    body: str

    @property
    def path(self) -> str:
        """The path."""
        return self.line.split()[1]

    @property
    def method(self) -> str:
        """The name of the call."""
        return self.path.rpartition("/")[2]

    @property
    def data(self) -> str:
        """The text of the only field, ``data``. Raises AssertionError if the form is anything else."""
        fields = parse_qsl(self.body, keep_blank_values=True, strict_parsing=True)
        assert [name for name, _ in fields] == ["data"], self.body
        assert urlencode(dict(fields)) == self.body, "not encoded as a form usually is"
        return fields[0][1]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments. Raises AssertionError if the JSON is not written as Python does by default."""
        found: dict[str, Any] = json.loads(self.data)
        assert json.dumps(found) == self.data
        return found


Answer = Callable[[Asked], tuple[int, bytes]]


class Recorder:
    """A server on a free port of the loopback address, until the end of the ``with`` block."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[Asked, int]] = []
        self._lock = threading.Lock()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
                asked = Asked(self.requestline, dict(self.headers), body)
                status, content = answer(asked)
                with recorder._lock:
                    recorder.asked.append((asked, status))
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Stay quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def understood(self) -> list[Asked]:
        """Return what the server has a call for: a client of today may look whether an old one has more."""
        return [asked for asked, status in self.asked if status != 404]


def as_old_server(asked: Asked) -> tuple[int, bytes]:
    """Answer as a stock server with nothing to say: it has no bulk call, and get_work is never null."""
    if asked.path.endswith(BULK):
        return 404, b"<html><title>404: Not Found</title><body>404: Not Found</body></html>"
    return 200, b'{"response": {}}'


def passed_on_to(url: str) -> Answer:
    """Return an answer that is the one of the server at ``url``."""

    def answer(asked: Asked) -> tuple[int, bytes]:
        kept = {
            name: value for name, value in asked.headers.items() if name.startswith(("Luigi-", "Content-T"))
        }
        try:
            with urlopen(
                Request(url + asked.path[asked.path.index("/api/") :], asked.body.encode(), kept), timeout=30
            ) as answered:
                return answered.status, answered.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    return answer
