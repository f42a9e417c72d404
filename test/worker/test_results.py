"""The queue of results: from the worker itself, from its children, from processes that others make."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from typing import Any

import pytest

from luigi_clone._task_processes.results import ResultQueue


class Child:
    """A forked child that works with the queue as a task process does."""

    def __init__(self, results: ResultQueue, work: Any) -> None:
        self.found: list[bytes] = []
        with results.channel(self) as inside:
            self.pid = os.fork()
            if self.pid == 0:
                try:
                    work(inside)
                finally:
                    os._exit(0)
        self.status: int | None = None

    def is_alive(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is None

    def refused_result(self, result: Any, error: Exception) -> Any:
        return (result[0], "refused", type(error).__name__)

    def findings(self) -> bytes:
        return b"found"

    def take_findings(self, findings: bytes) -> None:
        self.found.append(findings)


def ended(child: Child) -> None:
    while child.is_alive():
        time.sleep(0.001)


def test_within_the_process_it_is_a_queue() -> None:
    results = ResultQueue()
    results.put(("a", 1))
    results.put(("b", 2), block=True, timeout=1)
    assert results.qsize() == 2
    assert not results.empty()
    assert results.get(timeout=1) == ("a", 1)
    assert results.get_nowait() == ("b", 2)
    assert results.empty()
    with pytest.raises(queue.Empty):
        results.get_nowait()
    with pytest.raises(queue.Empty):
        results.get(timeout=0.01)
    results.close()
    results.join_thread()


def test_put_of_another_thread_wakes_the_reader() -> None:
    results = ResultQueue()
    thread = threading.Timer(0.05, results.put, [("late", 1)])
    thread.start()
    started = time.monotonic()
    assert results.get(timeout=10) == ("late", 1)
    assert time.monotonic() - started < 5
    thread.join()
    results.close()


@pytest.mark.parametrize("size", [1, 3_000_000])
def test_result_of_a_child(size: int) -> None:
    results = ResultQueue()
    child = Child(results, lambda inside: inside.put(("task", "x" * size)))
    while True:
        try:
            result = results.get(timeout=10)
            break
        except queue.Empty:
            assert child.is_alive()
    assert result == ("task", "x" * size)
    assert child.found == [b"found"]
    ended(child)
    results.close()


def test_result_that_cannot_be_pickled() -> None:
    results = ResultQueue()
    child = Child(results, lambda inside: inside.put(("task", lambda: None)))
    task_id, word, error = results.get(timeout=10)
    assert (task_id, word) == ("task", "refused")
    assert error in ("PicklingError", "AttributeError")
    ended(child)
    results.close()


def test_end_of_a_child_without_a_result_is_noticed_at_once() -> None:
    results = ResultQueue()
    child = Child(results, lambda inside: os.kill(os.getpid(), signal.SIGKILL))
    started = time.monotonic()
    with pytest.raises(queue.Empty):
        results.get(timeout=30)
    assert time.monotonic() - started < 10
    assert not child.is_alive()
    results.close()


def test_child_killed_within_its_message_spoils_no_other() -> None:
    results = ResultQueue()

    def half(inside: Any) -> None:
        os.write(inside._fd, (10**6).to_bytes(8, "big") + b"only the beginning")

    broken = Child(results, half)
    ended(broken)
    good = Child(results, lambda inside: inside.put(("good", 1)))
    got = None
    while got is None:
        try:
            got = results.get(timeout=10)
        except queue.Empty:
            continue
    assert got == ("good", 1)
    ended(good)
    results.close()


def test_result_that_a_dead_child_left_is_found() -> None:
    results = ResultQueue()
    child = Child(results, lambda inside: inside.put(("left", 1)))
    ended(child)
    assert not results.has_result_of("left")
    results.drain(child)
    assert results.has_result_of("left")
    results.discard("left")
    assert not results.has_result_of("left")
    results.close()


def test_children_have_no_descriptor_left_over() -> None:
    results = ResultQueue()
    before = len(os.listdir("/proc/self/fd"))
    for n in range(5):
        child = Child(results, lambda inside, n=n: inside.put(("task", n)))
        assert results.get(timeout=10) == ("task", n)
        ended(child)
    # the poll object's two descriptors stay
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    results.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_foreign_process_may_put_from_its_child() -> None:
    results = ResultQueue()
    results.share()
    process = multiprocessing.get_context("fork").Process(target=results.put, args=[("foreign", 1)])
    process.start()
    results.watch(process)
    got = None
    while got is None:
        try:
            got = results.get(timeout=10)
        except queue.Empty:
            continue
    assert got == ("foreign", 1)
    process.join()
    results.close()


def test_child_that_nobody_prepared_is_told_so() -> None:
    results = ResultQueue()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            results.put(("lost", 1))
        except RuntimeError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    assert b"Only the worker and its task processes" in os.read(reader, 1000)
    os.close(reader)
