"""The calls of workers, pages and tools over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import tornado.web

from luigi_clone._wire.methods import RPC_METHODS

if TYPE_CHECKING:
    from luigi_clone.scheduler import Scheduler


class RPCHandler(tornado.web.RequestHandler):
    """Answers ``/api/<call>``: a JSON object of keyword arguments in the field ``data``, by GET or POST.

    The answer is ``{"response": …}``; 404 for a call that there is not, 500 for arguments that it does not
    take. The cause of an error is only in the server's log.
    """

    def initialize(self, scheduler: Scheduler) -> None:
        """Take what the application hands to each request."""
        self._scheduler = scheduler

    def options(self, method: str) -> None:
        """Answer the question of a browser whether it may call from another site: without any permission."""
        self.set_status(204)

    def get(self, method: str) -> None:
        """Make the call."""
        if method not in RPC_METHODS:
            raise tornado.web.HTTPError(404)
        call = getattr(self._scheduler, method, None)
        if call is None:
            raise tornado.web.HTTPError(404)  # an extension's call, of another scheduler class
        # with the field in both places, the body's counts
        arguments = json.loads(self.get_argument("data", default="{}"))
        self.write({"response": call(**arguments)})

    post = get
