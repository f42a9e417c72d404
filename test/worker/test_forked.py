"""A forked child is, for the task, what multiprocessing makes of one."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from multiprocessing import util
from pathlib import Path
from typing import Any

import luigi
import pytest

from luigi_clone._task_processes import forked
from luigi_clone._task_processes.process import ContextManagedTaskProcess

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open") or multiprocessing.get_start_method() != "fork",
    reason="task processes are not forked here, or not in the lean way",
)


class Marks:
    """What multiprocessing tells after a fork."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def note(self) -> None:
        self.pid = os.getpid()


class Tells(luigi.Task):
    file = luigi.Parameter()
    marks: Any = None

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        me, parent = multiprocessing.current_process(), multiprocessing.parent_process()
        assert parent is not None
        text = json.dumps(
            {
                "me": [me.name, me.pid == os.getpid(), me.is_alive(), me.exitcode],
                "parent": [parent.name, parent.pid, parent.is_alive()],
                "children": multiprocessing.active_children(),
                "stdin": sys.stdin.read() + os.read(0, 10).decode(),
                "native_id": threading.main_thread().native_id == os.getpid(),
                "told": Tells.marks.pid == os.getpid(),
                "finalizers": len(util._finalizer_registry),  # type: ignore[attr-defined]
            }
        )
        with open(self.file, "w") as out:
            out.write(text)


def run_one(make_worker: Any, task: luigi.Task, **options: Any) -> Any:
    """Run a task in a child; return its process and whether it went well."""
    worker = make_worker(worker_processes=2, **options)
    processes: list[Any] = []
    create = worker._create_task_process

    def watching(task: luigi.Task) -> Any:
        processes.append(create(task))
        return processes[-1]

    worker._create_task_process = watching
    assert worker.add(task)
    succeeded = worker.run()
    [process] = processes
    process.join()
    return process, succeeded


def test_the_task_finds_what_multiprocessing_promises(
    make_worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = Marks()
    util.register_after_fork(marks, Marks.note)  # type: ignore[attr-defined]
    monkeypatch.setattr(Tells, "marks", marks)
    kept = util.Finalize(marks, list, exitpriority=1)  # type: ignore[attr-defined]
    process, succeeded = run_one(make_worker, Tells(file=str(tmp_path / "told")))
    kept.cancel()
    assert succeeded
    assert isinstance(process._popen, forked.Forked)
    assert (process.exitcode, process.is_alive()) == (0, False)
    assert json.loads((tmp_path / "told").read_text()) == {
        "me": [process.name, True, True, None],
        "parent": ["MainProcess", os.getpid(), True],
        "children": [],
        "stdin": "",
        "native_id": True,
        "told": True,
        "finalizers": 0,
    }
    assert marks.pid == os.getpid()


class LeavesThings(Tells):
    def run(self) -> None:
        file = str(self.file)

        def later() -> None:
            threading.main_thread().join(0.2)
            Path(file).write_text("by a thread")

        threading.Thread(target=later).start()
        util.Finalize(None, Path(file + ".end").touch, exitpriority=1)  # type: ignore[attr-defined]
        sys.stdout.write("not flushed")


def test_threads_finalizers_and_output_are_seen_through(
    make_worker: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    process, succeeded = run_one(make_worker, LeavesThings(file=str(tmp_path / "x")))
    assert succeeded
    assert process.exitcode == 0
    assert (tmp_path / "x").read_text() == "by a thread"
    assert (tmp_path / "x.end").exists()
    assert capfd.readouterr().out.count("not flushed") == 1


class Ends:
    """A context that ends its process in its own way."""

    how: Any = None

    def __init__(self, process: Any) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        raise Ends.how


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        (SystemExit(), 0, ""),
        (SystemExit(7), 7, ""),
        (SystemExit("bye"), 1, "bye\n"),
        (ValueError("x"), 1, "Process ContextManagedTaskProcess-"),
    ],
)
def test_exit_codes(
    make_worker: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    how: BaseException,
    code: int,
    said: str,
) -> None:
    module = type(sys)("module_with_a_context")
    module.Ends = Ends  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "module_with_a_context", module)
    monkeypatch.setattr(Ends, "how", how)
    monkeypatch.setattr(Tells, "marks", Marks())
    process, _ = run_one(
        make_worker, Tells(file=str(tmp_path / "x")), task_process_context="module_with_a_context.Ends"
    )
    assert process.exitcode == code
    error = capfd.readouterr().err
    assert error.startswith(said)
    assert ("Traceback" in error) is isinstance(how, ValueError)


class OwnLife(ContextManagedTaskProcess):
    def _bootstrap(self, parent_sentinel: int | None = None) -> int:
        return super()._bootstrap(parent_sentinel)


def test_a_life_of_its_own_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools that measure coverage, for instance, put their own around the life of such children."""
    task = Tells(file="x")
    usual = ContextManagedTaskProcess(None, task, "W", None, None, use_multiprocessing=True)
    assert forked.suits(usual)
    assert not forked.suits(OwnLife(None, task, "W", None, None, use_multiprocessing=True))

    def measured(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "_bootstrap", measured)
    assert not forked.suits(usual)


def test_without_descriptors_the_task_fails_and_nothing_is_left(
    make_worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forked._prepare()
    monkeypatch.setattr(Tells, "marks", Marks())

    forked_pids: list[int] = []

    def refuse(pid: int) -> int:
        forked_pids.append(pid)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    process, succeeded = run_one_refused(make_worker, Tells(file=str(tmp_path / "x")))
    assert not succeeded
    [child] = forked_pids
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)
    assert process.pid is None


def run_one_refused(make_worker: Any, task: luigi.Task) -> Any:
    worker = make_worker(worker_processes=2)
    process = worker._create_task_process(task)
    worker._create_task_process = lambda _: process
    assert worker.add(task)
    return process, worker.run()


def test_warnings_stay_silent_at_the_end(tmp_path: Path) -> None:
    """What is prepared for the children is not reported as forgotten."""
    program = """
import luigi_clone as luigi
from luigi_clone.worker import Worker

class T(luigi.Task):
    def complete(self):
        return False

if __name__ == "__main__":
    with Worker(worker_processes=2) as worker:
        worker.add(T())
        assert worker.run()
"""
    (tmp_path / "main.py").write_text(program)
    (tmp_path / "luigi.cfg").write_text("[core]\nautoload_range = false\n[logging]\nlevel = ERROR\n")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "main.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
