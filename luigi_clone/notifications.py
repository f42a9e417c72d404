"""Tells people by e-mail that tasks failed.

Set ``[email] receiver`` to get mail about failures of any task, ``owner_email`` of a task class for its own::

    [email]
    receiver=oncall@example.com
    method=smtp

    [smtp]
    host=mail.example.com

``method`` is ``smtp``, ``ses``, ``sns`` or ``sendgrid``; the last three need their client libraries
(``boto3``, ``sendgrid``).  A mail that cannot be delivered is logged and never ends a run.  To try a setup
out::

    luigi --module luigi_clone.notifications TestNotificationsTask --local-scheduler --email-force-send
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from luigi_clone import parameter, task
from luigi_clone._parameters.base import MASK

if TYPE_CHECKING:
    from email.mime.multipart import MIMEMultipart

    Images = str | Sequence[str] | None

__all__ = [
    "DEFAULT_CLIENT_EMAIL",
    "TestNotificationsTask",
    "email",
    "format_task_error",
    "generate_email",
    "send_email",
    "send_email_sendgrid",
    "send_email_ses",
    "send_email_smtp",
    "send_email_sns",
    "send_error_email",
    "sendgrid",
    "smtp",
    "wrap_traceback",
]

logger = logging.getLogger("luigi-interface")


def _host_name() -> str:
    if sys.platform == "win32":
        import socket

        return socket.gethostname()
    return os.uname().nodename  # the same name, without loading the socket module


DEFAULT_CLIENT_EMAIL = f"luigi-client@{_host_name()}"
_TRUNCATED = "...Traceback exceeds max length and has been truncated."
_SNS_SUBJECT_LIMIT = 100
_SHORTEST_SECRET = 4


class TestNotificationsTask(task.Task):
    """Fails on purpose, so that one can see whether the mail about it arrives."""

    raise_in_complete = parameter.BoolParameter(description="Fail in complete() instead of in run()")

    def run(self) -> None:
        """Fail."""
        raise ValueError("Testing notifications triggering")

    def complete(self) -> bool:
        """Fail if so asked, else say that there is something to run."""
        if self.raise_in_complete:
            raise ValueError("Testing notifications triggering")
        return False


class email(task.Config):  # noqa: N801 - the name of the configuration section
    """Options of ``[email]``: whether, how and to whom mail is sent."""

    force_send = parameter.BoolParameter(default=False, description="Send mail even when run from a terminal")
    format = parameter.ChoiceParameter(
        default="plain",
        config_path={"section": "core", "name": "email-type"},
        choices=("plain", "html", "none"),
        description="Format of the mails; none sends no mail",
    )
    method = parameter.ChoiceParameter(
        default="smtp",
        config_path={"section": "email", "name": "type"},
        choices=("smtp", "sendgrid", "ses", "sns"),
        description="How mail is sent",
    )
    prefix = parameter.Parameter(
        default="",
        config_path={"section": "core", "name": "email-prefix"},
        description="Text in front of the subject of each mail",
    )
    receiver = parameter.Parameter(
        default="",
        config_path={"section": "core", "name": "error-email"},
        description="Addresses, separated by commas, that get mail about errors; for sns the topic",
    )
    traceback_max_length = parameter.IntParameter(
        default=5000, description="Longest traceback in a mail, in characters"
    )
    sender = parameter.Parameter(
        default=DEFAULT_CLIENT_EMAIL,
        config_path={"section": "core", "name": "email-sender"},
        description="Address from which mail is sent",
    )


class smtp(task.Config):  # noqa: N801 - the name of the configuration section
    """Options of ``[smtp]``: the mail server for the method ``smtp``."""

    host = parameter.Parameter(
        default="localhost",
        config_path={"section": "core", "name": "smtp_host"},
        description="Name of the SMTP server",
    )
    local_hostname = parameter.OptionalParameter(
        default=None,
        config_path={"section": "core", "name": "smtp_local_hostname"},
        description="Name of this host in the greeting of the server",
    )
    no_tls = parameter.BoolParameter(
        default=False,
        config_path={"section": "core", "name": "smtp_without_tls"},
        description="Do not use STARTTLS even if the server offers it",
    )
    password = parameter.OptionalParameter(
        default=None,
        config_path={"section": "core", "name": "smtp_password"},
        description="Password for the SMTP server",
        visibility=parameter.ParameterVisibility.PRIVATE,
    )
    port = parameter.IntParameter(
        default=0,
        config_path={"section": "core", "name": "smtp_port"},
        description="Port of the SMTP server; 0 is the usual one",
    )
    ssl = parameter.BoolParameter(
        default=False,
        config_path={"section": "core", "name": "smtp_ssl"},
        description="Speak TLS from the first byte",
    )
    timeout = parameter.FloatParameter(
        default=10.0,
        config_path={"section": "core", "name": "smtp_timeout"},
        description="Seconds to wait for the SMTP server; 0 waits for ever",
    )
    username = parameter.OptionalParameter(
        default=None,
        config_path={"section": "core", "name": "smtp_login"},
        description="User name for the SMTP server",
    )


class sendgrid(task.Config):  # noqa: N801 - the name of the configuration section
    """Options of ``[sendgrid]``: the account for the method ``sendgrid``."""

    apikey = parameter.Parameter(
        config_path={"section": "email", "name": "SENGRID_API_KEY"},
        description="Key of the SendGrid account",
        visibility=parameter.ParameterVisibility.PRIVATE,
    )


def generate_email(
    sender: str, subject: str, message: str, recipients: Sequence[str], image_png: Images = None
) -> MIMEMultipart:
    """Return the mail: the text in the configured format, and PNG files as attachments."""
    from email.mime.image import MIMEImage
    from email.mime.multipart import MIMEMultipart
    from email.mime.text import MIMEText
    from pathlib import Path

    mail = MIMEMultipart("related")
    # A line break in a header would end it: what follows could pass for another header.
    mail["Subject"] = _one_line(subject)
    mail["From"] = _one_line(sender)
    mail["To"] = _one_line(",".join(recipients))
    mail.attach(MIMEText(_encodable(message), email().format, "utf-8"))
    for path in _image_paths(image_png):
        mail.attach(MIMEImage(Path(path).read_bytes(), "png"))
    return mail


def _one_line(text: str) -> str:
    return " ".join(_encodable(text).splitlines())


def _encodable(text: str) -> str:
    """Return a text without what UTF-8 cannot hold, such as undecodable bytes of file names."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _image_paths(images: Images) -> Sequence[str]:
    if images is None:
        return ()
    return (images,) if isinstance(images, (str, os.PathLike)) else images


def wrap_traceback(traceback: str) -> str:
    """Return the traceback as it stands in a mail: highlighted or preformatted if the format is html."""
    if email().format != "html":
        return traceback
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonTracebackLexer
    except ImportError:
        return f"<pre>{_escape(traceback)}</pre>"
    highlighted: str = highlight(traceback, PythonTracebackLexer(), HtmlFormatter(noclasses=True))
    return highlighted


def _escape(text: str) -> str:
    from html import escape

    return escape(text, quote=False)


def send_email_smtp(
    sender: str, subject: str, message: str, recipients: Sequence[str], image_png: Images = None
) -> bool:
    """Send by an SMTP server, and return whether it took the mail; if not, the cause is logged."""
    import smtplib

    options = smtp()
    arguments: dict[str, Any] = {
        "host": options.host,
        "port": options.port,
        "local_hostname": options.local_hostname,
        "timeout": options.timeout or None,
    }
    mail = generate_email(sender, subject, message, recipients, image_png)
    secrets = [text for text in (options.password, _login(options.username, options.password)) if text]
    try:
        server = smtplib.SMTP_SSL(**arguments) if options.ssl else smtplib.SMTP(**arguments)
        with server:
            server.ehlo_or_helo_if_needed()
            if server.has_extn("starttls") and not options.no_tls and not options.ssl:
                server.starttls()
            if options.username and options.password:
                _guarding(secrets, server.login, options.username, options.password)
            refused = server.sendmail(sender, list(recipients), mail.as_string())
    except (OSError, smtplib.SMTPException) as error:
        logger.error("Not able to connect to smtp server: %s", error)  # noqa: TRY400 - one line is enough
        return False
    if refused:
        logger.warning("The smtp server refused these recipients: %s", ", ".join(refused))
    return True


def send_email_ses(
    sender: str, subject: str, message: str, recipients: Sequence[str], image_png: Images = None
) -> None:
    """Send by Amazon's Simple Email Service.

    Credentials and region come from the environment of ``boto3``.
    """
    from boto3 import client

    mail = generate_email(sender, subject, message, recipients, image_png)
    answer = client("ses").send_raw_email(
        Source=sender, Destinations=list(recipients), RawMessage={"Data": mail.as_string()}
    )
    logger.debug("Message sent to SES, message id %s", answer["MessageId"])


def send_email_sns(
    sender: str,
    subject: str,
    message: str,
    topic_ARN: Sequence[str],  # noqa: N803 - the name callers use
    image_png: Images = None,
) -> None:
    """Publish to a topic of Amazon's Simple Notification Service: the first (only) recipient is its ARN."""
    from boto3 import resource

    if len(subject) > _SNS_SUBJECT_LIMIT:
        subject = f"{subject[:48]}...{subject[-49:]}"
    answer = resource("sns").Topic(topic_ARN[0]).publish(Subject=_one_line(subject), Message=message)
    logger.debug("Message sent to SNS, message id %s", answer["MessageId"])


def send_email_sendgrid(
    sender: str, subject: str, message: str, recipients: Sequence[str], image_png: Images = None
) -> None:
    """Send by SendGrid with the key ``[sendgrid] apikey``."""
    import base64
    from pathlib import Path

    import sendgrid as library
    from sendgrid.helpers.mail import Attachment, Mail

    kind = "html_content" if email().format == "html" else "plain_text_content"
    mail = Mail(from_email=sender, to_emails=list(recipients), subject=_one_line(subject), **{kind: message})
    for path in map(Path, _image_paths(image_png)):
        content = base64.b64encode(path.read_bytes()).decode("ascii")
        mail.add_attachment(Attachment(content, path.name, "image/png"))
    # A line break after the key, as a file or the environment may bring, is no part of it.
    key = sendgrid().apikey.strip()
    # The client library logs the headers of its requests, with the key.
    mask = _SecretFilter([key])
    library_logger = logging.getLogger("python_http_client.client")
    library_logger.addFilter(mask)
    try:
        _guarding([key], lambda: library.SendGridAPIClient(key).send(mail))
    finally:
        library_logger.removeFilter(mask)


def _login(user: str | None, password: str | None) -> str:
    return f"\0{user}\0{password}" if user and password else ""


class _SecretFilter(logging.Filter):
    """Masks secrets in log lines."""

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _without(record.getMessage(), self._secrets), ()
        return True


def _guarding(secrets: Iterable[str], call: Callable[..., Any], *arguments: Any) -> Any:
    """Call, and raise an error whose text holds a secret as one whose text does not."""
    try:
        return call(*arguments)
    except Exception as error:
        harmless = _harmless(error, secrets)
        if harmless is error:
            raise
    # Outside the handler, so that the error itself does not travel along as the context.
    raise harmless


def _harmless(error: Exception, secrets: Iterable[str]) -> Exception:
    import traceback

    if isinstance(error, UnicodeError):
        # Its text and its attributes hold parts of what could not be encoded.
        return ConnectionError("the secret has a character that the protocol does not allow")
    full = "".join(traceback.format_exception(error))
    if _without(full, secrets) == full:
        return error
    return ConnectionError(f"{type(error).__name__}: {_without(str(error), secrets)}")


def _without(text: str, secrets: Iterable[str]) -> str:
    """Return a text with ``***`` for the secrets, however a library or a server may write them."""
    import base64

    for secret in secrets:
        raw = secret.encode("utf-8", "surrogateescape")
        forms = (base64.b64encode(raw).decode("ascii"), secret, repr(secret)[1:-1], repr(raw)[2:-1])
        for form in sorted(filter(None, forms), key=len, reverse=True):
            text = text.replace(form, MASK)
    return text


def _load_libraries() -> None:
    """Load what sending needs.

    Not left to a thread: a child that is forked meanwhile would wait for ever for the end of the import.
    """
    from importlib import import_module

    method = email().method
    library = {"smtp": "smtplib", "sendgrid": "sendgrid"}.get(method, "boto3")
    with contextlib.suppress(ImportError):  # told when the mail is sent
        for name in ("email.mime.image", "email.mime.multipart", "email.mime.text", library):
            import_module(name)


def _email_disabled_reason() -> str | None:
    """Return why no mail is sent, or None."""
    if email().format == "none":
        return "email format is 'none'"
    if email().force_send:
        return None
    if sys.stdout is not None and sys.stdout.isatty():
        return "running from a tty"
    return None


def send_email(
    subject: str,
    message: str,
    sender: str,
    recipients: Iterable[str | None] | str | None,
    image_png: Images = None,
    images_png: Images = None,
) -> bool:
    """Send a mail by the configured method.

    ``recipients`` may hold several addresses separated by commas; without any, or when mail is disabled,
    nothing happens.  Return False if the mail should have been sent and could not be: the cause is in the
    log.
    """
    subject = _prefix(subject)
    addresses = _addresses([recipients] if isinstance(recipients, str) else recipients or ())
    if not addresses:
        return True
    reason = _email_disabled_reason()
    if reason is not None:
        logger.info("Not sending email to %r because %s", recipients, reason)
        return True
    logger.info("Sending email to %r", addresses)
    method = email().method
    senders = {
        "smtp": send_email_smtp,
        "sendgrid": send_email_sendgrid,
        "ses": send_email_ses,
        "sns": send_email_sns,
    }
    try:
        delivered = senders[method](sender, subject, message, addresses, image_png or images_png)
    except ImportError as error:
        library = "sendgrid" if method == "sendgrid" else "boto3"
        logger.error(  # noqa: TRY400 - one line is enough
            "Not able to send email by %s: %s. Install the package %s", method, error, library
        )
        return False
    except Exception:  # the client libraries raise what they like; a run must not end because of a mail
        logger.exception("Not able to send email by %s", method)
        return False
    return delivered is not False


def _addresses(recipients: Iterable[str | None]) -> list[str]:
    return [part.strip() for text in recipients if text for part in text.split(",") if part.strip()]


def _email_recipients(additional_recipients: Iterable[str] | str | None = None) -> list[str]:
    """Return ``[email] receiver`` and the additional recipients, each as written."""
    receiver = email().receiver
    recipients = [receiver] if receiver else []
    if isinstance(additional_recipients, str):
        additional_recipients = [additional_recipients]
    return [*recipients, *(additional_recipients or ())]


def _reaches_anyone(additional_recipients: Iterable[str] | str | None = None) -> bool:
    """Tell whether an error mail to these would be sent to anyone."""
    return bool(_addresses(_email_recipients(additional_recipients))) and _email_disabled_reason() is None


def send_error_email(
    subject: str, message: str, additional_recipients: Iterable[str] | str | None = None
) -> None:
    """Send a mail to ``[email] receiver`` and to the additional recipients, from ``[email] sender``."""
    send_email(
        subject=subject,
        message=message,
        sender=email().sender,
        recipients=_email_recipients(additional_recipients),
    )


def _prefix(subject: str) -> str:
    prefix = email().prefix
    return f"{prefix} {subject}" if prefix else subject


def format_task_error(
    headline: str, task: task.Task, command: str, formatted_exception: str | None = None
) -> str:
    """Return the body of a mail about a failed task, in the configured format.

    PRIVATE parameters are left out, and texts in them of some length are masked wherever they stand.  A
    traceback longer than ``[email] traceback_max_length`` is cut.
    """
    secrets = _private_texts(task)
    if secrets:
        headline, command = _masked(headline, secrets), _masked(command, secrets)
    if formatted_exception:
        formatted_exception = _masked(formatted_exception, secrets)
        limit = email().traceback_max_length
        if len(formatted_exception) > limit:
            formatted_exception = formatted_exception[:limit] + _TRUNCATED
        formatted_exception = wrap_traceback(formatted_exception)
    else:
        formatted_exception = ""
    write = _html_error if email().format == "html" else _plain_error
    return write(headline, task.task_family, task.to_str_params(), command, formatted_exception)


def _private_texts(task: task.Task) -> list[str]:
    """Return the texts of PRIVATE parameters, the longest first, without those too short to tell apart."""
    private = parameter.ParameterVisibility.PRIVATE
    values = [task.param_kwargs.get(name) for name, kind in task.get_params() if kind.visibility == private]
    texts = [value for value in values if isinstance(value, str) and len(value) >= _SHORTEST_SECRET]
    return sorted(texts, key=len, reverse=True)


def _masked(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        for form in (secret, repr(secret)[1:-1]):
            text = text.replace(form, MASK)
    return text


def _plain_error(headline: str, family: str, parameters: dict[str, str], command: str, traceback: str) -> str:
    width = max(map(len, parameters), default=0)
    # Further lines of a value stand below its first, so that none looks like another part of the mail.
    line_break = "\n" + " " * (width + 4)
    rows = "\n".join(
        f"  {name:<{width}}: {line_break.join(value.splitlines())}" for name, value in parameters.items()
    )
    return (
        f"{headline}\n\nName: {family}\n\nParameters:\n{rows}\n\nCommand line:\n  {command}\n\n{traceback}\n"
    )


def _html_error(headline: str, family: str, parameters: dict[str, str], command: str, traceback: str) -> str:
    rows = "\n".join(
        f"<tr><th>{_escape(name)}</th><td>{_escape(value)}</td></tr>" for name, value in parameters.items()
    )
    return f"""
<html>
<body>
<h2>{_escape(headline)}</h2>

<table style="border-top: 1px solid black; border-bottom: 1px solid black">
<thead>
<tr><th>name</th><td>{_escape(family)}</td></tr>
</thead>
<tbody>
{rows}
</tbody>
</table>

<h2>Command line</h2>
<pre>
{_escape(command)}
</pre>

<h2>Traceback</h2>
{traceback}
</body>
</html>
"""
