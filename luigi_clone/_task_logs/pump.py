"""Passes on what programs write that a task has left behind, when the worker is gone.

A program whose output nobody reads would be ended by its next line. This file is run as a script, by an
interpreter that loads nothing else.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys


def start(streams: list[tuple[int, int]]) -> None:
    """Start a process that copies from the first descriptor of each pair to the second until its end."""
    pairs = [f"{source}:{target}" for source, target in streams]
    fds = [fd for pair in streams for fd in pair]
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-I", "-S", __file__, *pairs],
        pass_fds=fds,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    process.returncode = 0  # it is not waited for


def run(pairs: list[tuple[int, int]]) -> None:
    """Copy until all sources have ended."""
    targets = dict(pairs)
    poller = select.poll()
    for source in targets:
        poller.register(source, select.POLLIN)
    while targets:
        for source, _ in poller.poll():
            try:
                data = os.read(source, 1 << 16)
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(targets[source], rest) :]
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                poller.unregister(source)
                os.close(source)
                del targets[source]


if __name__ == "__main__":
    run([(int(source), int(target)) for source, _, target in (pair.partition(":") for pair in sys.argv[1:])])
