"""Contract of task processes: what every ``[worker] executor`` has to keep, as tests.

Derive from the contract, name the executor, and let pytest (or, beside `unittest.TestCase`, unittest) collect
the class::

    class TestMyExecutor(TaskProcessContract):
        executor = "my_package.MyTaskProcess"
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luigi_clone.local_target import LocalTarget
from luigi_clone.parameter import IntParameter, Parameter
from luigi_clone.scheduler import Scheduler
from luigi_clone.task import Task
from luigi_clone.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TaskProcessContract"]

_NAMESPACE = "luigi_clone.testing"
_LONG = 60.0


class Writes(Task):
    """Writes one file."""

    task_namespace = _NAMESPACE
    folder = Parameter()
    name = Parameter()

    def output(self) -> LocalTarget:
        """Return the file."""
        return LocalTarget(f"{self.folder}/{self.name}")

    def run(self) -> Any:
        """Write it."""
        with self.output().open("w") as out:
            out.write(str(os.getpid()))


class Yields(Writes):
    """Asks for two files while it runs."""

    task_namespace = _NAMESPACE

    def run(self) -> Any:
        """Wait for them, then write the own one."""
        yield [Writes(folder=self.folder, name=f"{self.name}-{n}") for n in (1, 2)]
        Writes.run(self)


class Raises(Writes):
    """Fails."""

    task_namespace = _NAMESPACE

    def run(self) -> Any:
        """Raise what the contract looks for."""
        raise ValueError("raised on purpose")


class Dies(Writes):
    """Ends its process."""

    task_namespace = _NAMESPACE
    signum = IntParameter()

    def run(self) -> Any:
        """Leave without a word."""
        if self.signum:
            os.kill(os.getpid(), self.signum)
        os._exit(0)


class Lasts(Writes):
    """Takes longer than it may."""

    task_namespace = _NAMESPACE
    worker_timeout = 1

    def run(self) -> Any:
        """Wait for the end."""
        time.sleep(_LONG)


class TaskProcessContract:
    """What the objects that ``Worker._create_task_process`` makes keep.

    A task runs once and its end is known at the scheduler: done, failed with the text of the exception, or
    waiting for what it asked for. With ``in_child``, a task may also die or take too long without harm to the
    worker.
    """

    executor = "auto"
    """What ``[worker] executor`` says."""
    in_child = True
    """Whether tasks run outside of the worker's process."""

    def create_worker(self, scheduler: Any) -> Worker:
        """Return a worker with two slots."""
        return Worker(
            scheduler=scheduler,
            executor=self.executor,
            worker_processes=2,
            wait_interval=0.05,
            wait_jitter=0.0,
        )

    def outcome(self, tasks: Iterable[Task]) -> tuple[bool, dict[str, list[str | None]], Any]:
        """Run tasks; return whether all went well, what was reported of each, and the scheduler."""
        scheduler = Scheduler()
        reported: dict[str, list[str | None]] = {}
        with self.create_worker(scheduler) as worker:
            for task in tasks:
                assert worker.add(task)
            succeeded = worker.run()
            for task, status, _ in worker._add_task_history:
                reported.setdefault(task.task_id, []).append(status)
        return succeeded, reported, scheduler

    def test_success(self) -> None:
        """More tasks than slots all run, each once."""
        with tempfile.TemporaryDirectory() as folder:
            tasks = [Writes(folder=folder, name=str(n)) for n in range(5)]
            succeeded, reported, _ = self.outcome(tasks)
            pids = {Path(folder, str(n)).read_text() for n in range(5)}
        assert succeeded
        assert reported == {task.task_id: ["PENDING", "DONE"] for task in tasks}
        assert (str(os.getpid()) in pids) is not self.in_child

    def test_failure(self) -> None:
        """An exception fails its task and no other; its text is known at the scheduler."""
        with tempfile.TemporaryDirectory() as folder:
            bad, good = Raises(folder=folder, name="bad"), Writes(folder=folder, name="good")
            succeeded, reported, scheduler = self.outcome([bad, good])
        assert not succeeded
        assert reported == {bad.task_id: ["PENDING", "FAILED"], good.task_id: ["PENDING", "DONE"]}
        assert "ValueError: raised on purpose" in scheduler.fetch_error(task_id=bad.task_id)["error"]

    def test_requirements_at_run_time(self) -> None:
        """What a task yields is made, then the task runs again."""
        with tempfile.TemporaryDirectory() as folder:
            task = Yields(folder=folder, name="y")
            succeeded, reported, _ = self.outcome([task])
            made = sorted(file.name for file in Path(folder).iterdir())
        assert succeeded
        assert reported[task.task_id] == ["PENDING", "PENDING", "DONE"]
        assert made == ["y", "y-1", "y-2"]

    def test_death(self) -> None:
        """A process that ends without a result has failed, whatever its exit code."""
        if not self.in_child:
            return
        with tempfile.TemporaryDirectory() as folder:
            tasks: list[Task] = [
                Dies(folder=folder, name=f"dies-{signum}", signum=signum) for signum in (0, signal.SIGKILL)
            ]
            good = Writes(folder=folder, name="good")
            succeeded, reported, _ = self.outcome([*tasks, good])
        assert not succeeded
        assert [reported[task.task_id][-1] for task in tasks] == ["FAILED", "FAILED"]
        assert reported[good.task_id] == ["PENDING", "DONE"]

    def test_timeout(self) -> None:
        """A task that takes too long is ended and has failed; others go on."""
        if not self.in_child:
            return
        with tempfile.TemporaryDirectory() as folder:
            late, good = Lasts(folder=folder, name="late"), Writes(folder=folder, name="good")
            started = time.monotonic()
            succeeded, reported, _ = self.outcome([late, good])
            took = time.monotonic() - started
        assert not succeeded
        assert reported == {late.task_id: ["PENDING", "FAILED"], good.task_id: ["PENDING", "DONE"]}
        assert took < _LONG / 2
