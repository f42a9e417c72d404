"""What callers were answered: a call that comes again because its answer was lost is not made again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

KEPT = 256
"""So many answers are remembered for each client; it repeats only the last few calls."""
MANY_CLIENTS = 10_000
"""So many clients are remembered; those that were silent for longest are forgotten first."""


class Answer(NamedTuple):
    """The result of a call and what went back beside it.

    Of a grant by ``get_work``, ``response`` names only the task or batch: the rest is told anew.
    """

    response: Any
    lease: int | None = None
    worker_is_new: bool = False


class _Client:
    __slots__ = ("answers", "granted", "worker")

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.granted: tuple[str, int] | None = (
            None  # worker and number of the latest call by which it got work
        )
        self.worker: str | None = None


class Answers:
    """Answers by client and number of the call."""

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}  # the one that was silent for longest comes first
        self._of_worker: dict[str, set[str]] = {}

    def find(self, client: str, number: int) -> Answer | None:
        """Return what was answered to a call, None if it is not remembered."""
        record = self._clients.get(client)
        return None if record is None else record.answers.get(number)

    def is_outdated(self, client: str, number: int, worker: str | None) -> bool:
        """Tell whether the worker was given something in answer to a later call: it has moved on since."""
        record = self._clients.get(client)
        granted = None if record is None else record.granted
        return granted is not None and granted[0] == worker and number < granted[1]

    def keep(self, client: str, number: int, worker: str | None, answer: Answer) -> None:
        """Remember an answer; with ``worker``, until that worker is gone."""
        record = self._clients.pop(client, None)
        if record is None:
            record = _Client()
            if len(self._clients) >= MANY_CLIENTS:
                self._forget(next(iter(self._clients)))
        self._clients[client] = record
        if worker is not None and worker != record.worker:
            self._part(client, record)
            record.worker = worker
            self._of_worker.setdefault(worker, set()).add(client)
        answers = record.answers
        answers[number] = answer
        if answer.lease is not None and worker is not None:
            latest = record.granted
            if latest is None or latest[0] != worker or latest[1] < number:
                record.granted = worker, number
        if len(answers) > KEPT:
            del answers[next(iter(answers))]

    def forget_worker(self, worker: str) -> None:
        """Forget what the clients of a worker were answered."""
        for client in self._of_worker.pop(worker, ()):
            self._clients.pop(client, None)

    def knows_worker(self, worker: str) -> bool:
        """Tell whether an answer to a worker is remembered: it numbers its calls, as a stock one does not."""
        return worker in self._of_worker

    def all(self) -> Iterator[tuple[str, int, str | None, Answer]]:
        """Return client, number, worker and answer of all that is remembered, oldest first."""
        for client, record in self._clients.items():
            for number, answer in record.answers.items():
                yield client, number, record.worker, answer

    def _forget(self, client: str) -> None:
        self._part(client, self._clients.pop(client))

    def _part(self, client: str, record: _Client) -> None:
        others = None if record.worker is None else self._of_worker.get(record.worker)
        if others is not None and record.worker is not None:
            others.discard(client)
            if not others:
                del self._of_worker[record.worker]
