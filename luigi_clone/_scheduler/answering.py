"""Calls that come from outside this process: by name, with arguments that nobody has checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone._wire.tickets import RefusedError, Reply, Ticket

_STOCK = Ticket()


class Answering(SchedulerParts):
    """The part of the scheduler that a server talks to."""

    def answer(
        self, name: str, arguments: Mapping[str, Any], ticket: Ticket = _STOCK, in_steps: bool = False
    ) -> Reply:
        """Make the call ``name`` and return its reply; raise :class:`RefusedError` if it is not made.

        ``in_steps`` allows the response to be a generator of rows (``views.Steps``) where it may be large.
        """
        call = getattr(self, name, None) if name in RPC_METHODS else None
        if in_steps:
            call = self.in_steps(name) or call
        if call is None:
            raise RefusedError(404, f"there is no call {name!r}")
        return Reply(call(**arguments))
