"""What travels with a call beside its arguments, and what comes back beside its result.

A stock client sends none of it, and a stock server answers 500 to arguments that it does not know: so it
travels in HTTP headers, and within ``/api/batch`` as fields of each call.
"""

from __future__ import annotations

from typing import Any, NamedTuple

REQUEST_ID_HEADER = "Luigi-Request-Id"
"""``<client>-<number>``: a call that is repeated with the same id is answered from memory, not made again."""
LEASE_HEADER = "Luigi-Lease"
"""Of an answer to ``get_work``: the number of the grant. Of a report: the number of the grant it is about."""
NEW_WORKER_HEADER = "Luigi-New-Worker"
"""``1`` in the answer to ``get_work`` or ``ping`` of a worker that the scheduler did not know before."""


class Ticket(NamedTuple):
    """What a call brings along. Without any of it the caller is a stock client and gets Luigi's rules."""

    request_id: str | None = None
    lease: int | None = None


class Reply(NamedTuple):
    """The result of a call, and what goes back beside it."""

    response: Any
    lease: int | None = None
    worker_is_new: bool = False


class RefusedError(Exception):
    """A call that is not made: the state is as before. ``reason`` is for people, ``status`` is HTTP's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
