"""Mails as a server receives them."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
import sys
from email.header import decode_header, make_header

import luigi
import pytest
from luigi import notifications

from test.mail.conftest import Mailbox, only_joe, option, start, text_of
from test.services import require_service


def test_mail_as_the_server_receives_it(mailbox):
    option("email", prefix="[jobs]")
    notifications.send_email("sübject", "mëssage\nline 2", "from@x", ["a@x, b@x", "c@x"])
    (envelope,) = mailbox.envelopes
    assert envelope.mail_from == "from@x"
    assert envelope.rcpt_tos == ["a@x", "b@x", "c@x"]
    mail = mailbox.only()
    assert mail.get_content_type() == "multipart/related"
    assert mail["From"] == "from@x"
    assert mail["To"] == "a@x,b@x,c@x"
    assert str(make_header(decode_header(mail["Subject"]))) == "[jobs] sübject"
    (part,) = mail.get_payload()
    assert part.get_content_type() == "text/plain"
    assert part.get_content_charset() == "utf-8"
    assert part["Content-Transfer-Encoding"] == "base64"
    assert text_of(mail) == "mëssage\nline 2"


def test_format_html(mailbox):
    option("email", format="html")
    notifications.send_email("s", "<b>m</b>", "from@x", ["a@x"])
    assert mailbox.only().get_payload()[0].get_content_type() == "text/html"


@pytest.mark.parametrize("argument", ["image_png", "images_png"])
@pytest.mark.parametrize("several", [False, True])
def test_images(mailbox, tmp_path, argument, several):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + file.name.encode())
    images = [str(file) for file in files] if several else str(files[0])
    notifications.send_email("s", "m", "from@x", ["a@x"], **{argument: images})
    attached = mailbox.only().get_payload()[1:]
    assert [part.get_content_type() for part in attached] == ["image/png"] * (2 if several else 1)
    assert attached[0].get_payload(decode=True) == files[0].read_bytes()


def test_error_mail_goes_to_receivers_and_owners(mailbox):
    option("email", receiver="r@x, q@x", sender="luigi@x")
    notifications.send_error_email("s", "m", "o@x,p@x")
    notifications.send_error_email("s", "m", ["o@x", "p@x, z@x"])
    notifications.send_error_email("s", "m")
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [
        ["r@x", "q@x", "o@x", "p@x"],
        ["r@x", "q@x", "o@x", "p@x", "z@x"],
        ["r@x", "q@x"],
    ]
    assert mailbox.envelopes[0].mail_from == "luigi@x"


def test_default_sender():
    assert notifications.email().sender == notifications.DEFAULT_CLIENT_EMAIL
    assert notifications.DEFAULT_CLIENT_EMAIL.startswith("luigi-client@")


@pytest.mark.parametrize("recipients", [[], (), None, (None,), [""]])
def test_without_recipients_nothing_is_sent_nor_said(mailbox, caplog, recipients):
    caplog.set_level(logging.INFO)
    notifications.send_email("s", "m", "from@x", recipients)
    assert not caplog.records
    assert not mailbox.envelopes


@pytest.mark.parametrize(
    ("terminal", "settings", "reason"),
    [
        (False, {"format": "none"}, "email format is 'none'"),
        (True, {"format": "none", "force_send": "true"}, "email format is 'none'"),
        (True, {"force_send": "false"}, "running from a tty"),
        (True, {"force_send": "true"}, None),
        (False, {"force_send": "false"}, None),
    ],
)
def test_reasons_not_to_send(mailbox, caplog, monkeypatch, terminal, settings, reason):
    caplog.set_level(logging.INFO, "luigi-interface")
    option("email", **settings)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    notifications.send_email("s", "m", "from@x", ("a@x",))
    if reason is None:
        assert len(mailbox.envelopes) == 1
        assert caplog.messages == ["Sending email to ['a@x']"]
    else:
        assert not mailbox.envelopes
        assert caplog.messages == [f"Not sending email to ('a@x',) because {reason}"]


@pytest.fixture(scope="session")
def server_tls(tmp_path_factory):
    require_service("openssl", shutil.which("openssl"), "the command makes the server's certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=localhost",
            ),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_starttls_and_login(server_tls):
    box = Mailbox()
    server = start(
        box, tls_context=server_tls, require_starttls=True, authenticator=only_joe, auth_required=True
    )
    option("email", force_send="true")
    option("smtp", username="joe", password="pass word")
    try:
        assert notifications.send_email("s", "m", "from@x", ["a@x"])
        option("smtp", password="wrong")
        assert not notifications.send_email("s", "m", "from@x", ["a@x"])
        option("smtp", password="pass word", no_tls="true")
        assert not notifications.send_email("s", "m", "from@x", ["a@x"])
    finally:
        server.stop()
    assert len(box.envelopes) == 1


def test_tls_from_the_first_byte(server_tls):
    box = Mailbox()
    server = start(box, ssl_context=server_tls)
    option("email", force_send="true")
    option("smtp", ssl="true")
    try:
        assert notifications.send_email("s", "m", "from@x", ["a@x"])
    finally:
        server.stop()
    assert len(box.envelopes) == 1


def test_password_is_not_shown():
    option("smtp", username="joe", password="hunter2")
    option("sendgrid", apikey="hunter2")
    shown = f"{notifications.smtp()!r} {notifications.sendgrid()!r}"
    assert "hunter2" not in shown
    assert notifications.smtp().password == notifications.sendgrid().apikey == "hunter2"


def test_server_that_cannot_be_reached_is_logged(caplog, closed_port):
    option("email", force_send="true")
    option("smtp", host="127.0.0.1", port=closed_port)
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is False
    record = caplog.records[-1]
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("Not able to connect to smtp server: ")
    assert "refused" in record.getMessage()


def test_refused_recipient_is_named(mailbox, caplog):
    mailbox.refused.add("b@x")
    assert notifications.send_email("s", "m", "from@x", ["a@x", "b@x"]) is True
    assert mailbox.envelopes[0].rcpt_tos == ["a@x"]
    assert caplog.messages == ["The smtp server refused these recipients: b@x"]


def test_all_recipients_refused(mailbox, caplog):
    mailbox.refused.add("b@x")
    assert notifications.send_email("s", "m", "from@x", ["b@x"]) is False
    assert caplog.messages[-1].startswith("Not able to connect to smtp server: ")


def test_connection_is_closed_politely(mailbox):
    notifications.send_email("s", "m", "from@x", ["a@x"])
    assert mailbox.said_goodbye == 1


def test_line_breaks_add_no_headers(mailbox):
    notifications.send_email("s\r\nBcc: evil@x", "m", "from@x", ["a@x"])
    mail = mailbox.only()
    assert mail["Bcc"] is None
    assert mail["Subject"] == "s Bcc: evil@x"


def test_method_function_is_looked_up_when_used(monkeypatch):
    sent = []
    monkeypatch.setattr(notifications, "send_email_smtp", lambda *args: sent.append(args))
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is True
    assert sent == [("from@x", "s", "m", ["a@x"], None)]


@pytest.mark.parametrize(
    ("method", "package"), [("ses", "boto3"), ("sns", "boto3"), ("sendgrid", "sendgrid")]
)
def test_missing_client_library_is_named(caplog, monkeypatch, method, package):
    monkeypatch.setitem(sys.modules, package, None)
    option("email", method=method)
    option("sendgrid", apikey="key")
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is False
    assert caplog.records[-1].levelname == "ERROR"
    assert f"Not able to send email by {method}" in caplog.messages[-1]
    assert caplog.messages[-1].endswith(f"Install the package {package}")


def test_any_error_of_a_method_is_logged(caplog, monkeypatch):
    def fail(*_args):
        raise KeyError("region")

    monkeypatch.setattr(notifications, "send_email_ses", fail)
    option("email", method="ses")
    assert notifications.send_email("s", "m", "from@x", ["a@x"]) is False
    assert caplog.messages == ["Not able to send email by ses"]
    assert caplog.records[0].exc_info[0] is KeyError


@pytest.mark.parametrize(
    ("section", "name", "read"),
    [
        ("core", "email-prefix", lambda: notifications.email().prefix),
        ("core", "error-email", lambda: notifications.email().receiver),
        ("core", "email-sender", lambda: notifications.email().sender),
        ("core", "smtp_host", lambda: notifications.smtp().host),
        ("core", "smtp_local_hostname", lambda: notifications.smtp().local_hostname),
        ("core", "smtp_login", lambda: notifications.smtp().username),
        ("core", "smtp_password", lambda: notifications.smtp().password),
        ("email", "SENGRID_API_KEY", lambda: notifications.sendgrid().apikey),
    ],
)
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::luigi_clone.parameter.UnconsumedParameterWarning"
)
def test_older_locations_of_options(section, name, read):
    option(section, **{name: "there"})
    assert read() == "there"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_older_locations_of_other_types():
    option(
        "core",
        **{
            "email-type": "html",
            "smtp_port": 2525,
            "smtp_without_tls": "true",
            "smtp_ssl": "true",
            "smtp_timeout": 3,
        },
    )
    assert notifications.email().format == "html"
    options = notifications.smtp()
    assert (options.port, options.no_tls, options.ssl, options.timeout) == (2525, True, True, 3.0)


def test_defaults():
    mail, server = notifications.email(), notifications.smtp()
    assert (mail.force_send, mail.format, mail.method, mail.prefix, mail.receiver) == (
        False,
        "plain",
        "smtp",
        "",
        "",
    )
    assert mail.traceback_max_length == 5000
    assert (server.host, server.port, server.timeout, server.local_hostname) == ("localhost", 0, 10.0, None)
    assert (server.no_tls, server.ssl, server.username, server.password) == (False, False, None, None)
    with pytest.raises(luigi.parameter.MissingParameterException):
        notifications.sendgrid()
