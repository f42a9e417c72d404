"""The way of a request into the server: calls by a short one, everything else through the application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import unquote

import tornado.iostream
import tornado.web
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from luigi_clone._web.access import AccessLog
from luigi_clone._web.answers import SERVER, Answer, Clock, reason_of
from luigi_clone._web.api import Api, refused, role_of_call
from luigi_clone._web.doors import Doors

_PREFIX = "/api/"
_METHODS = ("POST", "GET")
_OF_PAGE = frozenset(("/api/session", "/api/sign_in", "/api/sign_out", "/api/stream"))
"""What only the page asks for: seldom, and with cookies to be set or an answer without end."""
_PIECE = 256 * 1024
"""Bytes that are handed to the network at once."""


class Gate(HTTPServerConnectionDelegate):
    """Lets requests for calls pass by the web framework's machinery, which costs more than most calls."""

    def __init__(self, application: tornado.web.Application, api: Api, log: AccessLog, doors: Doors) -> None:
        self.application = application
        self.api = api
        self.log = log
        self.doors = doors
        self.clock = Clock()
        self.under_way: set[asyncio.Task[None]] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return what takes the next request of a connection."""
        return _Passage(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Pass on that a connection was closed."""
        self.application.on_close(server_conn)


class _CallRequest:
    """What there is to know of a request for a call."""

    __slots__ = ("began", "body", "headers", "is_plain", "method", "path", "query", "remote_ip")

    def __init__(
        self, start_line: RequestStartLine, headers: HTTPHeaders, connection: HTTPConnection
    ) -> None:
        self.began = time.perf_counter()
        self.method = start_line.method
        self.path, _, self.query = start_line.path.partition("?")
        self.headers = headers
        kept = headers.get("Connection", "keep-alive").lower() == "keep-alive"
        self.is_plain = kept and start_line.version == "HTTP/1.1"
        self.body = b""
        self.remote_ip: str = getattr(getattr(connection, "context", None), "remote_ip", "")


class _Lines(HTTPHeaders):
    """Headers that are written as they come; their names are well-formed already."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        super().__init__()
        self._lines = lines

    def get_all(self) -> Iterator[tuple[str, str]]:
        """Return the lines, then what was added."""
        return chain(self._lines, super().get_all())

    def __contains__(self, name: object) -> bool:
        return any(name == known for known, _ in self._lines) or super().__contains__(name)

    def __getitem__(self, name: str) -> str:
        for known, value in self._lines:
            if name == known:
                return value
        return super().__getitem__(name)


def _head(status: int, lines: list[tuple[str, str]]) -> bytes | None:
    """Return the head of an answer on a connection that stays open; ``None`` if a line is not one.

    Tornado's ``write`` takes it in place of ``write_headers``, which takes longer than most calls.
    """
    text = "".join([f"{name}: {value}\r\n" for name, value in lines])
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        return None
    return f"HTTP/1.1 {status} {reason_of(status)}\r\n{text}\r\n".encode("latin-1")


class _Passage(HTTPMessageDelegate):
    """One request, and its answer if it is for a call."""

    def __init__(self, gate: Gate, server_conn: object, connection: HTTPConnection) -> None:
        self._gate = gate
        self._server_conn = server_conn
        self._connection = connection
        self._elsewhere: HTTPMessageDelegate | None = None
        self._is_closed = self._is_answered = False

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Awaitable[None] | None:
        path = start_line.path
        if (
            path.startswith(_PREFIX)
            and start_line.method in _METHODS
            and (path.partition("?")[0] not in _OF_PAGE)
        ):
            self._request = _CallRequest(start_line, headers, self._connection)
            self._body: list[bytes] = []
            self._take_in()
            return None
        self._elsewhere = self._gate.application.start_request(self._server_conn, self._connection)
        return self._elsewhere.headers_received(start_line, headers)

    def _take_in(self) -> None:
        """Let the request in or not: then its body is not kept.

        It is read all the same, as an answer before its end would close the connection while the client still
        sends, and the client would see that instead of the reason.
        """
        request = self._request
        name = request.path[len(_PREFIX) :]
        self._name = unquote(name) if "%" in name else name
        self._refusal = self._gate.doors.refuse(request, role_of_call(self._name))

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._elsewhere is not None:
            return self._elsewhere.data_received(chunk)
        if self._refusal is None:
            self._body.append(chunk)
        return None

    def finish(self) -> None:
        if self._elsewhere is not None:
            self._elsewhere.finish()
            return
        if self._refusal is not None:
            self._send(refused(self._refusal))
            return
        request, body = self._request, self._body
        request.body = body[0] if len(body) == 1 else b"".join(body)
        self._gate.api.answer(self._name, request, self._send)

    def on_connection_close(self) -> None:
        self._is_closed = True
        if self._elsewhere is not None:
            self._elsewhere.on_connection_close()

    def _send(self, answer: Answer) -> None:
        if self._is_closed or self._is_answered:
            return
        self._is_answered = True
        lines = [
            ("Server", SERVER),
            ("Date", self._gate.clock.now()),
            *self._gate.doors.response_headers(self._request, is_error=answer.status >= 400),
            *answer.headers,
        ]
        if answer.status != 304:
            lines.append(("Content-Length", str(answer.length)))
        is_small = answer.length <= _PIECE
        head = _head(answer.status, lines) if is_small and self._request.is_plain else None
        if head is not None:
            self._connection.write(b"".join([head, *answer.pieces]))
            self._connection.finish()
            self._note(answer.status)
            return
        headers = _Lines(lines)
        start_line = ResponseStartLine("", answer.status, reason_of(answer.status))
        if is_small:
            self._connection.write_headers(start_line, headers, b"".join(answer.pieces) or None)
            self._connection.finish()
            self._note(answer.status)
        else:
            task = asyncio.get_running_loop().create_task(self._send_large(start_line, headers, answer))
            self._gate.under_way.add(task)
            task.add_done_callback(self._gate.under_way.discard)

    async def _send_large(self, start_line: ResponseStartLine, headers: HTTPHeaders, answer: Answer) -> None:
        """Send no faster than the network takes it."""
        try:
            await self._connection.write_headers(start_line, headers)
            held: list[bytes] = []
            size = 0
            for piece in answer.pieces:
                held.append(piece)
                size += len(piece)
                if size >= _PIECE:
                    await self._connection.write(b"".join(held))
                    await asyncio.sleep(0)
                    held, size = [], 0
            if held:
                await self._connection.write(b"".join(held))
        except tornado.iostream.StreamClosedError:
            return
        self._connection.finish()
        self._note(answer.status)

    def _note(self, status: int) -> None:
        request = self._request
        self._gate.log.note(
            status, request.method, request.path, request.remote_ip, time.perf_counter() - request.began
        )
