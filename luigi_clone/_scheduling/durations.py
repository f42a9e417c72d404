"""How long runs of each family take."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from itertools import islice
from typing import Any

from luigi_clone._scheduling.attempts import Attempt, Attempts
from luigi_clone.task_status import DONE

_LATEST = 500
_A_WHILE = 1_024


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which ``part`` (0 to 1) of the ordered values are."""
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class Durations:
    """The seconds that the latest runs of each family took that came to DONE."""

    def __init__(self) -> None:
        self._seen = 0
        self._latest: dict[str, deque[float]] = {}
        self._usual: dict[str, dict[str, Any]] = {}

    def catch_up(self, attempts: Attempts) -> Generator[None, None, None]:
        """Take in the runs that have ended since the last time."""
        new = min(attempts.number - self._seen, len(attempts.ended))
        self._seen = attempts.number
        ended = list(islice(reversed(attempts.ended), new))
        ended.reverse()
        for start in range(0, len(ended), _A_WHILE):
            for attempt in ended[start : start + _A_WHILE]:
                seconds = _seconds(attempt)
                if seconds is not None and attempt.status == DONE:
                    self._usual.pop(attempt.family, None)
                    known = self._latest.get(attempt.family)
                    if known is None:
                        known = self._latest[attempt.family] = deque(maxlen=_LATEST)
                    known.append(seconds)
            yield

    def usual(self, family: str) -> dict[str, Any]:
        """Return how many of the latest runs of a family are known, their median and 95th percentile."""
        usual = self._usual.get(family)
        if usual is None:
            ordered = sorted(self._latest.get(family, ()))
            usual = self._usual[family] = {
                "n": len(ordered),
                "p50": quantile(ordered, 0.5) if ordered else None,
                "p95": quantile(ordered, 0.95) if ordered else None,
            }
        return usual


def _seconds(attempt: Attempt) -> float | None:
    if attempt.start is None or attempt.end is None or attempt.end < attempt.start:
        return None
    return attempt.end - attempt.start


def by_family(
    ended: Iterable[Attempt], since: float | None, until: float | None
) -> Generator[None, None, list[dict[str, Any]]]:
    """Return how long the runs of each family took that ended between two times, the longest family first."""
    kept = list(ended)  # runs end while others have their turn
    runs: dict[str, list[float]] = {}
    failed: dict[str, int] = {}
    number: dict[str, int] = {}
    for start in range(0, len(kept), _A_WHILE):
        for attempt in kept[start : start + _A_WHILE]:
            end = attempt.end or 0.0
            if (since is not None and end < since) or (until is not None and end > until):
                continue
            number[attempt.family] = number.get(attempt.family, 0) + 1
            if attempt.status != DONE:
                failed[attempt.family] = failed.get(attempt.family, 0) + 1
            seconds = _seconds(attempt)
            if seconds is not None:
                runs.setdefault(attempt.family, []).append(seconds)
        yield
    told = []
    for family, count in number.items():
        ordered = sorted(runs.get(family, ()))
        parts = {name: quantile(ordered, part) if ordered else None for name, part in _PARTS.items()}
        told.append({"family": family, "attempts": count, "failed": failed.get(family, 0), **parts})
        yield
    return sorted(told, key=lambda one: (-(one["p50"] or 0.0), one["family"]))


_PARTS = {"p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "longest": 1.0}
