"""LocalFileSystem beyond the contract: the exact errors, other disks, links."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from luigi_clone._local_storage import renaming
from luigi_clone.local_target import LocalFileSystem
from luigi_clone.target import FileAlreadyExists, MissingParentDirectory, NotADirectory

FS = LocalFileSystem()


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tree():
    return sorted(str(path) for path in Path().rglob("*"))


def test_exists_follows_links_and_expands_nothing():
    Path("a").touch()
    os.symlink("a", "good")
    os.symlink("missing", "bad")
    assert [FS.exists(name) for name in ("a", "good", "bad", "?", "")] == [True, True, False, False, False]


def test_mkdir_of_one_component_needs_no_parent():
    FS.mkdir("a", parents=False)
    FS.mkdir("a/b/", parents=False)
    with pytest.raises(MissingParentDirectory):
        FS.mkdir("x/y", parents=False)
    assert tree() == ["a", "a/b"]


def test_mkdir_of_what_exists():
    Path("file").touch()
    FS.mkdir(".")
    with pytest.raises(NotADirectory):
        FS.mkdir("file")
    for name in ("file", "."):
        with pytest.raises(FileAlreadyExists):
            FS.mkdir(name, raise_if_exists=True)


def test_mkdir_passes_on_what_the_system_says():
    Path("file").touch()
    with pytest.raises((NotADirectoryError, FileExistsError)):
        FS.mkdir("file/below")


def test_listdir_is_lazy_recursive_and_lists_files_only():
    FS.mkdir("a/b")
    FS.mkdir("a/empty")
    for name in ("a/1", "a/b/2"):
        Path(name).touch()
    assert sorted(FS.listdir("a")) == ["a/1", "a/b/2"]
    assert sorted(FS.listdir("a/")) == ["a/1", "a/b/2"]
    assert iter(FS.listdir("missing")) is not None
    assert list(FS.listdir("missing")) == []
    assert list(FS.listdir("a/1")) == []


def test_remove_errors():
    FS.mkdir("d")
    with pytest.raises(FileNotFoundError):
        FS.remove("missing")
    with pytest.raises(OSError) as raised:
        FS.remove("d", recursive=False)
    assert raised.value.errno in (errno.EISDIR, errno.EPERM)


def test_remove_takes_a_link_and_not_what_it_points_to():
    FS.mkdir("d")
    Path("d/file").touch()
    os.symlink("d", "link")
    FS.remove("link")
    assert tree() == ["d", "d/file"]


def test_copy_keeps_content_and_mode():
    Path("a").write_text("x")
    os.chmod("a", 0o640)
    FS.copy("a", "new/b")
    assert Path("new/b").read_text() == "x"
    assert stat.S_IMODE(os.stat("new/b").st_mode) == 0o640


@pytest.mark.parametrize(
    ("method", "kind"), [("copy", RuntimeError), ("move", FileAlreadyExists), ("rename", FileAlreadyExists)]
)
def test_an_existing_destination_is_told(method, kind):
    Path("a").write_text("a")
    Path("b").write_text("b")
    with pytest.raises(kind, match=r"^Destination exists: b$") as raised:
        getattr(FS, method)("a", "b", raise_if_exists=True)
    assert raised.type is kind
    assert Path("b").read_text() == "b"
    getattr(FS, method)("a", "b")
    assert Path("b").read_text() == "a"


def test_move_passes_on_what_the_system_says():
    FS.mkdir("d")
    Path("a").touch()
    with pytest.raises(IsADirectoryError):
        FS.move("a", "d")
    with pytest.raises(FileNotFoundError):
        FS.move("missing", "b")
    with pytest.raises(FileNotFoundError):
        FS.move("missing", "b", raise_if_exists=True)
    with pytest.raises(ValueError, match="null byte"):
        FS.rename_dont_move("a", "b\0c")


@pytest.fixture(params=["system-call", "fallback"])
def without_system_call(request, monkeypatch):
    if request.param == "fallback":
        monkeypatch.setattr(renaming, "_exclusive_system_call", lambda: None)


def test_rename_dont_move_works_for_everything(without_system_call):
    FS.mkdir("d")
    Path("d/f").touch()
    Path("a").touch()
    os.symlink("nowhere", "link")
    for source, destination in (("d", "d2"), ("a", "a2"), ("link", "link2"), ("d2/", "sub/d3/")):
        FS.rename_dont_move(source, destination)
    assert tree() == ["a2", "link2", "sub", "sub/d3", "sub/d3/f"]
    assert os.readlink("link2") == "nowhere"


@pytest.mark.parametrize("source", ["a", "d"])
@pytest.mark.parametrize("there", ["file", "empty", "full", "link"])
def test_rename_dont_move_replaces_nothing(without_system_call, source, there):
    Path("a").touch()
    FS.mkdir("d")
    Path("d/f").touch()
    Path("file").touch()
    FS.mkdir("empty")
    FS.mkdir("full")
    Path("full/x").touch()
    os.symlink("empty", "link")
    before = tree()
    with pytest.raises(FileAlreadyExists, match=f"^Destination exists: {there}$"):
        FS.rename_dont_move(source, there)
    assert tree() == before


def test_a_link_to_what_is_missing_counts_as_missing(without_system_call):
    os.symlink("nowhere", "dangling")
    FS.mkdir("d")
    with pytest.raises(NotADirectoryError):
        FS.rename_dont_move("d", "dangling")
    Path("a").write_text("a")
    FS.rename_dont_move("a", "dangling")
    assert Path("dangling").read_text() == "a"
    assert tree() == ["d", "dangling"]


def test_a_file_system_without_links_falls_back_to_a_lock(monkeypatch):
    monkeypatch.setattr(renaming, "_exclusive_system_call", lambda: None)

    def refuse(*args, **kwargs):
        raise OSError(errno.EPERM, "no links on this file system")

    monkeypatch.setattr(os, "link", refuse)
    Path("a").write_text("a")
    Path("b").write_text("b")
    FS.rename_dont_move("a", "c")
    with pytest.raises(FileAlreadyExists):
        FS.rename_dont_move("b", "c")
    assert Path("c").read_text() == "a"


def test_a_file_system_that_refuses_the_call_falls_back(monkeypatch):
    monkeypatch.setattr(renaming, "_exclusive_system_call", lambda: lambda source, destination: errno.EINVAL)
    Path("a").touch()
    FS.rename_dont_move("a", "c")
    assert tree() == ["c"]


def test_without_a_lock_rename_itself_replaces_no_full_directory(monkeypatch):
    monkeypatch.setattr(renaming, "_exclusive_system_call", lambda: None)
    for name in ("d", "full"):
        FS.mkdir(name)
        Path(name, name).touch()
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "exists", lambda path: False)
        patch.setattr(
            os.path, "lexists", lambda path: False
        )  # a writer that takes no lock came after the look
        patch.setattr(LocalFileSystem, "_make_parent", lambda self, path: None)
        with pytest.raises(FileAlreadyExists):
            FS.rename_dont_move("d", "full")
    assert tree() == ["d", "d/d", "full", "full/full"]


def test_a_system_without_the_call_is_recognised(monkeypatch):
    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", lambda *args, **kwargs: object())
    assert renaming._find_system_call() is None


# ---- another disk


@pytest.fixture
def other_disk(tmp_path, monkeypatch):
    """Make ``other/`` behave as another disk: no rename crosses its border."""
    os.mkdir("other")

    def crossing(real, fail):
        def checked(source, destination):
            disks = {os.path.relpath(path).startswith("other/") for path in (source, destination)}
            return fail(source, destination) if len(disks) > 1 else real(source, destination)

        return checked

    def fail(source, destination):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source, None, destination)

    monkeypatch.setattr(os, "replace", crossing(os.replace, fail))
    monkeypatch.setattr(renaming, "rename_exclusively", crossing(renaming.rename_exclusively, fail))


@pytest.mark.usefixtures("other_disk")
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_file_moves_to_another_disk(exclusive):
    Path("a").write_text("x")
    os.chmod("a", 0o640)
    os.utime("a", (1, 2))
    FS.move("a", "other/sub/b", raise_if_exists=exclusive)
    assert tree() == ["other", "other/sub", "other/sub/b"]
    status = os.stat("other/sub/b")
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o640, 2)


@pytest.mark.usefixtures("other_disk")
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_directory_moves_to_another_disk(exclusive):
    FS.mkdir("d/e")
    Path("d/e/f").write_text("x")
    os.symlink("e/f", "d/link")
    FS.move("d/", "other/d2/", raise_if_exists=exclusive)
    assert tree() == ["other", "other/d2", "other/d2/e", "other/d2/e/f", "other/d2/link"]
    assert os.readlink("other/d2/link") == "e/f"


@pytest.mark.usefixtures("other_disk")
def test_a_link_moves_to_another_disk_as_a_link():
    os.symlink("nowhere", "link")
    FS.move("link", "other/link")
    assert os.readlink("other/link") == "nowhere"


@pytest.mark.usefixtures("other_disk")
def test_to_another_disk_too_nothing_is_replaced_unasked(monkeypatch):
    Path("a").write_text("a")
    Path("other/b").write_text("b")
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "exists", lambda path: False)  # another writer came just after the look
        patch.setattr(FS, "_make_parent", lambda path: None, raising=False)
        with pytest.raises(FileAlreadyExists):
            FS.move("a", "other/b", raise_if_exists=True)
    assert Path("other/b").read_text() == "b"
    assert tree() == ["a", "other", "other/b"]
    FS.move("a", "other/b")
    assert Path("other/b").read_text() == "a"


@pytest.mark.usefixtures("other_disk")
def test_a_source_that_changes_while_it_is_copied_stays(monkeypatch):
    import shutil

    real = shutil.copy2

    def copy_and_grow(source, destination, **options):
        real(source, destination, **options)
        with open(source, "a") as file:
            file.write("more")

    monkeypatch.setattr(shutil, "copy2", copy_and_grow)
    Path("a").write_text("x")
    with pytest.raises(OSError, match=re.escape("a changed while it was copied")):
        FS.move("a", "other/b")
    assert tree() == ["a", "other"]
