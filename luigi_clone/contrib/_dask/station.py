"""What runs in a Dask worker: it brings each attempt into a process, and tells what is said there."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
import time
import uuid
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from luigi_clone._task_processes.ending import Ending, press_all, send_to_group
from luigi_clone.contrib._dask.distant_logs import Fetched, StationLogs
from luigi_clone.contrib._dask.orders import (
    ASKING,
    CALLS,
    DIED,
    KEEPING,
    REFUSED,
    RESULT,
    RUNNING,
    Order,
    Outcome,
    Session,
)
from luigi_clone.contrib._dask.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Callable

    from luigi_clone._task_logs.child import Address
    from luigi_clone._task_logs.keeping import Parcel

_GRACE = 5.0
_FAREWELL = 5.0
_PRESS_EVERY = 0.05
_ENOUGH = 1 << 16  # bytes of messages that are worth a journey

_STATIONS: WeakKeyDictionary[Any, dict[str, Station]] = WeakKeyDictionary()
"""By Dask worker, of which a process may have several, and name of session."""
_LOCK = threading.Lock()


def make_attempt(session: Session, order: Order) -> Outcome:
    """Make one attempt; this is the function that Dask is given."""
    from distributed import get_worker

    return _station_of(get_worker(), session).attempt(Order(*order))


def _station_of(dask_worker: Any, session: Session) -> Station:
    with _LOCK:
        stations = _STATIONS.setdefault(dask_worker, {})
        station = stations.get(session.name)
        if station is None or station.is_closed:
            station = stations[session.name] = Station(dask_worker, Session(*session))
        return station


def _known(dask_worker: Any, name: str) -> Station | None:
    with _LOCK:
        return _STATIONS.get(dask_worker, {}).get(name)


# -- what the worker calls, all of it in the event loop of the Dask worker --------------------------------


def answer(
    name: str, ticket: str, granted: bool, surroundings: dict[str, Any] | None, *, dask_worker: Any
) -> None:
    """Say whether an attempt may begin."""
    station = _known(dask_worker, name)
    if station is not None:
        station.take_answer(ticket, granted, surroundings)


def renew(name: str, *, dask_worker: Any) -> None:
    """Say that the worker is there."""
    station = _known(dask_worker, name)
    if station is not None:
        station.heard = time.monotonic()


def signal_attempt(name: str, key: str, signum: int, *, dask_worker: Any) -> None:
    """Send a signal to an attempt and what it started; after SIGTERM it is ended without further word."""
    station = _known(dask_worker, name)
    if station is not None:
        station.signal(key, signum)


def deliver(name: str, key: str, message: bytes, *, dask_worker: Any) -> None:
    """Bring a message to a task."""
    station = _known(dask_worker, name)
    if station is not None:
        station.deliver(key, message)


def fetch_logs(name: str, seen: dict[int, int], *, dask_worker: Any) -> Fetched:
    """Return what attempts have written that the worker does not have."""
    station = _known(dask_worker, name)
    return {} if station is None else station.logs.fetch(seen)


def leave(name: str, *, dask_worker: Any) -> None:
    """End what the worker has here."""
    with _LOCK:
        station = _STATIONS.get(dask_worker, {}).pop(name, None)
    if station is not None:
        station.close()


class Station:
    """The processes of one worker beside one Dask worker."""

    def __init__(self, dask_worker: Any, session: Session) -> None:
        self._dask_worker = dask_worker
        self._session = session
        self._lock = threading.Lock()
        self._asked: dict[str, Future[bool]] = {}
        self._surroundings: dict[str, Any] | None = None
        self._idle: list[Seat] = []
        self._seats: list[Seat] = []
        self._busy: dict[str, Seat | None] = {}
        """By key; ``None`` while the process is being started."""
        self._doomed: dict[str, int] = {}
        """Attempts that were ended before they began, with the signal."""
        self._mail: dict[str, list[bytes]] = {}
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._endings: list[Ending] = []
        self.logs = StationLogs()
        self._has_announced_logs = False
        self.heard = time.monotonic()
        self.is_closed = False
        # One thread starts all processes: the kernel ends them together with the thread that started them.
        self._keeper = threading.Thread(target=self._keep, name="luigi-dask-station", daemon=True)
        self._keeper.start()

    # -- attempts, each in a thread of Dask's ------------------------------------------------

    def attempt(self, order: Order) -> Outcome:
        """Make one attempt, if the worker says so."""
        refusal = self._ask(order.key)
        if refusal is not None:
            return REFUSED, refusal, []
        try:
            seat = self._take_seat(order, self._collected_at(order))
            kind, what = (DIED, -self._doomed[order.key]) if seat is None else self._listen(order, seat)
            return kind, what, self._end_of_log(order)
        finally:
            self._end_of_log(order)  # if it was not taken, nobody wants it
            with self._lock:
                self._busy.pop(order.key, None)
                self._doomed.pop(order.key, None)
                self._mail.pop(order.key, None)

    def _collected_at(self, order: Order) -> Address | None:
        """Return where the output of the attempt is read; ``None`` if the worker does that."""
        if order.log is None:
            return None
        try:
            address = self.logs.expect(*order.log)
        except OSError:  # no descriptor left: it runs without a log
            return None
        if address is not None and not self._has_announced_logs:
            self._has_announced_logs = True
            self._tell({"key": order.key, "kind": KEEPING})
        return address

    def _end_of_log(self, order: Order) -> list[Parcel]:
        return [] if order.log is None else self.logs.take_last(order.log[0])

    def _ask(self, key: str) -> str | None:
        """Ask whether this is the first attempt: Dask may give a task to a second worker; return why not."""
        ticket = uuid.uuid4().hex
        asked = self._asked[ticket] = Future()
        self._tell(
            {"key": key, "kind": ASKING, "ticket": ticket, "is_equipped": self._surroundings is not None}
        )
        try:
            if asked.result(self._session.patience):
                return None
        except FutureTimeoutError:
            return "The worker that wants the task was not heard of."
        finally:
            del self._asked[ticket]
        return "Another Dask worker has begun with it before, and was lost."

    def _take_seat(self, order: Order, collected_at: Address | None) -> Seat | None:
        """Return a process that has taken the order; ``None`` if the attempt was ended before."""
        with self._lock:
            self._busy[order.key] = None
        while True:
            with self._lock:
                seat = self._idle.pop() if self._idle else None
            if seat is None:
                started: Future[Seat] = Future()
                self._jobs.put(lambda started=started: self._start(started))  # type: ignore[misc]
                seat = started.result(self._session.patience)
            with self._lock:
                if order.key in self._doomed:
                    self._idle.append(seat)
                    return None
                # A signal that comes now reaches the process, whether or not it has read the order.
                self._busy[order.key] = seat
            try:
                seat.take(order, collected_at)
            except OSError:  # it ended while it was idle, or could not begin at all
                if not seat.is_ready:
                    return seat
                seat.close()
                with self._lock:
                    self._busy[order.key] = None
                continue
            return seat

    def _start(self, started: Future[Seat]) -> None:
        assert self._surroundings is not None
        try:
            seat = Seat(self._session, self._surroundings)
        except Exception as error:  # no process left: the attempt fails with it
            started.set_exception(error)
            return
        with self._lock:
            self._seats.append(seat)
        started.set_result(seat)

    def _listen(self, order: Order, seat: Seat) -> tuple[str, Any]:
        """Pass on what the process says until the attempt is over."""
        if order.is_timed and seat.is_ready:
            self._tell({"key": order.key, "kind": RUNNING})
        with self._lock:
            mail = self._mail.pop(order.key, [])
        self._send_mail(seat, mail)
        results: list[tuple[bytes, bytes]] = []
        calls: list[tuple[str, Any]] = []
        size = 0
        for result, rest, is_leaving, is_more in seat.messages():
            if result is not None:
                results.append((result, rest))
            elif rest[0] == "ready":
                seat.is_ready = True
                if order.is_timed:
                    self._tell({"key": order.key, "kind": RUNNING})
                continue
            elif rest[0] != "finished":
                calls.append(rest)
                size += len(rest[1])
            if calls and (result is not None or not is_more or size > _ENOUGH):
                self._tell({"key": order.key, "kind": CALLS, "calls": calls})
                calls, size = [], 0
            if result is not None:
                self._give_back(order.key, seat, is_leaving)
                return RESULT, results
        return DIED, _wait_for(seat)

    def _give_back(self, key: str, seat: Seat, is_leaving: bool) -> None:
        with self._lock:
            is_ended = any(ending.pgid == seat.pid for ending in self._endings) or key in self._doomed
            self._busy.pop(key, None)
            if not is_ended and not is_leaving:
                self._idle.append(seat)
                return
        seat.close()

    def _tell(self, event: dict[str, Any]) -> None:
        self._dask_worker.log_event(self._session.topic, {**event, "session": self._session.name})

    # -- what the worker says ------------------------------------------------

    def take_answer(self, ticket: str, granted: bool, surroundings: dict[str, Any] | None) -> None:
        """Take the answer to a question."""
        self.heard = time.monotonic()
        if surroundings is not None:
            self._surroundings = surroundings
        asked = self._asked.get(ticket)
        if asked is not None and not asked.done():
            asked.set_result(granted)

    def signal(self, key: str, signum: int) -> None:
        """Send a signal to an attempt."""
        import signal

        with self._lock:
            seat = self._busy.get(key)
            if seat is None:
                if signum in (signal.SIGTERM, signal.SIGKILL):
                    self._doomed[key] = int(signum)
                return
        if signum == signal.SIGTERM:
            self._jobs.put(lambda: self._end(key, seat))
        elif seat.is_alive():
            send_to_group(seat.pid, signum)

    def _end(self, key: str, seat: Seat) -> None:
        with self._lock:
            if self._busy.get(key) is seat:
                self._endings.append(Ending(seat.pid, _GRACE))

    def deliver(self, key: str, message: bytes) -> None:
        """Bring a message to a task, now or when it begins."""
        with self._lock:
            seat = self._busy.get(key)
            if seat is None:
                self._mail.setdefault(key, []).append(message)
                return
        self._send_mail(seat, [message])

    def _send_mail(self, seat: Seat, mail: list[bytes]) -> None:
        for message in mail:
            with contextlib.suppress(OSError):  # one for a task that has ended is lost
                seat.send("message", message)

    # -- the keeper ------------------------------------------------

    def _keep(self) -> None:
        """Start processes and end them, until the worker leaves or is lost."""
        while not self.is_closed:
            wait = _PRESS_EVERY if self._endings else self._session.patience / 4
            with contextlib.suppress(queue.Empty):
                self._jobs.get(timeout=wait)()
            self._endings = press_all(self._endings)
            with self._lock:
                self._seats = [seat for seat in self._seats if seat.is_alive()]
            if time.monotonic() - self.heard > self._session.patience:
                self.is_closed = True
        self._end_all()

    def _end_all(self) -> None:
        with self._lock:
            busy = [seat for seat in self._busy.values() if seat is not None]
            seats, self._seats, self._idle = self._seats, [], []
        endings = [Ending(seat.pid, _GRACE) for seat in busy if seat.is_alive()]
        for seat in seats:
            if seat not in busy:
                seat.close()
        while endings := press_all(endings):
            time.sleep(_PRESS_EVERY)
        for seat in seats:
            _wait_for(seat)
        self.logs.close()

    def close(self) -> None:
        """Let the keeper end everything."""
        self.is_closed = True
        self._jobs.put(lambda: None)

    def join(self, seconds: float) -> None:
        """Wait until everything has ended."""
        self._keeper.join(seconds)


def _wait_for(seat: Seat) -> int:
    """Return the exit code of a process that has been told to end."""
    seat.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return seat.process.wait(_FAREWELL)
    seat.process.kill()
    return seat.process.wait()
