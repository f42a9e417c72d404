"""What is PRIVATE or a password stands in no mail, no log line and no error."""

from __future__ import annotations

import http.server
import logging
import sys
import threading

import luigi
import pytest
from luigi import notifications
from luigi.parameter import ParameterVisibility

from luigi_clone._worker.command_line import shown_command
from test.mail.conftest import Mailbox, option, start, text_of
from test.services import require_service


class Guarded(luigi.Task):
    token = luigi.Parameter(default="hunter2", visibility=ParameterVisibility.PRIVATE)
    pin = luigi.IntParameter(default=4711, visibility=ParameterVisibility.PRIVATE)
    name = luigi.Parameter(default="n")

    def complete(self):
        return False

    def run(self):
        raise ValueError(f"cannot log in with {self.token}")


@pytest.mark.parametrize("mail_format", ["plain", "html"])
def test_private_values_are_in_no_mail(mailbox, monkeypatch, mail_format):
    option("email", receiver="r@x", format=mail_format)
    monkeypatch.setattr(
        sys, "argv", ["luigi", "Guarded", "--token", "hunter2", "--Guarded-pin=4711", "--name", "n"]
    )
    assert not luigi.build([Guarded()], local_scheduler=True, log_level="CRITICAL")
    text = text_of(mailbox.only())
    assert "luigi Guarded --token *** --Guarded-pin=*** --name n" in text
    assert "cannot log in with ***" in text
    assert "hunter2" not in text
    assert "hunter2" not in str(mailbox.only()["Subject"])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([], ""),
        (["a b", "--name", "x"], '"a b" --name x'),
        (["--tok", "x"], "--tok ***"),
        (["--token", "--name", "x"], "--token --name x"),
        (["--smtp-password", "x"], "--smtp-password ***"),
        (["--name=x", "--Guarded-token=x=y"], "--name=x --Guarded-token=***"),
    ],
)
def test_command_line(given, shown):
    assert shown_command(given) == shown


class EchoesPassword(Mailbox):
    """A server that tells the client what it sent."""

    async def auth_PLAIN(self, server, args):
        await server.push(f"535 you said {args[-1]}")
        from aiosmtpd.smtp import AuthResult

        return AuthResult(success=False, handled=True)

    auth_LOGIN = auth_PLAIN


@pytest.mark.parametrize("password", ["hunter2hunter2", "pässwörd"])
def test_smtp_password_is_in_no_log(caplog, password):
    import base64

    box = EchoesPassword()
    server = start(box, auth_require_tls=False, auth_exclude_mechanism=["LOGIN"])
    option("email", force_send="true")
    option("smtp", username="joe", password=password)
    try:
        assert notifications.send_email("s", "m", "from@x", ["a@x"]) is False
    finally:
        server.stop()
    assert caplog.messages[-1].startswith("Not able to connect to smtp server: ")
    for form in (password, "ä", base64.b64encode(f"\0joe\0{password}".encode()).decode()):
        assert form not in caplog.text


class Api(http.server.BaseHTTPRequestHandler):
    """Takes what a mail service's client posts, and answers as the test says."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def api(monkeypatch):
    try:
        import sendgrid
    except ImportError:
        sendgrid = None
    require_service("SendGrid", sendgrid, "the package sendgrid is not installed")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.received, server.status = [], 202
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    host = f"http://127.0.0.1:{server.server_port}"
    real = sendgrid.SendGridAPIClient
    monkeypatch.setattr(sendgrid, "SendGridAPIClient", lambda key: real(key, host=host))
    option("email", force_send="true", method="sendgrid")
    option("sendgrid", apikey="hunter2")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_sendgrid_over_http(api, caplog):
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is True
    ((path, authorization, body),) = api.received
    assert (path, authorization) == ("/v3/mail/send", "Bearer hunter2")
    assert b'"value": "m"' in body
    api.status = 401
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is False
    assert caplog.messages[-1] == "Not able to send email by sendgrid"
    assert "hunter2" not in caplog.text


def test_line_break_after_the_key_does_no_harm(api):
    option("sendgrid", apikey="hunter2\n")
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is True
    assert api.received[0][1] == "Bearer hunter2"


def test_key_that_no_header_can_hold_is_not_shown(api, caplog):
    caplog.set_level(logging.DEBUG)
    option("sendgrid", apikey="hun\nter2")
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is False
    assert "***" in caplog.text
    assert "ter2" not in caplog.text
    with pytest.raises(ConnectionError) as raised:
        notifications.send_email_sendgrid("from@x", "s", "m", ["a@x"])
    assert raised.value.__cause__ is raised.value.__context__ is None
