"""The doors of a server: one object that every request asks first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from luigi_clone._web.doors.cors import Sharing, cors
from luigi_clone._web.doors.headers import API, HeaderList, page_headers
from luigi_clone._web.doors.hosts import HostCheck
from luigi_clone._web.doors.limits import Buckets, peer_of
from luigi_clone._web.doors.origins import foreign_reason
from luigi_clone._web.doors.sessions import CSRF_HEADER, Session, Sessions, shows_csrf
from luigi_clone._web.doors.settings import DoorSettings, read_settings
from luigi_clone._web.doors.tls import make_ssl_context
from luigi_clone._web.doors.tokens import Tokens
from luigi_clone._wire.roles import Role
from luigi_clone._wire.tickets import RefusedError

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger("luigi.server")

_UNIX_PEER = "0.0.0.0"  # noqa: S104 - what Tornado says of a peer on a Unix socket
_WRONG_AT_ONCE = 10.0
"""Wrong tokens of one peer that are answered one by one; further ones are slowed down."""

_CHALLENGES: HeaderList = (
    ("WWW-Authenticate", 'Bearer realm="luigi"'),
    ("WWW-Authenticate", 'Basic realm="luigi", charset="UTF-8"'),
)
_NOTHING_SHOWN = (
    "This scheduler wants a token. A worker takes it from the environment variable LUIGI_SCHEDULER_TOKEN or "
    "from [core] scheduler_token and sends it as 'Authorization: Bearer TOKEN'; http://user:TOKEN@host:port "
    "as the scheduler's URL and the password prompt of a browser do as well."
)
_WRONG = "The token is none of this scheduler's."
_NO_CSRF = (
    f"This call changes something and comes with a session's cookie; then the header {CSRF_HEADER} has to "
    "hold what api/session answers as 'csrf'."
)
_HOW = (
    "[auth] worker_tokens and admin_tokens, or the environment variables LUIGI_AUTH_WORKER_TOKENS and "
    "LUIGI_AUTH_ADMIN_TOKENS"
)
_THIS_MACHINE = (
    "Listening on this machine only, since there is neither a token nor an --address. Tokens open it to "
    f"those who have one ({_HOW}); --address 0.0.0.0 opens it to everyone"
)
_OPEN = (
    "ANYONE WHO REACHES THIS SERVER CAN RUN TASKS, STOP THEM AND READ EVERYTHING: it listens to other "
    f"machines and asks for no token. Set tokens ({_HOW}), or listen on --address 127.0.0.1"
)
_PARTLY_OPEN = "Everyone who reaches this server has the role {role} without a token ([auth] anonymous)"


class Asking(Protocol):
    """What the doors look at: the part of ``tornado.httputil.HTTPServerRequest`` that they need."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def method(self) -> str | None: ...
    @property
    def path(self) -> str: ...
    @property
    def remote_ip(self) -> str | None: ...


class Refusal(RefusedError):  # noqa: N818 - short, and a value before it is an exception
    """A request that is not let in; ``headers`` belong to the answer."""

    def __init__(self, status: int, reason: str, headers: HeaderList = ()) -> None:
        super().__init__(status, reason)
        self.headers = headers


Verdict = Role | Literal[False] | None
CredentialReader = Callable[[Asking], Verdict]
"""Looks for one kind of credentials: returns the role that they give, False if wrong, None without any."""


class Doors:
    """Decides over each request; made once for a server.

    ``clock`` gives monotonic seconds.
    """

    def __init__(
        self,
        settings: DoorSettings,
        sharing: Sharing,
        *,
        bound_to_loopback: bool,
        bound: Iterable[str] = (),
        address_is_given: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._sharing = sharing
        self._bound_to_loopback = bound_to_loopback
        self._address_is_given = address_is_given
        self._clock = clock
        self._hosts = HostCheck(bound_to_loopback, bound, settings.allowed_hosts)
        self._tokens = Tokens(settings.tokens)
        self._asks = bool(self._tokens)
        self._sessions = Sessions()
        self._readers: list[CredentialReader] = [self._read_authorization, self._read_session]
        rate = settings.requests_per_second
        self._requests = Buckets(rate, settings.requests_burst or 10 * rate) if rate else None
        wrong = settings.wrong_tokens_per_minute
        self._wrong = Buckets(wrong / 60, _WRONG_AT_ONCE) if wrong else None
        # a worker with a wrong token keeps nobody behind the same address from signing in
        self._failed_sign_ins = Buckets(wrong / 60, _WRONG_AT_ONCE) if wrong else None
        self._page_headers = page_headers(settings.frame_ancestors)

    @classmethod
    def from_config(
        cls,
        config: Any,
        bound_to_loopback: bool,
        *,
        bound: Iterable[str] = (),
        address_is_given: bool = True,
    ) -> Doors:
        """Read ``[auth]``, ``[tls]``, ``[limits]`` and ``[cors]``.

        ``bound`` are the names that the server was told to listen on. Raises :class:`SettingError`.
        """
        return cls(
            read_settings(config),
            Sharing(cors()),
            bound_to_loopback=bound_to_loopback,
            bound=bound,
            address_is_given=address_is_given,
        )

    def add_reader(self, reader: CredentialReader) -> None:
        """Accept another kind of credentials; they are looked for in the order of adding."""
        self._readers.append(reader)

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return what to serve TLS with, or None; raises :class:`SettingError` if a file does not fit."""
        return make_ssl_context(self.settings)

    def warnings(self) -> list[str]:
        """Return what a person should be told at the start, each for one line of the log."""
        told = list(self.settings.notes)
        if self.settings.are_closed:
            return told
        anonymous = self.settings.anonymous
        if not self._bound_to_loopback:
            told.append(_OPEN if anonymous is None else _PARTLY_OPEN.format(role=anonymous.title))
        elif not self._address_is_given and not self.settings.have_a_lock:
            told.append(_THIS_MACHINE)
        return told

    # -- letting in ----------------------------------------------------------------

    def refuse(self, request: Asking, role: Role | None) -> Refusal | None:
        """Return why a request is not let in, or None if it is.

        ``role`` is what the caller needs; None for what everybody gets: files of the page, the health check
        and a browser's question before a call. A role above READ means that the request changes something.
        """
        headers = request.headers
        if self._requests is not None and (refusal := self._refuse_pace(request, self._requests)):
            return refusal
        if self.settings.largest_body and (refusal := self._refuse_size(headers)):
            return refusal
        is_browser = (
            "Origin" in headers
            or "Sec-Fetch-Site" in headers
            or "Cookie" in headers
            # what browsers send in any case, over plain HTTP too
            or "Accept-Language" in headers
        )
        if (
            (self._bound_to_loopback or (is_browser and not self.settings.are_closed))
            and not self._hosts.allows(headers.get("Host", "localhost"))
            and (refusal := self._refuse_host(request))
        ):
            return refusal
        if role is None:
            return None
        if role is not Role.READ and (is_browser or request.method == "GET"):
            return self.refuse_role(request, role)
        return self._refuse_credentials(request, role) if self._asks else None

    def refuse_role(self, request: Asking, role: Role) -> Refusal | None:
        """Do the part of :meth:`refuse` that depends on ``role``: it may be known only from the body."""
        if role is not Role.READ and (refusal := self.refuse_foreign(request)):
            return refusal
        return self._refuse_credentials(request, role) if self._asks else None

    def refuse_foreign(self, request: Asking) -> Refusal | None:
        """Return why a change is refused that a browser makes for a page of another site."""
        headers, allowed = request.headers, self._sharing.allowed_origins
        reason = foreign_reason(headers, request.method or "", allowed)
        return None if reason is None else Refusal(403, reason)

    @property
    def asks(self) -> bool:
        """Whether there are tokens to ask for."""
        return self._asks

    def role_of(self, request: Asking) -> Role | None:
        """Return what a caller may do, None for nothing at all. Without tokens everyone may do everything."""
        return (self._verdict(request) or None) if self._asks else Role.ADMIN

    def _verdict(self, request: Asking) -> Verdict:
        for reader in self._readers:
            verdict = reader(request)
            if verdict is not None:
                return verdict
        return self.settings.anonymous

    def _read_authorization(self, request: Asking) -> Verdict:
        authorization = request.headers.get("Authorization")
        return None if authorization is None else self._tokens.role_of_header(authorization) or False

    # -- sessions of the page ----------------------------------------------------------------

    def sign_in(self, request: Asking, token: str) -> str:
        """Begin a session with a token; return what its cookie holds.

        Raises :class:`Refusal` for a token that is none of ours, and without a look at it after too many.
        """
        peer, now, failed = self._peer(request), self._clock(), self._failed_sign_ins
        if failed is not None and (wait := failed.wait(peer, now)):
            raise _too_many("Too many wrong tokens", wait)
        role = self._tokens.role_of(token)
        if role is not None:
            return self._sessions.begin(role, now)
        if failed is not None:
            failed.take(peer, now)
        logger.warning("A wrong token from %s, to sign in", peer)
        raise Refusal(401, _WRONG)

    def sign_out(self, request: Asking) -> None:
        """End the session of a request, if it has one."""
        self._sessions.end(request)

    def session_of(self, request: Asking) -> Session | None:
        """Return the session of a request that shows no token, None without one."""
        if "Authorization" in request.headers or "Cookie" not in request.headers:
            return None
        return self._sessions.of(request, self._clock())

    def refuse_without_csrf(self, request: Asking) -> Refusal | None:
        """Return why a change by a session is refused: another page may send its cookie, not the header."""
        session = self.session_of(request)
        return None if session is None or shows_csrf(request, session) else Refusal(403, _NO_CSRF)

    def _read_session(self, request: Asking) -> Verdict:
        session = self.session_of(request)
        return None if session is None else session.role

    def _refuse_credentials(self, request: Asking, needed: Role) -> Refusal | None:
        verdict = self._verdict(request)
        if verdict is None:
            return _nothing_shown(request)
        if verdict is False:
            return self._refuse_wrong_token(request)
        if verdict >= needed:
            return None if needed is Role.READ else self.refuse_without_csrf(request)
        is_anonymous = verdict is self.settings.anonymous and self.session_of(request) is None
        if is_anonymous and "Authorization" not in request.headers:
            return _nothing_shown(request)
        return Refusal(403, f"This needs the role {needed.title}; the token has the role {verdict.title}.")

    def _refuse_wrong_token(self, request: Asking) -> Refusal:
        peer = self._peer(request)
        wait = 0 if self._wrong is None else self._wrong.take(peer, self._clock())
        if wait:
            return _too_many("Too many wrong tokens", wait)
        logger.warning("A wrong token from %s", peer)
        return Refusal(401, _WRONG, _CHALLENGES)

    def _refuse_pace(self, request: Asking, requests: Buckets) -> Refusal | None:
        if request.remote_ip == _UNIX_PEER:
            return None
        wait = requests.take(self._peer(request), self._clock())
        return (
            _too_many("Too many requests from your address ([limits] requests_per_second)", wait)
            if wait
            else None
        )

    def _refuse_size(self, headers: Mapping[str, str]) -> Refusal | None:
        if "Transfer-Encoding" in headers:
            return Refusal(411, "This server wants to know the length of a body before it comes.")
        length, largest = headers.get("Content-Length", ""), self.settings.largest_body
        if not length.isdigit() or int(length) <= largest:
            return None
        return Refusal(413, f"A body may have {largest} bytes ([limits] largest_body), not {length[:20]}.")

    def _refuse_host(self, request: Asking) -> Refusal | None:
        if request.remote_ip == _UNIX_PEER:
            return None  # no browser gets there
        # whoever has shown a right token has not been sent here by a foreign page: it has none.
        if self._asks and "Authorization" in request.headers and self._read_authorization(request):
            return None
        host = request.headers.get("Host", "")[:200]
        return Refusal(
            403,
            f"This server does not answer to the name {host!r}. If the name is right, add it to [auth] "
            "allowed_hosts of the server.",
        )

    def _peer(self, request: Asking) -> str:
        return peer_of(request.remote_ip or "", request.headers, self.settings.trusted_proxies)

    # -- headers ----------------------------------------------------------------

    def response_headers(self, request: Asking, *, is_error: bool = False) -> HeaderList:
        """Return an answer's headers: for security and, of a good one to a call, the right to read it."""
        if not request.path.startswith("/api/"):
            return self._page_headers
        if is_error or "Origin" not in request.headers:
            return API
        return API + self._sharing.headers(request.headers, request.method or "")


def _nothing_shown(request: Asking) -> Refusal:
    """Return the answer to a caller who shows nothing.

    A script of the page is not challenged: the browser would ask for a password where the page leads to its
    own place to sign in.
    """
    headers = request.headers
    is_script = "Accept-Language" in headers and "text/html" not in headers.get("Accept", "")
    return Refusal(401, _NOTHING_SHOWN, () if is_script else _CHALLENGES)


def _too_many(what: str, wait: int) -> Refusal:
    return Refusal(429, f"{what}; try again in {wait} s.", (("Retry-After", str(wait)),))


def listen_addresses(config: Any, address: str | None) -> tuple[str | None, ...]:
    """Return the addresses to listen on; None stands for all interfaces.

    Without an address it is all of them only if there is a token or a certificate to ask for.
    """
    if address is not None:
        return (address,)
    return (None,) if read_settings(config).have_a_lock else ("127.0.0.1", "::1")
