"""``[worker] executor = dask``, on a cluster on this machine and on one of processes that the test starts."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from luigi_clone.contrib.dask import DaskError, open_engine
from luigi_clone.scheduler import Scheduler
from luigi_clone.testing.task_processes import TaskProcessContract, Writes
from luigi_clone.worker import Worker
from test.contrib import dask_pipeline as pipeline
from test.contrib.dask_cluster import ROOT, Cluster, children_of_this_process, configured, on, wait_until
from test.services import require_service

pytestmark = pytest.mark.slow

# DASK_TASKS=2000 shows more, and takes minutes.
TASKS = int(os.environ.get("DASK_TASKS", "200"))


def is_running(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    try:
        import distributed
    except ImportError:
        distributed = None
    require_service("Dask", distributed, "distributed is not installed")
    cluster = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        for _ in range(2):
            cluster.start_worker("--nthreads", "2", "--no-dashboard")
        cluster.wait_for_workers(2)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def on_cluster(cluster, tmp_path, monkeypatch):
    """Let workers use the cluster, here and in processes that the test starts."""
    with on(cluster, tmp_path, monkeypatch):
        yield cluster


def worker(scheduler=None, processes=4, **options):
    return Worker(
        scheduler=scheduler or Scheduler(),
        executor="dask",
        worker_processes=processes,
        wait_interval=0.1,
        wait_jitter=0.0,
        **options,
    )


def run(tasks, **options):
    """Run tasks; return whether all went well, and the last status of each."""
    scheduler = Scheduler()
    with worker(scheduler, **options) as each:
        for task in tasks:
            assert each.add(task)
        succeeded = each.run()
        reported = {task.task_id: status for task, status, _ in each._add_task_history}
    return succeeded, reported, scheduler


def begun(folder, name):
    file = Path(folder, f"{name}.begun")
    return file.read_text().splitlines() if file.exists() else []


class TestOnThisMachine(TaskProcessContract):
    executor = "dask"
    takes_any_task = False


class TestOnCluster(TaskProcessContract):
    executor = "dask"
    takes_any_task = False

    @pytest.fixture(autouse=True)
    def _use(self, on_cluster):
        pass


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_tasks_while_a_dask_worker_is_killed(on_cluster, tmp_path):
    """Only what ran there fails; nothing is run twice; nothing stays at the Dask scheduler."""
    tasks = [pipeline.Noted(folder=str(tmp_path), name=str(n)) for n in range(TASKS)]
    victim = on_cluster.pids()[0]
    killed = threading.Event()

    def kill():
        wait_until(lambda: Path(tmp_path, f"{TASKS // 4}.done").exists(), 400)
        os.kill(victim, signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    _, reported, scheduler = run(tasks)
    killer.join()
    assert killed.is_set()
    failed = [task for task in tasks if reported[task.task_id] == "FAILED"]
    assert len(failed) <= 2  # as many as that one has threads
    for task in failed:
        assert "The Dask worker tcp://" in scheduler.fetch_error(task_id=task.task_id)["error"]
    done = [task for task in tasks if task not in failed]
    assert all(reported[task.task_id] == "DONE" for task in done)
    assert all(len(begun(tmp_path, task.name)) == 1 for task in done)
    assert all(len(begun(tmp_path, task.name)) <= 1 for task in failed)
    on_cluster.wait_for_workers(2)

    def keys_and_topics(dask_scheduler):
        topics = [topic for topic in dask_scheduler.get_events() if topic.startswith("luigi")]
        return [key for key in dask_scheduler.tasks if str(key).startswith("luigi")], topics

    keys, topics = on_cluster.ask(lambda client: client.run_on_scheduler(keys_and_topics))
    assert not keys
    assert len(topics) <= 64


def test_attempt_whose_dask_worker_is_killed_is_not_made_again(on_cluster, tmp_path):
    """Dask would give it to the other worker, or to the one that its nanny starts anew."""
    task = pipeline.Waits(folder=str(tmp_path), name="w")

    def kill():
        helper = tmp_path / "w.helper"
        wait_until(lambda: helper.exists() and helper.read_text().endswith("\n"))
        pid = int(begun(tmp_path, "w")[0])
        parents = on_cluster.ask(lambda client: client.run(children_of_this_process)).values()
        os.kill(next(parent for parent, children in parents if pid in children), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    started = time.monotonic()
    succeeded, reported, scheduler = run([task])
    took = time.monotonic() - started
    killer.join()
    assert not succeeded
    assert reported[task.task_id] == "FAILED"
    assert "was lost" in scheduler.fetch_error(task_id=task.task_id)["error"]
    assert took < 25
    on_cluster.wait_for_workers(2)
    assert len(begun(tmp_path, "w")) == 1
    assert not is_running(int(begun(tmp_path, "w")[0]))
    os.kill(int((tmp_path / "w.helper").read_text()), signal.SIGKILL)


def test_tasks_of_a_killed_worker_end(cluster, tmp_path, monkeypatch):
    """The cluster does not go on with what nobody waits for."""
    program = (
        "from luigi_clone.scheduler import Scheduler\n"
        "from luigi_clone.worker import Worker\n"
        "from test.contrib.dask_pipeline import Waits\n"
        "with Worker(scheduler=Scheduler(), executor='dask', worker_processes=2) as worker:\n"
        f"    worker.add(Waits(folder={str(tmp_path)!r}, name='w'))\n"
        "    worker.run()\n"
    )
    with on(cluster, tmp_path, monkeypatch, patience=2):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-c", program], env=environment)
        try:
            helper = tmp_path / "w.helper"
            wait_until(lambda: helper.exists() and helper.read_text().endswith("\n"))
            pids = [int(begun(tmp_path, "w")[0]), int(helper.read_text())]
            assert all(map(is_running, pids))
        finally:
            process.kill()
            process.wait()
        wait_until(lambda: not any(map(is_running, pids)), 20)


def test_time_of_a_task_begins_when_it_runs(on_cluster, tmp_path):
    """There are more slots than the cluster has threads; waiting for one of these is not the task's time."""
    tasks = [pipeline.Naps(folder=str(tmp_path), name=str(n), seconds=1) for n in range(12)]
    succeeded, _, _ = run(tasks, processes=12, timeout=3)
    assert succeeded


def test_attempt_that_waits_for_a_thread_is_ended_before_it_begins(on_cluster, tmp_path):
    tasks = [pipeline.Waits(folder=str(tmp_path), name=str(n)) for n in range(5)]
    ended = []

    class Ends(Worker):
        def _purge_children(self):
            if not ended and sum(bool(begun(tmp_path, str(n))) for n in range(5)) == 4:
                (late,) = [task for task in tasks if not begun(tmp_path, task.name)]
                self._running_tasks[late.task_id].terminate()
                ended.append(late)
                (tmp_path / "go").touch()
            super()._purge_children()

    with Ends(
        scheduler=Scheduler(), executor="dask", worker_processes=5, wait_interval=0.1, wait_jitter=0.0
    ) as each:
        for task in tasks:
            assert each.add(task)
        assert not each.run()
        reported = {task.task_id: status for task, status, _ in each._add_task_history}
    (late,) = ended
    assert not begun(tmp_path, late.name)
    assert {task_id for task_id, status in reported.items() if status == "FAILED"} == {late.task_id}


def test_environment(on_cluster, tmp_path, monkeypatch):
    """On another machine a task has that machine's environment, and of the worker's what is named."""
    monkeypatch.setenv("LUIGI_OF_WORKER", "yes")
    monkeypatch.setenv("SECRET_OF_WORKER", "yes")
    monkeypatch.chdir(tmp_path)
    succeeded, _, _ = run([pipeline.TellsEnvironment(folder=str(tmp_path), name="e")])
    assert succeeded
    assert (tmp_path / "e.environment").read_text().splitlines() == [
        "LUIGI_OF_WORKER=yes",
        "SECRET_OF_WORKER=None",
        "OF_DASK_WORKER=yes",
        f"cwd={tmp_path}",
    ]


def test_what_a_task_writes_is_in_its_log(on_cluster, tmp_path):
    succeeded, _, _ = run([pipeline.Prints(folder=str(tmp_path), name="p")], log_dir=str(tmp_path / "logs"))
    assert succeeded
    logs = [file.read_text() for file in (tmp_path / "logs").rglob("*") if file.is_file()]
    assert any("printed on the cluster" in log for log in logs)


def test_dask_scheduler_that_is_lost_fails_what_runs(tmp_path, monkeypatch):
    """And the worker goes on to its end."""
    small = Cluster(tmp_path)
    try:
        small.start_worker("--nthreads", "1", "--no-nanny", "--no-dashboard")
        small.wait_for_workers(1)
        task = pipeline.Waits(folder=str(tmp_path), name="w")

        def kill():
            wait_until(lambda: (tmp_path / "w.helper").exists())
            small.scheduler.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with on(small, tmp_path, monkeypatch):
            succeeded, reported, _ = run([task])
        killer.join()
    finally:
        (tmp_path / "go").touch()
        small.stop()
    assert not succeeded
    assert reported[task.task_id] == "FAILED"


def test_no_cluster():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    with (
        configured(scheduler_address=address, connect_timeout=1),
        worker() as each,
        pytest.raises(DaskError, match=f"No Dask cluster at {address}"),
    ):
        each._executor("dask")


def test_task_of_the_main_script_is_refused(tmp_path, monkeypatch):
    task = Writes(folder=str(tmp_path), name="x")
    monkeypatch.setattr(Writes, "__module__", "__main__")
    succeeded, _, scheduler = run([task])
    assert not succeeded
    assert "defined in the main script" in scheduler.fetch_error(task_id=task.task_id)["error"]


def test_result_queue_of_others_is_refused():
    with pytest.raises(TypeError, match="own result queue"):
        open_engine(None, object())


def test_module_loads_nothing_of_dask():
    program = "import sys, luigi_clone.contrib.dask; print({'dask', 'distributed'} & set(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert output.stdout == "set()\n", output.stderr
