"""The tasks of a siege: each attempt leaves a line when it begins and one when it ends."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi_clone as luigi
from test.chaos.plan import DISABLED, HOPELESS_RETRIES, Piece, Plan

FOLDER = "CHAOS_FOLDER"
PLAN = "CHAOS_PLAN"
WORKER = "CHAOS_WORKER"


class PlannedError(Exception):
    """A failure that the plan asks for."""


@functools.cache
def _plan() -> Plan:
    seed, tasks = map(int, os.environ[PLAN].split())
    return Plan(seed, tasks)


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def is_done(key: str) -> bool:
    """Tell whether a task has left what it makes."""
    return (_folder() / "done" / key).exists()


class _Attempt:
    """Writes the lines about an attempt; one write by O_APPEND each, so that no two are mixed up."""

    def __init__(self, key: str) -> None:
        self._key, self._name = key, os.urandom(6).hex()
        self._write("begin")

    def end(self, outcome: str) -> None:
        self._write(outcome)

    def _write(self, what: str) -> None:
        line = f"{what} {self._key} {self._name} {os.environ[WORKER]} {os.getpid()} {time.monotonic():.6f}\n"
        handle = os.open(_folder() / "attempts", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)


class Work(luigi.Task):
    """One task of the plan."""

    key = luigi.Parameter()

    @property
    def piece(self) -> Piece:
        return _plan().piece(self.key)

    @property
    def resources(self) -> dict[str, int]:  # type: ignore[override]
        return self.piece.resources

    @property
    def retry_count(self) -> int | None:
        return HOPELESS_RETRIES if self.piece.fate == DISABLED else None

    def complete(self) -> bool:
        return is_done(self.key)

    def requires(self) -> list[Work]:
        return [task_of(key) for key in self.piece.needs]

    def run(self) -> Any:
        self._go(_Attempt(self.key))

    def _go(self, attempt: _Attempt) -> None:
        piece = self.piece
        if not all(is_done(need) for need in piece.needs):
            attempt.end("early")
            return
        time.sleep(piece.seconds)
        if piece.fails and self._failures() < piece.fails:
            attempt.end("failed")
            raise PlannedError(self.key)
        (_folder() / "done" / self.key).touch()
        attempt.end("done")

    def _failures(self) -> int:
        """Count this failure; return how many there were before."""
        handle = os.open(_folder() / "failed" / self.key, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            before = os.fstat(handle).st_size
            os.write(handle, b".")
            return before
        finally:
            os.close(handle)


class Asker(Work):
    """A task that finds out what it needs while it runs."""

    def run(self) -> Iterator[Any]:
        attempt = _Attempt(self.key)
        if not all(is_done(asked) for asked in self.piece.asks):
            attempt.end("asked")
            yield [task_of(asked) for asked in self.piece.asks]
            attempt = _Attempt(self.key)
        self._go(attempt)


def task_of(key: str) -> Work:
    """Return the task object for a piece of the plan."""
    return Asker(key=key) if _plan().piece(key).asks else Work(key=key)
