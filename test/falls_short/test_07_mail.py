"""Mails about failures, where Luigi's fall short (document 07)."""

from __future__ import annotations

import email
import socket
import threading

import luigi
import pytest
from luigi import batch_notifier, notifications


def option(section: str, **options: object) -> None:
    for name, value in options.items():
        luigi.configuration.get_config().set(section, name, str(value))


class MailServer:
    """The least an SMTP client needs; notes the commands and keeps the mails."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.mails: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        option("smtp", host="127.0.0.1", port=self._listener.getsockname()[1])
        option("email", force_send="true", format="plain", receiver="")

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                self._talk(stream)

    def _talk(self, stream) -> None:
        def say(text: str) -> None:
            stream.write(f"{text}\r\n".encode())
            stream.flush()

        say("220 here")
        for line in stream:
            command = line.decode().strip().upper()
            self.commands.append(command)
            if command == "DATA":
                say("354 go on")
                body = b""
                for part in stream:
                    if part == b".\r\n":
                        break
                    body += part
                self.mails.append(body)
            if command == "QUIT":
                say("221 bye")
                return
            say("250 fine")

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)


@pytest.fixture
def server():
    running = MailServer()
    yield running
    running.stop()


class Job(luigi.Task):
    p = luigi.Parameter()


def test_07_23_values_are_escaped_in_html():
    option("email", format="html")
    try:
        text = notifications.format_task_error("<h>", Job("<script>"), "<cmd>", "<trace>")
    finally:
        option("email", format="plain")
    assert "<td>&lt;script&gt;</td>" in text
    assert "<script>" not in text


def test_07_23_connection_is_closed_politely(server):
    notifications.send_email("s", "m", "from@x", ["a@x"])
    assert len(server.mails) == 1
    assert server.commands[-1] == "QUIT"


def test_07_23_collected_failures_outlive_a_server_that_is_down(server):
    batch = batch_notifier.BatchNotifier()
    batch.add_failure("A", "A", {}, "error", ["z@x"])
    port = luigi.configuration.get_config().get("smtp", "port")
    option("smtp", port=1)
    batch.send_email()
    option("smtp", port=port)
    batch.send_email()
    (mail,) = map(email.message_from_bytes, server.mails)
    assert mail["Subject"] == "Luigi: Your tasks have 1 failure in the last 60 minutes"


def test_07_23_line_break_in_a_subject_does_not_lose_the_mail(server):
    notifications.send_email("s\nBcc: evil@x", "m", "from@x", ["a@x"])
    (mail,) = map(email.message_from_bytes, server.mails)
    assert mail["Subject"] == "s Bcc: evil@x"


def test_07_23_error_of_a_mail_service_does_not_end_the_run(monkeypatch):
    def fail(*_args):
        raise KeyError("region")

    monkeypatch.setattr(notifications, "send_email_ses", fail)
    option("email", force_send="true", method="ses", format="plain")
    try:
        notifications.send_email("s", "m", "from@x", ["a@x"])
    finally:
        option("email", method="smtp")


def test_07_25_blank_in_the_receiver_list_does_not_make_two_people_of_one(server):
    option("email", receiver="a@x, b@x")
    batch = batch_notifier.BatchNotifier()
    batch.add_failure("A", "A", {}, "error", ["b@x"])
    batch.send_email()
    assert len(server.mails) == 2
