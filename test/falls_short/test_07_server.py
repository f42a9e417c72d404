"""The central scheduler's server, where Luigi's falls short (document 07)."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import luigi
import pytest

PACKAGES = str(Path(luigi.__file__).resolve().parents[1])
"""Where ``luigi`` or what stands in for it is imported from."""
LUIGID = (
    f"import sys; sys.path.insert(0, {PACKAGES!r}); sys.argv[0] = 'luigid'; "
    f"from {Path(luigi.__file__).resolve().parent.name}.cmdline import luigid; luigid(sys.argv[1:])"
)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _when(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it has not happened")


def _connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _luigid(folder, *more):
    port = _free_port()
    log = folder / "log"
    with log.open("w") as stderr:
        options = ["--port", str(port), "--address", "127.0.0.1", "--state-path", str(folder / "state")]
        process = subprocess.Popen([sys.executable, "-c", LUIGID, *options, *more], stderr=stderr, cwd=folder)
    try:
        _when(lambda: _connects(port))
        yield port, log
    finally:
        process.kill()
        process.wait()


def _ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request(method, path, body and urlencode({"data": json.dumps(body)}), kind if body else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_07_10_an_error_tells_its_reason(tmp_path):
    with _luigid(tmp_path) as (port, _):
        status, page = _ask(port, "POST", "/api/is_paused?data=%5B1%5D")
    assert status == 400
    assert "has to be a JSON object" in page


def test_07_17_many_calls_in_one_request(tmp_path):
    calls = [{"call": "add_task", "arguments": {"worker": "w", "task_id": f"T{n}"}} for n in range(10)]
    with _luigid(tmp_path) as (port, _):
        status, text = _ask(port, "POST", "/api/batch", {"calls": [*calls, {"call": "is_paused"}]})
    assert status == 200
    assert json.loads(text)["response"][-1] == {"response": {"paused": False}}


def test_07_18_the_access_log_has_no_arguments_and_no_pings(tmp_path):
    query = urlencode({"data": json.dumps({"worker": "secret"})})
    with _luigid(tmp_path) as (port, log):
        assert _ask(port, "GET", f"/api/ping?{query}")[0] == 200
        assert _ask(port, "GET", f"/api/count_pending?{query}")[0] == 200
        written = _when(lambda: "count_pending" in log.read_text() and log.read_text())
    assert "secret" not in written
    assert "/api/ping" not in written


def test_07_8_a_view_of_all_tasks_holds_nobody_up(tmp_path):
    """The longest wait of pings during a view is a small part of what the view takes."""
    from threading import Event, Thread

    waits, ended = [], Event()

    def ping(port):
        while not ended.is_set():
            began = time.perf_counter()
            assert _ask(port, "POST", "/api/ping", {"worker": "w"})[0] == 200
            waits.append(time.perf_counter() - began)

    with _luigid(tmp_path) as (port, _):
        deps = [f"T_{number}" for number in range(20_000)]
        task = {"worker": "w", "task_id": "All", "family": "All", "deps": deps}
        assert _ask(port, "POST", "/api/add_task", task)[0] == 200
        pings = Thread(target=ping, args=(port,))
        pings.start()
        _when(lambda: len(waits) > 3)
        began = time.perf_counter()
        answer = _ask(port, "POST", "/api/dep_graph", {"task_id": "All"})[1]
        took = time.perf_counter() - began
        ended.set()
        pings.join()
    # not before: the parser would hold up the thread that pings
    assert len(json.loads(answer)["response"]) > 20_000
    assert max(waits) < took / 2


def test_07_9_tasks_are_listed_page_by_page(tmp_path):
    with _luigid(tmp_path) as (port, _):
        deps = [f"T_{number}" for number in range(500)]
        task = {"worker": "w", "task_id": "All", "family": "All", "deps": deps}
        assert _ask(port, "POST", "/api/add_task", task)[0] == 200
        status, answer = _ask(port, "POST", "/api/task_page", {"offset": 490, "limit": 20})
        assert status == 200
        page = json.loads(answer)["response"]
    assert (page["total"], len(page["rows"])) == (501, 11)


def test_04_17_a_pid_file_that_is_not_written_is_told_of(tmp_path):
    pidfile = tmp_path / "luigid.pid"
    with _luigid(tmp_path, "--pidfile", str(pidfile)) as (_, log):
        assert _when(lambda: f"--pidfile is for --background; {pidfile}" in log.read_text())
        assert not pidfile.exists()


# ---- in the background


def _daemon(folder, port, pidfile):
    options = ["--background", "--logdir", str(folder / "logs"), "--pidfile", str(pidfile)]
    options += ["--port", str(port), "--address", "127.0.0.1", "--state-path", str(folder / "state")]
    done = subprocess.run(
        [sys.executable, "-c", LUIGID, *options],
        cwd=folder,
        umask=0o022,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def _end(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


@contextlib.contextmanager
def _in_the_background(folder):
    pytest.importorskip("daemon")
    port, pidfile = _free_port(), folder / "run" / "luigid.pid"
    _daemon(folder, port, pidfile)
    pid = int(_when(lambda: pidfile.exists() and pidfile.read_text()))
    try:
        _when(lambda: _connects(port))
        yield pid, pidfile
    finally:
        _end(pid)


def test_07_5_what_the_daemon_writes_is_not_for_others(tmp_path):
    with _in_the_background(tmp_path):
        made = [path for path in tmp_path.rglob("*") if path.name != "__pycache__"]
        modes = {path.name: path.stat().st_mode & 0o777 for path in made}
    assert len(modes) >= 5
    assert all(mode & 0o027 == 0 for mode in modes.values()), {k: oct(v) for k, v in modes.items()}


def test_07_21_the_pid_file_goes_with_the_server(tmp_path):
    with _in_the_background(tmp_path) as (pid, pidfile):
        _end(pid)
        _when(lambda: not pidfile.exists())


def test_07_21_a_recycled_pid_does_not_keep_the_server_from_starting(tmp_path):
    pytest.importorskip("daemon")
    if not Path("/proc/self/stat").exists():
        pytest.skip("when a process began can be seen in /proc alone")
    pidfile = tmp_path / "luigid.pid"
    other = subprocess.Popen(["sleep", "60"])
    try:
        pidfile.write_text(str(other.pid))
        an_hour_ago = time.time() - 3600
        os.utime(pidfile, (an_hour_ago, an_hour_ago))
        port = _free_port()
        _daemon(tmp_path, port, pidfile)
        assert _when(lambda: _connects(port))
        _end(int(pidfile.read_text()))
    finally:
        other.kill()
        other.wait()


def test_07_21_a_start_beside_a_running_one_is_not_silent(tmp_path):
    with _in_the_background(tmp_path) as (pid, pidfile):
        assert re.search(rf"running already \(pid={pid}", _daemon(tmp_path, _free_port(), pidfile))


def test_07_22_the_health_check_notices_that_no_work_is_given_out(tmp_path):
    import asyncio
    import threading

    from luigi import scheduler, server

    class Poisoned(scheduler.Scheduler):
        def get_work(self, **arguments):
            raise RuntimeError("poisoned")

    ready, names = threading.Event(), []
    loop = asyncio.new_event_loop()

    async def listen():
        names.extend(server._init_api(Poisoned(), 0, "127.0.0.1"))
        ready.set()

    def serve():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(listen())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        assert ready.wait(15)
        port = names[0][1]
        assert _ask(port, "HEAD", "/")[0] == 204
        assert _ask(port, "POST", "/api/get_work", {"worker": "w"})[0] == 500
        assert _ask(port, "HEAD", "/")[0] == 503
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
