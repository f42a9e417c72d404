"""Mails that real runs send."""

from __future__ import annotations

import socket

import luigi
import pytest

from test.mail.conftest import option, text_of


class Bad(luigi.Task):
    n = luigi.IntParameter()
    owner_email = "owner@x"

    def run(self):
        raise ValueError("on purpose")

    def complete(self):
        return False


class CannotSay(Bad):
    def complete(self):
        raise ValueError("no idea")


class NeedsWhat(Bad):
    def requires(self):
        raise ValueError("who knows")


def build(*tasks, **options):
    return luigi.build(list(tasks), local_scheduler=True, log_level="CRITICAL", **options)


@pytest.mark.parametrize(
    ("task", "subject", "headline"),
    [
        (
            lambda: Bad(1),
            "Luigi: Bad(n=1) FAILED. Host: {host}",
            "A task failed when running. Most likely run() raised an exception.",
        ),
        (
            lambda: CannotSay(1),
            "Luigi: CannotSay(n=1) failed scheduling. Host: {host}",
            "Will not run CannotSay(n=1) or any dependencies due to error in complete() method",
        ),
        (
            lambda: NeedsWhat(1),
            "Luigi: NeedsWhat(n=1) failed scheduling. Host: {host}",
            "Will not run NeedsWhat(n=1) or any dependencies due to error in deps() method",
        ),
    ],
)
def test_failures_are_mailed_to_receiver_and_owner(mailbox, task, subject, headline):
    option("email", receiver="r@x")
    assert not build(task())
    (envelope,) = mailbox.envelopes
    assert envelope.rcpt_tos == ["r@x", "owner@x"]
    mail = mailbox.only()
    assert " ".join(mail["Subject"].split()) == subject.format(host=socket.gethostname())
    text = text_of(mail)
    assert text.startswith(
        f"{headline}\n\nName: {type(task()).__name__}\n\nParameters:\n  n: 1\n\nCommand line:\n  "
    )
    assert "ValueError: " in text


def test_switched_off(mailbox):
    option("worker", send_failure_email="false")
    assert not build(Bad(1))
    assert not mailbox.envelopes


def test_the_scheduler_tells_of_a_disabled_task(mailbox):
    option("email", receiver="r@x")
    option("worker", send_failure_email="false")
    option("scheduler", retry_count="1")
    assert not build(Bad(1))
    (envelope,) = mailbox.envelopes
    assert envelope.rcpt_tos == ["r@x"]
    mail = mailbox.only()
    subject = " ".join(mail["Subject"].split())
    assert subject == f"Luigi Scheduler: DISABLED {Bad(1).task_id} due to excessive failures"
    assert text_of(mail).startswith(f"{Bad(1).task_id} failed 1 times in the last 3600 seconds")


def test_a_mail_server_that_is_down_ends_no_run(closed_port):
    option("email", force_send="true", receiver="r@x")
    option("smtp", host="127.0.0.1", port=closed_port)
    ran = []

    class Good(luigi.Task):
        def complete(self):
            return bool(ran)

        def run(self):
            ran.append(1)

    assert not build(Bad(1), Good())
    assert ran
