"""The abstract side: targets, file systems, temporary paths of any store."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from luigi_clone import target as module
from luigi_clone.target import (
    FileAlreadyExists,
    FileSystem,
    FileSystemException,
    FileSystemTarget,
    MissingParentDirectory,
    NotADirectory,
    Target,
)


class Store(FileSystem):
    """The least that a file system is, and a record of what was asked of it."""

    def __init__(self, *paths):
        self.paths = set(paths)
        self.calls = []

    def exists(self, path):
        return path in self.paths

    def remove(self, path, recursive=True, skip_trash=True):
        self.calls.append(("remove", path))
        self.paths.discard(path)

    def mkdir(self, path, parents=True, raise_if_exists=False):
        self.calls.append(("mkdir", path, parents, raise_if_exists))

    def move(self, path, dest):
        self.calls.append(("move", path, dest))
        self.paths.remove(path)
        self.paths.add(dest)


class StoreTarget(FileSystemTarget):
    fs = None

    def __init__(self, path, fs):
        super().__init__(path)
        self.fs = fs

    def open(self, mode):
        raise NotImplementedError


def test_a_target_must_say_whether_it_exists():
    with pytest.raises(TypeError, match="exists"):
        Target()


def test_targets_compare_by_identity():
    store = Store()
    assert StoreTarget("a", store) != StoreTarget("a", store)


@pytest.mark.parametrize("kind", [FileAlreadyExists, MissingParentDirectory, NotADirectory])
def test_exceptions_have_one_root(kind):
    assert kind.__bases__ == (FileSystemException,)
    assert FileSystemException.__bases__ == (Exception,)


class Bare(FileSystem):
    def exists(self, path):
        return path == "there"

    def remove(self, path, recursive=True, skip_trash=True):
        pass


@pytest.mark.parametrize(
    ("method", "arguments", "reported"),
    [
        ("mkdir", ("a",), "mkdir"),
        ("isdir", ("a",), "isdir"),
        ("listdir", ("a",), "listdir"),
        ("move", ("a", "b"), "move"),
        ("copy", ("a", "b"), "copy"),
        ("rename", ("a", "b"), "move"),
    ],
)
def test_what_a_file_system_does_not_offer_says_so(method, arguments, reported):
    with pytest.raises(NotImplementedError) as raised:
        getattr(Bare(), method)(*arguments)
    assert str(raised.value) == f"{reported}() not implemented on Bare"


def test_the_general_rename_dont_move_warns_and_refuses():
    message = r"^File system Bare client doesn't support atomic mv\.$"
    with pytest.warns(UserWarning, match=message), pytest.raises(FileAlreadyExists):
        Bare().rename_dont_move("a", "there")


def test_the_general_rename_dont_move_moves():
    store = Store("a")
    with pytest.warns(UserWarning, match="atomic mv"):
        store.rename_dont_move("a", "b")
    assert store.paths == {"b"}


def test_a_path_may_be_path_like():
    target = StoreTarget(Path("a") / "b", Store())
    assert target.path == str(target) == "a/b"
    assert repr(target).startswith("<")


@pytest.mark.parametrize("path", ["a*", "a?", "a[1]", "a{1"])
def test_a_pattern_is_warned_about_each_time(path, caplog):
    target = StoreTarget(path, Store(path))
    with caplog.at_level(logging.WARNING, "luigi-interface"):
        assert target.exists() is True
        assert target.exists() is True
    expected = (
        f"Using wildcards in path {path} might lead to processing of an incomplete dataset; "
        "override exists() to suppress the warning."
    )
    assert [record.getMessage() for record in caplog.records] == [expected, expected]


def test_a_plain_path_is_not_warned_about(caplog):
    StoreTarget("a]b}", Store()).exists()
    assert not caplog.records
    assert module.logger.name == "luigi-interface"


def test_remove_asks_the_store():
    store = Store("a")
    StoreTarget("a", store).remove()
    assert store.calls == [("remove", "a")]


@pytest.mark.parametrize(("path", "slash"), [("a", ""), ("a/", "/"), ("a\\", "\\"), ("/", "/")])
def test_trailing_slash(path, slash):
    assert StoreTarget(path, Store())._trailing_slash() == slash


def test_an_empty_path_has_no_last_character():
    with pytest.raises(IndexError):
        StoreTarget("", Store())._trailing_slash()


@pytest.mark.filterwarnings("ignore:File system Store client")
@pytest.mark.parametrize(
    ("path", "pattern", "parent"),
    [
        ("tp/out.txt", r"^tp/out\.txt-luigi-tmp-\d{10}$", "tp"),
        ("tp/dir/", r"^tp/dir-luigi-tmp-\d{10}/$", "tp"),
        ("/out", r"^/out-luigi-tmp-\d{10}$", "/"),
        ("out", r"^out-luigi-tmp-\d{10}$", None),
    ],
)
def test_a_temporary_path_becomes_the_final_one(path, pattern, parent):
    store = Store()
    with StoreTarget(path, store).temporary_path() as temporary:
        assert re.match(pattern, temporary)
        assert store.paths == set()
        store.paths.add(temporary)
    assert store.paths == {path}
    made = [] if parent is None else [("mkdir", parent, True, False)]
    assert store.calls == [*made, ("move", temporary, path)]


def test_two_temporary_paths_differ_although_random_is_seeded():
    import random

    names = set()
    for _ in range(2):
        random.seed(7)
        with pytest.raises(ZeroDivisionError), StoreTarget("a", Store()).temporary_path() as temporary:
            names.add(temporary)
            raise ZeroDivisionError
    assert len(names) == 2


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_removes_the_temporary_item(kind):
    store = Store()
    with pytest.raises(kind), StoreTarget("a", store).temporary_path() as temporary:
        store.paths.add(temporary)
        raise kind
    assert store.paths == set()


def test_an_exception_before_anything_is_written_removes_nothing():
    store = Store()
    with pytest.raises(ZeroDivisionError), StoreTarget("a", store).temporary_path():
        raise ZeroDivisionError
    assert store.calls == []


def test_what_goes_wrong_in_cleaning_up_does_not_hide_the_exception():
    class Stubborn(Store):
        def remove(self, path, recursive=True, skip_trash=True):
            raise PermissionError(path)

    store = Stubborn()
    with pytest.raises(ZeroDivisionError), StoreTarget("a", store).temporary_path() as temporary:
        store.paths.add(temporary)
        raise ZeroDivisionError


@pytest.mark.filterwarnings("ignore:File system Store client")
def test_an_existing_target_is_not_replaced_and_nothing_complete_is_lost(caplog):
    store = Store("a")
    with pytest.raises(FileAlreadyExists), StoreTarget("a", store).temporary_path() as temporary:
        store.paths.add(temporary)
    assert store.paths == {"a", temporary}
    assert temporary in caplog.text
