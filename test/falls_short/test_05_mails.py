"""A mail server that does not answer, where Luigi's run waits for it (documents 05 and 07)."""

from __future__ import annotations

import socket
import time

import luigi
import pytest
from luigi import notifications
from luigi.scheduler import Scheduler

TIMEOUT = 1.5


def option(section: str, **options: object) -> None:
    for name, value in options.items():
        luigi.configuration.get_config().set(section, name, str(value))


@pytest.fixture
def silent_server():
    """Takes connections and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    option("smtp", host="127.0.0.1", port=listener.getsockname()[1], timeout=TIMEOUT)
    option("email", force_send="true", format="plain", method="smtp", receiver="r@x")
    yield
    option("email", receiver="")
    listener.close()


class Fails(luigi.Task):
    priority = 10

    def complete(self):
        return False

    def run(self):
        raise ValueError("on purpose")


class CannotSay(luigi.Task):
    def complete(self):
        raise ValueError("no idea")


class Notes(luigi.Task):
    folder = luigi.Parameter()
    n = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.n}")

    def run(self):
        with self.output().open("w") as out:
            out.write(str(time.time()))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("first", [Fails, CannotSay])
@pytest.mark.parametrize("workers", [1, 2])
def test_05_20_silent_mail_server_holds_up_no_task(silent_server, tmp_path, first, workers):
    tasks = [first(), *(Notes(folder=str(tmp_path), n=n) for n in range(4))]
    started = time.time()
    assert not luigi.build(tasks, local_scheduler=True, log_level="CRITICAL", workers=workers)
    assert max(float((tmp_path / str(n)).read_text()) for n in range(4)) - started < TIMEOUT - 0.2
    assert time.time() - started < 3 * TIMEOUT + 2


@pytest.mark.timeout(30)
@pytest.mark.parametrize("batch", [False, True])
def test_07_23_mail_does_not_hold_up_the_scheduler(silent_server, batch):
    scheduler = Scheduler(retry_count=1, batch_emails=batch)
    scheduler.add_task(task_id="A_1", worker="w", family="A", params={}, owners=[])
    scheduler.get_work(worker="w", host="h")
    started = time.monotonic()
    scheduler.add_task(task_id="A_1", worker="w", status="FAILED", expl='"no"', owners=[])
    if batch:
        scheduler._email_batcher._next_send = 0
    scheduler.prune()
    assert time.monotonic() - started < TIMEOUT - 0.2


def test_05_20_error_of_a_client_library_ends_no_run(monkeypatch):
    def fail(*_args):
        raise KeyError("region")

    monkeypatch.setattr(notifications, "send_email_ses", fail)
    option("email", force_send="true", method="ses", format="plain", receiver="r@x")
    try:
        assert not luigi.build([Fails()], local_scheduler=True, log_level="CRITICAL")
    finally:
        option("email", method="smtp", receiver="")
