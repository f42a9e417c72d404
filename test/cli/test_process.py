"""The central scheduler in the background: pid file, log files."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from luigi_clone import process
from test.console import ROOT


def test_the_pid_file(tmp_path):
    file = tmp_path / "run" / "luigi.pid"
    assert process.check_pid(str(file)) == 0
    process.write_pid(str(file))
    assert file.read_text() == str(os.getpid())
    assert process.check_pid(str(file)) == os.getpid()
    assert process._server_already_running(str(file))
    assert [p.name for p in file.parent.iterdir()] == ["luigi.pid"]


@pytest.mark.parametrize("content", ["", "x", "-1", "0", str(2**22 + 1), "9" * 30])
def test_a_pid_file_of_nobody(tmp_path, content):
    (tmp_path / "p").write_text(content)
    assert process.check_pid(str(tmp_path / "p")) == 0


def test_no_pid_file():
    assert process.check_pid(None) == 0
    assert not process._server_already_running(None)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root becomes another user")
def test_a_process_that_may_not_be_signalled_is_running(tmp_path, monkeypatch):
    (tmp_path / "p").write_text(str(os.getpid()))
    tmp_path.chmod(0o755)
    # The folders above are for root alone: another user gets at the file by where it stands.
    monkeypatch.chdir(tmp_path)
    child = os.fork()
    if not child:
        os.setgid(12345)
        os.setuid(12345)
        try:
            os.kill(os.getppid(), 0)
        except PermissionError:
            os._exit(0 if process.check_pid("p") == os.getppid() else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_log_turns_each_day(tmp_path):
    handler = process.get_spool_handler(str(tmp_path / "server.log"))
    try:
        assert (handler.when, handler.backupCount) == ("D", 7)
        assert process.get_log_format() == "%(asctime)s %(name)s[%(process)s] %(levelname)s: %(message)s"
        handler.handle(logging.makeLogRecord({"name": "n", "msg": "hello", "levelname": "INFO"}))
    finally:
        handler.close()
    assert (tmp_path / "server.log").read_text().endswith("INFO: hello\n")


DAEMON = """
import logging, os, sys
sys.path.insert(0, {root!r})
from luigi_clone import process
logging.getLogger().setLevel(logging.INFO)
def serve(**arguments):
    print("serving", sorted(arguments.items()), oct(os.umask(0)), os.getcwd(), flush=True)
process.daemonize(serve, pidfile={pidfile!r}, logdir={logdir!r}, api_port=1, address="a", unix_socket=None)
"""


def _when_there(file: Path, text: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if file.exists() and text in file.read_text():
            return file.read_text()
        os.sched_yield()
    raise AssertionError(f"{text!r} is not in {file}")


def _daemonize(folder):
    code = DAEMON.format(root=str(ROOT), pidfile=str(folder / "run" / "p"), logdir=str(folder / "logs"))
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=30, umask=0o027)


def test_in_the_background(tmp_path):
    pytest.importorskip("daemon")
    _daemonize(tmp_path)
    log = _when_there(tmp_path / "logs" / "luigi-server.log", "Writing pid file")
    assert "luigi.server[" in log
    assert "INFO: Checking pid file" in log
    (out,) = (tmp_path / "logs").glob("luigi-server-*.out")
    shown = _when_there(out, "serving")
    assert "serving [('address', 'a'), ('api_port', 1), ('unix_socket', None)]" in shown
    assert f"0o27 {tmp_path}" in shown


def test_in_the_background_while_there_is_another(tmp_path):
    pytest.importorskip("daemon")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "p").write_text(str(os.getpid()))
    _daemonize(tmp_path)
    log = tmp_path / "logs" / "luigi-server.log"
    assert f"Server already running (pid={os.getpid()})" in _when_there(log, "already running")
    (out,) = (tmp_path / "logs").glob("*.out")
    assert not out.read_text()
