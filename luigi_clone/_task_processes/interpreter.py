"""What a child that was not forked must be told."""

from __future__ import annotations


def is_aliased() -> bool:
    """Tell whether the name ``luigi`` stands for this package in this process."""
    from luigi_clone import alias

    return alias.is_installed()


def prepare_interpreter(aliased: bool) -> None:
    """Make ``luigi`` mean this package here too, before the module of a task is imported."""
    if aliased:
        from luigi_clone import alias

        alias.install()
