"""Compressed streams: what the programs write we read and the other way round, however it is cut up."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import os
import random
import shutil
import subprocess
import threading
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luigi_clone.format import UTF8, Bzip2, Gzip, GzipFormat
from luigi_clone.local_target import LocalTarget
from test.services import require_service


def threads():
    """Count the threads but for the timers of pytest-timeout."""
    return sum(not isinstance(thread, threading.Timer) for thread in threading.enumerate())


CODECS = {"gzip": (Gzip, gzip.compress, gzip.decompress), "bzip2": (Bzip2, bz2.compress, bz2.decompress)}
codecs = pytest.mark.parametrize("codec", CODECS)
HELLO = b"hello\n" * 3


class Drip(io.BytesIO):
    """A stream that gives a few bytes at a time, as a network does."""

    def __init__(self, data, size):
        super().__init__(data)
        self.size = size

    def read1(self, size=-1, /):
        return super().read1(min(size, self.size))


def reading(codec, data, size=65536):
    return CODECS[codec][0].pipe_reader(Drip(data, size))


class Kept(io.BytesIO):
    """A stream whose content can be seen after it was closed."""

    content: bytes | None = None

    def close(self):
        if not self.closed:
            self.content = self.getvalue()
        super().close()


@codecs
@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(st.binary(max_size=300) | st.just(b"ab" * 40_000), max_size=4),
    drip=st.integers(1, 50),
    read=st.integers(1, 70_000),
)
def test_any_data_comes_back(codec, parts, drip, read):
    """Any members, in any pieces, read in any amounts."""
    kind, compress, _ = CODECS[codec]
    plain = b"".join(parts)
    members = b"".join(compress(part) for part in parts or [b""])
    with reading(codec, members, drip) as handle:
        assert b"".join(iter(lambda: handle.read(read), b"")) == plain
    output = Kept()
    with kind.pipe_writer(output) as handle:
        for part in parts:
            handle.write(part)
    with reading(codec, output.content) as handle:
        assert handle.read() == plain


@codecs
def test_what_we_write_the_program_reads(codec, tmp_path):
    require_service(codec, shutil.which(codec), f"no program {codec}")
    data = random.Random(1).randbytes(300_000) + HELLO * 100_000
    with LocalTarget(tmp_path / "a", format=CODECS[codec][0]).open("w") as handle:
        handle.write(data)
    with (tmp_path / "a").open("rb") as file:
        done = subprocess.run([codec, "-dc"], stdin=file, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (data, b"")


@codecs
def test_what_the_program_writes_we_read(codec, tmp_path):
    require_service(codec, shutil.which(codec), f"no program {codec}")
    with (tmp_path / "a").open("wb") as file:
        for _ in range(2):
            subprocess.run([codec, "-c"], input=HELLO * 50_000, stdout=file, check=True)
            file.seek(0, os.SEEK_END)
    with LocalTarget(tmp_path / "a", format=CODECS[codec][0]).open() as handle:
        assert handle.read() == HELLO * 100_000


def test_equal_data_gives_equal_files():
    outputs = []
    for _ in range(2):
        output = Kept()
        with Gzip.pipe_writer(output) as handle:
            handle.write(HELLO)
        outputs.append(output.content)
    assert outputs[0] == outputs[1]
    assert outputs[0][4:8] == b"\0\0\0\0", "no time stamp"


def test_levels():
    data = bytes(random.Random(1).choices(b"abcdef", k=200_000))
    sizes = []
    for level in (1, 9, None, 6):
        output = Kept()
        with GzipFormat(level).pipe_writer(output) as handle:
            handle.write(data)
        sizes.append(len(output.content))
    assert sizes[0] > sizes[1]
    assert sizes[2] == sizes[3]
    with pytest.raises(ValueError, match="level"):
        GzipFormat(11).pipe_writer(io.BytesIO())


# ---- corrupt input

GZ, BZ = gzip.compress(HELLO, mtime=0), bz2.compress(HELLO)
CORRUPT = [
    ("gzip", b"", 1, b""),
    ("gzip", b"not gzip at all", 1, b""),
    ("gzip", b"\x1f", 1, b""),
    ("gzip", GZ[:-5], 1, HELLO),
    ("gzip", GZ[:12], 1, b"h"),
    ("gzip", GZ[:-8] + b"abcdefgh", 1, HELLO),
    ("gzip", GZ + b"garbage", 2, HELLO),
    ("gzip", GZ + b"\x1f", 1, HELLO),
    ("gzip", GZ + GZ[:-4], 1, HELLO * 2),
    ("bzip2", b"", 2, b""),
    ("bzip2", b"not bz", 2, b""),
    ("bzip2", b"BZ", 2, b""),
    ("bzip2", BZ[:-5], 2, HELLO),
    ("bzip2", BZ[:20] + b"????" + BZ[24:], 2, b""),
    ("bzip2", BZ + BZ[:-5], 2, HELLO * 2),
]
corrupt = pytest.mark.parametrize(
    ("codec", "data", "status", "good"),
    CORRUPT,
    ids=[f"{row[0]}{number}" for number, row in enumerate(CORRUPT)],
)


def message(status):
    return rf"^Error reading from pipe\. Subcommand exited with non-zero exit status {status}\.$"


@corrupt
@pytest.mark.parametrize("drip", [1, 7, 65536])
def test_corrupt_input_is_an_error_in_the_words_of_the_pipe(codec, data, status, good, drip):
    got = b""
    with pytest.raises(RuntimeError, match=message(status)), reading(codec, data, drip) as handle:
        while piece := handle.read1(1000):
            got += piece
    assert got == good, "all that is good was delivered"


@corrupt
def test_corrupt_input_is_as_the_program_says(codec, data, status, good):
    require_service(codec, shutil.which(codec), f"no program {codec}")
    done = subprocess.run([codec, "-dc"], input=data, capture_output=True, check=False)
    assert done.returncode == status


@corrupt
def test_nobody_goes_on_with_half_of_the_input(codec, data, status, good, tmp_path):
    """What is made of corrupt input is not published: the error comes while it is read."""
    (tmp_path / "in").write_bytes(data)
    source = LocalTarget(tmp_path / "in", format=UTF8 >> CODECS[codec][0])
    made = LocalTarget(tmp_path / "out")
    for copy in (lambda r, w: w.write(r.read()), lambda r, w: w.writelines(r), shutil.copyfileobj):
        failure = pytest.raises(RuntimeError, match="non-zero exit status")
        with failure, source.open() as handle, made.open("w") as output:
            copy(handle, output)
        assert not made.exists()


@corrupt
def test_closing_tells_it_again(codec, data, status, good):
    handle = reading(codec, data)
    with pytest.raises(RuntimeError):
        handle.read()
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message(status)):
            handle.close()
    assert handle.closed
    assert handle._input_pipe.closed


def test_one_who_knows_how_much_to_read_hears_of_a_wrong_check_sum():
    handle = reading("gzip", GZ[:-8] + b"abcdefgh")
    assert handle.read(len(HELLO)) == HELLO
    with pytest.raises(RuntimeError, match=message(1)):
        handle.close()


@codecs
def test_the_blocks_own_exception_is_the_one_told(codec):
    with pytest.raises(ZeroDivisionError), reading(codec, b"corrupt") as handle:
        raise ZeroDivisionError
    assert handle._input_pipe.closed


@codecs
@pytest.mark.parametrize("behind", [b"\0" * 100, b"\0" * 70_000])
def test_padding_is_fine(codec, behind):
    for drip in (1000, 65536):
        with reading(codec, CODECS[codec][1](HELLO) + behind, drip) as handle:
            assert handle.read() == HELLO


def test_anything_behind_bzip2_is_ignored():
    for drip in (1, 65536):
        with reading("bzip2", BZ + b"BZgarbage", drip) as handle:
            assert handle.read() == HELLO


# ---- readers


@codecs
def test_a_reader_is_a_file(codec):
    handle = reading(codec, CODECS[codec][1](b"1\n2\n3"))
    assert (handle.readable(), handle.writable(), handle.seekable(), handle.closed) == (
        True,
        False,
        False,
        False,
    )
    assert handle.size == 65536, "attributes of the stream"
    assert handle.readline() == b"1\n"
    assert next(iter(handle)) == b"2\n"
    assert handle.readlines() == [b"3"]
    handle.close()
    handle.close()
    assert handle.closed
    with pytest.raises(ValueError, match="closed"):
        handle.read()
    with pytest.raises(AttributeError):
        handle.nothing


@codecs
def test_stopping_early_is_fine(codec):
    data = CODECS[codec][1](random.Random(1).randbytes(2_000_000))
    with reading(codec, data[:-10]) as handle:
        handle.read(10)
    stream = Drip(data, 65536)
    handle = CODECS[codec][0].pipe_reader(stream)
    del handle
    assert stream.closed


@codecs
def test_a_large_file_is_read_in_little_memory(codec):
    """Compressed a thousandfold, read line by line."""
    line = b"x" * 999 + b"\n"
    data = CODECS[codec][1](line * 50_000)
    with reading(codec, data) as handle:
        tracemalloc.start()
        assert sum(1 for _ in handle) == 50_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2_000_000


# ---- writers


@codecs
def test_a_writer_is_a_file(codec):
    output = Kept()
    output.tag = "attributes of the stream"
    handle = CODECS[codec][0].pipe_writer(output)
    assert (handle.readable(), handle.writable(), handle.seekable(), handle.closed) == (
        False,
        True,
        False,
        False,
    )
    assert handle.tag == output.tag
    handle.write(b"1\n")
    handle.writelines([b"2\n", b"3\n"])
    handle.writeLine(b"4")
    with pytest.raises(AssertionError):
        handle.writeLine(b"5\n")
    with pytest.raises(TypeError):
        handle.write("text")
    handle.close()
    handle.close()
    assert handle.closed
    assert CODECS[codec][2](output.content) == b"1\n2\n3\n4\n"


@codecs
def test_abort_publishes_nothing(codec, tmp_path):
    target = LocalTarget(tmp_path / "a", format=CODECS[codec][0])
    handle = target.open("w")
    handle.write(HELLO)
    handle.abort()
    assert handle.closed
    handle.close()
    handle.__exit__(None, None, None)
    del handle
    gc.collect()
    assert os.listdir(tmp_path) == []


def test_a_writer_that_cannot_be_made_is_silent():
    with pytest.raises(TypeError):
        GzipFormat("high").pipe_writer(io.BytesIO())
    gc.collect()


# ---- as files of other processes


@codecs
def test_a_reader_can_be_given_to_a_process(codec, tmp_path):
    data = random.Random(1).randbytes(500_000)
    (tmp_path / "a").write_bytes(CODECS[codec][1](b"first\n" + data))
    with LocalTarget(tmp_path / "a", format=CODECS[codec][0]).open() as handle:
        assert handle.readline() == b"first\n"
        done = subprocess.run(["cat"], stdin=handle, stdout=subprocess.PIPE, check=True)
        assert handle.fileno() == handle.fileno()
        assert handle.read() == b""
    assert done.stdout == data


@codecs
def test_a_process_that_stops_early_is_fine(codec, tmp_path):
    before = threads()
    with reading(codec, CODECS[codec][1](random.Random(1).randbytes(500_000))) as handle:
        subprocess.run(["head", "-c", "10"], stdin=handle, stdout=subprocess.PIPE, check=True)
    assert threads() == before


def test_corrupt_input_of_a_process_is_told_at_close(tmp_path):
    with pytest.raises(RuntimeError, match=message(1)), reading("gzip", GZ[:-5]) as handle:
        done = subprocess.run(["cat"], stdin=handle, stdout=subprocess.PIPE, check=True)
        assert done.stdout == HELLO


@codecs
def test_a_writer_can_be_given_to_a_process(codec, tmp_path):
    target = LocalTarget(tmp_path / "a", format=CODECS[codec][0])
    with target.open("w") as handle:
        handle.write(b"1\n")
        subprocess.run(["sh", "-c", "seq 2 50000"], stdout=handle, check=True)
        handle.write(b"50001\n")
    assert CODECS[codec][2]((tmp_path / "a").read_bytes()) == b"".join(b"%d\n" % i for i in range(1, 50002))


@codecs
def test_what_a_process_wrote_is_not_published_after_an_exception(codec, tmp_path):
    before = threads()
    target = LocalTarget(tmp_path / "a", format=CODECS[codec][0])
    with pytest.raises(ZeroDivisionError), target.open("w") as handle:
        subprocess.run(["echo", "x"], stdout=handle, check=True)
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []
    assert threads() == before


@codecs
def test_a_process_whose_output_cannot_be_stored_publishes_nothing(codec):
    class Full(io.BytesIO):
        left = None

        def write(self, data):
            raise OSError("full")

        def __exit__(self, *exc):
            self.left = exc[0]

    output = Full()
    handle = CODECS[codec][0].pipe_writer(output)
    # sh gets SIGPIPE or ends; what counts is what close says
    subprocess.run(["sh", "-c", "head -c 3000000 /dev/urandom"], stdout=handle, check=False)
    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            handle.close()
    assert output.left is OSError


@codecs
def test_wrappers_that_were_not_constructed_have_no_attributes(codec):
    kind = CODECS[codec][0]
    for made in (kind.pipe_reader(io.BytesIO()), kind.pipe_writer(io.BytesIO())):
        with pytest.raises(AttributeError):
            type(made).__new__(type(made)).nothing


@codecs
def test_a_closed_handle_has_no_descriptor(codec):
    handle = reading(codec, CODECS[codec][1](b""))
    handle.close()
    with pytest.raises(ValueError, match="closed"):
        handle.fileno()
    handle = CODECS[codec][0].pipe_writer(io.BytesIO())
    handle.close()
    with pytest.raises(ValueError, match="closed"):
        handle.fileno()
