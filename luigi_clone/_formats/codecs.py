"""Compressed streams on the standard library's codecs, in place of a process per file.

They stand where Luigi's process pipes stood, so they speak like them: a reader's failure is told in the
words of the program that used to run, a writer publishes only what is complete, and ``fileno()`` gives a
real pipe that can be handed to another process.
"""

from __future__ import annotations

import io
import os
import threading
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 64 * 1024
_GZIP_FRAMING = 16 + zlib.MAX_WBITS


class Compressor(Protocol):
    """What `zlib.compressobj` and `bz2.BZ2Compressor` have in common."""

    def compress(self, data: Any, /) -> bytes:
        """Take data and give what is ready."""

    def flush(self) -> bytes:
        """Give the rest."""


class Decompressor(Protocol):
    """A stream of compressed members, one behind the other."""

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Take ``data`` too (may be empty) and give at most ``limit`` bytes; ``b""`` means: needs more."""

    def end(self) -> int:
        """Return the exit status of the program at the end of the input: 0 if the input was complete."""


class CorruptInputError(Exception):
    """The input cannot be decompressed; ``status`` is what the program would exit with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class GunzipStream:
    """What ``gunzip`` accepts: members, then zeros; anything else behind them is exit status 2."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_FRAMING)
        self._rest = b""
        self._members = 0
        self._started = False
        self._failed = False
        # where the member was before its last piece of input, that piece, and how much came of it so far
        self._before: Any = None
        self._piece = b""
        self._given = 0

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Give up to ``limit`` bytes of the members; raise `CorruptInputError` where they make no sense."""
        if self._failed:
            raise CorruptInputError(1)
        is_new = bool(data)
        data = self._rest + data
        while data:
            if not self._started:
                if self._members:
                    data = data.lstrip(b"\0")
                if not data or not self._is_start(data):
                    self._rest = data
                    return b""
                self._started = is_new = True
            if is_new:
                self._before, self._piece, self._given = self._member.copy(), data, 0
                is_new = False
            try:
                plain = self._member.decompress(data, limit)
            except zlib.error:
                self._failed = True
                return self._good_part()
            self._given += len(plain)
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._member.unused_data
                self._member = zlib.decompressobj(_GZIP_FRAMING)
                self._members += 1
                self._started = False
            if plain:
                self._rest = data
                return plain
        self._rest = b""
        return b""

    def _is_start(self, data: bytes) -> bool:
        """Tell whether a member starts here; False: too little is known yet."""
        if not b"\x1f\x8b".startswith(data[:2]):
            raise CorruptInputError(2 if self._members else 1)
        return len(data) > 1

    def _good_part(self) -> bytes:
        """Return what the piece with the corrupt place holds before it; zlib keeps that to itself."""
        good = bytearray()
        with suppress(zlib.error):
            for at in range(len(self._piece)):
                good += self._before.decompress(self._piece[at : at + 1])
        if len(good) == self._given:
            raise CorruptInputError(1)
        return bytes(good[self._given :])

    def end(self) -> int:
        """Return 1 for input that ended within a member."""
        return 0 if self._members and not self._started and not self._rest else 1


class Bunzip2Stream:
    """What ``bzcat`` accepts: members, and behind them anything, which is ignored."""

    def __init__(self) -> None:
        import bz2

        self._new_member = bz2.BZ2Decompressor
        self._member = self._new_member()
        self._rest = b""
        self._members = 0
        self._started = False
        self._finished = False

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Give up to ``limit`` bytes of the members."""
        while not self._finished:
            if not self._started:
                data = self._rest + data
                self._rest = b""
                if not self._is_start(data):
                    self._rest = data
                    return b""
                self._started = True
            try:
                plain = self._member.decompress(data, limit)
            except OSError:
                raise CorruptInputError(2) from None
            needs_input = self._member.needs_input
            if self._member.eof:
                self._rest = self._member.unused_data
                self._member = self._new_member()
                self._members += 1
                self._started = False
                needs_input = False
            if plain or needs_input:
                return plain
            data = b""
        return b""

    def _is_start(self, data: bytes) -> bool:
        if b"BZh".startswith(data[:3]):
            return len(data) > 2
        if not self._members:
            raise CorruptInputError(2)
        self._finished = True
        return False

    def end(self) -> int:
        """Return 2 for input that ended within a member or before the first."""
        return 2 if self._started or not self._members else 0


def gzip_compressor(level: int | None = None) -> Compressor:
    """Return a compressor of one gzip member without a time stamp: equal data gives equal files."""
    if level is None:
        level = zlib.Z_DEFAULT_COMPRESSION
    elif not 0 <= level <= 9:
        raise ValueError(f"compression level must be from 0 to 9, not {level}")
    return zlib.compressobj(level, zlib.DEFLATED, _GZIP_FRAMING)


def bzip2_compressor() -> Compressor:
    """Return a compressor of one bzip2 member."""
    import bz2

    return bz2.BZ2Compressor()


class _Plain(io.RawIOBase):
    """The decompressed bytes of a stream; after `redirect` they come through a pipe."""

    def __init__(self, source: Any, decompressor: Decompressor) -> None:
        super().__init__()
        self._read = getattr(source, "read1", None) or source.read
        self._decompressor = decompressor
        self._at_end = False
        self.pipe: int | None = None
        self.status = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self.pipe is not None:
            return os.readv(self.pipe, [buffer])
        data = self.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def take(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes, ``b""`` at the end; raise RuntimeError at the corrupt place."""
        if self._at_end:
            self.raise_failure()
            return b""
        try:
            data = self._decompressor.decompress(b"", limit)
            while not data:
                compressed = self._read(_CHUNK)
                if not compressed:
                    self._at_end = True
                    self.status = self._decompressor.end()
                    break
                data = self._decompressor.decompress(compressed, limit)
        except CorruptInputError as error:
            self._at_end = True
            self.status = error.status
            data = b""
        if not data:
            self.raise_failure()
        return data

    def raise_failure(self) -> None:
        if self.status:
            raise RuntimeError(
                f"Error reading from pipe. Subcommand exited with non-zero exit status {self.status}."
            )


class CodecReader(io.BufferedReader):
    """Read what a stream holds compressed.

    Corrupt input raises RuntimeError at the place where it is corrupt, when all before was delivered, and
    again at ``close``. Closing early is fine. Unknown attributes are those of the stream.
    """

    _input_pipe: Any = None
    _pump: threading.Thread | None = None

    def __init__(self, input_pipe: Any, decompressor: Decompressor) -> None:
        self._plain = _Plain(input_pipe, decompressor)
        super().__init__(self._plain, _CHUNK)
        self._input_pipe = input_pipe

    def __getattr__(self, name: str) -> Any:
        if self._input_pipe is None:
            raise AttributeError(name)
        return getattr(self._input_pipe, name)

    def close(self) -> None:
        """Close the stream below. Raises RuntimeError if the input was found corrupt."""
        if not self.closed:
            try:
                self._look_ahead()
            finally:
                self._release()
        self._plain.raise_failure()

    def _look_ahead(self) -> None:
        """Check a little more: one who knew how much to read has not met the check sum behind it."""
        if self._pump is None:
            rest = _CHUNK
            while rest > 0 and (data := self._plain.take(rest)):
                rest -= len(data)

    def _release(self) -> None:
        pump, pipe = self._pump, self._plain.pipe
        if pump is not None and pipe is not None:
            os.close(pipe)
            pump.join()
        super().close()
        self._input_pipe.close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        if exc_type is None:
            self.close()
        elif not self.closed:
            self._release()

    def __del__(self) -> None:
        if self._input_pipe is not None and not self.closed:
            self._release()

    def fileno(self) -> int:
        """Return the reading end of a pipe that yields the decompressed bytes, for use by another process."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._plain.pipe is None:
            buffered = self.read(len(self.peek())) if self._plain.status == 0 else b""
            reading, writing = os.pipe()
            self._pump = threading.Thread(
                target=_pump_out, args=(self._plain, writing, buffered), daemon=True
            )
            self._plain.pipe = reading
            self._pump.start()
        return self._plain.pipe


def _pump_out(plain: _Plain, writing: int, data: bytes) -> None:
    # RuntimeError: corrupt input, which close() tells. OSError: nobody reads on.
    with suppress(RuntimeError, OSError), open(writing, "wb", buffering=0) as pipe:
        while data or (data := plain.take(_CHUNK)):
            data = data[pipe.write(data) :]


class _Compressed(io.RawIOBase):
    """Compresses into a stream what is written to it; after `redirect`, what comes through a pipe."""

    def __init__(self, target: Any, compressor: Compressor) -> None:
        super().__init__()
        self._target = target
        self._compressor = compressor
        self.pipe: int | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if self.pipe is not None:
            return os.write(self.pipe, data)
        return self.put(data)

    def put(self, data: Any) -> int:
        compressed = self._compressor.compress(data)
        if compressed:
            self._target.write(compressed)
        return len(data)

    def finish(self) -> None:
        self._target.write(self._compressor.flush())


class CodecWriter(io.BufferedWriter):
    """Write compressed to a stream; ``close`` completes the data and closes the stream, which publishes it.

    After an exception in a ``with`` block, after ``abort`` or a failed write nothing is published. Unknown
    attributes are those of the stream.
    """

    _output_pipe: Any = None
    _failure: BaseException | None = None
    _abandoned = False
    _pump: threading.Thread | None = None

    def __init__(self, output_pipe: Any, compressor: Compressor) -> None:
        self._compressed = _Compressed(output_pipe, compressor)
        super().__init__(self._compressed, _CHUNK)
        self._output_pipe = output_pipe

    def __getattr__(self, name: str) -> Any:
        if self._output_pipe is None:
            raise AttributeError(name)
        return getattr(self._output_pipe, name)

    def writeLine(self, line: bytes) -> None:  # noqa: N802 - Luigi's name
        """Write a line, which must not hold a newline, and a newline behind it."""
        if b"\n" in line:
            raise AssertionError("line must not hold a newline")
        self.write(line + b"\n")

    def close(self) -> None:
        """Complete the compressed data and close the stream below. Closing again is harmless."""
        if not self.closed:
            try:
                self.flush()
                self._join()
                self._raise_failure()
                self._compressed.finish()
                super().close()
            except BaseException as error:
                self._failure = error
                self._give_up(type(error), error, error.__traceback__)
                raise
        self._raise_failure()
        if not self._abandoned:
            self._output_pipe.close()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def abort(self) -> None:
        """Close without completing; what was written is not published, also not by ``close``."""
        self._give_up(None, None, None)

    def _join(self) -> None:
        pipe = self._compressed.pipe
        if self._pump is not None and pipe is not None:
            self._compressed.pipe = None
            os.close(pipe)
            self._pump.join()
            self._pump = None

    def _give_up(self, *exc: Any) -> None:
        if self.closed:
            return
        self._abandoned = True
        self._compressed.close()
        self._join()
        if exc[0] is not None:
            leave = getattr(self._output_pipe, "__exit__", None)
            if leave is not None:
                leave(*exc)

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            self._give_up(exc_type, exc_val, exc_tb)

    def __del__(self) -> None:
        if self._output_pipe is not None:
            self._give_up(None, None, None)

    def fileno(self) -> int:
        """Return the writing end of a pipe whose bytes are compressed behind what was written so far."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._compressed.pipe is None:
            self.flush()
            reading, writing = os.pipe()
            self._pump = threading.Thread(target=self._pump_in, args=(reading,), daemon=True)
            self._compressed.pipe = writing
            self._pump.start()
        return self._compressed.pipe

    def _pump_in(self, reading: int) -> None:
        with open(reading, "rb", buffering=0) as pipe:
            try:
                while data := pipe.read(_CHUNK):
                    self._compressed.put(data)
            except Exception as error:  # told by close(), in the thread that asked
                self._failure = error
