"""A file for each attempt, in a folder for each task; the oldest go when there are too many."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import re
import time
from typing import NamedTuple

from luigi_clone._task_logs.settings import LogSettings

logger = logging.getLogger("luigi-interface")

_SUFFIX = ".log"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\d+-\d+\.log")
_LONGEST_NAME = 180
_STRANGE = re.compile(r"[^A-Za-z0-9._=-]")
_COUNT = itertools.count(1)


class _Warned:
    """Whether a person was told already that logs cannot be written."""

    __slots__ = ("before",)

    def __init__(self) -> None:
        self.before = False


_WARNED = _Warned()


def _warn(what: str, error: OSError) -> None:
    if not _WARNED.before:
        _WARNED.before = True
        logger.warning("%s (%s); the tasks go on without. See [worker] log_dir", what, error)


def folder_of(root: str, task_id: str) -> str:
    """Return the folder with the logs of one task."""
    name = _STRANGE.sub("_", task_id)[:_LONGEST_NAME]
    if name != task_id or not name or name.startswith("."):
        name = f"{name.lstrip('.')}-{hashlib.sha256(task_id.encode('utf-8', 'replace')).hexdigest()[:12]}"
    return os.path.join(root, name)


def attempts_in(root: str, task_id: str) -> list[str]:
    """Return the files with the logs of one task, the oldest first."""
    folder = folder_of(root, task_id)
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [os.path.join(folder, name) for name in sorted(names) if _NAME.fullmatch(name)]


class LogFile:
    """The file of one attempt, made when there is something to write.

    A file that cannot be written is warned of once in the process, and done without.
    """

    __slots__ = ("_fd", "_left", "_limit", "_settings", "_task_id", "path")

    def __init__(self, settings: LogSettings, task_id: str) -> None:
        self._settings = settings
        self._task_id = task_id
        self._fd = -1
        self._limit = self._left = settings.largest_file if settings.folder is not None else -1
        self.path: str | None = None

    def write(self, data: bytes) -> None:
        """Add to the file, up to its limit."""
        if self._left < 0 or (self._fd < 0 and not self._open()):
            return
        whole = len(data) <= self._left
        if not whole:
            note = f"\n[cut here: the log of one attempt may have {self._limit} bytes]\n"
            data = data[: self._left] + note.encode("ascii")
        self._left = self._left - len(data) if whole else -1
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            _warn(f"Cannot write the log {self.path}", error)
            self._give_up()
        if not whole:
            self.close()

    def _open(self) -> bool:
        assert self._settings.folder is not None
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
        name = f"{stamp}.{int(now % 1 * 1e6):06d}Z-{os.getpid()}-{next(_COUNT)}{_SUFFIX}"
        folder = folder_of(self._settings.folder, self._task_id)
        self.path = os.path.join(folder, name)
        try:
            os.makedirs(self._settings.folder, mode=0o700, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(self.path, flags, 0o600)
        except OSError as error:
            _warn(f"Cannot keep logs of tasks in {self._settings.folder}", error)
            self._give_up()
            return False
        return True

    def _give_up(self) -> None:
        self.close()
        self._left = -1

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1


class _Found(NamedTuple):
    changed: float
    size: int
    path: str


def clean(settings: LogSettings) -> None:
    """Delete the logs that are too old, and the oldest of those that are too many.

    Only what looks like a log is touched; other workers may clean at the same time.
    """
    if settings.folder is None:
        return
    found = sorted(_logs_in(settings.folder))
    total = sum(each.size for each in found)
    oldest = time.time() - settings.longest
    for each in found:
        if each.changed >= oldest and total <= settings.largest:
            break
        with contextlib.suppress(OSError):
            os.unlink(each.path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(each.path))
        total -= each.size


def _logs_in(root: str) -> list[_Found]:
    found = []
    for folder in _entries(root):
        if not folder.is_dir(follow_symlinks=False):
            continue
        for entry in _entries(folder.path):
            if _NAME.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found.append(_Found(status.st_mtime, status.st_size, entry.path))
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # it is gone, or not ours to read
        return []
