"""Targets in memory, for tests of tasks."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

from luigi_clone._local_storage.shared_memory import SharedMapping
from luigi_clone.format import get_default_format
from luigi_clone.target import FileSystem, FileSystemTarget

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from types import TracebackType

    from luigi_clone.format import Format

__all__ = ["MockFileSystem", "MockTarget"]


def _is_below(key: str, path: str) -> bool:
    """Tell whether ``key`` is ``path`` or lies below it; everything lies below the empty path."""
    return key == path or not path or key.startswith(path if path.endswith("/") else f"{path}/")


class MockFileSystem(FileSystem):
    """Files in memory: one mapping of path to bytes for all instances, seen by forked child processes too."""

    _data: MutableMapping[str, bytes] | None = None

    def get_all_data(self) -> MutableMapping[str, bytes]:
        """Return the mapping itself; tests may write to it."""
        if MockFileSystem._data is None:
            MockFileSystem._data = SharedMapping()
        return MockFileSystem._data

    def get_data(self, fn: str) -> bytes:
        """Return what is stored at ``fn``; KeyError if nothing is."""
        return self.get_all_data()[fn]

    def exists(self, path: str) -> bool:
        """Tell whether something is stored at exactly ``path``."""
        return path in self.get_all_data()

    def remove(self, path: str, recursive: bool = True, skip_trash: bool = True) -> None:
        """Forget ``path``, with ``recursive`` also all below it; without, KeyError if nothing is there."""
        data = self.get_all_data()
        if not recursive:
            del data[path]
            return
        for key in [key for key in data if _is_below(key, path)]:
            data.pop(key, None)

    def move(self, path: str, dest: str, raise_if_exists: bool = False) -> None:
        """Store under another path; KeyError if there is nothing to move."""
        data = self.get_all_data()
        if raise_if_exists and dest in data:
            raise RuntimeError(f"Destination exists: {path}")
        data[dest] = data[path]
        if dest != path:
            del data[path]

    def copy(self, path: str, dest: str, raise_if_exists: bool = False) -> None:
        """Store under another path too; KeyError if there is nothing to copy."""
        data = self.get_all_data()
        if raise_if_exists and dest in data:
            raise RuntimeError(f"Destination exists: {path}")
        data[dest] = data[path]

    def listdir(self, path: str) -> list[str]:
        """Return what is stored at or below ``path``."""
        return [key for key in self.get_all_data() if _is_below(key, path)]

    def isdir(self, path: str) -> bool:
        """Tell whether something is stored below ``path``."""
        return any(key and key != path and _is_below(key, path) for key in self.get_all_data())

    def mkdir(self, path: str, parents: bool = True, raise_if_exists: bool = False) -> None:
        """Do nothing: directories are what the paths say."""

    def clear(self) -> None:
        """Forget everything."""
        self.get_all_data().clear()


class _MockWriter(BytesIO):
    """What is written to a `MockTarget`; stored when closed, dropped after an exception."""

    name: str
    _decided = False

    def __init__(self, target: MockTarget) -> None:
        super().__init__()
        self._target = target
        self.name = target.path
        self._at_line_start = True

    def write(self, data: Any, /) -> int:
        if self._target._mirror_on_stderr:
            self._mirror(bytes(data).decode("utf8", "replace"))
        return super().write(data)

    def _mirror(self, text: str) -> None:
        for line in text.splitlines(keepends=True):
            if self._at_line_start:
                sys.stderr.write(f"{self.name}: ")
            sys.stderr.write(line)
            self._at_line_start = line.endswith(("\n", "\r"))

    def close(self) -> None:
        if not self.closed:
            self._target.fs.get_all_data()[self._target.path] = self.getvalue()
            super().close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            super().close()

    def __del__(self) -> None:
        super().close()


class MockTarget(FileSystemTarget):
    """A target in memory. ``is_tmp`` is accepted and means nothing.

    With ``mirror_on_stderr`` what is written is shown there too, each line behind the path. What is written
    is stored when the handle is closed, and never if the block ends with an exception.
    """

    fs = MockFileSystem()

    def __init__(
        self,
        fn: str,
        is_tmp: bool | None = None,
        mirror_on_stderr: bool = False,
        format: Format | None = None,  # noqa: A002 - Luigi's name
    ) -> None:
        self._mirror_on_stderr = mirror_on_stderr
        self.path = fn
        self.format = get_default_format() if format is None else format

    def exists(self) -> bool:
        """Tell whether something is stored at the path."""
        return self.path in self.fs.get_all_data()

    def move(self, path: str, raise_if_exists: bool = False) -> None:
        """Store under another path; the target keeps its own."""
        self.fs.move(self.path, path, raise_if_exists)

    def rename(self, *args: Any, **kwargs: Any) -> None:
        """Do what `move` does."""
        self.move(*args, **kwargs)

    def open(self, mode: str = "r") -> Any:
        """Open for writing if ``mode`` starts with w, else for reading (KeyError if nothing is stored)."""
        if mode[:1] == "w":
            return self.format.pipe_writer(_MockWriter(self))
        return self.format.pipe_reader(BytesIO(self.fs.get_all_data()[self.path]))
