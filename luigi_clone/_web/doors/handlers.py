"""The doors in front of Tornado's request handlers."""

from __future__ import annotations

import html
import http.client
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import tornado.web

from luigi_clone._wire.roles import Role

if TYPE_CHECKING:
    from luigi_clone._web.doors.doors import Doors, Refusal


def error_page(status: int, reason: str | None = None) -> str:
    """Return the body of an error: Luigi's, and the reason in a paragraph of its own."""
    text = f"{status}: {http.client.responses.get(status, 'Unknown')}"
    why = f"\n<p>{html.escape(reason)}</p>" if reason else ""
    return f"<html><title>{text}</title><body>{text}{why}</body></html>"


class GuardedHandler(tornado.web.RequestHandler):
    """A request handler behind the doors in the application's setting ``doors``; without it all is open.

    ``role`` is what a caller needs. A subclass in which it depends on the request overrides
    :meth:`needed_role`; one with a ``prepare`` of its own calls this one first and returns if
    ``self._finished``.
    """

    role: Role | None = Role.READ

    @property
    def doors(self) -> Doors | None:
        """The doors of this server."""
        return cast("Doors | None", self.settings.get("doors"))

    def needed_role(self) -> Role | None:
        """Return the role that this request needs; nobody needs one to ask what a call would permit."""
        return None if self.request.method == "OPTIONS" else self.role

    def set_default_headers(self) -> None:
        """Put security headers on every answer, errors included."""
        if self.doors is not None:
            for name, value in self.doors.response_headers(self.request, is_error=True):
                self.set_header(name, value)

    def prepare(self) -> None:
        """Let the request in or answer it with the reason why not."""
        if self.doors is None:
            return
        asking = self.request
        refusal = self.doors.refuse(asking, self.needed_role())
        if refusal is not None:
            self._answer_refusal(refusal)
            return
        for name, value in self.doors.response_headers(asking):
            self.set_header(name, value)

    def _answer_refusal(self, refusal: Refusal) -> None:
        if refusal.status == 401 and self._is_shown_to_somebody():
            # relative and of our own path alone: it leads to no other site, and behind any prefix
            root = "../" * (self.request.path.count("/") - 1)
            back = quote(f"../../{self.request.uri.lstrip('/')}", safe="")
            self.redirect(f"{root or './'}static/visualiser/signin.html?back={back}")
            return
        self.set_status(refusal.status)
        for name, value in refusal.headers:
            self.add_header(name, value)
        self.finish(error_page(refusal.status, refusal.reason))

    def _is_shown_to_somebody(self) -> bool:
        """Tell whether a browser shows the answer to a person, who can sign in."""
        request = self.request
        return (
            request.method == "GET"
            and not request.path.startswith("/api/")
            and "text/html" in request.headers.get("Accept", "")
            and "Authorization" not in request.headers
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write Luigi's page for an error."""
        self.finish(error_page(status_code))
