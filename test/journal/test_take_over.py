"""A second luigid stands by and takes over: real processes, PostgreSQL, workers that go on."""

from __future__ import annotations

import signal
import socket
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest

from luigi_clone._journal.postgres import PostgresJournal
from test.differential.engines import THIS
from test.server.serving import free_port, luigid
from test.wire.sites import Site, wait_until

SECTIONS = {"core": {"rpc_connect_timeout": 1, "rpc_retry_wait": 1, "rpc_retry_attempts": 2}}


class Pair(Site):
    """A site with a luigid that serves and, at the same address, one that stands by."""

    def __init__(self, folder, url):
        super().__init__(folder, THIS, THIS, SECTIONS)
        self._state = url
        self.second = None

    def _start_server(self):
        return self._start_luigid("luigid.log")

    def _start_luigid(self, log):
        where = ["--port", str(self.port), "--address", "127.0.0.1", "--state-path", self._state]
        command = [THIS.python[0], "-c", "from luigi_clone.cmdline import luigid; luigid()", *where]
        return self._start(THIS, command, self.folder / log)

    def stand_by(self):
        self.second = self._start_luigid("second.log")
        wait_until(lambda: "standing by" in self.second_log, "second luigid that stands by")

    @property
    def second_log(self):
        return (self.folder / "second.log").read_text(encoding="utf-8")

    def take_over_from(self, number):
        """End the first one by a signal; return after how many seconds the second one serves."""
        self._luigid.send_signal(number)
        began = time.monotonic()
        self._luigid.wait()
        wait_until(lambda: health(self.port) == 204, "answer of the second luigid")
        return time.monotonic() - began

    def __exit__(self, *exc_info):
        if self.second is not None:
            self.second.kill()
            self.second.wait()
        super().__exit__(*exc_info)


def health(port):
    """Return what a load balancer sees: the status of ``HEAD /``, None where nobody listens."""
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", method="HEAD")
        return urllib.request.urlopen(request, timeout=2).status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize(("number", "limit"), [(signal.SIGKILL, 10), (signal.SIGTERM, 5)])
def test_workers_go_on_with_the_second_one(database, tmp_path, number, limit):
    with Pair(tmp_path, database.new_schema()) as pair:
        pair.stand_by()
        run = pair.start("w", "Slows", "--width", "6", "--workers", "2")
        wait_until(lambda: len(list(pair.files.glob("begun-*"))) >= 2, "two running tasks")
        assert pair.take_over_from(number) < limit
        assert len(pair.tasks("RUNNING")) == 2
        (pair.files / "go").touch()
        assert run.finish() == 0, run.log
        assert "* 7 ran successfully" in run.log
        assert sorted(pair.order()) == [f"Slow-{n}" for n in range(6)]
        assert len(pair.tasks("DONE")) == 7


@pytest.mark.slow
def test_one_that_was_taken_for_dead_ends_when_it_wakes_up(database):
    url, ports = database.new_schema(), (free_port(), free_port())
    with ExitStack() as stack:
        first, second = (stack.enter_context(luigid(port, "--state-path", url)) for port in ports)
        stack.callback(second.kill)
        stack.callback(first.kill)
        wait_until(lambda: any(health(port) == 204 for port in ports), "luigid that serves")
        if health(ports[0]) is None:
            first, second, ports = second, first, ports[::-1]
        assert health(ports[1]) is None
        first.send_signal(signal.SIGSTOP)
        wait_until(lambda: health(ports[1]) == 204, "one that takes over")
        first.send_signal(signal.SIGCONT)
        said = first.communicate(timeout=60)[1]
        assert first.returncode == 1, said
        assert "another process has taken the journal" in said
        assert health(ports[1]) == 204
        second.terminate()
        said = second.communicate(timeout=60)[1]
        assert second.returncode == 0, said


def test_one_that_cannot_listen_keeps_nobody_from_taking_over(database):
    url = database.new_schema()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with luigid(taken.getsockname()[1], "--state-path", url) as process:
            assert "Address already in use" in process.communicate(timeout=60)[1]
        assert process.returncode == 1
    with PostgresJournal(url, patience=0) as journal:
        assert list(journal.open()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_stands_by_ends_by_a_signal(database, tmp_path, number):
    with Pair(tmp_path, database.new_schema()) as pair:
        pair.stand_by()
        pair.second.send_signal(number)
        assert pair.second.wait(60) == 0
        assert "Scheduler ended before it was to serve" in pair.second_log
        assert health(pair.port) == 204
