"""Contract of task processes: what every ``[worker] executor`` has to keep, as tests.

Derive from the contract, name the executor, and let pytest (or, beside `unittest.TestCase`, unittest) collect
the class::

    class TestMyExecutor(TaskProcessContract):
        executor = "my_package.MyTaskProcess"
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from luigi_clone.event import Event
from luigi_clone.local_target import LocalTarget
from luigi_clone.parameter import IntParameter, Parameter, ParameterVisibility
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
    """Takes longer than it may, together with a process that it starts."""

    task_namespace = _NAMESPACE
    limit = IntParameter(default=1)

    @property
    def worker_timeout(self) -> int:
        """Seconds after which it is ended; 0 for never."""
        return int(self.limit)

    def run(self) -> Any:
        """Wait for the end."""
        helper = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({_LONG})"])  # noqa: S603
        Writes.run(self)
        Path(f"{self.folder}/{self.name}.helper").write_text(f"{helper.pid}\n")
        helper.wait()


class Explains(Writes):
    """Has much to say about its success."""

    task_namespace = _NAMESPACE
    size = IntParameter()

    def on_success(self) -> Any:
        """Return a long text."""
        return "x" * self.size


class KeepsSecret(Writes):
    """Has a parameter that no text shows."""

    task_namespace = _NAMESPACE
    secret = Parameter(visibility=ParameterVisibility.PRIVATE)

    def run(self) -> Any:
        """Write the secret."""
        with self.output().open("w") as out:
            out.write(self.secret)


class Converses(Writes):
    """Tells its progress, then answers a message."""

    task_namespace = _NAMESPACE
    accepts_messages = True

    def run(self) -> Any:
        """Wait for the message."""
        assert self.set_status_message is not None
        assert self.set_progress_percentage is not None
        self.set_status_message("waiting")
        self.set_progress_percentage(50)
        message = self.scheduler_messages.get(timeout=_LONG)
        message.respond(f"got {message}")
        Writes.run(self)


def note_start(task: Task) -> None:
    """Write a file beside the output of a task that has started; an event handler that can be imported."""
    if isinstance(task, Writes):
        Path(f"{task.folder}/{task.name}.started").write_text(str(os.getpid()))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # One that has ended and that nobody has asked for yet.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return Path("/proc/self").exists() is False


def _wait(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class _Watched(Worker):
    """Keeps what the tasks said at their end, and lets a test step in while they run."""

    step: Callable[[_Watched], None] | None = None

    def _purge_children(self) -> None:
        if self.step is not None:
            self.step(self)
        super()._purge_children()

    def _handle_result(
        self, task_id: str, status: Any, expl: Any, missing: Any, new_requirements: Any
    ) -> None:
        self.said[task_id] = expl
        super()._handle_result(task_id, status, expl, missing, new_requirements)

    said: dict[str, Any]


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
    takes_any_task = True
    """Whether a task may hold what cannot be pickled; else such a task fails, by name."""
    options: ClassVar[dict[str, Any]] = {}
    """Further options of the worker."""

    def create_worker(self, scheduler: Any) -> Any:
        """Return a worker with two slots."""
        worker = _Watched(
            scheduler=scheduler,
            executor=self.executor,
            worker_processes=2,
            wait_interval=0.05,
            wait_jitter=0.0,
            ping_interval=0.05,
            **self.options,
        )
        self.said: dict[str, Any] = {}
        worker.said = self.said
        return worker

    def outcome(
        self, tasks: Iterable[Task], step: Callable[[Any], None] | None = None
    ) -> tuple[bool, dict[str, list[str | None]], Any]:
        """Run tasks; return whether all went well, what was reported of each, and the scheduler.

        ``step`` is called with the worker again and again while they run.
        """
        scheduler = Scheduler()
        reported: dict[str, list[str | None]] = {}
        with self.create_worker(scheduler) as worker:
            worker.step = step
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
                Dies(folder=folder, name=f"dies-{signum}", signum=signum)
                for signum in (0, signal.SIGTERM, signal.SIGKILL)
            ]
            good = Writes(folder=folder, name="good")
            succeeded, reported, _ = self.outcome([*tasks, good])
        assert not succeeded
        assert [reported[task.task_id][-1] for task in tasks] == ["FAILED"] * 3
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
            pids = [int(Path(folder, name).read_text()) for name in ("late", "late.helper")]
        assert not succeeded
        assert _wait(lambda: not any(map(_is_running, pids)))
        assert reported == {late.task_id: ["PENDING", "FAILED"], good.task_id: ["PENDING", "DONE"]}
        assert took < _LONG / 2

    def test_cancel(self) -> None:
        """A task that is ended takes along what it started, and no other task."""
        if not self.in_child:
            return
        with tempfile.TemporaryDirectory() as folder:
            cancelled = Lasts(folder=folder, name="cancelled", limit=0)
            good = [Writes(folder=folder, name=f"good-{n}") for n in range(3)]
            marker = Path(folder, "cancelled.helper")

            def cancel(worker: Any) -> None:
                process = worker._running_tasks.get(cancelled.task_id)
                if process is not None and marker.exists() and marker.read_text().endswith("\n"):
                    process.terminate()

            succeeded, reported, _ = self.outcome([cancelled, *good], cancel)
            pids = [int(Path(folder, name).read_text()) for name in ("cancelled", "cancelled.helper")]
        assert not succeeded
        assert reported == {
            cancelled.task_id: ["PENDING", "FAILED"],
            **{task.task_id: ["PENDING", "DONE"] for task in good},
        }
        assert _wait(lambda: not any(map(_is_running, pids)))

    def test_large_result(self) -> None:
        """A result of many megabytes arrives whole, beside others."""
        with tempfile.TemporaryDirectory() as folder:
            tasks = [Explains(folder=folder, name=str(size), size=size) for size in (10, 8_000_000, 70_000)]
            succeeded, _, _ = self.outcome(tasks)
        assert succeeded
        assert [len(self.said[task.task_id]) for task in tasks] == [10, 8_000_000, 70_000]

    def test_private_parameter(self) -> None:
        """A PRIVATE value reaches the task."""
        with tempfile.TemporaryDirectory() as folder:
            succeeded, _, _ = self.outcome([KeepsSecret(folder=folder, name="s", secret="hunter2")])  # noqa: S106
            assert succeeded
            assert Path(folder, "s").read_text() == "hunter2"

    def test_unpicklable_task(self) -> None:
        """A task that holds what cannot be pickled runs, or is refused by name; others run."""
        with tempfile.TemporaryDirectory() as folder:
            odd, good = Writes(folder=folder, name="odd"), Writes(folder=folder, name="good")
            odd.callback = lambda: None  # type: ignore[attr-defined]
            succeeded, reported, scheduler = self.outcome([odd, good])
        assert succeeded is self.takes_any_task
        assert reported[good.task_id] == ["PENDING", "DONE"]
        if not self.takes_any_task:
            error = scheduler.fetch_error(task_id=odd.task_id)["error"]
            assert reported[odd.task_id] == ["PENDING", "FAILED"]
            assert str(odd) in error
            assert "'callback'" in error

    def test_status_and_messages(self) -> None:
        """What a task tells of itself is known while it runs, and it gets its messages."""
        with tempfile.TemporaryDirectory() as folder:
            task = Converses(folder=folder, name="c")
            if not self.in_child:
                # Nobody could send it one while it runs in the only thread.
                return
            seen: dict[str, Any] = {}

            def talk(worker: Any) -> None:
                scheduler = worker._scheduler
                status = scheduler.get_task_status_message(task.task_id)["statusMessage"]
                progress = scheduler.get_task_progress_percentage(task.task_id)
                if status == "waiting" and progress.get("progressPercentage") and "sent" not in seen:
                    seen["progress"] = progress
                    seen["sent"] = scheduler.send_scheduler_message(worker._id, task.task_id, "hello")

            succeeded, _, scheduler = self.outcome([task], talk)
            answer = scheduler.get_scheduler_message_response(task.task_id, seen["sent"]["message_id"])
        assert succeeded
        assert seen["progress"]["progressPercentage"] == 50
        assert answer["response"] == "got hello"

    def test_event_handlers(self) -> None:
        """Handlers are called, those that can be imported and those that cannot."""
        with tempfile.TemporaryDirectory() as folder:
            good, bad = Writes(folder=folder, name="good"), Raises(folder=folder, name="bad")

            def note_end(task: Any, *rest: Any) -> None:
                Path(f"{folder}/{task.name}.ended").write_text(repr(rest))

            Writes.event_handler(Event.START)(note_start)
            Writes.event_handler(Event.SUCCESS)(note_end)
            Writes.event_handler(Event.FAILURE)(note_end)
            try:
                self.outcome([good, bad])
                started = {name: Path(folder, f"{name}.started").exists() for name in ("good", "bad")}
                ended = {name: Path(folder, f"{name}.ended").read_text() for name in ("good", "bad")}
            finally:
                Writes.remove_event_handler(Event.START, note_start)
                Writes.remove_event_handler(Event.SUCCESS, note_end)
                Writes.remove_event_handler(Event.FAILURE, note_end)
        assert started == {"good": True, "bad": True}
        assert ended == {"good": "()", "bad": "(ValueError('raised on purpose'),)"}

    def test_sigterm(self) -> None:
        """SIGTERM of the worker ends its tasks, and what these started."""
        if not self.in_child:
            return
        with tempfile.TemporaryDirectory() as folder:
            options = {**self.options, "executor": self.executor, "worker_processes": 2}
            program = _WORKER.format(folder=folder, options=options)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            worker = subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=folder)  # noqa: S603
            marker = Path(folder, "long.helper")
            try:
                assert _wait(lambda: marker.exists() and marker.read_text().endswith("\n"))
                pids = [int(Path(folder, name).read_text()) for name in ("long", "long.helper")]
            finally:
                worker.terminate()
                code = worker.wait(_LONG / 2)
        assert code == -signal.SIGTERM
        assert _wait(lambda: not any(map(_is_running, pids)))


_WORKER = """
from luigi_clone.scheduler import Scheduler
from luigi_clone.testing.task_processes import Lasts
from luigi_clone.worker import Worker

with Worker(scheduler=Scheduler(), **{options!r}) as worker:
    worker.add(Lasts(folder={folder!r}, name="long", limit=0))
    worker.run()
"""
