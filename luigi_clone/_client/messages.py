"""What a request carries beside its form, and an answer beside its text.

The seam between a :class:`~luigi_clone.rpc.RemoteScheduler` and its transport is Luigi's: a mapping goes in,
a text comes out.  A transport of others, which knows nothing of the rest, is served by these two as well:
without the headers the call is that of a stock client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Headers(Protocol):
    """The headers of an answer; their names are looked up in any case."""

    def get(self, name: str, /) -> str | None:
        """Return the value of one."""


class Form(dict[str, str]):
    """The fields of a form; ``headers`` go with it, and ``document``, if any, is sent in its place."""

    def __init__(
        self, data: str, headers: Mapping[str, str] | None = None, document: bytes | None = None
    ) -> None:
        super().__init__(data=data)
        self.headers = dict(headers or {})
        self.document = document


class Answer(str):
    """The text of an answer and its headers."""

    headers: Headers

    def __new__(cls, text: str, headers: Headers) -> Answer:
        """Make the text."""
        answer = super().__new__(cls, text)
        answer.headers = headers
        return answer


def encode(body: Mapping[str, str] | None) -> tuple[bytes | None, dict[str, str]]:
    """Return the bytes of a request's body and the headers that go with them."""
    if not body:
        return None, {}
    headers = dict(body.headers) if isinstance(body, Form) else {}
    document = body.document if isinstance(body, Form) else None
    if document is not None:
        headers["Content-Type"] = "application/json"
        return document, headers
    from urllib.parse import urlencode

    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return urlencode(body).encode("ascii"), headers
