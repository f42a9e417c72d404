"""The files of the page: found once, kept in memory, and kept by browsers as long as they are the same.

The document names its scripts and styles by an address that holds a digest of all files, so that a browser
never asks for them again until one of them changes. Modules name each other relatively, which stays below
that address; so nothing has to be built or rewritten but the document.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from luigi_clone._web.doors.handlers import GuardedHandler, error_page

STATIC = Path(__file__).resolve().parents[2] / "static"

_FOLDERS = ("visualiser", "vendor")
_TYPES = {
    ".html": "text/html; charset=UTF-8",
    ".css": "text/css; charset=UTF-8",
    ".js": "text/javascript; charset=UTF-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=UTF-8",
}
_COMPRESSED = frozenset((".html", ".css", ".js", ".svg", ".txt"))
_WORTH_COMPRESSING = 512
_LOOK_EVERY = 1.0
"""Seconds for which it is taken for granted that no file has changed."""
_VERSIONED = re.compile(r"@([0-9a-f]{16})/(.+)", re.DOTALL)
_NAMED = re.compile(rb'((?:href|src)=")((?:js|css)/)')
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


class PageFile(NamedTuple):
    """A file: its bytes, the same compressed if that is worth it, what it is, and a digest."""

    body: bytes
    compressed: bytes | None
    kind: str
    digest: str


class PageFiles:
    """All files below a folder that the page is made of. ``clock`` gives monotonic seconds."""

    def __init__(self, root: Path = STATIC, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._looked: float | None = None
        self._stamps: dict[str, tuple[int, int]] = {}
        self._files: dict[str, PageFile] = {}
        self.digest = ""
        """Another one whenever any file is another one."""

    def find(self, path: str) -> PageFile | None:
        """Return the file with a path below the folder, None if there is none."""
        now = self._clock()
        if self._looked is None or now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self._look()
        return self._files.get(path)

    def is_folder(self, path: str) -> bool:
        """Tell whether there are files below a path."""
        below = path.rstrip("/") + "/" if path else ""
        return any(file.startswith(below) for file in self._files)

    def _look(self) -> None:
        """Read all files anew if one of them has changed; they are few and small."""
        stamps = dict(self._found())
        if stamps == self._stamps:
            return
        bodies = {path: (self._root / path).read_bytes() for path in sorted(stamps)}
        every = hashlib.sha256()
        for path, body in bodies.items():
            every.update(f"{path}\0{len(body)}\0".encode())
            every.update(body)
        self.digest = every.hexdigest()[:16]
        self._files = {path: self._made(path, body) for path, body in bodies.items()}
        self._stamps = stamps

    def _found(self) -> Iterator[tuple[str, tuple[int, int]]]:
        for name in _FOLDERS:
            for folder, _, names in os.walk(self._root / name):
                for file in names:
                    path = Path(folder) / file
                    if path.suffix in _TYPES:
                        stat = path.stat()
                        yield path.relative_to(self._root).as_posix(), (stat.st_mtime_ns, stat.st_size)

    def _made(self, path: str, body: bytes) -> PageFile:
        suffix = Path(path).suffix
        if suffix == ".html":
            folder = path.rpartition("/")[0]
            up = "../" * (folder.count("/") + 1)
            body = _NAMED.sub(rf"\1{up}@{self.digest}/{folder}/\2".encode(), body)
        compressed = None
        if suffix in _COMPRESSED and len(body) >= _WORTH_COMPRESSING:
            compressed = gzip.compress(body, mtime=0)
        return PageFile(body, compressed, _TYPES[suffix], hashlib.sha256(body).hexdigest()[:24])


class PageFileHandler(GuardedHandler):
    """Gives out the files of the page, to everyone: without a token they show nothing."""

    role = None
    _etag = ""

    def initialize(self, files: PageFiles) -> None:
        """Take what the application hands to each request."""
        self._files = files

    def get(self, path: str) -> None:
        """Answer with a file; 403 to a folder and to what leads out of it, 404 if there is none."""
        versioned = _VERSIONED.fullmatch(path)
        version, path = versioned.groups() if versioned else ("", path)
        file = self._files.find(path)
        if file is None:
            status = 403 if ".." in path.split("/") or self._files.is_folder(path) else 404
            self.set_status(status)
            self.finish(error_page(status))
            return
        body, self._etag = file.body, f'"{file.digest}"'
        if file.compressed is not None and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            body, self._etag = file.compressed, f'"{file.digest}-gz"'
            self.set_header("Content-Encoding", "gzip")
        self.set_header("Content-Type", file.kind)
        # an address of another version is one that a page names which was loaded before
        is_current = bool(version) and version == self._files.digest
        self.set_header("Cache-Control", _FOR_EVER if is_current else _ASK_AGAIN)
        self.finish(body)

    head = get

    def compute_etag(self) -> str | None:
        """Return the tag of the file; with it the framework answers 304 where it can."""
        return self._etag or None
