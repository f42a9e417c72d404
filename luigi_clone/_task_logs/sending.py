"""The thread that sends what tasks write to the scheduler, at most once in a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from luigi_clone._task_logs.recording import Piece, Recording

logger = logging.getLogger("luigi-interface")

Send = Callable[[list[tuple[Recording, Piece]]], bool]
"""Sends pieces in one request; false if the scheduler has no use for them, raises if it cannot be reached."""

INTERVAL = 0.8
"""Seconds between two requests: what was written a second ago is to be seen."""
_GATHER = 0.05
_MOST_OF_ONE = 65_536
_MOST = 262_144
_LONGEST_PAUSE = 30.0
_LAST_WORDS = 2.0
_LAST_ROUNDS = 4


class TailSender:
    """Sends the tails of the logs of one worker; a scheduler that is away is tried less and less often."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._dirty: dict[Recording, None] = {}
        self._news = threading.Event()
        self._stopped = threading.Event()
        self._failures = 0
        self.is_wanted = True
        self._thread = threading.Thread(target=self._run, name="luigi-send-logs", daemon=True)
        self._thread.start()

    def note(self, recording: Recording) -> None:
        """Take note that there is something to send."""
        if not self.is_wanted:
            recording.send_no_more()
            return
        self._dirty[recording] = None
        if not self._news.is_set():
            self._news.set()

    def _run(self) -> None:
        last = -INTERVAL
        while self.is_wanted:
            self._news.wait()
            pause = INTERVAL * 2.0 ** min(self._failures, 10)
            due = max(last + min(pause, _LONGEST_PAUSE), time.monotonic() + _GATHER)
            if self._stopped.wait(due - time.monotonic()):
                break
            self._news.clear()
            last = time.monotonic()
            self._round()
        for _ in range(_LAST_ROUNDS):
            if not self.is_wanted or not self._dirty or self._failures:
                break
            self._round()

    def _round(self) -> None:
        """Make one request."""
        pieces: list[tuple[Recording, Piece]] = []
        total = 0
        for recording in list(self._dirty):
            piece = recording.next_piece(min(_MOST_OF_ONE, _MOST - total))
            if piece is not None:
                pieces.append((recording, piece))
                total += len(piece.text)
            if total >= _MOST:
                break
        try:
            wanted = not pieces or self._send(pieces)
        except Exception as error:
            if not self._failures:
                logger.debug("Could not send what tasks write to the scheduler: %s", error)
            self._failures += 1
            self._news.set()
            return
        self._failures = 0
        if not wanted:
            self.is_wanted = False
            self._dirty.clear()
            return
        for recording, piece in pieces:
            recording.note_sent(piece)
            self._dirty.pop(recording, None)
            # Looked at after it was taken out, so that nothing that comes meanwhile is left lying.
            if not recording.is_sent:
                self.note(recording)

    def close(self) -> None:
        """Send the rest, unless that takes long."""
        self._stopped.set()
        self._news.set()
        self._thread.join(_LAST_WORDS)
