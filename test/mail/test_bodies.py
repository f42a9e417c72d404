"""The text of mails about failed tasks."""

from __future__ import annotations

import sys

import luigi
import pytest
from luigi import notifications
from luigi.parameter import ParameterVisibility

from test.mail.conftest import option, text_of


class Job(luigi.Task):
    p = luigi.Parameter()
    longer_name = luigi.IntParameter(default=3)
    minor = luigi.Parameter(default="<i>", significant=False)
    secret = luigi.Parameter(default="hunter2", visibility=ParameterVisibility.PRIVATE)


class Nothing(luigi.Task):
    pass


def test_plain():
    assert notifications.format_task_error("It failed", Job("v"), "luigi Job", "Trace\n  back") == (
        "It failed\n\n"
        "Name: Job\n\n"
        "Parameters:\n"
        "  p          : v\n"
        "  longer_name: 3\n"
        "  minor      : <i>\n\n"
        "Command line:\n"
        "  luigi Job\n\n"
        "Trace\n  back\n"
    )


@pytest.mark.parametrize("traceback", [None, ""])
def test_plain_without_parameters_and_traceback(traceback):
    assert notifications.format_task_error("It failed", Nothing(), "cmd", traceback) == (
        "It failed\n\nName: Nothing\n\nParameters:\n\n\nCommand line:\n  cmd\n\n\n"
    )


def test_html_escapes_values():
    option("email", format="html")
    text = notifications.format_task_error("A & B", Job("a<b"), "cmd <x>", "ValueError: <b>")
    assert "<h2>A &amp; B</h2>" in text
    assert "<tr><th>name</th><td>Job</td></tr>" in text
    assert "<tr><th>p</th><td>a&lt;b</td></tr>" in text
    assert "<tr><th>minor</th><td>&lt;i&gt;</td></tr>" in text
    assert "<pre>\ncmd &lt;x&gt;\n</pre>" in text
    assert "&lt;b&gt;" in text.split("<h2>Traceback</h2>")[1]
    assert "hunter2" not in text
    for tag in ("pre", "table", "body", "html"):
        assert text.count(f"<{tag}") == text.count(f"</{tag}>")


@pytest.mark.parametrize(
    ("email_format", "start"), [("plain", "0123456789..."), ("html", "<pre>0123456789...")]
)
def test_long_traceback_is_cut(monkeypatch, email_format, start):
    monkeypatch.setitem(sys.modules, "pygments", None)
    option("email", format=email_format, traceback_max_length=10)
    text = notifications.format_task_error("It failed", Nothing(), "cmd", "0123456789x")
    assert f"{start}Traceback exceeds max length and has been truncated." in text
    assert "0123456789\n" in notifications.format_task_error("It failed", Nothing(), "cmd", "0123456789") or (
        email_format == "html"
    )


def test_wrap_traceback(monkeypatch):
    assert notifications.wrap_traceback("<x>") == "<x>"
    option("email", format="html")
    monkeypatch.setitem(sys.modules, "pygments", None)
    assert notifications.wrap_traceback("<x>") == "<pre>&lt;x&gt;</pre>"


def test_wrap_traceback_highlights():
    pytest.importorskip("pygments")
    option("email", format="html")
    text = notifications.wrap_traceback(
        'Traceback (most recent call last):\n  File "x", line 3\nValueError: <b>'
    )
    assert text.startswith('<div class="highlight"')
    assert "ValueError</span>" in text
    assert "&lt;b&gt;" in text


@pytest.mark.parametrize(("raise_in_complete", "complete"), [(False, False), (True, ValueError)])
def test_task_to_try_out_a_setup(raise_in_complete, complete):
    task = notifications.TestNotificationsTask(raise_in_complete=raise_in_complete)
    if complete is ValueError:
        with pytest.raises(ValueError, match="Testing notifications triggering"):
            task.complete()
    else:
        assert task.complete() is False
    with pytest.raises(ValueError, match="Testing notifications triggering"):
        task.run()


HOSTILE = [
    "<script>alert(1)</script>",
    "</pre></td><img src=x onerror=y>",
    "a\n\nCommand line:\n  rm -rf /",
    "\r\n.\r\nMAIL FROM:<evil@x>",
    "\udcff\x00 {} %s \u2028",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("email_format", ["plain", "html"])
def test_hostile_values_arrive_as_values(mailbox, email_format, value):
    option("email", format=email_format)
    body = notifications.format_task_error(value, Job(value), value, f"ValueError: {value}")
    assert notifications.send_email(value, body, "from@x", ["a@x"]) is True
    (envelope,) = mailbox.envelopes
    assert envelope.rcpt_tos == ["a@x"]
    text = text_of(mailbox.only())
    if email_format == "html":
        for tag in ("<script", "<img"):
            assert tag not in text
        assert [text.count(tag) for tag in ("<td>", "</td>", "<tr>", "</tr>")] == [4, 4, 4, 4]
    else:
        parameters = text.split("Parameters:\n", 1)[1].split("\n\nCommand line:\n", 1)[0]
        assert parameters.endswith("\n  longer_name: 3\n  minor      : <i>")
        assert all(line.startswith("  ") for line in parameters.splitlines())
