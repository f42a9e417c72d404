"""The values of PRIVATE parameters, replaced in what a task writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = b"***"

SHORTEST_SECRET = 4
"""Shorter texts are not told apart from what happens to look like them."""


def forms_of(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Return the ways in which secret texts may stand in an output, the longest first.

    As they are, and as ``repr``, JSON and URLs show them. Texts of fewer than four characters are left out.
    """
    forms: set[bytes] = set()
    for text in texts:
        if len(text) < SHORTEST_SECRET:
            continue
        shown = (text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        for form in (*shown, quote(text, safe=""), quote(text)):
            forms.add(form.encode("utf-8", "surrogateescape"))
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


class Masker:
    """Replaces secrets in a stream of bytes, wherever the stream is cut into pieces."""

    __slots__ = ("_begins_within", "_firsts", "_forms", "_held", "_longest", "_pattern")

    def __init__(self, forms: tuple[bytes, ...]) -> None:
        self._forms = forms
        self._held = b""
        self._begins_within = False
        self._firsts = frozenset(form[0] for form in forms)
        self._longest = len(forms[0]) if forms else 0
        self._pattern = re.compile(b"|".join(map(re.escape, forms))) if forms else None

    def feed(self, data: bytes) -> bytes:
        """Return what can be shown of the stream by now; what may be the beginning of a secret is held."""
        if self._pattern is None:
            return data
        data = self._held + data
        if self._begins_within:
            if len(data) < self._longest:
                self._held = data
                return b""
            data = self._without_end_of_secret(data)
        start = self._beginning_of_secret(data)
        # A match that reaches into what is held is a shorter secret: it may yet become the longer one.
        shown, position = [], 0
        for match in self._pattern.finditer(data):
            if match.end() > start and match.start() < start:
                start = match.start()
            if match.start() >= start:
                break
            shown += [data[position : match.start()], MASK]
            position = match.end()
        self._held = data[start:]
        shown.append(data[position:start])
        return b"".join(shown)

    def finish(self) -> bytes:
        """Return the rest, when nothing follows."""
        rest, self._held = self._held, b""
        if self._pattern is None:
            return rest
        if self._begins_within:
            rest = self._without_end_of_secret(rest)
        return self._pattern.sub(MASK, rest)

    def skip(self) -> bytes:
        """Return the rest, when what follows it is missing: both sides of the gap may be of a secret."""
        if self._pattern is None:
            return b""
        held, self._held = self._held, b""
        self._begins_within = True
        return MASK if held else b""

    def _without_end_of_secret(self, data: bytes) -> bytes:
        """Replace what may be the end of a secret at the beginning of ``data``."""
        self._begins_within = False
        for length in range(min(self._longest, len(data)), 0, -1):
            if any(form.endswith(data[:length]) for form in self._forms):
                return MASK + data[length:]
        return data

    def _beginning_of_secret(self, data: bytes) -> int:
        """Return where an unfinished secret may begin at the end of ``data``; its length if nowhere."""
        for start in range(max(0, len(data) - self._longest + 1), len(data)):
            if data[start] not in self._firsts:
                continue
            tail = data[start:]
            if any(len(tail) < len(form) and form.startswith(tail) for form in self._forms):
                return start
        return len(data)
