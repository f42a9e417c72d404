"""A mail server of the tests' own, and settings that send mail to it."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from email.message import Message
from typing import Any

import luigi
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Mailbox:
    """Keeps what the server accepted; can refuse recipients."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.refused: set[str] = set()
        self.said_goodbye = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 nobody here of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        self.said_goodbye += 1
        return "221 Bye"

    def mails(self) -> list[Message]:
        return [email.message_from_bytes(envelope.content) for envelope in self.envelopes]

    def only(self) -> Message:
        (mail,) = self.mails()
        return mail


def text_of(mail: Message) -> str:
    """Return the text part of a mail."""
    return mail.get_payload()[0].get_payload(decode=True).decode("utf-8")


def option(section: str, **options: object) -> None:
    for name, value in options.items():
        luigi.configuration.get_config().set(section, name, str(value))


class OnFreePort(Controller):
    """Listens where the system says, instead of at a port that may be taken."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def start(mailbox: Mailbox, **arguments: Any) -> Controller:
    server = OnFreePort(mailbox, hostname="127.0.0.1", port=0, **arguments)
    server.start()
    option("smtp", host="127.0.0.1", port=server.port)
    return server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    server = start(box)
    option("email", force_send="true")
    try:
        yield box
    finally:
        server.stop()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def only_joe(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    success = data == LoginPassword(b"joe", b"pass word")
    return AuthResult(success=success, handled=success)
