"""Where the logs of tasks go, and how much is kept."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

SWITCHED_OFF = frozenset(("none", "off", "false", "no"))
"""Values of ``[worker] log_dir`` that stand for no logs at all."""

_DAY = 86_400.0
_MIB = 1 << 20


class LogSettings(NamedTuple):
    """The folder of the logs, ``None`` where there is none, and its limits in seconds and bytes."""

    folder: str | None
    longest: float
    largest: int

    @property
    def largest_file(self) -> int:
        """One attempt that writes without end must not drive out the logs of all others."""
        return max(1, self.largest // 4)


def default_folder() -> str:
    """Return where logs go in the user's cache directory."""
    if sys.platform == "darwin":
        base = os.path.join("~", "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    return os.path.join(os.path.expanduser(base), "luigi_clone", "logs")


def settings_of(log_dir: str, days: float, mebibytes: float, is_remote: bool) -> LogSettings | None:
    """Return what ``[worker]`` asks for; ``None`` when nothing is to be captured.

    Without a value for ``log_dir`` logs are kept if the scheduler is a remote one.
    """
    if log_dir.strip().lower() in SWITCHED_OFF or not (log_dir or is_remote):
        return None
    folder = os.path.abspath(os.path.expanduser(log_dir)) if log_dir else default_folder()
    return LogSettings(folder, days * _DAY, int(mebibytes * _MIB))
