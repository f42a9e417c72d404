"""The command line that parameter defaults are looked up in.

``CmdlineParser`` sits above the parameters and installs itself here while it is active.
"""

from __future__ import annotations

from typing import Any, Protocol

from luigi_clone.configuration.generation import RESOLUTION


class ParsedArguments(Protocol):
    """What a parameter needs of a parsed command line."""

    known_args: Any
    """Namespace with one attribute per flag: ``Family_param`` or ``param``; ``None`` when not given."""


class _Slot:
    __slots__ = ("parser",)

    def __init__(self) -> None:
        self.parser: ParsedArguments | None = None


_ACTIVE = _Slot()


def active() -> ParsedArguments | None:
    """Return the command line that is in force, or ``None``."""
    return _ACTIVE.parser


def activate(parser: ParsedArguments | None) -> ParsedArguments | None:
    """Put ``parser`` in force and return the one it replaces."""
    previous = _ACTIVE.parser
    _ACTIVE.parser = parser
    RESOLUTION.bump()
    return previous


def is_given(value: Any) -> bool:
    """Tell whether a command-line value counts as given.

    Luigi takes an empty text for absent.  ``[parameters] empty_values = true`` makes it a value, so that
    ``--name ""`` sets an empty text or clears an optional parameter.  ``None`` and the ``False`` of a flag
    that is not there are absent in any case.
    """
    if value:
        return True
    if value is None or value is False:
        return False
    from luigi_clone.configuration import get_config

    return bool(get_config().getboolean("parameters", "empty_values", False))
