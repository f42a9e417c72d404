"""``GET api/stream``: news for one page, as server-sent events."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import tornado.iostream

from luigi_clone._web.answers import encoded
from luigi_clone._web.asking import arguments_of
from luigi_clone._web.doors.handlers import GuardedHandler, error_page
from luigi_clone._web.page.streams import event_of
from luigi_clone._web.page.views import view_of
from luigi_clone._wire.roles import Role
from luigi_clone._wire.tickets import RefusedError

if TYPE_CHECKING:
    from luigi_clone._web.page.open_page import OpenPage
    from luigi_clone._web.page.streams import Streams

_HEARTBEAT = 15.0
"""Seconds without news after which a comment tells that the stream is still there."""
_RETRY_AFTER = "10"


class StreamHandler(GuardedHandler):
    """Sends news as long as the page is open and may see them."""

    _page: OpenPage | None = None
    _is_first = True

    def initialize(self, streams: Streams) -> None:
        """Take what the application hands to each request."""
        self._streams = streams

    async def get(self) -> None:
        """Send news until the page or the server goes."""
        role = self._role_now()
        try:
            view = view_of(self._view())
            self._page = page = self._streams.open(view, role is Role.ADMIN, self._abort)
        except RefusedError as refused:
            self.set_status(refused.status)
            if refused.status == 503:
                self.set_header("Retry-After", _RETRY_AFTER)
            self.finish(error_page(refused.status, refused.reason))
            return
        self.set_header("Content-Type", "text/event-stream; charset=UTF-8")
        # each event has to arrive when it is sent: neither compressed here nor collected by a proxy
        self.set_header("Content-Encoding", "identity")
        self.set_header("X-Accel-Buffering", "no")
        try:
            hello = {"stream": secrets.token_hex(8), "now": self._streams.now()}
            news: bytes | None = event_of("hello", encoded(hello))
            # the right to see them may have ended meanwhile, with the session
            while news is not None and self._role_now() is role:
                self.write(news or b": still here\n\n")
                await self.flush()
                if self._is_first:
                    self._is_first = False
                    self._streams.welcome(page)
                news = await page.next(_HEARTBEAT)
        except tornado.iostream.StreamClosedError:
            pass
        finally:
            self._streams.close(page)

    post = get

    def _view(self) -> Any:
        if self.request.method == "POST":
            return arguments_of(self.request).get("view", {})
        return self.get_query_argument("view", "{}")

    def _role_now(self) -> Role | None:
        return Role.ADMIN if self.doors is None else self.doors.role_of(self.request)

    def _abort(self) -> None:
        connection: Any = self.request.connection
        connection.stream.close()

    def on_connection_close(self) -> None:
        """Note that nobody listens any more."""
        if self._page is not None:
            self._page.end()
