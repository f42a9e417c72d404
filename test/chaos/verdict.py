"""What the lines of all attempts, and the list of what was done to whom, say about a siege."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from test.chaos.plan import DONE, NEVER, Piece


class Attempt(NamedTuple):
    """One run of a task; ``end`` is infinite where nothing says when it ended."""

    key: str
    worker: str
    pid: int
    begin: float
    end: float
    outcome: str


class Silence(NamedTuple):
    """A time in which a process could not say anything: it was stopped, or dead (``until`` is infinite)."""

    since: float
    until: float


class Problem(NamedTuple):
    """Something that must not happen, and the task it happened to."""

    kind: str
    key: str
    text: str


def attempts_of(lines: Iterable[str], deaths: Mapping[int, Sequence[float]]) -> list[Attempt]:
    """Read the lines of attempts; one that did not end has ended with its process, going by ``deaths``.

    A number can be that of several processes, one after the other.
    """
    begun: dict[str, tuple[str, str, int, float]] = {}
    attempts = []
    for line in lines:
        what, key, name, worker, pid, when = line.split()
        if what == "begin":
            begun[name] = key, worker, int(pid), float(when)
        else:
            attempts.append(Attempt(*begun.pop(name), float(when), what))
    for key, worker, pid, begin in begun.values():
        end = min((death for death in deaths.get(pid, ()) if death >= begin), default=math.inf)
        attempts.append(Attempt(key, worker, pid, begin, end, "killed"))
    return sorted(attempts, key=lambda attempt: attempt.begin)


class Hearing:
    """How far a scheduler that drops a worker after ``delay`` seconds of silence has to know of an attempt.

    ``margin`` is how long before its silence a worker may have been heard for the last time, and how long
    after it some work of before may begin.
    """

    def __init__(
        self,
        silences: Mapping[str, Sequence[Silence]],
        scheduler_away: Sequence[Silence],
        delay: float,
        margin: float,
    ) -> None:
        self._delay, self._margin = delay - margin, margin
        self._long: dict[str, list[Silence]] = {}
        for worker, of_worker in silences.items():
            widened = (self._widened(one, scheduler_away) for one in of_worker)
            self._long[worker] = [one for one in widened if one.until - one.since >= self._delay]

    def _widened(self, silence: Silence, scheduler_away: Sequence[Silence]) -> Silence:
        """Begin the silence before it, where nothing could be heard because nobody listened."""
        since = silence.since
        for away in sorted(scheduler_away, reverse=True):
            if away.since <= since <= away.until + self._margin:
                since = away.since
        return Silence(since, silence.until)

    def known_end(self, attempt: Attempt) -> float | None:
        """Return until when the attempt keeps others off; None if it began when its worker was forgotten."""
        end = attempt.end
        for silence in self._long.get(attempt.worker, ()):
            forgotten = silence.since + self._delay
            if forgotten <= attempt.begin <= silence.until + self._margin:
                return None
            if attempt.begin < forgotten:
                end = min(end, forgotten)
        return end


def double_runs(attempts: Sequence[Attempt], hearing: Hearing) -> list[Problem]:
    """Find tasks of which two attempts overlap while the workers of both were heard."""
    latest: dict[str, tuple[float, Attempt]] = {}
    problems = []
    for attempt in attempts:
        end = hearing.known_end(attempt)
        if end is None:
            continue
        known, other = latest.get(attempt.key, (-math.inf, attempt))
        if attempt.begin < known:
            text = f"begun by worker {attempt.worker} while worker {other.worker} was running it"
            problems.append(Problem("double run", attempt.key, text))
        if end > known:
            latest[attempt.key] = end, attempt
    return problems


def excesses(
    attempts: Sequence[Attempt], hearing: Hearing, pieces: Mapping[str, Piece], limits: Mapping[str, int]
) -> tuple[list[Problem], dict[str, int]]:
    """Find where more of a resource was used than there is; also return the most that was ever used."""
    moments = []
    for attempt in attempts:
        end = hearing.known_end(attempt)
        for resource, amount in pieces[attempt.key].resources.items():
            if end is not None:
                # what ends makes room for what begins in the same moment
                moments.append((attempt.begin, 1, resource, amount, attempt.key))
                moments.append((end, 0, resource, -amount, attempt.key))
    used: dict[str, int] = defaultdict(int)
    most: dict[str, int] = defaultdict(int)
    problems = []
    for _, begins, resource, amount, key in sorted(moments):
        used[resource] += amount
        most[resource] = max(most[resource], used[resource])
        if begins and used[resource] > limits[resource]:
            text = f"{used[resource]} of {resource} in use, there is {limits[resource]}"
            problems.append(Problem("too much of a resource", key, text))
    return problems, dict(most)


def wrong_runs(attempts: Iterable[Attempt], pieces: Mapping[str, Piece]) -> list[Problem]:
    """Find tasks that ran before what they need, or without any hope for it."""
    problems = []
    for attempt in attempts:
        if attempt.outcome == "early":
            problems.append(Problem("began too early", attempt.key, "something that it needs was not done"))
        elif pieces[attempt.key].fate == NEVER:
            problems.append(Problem("began too early", attempt.key, "what it needs always fails"))
    return problems


def losses(pieces: Mapping[str, Piece], done: Collection[str], statuses: Mapping[str, str]) -> list[Problem]:
    """Find tasks of a finished round that are missing, or are not what has to become of them.

    ``done`` has the tasks that have reached their aim. One of them may be PENDING: see :func:`outdated`.
    """
    problems = []
    for key, piece in pieces.items():
        status = statuses.get(key)
        wanted = {DONE: "DONE", NEVER: "PENDING"}.get(piece.fate, "DISABLED")
        if status is None:
            problems.append(Problem("lost", key, "the scheduler does not know it"))
        elif piece.fate == DONE and key not in done:
            text = "it has never been done" if status == "DONE" else "it is not done"
            problems.append(Problem("lost" if status == "DONE" else "stuck", key, f"{text}; status {status}"))
        elif status != wanted and not (key in done and status == "PENDING"):
            problems.append(Problem("stuck", key, f"it is {status} and should be {wanted}"))
    return problems


def outdated(done: Collection[str], statuses: Mapping[str, str]) -> list[str]:
    """Return the tasks that are done, while the scheduler shows what a worker knew that had been forgotten.

    Such a worker registers its tasks again as it saw them before. Who needs one of them has seen that it is
    complete, so nothing waits for it: a task that did wait is found among those that are not done.
    """
    return [key for key in done if statuses.get(key) == "PENDING"]
