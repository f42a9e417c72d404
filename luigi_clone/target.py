"""Targets: what tasks make, and by which they are known to be complete. File systems, atomic files."""

from __future__ import annotations

import abc
import io
import logging
import os
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from luigi_clone._local_storage import temporaries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
__all__ = [
    "AtomicLocalFile",
    "FileAlreadyExists",
    "FileSystem",
    "FileSystemException",
    "FileSystemTarget",
    "MissingParentDirectory",
    "NotADirectory",
    "Target",
]

logger = logging.getLogger("luigi-interface")


class Target(metaclass=abc.ABCMeta):
    """What a task makes. A task without ``complete`` of its own is complete when all its targets exist.

    Targets compare by identity.
    """

    @abc.abstractmethod
    def exists(self) -> bool:
        """Tell whether the target is there, whole."""


class FileSystemException(Exception):  # noqa: N818 - Luigi's name
    """Root of what file systems raise of their own; errors of the operating system pass as they are."""


class FileAlreadyExists(FileSystemException):
    """The destination exists and must not."""


class MissingParentDirectory(FileSystemException):
    """The parent directory does not exist and was not to be created."""


class NotADirectory(FileSystemException):
    """There is a file where a directory is needed."""


class FileSystem(metaclass=abc.ABCMeta):
    """Operations on paths of one store. Only ``exists`` and ``remove`` must be provided."""

    @abc.abstractmethod
    def exists(self, path: str) -> bool:
        """Tell whether there is a file or directory at ``path``."""

    @abc.abstractmethod
    def remove(self, path: str, recursive: bool = True, skip_trash: bool = True) -> None:
        """Delete the file, or with ``recursive`` the directory and everything below it."""

    def mkdir(self, path: str, parents: bool = True, raise_if_exists: bool = False) -> None:
        """Create a directory, with ``parents`` including the missing ones above it.

        Raises MissingParentDirectory, and with ``raise_if_exists`` FileAlreadyExists.
        """
        raise self._not_implemented("mkdir")

    def isdir(self, path: str) -> bool:
        """Tell whether ``path`` is a directory."""
        raise self._not_implemented("isdir")

    def listdir(self, path: str) -> Iterable[str]:
        """Give the paths of all files below ``path``, each starting with ``path``."""
        raise self._not_implemented("listdir")

    def move(self, path: str, dest: str) -> None:
        """Move a file or directory."""
        raise self._not_implemented("move")

    def rename_dont_move(self, path: str, dest: str) -> None:
        """Rename ``path`` to exactly ``dest``; never into ``dest`` if that is a directory.

        Raises FileAlreadyExists if ``dest`` exists. This general form looks first and moves then, so another
        writer can come in between; file systems that can do better override it.
        """
        warnings.warn(f"File system {type(self).__name__} client doesn't support atomic mv.", stacklevel=2)
        if self.exists(dest):
            raise FileAlreadyExists
        self.move(path, dest)

    def rename(self, *args: Any, **kwargs: Any) -> None:
        """Do what `move` does."""
        self.move(*args, **kwargs)

    def copy(self, path: str, dest: str) -> None:
        """Copy a file or directory."""
        raise self._not_implemented("copy")

    def _not_implemented(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{method}() not implemented on {type(self).__name__}")


class FileSystemTarget(Target):
    """A target that is a path in a `FileSystem`. ``path`` may be a string or any path-like object."""

    path: str

    def __init__(self, path: Any) -> None:
        self.path = str(path)

    def __str__(self) -> str:
        return self.path

    @property
    @abc.abstractmethod
    def fs(self) -> Any:
        """The `FileSystem` in which the path is looked up; a class attribute will do."""

    @abc.abstractmethod
    def open(self, mode: str) -> Any:
        """Open the target for reading (``"r"``) or writing (``"w"``); what is written appears when closed."""

    def exists(self) -> bool:
        """Tell whether the path is there; patterns are not expanded, and warned about."""
        path = self.path
        if "*" in path or "?" in path or "[" in path or "{" in path:
            logger.warning(
                "Using wildcards in path %s might lead to processing of an incomplete dataset; "
                "override exists() to suppress the warning.",
                path,
            )
        return bool(self.fs.exists(path))

    def remove(self) -> None:
        """Delete what is at the path."""
        self.fs.remove(self.path)

    @contextmanager
    def temporary_path(self) -> Iterator[str]:
        """Give a path to write a file or directory to, renamed to the final path at the end of the block.

        Nothing is created at the path that is given; its parent directory is. After an exception what was
        written is removed, and nothing appears at the final path. If something is at the final path by the
        end of the block, FileAlreadyExists is raised, and what was written stays under its temporary name,
        which is logged.
        """
        slash = self._trailing_slash()
        bare = self.path.rstrip("\\/")
        temporary = f"{bare}{temporaries.MARK}{temporaries.random_number():010d}{slash}"
        parent = os.path.dirname(bare)
        if parent:
            self.fs.mkdir(parent, parents=True, raise_if_exists=False)
        try:
            yield temporary
        except BaseException:
            self._discard_temporary(temporary)
            raise
        try:
            self._publish_temporary(temporary)
        except FileAlreadyExists:
            logger.warning("%s exists already; what was to replace it is left at %s", self.path, temporary)
            raise

    def _publish_temporary(self, temporary: str) -> None:
        self.fs.rename_dont_move(temporary, self.path)

    def _discard_temporary(self, temporary: str) -> None:
        # The caller's exception is on its way and matters more than whatever the store says about cleaning
        # up.
        with suppress(Exception):
            if self.fs.exists(temporary):
                self.fs.remove(temporary)

    def _touchz(self) -> None:
        with self.open("w"):
            pass

    def _trailing_slash(self) -> str:
        last = self.path[-1]
        return last if last in "\\/" else ""


class _TemporaryFile(io.FileIO):
    """The raw file below an `AtomicLocalFile`: created exclusively, and remembers a failed write.

    The layers above may have given up their data when a write fails (a text layer has), so a later, luckier
    flush must not make the file look whole.
    """

    failure: BaseException | None = None

    def __init__(self, path: str, *, rights: int, exclusive: bool) -> None:
        extra = os.O_EXCL if exclusive else 0
        super().__init__(path, "w", opener=lambda name, flags: os.open(name, flags | extra, rights))

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BaseException as error:
            self.failure = error
            raise

    def raise_failure(self) -> None:
        if self.failure is not None:
            raise OSError(f"{self.name} is not whole: {self.failure}") from self.failure


_OPEN, _COMPLETE, _PUBLISHED, _DISCARDED = range(4)
_ATTEMPTS = 100
_BUFFER_SIZE = 64 * 1024
_EVERYONE = 0o666
_OWNER = 0o600


class AtomicLocalFile(io.BufferedWriter):
    """A binary file that is written locally under a temporary name and then shipped; base class for stores.

    Subclasses say in `move_to_final_destination` what happens to ``tmp_path`` once the file is complete,
    and may choose another ``generate_tmp_path``. Nothing is shipped if the ``with`` block ends with an
    exception, a write failed, or the object is dropped without ``close``; the temporary file is then
    removed, at the latest when the interpreter exits.
    """

    path: str
    __state = _OPEN
    __tmp_path = ""
    __pid: int | None = None
    __file: _TemporaryFile | None = None
    __failure: BaseException | None = None

    def __init__(self, path: str) -> None:
        self.path = path
        self.__file = self.__create_temporary(path)
        super().__init__(self.__file, _BUFFER_SIZE)
        self.__pid = os.getpid()
        temporaries.remove_at_exit(self.__tmp_path)

    def __create_temporary(self, path: str) -> _TemporaryFile:
        maker = getattr(type(self).generate_tmp_path, "__module__", "")
        ours = maker.partition(".")[0] == __name__.partition(".")[0]
        rights = _OWNER if self._is_in_shared_directory() else _EVERYONE
        for _ in range(_ATTEMPTS):
            self.__tmp_path = tmp_path = self.generate_tmp_path(path)
            try:
                return _TemporaryFile(tmp_path, rights=rights, exclusive=True)
            except FileExistsError:
                if not ours:  # a subclass that reserves its file first, say with mkstemp, finds its own
                    return _TemporaryFile(tmp_path, rights=rights, exclusive=False)
        raise FileExistsError(f"No free temporary name for {path} after {_ATTEMPTS} attempts")

    def _is_in_shared_directory(self) -> bool:
        """Tell whether the temporary file lies among other users' files: nobody else is to read it."""
        return type(self).generate_tmp_path is AtomicLocalFile.generate_tmp_path

    def generate_tmp_path(self, path: str) -> str:
        """Return the name to write to, by default one in the system's temporary directory."""
        import tempfile

        return os.path.join(tempfile.gettempdir(), f"luigi-s3-tmp-{temporaries.random_number():09d}")

    def move_to_final_destination(self) -> None:
        """Ship the complete file at ``tmp_path`` to ``path``."""
        raise NotImplementedError

    @property
    def tmp_path(self) -> str:
        """The name under which the file is written."""
        return self.__tmp_path

    def close(self) -> None:
        """Complete the file and ship it. Closing again is harmless; a shipment that failed is tried again.

        Raises what `move_to_final_destination` raises, and OSError if a write failed: then nothing is
        shipped.
        """
        if self.__failure is not None:
            raise OSError(f"{self.path} was not written: {self.__failure}") from self.__failure
        if self.__state == _OPEN:
            self.__complete()
        if self.__state == _COMPLETE:
            self.move_to_final_destination()
            self.__state = _PUBLISHED

    def __complete(self) -> None:
        try:
            self.flush()
            if self.__file is not None:
                self.__file.raise_failure()
            self._settle()
            super().close()
        except BaseException as error:
            self.__failure = error
            self._discard()
            raise
        self.__state = _COMPLETE

    def _settle(self) -> None:
        """Do what the complete, still open file needs before it is shipped."""
        if self._is_in_shared_directory():
            # shipping may be a plain rename, after which the file has the rights that any new file has
            os.fchmod(self.fileno(), temporaries.rights_of_new_files(self.__tmp_path))

    def _discard(self) -> None:
        """Give up what was written; nothing is shipped from now on.

        In a forked child that inherited the open file this lets go of it and leaves the parent's data alone.
        """
        if self.__state in (_OPEN, _COMPLETE):
            self.__state = _DISCARDED
            raw = getattr(self, "raw", None)
            if raw is not None:  # else the constructor failed: there is nothing of ours
                raw.close()
                if self.__pid in (None, os.getpid()):
                    temporaries.remove_file(self.__tmp_path)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self._discard()
            return
        try:
            self.close()
        except BaseException:
            self._discard()
            raise

    def __del__(self) -> None:
        self._discard()
        temporaries.remove_if_live(self.__tmp_path)
