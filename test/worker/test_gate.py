"""A start of a child waits for those who have just begun to talk over the network, and for each only once."""

from __future__ import annotations

import threading
import time

from luigi_clone._task_processes.forking import starting, talking


def talk(begun: threading.Event, end: threading.Event) -> None:
    with talking():
        begun.set()
        assert end.wait(30)


def test_a_long_talk_is_waited_for_once() -> None:
    begun, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=talk, args=(begun, end))
    thread.start()
    assert begun.wait(30)
    started = time.monotonic()
    with starting():
        first = time.monotonic() - started
    started = time.monotonic()
    for _ in range(20):
        with starting():
            pass
    rest = time.monotonic() - started
    end.set()
    thread.join()
    assert first > 0.15
    assert rest < 0.15


def test_a_short_talk_ends_before_the_start() -> None:
    begun, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=talk, args=(begun, end))
    thread.start()
    assert begun.wait(30)
    threading.Timer(0.02, end.set).start()
    started = time.monotonic()
    with starting():
        assert time.monotonic() - started < 0.18
    thread.join()
