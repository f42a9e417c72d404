"""What every journal keeps to."""

from __future__ import annotations


class JournalError(Exception):
    """The journal cannot be read, or what was to be stored is not stored; the text says what to do."""
