"""What a child that was not forked must be told."""

from __future__ import annotations

import sys


def is_aliased() -> bool:
    """Tell whether the name ``luigi`` stands for this package in this process."""
    from luigi_clone import alias

    return alias.is_installed()


def prepare_interpreter(aliased: bool) -> None:
    """Make ``luigi`` mean this package here too, before the module of a task is imported."""
    if aliased:
        from luigi_clone import alias

        alias.install()


def refuse_while_starting() -> None:
    """Raise ``RuntimeError`` in a process that is being started and imports the main script for it.

    A script that runs its pipeline without asking whether it is the main one would run it again there.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "A process that is to run a task has imported the main script, and the script began to run its"
            " pipeline there. Put what starts it under: if __name__ == '__main__':"
        )
