"""Tells caches of resolved parameter values when they are out of date.

Whatever a resolved default depends on (configuration, the active command line, attributes and methods of
``Parameter`` classes) calls :meth:`Generation.bump` when it changes.  A value that was read from outside
the process, such as an environment variable, may differ at the next read: its reader calls
:meth:`Generation.note_volatile_read`, and the value is not cached.
"""


class Generation:
    """Two counters that only grow."""

    __slots__ = ("number", "volatile_reads")

    def __init__(self) -> None:
        self.number = 0
        self.volatile_reads = 0

    def bump(self) -> None:
        """Make every cached resolution stale."""
        self.number += 1

    def note_volatile_read(self) -> None:
        """Keep the resolution that is under way out of the caches."""
        self.volatile_reads += 1


RESOLUTION = Generation()
