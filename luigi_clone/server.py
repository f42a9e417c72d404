"""The central scheduler's process: the calls of workers and tools over HTTP, the page, its beginning and end.

It listens on the loopback addresses unless an address is given or there is a token to ask for.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import tornado.httpserver
import tornado.ioloop
import tornado.netutil
import tornado.web

from luigi_clone._journal.base import JournalError
from luigi_clone._web import history
from luigi_clone._web.access import ALL, CALLS, ERRORS, AccessLog
from luigi_clone._web.api import Api, RPCHandler
from luigi_clone._web.background import Background
from luigi_clone._web.connections import CallServer
from luigi_clone._web.doors import Doors, SettingError, cors, listen_addresses
from luigi_clone._web.entrance import MetricsHandler, NothingThere, RootPathHandler
from luigi_clone._web.garbage import LOOK_EVERY, LongLived
from luigi_clone._web.gate import Gate
from luigi_clone._web.page import history as page_history
from luigi_clone._web.page import session
from luigi_clone._web.page.files import PageFileHandler, PageFiles
from luigi_clone._web.page.stream import StreamHandler
from luigi_clone._web.page.streams import Streams
from luigi_clone._web.turns import Direct, Turns
from luigi_clone.configuration import get_config

if TYPE_CHECKING:
    import socket

    from luigi_clone.scheduler import Scheduler

__all__ = [
    "JournalError",
    "MetricsHandler",
    "RPCHandler",
    "RootPathHandler",
    "SettingError",
    "app",
    "cors",
    "from_utc",
    "run",
    "stop",
]

from_utc = history.from_utc

logger = logging.getLogger("luigi.server")

_PRUNE_EVERY = 60_000
"""Milliseconds between two looks at what is due: silent workers, retries, ends of disables."""
_PATIENCE = 0.5
"""Seconds that connections get to end when the process ends."""
_END_SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGBREAK")


def app(scheduler: Scheduler) -> tornado.web.Application:
    """Return the web application around ``scheduler``, for a server of one's own.

    It asks for tokens if the configuration has some, and takes its server to be open to others.
    """
    maker = Direct(scheduler)
    doors = Doors.from_config(get_config(), bound_to_loopback=False)
    return _application(maker, Api(maker, doors), AccessLog(), doors)


def _application(
    maker: Direct, api: Api, log: AccessLog, doors: Doors | None, streams: Streams | None = None
) -> tornado.web.Application:
    shared = {"scheduler": maker.scheduler}
    streams = Streams(maker) if streams is None else streams
    return tornado.web.Application(
        [
            (r"/", RootPathHandler, {"maker": maker}),
            *session.routes(maker.scheduler),
            *page_history.routes(maker.scheduler),
            (r"/api/stream", StreamHandler, {"streams": streams}),
            (r"/api/(.*)", RPCHandler, {**shared, "api": api}),
            (r"/static/(.*)", PageFileHandler, {"files": PageFiles()}),
            (r"/metrics", MetricsHandler, shared),
            *history.routes(maker.scheduler),
        ],
        compress_response=True,
        log_function=log.note_handler,
        default_handler_class=NothingThere,
        doors=doors,
        streams=streams,
    )


def _init_api(
    scheduler: Scheduler,
    api_port: int | None = None,
    address: str | None = None,
    unix_socket: str | None = None,
) -> list[Any]:
    """Listen, on the running event loop; return the names of the bound sockets (port 0: any free one).

    Raises OSError when the address cannot be had, SettingError when an option of the doors makes no sense.
    """
    return _listen(scheduler, api_port, address, unix_socket)[1]


def _listen(
    scheduler: Scheduler,
    api_port: int | None,
    address: str | None,
    unix_socket: str | None,
    maker: Direct | None = None,
    streams: Streams | None = None,
) -> tuple[tornado.httpserver.HTTPServer, list[Any]]:
    maker = maker or Direct(scheduler)
    log = _access_log()
    sockets = _sockets(api_port or 0, address, unix_socket)
    try:
        doors = _doors(sockets, address, unix_socket)
        # whoever reaches a Unix socket is on this machine
        tls = None if unix_socket is not None else doors.ssl_context()
    except SettingError:
        for bound in sockets:
            bound.close()
        raise
    api = Api(maker, doors)
    application = _application(maker, api, log, doors, streams)
    http = CallServer(Gate(application, api, log, doors), ssl_options=tls)
    http.add_sockets(sockets)
    return http, [bound.getsockname() for bound in sockets]


def _doors(sockets: list[socket.socket], address: str | None, unix_socket: str | None) -> Doors:
    doors = Doors.from_config(
        get_config(),
        unix_socket is not None or all(_is_loopback(bound.getsockname()[0]) for bound in sockets),
        bound=() if address is None else (address,),
        address_is_given=address is not None or unix_socket is not None,
    )
    for warning in doors.warnings():
        logger.warning(warning)
    return doors


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _access_log() -> AccessLog:
    which = get_config().get("luigid", "access_log", CALLS)
    if which not in (CALLS, ALL, ERRORS):
        raise SettingError(f"[luigid] access_log has to be {CALLS}, {ALL} or {ERRORS}, not {which!r}")
    return AccessLog(which)


def _sockets(port: int, address: str | None, unix_socket: str | None) -> list[socket.socket]:
    if unix_socket is not None:
        return [tornado.netutil.bind_unix_socket(unix_socket, mode=0o600)]
    first, *others = listen_addresses(get_config(), address)
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
    def until_stopped(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> Iterator[None]:
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

    Raises OSError when the address cannot be had, and JournalError when the state could not be read, or could
    not be stored any more: then nothing is saved at the end, since what is stored is what was acknowledged.
    """
    if scheduler is None:
        from luigi_clone.scheduler import Scheduler

        scheduler = Scheduler()
    try:
        with _ended_by_signals_meanwhile():
            scheduler.load()  # standing by, it can take days
    except KeyboardInterrupt:
        logger.info("Scheduler ended before it was to serve")
        return
    asyncio.run(_serve(scheduler, api_port, address, unix_socket))


@contextlib.contextmanager
def _ended_by_signals_meanwhile() -> Iterator[None]:
    """Let the signals that end the server raise KeyboardInterrupt, as long as there is no event loop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _END_SIGNALS if hasattr(signal, name)]
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


async def _serve(scheduler: Scheduler, api_port: int, address: str | None, unix_socket: str | None) -> None:
    ended = asyncio.Event()
    losses: list[JournalError] = []

    def lose(error: JournalError) -> None:
        losses.append(error)
        ended.set()

    turns = Turns(scheduler, lose)
    streams = Streams(turns)
    scheduler.tell_of_loss(_in_a_turn(turns.end_turn))
    scheduler._surveyor.background = Background()
    try:
        http, _ = _listen(scheduler, api_port, address, unix_socket, turns, streams)
    except BaseException:
        scheduler.dump()  # another process may have to take the journal over
        raise
    prune = tornado.ioloop.PeriodicCallback(turns.prune, _PRUNE_EVERY)
    prune.start()
    tasks = LongLived(scheduler)
    tasks.look()
    set_aside = tornado.ioloop.PeriodicCallback(tasks.look, LOOK_EVERY)
    set_aside.start()
    _end_by_signals(ended)
    logger.info("Scheduler starting up")
    with _RUNNING.until_stopped(asyncio.get_running_loop(), ended):
        await ended.wait()
    logger.info("Scheduler instance shutting down")
    prune.stop()
    set_aside.stop()
    http.stop()
    turns.end_turn()
    streams.end()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(http.close_all_connections(), _PATIENCE)
    if losses:
        raise losses[0]
    scheduler._surveyor.background = None
    scheduler.dump()


def _in_a_turn(action: Callable[[], None]) -> Callable[[], None]:
    """Return what lets the running loop do something soon, for any thread."""
    loop = asyncio.get_running_loop()

    def do_soon() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and all it served
            loop.call_soon_threadsafe(action)

    return do_soon


def _end_by_signals(ended: asyncio.Event) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for name in _END_SIGNALS:
        if hasattr(signal, name):
            loop.add_signal_handler(getattr(signal, name), ended.set)


def __getattr__(name: str) -> Any:
    """Find the handlers of the history's pages, which others subclass."""
    if name in history.__all__ and name != "routes":
        return getattr(history, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def stop() -> None:
    """End what :func:`run` serves in this process, from any thread."""
    _RUNNING.stop()
