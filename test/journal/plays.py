"""Plays scripts of calls to schedulers with a journal, kills them, and tells whether anything was lost.

Run as a program, it works through the tasks that it is given and prints what it found, one line a finding:
``python -m test.journal.plays FOLDER kill|seeds|torn|fail ARGUMENT…``.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import struct
import sys
from pathlib import Path
from typing import Any

from luigi_clone._journal import base
from luigi_clone._journal.base import JournalError
from luigi_clone._journal.sqlite import SqliteJournal
from luigi_clone._scheduler import condensing
from luigi_clone._scheduling.invariants import validate
from luigi_clone.scheduler import Scheduler
from test.scheduling.machines import fields
from test.scheduling.scripts import Step, claim, random_script

OPTIONS: dict[str, Any] = {
    "retry_delay": 20.0,
    "remove_delay": 100.0,
    "worker_disconnect_delay": 60.0,
    "disable_window": 60,
    "disable_persist": 50,
    "stable_done_cooldown_secs": 2,
    "prune_on_get_work": True,
}
OFF, KILL_BEFORE, KILL_WITHIN, FAIL, RECORD = range(5)
WRITE, SYNC, TRUNCATE, MARK = range(1, 5)
SECTOR = 512


def snapshots_all_the_time() -> None:
    """Let snapshots begin, go on and be tidied up in the course of a short script."""
    base.LEAST_WORTH_A_SNAPSHOT = 4000
    condensing.SHARE = 1
    condensing._FIRST_SIZE = condensing._SMALLEST_SIZE = condensing._LARGEST_SIZE = 2


class Play:
    """One script, and the state after each of its calls."""

    def __init__(self, seed: int, length: int) -> None:
        self.script = random_script(random.Random(seed), length)
        self.states: list[str] = []
        self.play(self._scheduler("nowhere"), self._note)

    def _scheduler(self, path: Any) -> Scheduler:
        scheduler = Scheduler(resources={"s": 2}, state_path=str(path), **OPTIONS)
        scheduler._clock = lambda: 1000.0
        return scheduler

    def _note(self, scheduler: Scheduler) -> None:
        self.states.append(canonical(scheduler))

    def play(self, scheduler: Scheduler, after_each: Any) -> None:
        after_each(scheduler)
        now = 1000.0
        todo: list[Step] = list(self.script)
        while todo:
            seconds, method, arguments = todo.pop(0)
            now += seconds
            scheduler._clock = lambda moment=now: moment  # type: ignore[misc]
            reply = getattr(scheduler, method)(**arguments)
            if method == "get_work":
                claiming = claim(reply, arguments["worker"])
                if claiming is not None:
                    todo.insert(0, claiming)
            after_each(scheduler)

    def live(self, path: Path, acknowledge: Any) -> None:
        """Play with a journal at ``path``; ``acknowledge`` is told the number of calls that have returned."""
        scheduler = self._scheduler(path)
        scheduler.load()
        made = -1

        def after_each(_: Scheduler) -> None:
            nonlocal made
            made += 1
            acknowledge(made)

        try:
            self.play(scheduler, after_each)
        finally:
            scheduler._journal.close()

    def problem(self, path: Path, acknowledged: int) -> str | None:
        """Start again at ``path``; say what is wrong, if anything is, when so many calls had returned."""
        scheduler = self._scheduler(path)
        try:
            scheduler.load()
        except JournalError as error:
            return str(error)
        validate(scheduler._machine)
        found = canonical(scheduler)
        scheduler.add_task(task_id="afterwards", worker="w")
        scheduler._journal.close()
        again = self._scheduler(path)
        again.load()
        goes_on = again._state.has_task("afterwards")
        again._journal.close()
        if not goes_on:
            return "what was told after the new start is lost"
        if found in self.states[max(acknowledged, 0) : acknowledged + 2]:
            return None
        if found in self.states:
            return f"call {self.states.index(found)} was the last, {acknowledged} had returned"
        return "the state is that of no call"


def canonical(scheduler: Scheduler) -> str:
    """Return all that must come back, as a text that can be compared."""
    return json.dumps(fields(scheduler._machine), default=_plainly, sort_keys=True)


def _plainly(value: Any) -> Any:
    return sorted(value) if isinstance(value, (set, frozenset)) else dict(value)


class Shim:
    """The preloaded library, which sees every write."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)

    def arm(self, folder: Path, mode: int, at: int = 0, error: int = 0, fd: int = -1) -> None:
        self._library.shim_arm(os.fsencode(folder), mode, ctypes.c_long(at), error, fd)

    def mark(self, number: int) -> None:
        self._library.shim_mark(ctypes.c_long(number))

    def count(self) -> int:
        return int(self._library.shim_count())


def die_at(play: Play, folder: Path, shim: Shim, mode: int, at: int) -> tuple[bool, str | None]:
    """Play in a child that dies at its ``at``-th write; tell whether it came to that, and what is wrong."""
    folder.mkdir(parents=True)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            shim.arm(folder, mode, at)
            play.live(folder / "state.sqlite", lambda made: os.write(writing, struct.pack("i", made)))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as acknowledgements:
        told = acknowledgements.read()
    _, status = os.waitpid(child, 0)
    acknowledged = struct.unpack_from("i", told, len(told) - 4)[0] if told else -1
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    problem = play.problem(folder / "state.sqlite", acknowledged)
    shutil.rmtree(folder)
    return killed, problem


def kill_everywhere(folder: Path, step: int, offset: int) -> None:
    """Kill a script of 200 calls at every ``step``-th write."""
    play, shim = Play(1, 200), Shim()
    at, runs = 1 + offset, 0
    while True:
        mode = KILL_WITHIN if at % 2 else KILL_BEFORE
        killed, problem = die_at(play, folder / str(at), shim, mode, at)
        if problem is not None:
            print(f"killed at write {at} (mode {mode}): {problem}", flush=True)
        if not killed:
            break
        at, runs = at + step, runs + 1
    print(f"{runs} kills, {at - step} writes")


def kill_at_random(folder: Path, seeds: int, length: int) -> None:
    """Kill longer scripts at random writes."""
    shim = Shim()
    runs = 0
    for seed in range(seeds):
        play, rng = Play(seed, length), random.Random(seed)
        for _ in range(3):
            at = rng.randint(1, 3 * length)
            mode = rng.choice([KILL_BEFORE, KILL_WITHIN])
            killed, problem = die_at(play, folder / f"{seed}_{at}", shim, mode, at)
            runs += killed
            if problem is not None:
                print(f"seed {seed}, killed at write {at} (mode {mode}): {problem}", flush=True)
    print(f"{runs} kills")


# ---- power cuts


Operation = tuple[int, int, int, bytes]


def recorded(play: Play, folder: Path, shim: Shim) -> tuple[bytes, list[Operation]]:
    """Play; return the file as it was made, and what was written then (kind, file, offset, data)."""
    folder.mkdir(parents=True)
    log, path = folder / "log", folder / "state.sqlite"
    with SqliteJournal(path) as journal:
        journal.open()
    made = path.read_bytes()
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    shim.arm(folder, RECORD, fd=fd)
    play.live(path, shim.mark)
    shim.arm(folder, OFF)
    os.close(fd)
    data, place = log.read_bytes(), 0
    operations: list[Operation] = []
    while place < len(data):
        operation, file, offset, length = struct.unpack_from("iiqq", data, place)
        place += 24
        content = data[place : place + length] if operation == WRITE else b""
        place += len(content)
        operations.append((operation, file, offset, content))
    shutil.rmtree(folder)
    return made, operations


class Disk:
    """A file as the program sees it, and what of that is sure to survive a power cut."""

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.pending: list[tuple[int, int, bytes]] = []

    def sync(self) -> None:
        for operation, offset, content in self.pending:
            self._apply(self.durable, operation, offset, content)
        self.pending.clear()

    @staticmethod
    def _apply(file: bytearray, operation: int, offset: int, content: bytes) -> None:
        if operation == TRUNCATE:
            del file[offset:]
        if len(file) < offset:
            file.extend(bytes(offset - len(file)))
        if operation == WRITE:
            file[offset : offset + len(content)] = content

    def after_power_cut(self, rng: random.Random) -> bytes:
        """Return what may be found: of what was not synced, any sectors may be there or not."""
        file = bytearray(self.durable)
        chance = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for operation, offset, content in self.pending:
            if operation == TRUNCATE:
                if rng.random() < chance:
                    self._apply(file, TRUNCATE, offset, b"")
                continue
            for start in range(0, len(content), SECTOR):
                if rng.random() < chance:
                    self._apply(file, WRITE, offset + start, content[start : start + SECTOR])
        return bytes(file)


def cut_power(folder: Path, seeds: int) -> None:
    """Build what a power cut at a random moment could leave, and start again from it."""
    shim, cuts = Shim(), 0
    for number in range(max(1, seeds // 500)):
        play = Play(1000 + number, 80)
        made, operations = recorded(play, folder / "live", shim)
        for seed in range(min(seeds, 500)):
            rng = random.Random(f"{number} {seed}")
            problem = _cut(play, made, operations, folder / "cut", rng)
            cuts += 1
            if problem is not None:
                print(f"script {number}, cut {seed}: {problem}", flush=True)
    print(f"{cuts} power cuts")


def _cut(
    play: Play, made: bytes, operations: list[Operation], folder: Path, rng: random.Random
) -> str | None:
    disks, acknowledged = [Disk(made), Disk()], -1
    for operation, file, offset, content in operations[: rng.randint(0, len(operations))]:
        if operation == MARK:
            acknowledged = offset
        elif operation == SYNC:
            disks[file].sync()
        else:
            disks[file].pending.append((operation, offset, content))
    folder.mkdir(parents=True)
    try:
        for disk, name in zip(disks, ("state.sqlite", "state.sqlite-wal"), strict=True):
            (folder / name).write_bytes(disk.after_power_cut(rng))
        return play.problem(folder / "state.sqlite", acknowledged)
    finally:
        shutil.rmtree(folder)


# ---- a disk that fails


def fail_from(folder: Path, error: int, step: int) -> None:
    """Let every write fail from some moment on; start again when the disk is well."""
    play, shim = Play(2, 100), Shim()
    at, runs = 1, 0
    while True:
        path = folder / f"fail{at}" / "state.sqlite"
        path.parent.mkdir(parents=True)
        acknowledged: list[int] = [-1]
        shim.arm(path.parent, FAIL, at, error)
        try:
            play.live(path, acknowledged.append)
        except JournalError:
            failed = True
        else:
            failed = False
        shim.arm(path.parent, OFF)
        problem = play.problem(path, acknowledged[-1])
        if problem is not None:
            print(f"{os.strerror(error)} from write {at}: {problem}", flush=True)
        shutil.rmtree(path.parent)
        if not failed and at > 50:
            break
        at, runs = at + step, runs + 1
    print(f"{runs} failures")


def main(folder: str, what: str, *numbers: str) -> None:
    """Do one kind of harm."""
    snapshots_all_the_time()
    kinds = {"kill": kill_everywhere, "seeds": kill_at_random, "torn": cut_power, "fail": fail_from}
    kinds[what](Path(folder), *map(int, numbers))


if __name__ == "__main__":
    main(*sys.argv[1:])
