"""Connections of clients that make calls: read and answered without the web framework.

A worker sends the same simple requests again and again. They are read here, which costs a third of what the
framework's streams and parser cost. With the first request that is not such a one, the connection is handed
over to the framework, with what was received of it, for the rest of its life.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import tornado.httpserver
import tornado.iostream

from luigi_clone._web import heads
from luigi_clone._web.answers import Answer
from luigi_clone._web.gate import Gate, in_pieces
from luigi_clone._web.passages import PIECE, Lines, Passage

_IDLE = 3_600.0
"""Seconds after which a silent connection is closed, as the framework does."""
_AHEAD = 256 * 1024
"""Bytes that may come of further requests before one is answered; the network keeps the rest."""
_CHUNK = 64 * 1024
"""Bytes that the framework reads at once."""
_UNIX_PEER = "0.0.0.0"  # noqa: S104 - what the framework says of a peer on a Unix socket

HandOver = Callable[[socket.socket, bytes], None]


class CallConnection(asyncio.Protocol):
    """One connection; its requests are answered one after the other.

    ``hand_over`` is given a duplicate of the socket, and the bytes that were received and not answered.
    """

    def __init__(self, gate: Gate, remote_ip: str, hand_over: HandOver) -> None:
        self._gate = gate
        self._remote_ip = remote_ip
        self._hand_over = hand_over
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._received = b""  # of requests that are not begun
        self._passage: _DirectPassage | None = None  # of the request that is not answered yet
        self._missing = 0  # bytes of its body
        self._drained: asyncio.Future[None] | None = None  # while the network takes nothing
        self._is_serving = self._is_paused = False
        self._is_strange = self._is_last = False

    # ---- the connection

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # so that "nothing is left to be sent" is told
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(_IDLE, self._close_if_idle)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget what is under way."""
        self._is_last = True
        self._received = b""
        self._timer.cancel()
        if self._passage is not None:
            self._passage.is_closed = True
        self._go_on_writing()
        self.lost.set_result(None)

    def eof_received(self) -> bool:
        """Answer what a client has asked that says no more; tell whether there is something to answer."""
        self._is_last = True
        return self._passage is not None and not self._missing

    def pause_writing(self) -> None:
        """Wait until all that is written is sent."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on."""
        self._go_on_writing()
        if self._is_strange:
            self._leave()

    def _go_on_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def close(self) -> None:
        """Close the connection when what is written is sent."""
        self._transport.close()

    def _close_if_idle(self) -> None:
        is_ours_to_speak = self._passage is not None and not self._missing
        idle = 0.0 if is_ours_to_speak else self._loop.time() - self._heard
        if idle >= _IDLE:
            self.close()
        else:
            self._timer = self._loop.call_later(_IDLE - idle, self._close_if_idle)

    # ---- requests

    def data_received(self, data: bytes) -> None:
        """Take in what has come."""
        self._heard = self._loop.time()
        if self._missing:
            self._take_body(data)
        elif self._received:
            self._received += data
        else:
            self._received = data
        self._serve()
        if len(self._received) > _AHEAD and self._passage is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _serve(self) -> None:
        """Begin with requests, as long as the one before is answered."""
        if self._is_serving:
            return  # an answer that is there at once
        self._is_serving = True
        while self._received and self._passage is None and not self._is_last and self._begin():
            pass
        self._is_serving = False

    def _begin(self) -> bool:
        """Begin with the next request; tell whether there is enough of it."""
        received = self._received
        end = received.find(b"\r\n\r\n")
        if end < 0 and heads.may_become_call(received):
            return False
        found = heads.read(received[:end], self._remote_ip) if end >= 0 else None
        if found is None:
            self._is_strange = True
            self._transport.pause_reading()
            if self._drained is None:
                self._leave()
            return False
        request, self._missing = found
        self._passage = passage = _DirectPassage(self._gate, request, self)
        self._received = b""
        if self._missing:
            self._take_body(received[end + 4 :])
        else:
            self._received = received[end + 4 :]
            passage.finish()
        return True

    def _take_body(self, data: bytes) -> None:
        """Take a part of the body; what comes behind its end is for later."""
        passage = self._passage
        assert passage is not None
        if len(data) > self._missing:
            data, self._received = data[: self._missing], data[self._missing :]
        self._missing -= len(data)
        passage.take(data)
        if not self._missing:
            passage.finish()

    # ---- answers

    def write(self, data: bytes) -> asyncio.Future[None] | None:
        """Send; return what to wait for before more is sent."""
        self._transport.write(data)
        return self._drained

    def answered(self, *, is_last: bool) -> None:
        """Go on with the next request, unless the client wants none after this one."""
        self._passage = None
        if is_last or self._is_last:
            self._is_last = True
            self._transport.close()
            return
        if self._is_paused and len(self._received) <= _AHEAD:
            self._is_paused = False
            self._transport.resume_reading()
        if self._received:
            self._serve()

    def _leave(self) -> None:
        """Hand the connection over; this one ends, without a word to the client."""
        self._is_last = True
        received, self._received = self._received, b""
        duplicate = self._transport.get_extra_info("socket").dup()
        self._transport.abort()
        duplicate.setblocking(False)
        self._hand_over(duplicate, received)


class _DirectPassage(Passage):
    """A request whose answer is written right away."""

    def __init__(self, gate: Gate, request: heads.CallRequest, connection: CallConnection) -> None:
        super().__init__(gate, request)
        self._connection = connection

    def write(self, answer: Answer, lines: Lines) -> None:
        ends = self.request.ends
        if ends:
            lines.append(("Connection", "close"))
        head = heads.written(answer.status, lines)
        if head is None:
            raise ValueError(f"an answer to {self.request.path} has a header with a line break")
        if answer.length > PIECE:
            self.gate.go_on(self._write_large(head, answer))
            return
        self._connection.write(b"".join([head, *answer.pieces]))
        self.note(answer.status)
        self._connection.answered(is_last=ends)

    async def _write_large(self, head: bytes, answer: Answer) -> None:
        """Send no faster than the network takes it."""
        self._connection.write(head)
        for piece in in_pieces(answer):
            drained = self._connection.write(piece)
            if drained is None:
                await asyncio.sleep(0)
            else:
                await drained
            if self.is_closed:
                return
        self.note(answer.status)
        self._connection.answered(is_last=self.request.ends)


class _Begun(tornado.iostream.IOStream):
    """A connection of which something was received already."""

    def __init__(self, connection: socket.socket, received: bytes) -> None:
        # all of it by one read: before the next one, the framework waits for more to come
        super().__init__(connection, read_chunk_size=max(_CHUNK, len(received)))
        self._begun = received

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Return what was received already, then what comes."""
        begun = self._begun
        if not begun:
            return super().read_from_fd(buf)
        self._begun = b""
        self.read_chunk_size = _CHUNK
        buf[: len(begun)] = begun
        return len(begun)


class CallServer(tornado.httpserver.HTTPServer):
    """Serves calls by connections of its own, and everything else, and all of TLS, as the framework does."""

    def initialize(self, gate: Gate, **options: Any) -> None:  # type: ignore[override]
        """Take the gate that all requests come through, and the options of the framework's server."""
        super().initialize(gate, **options)
        self._gate = gate
        self._open: set[CallConnection] = set()

    def handle_stream(self, stream: tornado.iostream.IOStream, address: Any) -> Any:
        """Serve a connection."""
        if isinstance(stream, tornado.iostream.SSLIOStream):
            return super().handle_stream(stream, address)
        return self._serve(stream.socket, address)

    async def _serve(self, connection: socket.socket, address: Any) -> None:
        family = connection.family
        is_network = family in (socket.AF_INET, socket.AF_INET6)
        peer = address[0] if is_network and address else _UNIX_PEER

        def hand_over(duplicate: socket.socket, received: bytes) -> None:
            stream = _Begun(duplicate, received)
            super(CallServer, self).handle_stream(stream, address)

        loop = asyncio.get_running_loop()
        _, ours = await loop.connect_accepted_socket(
            lambda: CallConnection(self._gate, peer, hand_over), connection
        )
        self._open.add(ours)
        ours.lost.add_done_callback(lambda _: self._open.discard(ours))

    async def close_all_connections(self) -> None:
        """Close all connections when what was written is sent."""
        ends = [connection.lost for connection in self._open]
        for connection in list(self._open):
            connection.close()
        if ends:
            await asyncio.wait(ends)
        await super().close_all_connections()
