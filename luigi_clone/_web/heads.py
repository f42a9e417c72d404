"""The heads of requests for calls and of their answers, read and written without a general parser."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from luigi_clone._web.answers import reason_of

PREFIX = "/api/"
METHODS = ("POST", "GET")
_OF_PAGE = frozenset(("/api/session", "/api/sign_in", "/api/sign_out", "/api/stream", "/api/history_page"))
"""What only the page asks for: seldom, and to set cookies, to be told without end, or out of a database."""
LONGEST_HEAD = 64 * 1024
"""Bytes; Tornado reads no longer ones either."""
LARGEST_BODY = 100 * 1024 * 1024
"""Bytes; Tornado reads no larger ones either."""

_STARTS = tuple(f"{method} {PREFIX}".encode() for method in METHODS)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MANY_NAMES = 1_000
_NOT_SIMPLE = frozenset({"Transfer-Encoding", "Expect", "Upgrade"})


class CallRequest:
    """What there is to know of a request for a call.

    ``headers`` has the names in their usual spelling (``Content-Type``). ``ends`` tells that the client wants
    the connection to be closed behind the answer; ``is_plain``, that the answer needs no words about that.
    """

    __slots__ = ("began", "body", "ends", "headers", "is_plain", "method", "path", "query", "remote_ip")

    def __init__(
        self, method: str, target: str, version: str, headers: Mapping[str, str], remote_ip: str
    ) -> None:
        self.began = time.perf_counter()
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        kept = headers.get("Connection", "keep-alive").lower()
        self.is_plain = kept == "keep-alive" and version == "HTTP/1.1"
        self.ends = kept == "close"
        self.body = b""
        self.remote_ip = remote_ip


class _Names(dict[str, str]):
    """Names of headers → their usual spelling; an empty one for what is no name."""

    def __missing__(self, name: str) -> str:
        usual = "-".join([part.capitalize() for part in name.split("-")]) if _TOKEN.fullmatch(name) else ""
        if len(self) < _MANY_NAMES:
            self[name] = usual
        return usual


_usual = _Names()


def is_for_call(method: str, target: str) -> bool:
    """Tell whether a request is answered by the scheduler alone."""
    return target.startswith(PREFIX) and method in METHODS and target.partition("?")[0] not in _OF_PAGE


def may_become_call(begun: bytes) -> bool:
    """Tell whether a request of which this much is there may turn out as one that :func:`read` takes."""
    if len(begun) > LONGEST_HEAD or begun.count(b"\n") != begun.count(b"\r\n"):
        return False
    return any(begun.startswith(start) or start.startswith(begun) for start in _STARTS)


def read(head: bytes, remote_ip: str) -> tuple[CallRequest, int] | None:
    """Return the request of which ``head`` is the part before the empty line, and the length of its body.

    None stands for any request but a simple one for a call: the web framework knows what to do about it.
    """
    if not head.startswith(_STARTS):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] != "HTTP/1.1" or not first.isprintable():
        return None
    if not is_for_call(words[0], words[1]):
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name = _usual[name]
        value = value.strip(" \t")
        if not name or name in headers or not value.isprintable():
            return None
        headers[name] = value
    length = headers.get("Content-Length", "0")
    if "Host" not in headers or not (length.isascii() and length.isdigit() and len(length) < 12):
        return None
    if not _NOT_SIMPLE.isdisjoint(headers) or int(length) > LARGEST_BODY:
        return None
    request = CallRequest(words[0], words[1], words[2], headers, remote_ip)
    return (request, int(length)) if request.is_plain or request.ends else None


def written(status: int, lines: list[tuple[str, str]]) -> bytes | None:
    """Return the head of an answer; None if one of ``lines`` is not a line."""
    text = "".join([f"{name}: {value}\r\n" for name, value in lines])
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        return None
    return f"HTTP/1.1 {status} {reason_of(status)}\r\n{text}\r\n".encode("latin-1")
