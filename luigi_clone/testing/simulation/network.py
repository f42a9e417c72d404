"""Requests and answers under way: some are lost, late, doubled, or overtake each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

from tornado.httputil import HTTPHeaders

from luigi_clone._client.messages import Answer, encode
from luigi_clone.testing.simulation.threads import TIMED_OUT, current, pause

if TYPE_CHECKING:
    from random import Random

    from luigi_clone._web.answers import Answer as Sent
    from luigi_clone.testing.simulation.clock import Clock
    from luigi_clone.testing.simulation.server import Server

Respond = Callable[["Sent | None"], None]


class Request:
    """A request as the server sees it."""

    method = "POST"
    query = ""
    remote_ip = "127.0.0.1"

    def __init__(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.path = path
        self.headers = HTTPHeaders(dict(headers))
        self.body = body


class Network:
    """The way between all workers and the server; ``mishaps`` says what happens to which message."""

    def __init__(self, clock: Clock, rng: Random, mishaps: dict[int, tuple[str, float]]) -> None:
        self._clock = clock
        self._rng = rng
        self._mishaps = mishaps
        self._sent = 0
        self.server: Server

    def exchange(self, request: Request, is_cut: Callable[[], bool], timeout: float) -> Sent:
        """Send a request for the current thread and return its answer; URLError where there is none."""
        self._sent += 1
        kind, seconds = self._mishaps.get(self._sent, ("", 0.0))
        thread = current()
        turn = thread.turn + 1  # that of the pause below
        is_lost = kind == "unanswered"

        def respond(answer: Sent | None) -> None:
            if is_lost or is_cut():
                return
            way = self._way() + (seconds if kind == "slow" else 0.0)
            self._clock.after(way, lambda: thread.process.wake(thread, turn, answer))

        if kind != "lost" and not is_cut():
            way = self._way() + (seconds if kind == "late" else 0.0)
            self._clock.after(way, lambda: self.server.receive(request, respond))
            if kind == "doubled":
                self._clock.after(way + seconds, lambda: self.server.receive(request, _nowhere))
        answer = pause(timeout)
        if answer is TIMED_OUT:
            raise URLError(TimeoutError("timed out"))
        if answer is None:
            raise URLError(ConnectionRefusedError("connection refused"))
        return answer  # type: ignore[no-any-return]

    def _way(self) -> float:
        return self._rng.choice((0.001, 0.002, 0.02))


def _nowhere(_: Sent | None) -> None:
    """Drop the answer to a copy: the sender does not wait for it."""


class SimulatedFetcher:
    """The transport of one worker."""

    raises: tuple[type[BaseException], ...] = (URLError, TimeoutError)
    closed_by_server = 0

    def __init__(self, network: Network) -> None:
        self._network = network
        self.is_cut = False

    def fetch(self, full_url: str, body: Mapping[str, str] | None, timeout: float) -> str:
        """Return the text of the answer."""
        data, headers = encode(body)
        path = full_url[full_url.index("/api/") :]
        answer = self._network.exchange(Request(path, headers, data or b""), lambda: self.is_cut, timeout)
        content = b"".join(answer.pieces)
        if answer.status >= 400:
            problem: Any = HTTPHeaders()
            raise HTTPError(full_url, answer.status, "refused", problem, BytesIO(content))
        return Answer(content.decode("ascii"), HTTPHeaders(dict(answer.headers)))

    def close(self) -> None:
        """Nothing is kept."""
