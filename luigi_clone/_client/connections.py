"""Connections to a server that are kept from one request to the next, by the standard library's client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from luigi_clone._client.addresses import UNIX_SCHEME, split_address
from luigi_clone._client.exchange import Response, receive, send

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPConnection

_DROPPED_IF_READABLE = 1  # select.POLLIN, everywhere
_LOOPBACK = ("localhost", "127.", "[::1]")


class Tls(NamedTuple):
    """The files that a connection by https needs; ``None`` for what the system's defaults serve."""

    ca_certificate: str | None = None
    certificate: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context; OSError when a file cannot be read."""
        import ssl

        context = ssl.create_default_context(cafile=self.ca_certificate)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


class Connections:
    """The idle connections of this process, by server.

    Each request takes one that is idle or opens one, so that threads never wait for each other.  One that the
    server has closed meanwhile is not used again, and a forked process starts without any.
    """

    def __init__(self, tls: Tls | None = None) -> None:
        self.tls = tls or Tls()
        self._context: ssl.SSLContext | None = None
        self._forget()

    def __getstate__(self) -> Any:
        return self.tls

    def __setstate__(self, tls: Tls) -> None:
        self.__init__(tls)  # type: ignore[misc]

    def __del__(self) -> None:
        # a client that nobody has closed, as those of Luigi need not be
        if "_idle" in self.__dict__:
            self.close()

    def _forget(self) -> None:
        self._process_id = os.getpid()
        self._idle: dict[tuple[str, str], list[HTTPConnection]] = {}
        self.closed_by_server = 0

    def post(self, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float) -> Response:
        """Send one request, a GET when there is no body, and return its answer, whatever the status.

        Raises ``URLError`` when nothing could be sent, and what the standard library raises afterwards.
        """
        from urllib.error import URLError

        scheme, host, target = split_address(url)
        method = "GET" if body is None else "POST"
        try:
            connection = self._take(scheme, host, timeout)
        except OSError as error:
            raise URLError(error) from error
        try:
            try:
                send(connection, method, target, body, _common(scheme, host) | dict(headers))
            except OSError as error:
                raise URLError(error) from error
            answer, closes = receive(connection, method)
        except BaseException:
            connection.close()
            raise
        if closes:
            connection.close()
        else:
            self._idle.setdefault((scheme, host), []).append(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        # the copies of a forked process: closing them is of no consequence to the process they came from
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _take(self, scheme: str, host: str, timeout: float) -> HTTPConnection:
        if os.getpid() != self._process_id:
            self.close()
            self._forget()
        idle = self._idle.setdefault((scheme, host), [])
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                break
            if _is_usable(connection):
                connection.sock.settimeout(timeout)
                return connection
            connection.close()
            self.closed_by_server += 1
        connection = self._open(scheme, host, timeout)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self, scheme: str, host: str, timeout: float) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        if scheme == UNIX_SCHEME:
            from urllib.parse import unquote

            return _unix_connection(unquote(host), timeout)
        if scheme == "https":
            if self._context is None:
                self._context = self.tls.context()
            return HTTPSConnection(host, timeout=timeout, context=self._context)
        return HTTPConnection(host, timeout=timeout)


def _common(scheme: str, host: str) -> dict[str, str]:
    headers = {"User-Agent": "luigi_clone"}
    # Within a machine packing costs both sides more time than it saves.
    if scheme != UNIX_SCHEME and not host.startswith(_LOOPBACK):
        headers["Accept-Encoding"] = "gzip"
    return headers


def _is_usable(connection: HTTPConnection) -> bool:
    """Tell whether an idle connection is still open: what is readable now can only be its end."""
    import select

    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, _DROPPED_IF_READABLE)
    return not poll.poll(0)


def _unix_connection(path: str, timeout: float) -> HTTPConnection:
    import socket
    from http.client import HTTPConnection

    connection = HTTPConnection("localhost", timeout=timeout)

    def connect() -> None:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(timeout)
        connection.sock.connect(path)

    connection.connect = connect  # type: ignore[method-assign]
    return connection


def goes_through_proxy(url: str) -> bool:
    """Tell whether the environment asks for a proxy on the way to ``url``."""
    from urllib.request import getproxies, proxy_bypass

    scheme, host, _ = split_address(url)
    proxies = getproxies()
    return (scheme in proxies or "all" in proxies) and not proxy_bypass(host)
