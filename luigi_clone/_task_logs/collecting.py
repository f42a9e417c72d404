"""The thread that reads what the children of a worker write: on to the console, and into their logs.

Beside a worker of a cluster, on another machine, it keeps what they write until the worker fetches it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from luigi_clone._task_logs.child import ERR, LOGGED, OUT, Address
from luigi_clone._task_logs.console import show

_CHUNK = 1 << 16
_MOST = 1 << 20
"""So much is read of one stream before the others get their turn."""
_NAP = 0.02
"""Between two looks: a line is no reason to wake up, many lines are."""
_BUSY = 1 << 17
"""With so much at a look there is no nap."""
_TICK = 0.2
_POLLIN = select.POLLIN
_MOST_FDS = 8


class Intake(Protocol):
    """Where the bytes of one stream go."""

    def feed(self, data: bytes) -> None:
        """Take in what was written."""

    def wait_no_more(self) -> None:
        """Pass on what has waited long enough for more."""

    def finish(self) -> None:
        """Take note that nothing follows."""


class Record(Protocol):
    """Where the streams of one attempt go."""

    open_sources: int

    def source(self, place: int) -> Intake:
        """Return what takes in ``OUT``, which may be the error as well, ``ERR`` or ``LOGGED``."""

    def settle(self) -> None:
        """Take note that there may be no open source any more."""


class _Stream:
    """One stream of an attempt, on the worker's side; ``console`` is -1 where nothing goes on."""

    __slots__ = ("console", "fd", "is_terminal", "recording", "source")

    def __init__(self, fd: int, console: int, recording: Record, place: int) -> None:
        self.fd = fd
        self.console = console
        self.is_terminal = os.isatty(fd)
        self.recording = recording
        self.source = recording.source(place)
        recording.open_sources += 1

    def read(self) -> tuple[int, bool]:
        """Take in what is there; return how many bytes, and whether that was the end."""
        count = 0
        while count < _MOST:
            try:
                data = os.read(self.fd, _CHUNK)
            except BlockingIOError:
                return count, False
            except OSError:  # a terminal that nobody has open any more
                return count, True
            if not data:
                return count, True
            count += len(data)
            self._show(data)
            self.source.feed(data)
        return count, False

    def _show(self, data: bytes) -> None:
        if self.console >= 0 and not show(self.console, data):
            self.close_console()

    def close_console(self) -> None:
        """Show nothing any more."""
        if self.console >= 0:
            os.close(self.console)
            self.console = -1

    def close(self) -> None:
        """Take note of the end."""
        os.close(self.fd)
        self.close_console()
        self.source.finish()
        self.recording.open_sources -= 1
        self.recording.settle()


def _listen() -> tuple[socket.socket, str, str | None]:
    """Return a listening socket, its name, and the folder that was made for it, if any."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = None
    if sys.platform == "linux":
        name = f"\0luigi-logs-{secrets.token_hex(16)}"
    else:
        import tempfile

        folder = tempfile.mkdtemp(prefix="luigi-")
        name = os.path.join(folder, "logs")
    try:
        listener.bind(name)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener, name, folder


class Collector:
    """Takes in the streams of the children of one worker.

    ``find`` returns the record for the number that a child has sent. ``tick`` is called now and then.
    """

    def __init__(self, find: Callable[[int], Record | None], tick: Callable[[], None]) -> None:
        self._find = find
        self._tick = tick
        self._listener, name, self._folder = _listen()
        self.address = Address(name, secrets.token_hex(16))
        self._streams: dict[int, _Stream] = {}
        self._lock = threading.RLock()
        self._poll = select.poll()
        self._poll.register(self._listener.fileno(), _POLLIN)
        self._stopped = threading.Event()
        self._wake = os.pipe()
        self._poll.register(self._wake[0], _POLLIN)
        self._thread = threading.Thread(target=self._run, name="luigi-task-logs", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            ready = self._poll.poll(_TICK * 1000)
            if self._stopped.is_set():
                return
            count, in_haste = self._take(fd for fd, _ in ready)
            self._tick()
            if count < _BUSY and not in_haste:
                self._stopped.wait(_NAP)

    def _take(self, fds: Iterator[int]) -> tuple[int, bool]:
        """Read what is ready; return how much, and whether a terminal, which takes little, was among it."""
        count, in_haste = 0, False
        with self._lock:
            for fd in fds:
                if fd == self._listener.fileno():
                    self._accept()
                    continue
                stream = self._streams.get(fd)
                if stream is not None:
                    in_haste |= stream.is_terminal
                    count += self._read(stream)
            for stream in self._streams.values():
                stream.source.wait_no_more()
        return count, in_haste

    def _read(self, stream: _Stream) -> int:
        count, ended = stream.read()
        if ended:
            del self._streams[stream.fd]
            self._poll.unregister(stream.fd)
            stream.close()
        return count

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor left: that child is not heard
                return
            with connection:
                connection.settimeout(1.0)
                with contextlib.suppress(OSError):
                    self._receive(connection)

    def _receive(self, connection: socket.socket) -> None:
        flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        message, fds, _, _ = socket.recv_fds(connection, 4096, _MOST_FDS, flags)
        word, _, ticket = message.decode("ascii", "replace").strip().partition(" ")
        recording = None
        if secrets.compare_digest(word.encode(), self.address.word.encode()) and ticket.isdecimal():
            recording = self._find(int(ticket))
        if recording is None or not fds:
            for fd in fds:
                os.close(fd)
            return
        if len(fds) % 2:
            fds.append(-1)
        for place, fd, console in zip((OUT, ERR, LOGGED), fds[::2], fds[1::2], strict=False):
            os.set_blocking(fd, False)
            self._streams[fd] = _Stream(fd, console, recording, LOGGED if console < 0 else place)
            self._poll.register(fd, _POLLIN)

    def drain(self, recording: Record) -> None:
        """Take in what the attempt has written so far."""
        with self._lock:
            self._accept()
            for stream in [each for each in self._streams.values() if each.recording is recording]:
                self._read(stream)

    def close(self) -> None:
        """Take in the rest; what outlives the worker goes on writing to the console."""
        self._stopped.set()
        os.write(self._wake[1], b"x")
        self._thread.join()
        with self._lock:
            self._accept()
            for stream in list(self._streams.values()):
                self._read(stream)
            for fd in self._wake:
                os.close(fd)
            self._listener.close()
            if self._folder is not None:
                import shutil

                shutil.rmtree(self._folder, ignore_errors=True)
            self._leave()

    def _leave(self) -> None:
        left = list(self._streams.values())
        self._streams.clear()
        shown = [stream for stream in left if stream.console >= 0]
        if shown:
            from luigi_clone._task_logs import pump

            with contextlib.suppress(OSError):
                pump.start([(stream.fd, stream.console) for stream in shown])
        for stream in left:
            stream.close()
