"""HIDDEN parameters of tasks: Luigi's lists never show them, and other views show them to an admin only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luigi_clone._web.turns import Direct, Outcome, Work
from luigi_clone._wire.tickets import RefusedError, Ticket

_ERROR = "fetch_error"
TELLING = frozenset(
    (
        *(_ERROR, "task_page", "task_ids", "task_detail", "task_graph", "search_palette", "attempts"),
        "explain_task",
        "describe_family",
    )
)
"""The views that may show all parameters, or find tasks by them."""


class Discreet(Direct):
    """Makes calls for somebody who is no admin."""

    def __init__(self, maker: Direct) -> None:
        super().__init__(maker.scheduler)
        self._maker = maker

    def ahead_of(self, name: str, arguments: Mapping[str, Any], ticket: Ticket) -> Work | None:
        """Return what is to be done bit by bit before a call is made, None for nothing."""
        return self._maker.ahead_of(name, arguments, ticket)

    def make(
        self, name: str, arguments: Mapping[str, Any], ticket: Ticket, in_steps: bool = False
    ) -> Outcome:
        """Make a call and leave HIDDEN parameters out of its answer."""
        self.scheduler._shows_hidden = False
        try:
            outcome = self._maker.make(name, arguments, ticket, in_steps)
        finally:
            self.scheduler._shows_hidden = True
        if name != _ERROR or isinstance(outcome, RefusedError) or "taskParams" not in outcome.response:
            return outcome
        told = outcome.response
        record = self.scheduler._machine.tasks.get(told["taskId"])
        hidden = () if record is None else record.hidden_params
        shown = {name: value for name, value in told["taskParams"].items() if name not in hidden}
        return outcome._replace(response={**told, "taskParams": shown})
