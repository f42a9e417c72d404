"""The warm pool: processes that stay, what a task finds in them, and how they end."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import luigi
import pytest

from luigi_clone import configuration
from luigi_clone.cmdline_parser import CmdlineParser
from luigi_clone.parameter import ParameterVisibility

ROOT = Path(__file__).resolve().parents[2]


def wait(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Notes(luigi.Task):
    """Appends its process id to a file."""

    file = luigi.Parameter()
    n = luigi.IntParameter(default=0)

    def complete(self) -> bool:
        return False

    def run(self) -> Any:
        with open(self.file, "a") as out:
            out.write(f"{os.getpid()}\n")


class Grows(Notes):
    held: list[bytes] = []

    def run(self) -> None:
        super().run()
        Grows.held.append(b"x" * (90 << 20))


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


@pytest.fixture
def make_pool(make_worker: Any) -> Any:
    def make(**options: Any) -> Any:
        return make_worker(**{"executor": "pool", "worker_processes": 1, **options})

    return make


# -- processes stay, and go ------------------------------------------------


def test_processes_are_used_again(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool(worker_processes=2)
    for n in range(12):
        worker.add(Notes(file=str(tmp_path / "pids"), n=n))
    assert worker.run()
    worker.add(Notes(file=str(tmp_path / "pids"), n=99))
    assert worker.run()
    used = pids(tmp_path / "pids")
    assert len(used) == 13
    assert len(set(used)) <= 2
    assert os.getpid() not in used


@pytest.mark.parametrize(
    ("options", "task", "count"), [({"pool_max_tasks": 2}, Notes, 3), ({"pool_max_memory": 150}, Grows, 3)]
)
def test_processes_are_replaced(
    make_pool: Any, tmp_path: Path, options: dict[str, int], task: Any, count: int
) -> None:
    worker = make_pool(**options)
    for n in range(2 * count if task is Notes else count + 2):
        worker.add(task(file=str(tmp_path / "pids"), n=n))
    assert worker.run()
    used = pids(tmp_path / "pids")
    assert len(set(used)) >= count
    wait(lambda: all(is_gone(pid) for pid in used[:-2]))


def test_one_that_ended_while_idle_is_replaced(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool()
    for n in range(2):
        worker.add(Notes(file=str(tmp_path / "pids"), n=n))
        assert worker.run()
        last = pids(tmp_path / "pids")[-1]
        os.kill(last, signal.SIGKILL)
        wait(lambda last=last: is_gone(last))
    first, second = pids(tmp_path / "pids")
    assert first != second


def test_the_processes_end_with_the_worker(make_worker: Any, tmp_path: Path) -> None:
    worker = make_worker(executor="pool", worker_processes=2)
    for n in range(2):
        worker.add(Notes(file=str(tmp_path / "pids"), n=n))
    assert worker.run()
    worker.__exit__(None, None, None)
    assert all(is_gone(pid) for pid in pids(tmp_path / "pids"))
    worker._keep_alive_thread.join()


def test_it_is_a_process_for_whoever_looks_at_it(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool()
    processes: list[Any] = []
    create = worker._create_task_process

    def watching(task: Any) -> Any:
        processes.append(create(task))
        assert (processes[-1].pid, processes[-1].exitcode, processes[-1].is_alive()) == (None, None, False)
        return processes[-1]

    worker._create_task_process = watching
    worker.add(Notes(file=str(tmp_path / "pids")))
    assert worker.run()
    [process] = processes
    process.join(10)
    assert [process.pid] == pids(tmp_path / "pids")
    assert (process.exitcode, process.is_alive()) == (0, False)
    assert process.name.startswith("PooledTaskProcess-")


def test_join_waits_for_the_attempt(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool()
    worker.add(Notes(file=str(tmp_path / "pids")))
    process = worker._create_task_process(Notes(file=str(tmp_path / "pids")))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert pids(tmp_path / "pids") == [process.pid]
    assert worker._task_result_queue.get_nowait()[1] == "DONE"


def test_unknown_start_method(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool(pool_start_method="fork")
    worker.add(Notes(file=str(tmp_path / "pids")))
    with pytest.raises(ValueError, match="pool_start_method: 'fork' is none of forkserver and spawn"):
        worker.run()


# -- what a task finds ------------------------------------------------


class Looks(Notes):
    default = luigi.Parameter(default="none")

    def run(self) -> None:
        found = {
            "configured": configuration.get_config().get("pool-test", "key", "none"),
            "of_command_line": Looks(file="x").default,
            "environment": os.environ.get("POOL_TEST"),
            "directory": os.getcwd(),
        }
        os.environ["POOL_TEST"] = "changed"
        os.chdir("/")
        logging.getLogger("pool.test").info("found by %s", self.n, extra={"odd": lambda: None})
        try:
            raise ValueError("logged")
        except ValueError:
            logging.getLogger("luigi-interface").exception("with a traceback")
        with open(self.file, "a") as out:
            out.write(json.dumps(found) + "\n")


def test_surroundings(
    make_pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POOL_TEST", "set in the worker")
    monkeypatch.chdir(tmp_path)
    configuration.get_config().set("pool-test", "key", "set by the program")
    caplog.set_level(logging.INFO)
    file = tmp_path / "found"
    with CmdlineParser.global_instance(["Looks", "--file", str(file), "--Looks-default", "given"], True):
        worker = make_pool()
        for n in range(2):
            worker.add(Looks(file=str(file), n=n))
        assert worker.run()
    expected = {
        "configured": "set by the program",
        "of_command_line": "given",
        "environment": "set in the worker",
        "directory": str(tmp_path),
    }
    assert [json.loads(line) for line in file.read_text().splitlines()] == [expected] * 2
    found = [record for record in caplog.records if record.name == "pool.test"]
    assert [record.getMessage() for record in found] == ["found by 0", "found by 1"]
    assert all(record.process != os.getpid() for record in found)
    assert caplog.text.count("ValueError: logged") == 2
    assert next(message for message in caplog.messages if message.startswith("[pid ")).endswith(
        f"running   {Looks(file=str(file), n=0, default='given')}"
    )


class Leaf(Notes):
    secret = luigi.Parameter(visibility=ParameterVisibility.PRIVATE, default="none")

    def complete(self) -> bool:
        return os.path.exists(self.file)

    def run(self) -> None:
        Path(self.file).write_text(self.secret)


class Asks(Notes):
    def run(self) -> Any:
        yield Leaf(file=self.file + ".leaf", secret="hunter2")
        yield [Leaf(file=f"{self.file}.leaf-{n}", secret=str(n)) for n in range(3)]
        super().run()


def test_requirements_at_run_time_keep_their_secrets(
    make_pool: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_pool(worker_processes=2)
    worker.add(Asks(file=str(tmp_path / "a")))
    assert worker.run()
    assert (tmp_path / "a.leaf").read_text() == "hunter2"
    assert (tmp_path / "a.leaf-2").read_text() == "2"
    assert "hunter2" not in caplog.text


class Counted(luigi.Task):
    folder = luigi.Parameter()

    def complete(self) -> bool:
        with open(f"{self.folder}/asked", "a") as out:
            out.write("x")
        return True


class NeedsCounted(Notes):
    def deps(self) -> Any:
        # unknown to the scheduling phase, so that only the task processes learn of it
        return [Counted(folder=os.path.dirname(self.file))] if multiprocessing.parent_process() else []


def test_what_was_found_complete_is_known_in_all_processes(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool(cache_task_completion=True, pool_max_tasks=2)
    for n in range(5):
        worker.add(NeedsCounted(file=str(tmp_path / "pids"), n=n))
    assert worker.run()
    assert len(set(pids(tmp_path / "pids"))) == 3
    assert (tmp_path / "asked").read_text() == "x"


class NotMade(Notes):
    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_what_cannot_travel_costs_one_task(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool()
    file = str(tmp_path / "pids")
    not_made, good = NotMade(file=file), Notes(file=file)
    for task in (not_made, good):
        worker.add(task)
    assert not worker.run()
    scheduler = worker._scheduler
    error = scheduler.fetch_error(task_id=not_made.task_id)["error"]
    assert "could not be made in a process of the pool" in error
    assert "invalid literal for int()" in error
    assert (good, "DONE", None) in worker._add_task_history


class Leaves:
    """A context whose exit fails."""

    def __init__(self, process: Any) -> None:
        assert process.task is not None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        raise ValueError("left badly")


def test_a_context_that_fails_ends_its_process_after_the_result(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool(task_process_context=f"{__name__}.Leaves")
    for n in range(2):
        worker.add(Notes(file=str(tmp_path / "pids"), n=n))
    assert worker.run()
    assert len(set(pids(tmp_path / "pids"))) == 2


# -- whole programs ------------------------------------------------

SCRIPT = """
import os, sys
sys.path.insert(0, {root!r})
import luigi

class Leaf(luigi.Task):
    n = luigi.IntParameter()
    secret = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE, default="")

    def output(self):
        return luigi.LocalTarget(f"leaf-{{self.n}}")

    def run(self):
        with self.output().open("w") as out:
            out.write(f"{{self.secret}} {{os.getpid()}} {{__name__}}")

class Top(luigi.Task):
    def output(self):
        return luigi.LocalTarget("top")

    def run(self):
        yield [Leaf(n=n, secret="s") for n in range(3)]
        with self.output().open("w") as out:
            out.write("x")

@Top.event_handler(luigi.Event.SUCCESS)
def note(task):
    with open("noted", "a") as out:
        out.write("x")

{guard}
    luigi.build([Top()], local_scheduler=True, workers=2, log_level="INFO")
    print("over", os.getpid())
"""


START = """
import runpy, sys
sys.path.insert(0, {root!r})
from luigi_clone import alias
alias.install()
runpy.run_path("main.py", run_name="__main__")
"""


def run_script(tmp_path: Path, guard: str, *options: str) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(root=str(ROOT), guard=guard)
    if "spawn" in "".join(options):  # such a process knows of nothing when it imports the main script
        script = script.replace(
            "import luigi\n", "from luigi_clone import alias; alias.install(); import luigi\n"
        )
    (tmp_path / "main.py").write_text(script)
    (tmp_path / "start.py").write_text(START.format(root=str(ROOT)))
    (tmp_path / "luigi.cfg").write_text(
        "[core]\nautoload_range = false\n[worker]\nexecutor = pool\nwait_interval = 0.05\n"
        + "\n".join(options)
    )
    return subprocess.run(
        [sys.executable, "start.py"],
        cwd=tmp_path,
        env={**os.environ, "LUIGI_CONFIG_PATH": "luigi.cfg", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_tasks_of_the_main_script(tmp_path: Path, method: str) -> None:
    done = run_script(tmp_path, 'if __name__ == "__main__":', f"pool_start_method = {method}")
    assert done.returncode == 0, done.stderr
    assert "4 ran successfully" in done.stderr
    assert done.stdout.count("over") == 1
    secret, pid, name = (tmp_path / "leaf-2").read_text().split()
    assert (secret, name) == ("s", "__mp_main__")
    assert f"over {pid}" not in done.stdout
    assert (tmp_path / "noted").read_text() == "x"
    assert f"INFO: [pid {pid}] Worker Worker(" in done.stderr


def test_a_script_that_always_starts_is_told_so(tmp_path: Path) -> None:
    done = run_script(tmp_path, "if True:")
    assert "Put what starts it under: if __name__ == '__main__':" in done.stderr
    assert "ended with exit code 1 before it could take the task" in done.stderr
    assert done.stdout.count("over") == 1
    assert not (tmp_path / "top").exists()


def test_a_module_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(SCRIPT.format(root=str(ROOT), guard='if __name__ == "__main__":'))
    arguments = (
        "--module pipeline Top --local-scheduler --workers 2 --Leaf-secret given --worker-executor pool"
    )
    done = subprocess.run(
        [sys.executable, "-m", "luigi_clone", *arguments.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "leaf-2").read_text().split()[2] == "pipeline"
    assert done.stderr.count("done      Leaf(") == 3


OUTLIVED = """
import os, sys, time
sys.path.insert(0, {root!r})
import luigi_clone as luigi
from luigi_clone.worker import Worker
from luigi_clone.scheduler import Scheduler

class Lasts(luigi.Task):
    n = luigi.IntParameter()

    def complete(self):
        return False

    def run(self):
        open(f"pid-{{os.getpid()}}", "w").close()
        time.sleep(60 if self.n else 0)

if __name__ == "__main__":
    worker = Worker(scheduler=Scheduler(), worker_processes=2, executor="pool",
                    pool_start_method={method!r})
    worker.add(Lasts(n=0))
    worker.run()
    if {ends}:
        print("over")
    else:
        worker.add(Lasts(n=1))
        worker.run()
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_no_process_outlives_a_worker_that_is_killed(tmp_path: Path, method: str) -> None:
    (tmp_path / "main.py").write_text(OUTLIVED.format(root=str(ROOT), method=method, ends=False))
    with subprocess.Popen([sys.executable, "main.py"], cwd=tmp_path) as worker:
        wait(lambda: list(tmp_path.glob("pid-*")))
        used = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
        worker.kill()
    wait(lambda: all(is_gone(pid) for pid in used))


def test_a_worker_that_is_not_left_ends_with_its_program(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(OUTLIVED.format(root=str(ROOT), method="forkserver", ends=True))
    done = subprocess.run(
        [sys.executable, "-X", "dev", "main.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "over\n"
    [used] = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
    assert is_gone(used)


class StartsOne(Notes):
    def run(self) -> None:
        process = multiprocessing.get_context("forkserver").Process(target=Path(self.file).touch)
        process.start()
        process.join()
        assert process.exitcode == 0


def test_a_task_may_use_a_fork_server_of_its_own(make_pool: Any, tmp_path: Path) -> None:
    worker = make_pool()
    worker.add(StartsOne(file=str(tmp_path / "touched")))
    assert worker.run()
    assert (tmp_path / "touched").exists()
