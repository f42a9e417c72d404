"""Renames that never replace, and moves between disks.

``rename_exclusively`` is what makes "of two writers that race exactly one wins" true. Linux has
``renameat2(2)`` with RENAME_NOREPLACE, macOS ``renamex_np(2)`` with RENAME_EXCL; both work for files and
for directories. Where neither exists (an old C library, NFS), link(2) does it for files, and for the rest a
lock on the directory makes check-then-rename safe among the processes that go this way.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from luigi_clone._local_storage import durability, temporaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4
_NOT_OFFERED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


def rename_exclusively(source: str, destination: str) -> None:
    """Rename the file or directory ``source`` to exactly ``destination``, which must not exist, in one step.

    Raises FileExistsError if anything is at the destination, and other OSErrors as rename(2) does (EXDEV for
    another disk). Nothing ever ends up *inside* an existing destination directory.
    """
    system_call = _exclusive_system_call()
    if system_call is not None:
        number = system_call(_encoded(source), _encoded(destination))
        if number == 0:
            return
        if number not in _NOT_OFFERED:
            raise OSError(number, os.strerror(number), source, None, destination)
    _rename_without_system_call(source, destination)


def rename_over_dangling_link(source: str, destination: str) -> bool:
    """Replace the link ``destination`` if what it points to is missing; tell whether that was so.

    Such a link does not exist for those who follow links, but no exclusive rename gets past it: all come
    here, one after the other.
    """
    with _locked(durability.parent_of(destination)):
        bare = destination.rstrip("/")
        if os.path.exists(bare) or not os.path.islink(bare):
            return False
        os.replace(source, destination)
        return True


def _encoded(path: str) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


_system_call: Callable[[bytes, bytes], int] | None = None
_system_call_searched = False


def _exclusive_system_call() -> Callable[[bytes, bytes], int] | None:
    """Return a function (source, destination) -> errno, or None where the system has no such call.

    Looked up once, and not at import: loading ctypes takes milliseconds.
    """
    global _system_call, _system_call_searched
    if not _system_call_searched:
        _system_call = _find_system_call()
        _system_call_searched = True
    return _system_call


def _find_system_call() -> Callable[[bytes, bytes], int] | None:
    try:
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        function = library.renamex_np if sys.platform == "darwin" else library.renameat2
    except (ImportError, OSError, AttributeError):
        return None
    text, number = ctypes.c_char_p, ctypes.c_int
    function.restype = number
    if sys.platform == "darwin":
        function.argtypes = [text, text, ctypes.c_uint]
        return lambda a, b: ctypes.get_errno() if function(a, b, _RENAME_EXCL) else 0
    function.argtypes = [number, text, number, text, ctypes.c_uint]
    return lambda a, b: ctypes.get_errno() if function(_AT_FDCWD, a, _AT_FDCWD, b, _RENAME_NOREPLACE) else 0


def _rename_without_system_call(source: str, destination: str) -> None:
    if not os.path.isdir(source):
        try:
            os.link(source, destination, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _NOT_OFFERED and error.errno != errno.EMLINK:
                raise
        else:
            os.unlink(source)
            return
    with _locked(durability.parent_of(destination)):
        if os.path.lexists(destination.rstrip("/")):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, destination)
        try:
            # even against a writer that takes no lock: rename(2) replaces no directory that holds anything
            os.rename(source, destination)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise FileExistsError(
                    errno.EEXIST, os.strerror(errno.EEXIST), source, None, destination
                ) from error
            raise


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    import fcntl

    descriptor = os.open(directory or ".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # no locks on this file system: rename(2)'s own refusals remain
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _census(path: str) -> list[tuple[str, int]]:
    """Return the names and sizes of the files at or below ``path``."""
    if os.path.islink(path) or not os.path.isdir(path):
        return [("", os.lstat(path).st_size)]
    files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sorted((os.path.relpath(file, path), os.lstat(file).st_size) for file in files)


def _compare(source: str, copy: str) -> None:
    if _census(copy) != _census(source):
        raise OSError(f"{source} changed while it was copied; it stays where it is")


def move_across_disks(source: str, destination: str, *, replace: bool) -> None:
    """Move a file, link or directory tree to another disk; the destination appears in one step, complete.

    Mode, times and extended attributes are kept. The source is removed only when the copy is on the disk.
    """
    import shutil

    bare_source, bare_destination = source.rstrip("/"), destination.rstrip("/")
    copy = f"{bare_destination}{temporaries.MARK}{temporaries.random_number():010d}"
    is_tree = os.path.isdir(bare_source) and not os.path.islink(bare_source)
    try:
        if is_tree:
            shutil.copytree(bare_source, copy, symlinks=True)
        else:
            shutil.copy2(bare_source, copy, follow_symlinks=False)
        _compare(bare_source, copy)
        durability.sync_tree(copy)
        if replace:
            os.replace(copy, bare_destination)
        else:
            rename_exclusively(copy, bare_destination)
    except BaseException:
        temporaries.remove_any(copy)
        raise
    durability.sync_directory(durability.parent_of(bare_destination))
    if is_tree:
        shutil.rmtree(bare_source)
    else:
        os.unlink(bare_source)
