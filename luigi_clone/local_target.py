"""Targets on the local disk, which are complete or absent whatever happens, power loss included."""

from __future__ import annotations

import errno
import io
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from luigi_clone._local_storage import durability, temporaries
from luigi_clone.format import FileWrapper, get_default_format
from luigi_clone.target import (
    AtomicLocalFile,
    FileAlreadyExists,
    FileSystem,
    FileSystemTarget,
    MissingParentDirectory,
    NotADirectory,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luigi_clone.format import Format

__all__ = ["LocalFileSystem", "LocalTarget", "atomic_file", "sweep_temporary_files"]

sweep_temporary_files = temporaries.sweep


def _fsync_is_wanted() -> bool:
    from luigi_clone.configuration import get_config

    return bool(get_config().getboolean("local_target", "fsync", True))


class atomic_file(AtomicLocalFile):  # noqa: N801 - Luigi's name
    """A file that appears at ``path`` when it is closed, whole, in one rename; until then nothing is there.

    It is written under ``<path>-luigi-tmp-<digits>`` in the same directory. With ``fsync`` (default:
    configuration ``[local_target] fsync``, which is true) data and directory entry are on the disk when
    ``close`` returns; without, a power loss soon after may leave an empty file.
    """

    fsync: bool

    def __init__(self, path: str, fsync: bool | None = None) -> None:
        self.fsync = _fsync_is_wanted() if fsync is None else fsync
        super().__init__(path)
        temporaries.hold(self.fileno())

    def generate_tmp_path(self, path: str) -> str:
        """Return a random name beside the final path, so that the last step is a rename on one disk."""
        return f"{path}{temporaries.MARK}{temporaries.random_number():09d}"

    def _settle(self) -> None:
        if self.fsync:
            durability.sync_descriptor(self.fileno())

    def move_to_final_destination(self) -> None:
        """Rename to the final path, replacing what is there."""
        os.replace(self.tmp_path, self.path)
        temporaries.forget(self.tmp_path)
        if self.fsync:
            durability.sync_directory(os.path.dirname(self.path))


class LocalFileSystem(FileSystem):
    """The files of this machine."""

    def exists(self, path: str) -> bool:
        """Tell whether there is a file or directory; links are followed, patterns are not expanded."""
        return os.path.exists(path)

    def isdir(self, path: str) -> bool:
        """Tell whether ``path`` is a directory."""
        return os.path.isdir(path)

    def mkdir(self, path: str, parents: bool = True, raise_if_exists: bool = False) -> None:
        """Create a directory.

        An existing one is fine unless ``raise_if_exists``: then FileAlreadyExists, for all but one of several
        processes that try at once. A file there: NotADirectory. Without ``parents`` and without a parent
        directory: MissingParentDirectory.
        """
        if self.exists(path):
            self._accept_existing(path, raise_if_exists)
            return
        parent = durability.parent_of(path)
        if parent and not os.path.exists(parent):
            if not parents:
                raise MissingParentDirectory
            os.makedirs(parent, exist_ok=True)
        try:
            os.mkdir(path)
        except FileExistsError:
            self._accept_existing(path, raise_if_exists)

    def _accept_existing(self, path: str, raise_if_exists: bool) -> None:
        if raise_if_exists:
            raise FileAlreadyExists
        if not self.isdir(path):
            raise NotADirectory

    def listdir(self, path: str) -> Iterator[str]:
        """Give all files below ``path``, directories themselves not; nothing if ``path`` is missing."""
        for folder, _, files in os.walk(path):
            for name in files:
                yield os.path.join(folder, name)

    def remove(self, path: str, recursive: bool = True, skip_trash: bool = True) -> None:
        """Delete a file, or with ``recursive`` a directory and all below it; there is no trash here.

        Raises FileNotFoundError, and IsADirectoryError for a directory without ``recursive``.
        """
        if recursive and os.path.isdir(path) and not os.path.islink(path):
            import shutil

            shutil.rmtree(path)
        else:
            os.remove(path)

    def copy(self, old_path: str, new_path: str, raise_if_exists: bool = False) -> None:
        """Copy content and mode bits of a file; the parent directory is created.

        With ``raise_if_exists`` an existing destination is a RuntimeError.
        """
        import shutil

        if raise_if_exists and os.path.exists(new_path):
            raise RuntimeError(f"Destination exists: {new_path}")
        self._make_parent(new_path)
        shutil.copy(old_path, new_path)

    def move(self, old_path: str, new_path: str, raise_if_exists: bool = False) -> None:
        """Rename a file or directory, replacing what can be replaced; the parent directory is created.

        With ``raise_if_exists`` nothing is ever replaced: of several that move to one place exactly one
        succeeds, the others get FileAlreadyExists. To another disk the content is copied beside the
        destination first.
        """
        if raise_if_exists and os.path.exists(new_path):
            raise FileAlreadyExists(f"Destination exists: {new_path}")
        self._make_parent(new_path)
        if not raise_if_exists:
            self._move_anywhere(os.replace, old_path, new_path, replace=True)
            return
        from luigi_clone._local_storage import renaming

        try:
            self._move_anywhere(renaming.rename_exclusively, old_path, new_path, replace=False)
        except FileExistsError as error:
            if not renaming.rename_over_dangling_link(old_path, new_path):
                raise FileAlreadyExists(f"Destination exists: {new_path}") from error

    @staticmethod
    def _move_anywhere(
        rename: Callable[[str, str], None], old_path: str, new_path: str, *, replace: bool
    ) -> None:
        try:
            rename(old_path, new_path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            from luigi_clone._local_storage import renaming

            renaming.move_across_disks(old_path, new_path, replace=replace)

    def rename_dont_move(self, path: str, dest: str) -> None:
        """Rename to exactly ``dest`` in one step; FileAlreadyExists if anything is there."""
        self.move(path, dest, raise_if_exists=True)

    def _make_parent(self, path: str) -> None:
        parent = durability.parent_of(path)
        if parent and not os.path.exists(parent):
            self.mkdir(parent)


class LocalTarget(FileSystemTarget):
    """A file (or, with `temporary_path`, also a directory) on the local disk.

    Without ``path`` and with ``is_tmp`` a name in the system's temporary directory is chosen; with
    ``is_tmp`` the file is removed when the target is garbage-collected or the interpreter exits, by the
    process that made the target. ``format`` says what is read and written (default: text in the locale's
    encoding).

    What is written appears at once and whole when it is closed. It is then also on the disk (fsync of the
    file and of its directory), unless the configuration says ``[local_target] fsync = false``, or the class
    or instance attribute ``fsync`` does.
    """

    fs = LocalFileSystem()
    fsync: bool | None = None
    is_tmp = False
    _maker: tuple[int, int] | None = None

    def __init__(self, path: Any = None, format: Format | None = None, is_tmp: bool = False) -> None:  # noqa: A002
        self.format = get_default_format() if format is None else format
        if not path:
            if not is_tmp:
                raise Exception("path or is_tmp must be set")  # noqa: TRY002 - Luigi's exception
            import tempfile

            path = os.path.join(tempfile.gettempdir(), f"luigi-tmp-{temporaries.random_number():09d}")
        super().__init__(path)
        self.is_tmp = is_tmp
        if is_tmp:
            # a pickled or copied target, and a target in a forked child, do not own the file
            self._maker = (os.getpid(), id(self))
            temporaries.call_at_exit(self)

    def __del__(self) -> None:
        if self.is_tmp:
            self._remove_temporary()

    def _remove_temporary(self) -> None:
        if self.is_tmp and self._maker == (os.getpid(), id(self)):
            temporaries.remove_any(self.path)

    def makedirs(self) -> None:
        """Create the missing directories above the path; what fails shows when the file is opened."""
        parent = os.path.dirname(os.path.normpath(self.path))
        if parent and not os.path.isdir(parent):
            try:
                durability.make_directories(parent, durable=self._is_durable())
            except OSError:
                return

    def open(self, mode: str = "r") -> Any:
        """Open for reading (``"r"``, ``"rb"``) or writing (``"w"``); text or bytes is the format's affair.

        What is written replaces the file at the path when it is closed, and never if the block ends with an
        exception. Raises FileNotFoundError, IsADirectoryError and, for the folder of a new file,
        PermissionError.
        """
        direction = mode.replace("b", "").replace("t", "")
        if direction == "w":
            self.makedirs()
            return self._open_for_writing()
        if direction == "r":
            raw = io.BufferedReader(io.FileIO(self.path, mode))
            try:
                return self.format.pipe_reader(FileWrapper(raw))
            except BaseException:
                raw.close()
                raise
        raise Exception(f"mode must be 'r' or 'w' (got: {mode})")  # noqa: TRY002 - Luigi's exception

    def _open_for_writing(self) -> Any:
        durable = False if self.is_tmp else self.fsync
        try:
            output = atomic_file(self.path) if durable is None else atomic_file(self.path, durable)
        except FileNotFoundError:
            # say why there is no directory, which makedirs did not
            durability.make_directories(os.path.dirname(os.path.normpath(self.path)), durable=False)
            raise
        try:
            return self.format.pipe_writer(output)
        except BaseException:
            output._discard()
            raise

    def _is_durable(self) -> bool:
        if self.is_tmp:
            return False
        return _fsync_is_wanted() if self.fsync is None else self.fsync

    @contextmanager
    def temporary_path(self) -> Iterator[str]:
        """Give a path to write a file or directory to, renamed to the final path at the end of the block.

        As `FileSystemTarget.temporary_path`, and in one step even if another process publishes at the same
        time: exactly one succeeds. With ``fsync`` all that was written is on the disk before it appears.
        """
        with super().temporary_path() as temporary:
            temporaries.remove_at_exit(temporary)
            try:
                yield temporary
            finally:
                temporaries.forget(temporary)

    def _publish_temporary(self, temporary: str) -> None:
        durable = self._is_durable()
        if durable and os.path.lexists(temporary.rstrip("/")):
            durability.sync_tree(temporary)
        super()._publish_temporary(temporary)
        if durable:
            durability.sync_directory(durability.parent_of(self.path))

    def move(self, new_path: str, raise_if_exists: bool = False) -> None:
        """Move the file; the target keeps its path."""
        self.fs.move(self.path, new_path, raise_if_exists=raise_if_exists)

    def move_dir(self, new_path: str) -> None:
        """Do what `move` does."""
        self.move(new_path)

    def remove(self) -> None:
        """Delete the file or directory."""
        self.fs.remove(self.path)

    def copy(self, new_path: str, raise_if_exists: bool = False) -> None:
        """Copy the file."""
        self.fs.copy(self.path, new_path, raise_if_exists)

    @property
    def fn(self) -> str:
        """The path, by its old name."""
        warnings.warn("Use LocalTarget.path to reference filename", DeprecationWarning, stacklevel=2)
        return self.path
