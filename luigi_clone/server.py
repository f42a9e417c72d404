"""The central scheduler's process: the calls of workers and tools over HTTP.

It listens on the loopback addresses unless an address is given. The web page, the pages of the task history
and a state that outlives the process are not there yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tornado.httpserver
import tornado.ioloop
import tornado.netutil
import tornado.web

from luigi_clone._web.api import RPCHandler
from luigi_clone._web.entrance import MetricsHandler, RootPathHandler

if TYPE_CHECKING:
    import socket

    from luigi_clone.scheduler import Scheduler

__all__ = ["MetricsHandler", "RPCHandler", "RootPathHandler", "app", "run", "stop"]

logger = logging.getLogger("luigi.server")

_LOOPBACK = ("127.0.0.1", "::1")
_PRUNE_EVERY = 60_000
"""Milliseconds between two looks at what is due: silent workers, retries, ends of disables."""
_END_SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT")


def app(scheduler: Scheduler) -> tornado.web.Application:
    """Return the web application around ``scheduler``."""
    shared = {"scheduler": scheduler}
    return tornado.web.Application(
        [
            (r"/", RootPathHandler),
            (r"/api/(.*)", RPCHandler, shared),
            (r"/metrics", MetricsHandler, shared),
        ],
        compress_response=True,
    )


def _init_api(
    scheduler: Scheduler,
    api_port: int | None = None,
    address: str | None = None,
    unix_socket: str | None = None,
) -> list[Any]:
    """Listen, on the running event loop; return the names of the bound sockets (port 0: any free one).

    Raises OSError when the address cannot be had.
    """
    return _listen(scheduler, api_port, address, unix_socket)[1]


def _listen(
    scheduler: Scheduler, api_port: int | None, address: str | None, unix_socket: str | None
) -> tuple[tornado.httpserver.HTTPServer, list[Any]]:
    sockets = _sockets(api_port or 0, address, unix_socket)
    http = tornado.httpserver.HTTPServer(app(scheduler))
    http.add_sockets(sockets)
    return http, [bound.getsockname() for bound in sockets]


def _sockets(port: int, address: str | None, unix_socket: str | None) -> list[socket.socket]:
    if unix_socket is not None:
        return [tornado.netutil.bind_unix_socket(unix_socket, mode=0o600)]
    if address is not None:
        return tornado.netutil.bind_sockets(port, address=address)
    logger.warning(
        "Listening on this machine only, since there is no --address; --address 0.0.0.0 lets everyone in who "
        "reaches this machine"
    )
    first, *others = _LOOPBACK
    sockets = tornado.netutil.bind_sockets(port, address=first)
    for other in others:
        # a machine without IPv6
        with contextlib.suppress(OSError):
            sockets += tornado.netutil.bind_sockets(sockets[0].getsockname()[1], address=other)
    return sockets


class _Running:
    """The servers of this process that :func:`stop` ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: list[Callable[[], None]] = []

    @contextlib.contextmanager
    def until_stopped(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> Any:
        def end() -> None:
            loop.call_soon_threadsafe(ended.set)

        with self._lock:
            self._ends.append(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.remove(end)

    def stop(self) -> None:
        with self._lock:
            for end in self._ends:
                end()


_RUNNING = _Running()


def run(
    api_port: int = 8082,
    address: str | None = None,
    unix_socket: str | None = None,
    scheduler: Scheduler | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM, SIGQUIT or :func:`stop`; then save the state and return.

    Raises OSError when the address cannot be had.
    """
    if scheduler is None:
        from luigi_clone.scheduler import Scheduler

        scheduler = Scheduler()
    scheduler.load()
    asyncio.run(_serve(scheduler, api_port, address, unix_socket))


async def _serve(scheduler: Scheduler, api_port: int, address: str | None, unix_socket: str | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    http, _ = _listen(scheduler, api_port, address, unix_socket)
    prune = tornado.ioloop.PeriodicCallback(scheduler.prune, _PRUNE_EVERY)
    prune.start()
    if threading.current_thread() is threading.main_thread():
        for name in _END_SIGNALS:
            loop.add_signal_handler(getattr(signal, name), ended.set)
    logger.info("Scheduler starting up")
    with _RUNNING.until_stopped(loop, ended):
        await ended.wait()
    logger.info("Scheduler instance shutting down")
    prune.stop()
    http.stop()
    await http.close_all_connections()
    scheduler.dump()


def stop() -> None:
    """End what :func:`run` serves in this process, from any thread."""
    _RUNNING.stop()
