"""The worker's side of a Dask cluster: a thread with an event loop that talks to it.

What arrives is put into an inbox, which the worker's own loop reads between its other results; everything
that touches the worker happens there.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import itertools
import logging
import os
import pickle
import signal
import sys
import threading
import uuid
import zlib
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.completion import CompletionCache
from luigi_clone._task_processes.interpreter import is_aliased
from luigi_clone._task_processes.results import Channel, ResultQueue
from luigi_clone._task_processes.surroundings import Handlers, call_handler, count_handlers, log_here, take_up
from luigi_clone.contrib._dask import station
from luigi_clone.contrib._dask.distant_logs import Fetched, LogReader
from luigi_clone.contrib._dask.orders import (
    ASKING,
    CALLS,
    DIED,
    KEEPING,
    REFUSED,
    RESULT,
    RUNNING,
    TOPICS,
    Order,
    Outcome,
    Session,
)
from luigi_clone.contrib._dask.process import DaskError, DaskTaskProcess

if TYPE_CHECKING:
    from luigi_clone._task_logs.arriving import Arrivals
    from luigi_clone._task_logs.desk import AttemptLog
    from luigi_clone.contrib.dask import dask

logger = logging.getLogger("luigi-interface")

_FAREWELL = 20.0
"""Seconds that the thread has to leave the cluster."""
_LOST = "lost"
"""Outcome: what is known of the loss."""


class _Inbox(Channel):
    """What has arrived, as a channel that the worker's result queue listens to."""

    __slots__ = ("_arrived", "_wake", "current")

    def __init__(self, owner: Any) -> None:
        reader, self._wake = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(self._wake, False)
        super().__init__(reader, owner, owner)
        self._arrived: deque[tuple[DaskTaskProcess, Any]] = deque()
        self.current: DaskTaskProcess | None = None

    def put(self, process: DaskTaskProcess, message: tuple[Any, Any]) -> None:
        """Add a message about ``process``; for the thread that talks to the cluster."""
        self._arrived.append((process, pickle.dumps(message, pickle.HIGHEST_PROTOCOL)))
        with contextlib.suppress(BlockingIOError):  # full of reasons to wake up
            os.write(self._wake, b"x")

    @property
    def has_news(self) -> bool:
        """Whether there is something to read."""
        return bool(self._arrived)

    def read(self) -> bytes | None:
        """Return the next message, if there is one."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 1 << 12)
        if not self._arrived:
            return None
        message: bytes
        self.current, message = self._arrived.popleft()
        return message

    def close(self) -> None:
        """Give up the end that is written to."""
        os.close(self._wake)


class _Attempt:
    """One attempt, as the thread that talks to the cluster knows it."""

    def __init__(self, process: DaskTaskProcess, arrivals: Arrivals | None, order: Order) -> None:
        self.process = process
        self.arrivals = arrivals
        self.log_number = -1 if order.log is None else order.log[0]
        self.where: str | None = None
        """The Dask worker that has begun with it."""
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.future: Any = None
        self.talk = asyncio.Lock()
        """What is sent to it arrives in order."""
        self.waiting: list[Coroutine[Any, Any, None]] = []
        """What is to be said to it when it has begun."""

    def lose(self, why: str) -> None:
        """Take note that nothing more is heard of it."""
        if not self.lost.done():
            self.lost.set_result(why)


class Engine:
    """Makes task processes for one worker and talks to the cluster."""

    def __init__(self, options: Any, results: ResultQueue, settings: dask) -> None:
        self._settings = settings
        self._results = results
        self._inbox = _Inbox(self)
        self._handlers = Handlers()
        self._handlers_number = 0
        name = uuid.uuid4().hex
        self._session = Session(
            name=name,
            topic=f"luigi-{zlib.crc32(name.encode()) % TOPICS}",
            is_aliased=is_aliased(),
            max_tasks=options.pool_max_tasks,
            max_memory=options.pool_max_memory,
            patience=settings.patience,
        )
        self._surroundings = self._take_up()
        self._numbers = itertools.count(1)
        self._attempts: dict[str, _Attempt] = {}
        self._used: set[str] = set()
        self._client: Any = None
        self._closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._connected = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._logs = LogReader(self._fetch_logs, self._begin)
        self._thread = threading.Thread(target=self._run, name="luigi-dask", daemon=True)
        self._thread.start()
        self._connected.wait()
        if self._failure is not None:
            self._thread.join()
            self._inbox.close()
            os.close(self._inbox.fd)
            raise DaskError(
                f"No Dask cluster at {settings.shown_address}: {self._failure!r}. [dask] scheduler_address"
                " says where its scheduler is; without it, the worker makes a cluster on its own machine."
            ) from self._failure
        results.listen(self._inbox)

    def _take_up(self) -> dict[str, Any]:
        surroundings = take_up()
        patterns = ["*"] if self._settings.is_local else self._settings.environment_patterns
        surroundings["environment"] = {
            name: value
            for name, value in surroundings["environment"].items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        }
        installed = (sys.prefix, sys.base_prefix)
        surroundings["paths"] = [
            os.path.abspath(path)  # noqa: PTH100 - links stay
            for path in sys.path
            if not path.startswith(installed)
        ]
        return surroundings

    # -- in the worker ------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> DaskTaskProcess:
        """Return the task process for one attempt."""
        return DaskTaskProcess(*args, engine=self, **{**kwargs, "use_multiprocessing": True})

    def submit(self, process: DaskTaskProcess, whole: bytes) -> None:
        """Hand an attempt to the cluster."""
        counts = count_handlers()
        if counts != self._handlers.counts or not self._handlers_number:
            self._handlers.take_up()
            self._handlers_number += 1
        key = f"luigi-{self._session.name}-{next(self._numbers)}"
        process.key = key
        log: AttemptLog | None = getattr(process.status_reporter, "log", None)
        remembers = isinstance(process.task_completion_cache, CompletionCache)
        order = Order(
            key=key,
            task_id=process.task.task_id,
            process=whole,
            found_complete=[] if remembers else None,
            handlers=(self._handlers_number, self._handlers.portable),
            is_timed=bool(process.worker_timeout),
            log=None if log is None else (log.number, log.address.name),
        )
        self._say(self._follow(process, order, None if log is None else log.arrivals()))

    def signal(self, process: DaskTaskProcess, signum: int) -> None:
        """Send a signal to an attempt."""
        if process.key is not None:
            self._say(self._signal(process.key, signum))

    def deliver(self, process: DaskTaskProcess, message: bytes) -> None:
        """Bring a message to a task; from any thread."""
        if process.key is not None:
            self._say(self._to_attempt(process.key, station.deliver, message))

    def take_in(self) -> None:
        """Take in what has arrived."""
        if self._inbox.has_news:
            self._results.drain(self)

    def close(self) -> None:
        """Leave the cluster, and end what there is left of this worker."""
        if self._thread.is_alive():
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(_FAREWELL)
        self._results.forget(self._inbox)
        if not self._thread.is_alive():
            self._inbox.close()

    # -- in the worker, as the owner of the inbox ------------------------------------------------

    def is_alive(self) -> bool:
        """Return true: it is there as long as the worker."""
        return True

    def take_findings(self, findings: bytes) -> None:
        """Hand on what a process has found out."""
        assert self._inbox.current is not None
        self._inbox.current.take_findings(findings)

    def refused_result(self, result: Any, error: Exception) -> Any:
        """Return a failure in place of a result that cannot be read."""
        assert self._inbox.current is not None
        return self._inbox.current.refused_result(result, error)

    def findings(self) -> bytes:
        """Return nothing: this is no child."""
        return b""

    def finish(self, *_: Any) -> None:
        """Take note that an attempt has a result."""
        assert self._inbox.current is not None
        self._inbox.current.end(0)

    def lose(self) -> None:
        """Do nothing: the inbox has no end."""

    def take_call(self, call: Any) -> bool:
        """Do what an attempt asks for beside its result; true when it has ended without one."""
        process = self._inbox.current
        assert process is not None
        kind, what = call
        if kind == RUNNING:
            process.begin_time()
        elif kind == "scheduler":
            process.status_reporter.take_call(what)
        elif kind == "log":
            log_here(what)
        elif kind == "event":
            call_handler(self._handlers, what, process.task)
        elif kind == DIED:
            process.end(*what)
            return True
        return False

    # -- in the thread that talks to the cluster ------------------------------------------------

    def _say(self, what: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        try:
            asyncio.run_coroutine_threadsafe(what, self._loop)
        except RuntimeError:  # the loop has ended
            what.close()
            raise DaskError("The worker has left the Dask cluster.") from None

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:  # told by the main thread, or here if it has gone on
            if self._connected.is_set():
                logger.exception("The connection to the Dask cluster has failed")
            self._failure = error
        finally:
            self._connected.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._settings.connect() as self._client:
            self._client.subscribe_topic(self._session.topic, self._hear)
            self._client.subscribe_topic("all", self._hear_of_cluster)
            self._connected.set()
            while not self._closing.is_set():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), self._settings.patience / 4)
                    break
                await self._run_there(station.renew, to=self._used)
            await self._depart()

    async def _depart(self) -> None:
        for attempt in list(self._attempts.values()):
            attempt.lose("The worker was left.")
        await self._run_there(station.leave, to=self._used)
        for task in list(self._tasks):
            task.cancel()
        self._client.unsubscribe_topic(self._session.topic)
        self._client.unsubscribe_topic("all")

    async def _run_there(self, function: Any, *args: Any, to: set[str]) -> dict[str, Any]:
        """Call a function of the station in Dask workers; those that are lost have no use for it.

        Return by Dask worker what it returned.
        """
        if not to:
            return {}
        try:
            return dict(
                await self._client.run(
                    function, self._session.name, *args, workers=sorted(to), on_error="ignore"
                )
            )
        except Exception:  # what it is about is found out by other ways as well
            logger.debug("Could not reach %s", ", ".join(sorted(to)), exc_info=True)
            return {}

    async def _fetch_logs(self, address: str, seen: dict[int, int]) -> Fetched:
        answers = await self._run_there(station.fetch_logs, seen, to={address})
        fetched: Fetched = answers.get(address, {})
        return fetched

    async def _follow(self, process: DaskTaskProcess, order: Order, arrivals: Arrivals | None) -> None:
        """See an attempt through."""
        attempt = self._attempts[order.key] = _Attempt(process, arrivals, order)
        try:
            kind, what, end_of_log = await self._outcome(attempt, order)
            if attempt.where is not None:
                # Before the result counts, after which nothing is expected any more.
                loss = what if kind == _LOST else ""
                await self._logs.end(attempt.where, attempt.log_number, end_of_log, loss)
        finally:
            del self._attempts[order.key]
            for words in attempt.waiting:
                words.close()
        if kind == RESULT:
            for result, findings in what:
                self._inbox.put(process, (result, findings))
        elif kind == DIED:
            self._inbox.put(process, (None, (DIED, (what, f" on the Dask worker {attempt.where}"))))
        else:
            self._inbox.put(process, (None, (DIED, (-int(signal.SIGKILL), f": {what}"))))

    async def _outcome(self, attempt: _Attempt, order: Order) -> Outcome:
        try:
            attempt.future = self._client.submit(
                station.make_attempt, self._session, order, key=order.key, pure=False, retries=0
            )
            done = asyncio.ensure_future(_result_of(attempt.future))
            waited: set[asyncio.Future[Any]] = {done, attempt.lost}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return done.result()
            done.cancel()
            await attempt.future.cancel()
            return _LOST, attempt.lost.result(), []
        except Exception as error:
            logger.exception("Dask could not make an attempt at %s", attempt.process.task)
            return _LOST, f"Dask could not make the attempt: {type(error).__name__}: {error}", []
        finally:
            attempt.future = None  # Dask keeps what somebody holds

    # -- what is heard, in the same thread ------------------------------------------------

    def _hear(self, event: Any) -> None:
        _, said = event
        if said.get("session") != self._session.name:
            return
        attempt = self._attempts.get(said["key"])
        if said["kind"] == ASKING:
            self._answer(attempt, said)
        elif said["kind"] == KEEPING:
            self._logs.note_distant(said["worker"])
        elif attempt is None:
            pass
        elif said["kind"] == RUNNING:
            self._inbox.put(attempt.process, (None, (RUNNING, None)))
        elif said["kind"] == CALLS:
            for call in said["calls"]:
                self._inbox.put(attempt.process, (None, tuple(call)))

    def _answer(self, attempt: _Attempt | None, said: dict[str, Any]) -> None:
        """Let a Dask worker begin with an attempt, unless another has."""
        address = said["worker"]
        is_granted = attempt is not None and attempt.where is None
        if attempt is not None and is_granted:
            attempt.where = address
            self._used.add(address)
            if attempt.arrivals is not None:
                self._logs.expect(address, attempt.log_number, attempt.arrivals)
        elif attempt is not None:
            attempt.lose(f"The Dask worker {attempt.where} was lost.")
        surroundings = None if said["is_equipped"] else self._surroundings
        self._begin(self._grant(attempt, address, said["ticket"], is_granted, surroundings))

    def _begin(self, what: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _grant(
        self, attempt: _Attempt | None, address: str, ticket: str, granted: bool, surroundings: Any
    ) -> None:
        async with contextlib.nullcontext() if attempt is None else attempt.talk:
            await self._run_there(station.answer, ticket, granted, surroundings, to={address})
            if attempt is not None and granted:
                waiting, attempt.waiting = attempt.waiting, []
                for words in waiting:
                    await words

    def _hear_of_cluster(self, event: Any) -> None:
        _, said = event
        if not isinstance(said, dict) or said.get("action") != "remove-worker":
            return
        address = said.get("worker")
        self._used.discard(str(address))
        self._logs.forget(str(address))
        for attempt in list(self._attempts.values()):
            if attempt.where == address:
                attempt.lose(f"The Dask worker {address} was lost.")

    # -- what is said to an attempt ------------------------------------------------

    async def _to_attempt(self, key: str, function: Any, *args: Any) -> None:
        attempt = self._attempts.get(key)
        if attempt is None:
            return
        async with attempt.talk:
            if attempt.where is None:
                attempt.waiting.append(self._tell(attempt, key, function, *args))
            else:
                await self._tell(attempt, key, function, *args)

    async def _tell(self, attempt: _Attempt, key: str, function: Any, *args: Any) -> None:
        if attempt.where is not None:
            await self._run_there(function, key, *args, to={attempt.where})

    async def _signal(self, key: str, signum: int) -> None:
        attempt = self._attempts.get(key)
        if attempt is None:
            return
        if signum == signal.SIGKILL:
            # It has been told before; whoever does not end it now can hardly be reached.
            self._begin(self._tell(attempt, key, station.signal_attempt, signum))
            attempt.lose("It was to be ended, and its Dask worker did not say that it was.")
        elif attempt.where is None and signum == signal.SIGTERM:
            # Nobody has begun with it, and nobody is allowed to from now on.
            attempt.where = "nowhere"
            attempt.lose("It was ended before it began.")
        else:
            await self._to_attempt(key, station.signal_attempt, signum)


async def _result_of(future: Any) -> Outcome:
    """Return the outcome that Dask brings."""
    from distributed.scheduler import KilledWorker

    try:
        kind, what, end_of_log = await future
    except KilledWorker as error:
        return _LOST, f"The Dask worker {getattr(error.last_worker, 'address', '')} was lost.", []
    except asyncio.CancelledError:
        if future.status == "cancelled":
            return _LOST, "The Dask scheduler was lost, or somebody has cancelled the attempt there.", []
        raise
    return _LOST if kind == REFUSED else kind, what, end_of_log
