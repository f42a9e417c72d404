"""The command line as it may be shown to people."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from luigi_clone._parameters.base import MASK
from luigi_clone.parameter import ParameterVisibility
from luigi_clone.task_register import Register


def shown_command(arguments: Sequence[str]) -> str:
    """Return a command line as one text, with ``***`` for the values of PRIVATE parameters."""
    return _shown(tuple(arguments), len(Register._reg))


@functools.lru_cache(maxsize=1)
def _shown(arguments: tuple[str, ...], _families: int) -> str:
    import subprocess

    if any(argument.startswith("--") for argument in arguments):
        return subprocess.list2cmdline(_masked(arguments))
    return subprocess.list2cmdline(arguments)


def _masked(arguments: tuple[str, ...]) -> list[str]:
    private, others = _flags()
    shown: list[str] = []
    hide = False
    for argument in arguments:
        is_flag = argument.startswith("--")
        if hide and not is_flag:
            shown.append(MASK)
            hide = False
            continue
        flag, equals, _ = argument.partition("=")
        hide = is_flag and _may_mean(flag.replace("_", "-"), private, others)
        if hide and equals:
            shown.append(f"{flag}={MASK}")
            hide = False
        else:
            shown.append(argument)
    return shown


def _may_mean(flag: str, private: set[str], others: set[str]) -> bool:
    """Tell whether a flag, perhaps abbreviated, is that of a PRIVATE parameter."""
    if flag in private:
        return True
    return flag not in others and len(flag) > 2 and any(name.startswith(flag) for name in private)


def _flags() -> tuple[set[str], set[str]]:
    """Return the flags of PRIVATE parameters and those of the others."""
    private: set[str] = set()
    others: set[str] = set()
    for family, _, name, parameter in Register.get_all_params():
        flags = private if parameter.visibility == ParameterVisibility.PRIVATE else others
        flags.update(f"--{flag}".replace("_", "-") for flag in (name, f"{family}-{name}"))
    return private, others - private
