"""Patterns in which some places stand for any digit, as in ``out/[0-9][0-9][0-9][0-9]/[0-9][0-9]``."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")

DIGIT = "[0-9]"


def most_common(items: Iterable[_T]) -> tuple[_T, int]:
    """Return the item that occurs most often, the first of those if there are several, and how often."""
    [(item, count)] = Counter(items).most_common(1)
    return item, count


def location(path: str) -> str:
    """Return the directory that a path lies in; a bare name is its own location."""
    return path.rpartition("/")[0] if "/" in path else path


def is_pattern(glob: str) -> bool:
    """Tell whether some places are left open."""
    return "[" in glob


def matcher(glob: str, behind: str = "") -> re.Pattern[str]:
    """Return a regular expression of the paths that the glob, followed by the text ``behind``, stands for."""
    parts = re.split(r"(\[[0-9]-[0-9]\]|\[[0-9]+\])", glob)
    return re.compile(
        "".join(part if place % 2 else re.escape(part) for place, part in enumerate(parts))
        + re.escape(behind)
    )


def per_location_glob(
    tasks: Sequence[Any], outputs: Sequence[Any], regexes: Sequence[re.Pattern[str]]
) -> str:
    """Return the glob of the directories of one output, given as it is for tasks at sample dates.

    The groups of each regular expression are the parts of the sample's date.  Where they stand in most of
    the paths they stand in all, and wherever else a part of the date shows in each of these paths it is one
    too.  ``NotImplementedError`` when a path does not show its date.
    """
    paths = [str(output.path) for output in outputs]
    matches = []
    for task, path, regex in zip(tasks, paths, regexes, strict=True):
        match = regex.search(path)
        if match is None:
            raise NotImplementedError(
                f"Couldn't deduce datehour representation in output path {path!r} of task {task}"
            )
        matches.append(match)
    groups = range(1, regexes[0].groups + 1)
    starts = [most_common(match.start(group) for match in matches)[0] for group in groups]
    usual = [match for match in matches if [match.start(group) for group in groups] == starts] or matches[:1]
    model = usual[0].string
    alike = [match for match in usual if len(match.string) == len(model)]
    symbols = list(model)
    for group in groups:
        width = len(usual[0][group])
        for start in range(len(model) - width + 1):
            if all(match.string.startswith(match[group], start) for match in alike):
                symbols[start : start + width] = [DIGIT] * width
    return location("".join(symbols))


def constrain(glob: str, paths: Iterable[str], limit: int = 5) -> list[str]:
    """Return narrower globs, ``limit`` at most, that still stand for all paths that ``glob`` stands for.

    The open places are filled from the left with the digits that occur there, while the globs are not too
    many; the next place gets the set of digits that occur.  Paths may be longer than the glob.
    """
    symbols = _symbols(glob)
    open_places = [place for place, symbol in enumerate(symbols) if symbol == DIGIT]
    groups = {"": {path for path in paths if not open_places or len(path) > open_places[-1]}}
    if not groups[""]:
        return [glob]
    filled = 0
    for place in open_places:
        finer: dict[str, set[str]] = defaultdict(set)
        for digits, members in groups.items():
            for path in members:
                finer[digits + path[place]].add(path)
        if len(finer) > limit:
            break
        groups = finer
        filled += 1
    globs = []
    for digits, members in sorted(groups.items()):
        narrower = symbols.copy()
        for place, digit in zip(open_places, digits, strict=False):
            narrower[place] = digit
        if filled < len(open_places):
            place = open_places[filled]
            narrower[place] = _one_of({path[place] for path in members})
        globs.append("".join(narrower))
    return globs


def _symbols(glob: str) -> list[str]:
    """Split a glob so that each part stands for one character of the path."""
    return re.findall(r"\[0-9\]|.", glob, re.DOTALL)


def _one_of(characters: set[str]) -> str:
    first, last = min(characters), max(characters)
    if len(characters) > 1 and ord(last) - ord(first) == len(characters) - 1:
        return f"[{first}-{last}]"
    return f"[{''.join(sorted(characters))}]"
