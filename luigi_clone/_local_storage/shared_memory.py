"""A mapping that is a plain dictionary until the process forks, and is then shared with its children."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, MutableMapping
from typing import Any

_mappings: weakref.WeakValueDictionary[int, SharedMapping] = weakref.WeakValueDictionary()
_hooks_installed = False


class SharedMapping(MutableMapping[str, bytes]):
    """Path to bytes; what a forked child stores its parent and siblings see, and the other way round.

    Sharing takes a server process, and each access a round trip to it. Most tests never fork, so the data
    moves there (a `multiprocessing.Manager`) only just before the first fork. ``keys``, ``values``,
    ``items`` and iteration are snapshots, as they are with a manager's dictionary.
    """

    def __init__(self) -> None:
        self._store: Any = {}
        self._server: Any = None
        self._lock = threading.RLock()
        _install_hooks()
        _mappings[id(self)] = self

    def __getitem__(self, key: str) -> bytes:
        with self._lock:
            data: bytes = self._store[key]
            return data

    def __setitem__(self, key: str, value: bytes) -> None:
        with self._lock:
            self._store[key] = value

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._store[key]

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._store

    def __len__(self) -> int:
        with self._lock:
            return len(self._store)

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._store.keys()))

    def __repr__(self) -> str:
        return repr(self.copy())

    def copy(self) -> dict[str, bytes]:
        """Return the content as a plain dictionary."""
        with self._lock:
            return dict(self._store.copy())

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._store.clear()

    def _share(self) -> None:
        """Hand the data to a server process; called by the process about to fork, which holds the lock."""
        if self._server is not None:
            return
        import multiprocessing

        server = multiprocessing.get_context("fork").Manager()
        store = server.dict()
        store.update(self._store)
        self._server, self._store = server, store

    def _forget_connection(self) -> None:
        """Let go of the connection inherited from the parent; called in a child right after the fork.

        `multiprocessing` does this for the processes it starts itself; a bare ``os.fork`` would share the
        socket.
        """
        if self._server is not None:
            self._store._tls.__dict__.clear()


class _ForkState(threading.local):
    """What the forking thread holds, per fork; a fork within a fork is that of the server process."""

    def __init__(self) -> None:
        self.held: list[list[SharedMapping]] = []


_forks = _ForkState()


def _install_hooks() -> None:
    global _hooks_installed
    if not _hooks_installed:  # the interpreter has no way to take a hook back
        _hooks_installed = True
        # Its hook takes a plain lock. Registered after ours it would run before ours, and the fork of the
        # server, inside ours, would wait for that lock for ever.
        import concurrent.futures.thread  # noqa: F401

        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
        )


def _before_fork() -> None:
    is_own_server = bool(_forks.held)
    mappings = [mapping for _, mapping in sorted(_mappings.items())]
    for mapping in mappings:
        mapping._lock.acquire()
    _forks.held.append(mappings)
    if not is_own_server:
        for mapping in mappings:
            mapping._share()


def _after_fork() -> None:
    for mapping in _forks.held.pop():
        mapping._lock.release()


def _after_fork_in_child() -> None:
    for mapping in _forks.held[-1]:
        mapping._forget_connection()
    _after_fork()
