"""Mail by Amazon's services and by SendGrid; for the former a simulation in this process answers."""

from __future__ import annotations

import base64
import json
import logging

import pytest
from luigi import notifications

from test.mail.conftest import option
from test.services import require_service


@pytest.fixture
def amazon(monkeypatch):
    try:
        import moto
    except ImportError:
        moto = None
    require_service("Amazon's simulation", moto, "the packages moto and boto3 are not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    option("email", force_send="true")
    with moto.mock_aws():
        yield


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_ses(amazon, caplog):
    import boto3
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ses.models import ses_backends

    boto3.client("ses").verify_email_identity(EmailAddress="from@x")
    option("email", method="ses", format="html")
    assert notifications.send_email("sübject", "<b>m</b>", "from@x", ["a@x", "b@x"]) is True
    (mail,) = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages
    assert (mail.source, set(mail.destinations)) == ("from@x", {"a@x", "b@x"})
    assert 'Content-Type: text/html; charset="utf-8"' in mail.raw_data
    # the service refuses a sender that it does not know: logged, not raised
    assert notifications.send_email("s", "m", "stranger@x", ["a@x"]) is False
    assert caplog.messages[-1] == "Not able to send email by ses"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("subject", "arrives"),
    [("s" * 100, "s" * 100), ("a" * 60 + "b" * 60, "a" * 48 + "..." + "b" * 49), ("two\nlines", "two lines")],
)
def test_sns(amazon, subject, arrives):
    import boto3

    topic = boto3.client("sns").create_topic(Name="failures")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    option("email", method="sns", receiver=topic)
    notifications.send_error_email(subject, "mëssage")
    (received,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    published = json.loads(received["Body"])
    assert (published["Subject"], published["Message"]) == (arrives, "mëssage")


@pytest.mark.parametrize(("mail_format", "kind"), [("plain", "text/plain"), ("html", "text/html")])
def test_sendgrid(monkeypatch, tmp_path, caplog, mail_format, kind):
    try:
        import sendgrid
    except ImportError:
        sendgrid = None
    require_service("SendGrid", sendgrid, "the package sendgrid is not installed")
    caplog.set_level(logging.INFO)
    sent = []

    def send(client, mail):
        sent.append((client.api_key, mail.get()))

    # the whole mail; test_secrets.py sends one over the wire
    monkeypatch.setattr(sendgrid.SendGridAPIClient, "send", send)
    image = tmp_path / "plot.png"
    image.write_bytes(b"\x89PNG")
    option("email", force_send="true", method="sendgrid", format=mail_format)
    option("sendgrid", apikey="hunter2")
    assert notifications.send_email("s", "m", "from@x", ["a@x", "b@x"], str(image)) is True
    ((key, mail),) = sent
    assert key == "hunter2"
    assert mail["from"] == {"email": "from@x"}
    assert mail["subject"] == "s"
    assert mail["content"] == [{"type": kind, "value": "m"}]
    assert [to["email"] for entry in mail["personalizations"] for to in entry["to"]] == ["a@x", "b@x"]
    (attached,) = mail["attachments"]
    assert base64.b64decode(attached["content"]) == b"\x89PNG"
    assert (attached["filename"], attached["type"]) == ("plot.png", "image/png")
    assert "hunter2" not in caplog.text
