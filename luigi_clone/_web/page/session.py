"""Signing in and out on the page, and what the page asks first: who looks at it and what it may do."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from luigi_clone.__version__ import ENGINE_VERSION
from luigi_clone._web.answers import JSON, encoded
from luigi_clone._web.asking import arguments_of
from luigi_clone._web.doors.handlers import GuardedHandler, error_page
from luigi_clone._web.doors.sessions import COOKIE, LIFETIME
from luigi_clone._wire.roles import Role
from luigi_clone._wire.tickets import RefusedError
from luigi_clone.configuration import get_config

if TYPE_CHECKING:
    from luigi_clone._web.doors import Refusal
    from luigi_clone.scheduler import Scheduler

_PREFIX = re.compile(r"(/[A-Za-z0-9._~%/-]{0,200})/static/")
_LONGEST_TOKEN = 4096
_NO_TOKENS = "This scheduler asks for no token, so there is nothing to sign in to."


class _PageCall(GuardedHandler):
    """A call that only the page makes."""

    role = None

    def initialize(self, scheduler: Scheduler) -> None:
        """Take what the application hands to each request."""
        self._scheduler = scheduler

    def respond(self, response: Any) -> None:
        """Answer as calls do."""
        self.set_header("Content-Type", JSON)
        self.finish(b'{"response": ' + encoded(response) + b"}")

    def refuse(self, refusal: RefusedError) -> None:
        """Answer with the reason why not."""
        self.set_status(refusal.status)
        for name, value in getattr(refusal, "headers", ()):
            self.add_header(name, value)
        self.finish(error_page(refusal.status, refusal.reason))

    def foreign(self) -> Refusal | None:
        """Return why a request that changes something is refused."""
        return None if self.doors is None else self.doors.refuse_foreign(self.request)


class SessionHandler(_PageCall):
    """``GET api/session``: whether to sign in, and what the page may do and show."""

    def get(self) -> None:
        """Answer; without a right to anything, with no more than that."""
        doors = self.doors
        is_asking = doors is not None and doors.asks
        session = doors.session_of(self.request) if doors is not None else None
        role = Role.ADMIN if doors is None else doors.role_of(self.request)
        shown = session is not None or "Authorization" in self.request.headers
        told: dict[str, Any] = {
            "auth": is_asking,
            "signed_in": is_asking and role is not None and shown,
            "role": None if role is None else role.title,
            "csrf": None if session is None else session.csrf,
            "pause_enabled": False,
            "has_history": False,
            "send_messages": False,
            "version": None,
            "name": None,
            "now": self._scheduler._clock(),
        }
        if role is not None:
            told.update(_of_scheduler(self._scheduler))
        self.respond(told)

    post = get


def _of_scheduler(scheduler: Scheduler) -> dict[str, Any]:
    config = scheduler._config
    return {
        "pause_enabled": bool(config.pause_enabled),
        "has_history": bool(config.record_task_history),
        "send_messages": bool(config.send_messages),
        "version": ENGINE_VERSION,
        "name": scheduler_name(),
    }


def scheduler_name() -> str:
    """Return what people call this scheduler: ``[luigid] name``, or the name of its machine."""
    name: str = get_config().get("luigid", "name", "")
    return name or socket.gethostname()


class SignInHandler(_PageCall):
    """``POST api/sign_in``: a token for a session."""

    def post(self) -> None:
        """Begin a session; 401 for a token that is none of ours, 429 after too many of them."""
        refusal = self.foreign()
        if refusal is not None:
            self.refuse(refusal)
            return
        doors = self.doors
        if doors is None or not doors.asks:
            self.refuse(RefusedError(400, _NO_TOKENS))
            return
        try:
            cookie = doors.sign_in(self.request, self._token())
        except RefusedError as refused:
            self.refuse(refused)
            return
        doors.sign_out(self.request)  # a browser has one session
        self.add_header("Set-Cookie", self._cookie(cookie, LIFETIME))
        self.respond({"signed_in": True})

    def _token(self) -> str:
        token = arguments_of(self.request).get("token")
        if isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN:
            return token
        raise RefusedError(400, "sign_in: 'token' has to be a text")

    def _cookie(self, value: str, seconds: int) -> str:
        """Return the header's value.

        The path is where the server begins for the browser. A proxy that takes a prefix off does not tell us;
        the address of the page that signs in does, so that two schedulers of one host keep their own cookies.
        """
        kind = "; Secure" if self._is_tls() else ""
        path = _path_of(self.request.headers.get("Referer", ""))
        return f"{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{kind}"

    def _is_tls(self) -> bool:
        """Tell whether the browser speaks TLS, be it to a proxy: then its ``Origin`` says so."""
        return self.request.protocol == "https" or self.request.headers.get("Origin", "").startswith("https:")


class SignOutHandler(SignInHandler):
    """``POST api/sign_out``: the end of the session."""

    def post(self) -> None:
        """End it; a page of another site cannot."""
        refusal = self.foreign()
        if refusal is None and self.doors is not None:
            refusal = self.doors.refuse_without_csrf(self.request)
        if refusal is not None:
            self.refuse(refusal)
            return
        if self.doors is not None:
            self.doors.sign_out(self.request)
        self.add_header("Set-Cookie", self._cookie("", 0))
        self.respond({"signed_in": False})


def _path_of(page: str) -> str:
    """Return the path under which the server is, by the address of one of its pages."""
    try:
        path = urlsplit(page).path
    except ValueError:
        return "/"
    found = _PREFIX.match(path)
    return "/" if found is None else f"{found[1]}/"


def routes(scheduler: Scheduler) -> list[tuple[Any, ...]]:
    """Return where these calls are, for the web application around ``scheduler``."""
    shared = {"scheduler": scheduler}
    return [
        (r"/api/session", SessionHandler, shared),
        (r"/api/sign_in", SignInHandler, shared),
        (r"/api/sign_out", SignOutHandler, shared),
    ]
