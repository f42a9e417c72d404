"""A full disk, a folder that cannot be written, a log that cannot be written: the worker goes on."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi
import pytest

ROOT = Path(__file__).resolve().parents[2]
SIZE = 256 * 1024


class Writes(luigi.Task):
    """Writes a quarter of a megabyte, or one byte."""

    folder = luigi.Parameter()
    small = luigi.BoolParameter()

    def output(self) -> Any:
        return luigi.LocalTarget(f"{self.folder}/{'small' if self.small else 'large'}")

    def run(self) -> None:
        with self.output().open("w") as out:
            out.write("x" if self.small else "x" * SIZE)


def outcome(worker: Any, tasks: list[luigi.Task]) -> dict[str, str]:
    for task in tasks:
        assert worker.add(task)
    assert not worker.run()
    return {str(task.output().path): status for task, status, _ in worker._add_task_history}


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of 64 KiB on ``folder``."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def short_files() -> Iterator[None]:
    """Refuse what would make a file longer than 64 KiB, as a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("limit", ["disk", "quota"])
def test_full_disk(make_worker: Any, mails: Any, tmp_path: Path, slots: int, limit: str) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    worker = make_worker(worker_processes=slots)
    tasks = [Writes(folder=str(folder)), Writes(folder=str(folder), small=True)]
    with small_disk(folder) if limit == "disk" else short_files():
        assert outcome(worker, tasks) == {f"{folder}/large": "FAILED", f"{folder}/small": "DONE"}
        assert [path.name for path in folder.iterdir()] == ["small"], "neither output nor temporary file"
    error = worker._scheduler.fetch_error(task_id=tasks[0].task_id)["error"]
    assert ("No space left on device" if limit == "disk" else "File too large") in error


@pytest.mark.parametrize("slots", [1, 2])
def test_folder_that_cannot_be_written(make_worker: Any, mails: Any, tmp_path: Path, slots: int) -> None:
    if os.getuid() == 0:
        if not os.path.isdir("/sys/kernel"):
            pytest.skip("root may write everywhere here")
        folder = "/sys/kernel"  # no files can be made there, whoever asks
    else:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o555)
        folder = str(locked)
    worker = make_worker(worker_processes=slots)
    tasks = [
        Writes(folder=folder),
        Writes(folder=f"{folder}/below"),
        Writes(folder=str(tmp_path), small=True),
    ]
    assert outcome(worker, tasks) == {
        f"{folder}/large": "FAILED",
        f"{folder}/below/large": "FAILED",
        f"{tmp_path}/small": "DONE",
    }


PIPELINE = """
import luigi

class Small(luigi.Task):
    n = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"out-{self.n}")

    def run(self):
        with self.output().open("w") as out:
            out.write("x")

class All(luigi.WrapperTask):
    def requires(self):
        return [Small(n=n) for n in range(4)]
"""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("slots", ["1", "2"])
def test_log_on_a_full_disk(tmp_path: Path, slots: str) -> None:
    (tmp_path / "full_log.py").write_text(PIPELINE)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "luigi_clone", "--module", "full_log", "All"),
                *("--local-scheduler", "--workers", slots),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
            stdout=full,
            stderr=full,
            timeout=60,
            check=False,
        )
    assert sorted(path.name for path in tmp_path.glob("out-*")) == ["out-0", "out-1", "out-2", "out-3"]
    assert done.returncode == 0
