"""LocalTarget: what its handles do, and what is on the disk meanwhile."""

from __future__ import annotations

import copy
import gc
import io
import locale
import os
import pickle
import random
import re
import stat
from pathlib import Path

import pytest

from luigi_clone.format import UTF8, Format, Gzip, Nop, get_default_format
from luigi_clone.local_target import LocalFileSystem, LocalTarget
from luigi_clone.target import FileAlreadyExists


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files():
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def test_attributes():
    target = LocalTarget(Path("a"))
    assert (target.path, target.format, target.is_tmp) == ("a", get_default_format(), False)
    assert LocalTarget("a", Nop).format is Nop
    assert isinstance(LocalTarget.fs, LocalFileSystem)
    assert LocalTarget("~/$HOME").path == "~/$HOME"


@pytest.mark.parametrize("path", [None, ""])
def test_a_path_is_needed(path):
    with pytest.raises(Exception, match=r"^path or is_tmp must be set$") as raised:
        LocalTarget(path)
    assert raised.type is Exception


def test_fn_is_the_old_name():
    with pytest.warns(DeprecationWarning, match=r"^Use LocalTarget\.path to reference filename$"):
        assert LocalTarget("a").fn == "a"


def test_while_writing_only_the_temporary_name_exists():
    target = LocalTarget("deep/er/out.txt")
    with target.open("w") as handle:
        handle.write("x")
        (name,) = files()
        assert re.fullmatch(r"deep/er/out\.txt-luigi-tmp-\d{9,10}", name)
        assert name == handle.tmp_path
    assert files() == ["deep/er/out.txt"]


def test_the_default_is_text_in_the_encoding_of_the_locale():
    with LocalTarget("a").open("w") as handle:
        assert handle.write("hé\n") == 3
        assert handle.encoding.lower() == locale.getpreferredencoding(False).lower()
    assert Path("a").read_bytes() == "hé\n".encode(locale.getpreferredencoding(False))


@pytest.mark.parametrize("mode", ["w", "wb", "wt", "bw"])
def test_letters_for_text_and_bytes_do_not_matter_when_writing(mode):
    with LocalTarget("a", format=Nop).open(mode) as handle:
        handle.write(b"\x00\xff")
    assert Path("a").read_bytes() == b"\x00\xff"


def test_bytes_need_the_format():
    with pytest.raises(TypeError), LocalTarget("a").open("wb") as handle:
        handle.write(b"x")
    assert files() == []


def test_reading_modes():
    Path("a").write_bytes(b"h\r\n")
    for mode in ("r", "rb"):
        with LocalTarget("a").open(mode) as handle:
            assert handle.read() == "h\n"
    with pytest.raises(ValueError, match=r"^invalid mode: rt$"):
        LocalTarget("a").open("rt")


@pytest.mark.parametrize("mode", ["a", "r+", "x", "", "rw"])
def test_other_modes_are_refused(mode):
    with pytest.raises(Exception, match=re.escape(f"mode must be 'r' or 'w' (got: {mode})")) as raised:
        LocalTarget("a").open(mode)
    assert raised.type is Exception


def test_what_cannot_be_read():
    Path("d").mkdir()
    with pytest.raises(FileNotFoundError):
        LocalTarget("a").open()
    with pytest.raises(IsADirectoryError):
        LocalTarget("d").open()


def test_handles_have_the_names_and_modes_of_files():
    with LocalTarget("a").open("w") as handle:
        assert (handle.name, handle.mode) == (handle.tmp_path, "wb")
        assert (handle.readable(), handle.writable(), handle.seekable()) == (False, True, True)
    with LocalTarget("a").open() as handle:
        assert (handle.name, handle.mode) == ("a", "rb")


def test_a_closed_handle_refuses_more():
    handle = LocalTarget("a").open("w")
    handle.close()
    assert handle.closed
    with pytest.raises(ValueError, match="closed file"):
        handle.write("x")


def test_rights_are_those_of_any_new_file():
    Path("plain").touch()
    for kind in (None, Gzip):
        LocalTarget("a", format=kind).open("w").close()
        assert stat.S_IMODE(os.stat("a").st_mode) == stat.S_IMODE(os.stat("plain").st_mode)


def test_a_link_at_the_path_is_replaced_and_not_followed():
    Path("elsewhere").write_text("old")
    os.symlink("elsewhere", "a")
    with LocalTarget("a").open("w") as handle:
        handle.write("new")
    assert Path("elsewhere").read_text() == "old"
    assert not Path("a").is_symlink()


def test_a_directory_at_the_path_is_an_error_at_close():
    Path("a").mkdir()
    handle = LocalTarget("a").open("w")
    handle.write("x")
    with pytest.raises(IsADirectoryError):
        handle.close()
    with pytest.raises(IsADirectoryError), LocalTarget("a").open("w") as handle:
        handle.write("x")
    del handle
    assert files() == []


def test_a_publication_that_failed_can_be_tried_again():
    Path("a").mkdir()
    for kind in (None, Nop, Gzip):
        handle = LocalTarget("a", format=kind).open("w")
        handle.write("x" if kind is None else b"x")
        with pytest.raises(IsADirectoryError):
            handle.close()
        Path("a").rmdir()
        handle.close()
        assert Path("a").is_file()
        assert files() == ["a"]
        Path("a").unlink()
        Path("a").mkdir()


def test_the_last_of_two_writers_wins():
    target = LocalTarget("a")
    first, second = target.open("w"), target.open("w")
    assert first.tmp_path != second.tmp_path
    for handle, text in ((first, "1"), (second, "2")):
        handle.write(text)
    second.close()
    first.close()
    assert Path("a").read_text() == "1"


def test_a_reader_keeps_what_it_opened():
    target = LocalTarget("a")
    with target.open("w") as handle:
        handle.write("old")
    with target.open() as reader:
        with target.open("w") as handle:
            handle.write("new")
        assert reader.read() == "old"


class Picky(Format):
    def pipe_reader(self, input_pipe):
        self.pipe = input_pipe
        raise LookupError

    pipe_writer = pipe_reader


def test_a_format_that_fails_leaves_nothing_open():
    Path("a").touch()
    picky = Picky()
    with pytest.raises(LookupError):
        LocalTarget("a", format=picky).open()
    assert picky.pipe.closed
    with pytest.raises(LookupError):
        LocalTarget("b", format=picky).open("w")
    assert picky.pipe.closed
    assert files() == ["a"]


def test_a_folder_that_may_not_be_made_is_told(as_nobody):
    locked = Path(as_nobody, "locked")
    locked.mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        LocalTarget(locked / "folder" / "a").open("w")


def test_what_cannot_be_read_or_is_no_file_is_passed_over(as_nobody):
    with LocalTarget(f"{as_nobody}/d").temporary_path() as path:
        os.mkdir(path)
        os.mkfifo(f"{path}/pipe")
        Path(path, "secret").touch(mode=0o200)
    assert sorted(os.listdir(f"{as_nobody}/d")) == ["pipe", "secret"]


def test_a_folder_that_can_be_written_but_not_read_is_accepted(as_nobody):
    os.chmod(as_nobody, 0o300)
    LocalTarget(f"{as_nobody}/a").open("w").close()
    os.chmod(as_nobody, 0o700)
    assert os.listdir(as_nobody) == ["a"]


def test_a_file_in_the_place_of_a_folder_is_told():
    Path("file").touch()
    LocalTarget("file/folder/a").makedirs()
    with pytest.raises(NotADirectoryError):
        LocalTarget("file/folder/a").open("w")


def test_makedirs():
    LocalTarget("x/y/z").makedirs()
    assert Path("x/y").is_dir()
    LocalTarget("x/y/z").makedirs()
    LocalTarget("flat").makedirs()


def test_move_copy_remove():
    target = LocalTarget("a")
    target._touchz()
    target.copy("b")
    assert files() == ["a", "b"]
    with pytest.raises(RuntimeError, match=r"^Destination exists: b$"):
        target.copy("b", raise_if_exists=True)
    with pytest.raises(FileAlreadyExists, match=r"^Destination exists: b$"):
        target.move("b", raise_if_exists=True)
    target.move("new/c")
    assert target.path == "a"
    assert files() == ["b", "new/c"]
    LocalTarget("new").move_dir("newer")
    LocalTarget("b").remove()
    assert files() == ["newer/c"]
    LocalTarget("newer").remove()
    assert os.listdir() == []


# ---- temporary targets


def test_a_temporary_target_is_removed_with_its_owner():
    target = LocalTarget(is_tmp=True)
    assert re.fullmatch(r".*/luigi-tmp-\d{9,10}", target.path)
    target._touchz()
    path = target.path
    assert os.path.exists(path)
    del target
    assert not os.path.exists(path)


def test_a_temporary_target_may_have_a_path_or_be_a_directory():
    target = LocalTarget("a", is_tmp=True)
    Path("a").mkdir()
    Path("a/b").touch()
    del target
    assert os.listdir() == []


def test_what_is_no_longer_temporary_is_kept():
    target = LocalTarget("a", is_tmp=True)
    target._touchz()
    target.is_tmp = False
    del target
    assert files() == ["a"]


def test_a_copy_of_a_temporary_target_owns_nothing():
    target = LocalTarget("a", is_tmp=True)
    target._touchz()
    for duplicate in (copy.copy(target), pickle.loads(pickle.dumps(target))):
        assert duplicate.is_tmp
        del duplicate
    gc.collect()
    assert files() == ["a"]


def test_a_forked_child_does_not_remove_what_its_parent_owns():
    target = LocalTarget("a", is_tmp=True)
    target._touchz()
    child = os.fork()
    if child == 0:
        del target
        os._exit(0)
    os.waitpid(child, 0)
    assert files() == ["a"]


def test_a_constructor_that_fails_is_silent_when_collected():
    with pytest.raises(Exception, match="must be set"):
        LocalTarget(None)
    gc.collect()


def test_temporary_names_do_not_depend_on_the_random_generator():
    names = []
    for _ in range(2):
        random.seed(3)
        names.append(LocalTarget(is_tmp=True).path)
    assert names[0] != names[1]


# ---- temporary paths


def test_a_directory_is_published_by_its_temporary_path():
    target = LocalTarget("sub/out/")
    with target.temporary_path() as path:
        assert re.fullmatch(r"sub/out-luigi-tmp-\d{10}/", path)
        os.mkdir(path)
        Path(path, "part").write_text("x")
        assert not target.exists()
    assert files() == ["sub/out/part"]


def test_a_temporary_path_refuses_what_exists_and_keeps_what_was_written():
    Path("out").mkdir()
    Path("out/old").touch()
    with pytest.raises(FileAlreadyExists), LocalTarget("out").temporary_path() as path:
        os.mkdir(path)
        Path(path, "new").touch()
    assert files() == [f"{path}/new", "out/old"]


def test_an_empty_directory_counts_as_existing():
    Path("out").mkdir()
    with pytest.raises(FileAlreadyExists), LocalTarget("out").temporary_path() as path:
        os.mkdir(path)
    assert os.listdir("out") == []


@pytest.mark.parametrize("make", [os.mkdir, lambda path: Path(path).touch()])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_no_temporary_path(make, kind):
    with pytest.raises(kind), LocalTarget("out").temporary_path() as path:
        make(path)
        raise kind
    assert os.listdir() == []


def test_a_temporary_path_to_which_nothing_is_written_is_an_error():
    with pytest.raises(FileNotFoundError), LocalTarget("out").temporary_path():
        pass


def test_subclasses_bring_their_own_file_system():
    calls = []

    class Loud(LocalFileSystem):
        def rename_dont_move(self, path, dest):
            calls.append(dest)
            super().rename_dont_move(path, dest)

    class LoudTarget(LocalTarget):
        fs = Loud()

    with LoudTarget("a").temporary_path() as path:
        Path(path).touch()
    assert calls == ["a"]


def test_cooperative_inheritance():
    class Base:
        def hello(self):
            return "hello"

    class Both(LocalFileSystem, Base):
        pass

    assert Both().hello() == "hello"
    assert not Both().exists("a")


# ---- text in chains, as in the examples of the specification


def test_text_in_gzip():
    with LocalTarget("x.gz", format=UTF8 >> Gzip).open("w") as handle:
        handle.write("dätä\n")
    import gzip

    assert gzip.decompress(Path("x.gz").read_bytes()) == "dätä\n".encode()


def test_a_reader_may_be_dropped_without_a_word():
    Path("a").write_text("x")
    with pytest.warns(ResourceWarning):  # as any file
        assert LocalTarget("a").open().read() == "x"
    LocalTarget("a.gz", format=Gzip).open("w").close()
    assert LocalTarget("a.gz", format=Gzip).open().read() == b""
    gc.collect()


def test_a_handle_can_be_given_to_a_process():
    import subprocess

    with LocalTarget("a").open("w") as handle:
        handle.write("1\n")
        handle.flush()
        subprocess.run(["echo", "2"], stdout=handle, check=True)
    with LocalTarget("a").open() as handle:
        done = subprocess.run(["cat"], stdin=handle, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"1\n2\n"
    assert isinstance(handle, io.TextIOWrapper)
