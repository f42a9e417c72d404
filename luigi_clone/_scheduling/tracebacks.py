"""Python tracebacks, taken apart for pages: from their text alone, no file is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_BEGIN = "Traceback (most recent call last):"
_FRAME = re.compile(r'[ |]*File "([^"]{1,1000})", line (\d{1,9})(?:, in (.{1,500}))?$')
_INSTALLED = re.compile(r"/(?:site|dist)-packages/([^/]{1,200})")
_STANDARD = re.compile(r"/(?:lib|lib64|Lib)/(?:python\d\.\d{1,3}/)?([^/]{1,200})")
_FROZEN = re.compile(r"<frozen ([\w.]{1,200})>")
_OURS = re.compile(
    r"(?:^|/)(?:luigi_clone/.+|luigi/(?:worker|task|target|interface|parameter|scheduler|rpc|retcodes|cmdline"
    r"|contrib/\w+|tools/\w+)\.py)$"
)
_LONGEST = 262_144
"""So many characters from the end are taken apart."""
_MOST_FRAMES = 500
_LONGEST_LINE = 1_000
_LONGEST_EXCEPTION = 4_000


def take_apart(text: str) -> dict[str, Any]:
    """Return ``text`` with the frames of the tracebacks in it, innermost last, and the exception.

    A frame is file, line, name, source, ``package`` (None where the file is no library's) and ``before``:
    what stands between it and the frame before, where a chained traceback begins. Of another text
    there are no frames.
    """
    reading = _Reading()
    if _BEGIN in text:
        for line in text[-_LONGEST:].splitlines():
            reading.read(line[:_LONGEST_LINE])
    return {
        "text": text,
        "frames": reading.frames[-_MOST_FRAMES:],
        "exception": reading.between() if reading.frames else _last(text.splitlines()),
    }


class _Reading:
    """Reads line by line."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self._others: list[str] = []
        self._is_open = False  # what is indented belongs to the last frame

    def read(self, line: str) -> None:
        found = _FRAME.match(line)
        if found is not None:
            self._add(found)
        elif line.strip(" |+-") == _BEGIN:
            self._is_open = False
        elif self._is_open and line.lstrip("|").startswith("    "):
            self._take_source(line.lstrip(" |"))
        elif not line.lstrip().startswith("[Previous line repeated"):
            self._is_open = False
            self._others.append(line)

    def between(self) -> str | None:
        """Return what was said since the last frame."""
        text = "\n".join(self._others).strip()
        return text[:_LONGEST_EXCEPTION] or None

    def _add(self, found: re.Match[str]) -> None:
        before = self.between() if self.frames else None
        self._others.clear()
        self._is_open = True
        file, line, name = found.groups()
        self.frames.append(
            {
                "file": file,
                "line": int(line),
                "name": name or "",
                "source": "",
                "package": package_of(file),
                "before": before,
            }
        )

    def _take_source(self, source: str) -> None:
        if not source.strip(" ~^"):
            return  # marks below the line
        frame = self.frames[-1]
        frame["source"] = f"{frame['source']}\n{source}" if frame["source"] else source


def package_of(file: str) -> str | None:
    """Return the library that a file belongs to, by its path; None for somebody's own code."""
    path = file.replace("\\", "/")
    frozen = _FROZEN.fullmatch(path)
    if frozen is not None:
        return frozen[1].partition(".")[0]
    if _OURS.search(path):
        return "luigi_clone" if "luigi_clone/" in path else "luigi"
    for pattern in (_INSTALLED, _STANDARD):
        found = pattern.search(path)
        if found is not None:
            return found[1].removesuffix(".py")
    return None


def _last(lines: Iterable[str]) -> str | None:
    said = [line for line in lines if line.strip()]
    return said[-1].strip()[:_LONGEST_EXCEPTION] if said else None
