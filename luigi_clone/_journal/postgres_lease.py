"""Who owns a journal in PostgreSQL: a row that ends by the database's clock unless its owner renews it.

Each owner gets a *fence*, a number one higher than that of the owner before. Whatever is written is written
only while the row has the writer's fence, and holds the row meanwhile, so that an owner that was taken for
dead and wakes up again cannot write; the end of the lease alone decides when another may take over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from luigi_clone._journal.base import JournalError, JournalInUseError
from luigi_clone._journal.postgres_connection import Address

logger = logging.getLogger("luigi.scheduler")

DURATION = 6.0
"""Seconds from one renewal until another process may take over."""
_RENEW_EVERY = 1.5
_RETRY_EVERY = 0.25
_LOOK_EVERY = 0.25
"""Seconds between two looks of a process that stands by."""

_TAKE = (
    "UPDATE luigi_journal SET fence = fence + 1, owner = %s, "
    "expires = clock_timestamp() + %s * interval '1 second' WHERE expires <= clock_timestamp() "
    "RETURNING fence"
)
_RENEW = (
    "UPDATE luigi_journal SET expires = clock_timestamp() + %s * interval '1 second' "
    "WHERE fence = %s RETURNING fence"
)
# a crash of the database may take back a renewal, but neither a fence nor what was written under it
_QUICKLY = "SET synchronous_commit = off"
_GIVE_UP = "UPDATE luigi_journal SET expires = clock_timestamp() WHERE fence = %s"
_WHOSE = "SELECT owner FROM luigi_journal"


class Lease:
    """The right to write. ``on_loss`` is called, by another thread, once it may be another process's."""

    def __init__(self, address: Address, on_loss: Callable[[JournalError], None]) -> None:
        self.fence = 0
        self._address = address
        self._on_loss = on_loss
        self._connection: Any = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._renewed = 0.0

    # ---- taking

    def take(self, patience: float | None) -> None:
        """Become the owner, as soon as there is none; renew the lease from then on.

        Raises :class:`~luigi_clone._journal.base.JournalInUseError` after ``patience`` seconds (None: never),
        and what the driver raises when the database cannot be reached at first.
        """
        self._connection = self._address.connect()
        began, owner = time.monotonic(), self._try()
        if owner is not None and (patience is None or patience > 0):
            logger.info(
                "The journal %s is in use by %s: standing by, to take over when that one ends",
                self._address,
                owner,
            )
        while owner is not None:
            waited = time.monotonic() - began
            if patience is not None and waited >= patience:
                raise JournalInUseError(
                    f"the journal {self._address} is in use by {owner}; end that one, or give this one "
                    "another database or schema with --state-path"
                )
            time.sleep(_LOOK_EVERY)
            before, owner = owner, self._try_again(owner)
            if owner is None:
                logger.info("Taking over from %s after %.1f s of standing by", before, waited)
        self._connection.execute(_QUICKLY)
        self._thread = threading.Thread(target=self._renew_until_ended, name="journal-lease", daemon=True)
        self._thread.start()

    def _try(self) -> str | None:
        """Take the lease and return None, or return whose it is."""
        now = time.monotonic()
        row = self._connection.execute(_TAKE, (_name_of_this_process(), DURATION)).fetchone()
        if row is None:
            owner: str = self._connection.execute(_WHOSE).fetchone()[0]
            return owner
        (self.fence,), self._renewed = row, now
        return None

    def _try_again(self, owner: str) -> str | None:
        """Do so, taking a database that is away for a while as no news."""
        was_open = not self._connection.closed
        try:
            if not was_open:
                self._connection = self._address.connect()
                logger.info("The database of the journal %s is back", self._address)
            return self._try()
        except self._address.errors as error:
            if not self._connection.closed:
                raise
            if was_open:
                logger.warning("The database of the journal %s is away: %s", self._address, error)
            return owner

    # ---- keeping

    def _renew_until_ended(self) -> None:
        pause = _RENEW_EVERY
        while not self._ended.wait(pause):
            now = time.monotonic()
            try:
                renewed = self._renew()
            except self._address.errors as error:
                self._connection.close()
                if time.monotonic() > self._renewed + DURATION:
                    self._on_loss(self._out_of_reach(error))
                    return
                pause = _RETRY_EVERY
                continue
            if not renewed:
                self._on_loss(self.taken_over())
                return
            pause, self._renewed = _RENEW_EVERY, now

    def _renew(self) -> bool:
        if self._connection.closed:
            self._connection = self._address.connect()
            self._connection.execute(_QUICKLY)
        return self._connection.execute(_RENEW, (DURATION, self.fence)).fetchone() is not None

    def _out_of_reach(self, error: Exception) -> JournalError:
        return JournalError(
            f"the database of the journal {self._address} was out of reach for longer than the lease "
            f"({DURATION:g} s), and another process may have taken over ({error})"
        )

    def taken_over(self) -> JournalError:
        """Return the error for an owner whose lease is another's."""
        return JournalError(
            f"another process has taken the journal {self._address} over, since this one did not renew its "
            "lease in time; this one ends, with nothing stored that was not acknowledged"
        )

    # ---- giving up

    def give_up(self) -> None:
        """Let another process take over at once. Doing so twice is harmless."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self.fence and not self._end_on(connection):
            with contextlib.suppress(self._address.errors):  # else the lease ends by itself
                connection = self._address.connect()
                self._end_on(connection)
        connection.close()

    def _end_on(self, connection: Any) -> bool:
        try:
            connection.execute(_GIVE_UP, (self.fence,))
        except self._address.errors:
            connection.close()
            return False
        return True


def _name_of_this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
