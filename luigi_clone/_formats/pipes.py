"""Pipes to and from processes, for formats and stores that run a command."""

from __future__ import annotations

import io
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_CHUNK = 64 * 1024
_FINE_STATUSES = (0, 141, -13)
"""Success, and the end by SIGPIPE (of the command, or of a shell's last one) when the reader stops early."""


def _has_descriptor(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        return False
    return True


class _Pump(threading.Thread):
    """Copies from one stream to another beside what the caller does, and closes the process's end."""

    def __init__(self, source: Any, target: Any, *, to_close: Any) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._target = target
        self._to_close = to_close
        self.failure: BaseException | None = None

    def run(self) -> None:
        read = getattr(self._source, "read1", None) or self._source.read
        try:
            while data := read(_CHUNK):
                self._target.write(data)
        except BrokenPipeError:
            pass  # the process wants no more; its exit status says whether that is right
        except Exception as error:  # told in the thread that reads or closes
            self.failure = error
        finally:
            with suppress(OSError):
                self._to_close.close()


class _Checked(io.RawIOBase):
    """A process's output, at whose end it counts whether all of the input reached the process."""

    def __init__(self, stdout: Any, pump: _Pump) -> None:
        super().__init__()
        self._stdout = stdout
        self._pump = pump

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count: int = self._stdout.readinto1(buffer)
        if not count:
            self._pump.join()
            if self._pump.failure is not None:
                raise self._pump.failure
        return count

    def fileno(self) -> int:
        number: int = self._stdout.fileno()
        return number

    def close(self) -> None:
        self._stdout.close()
        super().close()


class InputPipeProcessWrapper:
    """Read what a command makes of an input.

    ``command`` is an argument list, or a process that was started with its standard output piped.
    ``input_pipe`` becomes its standard input; a stream without a file descriptor is fed to it. Stopping
    early is fine. Closing raises RuntimeError if the command failed, each time, unless the block that reads
    ends with an exception of its own.
    """

    _process: subprocess.Popen[bytes]
    _tmp_file: str | None = None
    _pump: _Pump | None = None
    _finished = False
    _stdout: Any = None
    _input_pipe: Any = None

    def __init__(self, command: Any, input_pipe: Any = None) -> None:
        self._command = command
        self._input_pipe = input_pipe
        if hasattr(command, "poll") and hasattr(command, "stdout"):
            self._process = command
        else:
            self._process = self.create_subprocess(command)
        self._stdout = self._process.stdout
        if input_pipe is not None and self._process.stdin is not None:
            self._pump = _Pump(input_pipe, self._process.stdin, to_close=self._process.stdin)
            self._stdout = io.BufferedReader(_Checked(self._process.stdout, self._pump), _CHUNK)
            self._pump.start()

    def create_subprocess(self, command: Any) -> subprocess.Popen[bytes]:
        """Start the command with its output piped."""
        import subprocess

        stdin: Any = self._input_pipe
        if stdin is not None and not _has_descriptor(stdin):
            stdin = subprocess.PIPE
        # SIGPIPE is at its default in the child: Popen restores the signals that Python ignores
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, close_fds=True)

    def __getattr__(self, name: str) -> Any:
        for source in (self._stdout, self._input_pipe):
            if source is not None and hasattr(source, name):
                return getattr(source, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None:
            self._finish()
        else:
            self._abort()

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stdout
        self._finish()

    def __del__(self) -> None:
        if self._stdout is not None and not self._finished:
            self._finish()

    def close(self) -> None:
        """End the command. Raises RuntimeError if it failed."""
        self._finish()

    def readable(self) -> bool:
        """Return true."""
        return True

    def writable(self) -> bool:
        """Return false."""
        return False

    def seekable(self) -> bool:
        """Return false."""
        return False

    def _finish(self) -> None:
        self._finished = True
        with suppress(BrokenPipeError):
            self._stdout.close()
        if self._pump is not None:
            self._pump.join()
        if self._input_pipe is not None:
            self._input_pipe.close()
        status = self._process.wait()
        if self._pump is not None and self._pump.failure is not None:
            raise self._pump.failure
        if status not in _FINE_STATUSES:
            raise RuntimeError(
                f"Error reading from pipe. Subcommand exited with non-zero exit status {status}."
            )

    def _abort(self) -> None:
        """End the command, whose failure is not worth telling: the caller has one of his own."""
        with suppress(Exception):
            self._finish()


class OutputPipeProcessWrapper:
    """Write through a command to an output.

    ``command`` is an argument list; ``output_pipe`` becomes its standard output (what has no file
    descriptor is fed from it). ``close`` publishes: it closes the output if the command succeeds and raises
    RuntimeError if not. After an exception in a ``with`` block, ``abort`` or a failure the output is not
    published.
    """

    WRITES_BEFORE_FLUSH = 10000

    _process: subprocess.Popen[bytes] | None = None
    _output_pipe: Any = None
    _pump: _Pump | None = None
    _failure: BaseException | None = None
    _abandoned = False
    closed = False

    def __init__(self, command: Any, output_pipe: Any = None) -> None:
        import subprocess

        self.closed = False
        self._command = command
        self._output_pipe = output_pipe
        self._flushcount = 0
        stdout = output_pipe
        fed = output_pipe is not None and not _has_descriptor(output_pipe)
        if fed:
            stdout = subprocess.PIPE
        elif output_pipe is not None:
            output_pipe.flush()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, close_fds=True)
        self._made_by_process = os.getpid()
        if fed:
            self._pump = _Pump(self._process.stdout, output_pipe, to_close=self._process.stdout)
            self._pump.start()

    def __getattr__(self, name: str) -> Any:
        for source in (self._stdin(), self._output_pipe):
            if source is not None and hasattr(source, name):
                return getattr(source, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None:
            self.close()
        else:
            self.abort()
            self._give_up_output(exc_val)

    def __del__(self) -> None:
        if self._process is not None and not self.closed and self._made_by_process == os.getpid():
            self.abort()

    def write(self, data: Any) -> None:
        """Write bytes. Raises RuntimeError if the command has failed."""
        stdin = self._stdin()
        try:
            stdin.write(data)
            self._flushcount += 1
            if self._flushcount == self.WRITES_BEFORE_FLUSH:
                self._flushcount = 0
                stdin.flush()
        except BrokenPipeError as error:
            self._finish(error)

    def writelines(self, lines: Any) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def writeLine(self, line: Any) -> None:  # noqa: N802 - Luigi's name
        """Write a line, which must not hold a newline, and a newline behind it."""
        if "\n" in line:
            raise AssertionError("line must not hold a newline")
        self.write(line + "\n")

    def close(self) -> None:
        """End the command and publish what it wrote. Closing again is harmless.

        Raises RuntimeError if the command fails; then nothing is published, and every further call raises
        again.
        """
        if self._failure is not None:
            raise self._failure
        if not self.closed:
            self._finish()
        if self._output_pipe is not None and not self._abandoned:
            self._output_pipe.close()

    def abort(self) -> None:
        """End the command without publishing what it wrote, also not by a later ``close``."""
        if not self.closed:
            self._abandoned = True
            with suppress(Exception):  # the command may well fail; nothing depends on it any more
                self._finish()

    def _stdin(self) -> Any:
        return self._process.stdin if self._process is not None else None

    def _finish(self, failure: BaseException | None = None) -> None:
        """End the process. Raises if it failed, or did not take all that was written."""
        assert self._process is not None
        try:
            self._stdin().close()
        except BrokenPipeError as error:
            failure = error
        if self._pump is not None:
            self._pump.join()
            failure = failure or self._pump.failure
        status = self._process.wait()
        self.closed = True
        if status:
            failure = RuntimeError(f"Error when executing command {self._command}")
        if failure is not None:
            self._failure = failure
            self._give_up_output(failure)
            raise failure

    def _give_up_output(self, error: BaseException | None) -> None:
        leave = getattr(self._output_pipe, "__exit__", None)
        if error is not None and leave is not None:
            leave(type(error), error, error.__traceback__)

    def readable(self) -> bool:
        """Return false."""
        return False

    def writable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return false."""
        return False
