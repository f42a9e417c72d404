"""The way of a result from a task process to the worker's loop.

Inside the worker's process a result is an entry in a deque. A child gets a pipe of its own: a child that is
killed half way through a write spoils nothing but its own message, nothing needs a lock or a feeder thread,
and the loop sleeps in ``poll`` until there is something to read.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import select

_HEAD = 8  # bytes that tell the length of a message
_CHUNK = 1 << 12  # as much as most results need: a larger buffer would be fresh memory for each
_MOST = 1 << 20
_POLLIN = 1  # select.POLLIN, everywhere


class Waitable(Protocol):
    """A process as the queue sees it."""

    def is_alive(self) -> bool:
        """Tell whether the process runs."""


class Sender(Waitable, Protocol):
    """A task process, in its child and in the worker."""

    def refused_result(self, result: Any, error: Exception) -> Any:
        """In the child: return what to send in place of a result that cannot be pickled."""

    def findings(self) -> bytes:
        """In the child: return what the worker should know besides the result."""

    def take_findings(self, findings: bytes) -> None:
        """In the worker: take in what :meth:`findings` returned in the child."""

    def take_call(self, call: bytes) -> None:
        """In the worker: make the call that the child has sent with :meth:`ChildResults.call`."""


def send(fd: int, payload: bytes) -> None:
    """Write one message to a pipe or socket that blocks."""
    message = len(payload).to_bytes(_HEAD, "big") + payload
    written = os.write(fd, message)
    if written < len(message):
        rest = memoryview(message)[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]


class ChildResults:
    """The child's end of its pipe, with the ``put`` of a queue.

    A result that cannot be pickled is replaced by what the process makes of it, so that the worker hears of
    the end of the task in any case.
    """

    def __init__(self, fd: int, process: Sender) -> None:
        self._fd = fd
        self.process = process
        # A task may have threads, and a long message takes more than one write.
        self._lock = threading.Lock()

    def call(self, call: bytes) -> None:
        """Send the worker a call to make while the task runs."""
        self._send((None, call))

    def _send(self, message: tuple[bytes | None, bytes]) -> None:
        import pickle

        payload = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._lock.acquire()
        try:
            send(self._fd, payload)
        except BrokenPipeError:
            # The worker closes its end once it has the result it waits for; the rest is of no interest.
            pass
        finally:
            self._lock.release()

    def put(self, result: Any, block: bool = True, timeout: float | None = None) -> None:
        """Send one result to the worker, and what else the process has found out."""
        import pickle

        try:
            payload = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # pickling runs user code
            payload = pickle.dumps(self.process.refused_result(result, error), pickle.HIGHEST_PROTOCOL)
        self._send((payload, self.process.findings()))

    def __getstate__(self) -> Any:
        # The process, which travels around this object, puts itself in when it has arrived.
        from multiprocessing import reduction

        return reduction.DupFd(self._fd)

    def __setstate__(self, handle: Any) -> None:
        self._fd = handle.detach()
        self._lock = threading.Lock()


class Seat(Protocol):
    """A process that makes one attempt after the other, as the queue sees it."""

    def finish(self, leaving: bool) -> None:
        """Note that the attempt is over, and whether the process makes no other."""

    def lose(self) -> None:
        """Note that the process sends nothing more."""

    def take_call(self, call: Any) -> bool | None:
        """Do what the process asks for beside its result; true when an attempt has ended without one."""


class Channel:
    """The worker's end of one child's pipe; with a ``seat``, of a process that makes many attempts."""

    __slots__ = ("buffer", "fd", "process", "seat")

    def __init__(self, fd: int, process: Sender, seat: Seat | None = None) -> None:
        self.fd = fd
        self.process = process
        self.seat = seat
        self.buffer = bytearray()

    def read(self) -> bytes | None:
        """Return a complete message, or ``None`` when more must come; raise ``EOFError`` at the end."""
        wanted = _CHUNK
        while True:
            if len(self.buffer) >= _HEAD:
                end = _HEAD + int.from_bytes(self.buffer[:_HEAD], "big")
                if len(self.buffer) >= end:
                    message = bytes(self.buffer[_HEAD:end])
                    del self.buffer[:end]
                    return message
                wanted = max(_CHUNK, min(end - len(self.buffer), _MOST))
            try:
                chunk = os.read(self.fd, wanted)
            except BlockingIOError:
                return None
            if not chunk:
                raise EOFError
            self.buffer += chunk


def _await_end(process: Waitable) -> None:
    """Wait out the moment between a child's closing of its files and its end.

    A child that only closed its files goes on; it is looked at again at the next purge.
    """
    deadline = time.monotonic() + 0.02
    while process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.0005)


class _Opening:
    """The moment in which a child gets its pipe."""

    __slots__ = ("_process", "_queue", "_reader", "_writer")

    def __init__(self, results: ResultQueue, process: Sender) -> None:
        self._queue = results
        self._process = process

    def __enter__(self) -> ChildResults:
        self._reader, self._writer = os.pipe()
        self._queue._child = child = ChildResults(self._writer, self._process)
        return child

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._queue._child = None
        os.close(self._writer)
        if kind is not None:
            os.close(self._reader)
            return
        os.set_blocking(self._reader, False)
        self._queue.listen(Channel(self._reader, self._process))


class ResultQueue:
    """Results of the task processes of one worker, with the interface of a queue.

    ``put`` works from any thread of the worker's process and from its task processes. ``get`` returns early
    with ``queue.Empty`` when a task process came to its end, so that the caller looks after it at once.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._items: deque[Any] = deque()
        self._channels: dict[int, Channel] = {}
        self._poll: select.poll | None = None
        self._wake: tuple[int, int] | None = None
        self._waiting = False
        self._child: ChildResults | None = None
        self._shared: Any = None
        self._foreign: dict[int, Waitable] = {}

    # -- both sides ------------------------------------------------

    def put(self, result: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add one result; never blocks in the worker's process."""
        if os.getpid() != self._owner:
            self._put_from_child(result)
            return
        self._items.append(result)
        if self._waiting and self._wake is not None:
            os.write(self._wake[1], b"x")

    put_nowait = put

    def _put_from_child(self, result: Any) -> None:
        if self._child is not None:
            self._child.put(result)
        elif self._shared is not None:
            self._shared.put(result)
        else:
            raise RuntimeError("Only the worker and its task processes can put a result on this queue.")

    # -- the worker's side ------------------------------------------------

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the next result, waiting at most ``timeout`` seconds for it.

        Raises ``queue.Empty`` when there is none in time, or earlier when a task process ended without one.
        """
        if not self._items:
            if not block:
                timeout = 0
            deadline = None if timeout is None else time.monotonic() + timeout
            self._collect(deadline)
        if self._items:
            return self._items.popleft()
        raise queue.Empty

    def get_nowait(self) -> Any:
        """Return the next result if there is one."""
        return self.get(block=False)

    def empty(self) -> bool:
        """Tell whether no result has arrived."""
        return not self._items

    def qsize(self) -> int:
        """Return the number of results that have arrived."""
        return len(self._items)

    def close(self) -> None:
        """Close the pipes; what arrived before can still be read."""
        for channel in list(self._channels.values()):
            self.forget(channel)
        if self._wake is not None:
            for fd in self._wake:
                os.close(fd)
            self._wake = None
        if self._shared is not None:
            self._shared.close()
            self._shared = None
        self._foreign.clear()
        self._poll = None

    def join_thread(self) -> None:
        """Return at once: there is no thread. Part of the interface of multiprocessing queues."""

    cancel_join_thread = join_thread

    def channel(self, process: Sender) -> _Opening:
        """Open a pipe around the start of ``process``; the value is what the child puts its results on."""
        return _Opening(self, process)

    def listen(self, channel: Channel) -> None:
        """Take in what comes through ``channel``, until its end."""
        self._channels[channel.fd] = channel
        self._poller().register(channel.fd, _POLLIN)

    def drain(self, process: Waitable) -> None:
        """Take in what an ended ``process`` left in its pipe."""
        for channel in list(self._channels.values()):
            if channel.process is process:
                self._receive(channel)

    def has_result_of(self, task_id: str) -> bool:
        """Tell whether a result of this task waits to be taken."""
        return any(item[0] == task_id for item in self._items)

    def discard(self, task_id: str) -> None:
        """Forget the results of this task that wait to be taken."""
        self._items = deque(item for item in self._items if item[0] != task_id)

    def share(self) -> None:
        """Let processes that others start put results here too, from now on."""
        if self._shared is None:
            import multiprocessing

            self._shared = multiprocessing.SimpleQueue()
            self._poller().register(self._shared._reader.fileno(), _POLLIN)

    def watch(self, process: Any) -> None:
        """Notice the end of a process that others made, if it has something to wait for."""
        sentinel = getattr(process, "sentinel", None)
        if sentinel is not None:
            fd = sentinel if isinstance(sentinel, int) else sentinel.fileno()
            self._foreign[fd] = process
            self._poller().register(fd, _POLLIN)

    def _poller(self) -> select.poll:
        if self._poll is None:
            import select

            self._poll = select.poll()
            self._wake = os.pipe()
            os.set_blocking(self._wake[0], False)
            os.set_blocking(self._wake[1], False)
            self._poll.register(self._wake[0], _POLLIN)
        return self._poll

    def _collect(self, deadline: float | None) -> None:
        """Wait until a result arrives, a child ends, or the deadline passes."""
        poller = self._poller()
        self._waiting = True
        try:
            while not self._items:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                ready = poller.poll(None if left is None else left * 1000)
                if not ready:
                    if left == 0 or (deadline is not None and time.monotonic() >= deadline):
                        return
                    continue
                if self._take(ready):
                    return
        finally:
            self._waiting = False

    def _take(self, ready: list[tuple[int, int]]) -> bool:
        """Read what is ready; true when a child came to its end without a result."""
        ended = False
        for fd, _ in ready:
            channel = self._channels.get(fd)
            if channel is not None:
                ended = self._receive(channel) or ended
            elif fd in self._foreign:
                self._poller().unregister(fd)
                _await_end(self._foreign.pop(fd))
                ended = True
            elif self._shared is not None and fd == self._shared._reader.fileno():
                self._items.append(self._shared.get())
            elif self._wake is not None and fd == self._wake[0]:
                with contextlib.suppress(BlockingIOError):
                    os.read(fd, _CHUNK)
        return ended

    def _receive(self, channel: Channel) -> bool:
        """Take the messages that are complete; true when the child ended without a result."""
        ended = False
        while True:
            try:
                message = channel.read()
            except (EOFError, OSError):
                self.forget(channel)
                if channel.seat is not None:
                    channel.seat.lose()
                _await_end(channel.process)
                return True
            if message is None:
                return ended
            import pickle

            result, rest, *leaving = pickle.loads(message)  # noqa: S301 - written by our own child
            if result is None:
                if channel.seat is None:
                    channel.process.take_call(rest)
                else:
                    ended = bool(channel.seat.take_call(rest)) or ended
                continue
            try:
                self._items.append(pickle.loads(result))  # noqa: S301
            except Exception as error:  # a class that exists in the child only
                self._items.append(channel.process.refused_result(result, error))
            if rest:
                channel.process.take_findings(rest)
            if channel.seat is None:
                self.forget(channel)
                return False
            channel.seat.finish(*leaving)
            if channel.fd not in self._channels:
                return ended

    def forget(self, channel: Channel) -> None:
        """Close a channel."""
        if channel.fd not in self._channels:
            return
        del self._channels[channel.fd]
        if self._poll is not None:
            self._poll.unregister(channel.fd)
        os.close(channel.fd)
