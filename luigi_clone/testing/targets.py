"""Contracts of targets and file systems: what every implementation has to keep, as tests.

Derive from a contract, say how to make the object under test, and let pytest (or, beside
`unittest.TestCase`, unittest) collect the class::

    class TestMyTarget(TargetContract):
        def create_target(self, data_format=None):
            return MyTarget(f"{FOLDER}/{uuid4()}", format=data_format)
"""

from __future__ import annotations

import abc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from luigi_clone.format import UTF8, Gzip, Nop
from luigi_clone.target import (
    FileAlreadyExists,
    FileSystemTarget,
    MissingParentDirectory,
    NotADirectory,
    Target,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luigi_clone.format import Format
    from luigi_clone.target import FileSystem

__all__ = ["FileSystemContract", "TargetContract"]


class _StopForTestError(Exception):
    """Raised by the contracts themselves, in the middle of writing."""


@contextmanager
def _raises(*expected: type[BaseException]) -> Iterator[None]:
    try:
        yield
    except expected:
        return
    raise AssertionError(f"none of {[kind.__name__ for kind in expected]} was raised")


class TargetContract(abc.ABC):
    """What a target that can be opened keeps.

    Nothing is there until a handle is closed; nothing appears when a block ends with an exception or the
    handle is dropped; text and bytes come back as they were written.
    """

    @abc.abstractmethod
    def create_target(self, data_format: Format | None = None) -> Any:
        """Return a new target at a place where nothing is yet."""

    def test_is_a_target(self) -> None:
        """A target is one, and is absent at first."""
        target = self.create_target()
        assert isinstance(target, Target)
        assert target.exists() is False

    def test_appears_when_closed(self) -> None:
        """What is written is there after close, and not before."""
        target = self.create_target()
        handle = target.open("w")
        handle.write("first\n")
        assert not target.exists()
        handle.close()
        assert target.exists()
        with target.open("r") as lines:
            assert lines.read() == "first\n"

    def test_appears_at_the_end_of_a_block(self) -> None:
        """What is written is there after the block, and not before."""
        target = self.create_target()
        with target.open("w") as handle:
            handle.write("first\n")
            handle.flush()
            assert not target.exists()
        assert target.exists()

    def test_does_not_appear_after_an_exception(self) -> None:
        """A block that ends with an exception publishes nothing, also not when the handle is closed later."""
        for data_format in (None, UTF8, UTF8 >> Gzip):
            target = self.create_target(data_format)
            with _raises(_StopForTestError), target.open("w") as handle:
                handle.write("half of it\n")
                handle.flush()
                raise _StopForTestError
            handle.close()
            del handle
            assert not target.exists()

    def test_does_not_appear_when_dropped(self) -> None:
        """A handle that nobody closes publishes nothing."""
        for data_format in (None, Nop, Gzip):
            target = self.create_target(data_format)
            handle = target.open("w")
            handle.write("half of it" if data_format is None else b"half of it")
            del handle
            assert not target.exists()

    def test_keeps_the_old_content_after_an_exception(self) -> None:
        """An attempt to overwrite that fails leaves what was there."""
        target = self.create_target()
        with target.open("w") as handle:
            handle.write("old")
        with _raises(_StopForTestError), target.open("w") as handle:
            handle.write("new")
            raise _StopForTestError
        with target.open("r") as handle:
            assert handle.read() == "old"

    def test_is_overwritten_when_closed(self) -> None:
        """Writing again replaces; a reader that is open sees the old content or none, never a mixture."""
        target = self.create_target()
        for text in ("old and longer", "new"):
            with target.open("w") as handle:
                handle.write(text)
        with target.open("r") as handle:
            assert handle.read() == "new"

    def test_closing_twice_is_harmless(self) -> None:
        """Closing again, also within the block, does nothing."""
        for data_format in (None, Nop, Gzip, UTF8 >> Gzip):
            target = self.create_target(data_format)
            with target.open("w") as handle:
                handle.close()
                handle.close()
            handle.close()
            assert target.exists()

    def test_text_comes_back(self) -> None:
        """Text in an encoding comes back, line by line."""
        lines = ["æøå\n", "\n", "日本語\n", "without an end"]
        for data_format in (UTF8, UTF8 >> Gzip):
            target = self.create_target(data_format)
            with target.open("w") as handle:
                handle.writelines(lines)
            with target.open("r") as handle:
                assert list(handle) == lines

    def test_bytes_come_back(self) -> None:
        """All bytes come back, in any mode."""
        data = bytes(range(256)) * 1000
        for data_format in (Nop, Gzip):
            target = self.create_target(data_format)
            with target.open("w") as handle:
                handle.write(data)
            with target.open("r") as handle:
                assert handle.read() == data

    def test_what_is_absent_cannot_be_read(self) -> None:
        """Reading before writing is an error."""
        with _raises(OSError, LookupError):
            self.create_target().open("r")

    def test_can_be_made_empty(self) -> None:
        """Opening and closing makes an empty target."""
        target = self.create_target()
        with target.open("w"):
            pass
        assert target.exists()
        with target.open("r") as handle:
            assert handle.read() == ""

    def test_can_be_removed(self) -> None:
        """A removed target is absent and can be written again."""
        target = self.create_target()
        if not isinstance(target, FileSystemTarget):
            return
        for _ in range(2):
            with target.open("w") as handle:
                handle.write("x")
            assert target.exists()
            target.remove()
            assert not target.exists()


class FileSystemContract(abc.ABC):
    """What a file system keeps.

    ``has_directories`` is false for stores in which directories are only what the paths say.
    """

    has_directories = True

    @abc.abstractmethod
    def create_fs(self) -> FileSystem:
        """Return the file system under test."""

    @abc.abstractmethod
    def create_folder(self) -> str:
        """Return the path of a new, empty directory, without a slash at its end."""

    @abc.abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Store a file without using the file system under test; its directory exists."""

    @abc.abstractmethod
    def get(self, path: str) -> bytes:
        """Return what a file holds, without using the file system under test."""

    def test_exists(self) -> None:
        """What was stored exists, what was not does not; a longer name is another file."""
        fs, folder = self.create_fs(), self.create_folder()
        self.put(f"{folder}/ab", b"x")
        assert fs.exists(f"{folder}/ab")
        assert not fs.exists(f"{folder}/a")
        assert not fs.exists(f"{folder}/abc")

    def test_remove(self) -> None:
        """A file is removed alone."""
        fs, folder = self.create_fs(), self.create_folder()
        for name in ("a", "ab"):
            self.put(f"{folder}/{name}", b"x")
        fs.remove(f"{folder}/a")
        assert not fs.exists(f"{folder}/a")
        assert fs.exists(f"{folder}/ab")
        fs.remove(f"{folder}/ab", recursive=False, skip_trash=True)
        assert not fs.exists(f"{folder}/ab")
        with _raises(OSError, LookupError):
            fs.remove(f"{folder}/ab", recursive=False)

    def test_remove_tree(self) -> None:
        """A directory is removed with everything below it, and nothing beside it."""
        fs, folder = self.create_fs(), self.create_folder()
        for name in ("d", "d/e", "dd"):
            fs.mkdir(f"{folder}/{name}")
            self.put(f"{folder}/{name}/f", b"x")
        fs.remove(f"{folder}/d", recursive=True)
        assert not fs.exists(f"{folder}/d/f")
        assert not fs.exists(f"{folder}/d/e/f")
        assert fs.exists(f"{folder}/dd/f")

    def test_listdir(self) -> None:
        """All files below a directory are listed, with it in front, and no other."""
        fs, folder = self.create_fs(), self.create_folder()
        for name in ("d", "d/e", "dd"):
            fs.mkdir(f"{folder}/{name}")
            self.put(f"{folder}/{name}/f", b"x")
        assert sorted(fs.listdir(f"{folder}/d")) == [f"{folder}/d/e/f", f"{folder}/d/f"]
        assert list(fs.listdir(f"{folder}/nothing")) == []

    def test_isdir(self) -> None:
        """A directory with a file is one; a file is not, nor is what is absent."""
        fs, folder = self.create_fs(), self.create_folder()
        fs.mkdir(f"{folder}/d")
        self.put(f"{folder}/d/f", b"x")
        assert fs.isdir(f"{folder}/d")
        assert not fs.isdir(f"{folder}/d/f")
        assert not fs.isdir(f"{folder}/e")

    def test_mkdir(self) -> None:
        """Directories are made with their parents, once; a file in the way is told."""
        fs, folder = self.create_fs(), self.create_folder()
        fs.mkdir(f"{folder}/a/b")
        fs.mkdir(f"{folder}/a/b")
        if not self.has_directories:
            return
        assert fs.isdir(f"{folder}/a/b")
        with _raises(FileAlreadyExists):
            fs.mkdir(f"{folder}/a/b", raise_if_exists=True)
        with _raises(MissingParentDirectory):
            fs.mkdir(f"{folder}/x/y", parents=False)
        fs.mkdir(f"{folder}/x", parents=False)
        self.put(f"{folder}/x/file", b"")
        with _raises(NotADirectory):
            fs.mkdir(f"{folder}/x/file")

    def test_move(self) -> None:
        """A moved file is at the new place only, also where directories are missing or a file is."""
        fs, folder = self.create_fs(), self.create_folder()
        self.put(f"{folder}/a", b"1")
        fs.move(f"{folder}/a", f"{folder}/new/b")
        assert not fs.exists(f"{folder}/a")
        self.put(f"{folder}/c", b"2")
        fs.rename(f"{folder}/new/b", f"{folder}/c")
        assert not fs.exists(f"{folder}/new/b")
        assert self.get(f"{folder}/c") == b"1"

    def test_copy(self) -> None:
        """A copied file is at both places."""
        fs, folder = self.create_fs(), self.create_folder()
        self.put(f"{folder}/a", b"1")
        fs.copy(f"{folder}/a", f"{folder}/new/b")
        assert self.get(f"{folder}/a") == self.get(f"{folder}/new/b") == b"1"

    def test_rename_dont_move(self) -> None:
        """An existing destination is refused and keeps its content; nothing ends up inside a directory."""
        fs, folder = self.create_fs(), self.create_folder()
        self.put(f"{folder}/a", b"1")
        self.put(f"{folder}/b", b"2")
        with _raises(FileAlreadyExists):
            fs.rename_dont_move(f"{folder}/a", f"{folder}/b")
        assert self.get(f"{folder}/a") == b"1"
        assert self.get(f"{folder}/b") == b"2"
        fs.rename_dont_move(f"{folder}/a", f"{folder}/c")
        assert self.get(f"{folder}/c") == b"1"
        assert not fs.exists(f"{folder}/a")
        if not self.has_directories:
            return
        for name in ("d", "e"):
            fs.mkdir(f"{folder}/{name}")
            self.put(f"{folder}/{name}/f", name.encode())
        with _raises(FileAlreadyExists):
            fs.rename_dont_move(f"{folder}/d", f"{folder}/e")
        assert list(fs.listdir(f"{folder}/e")) == [f"{folder}/e/f"]
        fs.rename_dont_move(f"{folder}/d", f"{folder}/g")
        assert self.get(f"{folder}/g/f") == b"d"
        assert not fs.exists(f"{folder}/d")
