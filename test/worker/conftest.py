"""A worker for a test, and what the scheduler was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from luigi_clone.scheduler import Scheduler
from luigi_clone.worker import Worker


class RecordingScheduler(Scheduler):
    """A scheduler that keeps the calls of the worker, in order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def named(self, name: str) -> list[dict[str, Any]]:
        return [kwargs for call, kwargs in self.calls if call == name]

    def add_task(self, **kwargs: Any) -> Any:
        self.calls.append(("add_task", kwargs))
        return super().add_task(**kwargs)

    def add_task_batcher(self, **kwargs: Any) -> Any:
        self.calls.append(("add_task_batcher", kwargs))
        return super().add_task_batcher(**kwargs)

    def add_worker(self, **kwargs: Any) -> Any:
        self.calls.append(("add_worker", kwargs))
        return super().add_worker(**kwargs)

    def get_work(self, **kwargs: Any) -> Any:
        self.calls.append(("get_work", kwargs))
        return super().get_work(**kwargs)

    def announce_scheduling_failure(self, **kwargs: Any) -> Any:
        self.calls.append(("announce_scheduling_failure", kwargs))
        return super().announce_scheduling_failure(**kwargs)


MakeWorker = Callable[..., Worker]


@pytest.fixture
def make_worker() -> Iterator[MakeWorker]:
    """Return a function that makes a worker with short waits, entered until the end of the test."""
    workers: list[Worker] = []

    def make(scheduler: Scheduler | None = None, **options: Any) -> Worker:
        config = options.pop("config", {})
        options = {"wait_interval": 0.01, "wait_jitter": 0.0, **options}
        worker = options.pop("cls", Worker)(scheduler=scheduler or RecordingScheduler(**config), **options)
        worker.__enter__()
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.__exit__(None, None, None)


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """Return the list in which sent mails are collected: subject, body, recipients."""
    from luigi_clone import notifications

    sent: list[tuple[str, str, Any]] = []

    def collect(subject: str, message: str, additional_recipients: Any = None) -> None:
        sent.append((subject, message, additional_recipients))

    monkeypatch.setattr(notifications, "send_error_email", collect)
    return sent
