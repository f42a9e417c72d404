"""Which of many targets exist, found out with few questions.

A listing of the directories answers for most of them.  What it cannot answer is asked target by target: a
file system may not expand patterns, it may list names in another form than paths are written in, it may hold
no directories at all, and a target may have an idea of its own of what it is to exist.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from luigi_clone._range import globs
from luigi_clone.local_target import LocalFileSystem
from luigi_clone.target import FileSystemTarget

if TYPE_CHECKING:
    import re

logger = logging.getLogger("luigi-interface")

# where targets come from whose exists() does nothing but look their path up
_PLAIN_TARGETS = (FileSystemTarget.__module__, "luigi_clone.mock")


class _Listing:
    """What listings of some directories of a file system have shown."""

    def __init__(self, filesystem: Any) -> None:
        self.filesystem = filesystem
        self.paths: set[str] = set()
        self._complete: list[re.Pattern[str]] = []
        self._tried: set[str] = set()
        self._directories: set[str] | None = None

    def add(self, directories: Iterable[str]) -> None:
        """List directories, given by their paths or by globs."""
        listings = [directory for directory in directories if directory not in self._tried]
        if not listings:
            return
        self._tried.update(listings)
        start = perf_counter()
        items = sum(map(self._list, listings))
        logger.debug(
            "%d %s listings took %f s to return %d items",
            len(listings),
            type(self.filesystem).__name__,
            perf_counter() - start,
            items,
        )

    def _list(self, directory: str) -> int:
        logger.debug("Listing %s", directory)
        found = _files_below(self.filesystem, directory)
        if found is None:
            return 0
        inside = globs.matcher(directory, "/")
        if not found or any(map(inside.match, found)):
            self._complete.append(globs.matcher(directory))
        self.paths.update(found)
        self._directories = None
        return len(found)

    def shows(self, path: str) -> bool:
        """Tell whether there is a file at the path, or a directory with a file in it."""
        if path in self.paths:
            return True
        if self._directories is None:
            self._directories = _directories_of(self.paths)
        return path.rstrip("/") in self._directories

    def rules_out(self, path: str) -> bool:
        """Tell whether a path that does not show would show if something were there."""
        # an empty directory shows nowhere, and on a disk neither does a link to a directory
        if path.endswith("/") or "/" not in path or isinstance(self.filesystem, LocalFileSystem):
            return False
        place = globs.location(path)
        return any(directory.fullmatch(place) for directory in self._complete)


def _files_below(filesystem: Any, directory: str) -> list[str] | None:
    """List a directory or a glob of directories; ``None`` when that tells nothing about what is there."""
    try:
        if not filesystem.exists(directory):
            # not there, or the file system knows no patterns, or no directories
            is_directory = getattr(filesystem, "isdir", None)
            if globs.is_pattern(directory) or not directory or is_directory is None:
                return None
            if not is_directory(directory):
                return []
        return list(filesystem.listdir(directory))
    except NotImplementedError:
        return None


def _directories_of(paths: Iterable[str]) -> set[str]:
    directories: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in directories:
            directories.add(parent)
            parent = parent.rpartition("/")[0]
    return directories


def list_existing(filesystem: Any, glob: str, paths: Iterable[str]) -> set[str]:
    """Return what is listed in the directories that the glob stands for, as far as ``paths`` lie there."""
    listing = _Listing(filesystem)
    listing.add(globs.constrain(glob, paths))
    return listing.paths


def which_exist(filesystem: Any, glob: str, targets: Sequence[Any]) -> list[bool]:
    """Tell for each target whether it exists; most of them lie in the directories of the glob."""
    listing = _Listing(filesystem)
    fits = globs.matcher(glob).fullmatch
    plain = [str(target.path) for target in targets if _is_plain(target)]
    fitting = [path for path in plain if fits(globs.location(path))]
    if fitting:
        listing.add(globs.constrain(glob, fitting))
    listing.add(_crowded_directories(listing, plain))
    return [_exists(target, listing) for target in targets]


def _crowded_directories(listing: _Listing, paths: Iterable[str]) -> list[str]:
    """Return the directories that hold several of the paths that the listing does not decide."""
    if isinstance(listing.filesystem, LocalFileSystem):
        return []  # to ask for each file costs no more
    wanted: dict[str, int] = defaultdict(int)
    for path in paths:
        if "/" in path and not path.endswith("/") and not listing.shows(path) and not listing.rules_out(path):
            wanted[globs.location(path)] += 1
    return [directory for directory, number in wanted.items() if number > 1]


def _exists(target: Any, listing: _Listing) -> bool:
    if _is_plain(target):
        path = str(target.path)
        if listing.shows(path):
            return True
        if listing.rules_out(path):
            return False
    return bool(target.exists())


def _is_plain(target: Any) -> bool:
    """Tell whether the target exists exactly if there is something at its path."""
    exists: Callable[..., bool] = type(target).exists
    return isinstance(target, FileSystemTarget) and getattr(exists, "__module__", None) in _PLAIN_TARGETS
