"""Pipes to and from real processes, for formats and stores that run a command."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import threading

import pytest

from luigi_clone.format import (
    Format,
    Gzip,
    InputPipeProcessWrapper,
    Nop,
    OutputPipeProcessWrapper,
    TextWrapper,
)
from luigi_clone.local_target import LocalTarget
from luigi_clone.mock import MockTarget


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def threads():
    """Count the threads but for the timers of pytest-timeout."""
    return sum(not isinstance(thread, threading.Timer) for thread in threading.enumerate())


def in_use():
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    return threads(), descriptors


@pytest.fixture(autouse=True)
def _nothing_left_running():
    before = in_use()
    yield
    assert in_use() == before


class Filter(Format):
    """Text that goes through two commands."""

    input = output = "bytes"

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing

    def pipe_reader(self, input_pipe):
        return InputPipeProcessWrapper(self.reading, input_pipe)

    def pipe_writer(self, output_pipe):
        return OutputPipeProcessWrapper(self.writing, output_pipe)


UPPER = Filter(["tr", "A-Z", "a-z"], ["tr", "a-z", "A-Z"])
FAILING = Filter(["sh", "-c", "cat; exit 3"], ["sh", "-c", "cat; exit 3"])


def failed_reading(status):
    return rf"^Error reading from pipe\. Subcommand exited with non-zero exit status {status}\.$"


# ---- reading


@pytest.mark.parametrize("close", [lambda pipe: pipe.close(), lambda pipe: pipe.__exit__(None, None, None)])
def test_reading_from_a_command(close):
    pipe = InputPipeProcessWrapper(["seq", "3"])
    assert (pipe.readable(), pipe.writable(), pipe.seekable(), pipe.closed) == (True, False, False, False)
    assert pipe._command == ["seq", "3"]
    assert pipe._input_pipe is None
    assert pipe._tmp_file is None
    assert isinstance(pipe._process, subprocess.Popen)
    assert pipe.readline() == b"1\n"
    assert pipe.read() == b"2\n3\n"
    close(pipe)
    close(pipe)
    assert pipe.closed
    with pytest.raises(AttributeError, match="nothing"):
        pipe.nothing


def test_iterating_to_the_end_ends_the_command():
    pipe = InputPipeProcessWrapper(["seq", "2"])
    assert list(pipe) == [b"1\n", b"2\n"]
    assert pipe._process.returncode == 0


def test_reading_from_a_running_process():
    process = subprocess.Popen(["seq", "2"], stdout=subprocess.PIPE)
    pipe = InputPipeProcessWrapper(process)
    assert pipe._process is pipe._command is process
    assert pipe.read() == b"1\n2\n"
    pipe.close()


def test_stopping_early_is_fine():
    with InputPipeProcessWrapper(["seq", "1000000"]) as pipe:
        assert pipe.readline() == b"1\n"
    assert pipe._process.returncode == -signal.SIGPIPE
    with InputPipeProcessWrapper(["sh", "-c", "seq 1000000; exit 141"]) as pipe:
        assert pipe.readline() == b"1\n"
    assert pipe._process.returncode == 141


def test_the_signal_is_at_its_default_in_the_command():
    with InputPipeProcessWrapper(["sh", "-c", "kill -PIPE $$; echo survived"]) as pipe:
        assert pipe.read() == b""


def test_a_failure_is_told_at_close_each_time():
    pipe = InputPipeProcessWrapper(["sh", "-c", "echo a; exit 3"])
    assert pipe.read() == b"a\n"
    for _ in range(2):
        with pytest.raises(RuntimeError, match=failed_reading(3)):
            pipe.close()
    pipe = InputPipeProcessWrapper(["sh", "-c", "echo a; exit 3"])
    with pytest.raises(RuntimeError, match=failed_reading(3)):
        list(pipe)
    with pytest.raises(RuntimeError, match=failed_reading(1)), InputPipeProcessWrapper(["false"]):
        pass


def test_a_failure_is_told_through_text():
    pipe = InputPipeProcessWrapper(["sh", "-c", "echo a; exit 3"])
    with pytest.raises(RuntimeError, match=failed_reading(3)), TextWrapper(pipe) as text:
        assert text.read() == "a\n"


def test_the_blocks_own_exception_is_the_one_told():
    with pytest.raises(ZeroDivisionError), InputPipeProcessWrapper(["false"]):
        raise ZeroDivisionError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_failure_nobody_asked_for_is_told_when_collected(capsys, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_value))
    pipe = InputPipeProcessWrapper(["sh", "-c", "exit 3"])
    pipe._process.wait()
    del pipe
    gc.collect()
    assert [str(error) for error in told] == [
        "Error reading from pipe. Subcommand exited with non-zero exit status 3."
    ]


def test_no_cycle_keeps_a_reader_alive():
    gc.disable()
    try:
        pipe = InputPipeProcessWrapper(["seq", "1"])
        process = pipe._process
        del pipe
        assert process.returncode is not None
    finally:
        gc.enable()


def test_a_command_that_does_not_exist():
    with open("in", "wb+") as file:
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                InputPipeProcessWrapper(["no-such-command"], file)
            with pytest.raises(FileNotFoundError):
                InputPipeProcessWrapper(["no-such-command"], io.BytesIO(b"x"))


def test_a_stream_without_a_descriptor_is_fed_and_not_copied_to_the_disk(monkeypatch):
    data = os.urandom(500_000)
    source = io.BytesIO(data)
    with InputPipeProcessWrapper(["cat"], source) as pipe:
        assert pipe.read() == data
    assert source.closed
    assert os.listdir() == []


def test_a_stream_is_read_only_as_fast_as_the_command_takes_it():
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = b"y\n" * (len(buffer) // 2) if len(buffer) % 2 == 0 else b"y" * len(buffer)
            return len(buffer)

    with InputPipeProcessWrapper(["cat"], io.BufferedReader(Endless())) as pipe:
        assert pipe.readline() == b"y\n"
    with InputPipeProcessWrapper(["head", "-n", "2"], io.BufferedReader(Endless())) as pipe:
        assert pipe.read() == b"y\ny\n"


def test_a_stream_that_breaks_is_told_at_the_end_of_what_it_gave():
    class Breaking(io.RawIOBase):
        pieces = [b"1\n", b"2\n"]

        def readable(self):
            return True

        def readinto(self, buffer):
            if not self.pieces:
                raise ConnectionError("gone")
            piece, *self.pieces = self.pieces
            buffer[: len(piece)] = piece
            return len(piece)

    got = []
    pipe = InputPipeProcessWrapper(["cat"], io.BufferedReader(Breaking()))
    with pytest.raises(ConnectionError, match="gone"), pipe:
        for line in pipe:
            got.append(line)
    assert got == [b"1\n", b"2\n"]


def test_a_subclass_may_start_the_process_otherwise():
    class Loud(InputPipeProcessWrapper):
        def create_subprocess(self, command):
            return super().create_subprocess(["echo", *command])

    with Loud(["a", "b"]) as pipe:
        assert pipe.read() == b"a b\n"


# ---- writing


def test_writing_through_a_command():
    target = LocalTarget("out", format=UPPER)
    with target.open("w") as pipe:
        assert (pipe.readable(), pipe.writable(), pipe.seekable(), pipe.closed) == (False, True, False, False)
        pipe.write(b"ab")
        pipe.writelines([b"c\n", b"d\n"])
        assert not target.exists()
        assert pipe.tmp_path.startswith("out-luigi-tmp-")
    assert pipe.closed
    pipe.close()
    with open("out", "rb") as file:
        assert file.read() == b"ABC\nD\n"
    with target.open() as pipe:
        assert pipe.read() == b"abc\nd\n"


def test_write_line_is_for_text():
    with OutputPipeProcessWrapper(["cat"], open("out", "wb")) as pipe:
        with pytest.raises(AssertionError):
            pipe.writeLine("a\n")
        with pytest.raises(TypeError):
            pipe.writeLine("a")


def test_text_through_a_command_and_a_codec():
    from luigi_clone.format import UTF8

    target = LocalTarget("out", format=UTF8 >> UPPER >> Gzip)
    with target.open("w") as handle:
        handle.write("abc\n" * 50_000)
    with LocalTarget("out", format=Gzip).open() as handle:
        assert handle.read() == b"ABC\n" * 50_000
    with target.open() as handle:
        assert handle.read() == "abc\n" * 50_000


def test_many_writes_are_flushed_from_time_to_time():
    file = open("out", "wb")  # noqa: SIM115 - closed by the last line
    pipe = OutputPipeProcessWrapper(["cat"], file)
    pipe.WRITES_BEFORE_FLUSH = 2
    pipe.write(b"1")
    pipe.write(b"2")
    while os.path.getsize("out") < 2:
        pass
    pipe.abort()
    file.close()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_publishes_nothing(error):
    with pytest.raises(error), LocalTarget("out", format=UPPER).open("w") as pipe:
        pipe.write(b"x")
        raise error
    assert os.listdir() == []
    pipe.__exit__(error, error(), None)


def test_abort_publishes_nothing():
    pipe = LocalTarget("out", format=UPPER).open("w")
    pipe.write(b"x")
    pipe.abort()
    pipe.abort()
    pipe.close()
    with pytest.raises(AttributeError, match="nothing"):
        pipe.nothing
    del pipe
    assert os.listdir() == []


def test_a_dropped_handle_publishes_nothing():
    pipe = LocalTarget("out", format=UPPER).open("w")
    pipe.write(b"x")
    del pipe
    gc.collect()
    assert os.listdir() == []


def test_a_command_that_fails_publishes_nothing():
    pipe = LocalTarget("out", format=FAILING).open("w")
    pipe.write(b"x")
    for _ in range(2):
        with pytest.raises(RuntimeError) as raised:
            pipe.close()
        assert str(raised.value) == f"Error when executing command {FAILING.writing}"
    assert pipe.closed
    assert pipe._output_pipe.closed
    assert os.listdir() == []
    with pytest.raises(RuntimeError), LocalTarget("out", format=FAILING).open("w") as pipe:
        pipe.write(b"x")
    assert os.listdir() == []


def test_a_command_that_died_is_told_by_its_error_and_not_by_the_broken_pipe():
    pipe = LocalTarget("out", format=Filter(None, ["false"])).open("w")
    pipe._process.wait()
    with pytest.raises(RuntimeError, match="Error when executing command"):
        for _ in range(100):
            pipe.write(b"x" * 10_000)
    pipe = LocalTarget("out", format=Filter(None, ["true"])).open("w")
    pipe._process.wait()
    with pytest.raises(BrokenPipeError):
        for _ in range(100):
            pipe.write(b"x" * 10_000)
    assert os.listdir() == []


def test_a_writer_that_cannot_be_made_is_silent_and_publishes_nothing():
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            LocalTarget("out", format=Filter(None, ["no-such-command"])).open("w")
    gc.collect()
    assert os.listdir() == []


def test_without_an_output_the_command_has_ours(capfd):
    with OutputPipeProcessWrapper(["cat"]) as pipe:
        pipe.write(b"hello\n")
    assert capfd.readouterr().out == "hello\n"


def test_to_a_target_in_memory():
    target = MockTarget("out", format=UPPER)
    with target.open("w") as pipe:
        pipe.write(b"abc" * 100_000)
    assert MockTarget("out", format=Nop).open().read() == b"ABC" * 100_000
    with target.open() as pipe:
        assert pipe.read() == b"abc" * 100_000
    with pytest.raises(ZeroDivisionError), MockTarget("other", format=UPPER).open("w") as pipe:
        pipe.write(b"x")
        raise ZeroDivisionError
    assert not MockTarget("other").exists()


def test_a_stream_that_cannot_be_written_to_is_told():
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError("full")

    pipe = OutputPipeProcessWrapper(["cat"], Full())
    pipe.write(b"x")
    with pytest.raises(OSError, match="full"):
        pipe.close()


def test_the_hooks_of_subclasses_are_the_methods_called():
    calls = []

    class Store(OutputPipeProcessWrapper):
        def close(self):
            calls.append("close")
            super().close()

        def abort(self):
            calls.append("abort")
            super().abort()

    with Store(["true"]):
        pass
    with pytest.raises(ZeroDivisionError), Store(["true"]):
        raise ZeroDivisionError
    Store(["true"])
    gc.collect()
    assert calls == ["close", "abort", "abort"]
