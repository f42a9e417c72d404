"""Who may make a call: each role may do what the ones below it may.

Every call in :mod:`luigi_clone._wire.methods` names the role that it needs, and a token of the server's
``[auth]`` section gives one.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Role"]


class Role(IntEnum):
    """Roles, ordered: ``Role.WORKER >= Role.READ``."""

    READ = 1
    """All views, but not HIDDEN parameters."""
    WORKER = 2
    """What a worker calls: registering tasks, asking for work, reporting results."""
    ADMIN = 3
    """Everything: pausing, disabling, forgiving, resources, HIDDEN parameters."""

    @property
    def title(self) -> str:
        """The role as options, messages and documents name it: ``read``, ``worker`` or ``admin``."""
        return self.name.lower()
