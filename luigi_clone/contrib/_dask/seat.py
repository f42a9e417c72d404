"""A process beside a Dask worker that makes attempts, one after the other.

Not the Dask worker itself, whose threads nobody can end, and not a fork of it: it is full of threads.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.pool import NOBODY
from luigi_clone._task_processes.results import Channel, send

if TYPE_CHECKING:
    from luigi_clone._task_logs.child import Address
    from luigi_clone.contrib._dask.orders import Order, Session

_PROGRAM = """
import json, socket, sys
paths, fd, aliased, limits = json.loads(sys.argv.pop())
sys.path[:] = paths
from luigi_clone._task_processes.pooled import Limits, serve
serve(socket.socket(fileno=fd), aliased, Limits(*limits))
"""


class Seat:
    """One process, and the way there and back."""

    def __init__(self, session: Session, surroundings: dict[str, Any]) -> None:
        paths = [*sys.path, *(path for path in surroundings["paths"] if _is_new_here(path))]
        ours, theirs = socket.socketpair()
        with theirs:
            argument = json.dumps(
                (paths, theirs.fileno(), session.is_aliased, (session.max_tasks, session.max_memory))
            )
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", _PROGRAM, argument],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket = ours
        self._channel = Channel(ours.fileno(), NOBODY)
        self._lock = threading.Lock()
        self.is_ready = False
        self.handlers = 0
        self._has_log_address = False
        environment = {**os.environ, **surroundings["environment"]}
        self.send("surroundings", {**surroundings, "environment": environment})

    @property
    def pid(self) -> int:
        """The process id, which is that of its group as well."""
        return self.process.pid

    def send(self, kind: str, what: Any) -> None:
        """Send a message; ``OSError`` when the process is not there to take it."""
        payload = pickle.dumps((kind, what), pickle.HIGHEST_PROTOCOL)
        with self._lock:
            send(self._socket.fileno(), payload)

    def take(self, order: Order, collected_at: Address | None) -> None:
        """Let the process make an attempt; its output is read by the worker, or else where it is told."""
        if collected_at is not None and not self._has_log_address:
            self.send("logs", collected_at)
            self._has_log_address = True
        number, handlers = order.handlers
        if number != self.handlers:
            self.send("handlers", handlers)
            self.handlers = number
        self.send("attempt", (order.task_id, order.process, order.found_complete))

    def messages(self) -> Iterator[tuple[Any, Any, bool, bool]]:
        """Yield what comes: result, what goes with it, whether the process leaves, whether more is there.

        Ends with the process.
        """
        import select

        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        while True:
            try:
                message = self._channel.read()
            except (EOFError, OSError):
                return
            assert message is not None  # reading waits
            result, rest, *leaving = pickle.loads(message)  # noqa: S301 - written by our own child
            yield result, rest, any(leaving), bool(poller.poll(0))

    def close(self) -> None:
        """Let the process end when it has nothing to do."""
        self._socket.close()

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self.process.poll() is None


def _is_new_here(path: str) -> bool:
    return path not in sys.path and os.path.isdir(path)  # noqa: PTH112 - a plain text has travelled
