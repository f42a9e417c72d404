"""Mails are sent beside the work: in order, with an end to the waiting, once per process."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import luigi
import pytest
from luigi import notifications
from luigi.scheduler import Scheduler

from luigi_clone._postman import POSTMAN, Postman
from test.mail.conftest import option, text_of

ROOT = Path(__file__).parents[2]
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def postman():
    own = Postman()
    yield own
    own.finish()


def test_order_is_kept_and_the_thread_ends_with_the_mails(postman):
    sent = []
    for n in range(50):
        assert postman.post(str(n), lambda n=n: sent.append((n, threading.current_thread().name)))
    postman.finish()
    assert sent == [(n, "luigi-mail") for n in range(50)]
    assert "luigi-mail" not in [thread.name for thread in threading.enumerate()]
    assert postman.post("again", lambda: sent.append("again"))
    postman.finish()
    assert sent[-1] == "again"


def test_error_of_one_mail_is_logged_and_the_next_is_sent(postman, caplog):
    sent = []

    def fail():
        raise KeyError("region")

    postman.post("first", fail)
    postman.post("second", lambda: sent.append(2))
    postman.finish()
    assert sent == [2]
    assert caplog.messages == ["Could not send the e-mail 'first'"]


@pytest.fixture
def stuck():
    """What holds up whoever calls it, until the end of the test."""
    end = threading.Event()
    yield lambda: end.wait(30)
    end.set()


def test_too_many_mails_are_refused_with_a_word(stuck, caplog):
    option("smtp", timeout="0.1")
    postman = Postman(limit=2)
    entered = threading.Event()
    postman.post("stuck", lambda: (entered.set(), stuck()))
    assert entered.wait(10)
    assert [postman.post(name, stuck) for name in "abc"] == [True, True, False]
    assert caplog.messages == ["The e-mail 'c' is not sent, as 2 others wait already"]
    postman.finish()


def test_waiting_ends_when_no_mail_leaves(stuck, caplog):
    option("smtp", timeout="0.2")
    postman = Postman()
    sent = []
    postman.post("quick", lambda: sent.append(1))
    postman.post("stuck", stuck)
    for n in range(6):
        postman.post(str(n), lambda: sent.append(2))
    started = time.monotonic()
    postman.finish()
    assert 0.15 < time.monotonic() - started < 5
    assert sent == [1]
    assert caplog.messages == [
        "Giving up on 7 e-mail(s), as the mail service is too slow; not known to be sent: "
        "'stuck', '0', '1', '2', '3', ..."
    ]
    # what comes later is sent by a thread that is not stuck
    postman.post("later", lambda: sent.append(3))
    postman.finish()
    assert sent == [1, 3]


def test_many_quick_mails_may_take_longer_than_the_timeout(postman):
    option("smtp", timeout="0.3")
    sent = []
    for n in range(20):
        postman.post(str(n), lambda n=n: (threading.Event().wait(0.03), sent.append(n)))
    postman.finish()
    assert sent == list(range(20))


def test_a_slow_service_is_given_one_moment_only(stuck):
    option("smtp", timeout="0.1")
    postman = Postman()
    postman.post("stuck", stuck)
    postman.give_a_moment()
    started = time.monotonic()
    for _ in range(100):
        postman.give_a_moment()
    assert time.monotonic() - started < 0.15
    postman.finish()


def test_finish_from_the_sending_thread_returns(postman):
    done = []
    postman.post("nested", lambda: (postman.finish(), done.append(1)))
    postman.finish()
    assert done == [1]


def _in_child(postman, path):
    postman.finish()  # the mail of the parent is not the child's to wait for
    postman.post("child", lambda: (threading.Event().wait(0.2), Path(path).write_text(str(os.getpid()))))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_child_sends_its_own_mails_before_it_ends(stuck, tmp_path):
    option("smtp", timeout="0.5")
    postman = Postman()
    postman.post("parent", stuck)
    child = FORK.Process(target=_in_child, args=(postman, tmp_path / "sent"))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert (tmp_path / "sent").read_text() == str(child.pid)
    postman.finish()


def test_the_process_waits_for_its_mails_at_its_end(tmp_path):
    script = (
        "import threading, pathlib, sys\n"
        "from luigi_clone._postman import POSTMAN\n"
        "POSTMAN.post('s', lambda: (threading.Event().wait(0.3), pathlib.Path(sys.argv[1]).touch()))\n"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "sent"], check=True, cwd=ROOT, timeout=30)
    assert (tmp_path / "sent").exists()


class Bad(luigi.Task):
    n = luigi.IntParameter(default=0)
    priority = 10

    def complete(self):
        return False

    def run(self):
        raise ValueError("on purpose")


class CannotSay(luigi.Task):
    n = luigi.IntParameter(default=0)

    def complete(self):
        raise ValueError("no idea")


def build(*tasks, **options):
    return luigi.build(list(tasks), local_scheduler=True, log_level="CRITICAL", **options)


def run(task):
    """Run without setting up the log, so that what it says can be looked at."""
    with luigi.worker.Worker() as worker:
        worker.add(task)
        return worker.run()


def test_mails_of_a_run_arrive_in_order(mailbox):
    option("email", receiver="r@x")
    option("scheduler", retry_count="1")
    assert not build(CannotSay(), Bad(1))
    subjects = [" ".join(mail["Subject"].split()) for mail in mailbox.mails()]
    assert [subject.split(". Host")[0] for subject in subjects] == [
        "Luigi: CannotSay(n=0) failed scheduling",
        "Luigi: Bad(n=1) FAILED",
        f"Luigi Scheduler: DISABLED {Bad(1).task_id} due to excessive failures",
    ]


def test_replaced_function_is_called_before_add_and_build_return(monkeypatch):
    calls = []
    monkeypatch.setattr(notifications, "send_error_email", lambda *args: calls.append(args[0]))
    with luigi.worker.Worker() as worker:
        assert not worker.add(CannotSay())
        assert len(calls) == 1
    assert not build(Bad())
    assert len(calls) == 2


def test_mail_that_nobody_gets_starts_no_thread(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    started = []
    monkeypatch.setattr(POSTMAN, "_start", lambda: started.append(1))
    option("email", receiver="r@x", format="none")
    assert not run(Bad())
    assert not started
    assert "Not sending email to ['r@x'] because email format is 'none'" in caplog.messages


def test_mail_that_cannot_be_written_ends_no_run(monkeypatch, caplog):
    def fail(*_args):
        raise KeyError("no text")

    monkeypatch.setattr(notifications, "format_task_error", fail)
    assert not run(Bad())
    assert f"Could not write the e-mail about {Bad().task_id}" in caplog.messages


def test_collected_failures_of_a_scheduler(mailbox):
    option("email", receiver="r@x")
    scheduler = Scheduler(batch_emails=True, retry_count=1)
    # what is due is sent by the thread, so that no worker waits for it
    scheduler._email_batcher._config.email_interval = 0
    scheduler._email_batcher._next_send = 0
    scheduler.add_task(task_id="A_1", worker="w", family="A", params={"p": "<&>\n- B (9 failures)"})
    scheduler.add_task(task_id="A_1", worker="w", status="FAILED", expl='"<script>"', owners=[])
    scheduler.prune()
    scheduler.dump()
    text = text_of(mailbox.only())
    assert text.startswith("- A(p=<&>\n      - B (9 failures)) (1 failure, 1 disable)")
    assert "      <script>" in text


def test_collected_failures_are_kept_when_the_thread_could_not_send_them(mailbox, closed_port):
    port = luigi.configuration.get_config().get("smtp", "port")
    option("email", receiver="r@x")
    option("smtp", port=closed_port)
    scheduler = Scheduler(batch_emails=True, retry_count=1)
    scheduler.add_task(task_id="A_1", worker="w", family="A")
    scheduler.add_task(task_id="A_1", worker="w", status="FAILED", expl='"first"', owners=[])
    scheduler.dump()
    assert not mailbox.envelopes
    option("smtp", port=port)
    scheduler.dump()
    assert "first" in text_of(mailbox.only())
