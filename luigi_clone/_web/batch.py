"""``/api/batch``: many calls by one request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from luigi_clone._web.answers import Package, body_of, encoded
from luigi_clone._web.asking import ticket
from luigi_clone._web.large import LargeAnswer, Slices, is_in_steps
from luigi_clone._web.turns import Direct, Work
from luigi_clone._wire.tickets import RefusedError, Reply

MOST_CALLS = 1_000

_SLICE = 0.008
"""Seconds: a client's usual batch of 200 calls fits."""


class BatchedCall:
    """One call of a batch: what is wrong with it, if anything, is ``refused``."""

    def __init__(self, spoken: Any) -> None:
        self.name = ""
        self.arguments: Mapping[str, Any] = {}
        self.refused: RefusedError | None = None
        self.is_prepared = False
        try:
            self._read(spoken)
        except RefusedError as refused:
            self.refused = refused

    def _read(self, spoken: Any) -> None:
        if not isinstance(spoken, dict) or not isinstance(spoken.get("call"), str):
            raise RefusedError(400, "a call of a batch has to be an object with its name under 'call'")
        self.name = spoken["call"]
        arguments = spoken.get("arguments", {})
        if not isinstance(arguments, dict):
            raise RefusedError(400, "'arguments' of a call has to be an object")
        self.arguments = arguments
        self.ticket = ticket(spoken.get("request_id"), spoken.get("lease"))


def calls_in(batch: Mapping[str, Any]) -> list[BatchedCall]:
    """Return the calls of a batch; RefusedError if it has no list of them, or too many."""
    calls = batch.get("calls")
    if not isinstance(calls, list):
        raise RefusedError(400, "a batch has to be an object with a list of its calls under 'calls'")
    if len(calls) > MOST_CALLS:
        raise RefusedError(413, f"a batch may have {MOST_CALLS:,} calls at most, not {len(calls):,}")
    return [BatchedCall(spoken) for spoken in calls]


class Batch:
    """Makes the calls of a batch in their order, each by itself: an error does not stop the next one."""

    def __init__(self, calls: list[BatchedCall], maker: Direct, slices: Slices) -> None:
        self._calls: Iterator[BatchedCall] = iter(calls)
        self._maker = maker
        self._slices = slices
        self._results: list[bytes] = []
        self._large: LargeAnswer | None = None
        self._ahead: tuple[Work, BatchedCall] | None = None
        self._large_package: Package

    def work(self) -> bool:
        """Go on for a while; tell whether all is done."""
        until = time.perf_counter() + _SLICE
        results, maker = self._results, self._maker
        for call in self._calls:
            if call.refused is None and not call.is_prepared:
                ahead = maker.ahead_of(call.name, call.arguments, call.ticket)
                if ahead is not None:
                    self._ahead = ahead, call
                    return False
            outcome = call.refused or maker.make(call.name, call.arguments, call.ticket, in_steps=True)
            if isinstance(outcome, RefusedError):
                results.append(_error(outcome))
            elif is_in_steps(outcome.response):
                self._large_package = Package("POST", {})
                self._large = LargeAnswer(outcome.response, self._large_package)
                return False
            else:
                results.append(_result(outcome))
            if time.perf_counter() >= until:
                return False
        return True

    async def complete(self) -> None:
        """Make what is left of the batch."""
        while True:
            if self._ahead is not None:
                ahead, call = self._ahead
                await self._slices.complete(ahead)
                self._ahead, call.is_prepared = None, True
                self._calls = chain((call,), self._calls)
            elif self._large is not None:
                await self._slices.complete(self._large)
                self._results.append(b"".join(self._large_package.answer().pieces))
                self._large = None
            else:
                await asyncio.sleep(0)
            if self.work():
                return

    def body(self) -> bytes:
        """Return the body with the results of all calls."""
        return b'{"response": [' + b", ".join(self._results) + b"]}"


def _error(refused: RefusedError) -> bytes:
    reason = refused.reason or "Internal Server Error"
    return encoded({"error": {"status": refused.status, "reason": reason}})


def _result(reply: Reply) -> bytes:
    body = body_of(reply)
    if reply.lease is None and not reply.worker_is_new:
        return body
    more: dict[str, Any] = {}
    if reply.lease is not None:
        more["lease"] = reply.lease
    if reply.worker_is_new:
        more["worker_is_new"] = True
    return body[:-1] + b", " + encoded(more)[1:]
