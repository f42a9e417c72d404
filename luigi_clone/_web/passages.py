"""One request for a call on its way: let in or not, read, answered, noted."""

from __future__ import annotations

import abc
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from luigi_clone._web.answers import SERVER, Answer
from luigi_clone._web.api import refused, role_of_call
from luigi_clone._web.heads import PREFIX, CallRequest

if TYPE_CHECKING:
    from luigi_clone._web.gate import Gate

PIECE = 256 * 1024
"""Bytes that are handed to the network at once."""

Lines = list[tuple[str, str]]


class Passage(abc.ABC):
    """One request, and its answer; how that is written is up to the kind of connection."""

    def __init__(self, gate: Gate, request: CallRequest) -> None:
        """Let the request in or not: then its body is not kept.

        It is read all the same, as an answer before its end would close the connection while the client still
        sends, and the client would see that instead of the reason.
        """
        self.gate = gate
        self.request = request
        self.is_closed = False
        self._is_answered = False
        name = request.path[len(PREFIX) :]
        self._name = unquote(name) if "%" in name else name
        self._refusal = gate.doors.refuse(request, role_of_call(self._name))
        self._body: list[bytes] = []

    def take(self, chunk: bytes) -> None:
        """Take in the next part of the body."""
        if self._refusal is None:
            self._body.append(chunk)

    def finish(self) -> None:
        """Make the call: the request is complete."""
        if self._refusal is not None:
            self._send(refused(self._refusal))
            return
        request, body = self.request, self._body
        request.body = body[0] if len(body) == 1 else b"".join(body)
        self._body = []
        self.gate.api.answer(self._name, request, self._send)

    def _send(self, answer: Answer) -> None:
        if self.is_closed or self._is_answered:
            return
        self._is_answered = True
        gate = self.gate
        lines = [
            ("Server", SERVER),
            ("Date", gate.clock.now()),
            *gate.doors.response_headers(self.request, is_error=answer.status >= 400),
            *answer.headers,
        ]
        if answer.status != 304:
            lines.append(("Content-Length", str(answer.length)))
        self.write(answer, lines)

    @abc.abstractmethod
    def write(self, answer: Answer, lines: Lines) -> None:
        """Write the answer with ``lines`` in its head, now or bit by bit, and then :meth:`note` it."""

    def note(self, status: int) -> None:
        """Write the line of the access log."""
        request = self.request
        self.gate.log.note(
            status, request.method, request.path, request.remote_ip, time.perf_counter() - request.began
        )
