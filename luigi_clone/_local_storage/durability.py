"""Bring data and directory entries to the disk, so that they are there after a power loss.

A rename is atomic for the processes that look on, but after a crash the file system may know the new name
and not yet the data behind it (or the data and not yet the name). Hence the order everywhere in this
package: data to the disk, rename, directory to the disk. See fsync(2): "Calling fsync() does not
necessarily ensure that the entry in the directory containing the file has also reached disk."
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress

# What file systems answer that know nothing of syncing a directory (CIFS, some FUSE ones), or a directory
# that may be written but not read.
_NOT_OFFERED = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EACCES, errno.EPERM}
)


def sync_descriptor(descriptor: int) -> None:
    """Write what the open file holds to the disk itself; returns when it is there.

    Raises OSError if the disk reports a failure: the data must then not be published.
    """
    if sys.platform == "darwin":
        import fcntl

        # fsync(2) of macOS leaves the data in the drive's cache, F_FULLFSYNC does not
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def sync_directory(directory: str) -> None:
    """Write the directory's entries to the disk (``""`` is the current directory)."""
    try:
        descriptor = os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_descriptor(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise


def sync_tree(path: str) -> None:
    """Write a file, or a directory with everything below it, to the disk.

    Links are not followed; devices, sockets and files that may not be read are passed over.
    """
    bare = path.rstrip("/") or path
    kind = os.lstat(bare).st_mode
    if stat.S_ISREG(kind):
        _sync_file(bare)
    elif stat.S_ISDIR(kind):
        with os.scandir(bare) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    _sync_file(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    sync_tree(entry.path)
        sync_directory(bare)


def _sync_file(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def parent_of(path: str) -> str:
    """Return the directory part of ``path``, whose trailing slashes do not count."""
    return os.path.dirname(path.rstrip("/"))


def make_directories(path: str, *, durable: bool) -> None:
    """Create ``path`` and its missing parents, tolerating another process that does the same.

    With ``durable`` the new entries are written to the disk before this returns.
    """
    if not path or os.path.isdir(path):
        return
    missing = path
    created_in: list[str] = []
    while durable and missing and not os.path.isdir(missing):
        parent = parent_of(missing)
        created_in.append(parent)
        if parent == missing:
            break
        missing = parent
    os.makedirs(path, exist_ok=True)
    for directory in reversed(created_in):
        sync_directory(directory)
