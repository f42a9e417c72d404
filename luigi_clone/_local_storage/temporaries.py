"""Temporary files and directories beside (or instead of) the final path: names, removal at exit, sweeping.

Names keep Luigi's pattern, ``<path>-luigi-tmp-<digits>``, but come from the operating system's random source:
two workers that seed ``random`` alike still choose different names.
"""

from __future__ import annotations

import os
import time
import weakref
from contextlib import suppress
from typing import Protocol

MARK = "-luigi-tmp-"
"""What stands between the final path and the digits of a temporary name."""

DEFAULT_SWEEP_AGE = 24 * 60 * 60.0
"""Seconds for which a temporary item must have been left untouched before a sweep takes it."""

_NAME_SPACE = 10**10
_live: set[str] = set()
_live_pid: int | None = None


class TemporaryOwner(Protocol):
    """An object that has a temporary item of its own to remove."""

    def _remove_temporary(self) -> None: ...


_owners: weakref.WeakValueDictionary[int, TemporaryOwner] = weakref.WeakValueDictionary()


def random_number() -> int:
    """Return an unpredictable number below 10**10."""
    return int.from_bytes(os.urandom(8), "big") % _NAME_SPACE


def remove_at_exit(path: str) -> None:
    """Remove ``path`` when the interpreter exits, unless `forget` is called for it first.

    Only the process that asked does it: a forked child starts with an empty list.
    """
    _prepare_exit()
    _live.add(path)


def call_at_exit(owner: TemporaryOwner) -> None:
    """Let ``owner`` remove its temporary item when the interpreter exits, if it lives until then."""
    _prepare_exit()
    _owners[id(owner)] = owner


def _prepare_exit() -> None:
    global _live_pid  # one exit hook per process, installed on first use
    pid = os.getpid()
    if _live_pid != pid:
        _live.clear()
        _owners.clear()
        if _live_pid is None:
            import atexit

            atexit.register(_remove_live)
        _live_pid = pid


def forget(path: str) -> None:
    """Leave ``path`` alone at exit: it was published or removed."""
    _live.discard(path)


def remove_file(path: str) -> None:
    """Remove the temporary file ``path`` if it is there; what cannot be removed is left for a sweep."""
    _live.discard(path)
    with suppress(OSError):
        os.unlink(path)


def remove_if_live(path: str) -> None:
    """Remove ``path`` if this process asked for its removal at exit and has not yet forgotten it."""
    if path in _live and _live_pid == os.getpid():
        remove_file(path)


def rights_of_new_files(beside: str) -> int:
    """Return the mode bits (0666 without the umask) of a file created now in the directory of ``beside``.

    Found by creating one: asking for the umask means setting it, for all threads.
    """
    probe = f"{beside}-{random_number():010d}"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        return os.fstat(descriptor).st_mode & 0o777
    finally:
        os.close(descriptor)
        os.unlink(probe)


def remove_any(path: str) -> None:
    """Remove the temporary file or directory tree ``path`` if it is there."""
    _live.discard(path)
    bare = path.rstrip("/")
    if os.path.isdir(bare) and not os.path.islink(bare):
        import shutil

        shutil.rmtree(bare, ignore_errors=True)
    else:
        remove_file(bare)


def _remove_live() -> None:
    if _live_pid == os.getpid():
        for owner in list(_owners.values()):
            owner._remove_temporary()
        for path in list(_live):
            remove_any(path)


def sweep(directory: str, older_than: float = DEFAULT_SWEEP_AGE, *, recursive: bool = True) -> list[str]:
    """Remove what killed processes left below ``directory`` and return the paths removed, sorted.

    Taken are files and directories named ``<anything>-luigi-tmp-<at least nine digits>`` in which nothing was
    modified for ``older_than`` seconds and that no living process of this machine holds open for writing
    through a target. Symbolic links are not followed.
    """
    import re

    name = re.compile(re.escape(MARK) + r"[0-9]{9,}\Z")
    limit = time.time() - older_than
    removed: list[str] = []
    for folder, folders, files in os.walk(directory):
        for item in (*folders, *files):
            if name.search(item) and _is_stale(path := os.path.join(folder, item), limit):
                remove_any(path)
                if not os.path.lexists(path):
                    removed.append(path)
        folders[:] = [item for item in folders if recursive and not name.search(item)]
    return sorted(removed)


def _is_stale(path: str, limit: float) -> bool:
    """Tell whether nothing at or below ``path`` was modified after ``limit`` or is being written."""
    try:
        if os.lstat(path).st_mtime > limit:
            return False
    except OSError:
        return False
    if os.path.islink(path):
        return True
    if not os.path.isdir(path):
        return not _is_locked(path)
    for folder, folders, files in os.walk(path):
        for item in (*folders, *files):
            with suppress(FileNotFoundError):
                if os.lstat(os.path.join(folder, item)).st_mtime > limit:
                    return False
    return True


def hold(descriptor: int) -> None:
    """Mark the open temporary file as being written, so that a sweep leaves it alone however old it gets."""
    import fcntl

    with suppress(OSError):  # a file system without locks: the age alone decides
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _is_locked(path: str) -> bool:
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
