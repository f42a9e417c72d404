"""One request and its answer over an open connection.

The usual answer is read here: the standard library takes its headers for those of a mail, which takes longer
than all else that a client does for a call.  Whatever is unusual about an answer is left to that library.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from luigi_clone._client.messages import Headers

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPMessage
    from socket import socket

_USUAL = b"HTTP/1.1 200 "
_AT_ONCE = 64 * 1024
_LONGEST_HEAD = 32 * 1024


class Response(NamedTuple):
    """What came back."""

    status: int
    reason: str
    headers: Headers
    body: bytes

    @property
    def message(self) -> HTTPMessage:
        """The headers of an answer other than 200, as exceptions of the libraries carry them."""
        from http.client import HTTPMessage

        assert isinstance(self.headers, HTTPMessage)
        return self.headers

    @property
    def text(self) -> str:
        """The body as text."""
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            return gzip.decompress(self.body).decode("utf-8")
        return self.body.decode("utf-8")


class _Lines:
    """The headers of an answer, each by its first value."""

    def __init__(self, lines: list[bytes]) -> None:
        self._values: dict[str, str] = {}
        for line in lines:
            name, _, value = line.decode("iso-8859-1").partition(":")
            self._values.setdefault(name.lower(), value.lstrip(" \t"))

    def get(self, name: str, /) -> str | None:
        """Return the value of one."""
        return self._values.get(name.lower())


def send(
    connection: HTTPConnection, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> None:
    """Send a request, all of it at once: a server that gets it in two pieces is woken twice."""
    head = _head(connection, method, target, body, headers)
    if head is None:
        connection.request(method, target, body, headers)  # it tells what is wrong
    else:
        connection.sock.sendall(head if body is None else head + body)


def _head(
    connection: HTTPConnection, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> bytes | None:
    host = connection.host
    if ":" in host:
        host = f"[{host}]"
    if connection.port != connection.default_port:
        host = f"{host}:{connection.port}"
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    if "Accept-Encoding" not in headers:
        lines.append("Accept-Encoding: identity")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    is_plain = all(line.isprintable() and line.isascii() for line in lines) and " " not in target
    return "\r\n".join([*lines, "", ""]).encode("ascii") if is_plain else None


def receive(connection: HTTPConnection, method: str) -> tuple[Response, bool]:
    """Return the answer to the request that was sent, and whether the connection is of no more use."""
    sock: socket = connection.sock
    data = sock.recv(_AT_ONCE)
    while (end := data.find(b"\n\r\n")) < 0:
        more = b"" if b"\n\n" in data or len(data) > _LONGEST_HEAD else sock.recv(_AT_ONCE)
        if not more:
            return _received_by_library(sock, data, method)
        data += more
    headers = _headers_of(data[: end - 1])
    length = None if headers is None else headers.get("Content-Length")
    if headers is None or length is None or not length.isdecimal() or headers.get("Transfer-Encoding"):
        return _received_by_library(sock, data, method)
    begin = end + 3
    missing = begin + int(length) - len(data)
    if missing > 0:
        pieces = [data]
        while missing > 0 and (piece := sock.recv(min(missing, 1 << 20))):
            pieces.append(piece)
            missing -= len(piece)
        data = b"".join(pieces)
        if missing:
            return _received_by_library(sock, data, method)
    reason = data[len(_USUAL) : data.index(b"\r")].decode("iso-8859-1")
    closes = missing < 0 or "close" in (headers.get("Connection") or "").lower()
    return Response(200, reason, headers, data[begin : len(data) + missing]), closes


def _headers_of(head: bytes) -> _Lines | None:
    """Return the headers of a usual answer, ``None`` of any other."""
    lines = head.split(b"\r\n")
    if not head.startswith(_USUAL) or len(lines) != head.count(b"\n") + 1:
        return None
    del lines[0]
    if any(line[:1] in b" \t" or b":" not in line for line in lines):
        return None
    return _Lines(lines)


def _received_by_library(sock: socket, data: bytes, method: str) -> tuple[Response, bool]:
    from http.client import HTTPResponse

    source: Any = _Resumed(sock, data)
    response = HTTPResponse(source, method=method)
    try:
        response.begin()
        answer = Response(response.status, response.reason, response.headers, response.read())
    finally:
        response.close()
    return answer, response.will_close


class _Resumed(io.RawIOBase):
    """What a connection has to say, with that which was read of it already before the rest."""

    def __init__(self, sock: socket, data: bytes) -> None:
        self._sock = sock
        self._data = data

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return this as the file that is asked for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read what comes next."""
        if not self._data:
            return self._sock.recv_into(buffer)
        size = min(len(buffer), len(self._data))
        buffer[:size] = self._data[:size]
        self._data = self._data[size:]
        return size
