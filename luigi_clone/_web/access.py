"""The access log: a line for each request, without what was asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tornado.web import RequestHandler

access_log = logging.getLogger("tornado.access")

CALLS, ALL, ERRORS = "calls", "all", "errors"
_LINE = "%d %s %s (%s) %.2fms"
_QUIET = frozenset({"/api/ping"})


class AccessLog:
    """Writes ``200 POST /api/add_task (127.0.0.1) 1.90ms``.

    ``which`` is ``calls`` (every request but pings that went well: there is one a second and worker), ``all``
    or ``errors``. Arguments are left out of the path, since they are about tasks and messages.
    """

    def __init__(self, which: str = CALLS) -> None:
        self._which = which

    def note(self, status: int, method: str, path: str, peer: str, seconds: float) -> None:
        """Write the line of an answered request."""
        if status < 400:
            if self._which != ALL and (self._which == ERRORS or path in _QUIET):
                return
            level = logging.INFO
        else:
            level = logging.WARNING if status < 500 else logging.ERROR
        if access_log.isEnabledFor(level):
            values = (status, method, path, peer, 1000 * seconds)
            # not by ``log``, which looks through the stack for the line that calls it: it is always this one
            record = access_log.makeRecord(access_log.name, level, __file__, 0, _LINE, values, None, "note")
            access_log.handle(record)

    def note_handler(self, handler: RequestHandler) -> None:
        """Write the line of a request that a handler has answered."""
        request = handler.request
        self.note(
            handler.get_status(),
            request.method or "",
            request.path,
            request.remote_ip or "",
            request.request_time(),
        )
