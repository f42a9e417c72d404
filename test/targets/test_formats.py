"""Formats and their chains; text, newline and mixed layers."""

from __future__ import annotations

import gc
import io
import locale
import os

import pytest

from luigi_clone import format as module
from luigi_clone.format import (
    UTF8,
    BaseWrapper,
    Bzip2,
    Bzip2Format,
    ChainFormat,
    FileWrapper,
    Format,
    Gzip,
    GzipFormat,
    MixedUnicodeBytes,
    MixedUnicodeBytesFormat,
    MixedUnicodeBytesWrapper,
    NewlineFormat,
    NewlineWrapper,
    Nop,
    NopFormat,
    SysNewLine,
    Text,
    TextFormat,
    TextWrapper,
    WrappedFormat,
    get_default_format,
)


def test_everything_named_is_there():
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing


def test_the_base_is_abstract_in_effect():
    for owner in (Format, Format()):
        with pytest.raises(NotImplementedError):
            owner.pipe_reader(None)
        with pytest.raises(NotImplementedError):
            owner.pipe_writer(None)


def test_the_instances():
    assert get_default_format() is Text
    assert UTF8.kwargs == {"encoding": "utf8"}
    kinds = {
        Text: TextFormat,
        UTF8: TextFormat,
        Nop: NopFormat,
        Gzip: GzipFormat,
        Bzip2: Bzip2Format,
        SysNewLine: NewlineFormat,
        MixedUnicodeBytes: MixedUnicodeBytesFormat,
    }
    assert all(type(instance) is kind for instance, kind in kinds.items())
    assert GzipFormat(3).compression_level == 3
    assert Gzip.compression_level is None


@pytest.mark.parametrize(
    ("chain", "ends"),
    [
        (UTF8 >> Gzip, ("unicode", "bytes")),
        (TextFormat(encoding="latin-1") >> Bzip2, ("unicode", "bytes")),
        (MixedUnicodeBytes >> Gzip, (None, "bytes")),
        (UTF8 >> SysNewLine >> Gzip, ("unicode", "bytes")),
        (UTF8 >> Nop, ("unicode", None)),
        (Nop >> UTF8, (None, "bytes")),
        (ChainFormat(), (None, None)),
    ],
)
def test_the_ends_of_a_chain(chain, ends):
    assert (getattr(chain, "input", None), getattr(chain, "output", None)) == ends


def test_chains_nest():
    chain = UTF8 >> SysNewLine >> Gzip
    assert chain.args[1] is Gzip
    assert chain.args[0].args == (UTF8, SysNewLine)


def test_a_chain_that_cannot_work_is_refused():
    expected = "The format chaining is not valid, TextFormat expect unicode but GzipFormat provide bytes"
    with pytest.raises(TypeError) as raised:
        Gzip >> UTF8
    assert str(raised.value) == expected
    assert ChainFormat(Gzip, UTF8, check_consistency=False).args == (Gzip, UTF8)


def test_wrapping_goes_from_the_last_to_the_first():
    class Tag(Format):
        def __init__(self, name):
            self.name = name

        def pipe_reader(self, input_pipe):
            return f"{self.name}({input_pipe})"

        pipe_writer = pipe_reader

    chain = Tag("a") >> Tag("b") >> Tag("c")
    assert chain.pipe_reader("x") == chain.pipe_writer("x") == "a(b(c(x)))"


def test_a_wrapped_format_hands_its_arguments_on():
    class Mine(WrappedFormat):
        wrapper_cls = staticmethod(lambda *args, **kwargs: (args, kwargs))

    mine = Mine(1, two=2)
    assert (mine.args, mine.kwargs) == ((1,), {"two": 2})
    assert mine.pipe_reader("x") == mine.pipe_writer("x") == (("x", 1), {"two": 2})


# ---- FileWrapper and BaseWrapper


class Noting(io.BytesIO):
    def __init__(self, data=b""):
        super().__init__(data)
        self.notes = []

    def __enter__(self):
        self.notes.append("enter")
        return self

    def __exit__(self, *exc):
        self.notes.append(exc[0])


def test_a_file_wrapper_forwards():
    stream = Noting(b"1\n2\n")
    wrapper = FileWrapper(stream)
    assert wrapper._subpipe is stream
    with wrapper as inside:
        assert inside is wrapper
        assert inside.readline() == b"1\n"
        assert list(inside) == [b"2\n"]
    assert stream.notes == [None]
    with pytest.raises(AttributeError):
        wrapper.nothing


def test_a_base_wrapper_forwards_and_enters():
    stream = Noting()
    wrapper = BaseWrapper(stream)
    with pytest.raises(ValueError, match="oh"), wrapper as inside:
        assert inside is wrapper
        raise ValueError("oh")
    assert stream.notes == ["enter", ValueError]


def test_iterating_a_base_wrapper_closes_it_at_the_end():
    stream = io.BytesIO(b"1\n2\n")
    assert list(BaseWrapper(stream)) == [b"1\n", b"2\n"]
    assert stream.closed


@pytest.mark.parametrize("kind", [FileWrapper, BaseWrapper, TextWrapper])
def test_a_wrapper_that_was_not_constructed_has_no_attributes(kind):
    with pytest.raises(AttributeError):
        kind.__new__(kind).nothing


# ---- TextWrapper


def test_text_takes_the_keywords_of_the_standard_wrapper():
    stream = io.BytesIO()
    wrapper = TextFormat(encoding="latin-1", errors="replace", newline="\r\n").pipe_writer(stream)
    wrapper.write("é☃\n")
    wrapper.flush()
    assert stream.getvalue() == b"\xe9?\r\n"
    assert isinstance(wrapper, TextWrapper)
    assert isinstance(wrapper, io.TextIOWrapper)


def test_text_with_a_wrong_keyword_says_so():
    with pytest.raises(TypeError, match="encodin"):
        TextFormat(encodin="utf8").pipe_writer(io.BytesIO())
    gc.collect()


def test_the_default_text_has_universal_newlines_and_the_locale():
    wrapper = Text.pipe_reader(io.BytesIO(b"a\rb\r\nc\n"))
    assert wrapper.read() == "a\nb\nc\n"
    assert wrapper.encoding.lower() == locale.getpreferredencoding(False).lower()


def test_the_stream_decides_at_the_end_of_a_block():
    stream = Noting()
    with pytest.raises(ValueError, match="oh"), TextWrapper(stream) as wrapper:
        assert wrapper._stream is stream
        wrapper.write("x")
        raise ValueError("oh")
    assert stream.notes == ["enter", ValueError]
    assert not stream.closed
    assert stream.getvalue() == b"x"
    with TextWrapper(stream) as wrapper:
        wrapper.write("y")
    assert stream.notes[2:] == ["enter", None]


def test_unknown_attributes_are_the_streams():
    wrapper = TextWrapper(Noting())
    assert wrapper.notes == []
    with pytest.raises(AttributeError):
        wrapper.nothing


def test_what_a_stream_of_the_user_is_given_is_flushed_when_the_wrapper_is_dropped():
    stream = io.BytesIO()
    wrapper = TextWrapper(stream)
    wrapper.write("x")
    del wrapper
    gc.collect()
    assert not stream.closed
    assert stream.getvalue() == b"x"


class Refusing(Noting):
    refuses = True

    def write(self, data):
        if self.refuses:
            raise OSError("full")
        return super().write(data)


def test_a_flush_that_fails_at_the_end_is_an_exception_to_the_stream():
    for end in (lambda wrapper: wrapper.__exit__(None, None, None), lambda wrapper: wrapper.close()):
        stream = Refusing()
        wrapper = TextWrapper(stream)
        wrapper.write("x")
        with pytest.raises(OSError, match="full"):
            end(wrapper)
        assert stream.notes == [OSError]
        stream.refuses = False
        wrapper.close()


def test_a_flush_that_fails_does_not_hide_the_blocks_exception():
    stream = Refusing()
    with pytest.raises(ValueError, match="oh"), TextWrapper(stream) as wrapper:
        wrapper.write("x")
        raise ValueError("oh")
    assert stream.notes == ["enter", ValueError]
    stream.refuses = False


# ---- NewlineWrapper


MIXED = b"a\r\nb\rc\n\r\n\n\rd"


@pytest.mark.parametrize(
    ("newline", "lines"),
    [
        (None, [b"a\n", b"b\n", b"c\n", b"\n", b"\n", b"\n", b"d"]),
        (b"", [b"a\r\n", b"b\r", b"c\n", b"\r\n", b"\n", b"\r", b"d"]),
        (b"\n", [b"a\r\n", b"b\rc\n", b"\r\n", b"\n", b"\rd"]),
        (b"\r", [b"a\r", b"\nb\r", b"c\n\r", b"\n\n\r", b"d"]),
        (b"\r\n", [b"a\r\n", b"b\rc\n\r\n", b"\n\rd"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_reading_newlines(newline, lines, size):
    """As `io.TextIOWrapper` does, in whatever pieces the bytes come."""

    class Pieces(io.BytesIO):
        def read(self, wanted=-1):
            return super().read(min(wanted, size) if wanted and wanted > 0 else wanted)

    def wrapper():
        return NewlineWrapper(Pieces(MIXED), newline)

    assert list(wrapper()) == lines
    assert wrapper().readlines() == lines
    assert wrapper().read() == b"".join(lines)
    assert wrapper().read(None) == b"".join(lines)
    pieces = wrapper()
    assert b"".join(iter(lambda: pieces.read(size), b"")) == b"".join(lines)
    mixed = wrapper()
    assert mixed.readline() + mixed.read(2) + mixed.readline() + mixed.read() == b"".join(lines)
    assert mixed.readline() == mixed.read() == mixed.read(5) == b""
    text = io.TextIOWrapper(io.BytesIO(MIXED), newline=newline if newline is None else newline.decode())
    assert [line.encode() for line in text] == lines


def test_reading_limited_lines():
    wrapper = NewlineWrapper(io.BytesIO(b"abc\ndef\n"))
    assert [wrapper.readline(2), wrapper.readline(2), wrapper.readline(0), wrapper.readline()] == [
        b"ab",
        b"c\n",
        b"",
        b"def\n",
    ]
    assert NewlineWrapper(io.BytesIO(b"a\nb\nc\n")).readlines(3) == [b"a\n", b"b\n"]


@pytest.mark.parametrize(
    ("newline", "expected"),
    [
        (None, b"a\nb\nc\n".replace(b"\n", os.linesep.encode())),
        ("", b"a\r\nb\rc\n"),
        ("\n", b"a\nb\nc\n"),
        ("\r", b"a\rb\rc\r"),
        (b"\r\n", b"a\r\nb\r\nc\r\n"),
    ],
)
def test_writing_newlines_in_any_pieces(newline, expected):
    for size in (1, 2, 100):
        stream = io.BytesIO()
        wrapper = NewlineWrapper(stream, newline)
        data = b"a\r\nb\rc\n"
        wrapper.writelines(data[at : at + size] for at in range(0, len(data), size))
        assert stream.getvalue() == expected


@pytest.mark.parametrize("newline", ["x", b"\n\n", 3])
def test_other_newlines_are_refused(newline):
    with pytest.raises(ValueError, match=r"^newline need to be one of"):
        NewlineWrapper(io.BytesIO(), newline)


def test_text_over_system_newlines(tmp_path):
    from luigi_clone.local_target import LocalTarget

    target = LocalTarget(tmp_path / "a", format=UTF8 >> SysNewLine)
    with target.open("w") as handle:
        handle.write("é\n")
    (tmp_path / "a").write_bytes(b"1\r\n2\r3\n")
    with target.open() as handle:
        assert list(handle) == ["1\n", "2\n", "3\n"]


# ---- MixedUnicodeBytesWrapper


def test_mixed_takes_both_and_warns_of_text():
    stream = io.BytesIO()
    wrapper = MixedUnicodeBytesWrapper(stream)
    wrapper.write(b"x")
    with pytest.warns(UserWarning, match=r"^Writing unicode to byte stream$") as warned:
        wrapper.write("é")
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="Writing unicode"):
        wrapper.writelines(["a", b"b"])
    assert stream.getvalue() == b"x" + "é".encode(locale.getpreferredencoding()) + b"ab"
    with pytest.raises(TypeError):
        wrapper.write(3)


def test_mixed_with_an_encoding():
    stream = io.BytesIO()
    with pytest.warns(UserWarning, match="Writing unicode"):
        MixedUnicodeBytesFormat(encoding="latin-1").pipe_writer(stream).write("é")
    assert stream.getvalue() == b"\xe9"
    assert MixedUnicodeBytes.pipe_reader(io.BytesIO(b"\xe9")).read() == b"\xe9"
