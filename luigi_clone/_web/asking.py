"""What a request asks for: the arguments of a call, and what travels beside them."""

from __future__ import annotations

import json
from binascii import a2b_qp
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from tornado.escape import parse_qs_bytes
from tornado.httputil import HTTPHeaders, parse_body_arguments

from luigi_clone._wire.tickets import LEASE_HEADER, REQUEST_ID_HEADER, RefusedError, Ticket

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_ONE_FIELD = b"data="
_LONGEST_REQUEST_ID = 200
_STOCK = Ticket()


class Asked(Protocol):
    """A request for a call, as far as it matters: Tornado's have this shape too."""

    @property
    def method(self) -> str | None: ...
    @property
    def path(self) -> str: ...
    @property
    def remote_ip(self) -> str | None: ...
    @property
    def query(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


def arguments_of(request: Asked) -> dict[str, Any]:
    """Return the keyword arguments of a call: the JSON object in the field ``data`` of body or query.

    It may also be the whole body, in JSON. With the field in both places the body's counts, as the last one
    does of several; without it there are no arguments. Raises RefusedError for anything but an object.
    """
    if request.body and _is_json(request):
        return _object(request.body, "the body")
    field = _field_of(request)
    return {} if field is None else _object(field, "the field 'data'")


def batch_of(request: Asked) -> dict[str, Any]:
    """Return the object that a batch is asked for by: in the field ``data``, or as a body in JSON."""
    return _object(request.body, "the body") if _is_json(request) else arguments_of(request)


def _is_json(request: Asked) -> bool:
    kind = request.headers.get("Content-Type", "")
    return not kind.startswith(_FORM) and kind.partition(";")[0].strip().lower() == _JSON


def ticket_of(headers: Mapping[str, str]) -> Ticket:
    """Return what came along with a call in headers; RefusedError if it makes no sense."""
    request_id, lease = headers.get(REQUEST_ID_HEADER), headers.get(LEASE_HEADER)
    if request_id is None and lease is None:
        return _STOCK
    if lease is not None and not (lease.isascii() and lease.isdigit()):
        raise RefusedError(400, f"the header {LEASE_HEADER} has to be a number, not {lease[:40]!r}")
    return ticket(request_id, None if lease is None else int(lease))


def ticket(request_id: Any, lease: Any) -> Ticket:
    """Return a ticket of values that nobody has checked; RefusedError if they make no sense."""
    if request_id is None and lease is None:
        return _STOCK
    if request_id is not None and not (
        isinstance(request_id, str) and 0 < len(request_id) <= _LONGEST_REQUEST_ID
    ):
        raise RefusedError(
            400, f"a request id has to be a text of 1 to {_LONGEST_REQUEST_ID} characters ('client-number')"
        )
    if lease is not None and (not isinstance(lease, int) or isinstance(lease, bool)):
        raise RefusedError(400, "a lease has to be a number")
    return Ticket(request_id, lease)


def _field_of(request: Asked) -> bytes | None:
    body = request.body
    if body:
        kind = request.headers.get("Content-Type", "")
        if kind.startswith(_FORM) and body.startswith(_ONE_FIELD) and b"&" not in body:
            return unquoted(body[len(_ONE_FIELD) :])
        values: dict[str, list[bytes]] = {}
        try:
            parse_body_arguments(kind, body, values, {}, HTTPHeaders(request.headers))
        except Exception as error:  # a malformed form; which exception says so depends on Tornado's version
            raise RefusedError(400, f"the body is not a form as {kind!r} has it: {error}") from error
        if "data" in values:
            return values["data"][-1]
    if not request.query:
        return None
    found = parse_qs_bytes(request.query, keep_blank_values=True).get("data")
    return found[-1] if found else None


def unquoted(text: bytes) -> bytes:
    """Undo the quoting of a form's field.

    Quoted-printable is the same but for the sign, and the standard library undoes it fifty times as fast.
    """
    text = text.replace(b"+", b" ")
    if not (b"=" in text or b"\n" in text or b"\r" in text):
        plain = a2b_qp(text.replace(b"%", b"="))
        if len(plain) == len(text) - 2 * text.count(b"%"):
            return plain  # else a sign was followed by something else than two digits
    return unquote_to_bytes(text)


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"{where} is not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise RefusedError(400, f"{where} is nested too deeply") from error
    except ValueError as error:
        raise RefusedError(400, f"{where} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RefusedError(400, f"{where} has to be a JSON object of arguments, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "a number"
