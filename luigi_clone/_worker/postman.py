"""Mails that must not hold up the other tasks of a worker."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any

from luigi_clone import notifications
from luigi_clone._task_processes.forking import talking

logger = logging.getLogger("luigi-interface")

Mail = tuple[str, str, Any]
"""Subject, body, further recipients."""


def send(mail: Mail) -> None:
    """Send a mail now; a failing mail service is logged and costs no task its result."""
    subject, message, recipients = mail
    try:
        notifications.send_error_email(subject, message, recipients)
    except Exception:  # each mail service has errors of its own
        logger.exception("Could not send the e-mail %r", subject)


class Postman:
    """Sends mails one after the other in a thread of its own, which exists only while there are any."""

    def __init__(self) -> None:
        self._mails: queue.SimpleQueue[Mail | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def post(self, mail: Mail) -> None:
        """Take a mail and return at once."""
        self._mails.put(mail)
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="luigi-mail", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait until every mail is sent."""
        if self._thread is not None:
            self._mails.put(None)
            self._thread.join()
            self._thread = None

    def _deliver(self) -> None:
        while (mail := self._mails.get()) is not None:
            with talking():
                send(mail)
