"""How facts are written down: as JSON, each batch with a checksum."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from luigi_clone._journal.base import DamagedJournalError, Fact


def _plainly(value: Any) -> Any:
    """Return what JSON can tell of a value that only a caller in this process can have given."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    return str(value)


# escaped, so that texts that are no valid Unicode come through as well; facts hold no cycles
_encode = json.JSONEncoder(
    ensure_ascii=True, check_circular=False, separators=(",", ":"), default=_plainly
).encode


def encode(facts: Sequence[Fact]) -> bytes:
    """Return the facts as JSON."""
    return _encode(facts).encode("ascii")


def pack(facts: Sequence[Fact]) -> tuple[bytes, int]:
    """Return the facts as compressed JSON, and how long that was before."""
    plain = encode(facts)
    return zlib.compress(plain, 1), len(plain)


def decode(stored: bytes) -> list[Any]:
    """Return facts as they were given to :func:`encode` or :func:`pack`, with lists for tuples."""
    if stored[:1] != b"[":
        stored = zlib.decompress(stored)
    facts: list[Any] = json.loads(stored)
    return facts


def checksum(stored: bytes, number: int) -> int:
    """Return a checksum of what is stored under ``number``, so that neither can be another."""
    return zlib.crc32(stored, number & 0xFFFFFFFF)


def checked(stored: Any, number: int, expected: Any, where: str) -> list[Any]:
    """Return the facts of a batch. Raises :class:`DamagedJournalError` (``where``) if they are not whole."""
    if not isinstance(stored, bytes) or checksum(stored, number) != expected:
        raise DamagedJournalError(where)
    try:
        return decode(stored)
    except (ValueError, zlib.error) as error:
        raise DamagedJournalError(where) from error
