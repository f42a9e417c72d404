"""How an answer looks: its JSON, its error page, its headers, its compression."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from http.client import responses
from typing import Any, NamedTuple

import tornado

from luigi_clone._web.doors.handlers import error_page
from luigi_clone._wire.tickets import LEASE_HEADER, NEW_WORKER_HEADER, RefusedError, Reply

JSON = "application/json; charset=UTF-8"
HTML = "text/html; charset=UTF-8"
SERVER = f"TornadoServer/{tornado.version}"

_WORTH_COMPRESSING = 1024
_LEVEL = 2  # a third of the time of zlib's default for a tenth more bytes
_GZIP = 31  # zlib's name for a stream with the header and trailer of gzip

_encode = json.JSONEncoder().encode
_NOTHING = b'{"response": null}'


class Answer(NamedTuple):
    """An answer that is ready to be sent: ``pieces`` of a body of ``length`` bytes, and its headers."""

    status: int
    pieces: list[bytes]
    length: int
    headers: list[tuple[str, str]]


def encoded(value: Any) -> bytes:
    """Return a value as JSON that may stand in a page: ASCII, without ``</``."""
    return _encode(value).replace("</", "<\\/").encode("ascii")


def body_of(reply: Reply) -> bytes:
    """Return the body that carries the result of a call."""
    return _NOTHING if reply.response is None else b'{"response": ' + encoded(reply.response) + b"}"


def beside(reply: Reply) -> Iterable[tuple[str, str]]:
    """Return the headers for what comes back beside the result of a call."""
    if reply.lease is not None:
        yield LEASE_HEADER, str(reply.lease)
    if reply.worker_is_new:
        yield NEW_WORKER_HEADER, "1"


def reason_of(status: int) -> str:
    """Return the words that go with a status."""
    return responses.get(status, "Unknown")


def refusal(refused: RefusedError) -> Answer:
    """Return the answer to a call that was not made."""
    page = error_page(refused.status, refused.reason).encode()
    return Answer(refused.status, [page], len(page), [("Content-Type", HTML)])


class Package:
    """Takes the pieces of a body and packs them as the client wants them; the answer is ready at the end.

    ``GET`` answers carry an ``Etag``, and are left out where the client has them already. A body is
    compressed where the client accepts that and it is large enough.
    """

    def __init__(self, method: str, headers: Mapping[str, str]) -> None:
        self._known = headers.get("If-None-Match")
        self._hash = hashlib.sha1(usedforsecurity=False) if method == "GET" else None
        self._accepts_gzip = "gzip" in headers.get("Accept-Encoding", "")
        self._squeeze: Any = None
        self._pieces: list[bytes] = []
        self._length = 0

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        if self._hash is not None:
            self._hash.update(piece)
        if self._squeeze is None and self._accepts_gzip:
            if self._length + len(piece) < _WORTH_COMPRESSING:
                self._put(piece)
                return
            self._squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
            begun, self._pieces, self._length = self._pieces, [], 0
            piece = b"".join([*begun, piece])
        self._put(piece if self._squeeze is None else self._squeeze.compress(piece))

    def _put(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._length += len(piece)

    def answer(self, more: Iterable[tuple[str, str]] = ()) -> Answer:
        """Return the answer, with ``more`` headers."""
        headers = [("Content-Type", JSON), ("Vary", "Accept-Encoding"), *more]
        if self._hash is not None:
            tag = f'"{self._hash.hexdigest()}"'
            headers.append(("Etag", tag))
            if self._known is not None and _names(self._known, tag):
                return Answer(304, [], 0, headers[1:])
        if self._squeeze is not None:
            self._put(self._squeeze.flush())
            headers.append(("Content-Encoding", "gzip"))
        return Answer(200, self._pieces, self._length, headers)


def _names(known: str, tag: str) -> bool:
    """Tell whether a list of tags, weak or strong, has one."""
    tags = (each.strip().removeprefix("W/") for each in known.split(","))
    return any(each in (tag, "*") for each in tags)


class Clock:
    """The date as headers have it, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def now(self) -> str:
        """Return the value of ``Date``."""
        second = int(time.time())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text
