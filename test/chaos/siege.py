"""A siege: a scheduler and its workers at work while they are killed and stopped at random."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from test.chaos.plan import DONE, LIMITS, Piece, Plan
from test.chaos.processes import Place, Process, descendants_of
from test.chaos.verdict import (
    Attempt,
    Hearing,
    Problem,
    Silence,
    attempts_of,
    double_runs,
    excesses,
    losses,
    outdated,
    wrong_runs,
)
from test.chaos.worker import NO_SCHEDULER

WORKERS = 8
DISCONNECT_DELAY = 8.0
_MARGIN = 3.0
_PATIENCE = 60.0
"""Seconds without any progress, while nobody does any harm, after which what is left is stuck."""
_START = 60.0
SECTIONS: dict[str, dict[str, Any]] = {
    "core": {"rpc_connect_timeout": 5, "rpc_retry_wait": 1, "rpc_retry_attempts": 5, "no_lock": "true"},
    "worker": {"wait_interval": 0.2, "wait_jitter": 0.3, "ping_interval": 1, "max_reschedules": 1000},
    "scheduler": {
        "retry_delay": 1,
        "worker_disconnect_delay": DISCONNECT_DELAY,
        "remove_delay": 86400,
        "prune_on_get_work": "true",
    },
    "resources": LIMITS,
}
_KINDS = {
    "worker killed": 4,
    "worker killed with its tasks": 3,
    "worker stopped": 5,
    "task killed": 3,
    "scheduler killed": 4,
    "scheduler stopped": 2,
}


class Siege:
    """One run. ``say`` is called with lines for whoever watches."""

    def __init__(
        self, seconds: float, seed: int, tasks: int, folder: Path | None, say: Callable[[str], None]
    ) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="chaos-"))
        self.plan = Plan(seed, tasks)
        self.place = Place(self.folder, seed, tasks, SECTIONS)
        self._draw = random.Random(seed)
        self._say = say
        self._begin = time.monotonic()
        # at the end there is peace, in which everything has to come to its end
        self._peace = self._begin + max(seconds * 0.6, seconds - 60)
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._later_number = 0
        self._next_harm = self._begin
        self._next_line = self._next_look = self._begin
        self._round = 0
        self.pieces: dict[str, Piece] = {}
        self._lives: Counter[int] = Counter()
        self._workers: dict[int, tuple[str, Process]] = {}
        self._silences: dict[str, list[Silence]] = {}
        self._scheduler_silences: list[Silence] = []
        self._deaths: dict[int, list[float]] = {}
        self.harms: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self._known: set[str] | None = None
        self._read = 0
        self._lines: list[str] = []
        self._done: set[str] = set()
        self._progress = self._begin
        self.most: dict[str, int] = {}
        self.statuses: dict[str, str] = {}

    # ---- the course of it

    def run(self) -> bool:
        """Work through rounds until the time is over; return whether all went well."""
        self._scheduler = self._start_scheduler()
        try:
            while not self.problems and (self._round == 0 or time.monotonic() < self._peace):
                self._run_round()
            self._end_workers()
            if not self.problems and (code := self._scheduler.end(20)) != 0:
                self._note("scheduler", "", f"luigid ended with {code} when it was asked to end")
        finally:
            self._kill_all()
        self._judge()
        return not self.problems

    def _run_round(self) -> None:
        self._round += 1
        pieces = self.plan.round(self._round)
        self.pieces |= pieces
        self._progress = time.monotonic()
        while not self.problems:
            self._turn()
            if self._is_finished(pieces):
                break
            if time.monotonic() - max(self._progress, self._peace) > _PATIENCE:
                self._find_stuck(pieces)
                break
        if self.problems:
            return
        self._calm()
        self._end_workers()
        self.statuses |= self.place.statuses() or {}
        self.problems += losses(pieces, self._done, self.statuses)

    def _turn(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()
        if now < self._peace:
            if now >= self._next_harm:
                self._next_harm = now + self._draw.expovariate(1 / 1.5)
                self._do_harm()
        elif self._later:
            self._calm()
        self._look_after_scheduler()
        for number in range(WORKERS):
            self._look_after_worker(number)
        self._read_attempts()
        if now >= self._next_line:
            self._next_line = now + 5
            self._say(self._line())
        time.sleep(0.05)

    def _calm(self) -> None:
        """Do at once all that was put off: what is stopped goes on, a killed scheduler begins again."""
        while self._later:
            heapq.heappop(self._later)[2]()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._later_number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._later_number, action))

    def _line(self) -> str:
        passed = time.monotonic() - self._begin
        harm = ", ".join(f"{kind} {count}" for kind, count in sorted(self.harms.items()))
        done = sum(key in self._done for key in self.pieces)
        return f"{passed:5.0f} s  round {self._round}: {done:,} of {len(self.pieces):,} tasks done; {harm}"

    # ---- progress

    def _read_attempts(self) -> None:
        with self.place.attempts.open(encoding="ascii") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        self._lines += whole.splitlines()
        if whole:
            self._progress = time.monotonic()
            # one that is killed in between has left what it makes, and no line
            self._done = set(os.listdir(self.folder / "done"))

    def _is_finished(self, pieces: dict[str, Piece]) -> bool:
        now = time.monotonic()
        if now < self._next_look or any(
            key not in self._done for key, piece in pieces.items() if piece.fate == DONE
        ):
            return False
        self._next_look = now + 1
        statuses = None if self._later else self.place.statuses()
        if statuses is None:
            return False
        return not losses(pieces, self._done, statuses)

    def _find_stuck(self, pieces: dict[str, Piece]) -> None:
        statuses = self.place.statuses()
        if statuses is None:
            self._note("scheduler", "", "it does not answer")
            return
        self.statuses |= statuses
        self.problems += losses(pieces, self._done, statuses)

    # ---- harm

    def _do_harm(self) -> None:
        [kind] = self._draw.choices(list(_KINDS), list(_KINDS.values()))
        number = self._draw.randrange(WORKERS)
        seconds = self._draw.uniform(0.1, 1.8 * DISCONNECT_DELAY)
        pick = self._draw.random()
        if kind.startswith("scheduler"):
            done = self._harm_scheduler(kind, seconds)
        else:
            done = self._harm_worker(kind, number, seconds, pick)
        if done:
            self.harms[kind] += 1

    def _harm_scheduler(self, kind: str, seconds: float) -> bool:
        scheduler = self._scheduler
        if scheduler.is_stopped or scheduler.was_killed:
            return False
        if kind == "scheduler stopped":
            scheduler.stop()
            self._after(seconds / 1.5, scheduler.go_on)
            return True
        statuses = self.place.statuses()
        if statuses is not None:
            self._known = set(statuses)
        scheduler.kill()
        self._after(seconds / 5, self._restart_scheduler)
        return True

    def _harm_worker(self, kind: str, number: int, seconds: float, pick: float) -> bool:
        if number not in self._workers:
            return False
        worker = self._workers[number][1]
        if worker.exit_code is not None or worker.is_stopped:
            return False
        if kind == "worker stopped":
            worker.stop()
            self._after(seconds, lambda: self._continue_worker(worker))
            return True
        if kind == "worker killed":
            worker.kill()
        else:
            below = descendants_of(worker.pid)
            if kind == "worker killed with its tasks":
                worker.stop()
                below = descendants_of(worker.pid)
                worker.kill()
            elif not below:
                return False
            else:
                below = [below[int(pick * len(below))]]
            for pid in below:
                self._kill_below(pid)
        return True

    @staticmethod
    def _continue_worker(worker: Process) -> None:
        if worker.exit_code is None:
            worker.go_on()

    def _kill_below(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self._note_death(pid, time.monotonic())

    def _note_death(self, pid: int, when: float) -> None:
        self._deaths.setdefault(pid, []).append(when)

    # ---- who was killed begins again

    def _start_scheduler(self) -> Process:
        log = self.folder / "luigid.log"
        before = log.read_text().count("Scheduler starting up") if log.exists() else 0
        scheduler = self.place.start_scheduler()
        deadline = time.monotonic() + _START
        while log.read_text().count("Scheduler starting up") == before:
            if scheduler.exit_code is not None or time.monotonic() > deadline:
                self._note("scheduler", "", f"luigid does not start: exit code {scheduler.exit_code}")
                break
            time.sleep(0.02)
        return scheduler

    def _restart_scheduler(self) -> None:
        [silence] = [one for one in self._scheduler.silences if one.until > time.monotonic()]
        self._scheduler_silences += self._scheduler.silences
        self._scheduler = self._start_scheduler()
        self._scheduler_silences.remove(silence)
        self._scheduler_silences.append(Silence(silence.since, time.monotonic()))
        statuses = self.place.statuses() if self._known is not None else None
        if statuses is not None and self._known is not None:
            for key in sorted(self._known - statuses.keys()):
                self._note("lost", key, "the scheduler has forgotten it over a restart")
        self._known = None

    def _look_after_scheduler(self) -> None:
        code = self._scheduler.exit_code
        if code is not None and not self._scheduler.was_killed:
            self._note("scheduler", "", f"luigid has ended with {code}")

    def _look_after_worker(self, number: int) -> None:
        if number in self._workers:
            name, worker = self._workers[number]
            code = worker.exit_code
            if code is None:
                return
            if not worker.was_killed and code not in (0, NO_SCHEDULER):
                self._note("worker", "", f"worker {name} has ended with {code}: see {worker.log}")
            self._file(name, worker)
        self._lives[number] += 1
        life = self._lives[number]
        self._workers[number] = (
            f"{number}.{life}",
            self.place.start_worker(self._round, number, WORKERS, life),
        )

    def _file(self, name: str, worker: Process) -> None:
        self._silences[name] = worker.silences
        if worker.silences and worker.was_killed:
            self._note_death(worker.pid, worker.silences[-1].since)

    def _end_workers(self) -> None:
        for name, worker in self._workers.values():
            below = descendants_of(worker.pid)
            if worker.exit_code is None and worker.end(20) is None:
                self._note("worker", "", f"worker {name} does not end when it is asked to: see {worker.log}")
            for pid in (worker.pid, *below):
                self._note_death(pid, time.monotonic())
            self._file(name, worker)
        self._workers.clear()

    def _kill_all(self) -> None:
        for name, worker in self._workers.values():
            below = descendants_of(worker.pid)
            if worker.exit_code is None:
                worker.kill()
            for pid in below:
                self._kill_below(pid)
            self._file(name, worker)
        if self._scheduler.exit_code is None:
            self._scheduler.kill()
        self._scheduler_silences += self._scheduler.silences

    # ---- the verdict

    def _note(self, kind: str, key: str, text: str) -> None:
        self.problems.append(Problem(kind, key, text))

    def _judge(self) -> None:
        self._read_attempts()
        hearing = Hearing(self._silences, self._scheduler_silences, DISCONNECT_DELAY, _MARGIN)
        attempts = self._attempts = attempts_of(self._lines, self._deaths)
        self.problems += double_runs(attempts, hearing)
        found, self.most = excesses(attempts, hearing, self.pieces, LIMITS)
        self.problems += found + wrong_runs(attempts, self.pieces)

    def verdict(self) -> list[str]:
        """Return what came of it, in lines."""
        kinds = Counter(problem.kind for problem in self.problems)
        outcomes = Counter(attempt.outcome for attempt in self._attempts)
        most = ", ".join(f"{self.most.get(name, 0)} of {limit} {name}" for name, limit in LIMITS.items())
        lines = [
            f"{len(self.pieces):,} tasks in {self._round} rounds of {len(self.plan.round(1)):,}, "
            f"{time.monotonic() - self._begin:.0f} s; attempts: "
            + ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common()),
            f"{kinds['lost']} lost, {kinds['double run']} double runs, {kinds['stuck']} stuck; "
            f"most in use: {most}",
            f"{len(outdated(self._done, self.statuses))} done tasks are shown as PENDING",
            "harm done: " + ", ".join(f"{kind} {count}" for kind, count in sorted(self.harms.items())),
        ]
        for problem in self.problems[:20]:
            lines.append(f"PROBLEM: {problem.kind}: {problem.key or '-'}: {problem.text}")
        if self.problems:
            lines += self.story(next((one.key for one in self.problems if one.key), ""))
            lines.append(f"Logs, journal and attempts: {self.folder}")
        return lines

    def story(self, key: str) -> list[str]:
        """Return what happened to a task, as far as anybody has written it down."""
        if not key:
            return []
        lines = [f"The story of {key}: {self.pieces[key]}", f"  status: {self.statuses.get(key)}"]
        for attempt in self._attempts:
            if attempt.key == key:
                lines.append(f"  {self._told(attempt)}")
        name = key.replace("-", "_")
        for log in [self.folder / "luigid.log", *sorted(self.folder.glob("worker-*.log"))]:
            found = [
                line for line in log.read_text().splitlines() if f"_{name}_" in line or f"={key})" in line
            ]
            lines += [f"  {log.name}: {line}" for line in found[-20:]]
        return lines

    def _told(self, attempt: Attempt) -> str:
        silences = ", ".join(
            f"{one.since - self._begin:.2f}-{one.until - self._begin:.2f}"
            for one in self._silences.get(attempt.worker, ())
        )
        return (
            f"{attempt.begin - self._begin:.2f}-{attempt.end - self._begin:.2f} s {attempt.outcome} "
            f"by worker {attempt.worker}, process {attempt.pid}"
            + (f"; silent {silences}" if silences else "")
        )

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)
