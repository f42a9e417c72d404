"""Formats: what stands between the bytes of a store and what a task reads and writes.

``a >> b`` chains two of them, the user's side first: ``UTF8 >> Gzip`` is text that lies compressed.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from luigi_clone._formats.wrappers import (
    BaseWrapper,
    FileWrapper,
    MixedUnicodeBytesWrapper,
    NewlineWrapper,
    TextWrapper,
)

if TYPE_CHECKING:
    from luigi_clone._formats.pipes import InputPipeProcessWrapper, OutputPipeProcessWrapper

__all__ = [
    "UTF8",
    "BaseWrapper",
    "Bzip2",
    "Bzip2Format",
    "ChainFormat",
    "FileWrapper",
    "Format",
    "Gzip",
    "GzipFormat",
    "InputPipeProcessWrapper",
    "MixedUnicodeBytes",
    "MixedUnicodeBytesFormat",
    "MixedUnicodeBytesWrapper",
    "NewlineFormat",
    "NewlineWrapper",
    "Nop",
    "NopFormat",
    "OutputPipeProcessWrapper",
    "SysNewLine",
    "Text",
    "TextFormat",
    "TextWrapper",
    "WrappedFormat",
    "get_default_format",
]

_LAZY = frozenset({"InputPipeProcessWrapper", "OutputPipeProcessWrapper"})


def _load_on_use(name: str) -> Any:
    if name in _LAZY:  # few pipelines run processes by themselves
        from luigi_clone._formats import pipes

        value = globals()[name] = getattr(pipes, name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # to a checker a module with this function has every name
    __getattr__ = _load_on_use


class Format:
    """What turns a stream of bytes into what the user reads or writes.

    Subclasses may say with ``input`` (the user's side) and ``output`` (the store's side) whether they take
    ``"unicode"`` or ``"bytes"``, so that chains that cannot work are refused.
    """

    @classmethod
    def pipe_reader(cls, input_pipe: Any) -> Any:
        """Wrap the stream for reading."""
        raise NotImplementedError

    @classmethod
    def pipe_writer(cls, output_pipe: Any) -> Any:
        """Wrap the stream for writing, which decides whether it publishes after an exception."""
        raise NotImplementedError

    def __rshift__(self, b: Any) -> ChainFormat:
        return ChainFormat(self, b)


class ChainFormat(Format):
    """Formats one behind the other, the user's side first, the store's last.

    Raises TypeError if one gives what its neighbour does not take, unless ``check_consistency`` is false.
    """

    input: str
    output: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        if args and hasattr(args[0], "input"):
            self.input = args[0].input
        if args and hasattr(args[-1], "output"):
            self.output = args[-1].output
        if not kwargs.get("check_consistency", True):
            return
        for left, right in itertools.pairwise(args):
            gives, takes = getattr(left, "output", None), getattr(right, "input", None)
            if gives is not None and takes is not None and gives != takes:
                raise TypeError(
                    f"The format chaining is not valid, {type(right).__name__} expect {takes} "
                    f"but {type(left).__name__} provide {gives}"
                )

    def pipe_reader(self, input_pipe: Any) -> Any:  # type: ignore[override]
        """Wrap the stream for reading, the last format next to it."""
        for part in reversed(self.args):
            input_pipe = part.pipe_reader(input_pipe)
        return input_pipe

    def pipe_writer(self, output_pipe: Any) -> Any:  # type: ignore[override]
        """Wrap the stream for writing, the last format next to it."""
        for part in reversed(self.args):
            output_pipe = part.pipe_writer(output_pipe)
        return output_pipe


class WrappedFormat(Format):
    """A format that is one wrapper class, for reading and writing alike; it gets this object's arguments."""

    wrapper_cls: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs

    def pipe_reader(self, input_pipe: Any) -> Any:  # type: ignore[override]
        """Wrap the stream for reading."""
        return self.wrapper_cls(input_pipe, *self.args, **self.kwargs)

    def pipe_writer(self, output_pipe: Any) -> Any:  # type: ignore[override]
        """Wrap the stream for writing."""
        return self.wrapper_cls(output_pipe, *self.args, **self.kwargs)


class TextFormat(WrappedFormat):
    """Text; the keywords are those of `io.TextIOWrapper` (``encoding``, ``errors``, ``newline``, ...)."""

    input = "unicode"
    output = "bytes"
    wrapper_cls = TextWrapper


class MixedUnicodeBytesFormat(WrappedFormat):
    """Bytes, taking text too when writing (``encoding``, by default the locale's)."""

    output = "bytes"
    wrapper_cls = MixedUnicodeBytesWrapper


class NewlineFormat(WrappedFormat):
    """Bytes with newlines translated (``newline`` as in `NewlineWrapper`)."""

    input = "bytes"
    output = "bytes"
    wrapper_cls = NewlineWrapper


class NopFormat(Format):
    """Bytes as they are."""

    def pipe_reader(self, input_pipe: Any) -> Any:  # type: ignore[override]
        """Return the stream."""
        return input_pipe

    def pipe_writer(self, output_pipe: Any) -> Any:  # type: ignore[override]
        """Return the stream."""
        return output_pipe


class GzipFormat(Format):
    """Bytes that lie compressed by gzip, as the program of this name reads and writes them.

    ``compression_level`` goes from 1 (fast) to 9 (small); the default is 6. Corrupt input raises
    RuntimeError when reading comes to it, at the latest when the handle is closed.
    """

    input = "bytes"
    output = "bytes"

    def __init__(self, compression_level: int | None = None) -> None:
        self.compression_level = compression_level

    def pipe_reader(self, input_pipe: Any) -> Any:  # type: ignore[override]
        """Decompress while reading."""
        from luigi_clone._formats import codecs

        return codecs.CodecReader(input_pipe, codecs.GunzipStream())

    def pipe_writer(self, output_pipe: Any) -> Any:  # type: ignore[override]
        """Compress while writing."""
        from luigi_clone._formats import codecs

        return codecs.CodecWriter(output_pipe, codecs.gzip_compressor(self.compression_level))


class Bzip2Format(Format):
    """Bytes that lie compressed by bzip2. Corrupt input is reported as `GzipFormat` does."""

    input = "bytes"
    output = "bytes"

    def pipe_reader(self, input_pipe: Any) -> Any:  # type: ignore[override]
        """Decompress while reading."""
        from luigi_clone._formats import codecs

        return codecs.CodecReader(input_pipe, codecs.Bunzip2Stream())

    def pipe_writer(self, output_pipe: Any) -> Any:  # type: ignore[override]
        """Compress while writing."""
        from luigi_clone._formats import codecs

        return codecs.CodecWriter(output_pipe, codecs.bzip2_compressor())


Text = TextFormat()
UTF8 = TextFormat(encoding="utf8")
Nop = NopFormat()
SysNewLine = NewlineFormat()
Gzip = GzipFormat()
Bzip2 = Bzip2Format()
MixedUnicodeBytes = MixedUnicodeBytesFormat()


def get_default_format() -> Format:
    """Return the format of targets that name none: `Text`, in the locale's encoding."""
    return Text
