"""The client of a central scheduler: the scheduler's methods, called over HTTP.

Each call is a form POST to ``<url>/api/<method>`` with one field ``data``, a JSON object of the arguments;
the answer is ``{"response": ...}``.  Nothing here loads the scheduler itself.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any, Protocol

from luigi_clone import configuration
from luigi_clone._wire.methods import RPC_METHODS

if TYPE_CHECKING:
    from urllib.request import Request

    from requests import Session

__all__ = ["RPCError", "RemoteScheduler", "RequestsFetcher", "URLLibFetcher"]

logger = logging.getLogger("luigi-interface")

# Answers that another attempt cannot change: the request itself is refused.  404 and 5xx are not among them,
# because proxies give them while the server behind restarts.
_FINAL_HTTP_STATUS = frozenset({400, 401, 403, 405, 411, 413, 414, 415, 422, 431})


class RPCError(Exception):
    """A call to the scheduler failed; ``sub_exception`` is what the transport raised, if anything."""

    def __init__(self, message: str, sub_exception: BaseException | None = None) -> None:
        super().__init__(message)
        self.sub_exception = sub_exception


class Fetcher(Protocol):
    """How a request travels; ``raises`` are the exceptions that mean the transport failed."""

    @property
    def raises(self) -> tuple[type[BaseException], ...]: ...

    def fetch(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str: ...

    def close(self) -> None: ...


class URLLibFetcher:
    """Transport by the standard library: a connection for each call."""

    @property
    def raises(self) -> tuple[type[BaseException], ...]:
        """Exception types that become :class:`RPCError` after the last attempt."""
        from urllib.error import URLError

        return (URLError, TimeoutError)

    def _create_request(self, full_url: str, body: Mapping[str, str] | None = None) -> Request:
        """Return the request: user and password of the URL go to a header, ``body`` becomes a form."""
        from urllib.parse import urlencode
        from urllib.request import Request

        url, username, password = _split_credentials(full_url)
        request = Request(url)  # noqa: S310 - the scheme is the user's own setting
        if username:
            import base64

            credentials = base64.b64encode(f"{username}:{password or ''}".encode()).decode("ascii")
            request.add_header("Authorization", f"Basic {credentials}")
        if body:
            request.data = urlencode(body).encode("utf-8")
        return request

    def fetch(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str:
        """Send ``body`` and return the answer's text; ``timeout`` in seconds."""
        from io import BytesIO
        from urllib.error import HTTPError
        from urllib.request import urlopen

        request = self._create_request(full_url, body=body)
        try:
            with urlopen(request, timeout=timeout) as answer:  # noqa: S310 - as in _create_request
                text: str = answer.read().decode("utf-8")
                return text
        except HTTPError as error:
            # The exception holds the connection: keep what was said, and close it now.
            with error:
                said = BytesIO(error.read())
            raise HTTPError(request.full_url, error.code, error.reason, error.headers, said) from None

    def close(self) -> None:
        """Do nothing: no connection is kept."""


class RequestsFetcher:
    """Transport by the package ``requests``: one session, hence kept connections, per process."""

    def __init__(self) -> None:
        self.session: Session = _new_session()
        self.process_id = os.getpid()

    @property
    def raises(self) -> tuple[type[BaseException], ...]:
        """Exception types that become :class:`RPCError` after the last attempt."""
        from requests.exceptions import RequestException

        return (RequestException,)

    def check_pid(self) -> None:
        """Open a new session in a forked process: on a shared connection answers would mix."""
        process_id = os.getpid()
        if process_id != self.process_id:
            self.session, self.process_id = _new_session(), process_id

    def fetch(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str:
        """Send ``body`` and return the answer's text; ``timeout`` in seconds."""
        from urllib.parse import unquote

        self.check_pid()
        # Credentials left in the URL would come back in the text of the library's exceptions.
        url, username, password = _split_credentials(full_url)
        auth = None if username is None or password is None else (unquote(username), unquote(password))
        answer = self.session.post(url, data=body, timeout=timeout, auth=auth)
        answer.raise_for_status()
        return answer.text

    def close(self) -> None:
        """Close the kept connections."""
        self.session.close()


def _new_session() -> Session:
    try:
        import requests_unixsocket as library
    except ImportError:
        import requests as library
    session: Session = library.Session()
    return session


def _choose_fetcher(url: str) -> Fetcher:
    from importlib.util import find_spec

    has_unix_socket = find_spec("requests_unixsocket") is not None
    if url.startswith("http+unix://"):
        assert has_unix_socket, "You need to install requests-unixsocket for Unix socket support."
    if has_unix_socket or find_spec("requests") is not None:
        return RequestsFetcher()
    return URLLibFetcher()


def _split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """Return the URL without user and password, and these two as written."""
    scheme, separator, rest = url.partition("://")
    end = min((index for index in map(rest.find, "/?#") if index >= 0), default=len(rest))
    userinfo, at, host = rest[:end].rpartition("@")
    if not separator or not at:
        return url, None, None
    username, colon, password = userinfo.partition(":")
    return f"{scheme}://{host}{rest[end:]}", username, password if colon else None


def _urljoin(base: str, url: str) -> str:
    """Append ``url`` to the path of ``base``, as a proxy with a path prefix needs it."""
    stem = base.partition("#")[0].partition("?")[0]
    return f"{stem}{url}" if url.startswith("/") else f"{stem}/{url}"


class RemoteScheduler:
    """A scheduler that lives in another process, reached at ``url``.

    It has each call of the scheduler as a method with the same parameters (a missing one raises TypeError).
    A call that fails is tried ``[core] rpc_retry_attempts`` times with ``rpc_retry_wait`` seconds between
    attempts, each with a timeout of ``connect_timeout`` seconds (default ``rpc_connect_timeout``), and then
    raises :class:`RPCError`.  ``http://user:password@host`` gives basic authentication; user and password
    appear neither in logs nor in error texts.
    """

    def __init__(self, url: str = "http://localhost:8082/", connect_timeout: float | None = None) -> None:
        self._url = url.rstrip("/")
        config = configuration.get_config()
        if connect_timeout is None:
            connect_timeout = config.getfloat("core", "rpc_connect_timeout", 10.0)
        self._connect_timeout = connect_timeout
        self._rpc_retry_attempts = config.getint("core", "rpc_retry_attempts", 3)
        self._rpc_retry_wait = config.getint("core", "rpc_retry_wait", 30)
        self._rpc_log_retries = config.getboolean("core", "rpc_log_retries", True)
        self._fetcher: Fetcher = _choose_fetcher(url)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Find the calls that were declared by a scheduler class after this module was imported."""
        try:
            return MethodType(RPC_METHODS[name], self)
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def close(self) -> None:
        """Close kept connections."""
        self._fetcher.close()

    def _request(self, url: str, data: Mapping[str, Any], attempts: int = 3, allow_null: bool = True) -> Any:
        """Call ``url`` with the arguments ``data`` and return the response.

        An answer null is asked for again at once, ``attempts`` times in all, unless ``allow_null``.
        """
        body = {"data": json.dumps(data)}
        for _ in range(attempts):
            response = json.loads(self._fetch(url, body))["response"]
            if allow_null or response is not None:
                return response
        raise RPCError(f"Received null response from remote scheduler {self._shown_url!r}")

    @property
    def _shown_url(self) -> str:
        return _split_credentials(self._url)[0]

    def _fetch(self, url_suffix: str, body: Mapping[str, str]) -> str:
        """Return the answer's text, trying again after a failure.

        Raises :class:`RPCError` when all attempts failed with an error of the transport; any other error as
        it is.
        """
        full_url = _urljoin(self._url, url_suffix)
        attempts = max(1, self._rpc_retry_attempts)
        attempt = 1
        while True:
            try:
                return self._fetcher.fetch(full_url, body, self._connect_timeout)
            except Exception as error:
                last = attempt >= attempts or _is_final(error)
                if self._rpc_log_retries:
                    self._log_failure(attempt, attempts, last)
                if last:
                    if not isinstance(error, self._fetcher.raises):
                        raise
                    message = f"Errors ({attempt} attempts) when connecting to remote scheduler"
                    raise RPCError(f"{message} {self._shown_url!r}", error) from error
            time.sleep(self._rpc_retry_wait)
            attempt += 1

    def _log_failure(self, attempt: int, attempts: int, last: bool) -> None:
        logger.warning("Failed connecting to remote scheduler %r", self._shown_url, exc_info=True)
        if not last:
            logger.info("Retrying attempt %s of %s (max)", attempt + 1, attempts)
            logger.info("Wait for %d seconds", self._rpc_retry_wait)


def _is_final(error: Exception) -> bool:
    """Return whether the server refused the request in a way that repeating it cannot change."""
    status = getattr(error, "code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status in _FINAL_HTTP_STATUS


for _name, _method in RPC_METHODS.items():
    setattr(RemoteScheduler, _name, _method)
