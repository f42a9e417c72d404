"""Sessions of people who signed in on the page: a cookie stands for the role of the token that they showed.

They are kept in memory only: a token that was taken out of the configuration, which needs a restart, leaves
no session behind.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple, Protocol

from luigi_clone._wire.roles import Role

COOKIE = "luigi_session"
CSRF_HEADER = "X-Luigi-Csrf"
"""In the spelling in which requests keep their headers."""
LIFETIME = 30 * 86_400
"""Seconds from signing in until the session ends."""
_MOST = 10_000
_COOKIES_READ = 8


class Session(NamedTuple):
    """What a cookie stands for; ``csrf`` has to come along with every change."""

    role: Role
    csrf: str
    end: float


class WithHeaders(Protocol):
    """A request, as far as sessions look at it."""

    @property
    def headers(self) -> Mapping[str, str]: ...


class Sessions:
    """The sessions of one server; times are monotonic seconds. Beyond 10,000 the oldest one ends."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._known)

    def begin(self, role: Role, now: float) -> str:
        """Begin a session; return what its cookie holds."""
        while self._known and (len(self._known) >= _MOST or self._oldest().end <= now):
            del self._known[next(iter(self._known))]
        cookie = secrets.token_urlsafe(32)
        self._known[_digest(cookie)] = Session(role, secrets.token_urlsafe(32), now + LIFETIME)
        return cookie

    def _oldest(self) -> Session:
        return self._known[next(iter(self._known))]

    def of(self, request: WithHeaders, now: float) -> Session | None:
        """Return the session of a request, None if it has none or the session has ended."""
        if not self._known:
            return None
        for digest in _digests(request):
            session = self._known.get(digest)
            if session is not None and session.end > now:
                return session
        return None

    def end(self, request: WithHeaders) -> None:
        """End the sessions of a request."""
        for digest in _digests(request):
            self._known.pop(digest, None)


def shows_csrf(request: WithHeaders, session: Session) -> bool:
    """Tell whether a request comes from a script that could read the session's answer."""
    given = request.headers.get(CSRF_HEADER, "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), session.csrf.encode())


def _digest(cookie: str) -> bytes:
    return sha256(cookie.encode("utf-8", "replace")).digest()


def _digests(request: WithHeaders) -> Iterator[bytes]:
    """Return the digests of the session cookies: a browser sends one for each path."""
    found = 0
    for part in request.headers.get("Cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value and found < _COOKIES_READ:
            found += 1
            yield _digest(value)
