"""Looks at the journal of a scheduler that does not run, and saves what can be saved of a damaged one.

``python -m luigi_clone.tools.journal check PATH`` tells what is in it. ``… rescue PATH`` puts all that comes
before the damage into a new journal at PATH; the damaged files stay, with ``.damaged`` behind their names.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from luigi_clone._journal.base import DamagedJournalError, JournalError
from luigi_clone._journal.sqlite import SqliteJournal
from luigi_clone._scheduling.facts import replay
from luigi_clone._scheduling.snapshot import Snapshot
from luigi_clone.scheduler import Scheduler

if TYPE_CHECKING:
    from luigi_clone._journal.base import Fact, Journal
    from luigi_clone._scheduling.machine import Machine

_PART = 1000


class _Reading:
    """The facts of a journal up to the first that cannot be read."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.count = 0
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Fact]:
        try:
            for fact in self._journal.open():
                self.count += 1
                yield fact
        except DamagedJournalError as error:
            self.damage = str(error)


def _read(journal: Journal) -> tuple[Machine, _Reading]:
    machine, reading = Scheduler()._machine, _Reading(journal)
    try:
        replay(machine, reading)
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        reading.damage = f"fact {reading.count} cannot be replayed ({type(error).__name__}: {error})"
    machine.end_torn_snapshot()
    return machine, reading


def _tell(machine: Machine, reading: _Reading) -> None:
    counts = ", ".join(f"{len(tasks)} {status}" for status, tasks in machine.by_status.items() if tasks)
    print(f"{reading.count} facts: {len(machine.workers)} workers, {len(machine.tasks)} tasks ({counts})")


def check(path: str) -> int:
    """Tell what is in the journal; return 1 if it is damaged."""
    with SqliteJournal(path) as journal:
        machine, reading = _read(journal)
    _tell(machine, reading)
    if reading.damage is not None:
        print(reading.damage, file=sys.stderr)
        return 1
    return 0


def rescue(path: str) -> int:
    """Put what comes before the damage into a new journal at ``path``; return 1 if there is no damage."""
    with SqliteJournal(path) as journal:
        machine, reading = _read(journal)
        if reading.damage is None:
            _tell(machine, reading)
            print("It is not damaged, and stays as it is.", file=sys.stderr)
            return 1
        rescued = f"{path}.rescued"
        _write(machine, rescued)
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(path + suffix):
                os.replace(path + suffix, f"{path}{suffix}.damaged")
        os.replace(rescued, path)
        os.unlink(f"{rescued}.lock")
    print(f"Damage: {reading.damage}")
    print(f"Kept in {path}; the damaged files are beside it, with .damaged behind their names.")
    _tell(machine, reading)
    return 0


def _write(machine: Machine, path: str) -> None:
    """Make a new journal that is one snapshot."""
    if os.path.exists(path):
        os.unlink(path)
    with SqliteJournal(path) as journal:
        for _ in journal.open():
            pass
        machine.facts = []
        journal.start_snapshot()
        snapshot = Snapshot(machine)
        while facts := snapshot.part(_PART):
            journal.add_to_snapshot(facts)
        journal.finish_snapshot()


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m luigi_clone.tools.journal", description="Look at a scheduler's journal, or rescue it"
    )
    parser.add_argument("command", choices=["check", "rescue"])
    parser.add_argument("path", help="the state path of the scheduler, which must not run")
    options = parser.parse_args(argv)
    if options.path.startswith(("postgresql://", "postgres://")):
        print("a journal in PostgreSQL is looked at, and backed up, with its own tools", file=sys.stderr)
        return 2
    if not os.path.exists(options.path):
        print(f"there is no journal at {options.path}", file=sys.stderr)
        return 2
    commands: dict[str, Any] = {"check": check, "rescue": rescue}
    try:
        code: int = commands[options.command](options.path)
    except JournalError as error:
        print(error, file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
