"""The front door of the server, and what monitoring asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tornado.web

if TYPE_CHECKING:
    from luigi_clone.scheduler import Scheduler


class RootPathHandler(tornado.web.RequestHandler):
    """Leads from ``/`` to the page; answers HEAD for health checks."""

    def get(self) -> None:
        """Redirect, relatively so that it works behind a path prefix."""
        self.redirect("static/visualiser/index.html")

    def head(self) -> None:
        """Tell that the process is alive."""
        self.set_status(204)


class MetricsHandler(tornado.web.RequestHandler):
    """Answers ``/metrics`` with what the scheduler's metrics collector has."""

    def initialize(self, scheduler: Scheduler) -> None:
        """Take what the application hands to each request."""
        self._scheduler = scheduler

    def get(self) -> None:
        """Write the collector's text; 404 when none is configured."""
        collector = self._scheduler._metrics_collector
        text = collector.generate_latest()
        if not text:
            raise tornado.web.HTTPError(404)
        collector.configure_http_handler(self)
        self.write(text)
