"""The two transports with Luigi's names: a request in, the text of its answer out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from luigi_clone._client.addresses import UNIX_SCHEME, basic_authorization, split_credentials
from luigi_clone._client.connections import Connections, Tls, goes_through_proxy
from luigi_clone._client.exchange import Response
from luigi_clone._client.messages import Answer, encode

if TYPE_CHECKING:
    from urllib.request import Request

    from requests import Session


class Fetcher(Protocol):
    """How a request travels; ``raises`` are the exceptions that mean the transport failed."""

    @property
    def raises(self) -> tuple[type[BaseException], ...]: ...

    def fetch(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str: ...

    def close(self) -> None: ...


class _Direct:
    """What both transports do where nothing stands between them and the server."""

    def __init__(self, tls: Tls | None = None) -> None:
        self._connections = Connections(tls)
        self._is_direct: dict[str, bool] = {}

    @property
    def closed_by_server(self) -> int:
        """How many kept connections the server has closed, as far as that was noticed."""
        return self._connections.closed_by_server

    def _exchange(self, url: str, body: Mapping[str, str] | None, timeout: float) -> Response | None:
        """Return the answer; ``None`` when it sends us elsewhere."""
        url, username, password = split_credentials(url)
        data, headers = encode(body)
        login = self._login(username, password)
        if login is not None:
            headers["Authorization"] = login
        answer = self._connections.post(url, data, headers, timeout)
        return None if answer.status in (301, 302, 303, 307, 308) else answer

    def _login(self, username: str | None, password: str | None) -> str | None:
        return basic_authorization(username, password or "") if username else None

    def _goes_directly(self, url: str) -> bool:
        base = url[: url.find("/", url.find("://") + 3)]
        direct = self._is_direct.get(base)
        if direct is None:
            direct = self._is_direct[base] = self._may_go_directly(base)
        return direct

    def _may_go_directly(self, base: str) -> bool:
        return base.startswith(f"{UNIX_SCHEME}:") or not goes_through_proxy(split_credentials(base)[0])

    def close(self) -> None:
        """Close kept connections; the next request opens new ones."""
        self._connections.close()


class URLLibFetcher(_Direct):
    """Transport by the standard library, over kept connections unless a proxy stands in between."""

    __module__ = "luigi_clone.rpc"

    @property
    def raises(self) -> tuple[type[BaseException], ...]:
        """Exception types that become :class:`RPCError` after the last attempt."""
        from urllib.error import URLError

        return (URLError, TimeoutError)

    def _create_request(self, full_url: str, body: Mapping[str, str] | None = None) -> Request:
        """Return the request: user and password of the URL go to a header, ``body`` becomes a form."""
        from urllib.request import Request

        url, username, password = split_credentials(full_url)
        data, headers = encode(body)
        login = self._login(username, password)
        if login is not None:
            headers["Authorization"] = login
        return Request(url, data, headers)  # noqa: S310 - the scheme is the user's own setting

    def fetch(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str:
        """Send ``body`` and return the answer's text; ``timeout`` in seconds."""
        from io import BytesIO
        from urllib.error import HTTPError

        answer = self._exchange(full_url, body, timeout) if self._goes_directly(full_url) else None
        if answer is None:
            return self._fetch_by_opener(full_url, body, timeout)
        if answer.status >= 400:
            url = split_credentials(full_url)[0]
            raise HTTPError(url, answer.status, answer.reason, answer.message, BytesIO(answer.body))
        return Answer(answer.text, answer.headers)

    def _fetch_by_opener(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str:
        """Take the way that knows proxies and redirections, with a connection for each call."""
        from io import BytesIO
        from urllib.error import HTTPError
        from urllib.request import HTTPSHandler, build_opener

        request = self._create_request(full_url, body=body)
        handlers = [HTTPSHandler(context=self._connections.tls.context())] if request.type == "https" else []
        try:
            with build_opener(*handlers).open(request, timeout=timeout) as answer:
                return Answer(answer.read().decode("utf-8"), answer.headers)
        except HTTPError as error:
            # The exception holds the connection: keep what was said, and close it now.
            with error:
                said = BytesIO(error.read())
            raise HTTPError(request.full_url, error.code, error.reason, error.headers, said) from None


class RequestsFetcher(_Direct):
    """Transport by the package ``requests``: one session, hence kept connections, per process.

    ``session`` is made when somebody asks for it or when something is in the way that only it can deal with:
    a proxy, TLS, a ``.netrc`` file.  Without any of that requests go over a kept connection of the standard
    library, which takes a quarter of the time; the exceptions are those of the session all the same.
    """

    __module__ = "luigi_clone.rpc"

    def __init__(self, session: Session | None = None, tls: Tls | None = None) -> None:
        super().__init__(tls)
        self._session = session
        self.process_id = os.getpid()

    @property
    def session(self) -> Session:
        """The session; all requests go through it from now on."""
        if self._session is None:
            self._session = _new_session(self._connections.tls)
        return self._session

    @property
    def raises(self) -> tuple[type[BaseException], ...]:
        """Exception types that become :class:`RPCError` after the last attempt."""
        from requests.exceptions import RequestException

        return (RequestException,)

    def check_pid(self) -> None:
        """Open a new session in a forked process: on a shared connection answers would mix."""
        process_id = os.getpid()
        if process_id != self.process_id:
            self.process_id = process_id
            if self._session is not None:
                self._session = _new_session(self._connections.tls)

    def fetch(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str:
        """Send ``body`` and return the answer's text; ``timeout`` in seconds."""
        self.check_pid()
        if self._session is None and self._goes_directly(full_url):
            answer = _with_its_exceptions(self._exchange, full_url, body, timeout)
            if answer is not None:
                return Answer(answer.text, answer.headers)
        return self._fetch_by_session(full_url, body, timeout)

    def _login(self, username: str | None, password: str | None) -> str | None:
        from urllib.parse import unquote

        if username is None or password is None:
            return None
        # the encoding of the session
        return basic_authorization(unquote(username), unquote(password), "latin-1")

    def _may_go_directly(self, base: str) -> bool:
        secured = base.startswith("https:") and self._connections.tls == Tls()
        return not secured and not _has_netrc() and super()._may_go_directly(base)

    def _fetch_by_session(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str:
        from urllib.parse import unquote

        # Credentials left in the URL would come back in the text of the library's exceptions.
        url, username, password = split_credentials(full_url)
        auth: Any = None if username is None or password is None else (unquote(username), unquote(password))
        data, headers = encode(body)
        if auth is None and "Authorization" in headers:
            auth = _keep_header  # what is configured comes before a .netrc file
        answer = self.session.post(url, data=data, headers=headers, timeout=timeout, auth=auth)
        answer.raise_for_status()
        return Answer(answer.text, answer.headers)

    def close(self) -> None:
        """Close the kept connections."""
        super().close()
        if self._session is not None:
            self._session.close()


def _keep_header(request: Any) -> Any:
    return request


def _has_netrc() -> bool:
    named = os.environ.get("NETRC")
    names = (named,) if named else ("~/.netrc", "~/_netrc")
    return any(Path(name).expanduser().exists() for name in names)


def _with_its_exceptions(exchange: Any, url: str, body: Any, timeout: float) -> Response | None:
    """Make a request over a connection of ours; what goes wrong is told by the exceptions of ``requests``."""
    from http.client import HTTPException
    from urllib.error import URLError

    try:
        answer: Response | None = exchange(url, body, timeout)
    except (OSError, HTTPException) as error:
        from requests import exceptions

        cause = error.reason if isinstance(error, URLError) else error
        kind: type[exceptions.RequestException] = exceptions.ConnectionError
        if isinstance(cause, TimeoutError):
            kind = exceptions.ConnectTimeout if isinstance(error, URLError) else exceptions.ReadTimeout
        raise kind(cause) from None  # all that there is to know is in its text
    if answer is not None and answer.status >= 400:
        from requests import Response as Refusal

        refusal = Refusal()
        refusal.status_code, refusal.reason = answer.status, answer.reason
        refusal.url, refusal._content = split_credentials(url)[0], answer.text.encode()
        refusal.encoding = "utf-8"
        refusal.headers.update(answer.message.items())
        refusal.raise_for_status()
    return answer


def _new_session(tls: Tls) -> Session:
    try:
        import requests_unixsocket as library
    except ImportError:
        import requests as library
    session: Session = library.Session()
    if tls.ca_certificate:
        session.verify = tls.ca_certificate
    if tls.certificate:
        session.cert = (tls.certificate, tls.key) if tls.key else tls.certificate
    return session


def choose_fetcher(tls: Tls | None = None) -> Fetcher:
    """Return a transport by ``requests`` if that is installed, else by the standard library."""
    from importlib.util import find_spec

    if find_spec("requests_unixsocket") is not None or find_spec("requests") is not None:
        return RequestsFetcher(tls=tls)
    return URLLibFetcher(tls)
