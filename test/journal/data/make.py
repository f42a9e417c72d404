"""Writes ``version-N.sqlite`` of today's format, and beside it what has to come back of it.

``python -m test.journal.data.make``, once for each new format; the files of older ones stay as they are.
"""

from __future__ import annotations

from pathlib import Path

from luigi_clone._journal.sqlite_schema import VERSION
from test.journal.plays import Play, canonical

FOLDER = Path(__file__).parent


def main() -> None:
    """Make the two files."""
    play = Play(7, 150)
    path = FOLDER / f"version-{VERSION}.sqlite"
    scheduler = play._scheduler(path)
    scheduler.load()
    half = len(play.states) // 2
    made = 0

    def after_each(_: object) -> None:
        nonlocal made
        made += 1
        if made == half:  # so that there is a snapshot and something after it
            scheduler._machine.lapse_runs("gone", 1200.0, {"A": 5})
            condenser = scheduler._condenser
            condenser._start()
            while condenser._snapshot is not None:
                condenser._go_on()

    play.play(scheduler, after_each)
    scheduler._journal.close()
    path.with_suffix(".json").write_text(canonical(scheduler) + "\n")
    Path(f"{path}.lock").unlink()


if __name__ == "__main__":
    main()
