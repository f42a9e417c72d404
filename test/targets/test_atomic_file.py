"""Atomic files: who writes where, when it is published, and what reaches the disk in which order."""

from __future__ import annotations

import errno
import gc
import io
import itertools
import os
import random
import re
import stat
import tempfile
from pathlib import Path

import pytest

from luigi_clone import configuration
from luigi_clone._local_storage import temporaries
from luigi_clone.format import UTF8, Gzip, Nop
from luigi_clone.local_target import LocalTarget, atomic_file
from luigi_clone.target import AtomicLocalFile


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "shared"))


class Shipped(AtomicLocalFile):
    """As a remote store's: ships by copying."""

    shipped: bytes | None = None
    shipments = 0

    def move_to_final_destination(self):
        Shipped.shipments += 1
        Shipped.shipped = Path(self.tmp_path).read_bytes()


@pytest.fixture(autouse=True)
def _nothing_shipped():
    Shipped.shipped, Shipped.shipments = None, 0


def test_the_base_writes_in_the_shared_folder_for_its_owner_only():
    handle = Shipped("there")
    assert re.fullmatch(r".*/shared/luigi-s3-tmp-\d{9,10}", handle.tmp_path)
    assert handle._AtomicLocalFile__tmp_path == handle.tmp_path
    assert handle.path == "there"
    assert isinstance(handle, io.BufferedWriter)
    assert stat.S_IMODE(os.stat(handle.tmp_path).st_mode) == 0o600
    handle.close()


def test_what_is_shipped_has_the_rights_of_any_new_file():
    rights = []

    class Renamed(AtomicLocalFile):
        def move_to_final_destination(self):
            rights.append(stat.S_IMODE(os.stat(self.tmp_path).st_mode))
            os.rename(self.tmp_path, self.path)

    Path("plain").touch()
    with Renamed("a") as handle:
        handle.write(b"x")
    assert rights == [stat.S_IMODE(os.stat("plain").st_mode)]
    assert sorted(os.listdir()) == ["a", "plain", "shared"]


def test_the_file_is_shipped_once_and_the_temporary_one_goes():
    with Shipped("there") as handle:
        handle.write(b"data")
        handle.close()
        handle.close()
        assert Shipped.shipped == b"data"
    handle.close()
    assert Shipped.shipments == 1
    del handle
    assert os.listdir("shared") == []


def test_a_subclass_must_say_where_to():
    handle = AtomicLocalFile("there")
    with pytest.raises(NotImplementedError):
        handle.close()
    del handle
    assert os.listdir("shared") == []


def test_a_shipment_that_failed_is_tried_again_by_the_next_close():
    class Unsteady(Shipped):
        refusals = 1

        def move_to_final_destination(self):
            if self.refusals:
                self.refusals -= 1
                raise ConnectionError
            super().move_to_final_destination()

    handle = Unsteady("there")
    handle.write(b"data")
    with pytest.raises(ConnectionError):
        handle.close()
    handle.close()
    assert Shipped.shipped == b"data"


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_in_the_block_removes_the_temporary_file_at_once(kind):
    with pytest.raises(kind) as raised, Shipped("there") as handle:
        handle.write(b"half")
        handle.flush()
        raise kind
    assert raised.tb is not None  # the traceback, and so the handle, are alive
    assert os.listdir("shared") == []
    handle.close()
    assert handle.closed
    assert Shipped.shipments == 0


def test_a_generator_that_is_not_finished_publishes_nothing():
    def lines():
        with LocalTarget("a").open("w") as handle:
            handle.write("1")
            yield
            handle.write("2")

    going = lines()
    next(going)
    going.close()
    assert os.listdir() == ["shared"]


def test_a_subclass_may_reserve_its_file_itself():
    class Reserving(Shipped):
        def generate_tmp_path(self, path):
            number, name = tempfile.mkstemp()
            os.close(number)
            return name

    with Reserving("there") as handle:
        handle.write(b"data")
    assert Shipped.shipped == b"data"
    del handle
    assert os.listdir("shared") == []


def test_a_subclass_may_open_its_file_itself():
    """As stores do that write where they want: name and file set past the constructor."""

    class Direct(AtomicLocalFile):
        def __init__(self, path):
            self.path = path
            self._AtomicLocalFile__tmp_path = path + ".part"
            io.BufferedWriter.__init__(self, io.FileIO(self.tmp_path, "w"))

        def move_to_final_destination(self):
            os.rename(self.tmp_path, self.path)

    with Direct("a") as handle:
        handle.write(b"x")
        handle.close()
    assert Path("a").read_bytes() == b"x"
    with pytest.raises(ZeroDivisionError), Direct("b") as handle:
        raise ZeroDivisionError
    handle.close()
    assert not os.path.exists("b")


def test_a_planted_link_is_not_followed(monkeypatch):
    numbers = itertools.chain([1, 1], itertools.count(2))
    monkeypatch.setattr(temporaries, "random_number", lambda: next(numbers))
    os.symlink(os.path.abspath("victim"), "shared/luigi-s3-tmp-000000001")
    with Shipped("there") as handle:
        handle.write(b"data")
    assert handle.tmp_path.endswith("luigi-s3-tmp-000000002")
    assert not os.path.exists("victim")


def test_a_taken_temporary_name_is_left_alone(monkeypatch):
    numbers = itertools.count(1)
    monkeypatch.setattr(temporaries, "random_number", lambda: next(numbers))
    Path("a-luigi-tmp-000000001").write_text("someone else's")
    atomic_file("a").close()
    assert Path("a-luigi-tmp-000000001").read_text() == "someone else's"


def test_there_is_an_end_to_looking_for_a_free_name(monkeypatch):
    monkeypatch.setattr(temporaries, "random_number", lambda: 1)
    Path("a-luigi-tmp-000000001").touch()
    with pytest.raises(FileExistsError, match="No free temporary name for a"):
        atomic_file("a")
    gc.collect()


def test_names_do_not_depend_on_the_random_generator():
    names = set()
    for _ in range(2):
        random.seed(1)
        names.add(atomic_file("a").tmp_path)
    assert len(names) == 2


def test_a_handle_dropped_in_a_forked_child_leaves_the_parents_file_alone():
    for kind in (None, Nop, Gzip):
        handle = LocalTarget("a", format=kind).open("w")
        handle.write("1" if kind is None else b"1")
        child = os.fork()
        if child == 0:
            del handle
            gc.collect()
            os._exit(0)
        os.waitpid(child, 0)
        handle.close()
        with LocalTarget("a", format=kind).open() as reader:
            assert reader.read() in ("1", b"1")


def test_an_exception_in_a_forked_child_leaves_the_parents_file_alone():
    with LocalTarget("a").open("w") as handle:
        handle.write("1")
        child = os.fork()
        if child == 0:
            try:
                try:
                    handle.__exit__(ValueError, ValueError(), None)
                finally:
                    os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    assert Path("a").read_text() == "1"


# ---- failing writes


class FullDisk:
    """Makes the file below refuse to write, for as long as wanted."""

    def __init__(self, handle):
        raw = handle
        while not isinstance(raw, io.RawIOBase) or isinstance(raw, io.BufferedIOBase):
            raw = getattr(raw, "_output_pipe", None) or getattr(raw, "buffer", None) or raw.raw
        self.number = raw.fileno()
        self.copy = os.dup(self.number)

    def __enter__(self):
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, self.number)
        os.close(full)

    def __exit__(self, *exc):
        os.dup2(self.copy, self.number)
        os.close(self.copy)


needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is a Linux device")


def open_and_data(kind):
    handle = LocalTarget("a", format=kind).open("w")
    random_text = "".join(random.choices("0123456789abcdef", k=300_000))
    return handle, random_text if kind in (None, UTF8) or kind is TEXT_IN_GZIP else random_text.encode()


TEXT_IN_GZIP = UTF8 >> Gzip


@needs_full
@pytest.mark.parametrize("kind", [None, Nop, Gzip, TEXT_IN_GZIP], ids=["text", "nop", "gzip", "text-gzip"])
def test_a_failed_write_that_was_swallowed_still_prevents_publication(kind):
    """The layers above have dropped their data when a write fails; a later flush must not hide it."""
    handle, data = open_and_data(kind)
    with pytest.raises(OSError), handle:
        with FullDisk(handle):
            with pytest.raises(OSError) as raised:
                handle.write(data)
            assert raised.value.errno == errno.ENOSPC
        handle.write(data[:10])
    del handle
    assert os.listdir() == ["shared"]


@needs_full
@pytest.mark.parametrize("kind", [None, Nop, Gzip, TEXT_IN_GZIP], ids=["text", "nop", "gzip", "text-gzip"])
def test_a_disk_full_at_close_publishes_nothing_and_is_told_each_time(kind):
    handle, data = open_and_data(kind)
    handle.write(data[:100])
    with FullDisk(handle), pytest.raises(OSError):
        handle.close()
    with pytest.raises(OSError):
        handle.close()
    del handle
    gc.collect()
    assert os.listdir() == ["shared"]


# ---- durability


@pytest.fixture
def steps(monkeypatch):
    """Record what is brought to the disk and what is renamed, in order."""
    recorded = []

    def describe(number):
        name = os.path.relpath(os.readlink(f"/proc/self/fd/{number}"))
        return re.sub(r"\d{9,}", "N", name)

    def wrap(name, real):
        def wrapped(*arguments):
            if name == "fsync":
                recorded.append(f"fsync {describe(arguments[0])}")
            else:
                recorded.append("rename " + re.sub(r"\d{9,}", "N", " ".join(arguments)))
            return real(*arguments)

        return wrapped

    monkeypatch.setattr(os, "fsync", wrap("fsync", os.fsync))
    monkeypatch.setattr(os, "replace", wrap("replace", os.replace))
    from luigi_clone._local_storage import renaming

    monkeypatch.setattr(renaming, "rename_exclusively", wrap("rename", renaming.rename_exclusively))
    return recorded


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="names of descriptors need /proc")
WRITTEN = ["fsync a-luigi-tmp-N", "rename a-luigi-tmp-N a", "fsync ."]


@needs_proc
@pytest.mark.parametrize("kind", [None, Nop, Gzip], ids=["text", "nop", "gzip"])
def test_data_reaches_the_disk_before_the_name_does(steps, kind):
    with LocalTarget("a", format=kind).open("w") as handle:
        handle.write("x" if kind is None else b"x")
    assert steps == WRITTEN


@needs_proc
def test_new_folders_reach_the_disk_too(steps):
    LocalTarget("x/y/a").open("w").close()
    assert steps == [
        "fsync .",
        "fsync x",
        "fsync x/y/a-luigi-tmp-N",
        "rename x/y/a-luigi-tmp-N x/y/a",
        "fsync x/y",
    ]


@needs_proc
def test_a_directory_reaches_the_disk_with_all_below(steps):
    with LocalTarget("d").temporary_path() as path:
        os.makedirs(f"{path}/e")
        for name in ("f", "e/g"):
            Path(path, name).touch()
        os.symlink("nowhere", f"{path}/link")
    assert sorted(steps[:4]) == [
        "fsync d-luigi-tmp-N",
        "fsync d-luigi-tmp-N/e",
        "fsync d-luigi-tmp-N/e/g",
        "fsync d-luigi-tmp-N/f",
    ]
    assert steps[3:] == ["fsync d-luigi-tmp-N", "rename d-luigi-tmp-N d", "fsync ."]


@needs_proc
def test_the_configuration_switches_it_off(steps):
    configuration.get_config().set("local_target", "fsync", "false")
    LocalTarget("x/a").open("w").close()
    with LocalTarget("b").temporary_path() as path:
        Path(path).touch()
    assert [step for step in steps if "fsync" in step] == []
    configuration.get_config().set("local_target", "fsync", "true")
    LocalTarget("a").open("w").close()
    assert steps[-3:] == WRITTEN


@needs_proc
def test_a_class_or_a_target_switches_it(steps):
    class Fast(LocalTarget):
        fsync = False

    Fast("a").open("w").close()
    target = LocalTarget("a")
    target.fsync = False
    target.open("w").close()
    atomic_file("a", fsync=False).close()
    assert steps == ["rename a-luigi-tmp-N a"] * 3
    Fast.fsync = True
    Fast("a").open("w").close()
    assert steps[3:] == WRITTEN


@needs_proc
def test_a_temporary_target_needs_none(steps):
    target = LocalTarget("a", is_tmp=True)
    target.open("w").close()
    assert steps == ["rename a-luigi-tmp-N a"]


def test_a_nonsensical_setting_is_told_before_anything_is_written():
    configuration.get_config().set("local_target", "fsync", "perhaps")
    with pytest.raises(ValueError, match="perhaps"):
        LocalTarget("a").open("w")
    assert os.listdir() == ["shared"]


def test_a_disk_that_fails_publishes_nothing(monkeypatch):
    def fail(number):
        raise OSError(errno.EIO, "the disk is dying")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="dying"), LocalTarget("a").open("w") as handle:
        handle.write("x")
    assert os.listdir() == ["shared"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_folders_is_accepted(monkeypatch, number):
    real = os.fsync

    def fail(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    LocalTarget("a").open("w").close()
    assert os.path.exists("a")
