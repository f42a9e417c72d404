"""Calls that wait to travel together."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone._wire.tickets import LEASE_HEADER, REQUEST_ID_HEADER, Ticket

MOST_CALLS = 200
"""How many calls wait at most."""
LONGEST_WAIT = 0.05
"""Seconds after which no call waits for others any longer."""
_MOST_BYTES = 1_000_000
MENTIONED = frozenset(("announce_family",))
"""Calls that travel only together with others: a server that knows no batches does not know them either."""


class Call(NamedTuple):
    """One call: by itself, or as one of a batch."""

    name: str
    arguments: Mapping[str, Any]
    ticket: Ticket

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a call that travels alone."""
        headers = {}
        if self.ticket.request_id is not None:
            headers[REQUEST_ID_HEADER] = self.ticket.request_id
        if self.ticket.lease is not None:
            headers[LEASE_HEADER] = str(self.ticket.lease)
        return headers

    def as_item(self) -> str:
        """Return the call as an item of a batch, without the arguments that have their default."""
        defaults = _defaults_of(self.name)
        given = {k: v for k, v in self.arguments.items() if k not in defaults or _differ(v, defaults[k])}
        item: dict[str, Any] = {"call": self.name, "arguments": given}
        if self.ticket.request_id is not None:
            item["request_id"] = self.ticket.request_id
        if self.ticket.lease is not None:
            item["lease"] = self.ticket.lease
        return json.dumps(item)

    def as_it_was(self, item: str) -> Call:
        """Return the call with the arguments that it had when ``item`` was made of it."""
        return self._replace(arguments=_defaults_of(self.name) | json.loads(item)["arguments"])


def _defaults_of(name: str) -> dict[str, Any]:
    declared = getattr(RPC_METHODS.get(name), "rpc_call", None)
    return declared.defaults if declared is not None else {}


def _differ(value: Any, default: Any) -> bool:
    return type(value) is not type(default) or value != default


class Outbox(threading.local):
    """What one thread has to say and has not said yet, and how it wants to be served."""

    def __init__(self) -> None:
        self.depth = 0
        """How many contexts in which calls are collected this thread is in."""
        self.patience: float | None = None
        """Seconds for which a scheduler that is away is waited for; ``None`` for what the options say."""
        self.attend: Callable[[], None] | None = None
        """Called now and then while this thread waits for the scheduler."""
        self.forget()

    def forget(self) -> None:
        """Drop what waits."""
        self._process_id = os.getpid()
        self.calls: list[tuple[Call, str]] = []
        """Each with the item that it becomes in a batch."""
        self._size = 0
        self._since = 0.0

    def check_pid(self) -> None:
        """Drop what was taken along by a fork: it is the parent's to say."""
        if os.getpid() != self._process_id:
            self.forget()
            self.depth, self.attend = 0, None

    def add(self, call: Call) -> bool:
        """Let a call wait; return whether it is time to send what waits."""
        item = call.as_item()
        if not self.calls:
            self._since = time.monotonic()
        self.calls.append((call, item))
        self._size += len(item)
        return (
            len(self.calls) >= MOST_CALLS
            or self._size >= _MOST_BYTES
            or time.monotonic() - self._since >= LONGEST_WAIT
        )

    def take(self) -> list[tuple[Call, str]]:
        """Return what waits, which then waits no longer."""
        calls = self.calls
        self.forget()
        return calls

    def put_back(self, calls: list[tuple[Call, str]]) -> None:
        """Let calls that could not be sent wait again, before all others."""
        self.calls[:0] = calls
        self._size += sum(len(item) for _, item in calls)


def document_of(items: list[str]) -> str:
    """Return the document that carries these items."""
    return f'{{"calls": [{", ".join(items)}]}}'
