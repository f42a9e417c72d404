"""The way of a request into the server: calls by a short one, everything else through the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import tornado.iostream
import tornado.web
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)

from luigi_clone._web.access import AccessLog
from luigi_clone._web.answers import SERVER, Answer, Clock, reason_of
from luigi_clone._web.api import Api, refused, role_of_call
from luigi_clone._web.doors import Doors

if TYPE_CHECKING:
    pass

_PREFIX = "/api/"
_METHODS = ("POST", "GET")
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


class _Passage(HTTPMessageDelegate):
    """One request, and its answer if it is for a call."""

    def __init__(self, gate: Gate, server_conn: object, connection: HTTPConnection) -> None:
        self._gate = gate
        self._server_conn = server_conn
        self._connection = connection
        self._elsewhere: HTTPMessageDelegate | None = None
        self._is_closed = False

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Awaitable[None] | None:
        if start_line.path.startswith(_PREFIX) and start_line.method in _METHODS:
            self._request = HTTPServerRequest(
                connection=self._connection, start_line=start_line, headers=headers
            )
            self._body: list[bytes] = []
            self._take_in()
            return None
        self._elsewhere = self._gate.application.start_request(self._server_conn, self._connection)
        return self._elsewhere.headers_received(start_line, headers)

    def _take_in(self) -> None:
        """Let the request in, or answer it at once: its body is not kept then."""
        request = self._request
        name = request.path[len(_PREFIX) :]
        self._name = unquote(name) if "%" in name else name
        refusal = self._gate.doors.refuse(request, role_of_call(self._name))
        if refusal is not None:
            self._send(refused(refusal))

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._elsewhere is not None:
            return self._elsewhere.data_received(chunk)
        self._body.append(chunk)
        return None

    def finish(self) -> None:
        if self._elsewhere is not None:
            self._elsewhere.finish()
            return
        request, body = self._request, self._body
        request.body = body[0] if len(body) == 1 else b"".join(body)
        self._gate.api.answer(self._name, request, self._send)

    def on_connection_close(self) -> None:
        self._is_closed = True
        if self._elsewhere is not None:
            self._elsewhere.on_connection_close()

    def _send(self, answer: Answer) -> None:
        if self._is_closed:
            return
        headers = HTTPHeaders()
        add = headers.add
        add("Server", SERVER)
        add("Date", self._gate.clock.now())
        for name, value in self._gate.doors.response_headers(self._request, is_error=answer.status >= 400):
            add(name, value)
        for name, value in answer.headers:
            add(name, value)
        if answer.status != 304:
            add("Content-Length", str(answer.length))
        start_line = ResponseStartLine("", answer.status, reason_of(answer.status))
        if answer.length <= _PIECE:
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
            status, request.method or "", request.path, request.remote_ip or "", request.request_time()
        )
