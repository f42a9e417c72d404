"""Sends mails beside the work, so that a slow or failing mail service holds up no task.

One thread of the process sends them, in the order of posting. It starts with the first mail and ends when the
mails are waited for: at the end of a worker's run, of a scheduler, of the process.
"""

from __future__ import annotations

import collections
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable

from luigi_clone import notifications
from luigi_clone._task_processes.forking import talking

__all__ = ["POSTMAN", "Postman", "post_error_email"]

logger = logging.getLogger("luigi-interface")

_LIMIT = 10_000
_MOMENT = 0.2
_IF_NO_TIMEOUT = 10.0
_LONGEST_WAIT = 60.0
_NAMED = 5

_own_send_error_email = notifications.send_error_email


class Postman:
    """Sends mails one after the other in a thread that exists only while there are any.

    ``limit`` is how many mails may wait; one more is refused, with a line in the log.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._registered_by: int | None = None
        self._minds_forks = False
        self._forget()

    def _forget(self) -> None:
        """Begin anew; in a child, the mails and the thread are the parent's."""
        self._condition = threading.Condition()
        self._mails: collections.deque[tuple[str, Callable[[], object]]] = collections.deque()
        self._under_way: str | None = None
        self._thread: threading.Thread | None = None
        self._leaving = False
        self._is_slow = False
        self._sent_soon = 0
        self._patience = _IF_NO_TIMEOUT

    def post(self, subject: str, send: Callable[[], object]) -> bool:
        """Have ``send`` called and return at once; false if too many mails wait."""
        with self._condition:
            accepted = len(self._mails) < self._limit
            if accepted:
                self._mails.append((subject, send))
                if self._thread is None:
                    self._start()
                self._condition.notify_all()
        if not accepted:
            logger.error("The e-mail %r is not sent, as %d others wait already", subject, self._limit)
        return accepted

    def _start(self) -> None:
        self._leaving = self._is_slow = False
        self._patience = _patience()
        self._register()
        self._thread = threading.Thread(target=self._deliver, name="luigi-mail", daemon=True)
        self._thread.start()

    def _register(self) -> None:
        """See to it that the process waits for its mails at its end, and that its children do not."""
        if self._registered_by == os.getpid():
            return
        self._registered_by = os.getpid()
        if not self._minds_forks:
            import atexit

            self._minds_forks = True
            os.register_at_fork(after_in_child=self._forget)
            atexit.register(self.finish)
        if "multiprocessing" in sys.modules:
            from multiprocessing.util import Finalize

            # The children of multiprocessing leave without the functions of atexit.
            Finalize(None, self.finish, exitpriority=100)

    def _deliver(self) -> None:
        this = threading.current_thread()
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._mails or self._leaving or self._thread is not this)
                if self._thread is not this:
                    return
                if not self._mails:
                    self._thread = None
                    self._condition.notify_all()
                    return
                self._under_way, send = subject, _ = self._mails.popleft()
            started = time.monotonic()
            with talking():
                _send(subject, send)
            took = time.monotonic() - started
            with self._condition:
                if self._thread is this:
                    self._under_way = None
                    self._sent_soon += took < self._patience
                    self._condition.notify_all()

    def give_a_moment(self) -> None:
        """Wait a moment for the mails to leave; at once over when the mail service was too slow before.

        So whoever looks after ``Worker.add`` whether a mail was sent sees it, as long as the service is
        quick.
        """
        if self._thread is None or self._is_slow:
            return
        with self._condition:
            self._is_slow = not self._condition.wait_for(
                lambda: not self._mails and self._under_way is None, _MOMENT
            )

    def finish(self) -> None:
        """Wait until every mail is sent.

        Give up, with a line in the log, when none was for the timeout of the mail server, or after a minute.
        """
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        lost = self._wait_for_end_of(thread)
        if lost:
            named = ", ".join(map(repr, lost[:_NAMED])) + (", ..." if len(lost) > _NAMED else "")
            logger.error(
                "Giving up on %d e-mail(s), as the mail service is too slow; not known to be sent: %s",
                len(lost),
                named,
            )
        else:
            thread.join()

    def _wait_for_end_of(self, thread: threading.Thread) -> list[str]:
        """Return the subjects of the mails that did not leave in time."""
        with self._condition:
            self._leaving = True
            self._condition.notify_all()
            progress = time.monotonic()
            end = progress + max(_LONGEST_WAIT, self._patience)
            while self._thread is thread:
                left = min(progress + self._patience, end) - time.monotonic()
                if left <= 0:
                    return self._give_up()
                seen = self._sent_soon
                self._condition.wait(left)
                if self._sent_soon != seen:
                    progress = time.monotonic()
        return []

    def _give_up(self) -> list[str]:
        lost = [] if self._under_way is None else [self._under_way]
        lost += [subject for subject, _ in self._mails]
        self._mails.clear()
        self._under_way = self._thread = None
        self._condition.notify_all()
        return lost


POSTMAN = Postman()
"""Sends the mails of this process."""


def post_error_email(
    subject: str, message: str, additional_recipients: Iterable[str] | str | None = None
) -> None:
    """Have ``notifications.send_error_email`` called, as it is now; whatever it raises is logged.

    A mail that nobody is to get is done with at once: there is no mail service to wait for.
    """
    function = notifications.send_error_email

    def send() -> None:
        function(subject, message, additional_recipients)

    def reach() -> None:
        if function is _own_send_error_email:
            if not notifications._reaches_anyone(additional_recipients):
                send()
                return
            notifications._load_libraries()
        POSTMAN.post(subject, send)

    _send(subject, reach)


def _send(subject: str, send: Callable[[], object]) -> None:
    try:
        send()
    except Exception:  # each mail service has errors of its own, and none may end a run
        logger.exception("Could not send the e-mail %r", subject)


def _patience() -> float:
    return notifications.smtp().timeout or _IF_NO_TIMEOUT
