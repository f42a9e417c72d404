"""The front door of the server, and what monitoring asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luigi_clone._web.doors.handlers import GuardedHandler, error_page

if TYPE_CHECKING:
    from luigi_clone._web.turns import Direct
    from luigi_clone.scheduler import Scheduler


class RootPathHandler(GuardedHandler):
    """Leads from ``/`` to the page; answers HEAD for health checks."""

    role = None

    def initialize(self, maker: Direct | None = None) -> None:
        """Take what the application hands to each request."""
        self._maker = maker

    def get(self) -> None:
        """Redirect, relatively so that it works behind a path prefix."""
        self.redirect("static/visualiser/index.html")

    def head(self) -> None:
        """Answer 204 while the scheduler can serve, 503 when it fails to or cannot store its state."""
        self.set_status(204 if self._maker is None or self._maker.can_serve else 503)


class MetricsHandler(GuardedHandler):
    """Answers ``/metrics`` with what the scheduler's metrics collector has."""

    def initialize(self, scheduler: Scheduler) -> None:
        """Take what the application hands to each request."""
        self._scheduler = scheduler

    def get(self) -> None:
        """Write the collector's text, which is empty where none is configured."""
        collector = self._scheduler._metrics_collector
        text = collector.generate_latest()
        if text:
            collector.configure_http_handler(self)
            self.write(text)


class NothingThere(GuardedHandler):
    """Answers 404 to what leads nowhere."""

    role = None

    def prepare(self) -> None:
        """Answer."""
        super().prepare()
        if not self._finished:
            self.set_status(404)
            self.finish(error_page(404))
