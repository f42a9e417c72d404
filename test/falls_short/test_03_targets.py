"""Targets, local files, formats and mock targets: where Luigi falls short. Public names only."""

from __future__ import annotations

import errno
import gc
import gzip
import io
import os
import pickle
import random
import subprocess
import sys
import tempfile
import textwrap

import luigi
import luigi.format
import luigi.local_target
import luigi.mock
import luigi.target
import pytest
from luigi.format import (
    Gzip,
    InputPipeProcessWrapper,
    NewlineWrapper,
    Nop,
    OutputPipeProcessWrapper,
    TextFormat,
)
from luigi.local_target import LocalFileSystem, LocalTarget
from luigi.mock import MockTarget

# the luigi that is under test, for child processes, without the test runner
START = (
    "import sys; sys.path[:0] = {path!r}\n"
    "try:\n    from luigi_clone import alias; alias.install()\nexcept ImportError: pass\n"
    "import luigi, os, signal\nfrom luigi.local_target import LocalTarget\n"
)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    luigi.mock.MockFileSystem().clear()


def run(code):
    """Run code in a process of its own, end it as it wants, and return its errors."""
    path = [folder for folder in sys.path if folder]
    done = subprocess.run(
        [sys.executable, "-c", START.format(path=path) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr


# ---- 1 cleanup of temporaries


def test_03_01_a_temporary_file_is_removed_while_the_traceback_lives():
    with pytest.raises(ZeroDivisionError) as raised, LocalTarget("a").open("w") as handle:
        handle.write("x")
        raise ZeroDivisionError
    assert raised.tb is not None
    assert os.listdir() == []


def test_03_01_a_temporary_file_is_removed_at_exit():
    run(
        """
        import threading
        def write():
            with LocalTarget("a").open("w") as handle:
                handle.write("x")
                ready.set()
                threading.Event().wait()
        ready = threading.Event()
        threading.Thread(target=write, daemon=True).start()
        ready.wait()
        """
    )
    assert os.listdir() == []


def test_03_01_what_a_killed_process_leaves_can_be_swept():
    run(
        """
        handle = LocalTarget("a").open("w")
        handle.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    (left,) = os.listdir()
    assert luigi.local_target.sweep_temporary_files(".", older_than=-60) == [f"./{left}"]
    assert os.listdir() == []


# ---- 2 durability


def test_03_02_data_and_directory_are_brought_to_the_disk(monkeypatch):
    synced = []
    real = os.fsync

    def fsync(number):
        synced.append(os.path.isdir(f"/proc/self/fd/{number}"))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with LocalTarget("a").open("w") as handle:
        handle.write("x")
        assert synced == []
    assert synced == [False, True]


# ---- 3 temporary names


def test_03_03_workers_that_seed_alike_choose_different_names():
    names = set()
    for _ in range(2):
        random.seed(1)
        handle = LocalTarget("a").open("w")
        names.add(handle.tmp_path)
        handle.close()
    assert len(names) == 2


def test_03_03_a_link_in_the_place_of_a_temporary_file_is_not_followed():
    with open("victim", "w") as file:
        file.write("precious")
    for attempt in range(2):
        random.seed(1)
        handle = LocalTarget("a").open("w")
        handle.close()
        if attempt == 0:
            os.symlink("victim", handle.tmp_path)  # the name that one expects to come
    with open("victim") as file:
        assert file.read() == "precious"


def test_03_03_a_file_in_the_shared_folder_is_for_its_owner_only(monkeypatch):
    class File(luigi.target.AtomicLocalFile):
        def move_to_final_destination(self):
            pass

    old = os.umask(0o022)
    try:
        handle = File("a")
        rights = os.stat(handle.tmp_path).st_mode & 0o777
        handle.close()
    finally:
        os.umask(old)
    assert rights == 0o600


# ---- 4 closing twice


@pytest.mark.parametrize("kind", [Nop, Gzip])
def test_03_04_double_close_is_harmless(kind):
    handle = LocalTarget("a", format=kind).open("w")
    handle.write(b"x")
    handle.close()
    handle.close()


@pytest.mark.parametrize("kind", [None, Nop, Gzip])
def test_03_04_close_within_the_block_is_harmless(kind):
    with LocalTarget("a", format=kind).open("w") as handle:
        handle.close()


# ---- 5 temporary_path and rename_dont_move


def test_03_05_temporary_path_leaves_no_debris():
    with pytest.raises(ZeroDivisionError), LocalTarget("a").temporary_path() as path:
        os.mkdir(path)
        raise ZeroDivisionError
    assert os.listdir() == []


@pytest.mark.parametrize("make", [os.mkdir, lambda path: open(path, "w").close()], ids=["directory", "file"])
def test_03_05_a_writer_that_comes_between_look_and_rename_is_not_replaced(monkeypatch, make):
    real = os.path.exists

    def exists(path):
        there = real(path)
        if path == "out" and not there:
            make("out")  # the other writer is faster
        return there

    make("mine")
    monkeypatch.setattr(os.path, "exists", exists)
    with pytest.raises(luigi.target.FileAlreadyExists):
        LocalFileSystem().rename_dont_move("mine", "out")
    assert real("mine")


# ---- 6 moving to another disk


def test_03_06_a_directory_moves_to_another_disk(monkeypatch):
    os.makedirs("here/d")
    os.mkdir("there")
    with open("here/d/f", "w") as file:
        file.write("x")
    os.utime("here/d/f", (1, 2))
    real = os.replace

    def replace(source, destination):
        if source.split("/")[0] != destination.split("/")[0]:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, destination)

    monkeypatch.setattr(os, "replace", replace)
    LocalFileSystem().move("here/d", "there/d")
    assert os.stat("there/d/f").st_mtime == 2
    assert os.listdir("here") == []


# ---- 7, 8 the local file system


def test_03_07_mkdir_of_one_component():
    LocalFileSystem().mkdir("a", parents=False)
    assert os.path.isdir("a")


def test_03_08_remove_takes_skip_trash():
    open("a", "w").close()
    LocalFileSystem().remove("a", recursive=True, skip_trash=True)
    assert os.listdir() == []


# ---- 9 compression


@pytest.mark.parametrize("kind", [luigi.format.Gzip, luigi.format.Bzip2])
def test_03_09_compression_needs_no_programs(kind, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with LocalTarget("a", format=kind).open("w") as handle:
        handle.write(b"x")
    with LocalTarget("a", format=kind).open() as handle:
        assert handle.read() == b"x"


def test_03_09_nothing_is_made_of_half_of_a_corrupt_input():
    with open("a.gz", "wb") as file:
        file.write(gzip.compress(b"1\n2\n")[:-6])
    source, made = LocalTarget("a.gz", format=luigi.format.UTF8 >> Gzip), LocalTarget("out")
    failure = pytest.raises(RuntimeError, match="non-zero exit status 1")
    with failure, source.open() as lines, made.open("w") as output:
        for line in lines:
            output.write(line)
    assert not made.exists()


# ---- 10, 11 process pipes


def test_03_10_a_stream_is_not_copied_to_the_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pipe = InputPipeProcessWrapper(["cat"], io.BytesIO(b"x"))
    on_disk = os.listdir()
    pipe.read()
    pipe.close()
    assert on_disk == []


def test_03_10_a_command_that_does_not_exist_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        InputPipeProcessWrapper(["no-such-command"], io.BytesIO(b"x"))
    gc.collect()
    assert os.listdir() == []


def test_03_11_a_command_that_fails_closes_its_output():
    output = open("a", "wb")  # noqa: SIM115 - whether the pipe closes it is what is shown
    pipe = OutputPipeProcessWrapper(["false"], output)
    with pytest.raises(RuntimeError):
        pipe.close()
    assert output.closed


def test_03_11_a_command_that_does_not_exist_is_told_once(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with open("a", "wb") as output, pytest.raises(FileNotFoundError):
        OutputPipeProcessWrapper(["no-such-command"], output)
    gc.collect()
    assert told == []


def test_03_11_a_command_that_died_is_told_by_its_error():
    with open("a", "wb") as output:
        pipe = OutputPipeProcessWrapper(["false"], output)
        pipe._process.wait()
        with pytest.raises(RuntimeError, match="Error when executing command"):
            for _ in range(100):
                pipe.write(b"x" * 10_000)


# ---- 12 newlines


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_03_12_explicit_newlines_can_be_read(newline):
    assert NewlineWrapper(io.BytesIO(b"1\r\n2\n"), newline).read() == b"1\r\n2\n"


def test_03_12_a_newline_cut_in_two_is_one():
    wrapper = NewlineWrapper(io.BytesIO(b"a\r\nb"))
    assert b"".join(iter(lambda: wrapper.read(2), b"")) == b"a\nb"


def test_03_12_lines_are_translated_too():
    assert NewlineWrapper(io.BytesIO(b"a\r\nb")).readline() == b"a\n"


def test_03_12_an_empty_newline_deletes_nothing():
    stream = io.BytesIO()
    NewlineWrapper(stream, b"").write(b"a\r\nb\n")
    assert stream.getvalue() == b"a\r\nb\n"


# ---- 16 mock targets


@pytest.mark.parametrize("how", ["exception", "dropped"])
def test_03_16_mock_targets_are_atomic(how):
    target = MockTarget("a")
    if how == "exception":
        with pytest.raises(ZeroDivisionError), target.open("w") as handle:
            handle.write("half")
            raise ZeroDivisionError
    else:
        handle = target.open("w")
        handle.write("half")
    del handle
    gc.collect()
    assert not target.exists()


def test_03_16_names_that_begin_alike_are_no_directories():
    data = MockTarget.fs.get_all_data()
    data.update({"/a/b": b"", "/ab": b""})
    assert MockTarget.fs.listdir("/a") == ["/a/b"]
    MockTarget.fs.remove("/a")
    assert list(data.keys()) == ["/ab"]
    assert not MockTarget.fs.isdir("/a")


def test_03_16_no_process_is_started_for_a_single_one():
    assert "multiprocessing" not in run(
        """
        from luigi.mock import MockTarget
        with MockTarget("a").open("w") as handle:
            handle.write("x")
        assert MockTarget("a").exists()
        print([name for name in sys.modules if name == "multiprocessing.managers"], file=sys.stderr)
        """
    )


def test_03_16_writing_tells_how_much():
    with MockTarget("a", format=Nop).open("w") as handle:
        assert handle.write(b"abc") == 3


def test_03_16_bytes_are_mirrored_line_by_line(capsys):
    with MockTarget("a", mirror_on_stderr=True, format=Nop).open("w") as handle:
        handle.write(b"1\n")
        handle.write(b"2\n")
    assert capsys.readouterr().err == "a: 1\na: 2\n"


def test_03_16_mock_targets_can_be_compressed():
    with MockTarget("a", format=Gzip).open("w") as handle:
        handle.write(b"x")
    assert gzip.decompress(MockTarget.fs.get_data("a")) == b"x"


# ---- 17, 18, 20


def test_03_17_a_pickled_copy_does_not_delete_the_file():
    target = LocalTarget("a", is_tmp=True)
    target.open("w").close()
    duplicate = pickle.loads(pickle.dumps(target))
    del duplicate
    gc.collect()
    assert target.exists()


def test_03_18_a_folder_that_cannot_be_made_is_told():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o500)
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, 65534, -1)
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError):
                LocalTarget(os.path.join(folder, "new", "a")).open("w")
        finally:
            if is_root:
                os.seteuid(0)


def test_03_20_a_wrong_keyword_is_told():
    with pytest.raises(TypeError, match="encodin"):
        TextFormat(encodin="utf8").pipe_writer(io.BytesIO())


def test_03_01_an_interrupt_leaves_nothing():
    run(
        """
        import threading
        try:
            with LocalTarget("a").open("w") as handle:
                handle.write("x")
                os.kill(os.getpid(), signal.SIGINT)
                threading.Event().wait(30)
        except KeyboardInterrupt:
            assert os.listdir() == [], os.listdir()
            open("fine", "w").close()
        os._exit(0)
        """
    )
    assert os.listdir() == ["fine"]
