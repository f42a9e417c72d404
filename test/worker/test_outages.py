"""Workers whose scheduler goes away, loses its state or forgets them, with real processes."""

from __future__ import annotations

import os
import signal
import time

import pytest

from test.differential.conftest import stock_venv
from test.differential.engines import THIS, stock
from test.wire.sites import Site, wait_until

__all__ = ["stock_venv"]

SECTIONS = {"core": {"rpc_connect_timeout": 1, "rpc_retry_wait": 1, "rpc_retry_attempts": 2}}


class Outage(Site):
    """A site whose server can be taken away."""

    def kill(self):
        """End the server in the middle of whatever it does."""
        self._luigid.kill()
        self._luigid.wait()

    def begin_again(self, lose_state=False):
        """Start the server, on the same port, with or without what it knew."""
        if lose_state:
            for path in self.folder.glob("state*"):
                path.unlink()
        self._luigid = self._start_server()
        assert self._is_up(), self.server_log

    def freeze(self):
        os.kill(self._luigid.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self._luigid.pid, signal.SIGCONT)

    def until_begun(self, count):
        wait_until(lambda: len(list(self.files.glob("begun-*"))) >= count, f"{count} running tasks")

    def until_missed(self, run, times=1):
        """Wait until the worker has noticed that the server is away."""
        wait_until(lambda: run.log.count("Failed connecting") >= times, f"notice in\n{run.log}")

    def release(self):
        (self.files / "go").touch()


@pytest.fixture
def site(tmp_path):
    with Outage(tmp_path, THIS, THIS, SECTIONS) as running:
        yield running


def ended_well(site, run, width):
    """The worker succeeded, and each task ran once."""
    assert run.finish() == 0, run.log
    assert f"* {width + 1} ran successfully" in run.log
    assert sorted(site.order()) == [f"Slow-{n}" for n in range(width)]


@pytest.mark.parametrize("lose_state", [False, True])
def test_the_server_is_killed_and_begins_again(site, lose_state):
    run = site.start("w", "Slows", "--width", "4", "--workers", "2")
    site.until_begun(2)
    site.kill()
    site.until_missed(run, 3)
    site.begin_again(lose_state)
    site.release()
    ended_well(site, run, 4)
    assert site.statuses()["DONE"][-1].startswith("Slow")
    assert ("registering its tasks again" in run.log) == lose_state


def test_results_are_delivered_to_a_server_that_comes_back(site):
    run = site.start("w", "Slows", "--width", "3", "--workers", "2")
    site.until_begun(2)
    site.kill()
    site.release()
    # more attempts fail than Luigi's rule allows; the tasks end meanwhile
    site.until_missed(run, 5)
    site.begin_again()
    ended_well(site, run, 3)


def test_the_server_does_not_answer_for_a_while(site):
    run = site.start("w", "Slows", "--width", "3", "--workers", "2")
    site.until_begun(2)
    site.freeze()
    try:
        site.release()
        site.until_missed(run, 4)
    finally:
        site.thaw()
    ended_well(site, run, 3)


def test_one_slot_and_a_server_that_is_killed_between_two_tasks(site):
    run = site.start("w", "Slows", "--width", "2")
    site.until_begun(1)
    site.kill()
    site.release()
    site.until_missed(run, 3)
    site.begin_again()
    ended_well(site, run, 2)


def test_a_task_that_tells_of_itself_is_not_harmed_by_an_outage(site):
    run = site.start("w", "Talker", "--workers", "2")
    wait_until((site.files / "talked").exists, "word from the task")
    site.kill()
    (site.files / "go").touch()
    site.until_missed(run, 3)
    site.begin_again()
    assert run.finish() == 0, run.log


def test_a_worker_that_was_stopped_and_forgotten_registers_again(tmp_path):
    sections = {**SECTIONS, "scheduler": {"worker_disconnect_delay": 0.5}}
    with Outage(tmp_path, THIS, THIS, sections) as site:
        run = site.start("w", "Slows", "--width", "4", "--workers", "2")
        site.until_begun(2)
        os.kill(run.process.pid, signal.SIGSTOP)
        wait_until(lambda: not site.call("worker_list"), "end of the worker's record")
        os.kill(run.process.pid, signal.SIGCONT)
        wait_until(lambda: "registering its tasks again" in run.log, "registration")
        site.release()
        ended_well(site, run, 4)


def test_a_task_that_was_given_to_another_worker_meanwhile_is_not_reported_twice(tmp_path):
    sections = {**SECTIONS, "scheduler": {"worker_disconnect_delay": 0.5, "retry_delay": 0}}
    with Outage(tmp_path, THIS, THIS, sections) as site:
        run = site.start("w", "Slows", "--width", "2", "--workers", "2")
        site.until_begun(2)
        os.kill(run.process.pid, signal.SIGSTOP)
        wait_until(lambda: not site.call("worker_list"), "end of the worker's record")
        other = site.start("v", "Slows", "--width", "2", "--workers", "2")
        wait_until(lambda: len(site.order()) == 4, "second attempts")
        os.kill(run.process.pid, signal.SIGCONT)
        wait_until(lambda: "registering its tasks again" in run.log, "registration")
        site.release()
        assert other.finish() == 0, other.log
        assert run.finish() in (0, 10, 25), run.log
        assert list(site.statuses()) == ["DONE"]


@pytest.mark.parametrize("how", ["killed", "forgotten"])
def test_a_server_of_luigis_that_lost_its_state(stock_venv, tmp_path, how):
    luigi = stock(stock_venv)
    delay = 60 if how == "killed" else 0.5
    sections = {**SECTIONS, "scheduler": {"worker_disconnect_delay": delay}}
    with Outage(tmp_path, THIS, luigi, sections) as site:
        run = site.start("w", "Slows", "--width", "4", "--workers", "2")
        site.until_begun(2)
        if how == "killed":
            site.kill()
            site.until_missed(run)
            site.begin_again(lose_state=True)
        else:
            os.kill(run.process.pid, signal.SIGSTOP)
            silent_until = time.monotonic() + 3.5
            wait_until(lambda: not site.call("worker_list"), "end of the worker's record")
            wait_until(lambda: time.monotonic() > silent_until, "end of the silence")
            os.kill(run.process.pid, signal.SIGCONT)
        # with all slots taken nothing shows the loss; the first task that ends does
        site.release()
        ended_well(site, run, 4)
        assert run.log.count("registering its tasks again") == 1


def test_a_batch_that_runs_while_the_server_loses_its_state(site):
    run = site.start("w", "SlowBatches", "--workers", "2")
    wait_until((site.files / "batch-begun").exists, "running batch")
    site.kill()
    site.until_missed(run)
    site.begin_again(lose_state=True)
    wait_until(lambda: "registering its tasks again" in run.log, "registration")
    site.release()
    assert run.finish() == 0, run.log
    assert site.order() == ["SlowBatch-2"]
    assert "FAILED" not in site.statuses()


def test_a_scheduler_that_was_never_there_ends_the_run_as_in_luigi(site):
    site.kill()
    run = site.start("w", "Leaf", "--n", "1")
    assert run.finish() == 30 + 10  # unhandled_exception
    assert "Errors (2 attempts) when connecting to remote scheduler" in run.log
