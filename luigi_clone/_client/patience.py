"""How often a request is tried, and what is waited for between the attempts."""

from __future__ import annotations

import random
import time

# Answers that another attempt cannot change: the request itself is refused.  404 and 5xx are not among them,
# because proxies give them while the server behind restarts.
_FINAL_STATUS = frozenset({400, 401, 403, 405, 409, 411, 413, 414, 415, 422, 431})
# Answers of a server that is away or busy, or of a proxy before it.
_AWAY_STATUS = frozenset({408, 425, 429, 502, 503, 504})

_GROWTH = 4
"""How much longer each wait is than the one before, under Luigi's rule."""
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 15.0
"""A scheduler that is back has to hear of its workers within ``worker_disconnect_delay``."""


def status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status that an exception of a transport stands for, if any."""
    response = getattr(error, "response", None)
    status = getattr(error, "code", None) or getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def reason_of(error: BaseException) -> str | None:
    """Return what our server says of a refusal: the paragraph in the body of its answer."""
    import html
    import re

    response = getattr(error, "response", None)
    text = getattr(response, "text", None)
    said = getattr(getattr(error, "fp", None), "getvalue", None)
    if text is None and said is not None:
        text = said().decode("utf-8", "replace")
    found = re.search(r"<p>(.*?)</p>", text, re.DOTALL) if isinstance(text, str) else None
    return html.unescape(found.group(1)).strip() if found else None


def is_away(error: BaseException | None) -> bool:
    """Tell whether an exception means that nobody answers, and not that the answer is no."""
    status = status_of(error)
    return status is None or status in _AWAY_STATUS


class Attempts:
    """The attempts of one request.

    Luigi's rule gives ``count`` attempts and ``count - 1`` waits of ``wait`` seconds.  Here the waits grow,
    are not the same for all workers, and are as long together.  It holds until the scheduler has answered
    once; from then on a scheduler that is away is waited for ``patience`` seconds, unless the answer is one
    that the request itself may be the reason of.
    """

    def __init__(self, count: int, wait: float, patience: float) -> None:
        self.count = max(1, count)
        self.made = 0
        self._wait = wait
        self._patience = patience
        self._began = time.monotonic()
        self._waited = 0.0
        self.in_patience = False

    def next_wait(self, error: Exception) -> float | None:
        """Count a failed attempt; return how long to wait for the next one, ``None`` to give up."""
        self.made += 1
        status = status_of(error)
        if status in _FINAL_STATUS:
            return None
        self.in_patience = self._patience > 0 and is_away(error)
        if self.in_patience and self.left() > 0:
            pause = min(self._growing_wait(), max(self.left(), 0.01))
        elif self.made < self.count:
            pause = self._wait_by_luigis_rule()
        else:
            return None
        self._waited += pause
        return pause

    def left(self) -> float:
        """Return the seconds of patience that are left."""
        return self._patience - max(time.monotonic() - self._began, self._waited)

    def _growing_wait(self) -> float:
        longest = max(1.0, min(self._wait, _LONGEST_WAIT))
        wait: float = min(longest, _FIRST_WAIT * 2.0 ** min(self.made - 1, 16))
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret

    def _wait_by_luigis_rule(self) -> float:
        waits = self.count - 1
        whole = waits * self._wait
        share: float = _GROWTH ** (self.made - 1) * (_GROWTH - 1) / (_GROWTH**waits - 1)
        return whole * share * random.uniform(1.0, 1.25)  # noqa: S311
