"""Capturing an attempt in a process of its own: whatever goes to its standard output and error.

The child makes pipes and hands the ends to read from to the worker, so that what was written survives any end
of the child. Programs that the task starts write to the pipes too. Where a stream is a terminal, a terminal
takes its place, lest programs write differently.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from luigi_clone._task_logs.streams import Copy, Redirection, are_logged_to, logging_to

OUT, ERR = 1, 2
LOGGED = 0
"""The stream of what is logged past both of these."""
_PIPE_SIZE = 1 << 20
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of linux/fcntl.h, which Python knows from 3.10 on, on Linux


class Address(NamedTuple):
    """Where the worker takes in the streams of its children, and the word that shows who is one."""

    name: str
    word: str


class _Stream(NamedTuple):
    theirs: int
    """Read by the worker."""
    ours: int
    """Written by the attempt."""
    console: int
    """Where the stream went before."""
    targets: tuple[int, ...]


def _same_place(first: int, second: int) -> bool:
    one, two = os.fstat(first), os.fstat(second)
    return (one.st_dev, one.st_ino, one.st_rdev) == (two.st_dev, two.st_ino, two.st_rdev) and (
        stat.S_ISFIFO(one.st_mode) or stat.S_ISCHR(one.st_mode) or stat.S_ISSOCK(one.st_mode)
    )


def _terminal(like: int) -> tuple[int, int]:
    """Return the two ends of a terminal that passes on what is written, as large as the other one."""
    import fcntl
    import termios
    import tty

    theirs, ours = os.openpty()
    tty.setraw(ours)
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(like, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(ours, termios.TIOCSWINSZ, size)
    return theirs, ours


def pipe() -> tuple[int, int]:
    """Return the ends of a pipe that takes much before the writer has to wait."""
    theirs, ours = os.pipe()
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # there is a limit for all pipes of a user
            fcntl.fcntl(ours, _SET_PIPE_SIZE, _PIPE_SIZE)
    return theirs, ours


def _streams() -> list[_Stream]:
    """Make what takes the place of the standard output and error."""
    groups = [(OUT, ERR)] if _same_place(OUT, ERR) else [(OUT,), (ERR,)]
    made = []
    for targets in groups:
        console = targets[0]
        theirs, ours = _terminal(console) if os.isatty(console) else pipe()
        made.append(_Stream(theirs, ours, console, targets))
    return made


def _hand_over(address: Address, ticket: int, streams: list[_Stream], log: int) -> None:
    """Give the worker the ends to read from, and the places where what is read goes on to."""
    fds = [fd for stream in streams for fd in (stream.theirs, stream.console)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address.name)
        socket.send_fds(connection, [f"{address.word} {ticket}\n".encode()], [*fds, log] if log >= 0 else fds)


@contextlib.contextmanager
def capturing(address: Address, ticket: int, returns: bool) -> Iterator[None]:
    """Let the worker read what this process writes within this context.

    Without ``returns`` the streams stay as they are at the end: the process ends as well.
    """
    streams: list[_Stream] = []
    log = (-1, -1)
    elsewhere = _written_elsewhere()
    is_logged = are_logged_to()
    try:
        streams = _streams()
        if elsewhere or not is_logged:
            log = pipe()
        _hand_over(address, ticket, streams, log[0])
    except OSError:
        # No worker to take it, or no descriptor left: the task runs without a log.
        _close([fd for stream in streams for fd in (stream.theirs, stream.ours)])
        _close(log)
        yield
        return
    _flush()
    saved = [(target, os.dup(target)) for target in (OUT, ERR)] if returns else []
    for stream in streams:
        for target in stream.targets:
            os.dup2(stream.ours, target)
    _close([fd for stream in streams for fd in (stream.theirs, stream.ours)])
    _close(log[:1])
    _by_line()
    write = _writer(log[1])
    redirection = Redirection(dict.fromkeys(elsewhere, write)) if elsewhere else None
    try:
        with contextlib.nullcontext() if is_logged else logging_to(write):
            yield
    finally:
        _flush()
        if redirection is not None:
            redirection.undo()
        for target, fd in saved:
            os.dup2(fd, target)
            os.close(fd)
        _close(log[1:])


def _written_elsewhere() -> list[str]:
    """Return the streams that somebody has replaced by others, which do not write where streams do."""
    found = []
    for name, target in (("stdout", OUT), ("stderr", ERR)):
        stream = getattr(sys, name)
        try:
            is_usual = stream is None or stream.fileno() == target
        except (AttributeError, ValueError, OSError):
            is_usual = False
        if not is_usual:
            found.append(name)
    return found


def _writer(fd: int) -> Copy:
    def write(part: str | bytes) -> None:
        data = part.encode("utf-8", "backslashreplace") if isinstance(part, str) else part
        rest = memoryview(data)
        with contextlib.suppress(OSError):  # nobody reads any more
            while rest:
                rest = rest[os.write(fd, rest) :]

    return write


def _by_line() -> None:
    """Let each line be seen when it is written: a stream into a file would keep thousands back."""
    stream = sys.stdout
    with contextlib.suppress(AttributeError, ValueError, OSError):
        if not stream.line_buffering:
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()


def _close(fds: tuple[int, ...] | list[int]) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
