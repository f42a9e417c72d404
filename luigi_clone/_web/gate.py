"""The way of a request into the server: calls by a short one, everything else through the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator
from itertools import chain
from typing import Any

import tornado.iostream
import tornado.web
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    ResponseStartLine,
)

from luigi_clone._web.access import AccessLog
from luigi_clone._web.answers import Answer, Clock, reason_of
from luigi_clone._web.api import Api
from luigi_clone._web.doors import Doors
from luigi_clone._web.heads import CallRequest, is_for_call, written
from luigi_clone._web.passages import PIECE, Lines, Passage


class Gate(HTTPServerConnectionDelegate):
    """Lets requests for calls pass by the web framework's machinery, which costs more than most calls.

    It serves connections that the framework reads. Most calls come by connections that pass the framework by
    from the start: :mod:`luigi_clone._web.connections`.
    """

    def __init__(self, application: tornado.web.Application, api: Api, log: AccessLog, doors: Doors) -> None:
        self.application = application
        self.api = api
        self.log = log
        self.doors = doors
        self.clock = Clock()
        self._under_way: set[asyncio.Task[None]] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return what takes the next request of a connection."""
        return _Request(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Pass on that a connection was closed."""
        self.application.on_close(server_conn)

    def go_on(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send an answer bit by bit."""
        task = asyncio.get_running_loop().create_task(sending)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


class _Lines(HTTPHeaders):
    """Headers that are written as they come; their names are well-formed already."""

    def __init__(self, lines: Lines) -> None:
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


class _Request(HTTPMessageDelegate):
    """One request of a connection that the framework reads."""

    def __init__(self, gate: Gate, server_conn: object, connection: HTTPConnection) -> None:
        self._gate = gate
        self._server_conn = server_conn
        self._connection = connection
        self._elsewhere: HTTPMessageDelegate | None = None
        self._passage: _FramedPassage | None = None

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Awaitable[None] | None:
        if is_for_call(start_line.method, start_line.path):
            peer: str = getattr(getattr(self._connection, "context", None), "remote_ip", "")
            request = CallRequest(start_line.method, start_line.path, start_line.version, headers, peer)
            self._passage = _FramedPassage(self._gate, request, self._connection)
            return None
        self._elsewhere = self._gate.application.start_request(self._server_conn, self._connection)
        return self._elsewhere.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._elsewhere is not None:
            return self._elsewhere.data_received(chunk)
        if self._passage is not None:
            self._passage.take(chunk)
        return None

    def finish(self) -> None:
        if self._elsewhere is not None:
            self._elsewhere.finish()
        elif self._passage is not None:
            self._passage.finish()

    def on_connection_close(self) -> None:
        if self._passage is not None:
            self._passage.is_closed = True
        if self._elsewhere is not None:
            self._elsewhere.on_connection_close()


class _FramedPassage(Passage):
    """A request for a call whose answer the framework writes."""

    def __init__(self, gate: Gate, request: CallRequest, connection: HTTPConnection) -> None:
        super().__init__(gate, request)
        self._connection = connection

    def write(self, answer: Answer, lines: Lines) -> None:
        is_small = answer.length <= PIECE
        # taken by the framework's ``write`` in place of ``write_headers``, which takes longer than most calls
        head = written(answer.status, lines) if is_small and self.request.is_plain else None
        if head is not None:
            self._connection.write(b"".join([head, *answer.pieces]))
            self._connection.finish()
            self.note(answer.status)
            return
        headers = _Lines(lines)
        start_line = ResponseStartLine("", answer.status, reason_of(answer.status))
        if is_small:
            self._connection.write_headers(start_line, headers, b"".join(answer.pieces) or None)
            self._connection.finish()
            self.note(answer.status)
        else:
            self.gate.go_on(self._write_large(start_line, headers, answer))

    async def _write_large(self, start_line: ResponseStartLine, headers: HTTPHeaders, answer: Answer) -> None:
        """Send no faster than the network takes it."""
        try:
            await self._connection.write_headers(start_line, headers)
            for piece in in_pieces(answer):
                await self._connection.write(piece)
                await asyncio.sleep(0)
        except tornado.iostream.StreamClosedError:
            return
        self._connection.finish()
        self.note(answer.status)


def in_pieces(answer: Answer) -> Iterator[bytes]:
    """Return the body in pieces of a size that the network likes."""
    held: list[bytes] = []
    size = 0
    for piece in answer.pieces:
        held.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
