"""Failures collected by the scheduler and mailed together."""

from __future__ import annotations

import email
from textwrap import dedent

import luigi
import pytest
from luigi import batch_notifier
from luigi.batch_notifier import BatchNotifier, ExplQueue

from test.mail.conftest import option


class Outbox:
    """Stands for ``send_email``: keeps the mails; can fail for some recipients."""

    def __init__(self):
        self.mails = []
        self.broken = set()

    def __call__(self, subject, message, sender, recipients):
        (recipient,) = recipients
        self.mails.append((recipient, subject, message))
        return recipient not in self.broken

    def sent(self):
        mails, self.mails = self.mails, []
        return mails

    def only_body(self):
        ((_, _, message),) = self.sent()
        return message


@pytest.fixture
def outbox(monkeypatch):
    box = Outbox()
    monkeypatch.setattr(batch_notifier, "send_email", box)
    return box


def notifier(**options):
    return BatchNotifier(**options)


def text(body):
    return dedent(body).strip("\n")


def fail(batch, name, expl="error", owners=("z@x",), times=1):
    for _ in range(times):
        batch.add_failure(f"{name}(n=1)", name, {}, expl, list(owners))


def test_whole_mail(outbox):
    option("email", receiver="r@x")
    batch = notifier()
    batch.add_failure("Bad(n=1)", "Bad", {}, "Runtime error:\nTraceback\n", [])
    batch.add_failure("Bad(n=1)", "Bad", {}, "Runtime error:\nTraceback\n", [])
    batch.add_disable("Bad(n=1)", "Bad", {}, [])
    batch.add_scheduling_fail("Worse(n=1)", "Worse", {}, "no\n\nidea", [])
    batch.send_email()
    assert outbox.sent() == [
        (
            "r@x",
            "Luigi: 2 failures, 1 disable, 1 scheduling failure in the last 60 minutes",
            "- Bad() (2 failures, 1 disable)\n\n      Runtime error:\n      Traceback\n\n"
            "- Worse() (1 scheduling failure)\n\n      no\n      \n      idea",
        )
    ]


def test_owners_and_receivers_get_a_mail_each(outbox):
    option("email", receiver="r@x,q@x")
    batch = notifier(email_interval=5)
    batch.add_failure("A(n=1)", "A", {}, "e", ["o@x", "r@x", "o@x"])
    batch.add_failure("B(n=1)", "B", {}, "e", [])
    batch.send_email()
    assert [mail[:2] for mail in outbox.sent()] == [
        ("r@x", "Luigi: 2 failures in the last 5 minutes"),
        ("q@x", "Luigi: 2 failures in the last 5 minutes"),
        ("o@x", "Luigi: Your tasks have 1 failure in the last 5 minutes"),
    ]
    batch.send_email()
    assert not outbox.sent()


def test_blanks_around_addresses_do_not_make_two_people_of_one(outbox):
    option("email", receiver="a@x, b@x")
    batch = notifier()
    batch.add_failure("A(n=1)", "A", {}, "e", ["b@x", " b@x"])
    batch.send_email()
    assert [mail[:2] for mail in outbox.sent()] == [
        ("a@x", "Luigi: 1 failure in the last 60 minutes"),
        ("b@x", "Luigi: 1 failure in the last 60 minutes"),
    ]


@pytest.mark.parametrize(
    ("mode", "groups"),
    [
        ("unbatched_params", "- Bad(a=1, b=x) (2 failures)\n  Bad(a=2, b=x) (1 failure)"),
        ("family", "- Bad (3 failures)"),
        ("all", "- Bad(k=1) (1 failure)\n  Bad(k=2) (1 failure)\n  Bad(k=3) (1 failure)"),
    ],
)
def test_modes(outbox, mode, groups):
    batch = notifier(batch_mode=mode)
    for key, a in ((1, 1), (2, 1), (3, 2)):
        batch.add_failure(f"Bad(k={key})", "Bad", {"a": a, "b": "x"}, "e", ["z@x"])
    batch.send_email()
    assert outbox.only_body() == f"{groups}\n\n      e"


def test_order_of_groups(outbox):
    batch = notifier(error_messages=0)
    for name, failures, disables, scheduling_failures in (
        ("A", 1, 0, 0),
        ("B", 2, 0, 0),
        ("C", 1, 1, 0),
        ("D", 0, 3, 0),
        ("E", 1, 0, 1),
        ("F", 0, 0, 1),
        ("AA", 1, 0, 0),
    ):
        fail(batch, name, times=failures)
        for _ in range(disables):
            batch.add_disable(name, name, {}, ["z@x"])
        for _ in range(scheduling_failures):
            batch.add_scheduling_fail(name, name, {}, "error", ["z@x"])
    batch.send_email()
    assert outbox.only_body() == text(
        """
        - B() (2 failures)
          E() (1 failure, 1 scheduling failure)
          C() (1 failure, 1 disable)
          A() (1 failure)
          AA() (1 failure)
          F() (1 scheduling failure)
          D() (3 disables)
        """
    )


def test_groups_with_the_same_message_stand_together(outbox):
    batch = notifier()
    fail(batch, "A", "e1")
    fail(batch, "B", "e2", times=2)
    fail(batch, "C", "e1 \n")
    batch.add_disable("C", "C", {}, ["z@x"])
    fail(batch, "E", "e3")
    batch.add_scheduling_fail("E", "E", {}, "e3", ["z@x"])
    batch.send_email()
    assert outbox.only_body() == text(
        """
        - C() (1 failure, 1 disable)
          A() (1 failure)

              e1

        - B() (2 failures)

              e2

        - E() (1 failure, 1 scheduling failure)

              e3
        """
    )


def test_not_grouped_by_messages(outbox):
    batch = notifier(group_by_error_messages=False)
    fail(batch, "A", "e1")
    fail(batch, "B", "e1")
    batch.send_email()
    assert outbox.only_body() == "- A() (1 failure)\n\n      e1\n\n- B() (1 failure)\n\n      e1"


@pytest.mark.parametrize(("lines", "shown"), [(0, "1\n2\n3"), (1, "3"), (2, "2\n3"), (20, "1\n2\n3")])
def test_last_lines_of_a_message(outbox, lines, shown):
    batch = notifier(error_lines=lines)
    fail(batch, "A", "1\n2\n3\n\n")
    batch.send_email()
    assert outbox.only_body() == "- A() (1 failure)\n\n" + "\n".join(
        f"      {line}" for line in shown.split()
    )


def test_latest_messages_that_differ(outbox):
    batch = notifier(error_messages=2)
    for message in ("1", "2", "3", "2", "1"):
        fail(batch, "A", message)
    batch.send_email()
    assert outbox.only_body() == "- A() (5 failures)\n\n      2\n\n      1"


@pytest.mark.parametrize("message", [None, "", "\n"])
def test_failure_without_message_and_owners(outbox, message):
    option("email", receiver="r@x")
    batch = notifier()
    batch.add_failure("A", "A", {}, message, None)
    batch.send_email()
    assert outbox.only_body() == "- A() (1 failure)"


def test_html_escapes_what_tasks_bring(outbox):
    option("email", format="html")
    batch = notifier()
    batch.add_failure("A", "A", {"p": "<script>"}, "<b>\n&", ["z@x"])
    batch.add_failure("B", "B", {}, "<b>\n&", ["z@x"])
    batch.send_email()
    assert outbox.only_body() == text(
        """
        <ul>
        <li>A(p=&lt;script&gt;) (1 failure)
        <br>B() (1 failure)
        <pre>&lt;b&gt;
        &amp;</pre>
        </ul>
        """
    )


def test_sent_when_the_interval_is_over(outbox, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(BatchNotifier, "_clock", staticmethod(lambda: now[0]))
    batch = notifier(email_interval=2)
    fail(batch, "A")
    now[0] += 119
    batch.update()
    assert not outbox.sent()
    now[0] += 1
    batch.update()
    assert len(outbox.sent()) == 1
    fail(batch, "A")
    now[0] += 119
    batch.update()
    assert not outbox.sent()
    now[0] += 1000
    batch.update()
    assert len(outbox.sent()) == 1


def test_what_could_not_be_sent_is_kept_for_that_recipient(outbox):
    batch = notifier()
    fail(batch, "A", owners=["a@x", "b@x"])
    outbox.broken = {"b@x"}
    batch.send_email()
    assert [mail[0] for mail in outbox.sent()] == ["a@x", "b@x"]
    outbox.broken = set()
    fail(batch, "A", owners=["a@x", "b@x"])
    batch.send_email()
    assert [mail[:2] for mail in outbox.sent()] == [
        ("b@x", "Luigi: Your tasks have 2 failures in the last 60 minutes"),
        ("a@x", "Luigi: Your tasks have 1 failure in the last 60 minutes"),
    ]


def test_by_a_real_server_and_back(mailbox, closed_port):
    port = luigi.configuration.get_config().get("smtp", "port")
    batch = notifier()
    fail(batch, "A")
    option("smtp", port=closed_port)
    batch.send_email()
    option("smtp", port=port)
    batch.send_email()
    batch.send_email()
    (envelope,) = mailbox.envelopes
    assert envelope.rcpt_tos == ["z@x"]
    mail = email.message_from_bytes(envelope.content)
    assert mail["Subject"] == "Luigi: Your tasks have 1 failure in the last 60 minutes"


def test_options():
    defaults = batch_notifier.batch_email()
    assert (defaults.email_interval, defaults.batch_mode, defaults.error_lines) == (
        60,
        "unbatched_params",
        20,
    )
    assert (defaults.error_messages, defaults.group_by_error_messages) == (1, True)
    with pytest.raises(luigi.parameter.UnknownParameterException):
        notifier(nonsense=1)
    option("batch-notifier", **{"email-interval-minutes": 7})
    with pytest.warns(DeprecationWarning, match="email-interval-minutes"):
        assert batch_notifier.batch_email().email_interval == 7


def test_queue_of_messages():
    queue = ExplQueue(2)
    for item in (1, 2, 1, 3):
        queue.enqueue(item)
    assert list(queue) == [1, 3]
    assert all(hasattr(seen, "isoformat") for seen in queue.values())
