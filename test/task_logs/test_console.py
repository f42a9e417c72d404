"""The console of a worker whose tasks have logs: terminals stay terminals, and nobody loses a reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import pipelines

ROOT = Path(__file__).parents[2]

SCRIPT = """
import multiprocessing, sys
from luigi_clone import configuration
from test.task_logs import pipelines
if __name__ == "__main__":
    url, executor, log_dir, task, done, method = sys.argv[1:]
    multiprocessing.set_start_method(method)
    configuration.get_config().set("worker", "log_dir", log_dir)
    pipelines.run([getattr(pipelines, task)(done_file=done)], url, executor)
"""


def start(tmp_path, url, executor, task, method="fork", **streams):
    script = tmp_path / "main.py"
    script.write_text(SCRIPT)
    arguments = [url, executor, str(tmp_path / "logs"), task, str(tmp_path / "done"), method]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(script), *arguments], env=env, **streams)


def read_to_the_end(fd):
    data = b""
    while True:
        try:
            chunk = os.read(fd, 65536)
        except OSError:  # how a terminal ends
            return data
        if not chunk:
            return data
        data += chunk


@pytest.mark.parametrize("executor", list(pipelines.EXECUTORS))
def test_a_terminal_stays_a_terminal(executor, url, tmp_path):
    ours, theirs = os.openpty()
    with start(tmp_path, url, executor, "LooksAround", stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = read_to_the_end(ours)
        assert process.wait(30) == 0
    os.close(ours)
    assert b"terminals: True True" in shown
    [log] = (tmp_path / "logs").glob("*/*.log")
    assert b"terminals: True True\n" in log.read_bytes()


@pytest.mark.parametrize("executor", ["forked", "pool"])
def test_a_program_that_outlives_the_worker_can_go_on_writing(executor, url, tmp_path):
    with start(tmp_path, url, executor, "LeavesBehind", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.wait(60) == 0
        (tmp_path / "done.worker").touch()
        assert process.stdout.read() == b"started\nfirst\nsecond\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_children_that_are_not_forked(method, url, tmp_path):
    with start(tmp_path, url, "forked", "Writes", method, stdout=-1, stderr=-1) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    assert b"by print\n" in out
    assert b"to stderr\n" in err
    [log] = (tmp_path / "logs").glob("*/*.log")
    assert b"by print\n" in log.read_bytes()
    assert b"to stderr\n" in log.read_bytes()
