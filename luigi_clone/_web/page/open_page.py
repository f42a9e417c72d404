"""One page that is open: what it looks at, what it was told, and whether it keeps up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from luigi_clone._web.page.rows import ShownRow
from luigi_clone._web.page.views import View


class OpenPage:
    """What is known of a page at the end of a stream.

    There is no queue: while the network still has the last news, no further ones are made; the next ones
    then tell the difference to those.
    """

    def __init__(self, view: View, sees_hidden: bool, since: int, abort: Callable[[], None]) -> None:
        self.view = view
        self.sees_hidden = sees_hidden
        self.since = since
        """Number of the turn in which it was opened."""
        self.abort = abort
        """Closes the connection at once."""
        self.rows: dict[str, ShownRow] = {}
        self.told: dict[str, bytes] = {}
        """Name of an event → its data, as they were told last."""
        self.elsewhere = 0
        """Tasks that are not on view and have changed since."""
        self.is_behind = True
        """Whether rows may differ that it was not told of: it has just come, or was busy."""
        self.is_ended = False
        self.busy_since: float | None = None
        """Since when the network has had the last news; None while the page waits for more."""
        self._news: asyncio.Future[bytes | None] | None = None

    async def next(self, patience: float) -> bytes | None:
        """Wait for news; return nothing at all (an empty text) when patience is out, None at the end."""
        if self.is_ended:
            return None
        self.busy_since = None
        news = self._news = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(news, patience)
        except asyncio.TimeoutError:
            return b""
        finally:
            self._news = None

    @property
    def is_waiting(self) -> bool:
        """Whether it can be told something."""
        return self._news is not None and not self._news.done()

    def tell(self, news: bytes, now: float) -> None:
        """Send news to the page, which is waiting."""
        self.busy_since = now
        assert self._news is not None
        self._news.set_result(news)

    def end(self) -> None:
        """Let the stream end after what is under way."""
        self.is_ended = True
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
