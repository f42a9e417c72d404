"""Unpacking of tar archives that come from somewhere else."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_REFUSAL = "Attempted Path Traversal in Tar File"


class SafeExtractor:
    """Unpacks archives into a directory, and refuses those that would write anywhere else."""

    def __init__(self, path: str = ".") -> None:
        self.path = path

    @staticmethod
    def _is_within_directory(directory: str | Path, target: str | Path) -> bool:
        """Tell whether ``target`` lies in ``directory``, links resolved."""
        return Path(target).resolve().is_relative_to(Path(directory).resolve())

    def safe_extract(
        self,
        tar_path: str,
        members: Iterable[tarfile.TarInfo] | None = None,
        *,
        numeric_owner: bool = False,
    ) -> None:
        """Extract the archive, or the given members of it.

        Before anything is extracted every member is checked.  ``RuntimeError`` is raised for a path outside
        the directory, a link that leads out of it, and a device; owners and set-user-id bits are not taken
        over (PEP 706, filter "data").
        """
        with tarfile.open(tar_path, "r") as tar:
            for member in tar.getmembers():
                self._check(member)
            chosen = tar.getmembers() if members is None else list(members)
            if hasattr(tarfile, "data_filter"):
                try:
                    tar.extractall(self.path, chosen, numeric_owner=numeric_owner, filter="data")
                except tarfile.FilterError as error:
                    raise RuntimeError(_REFUSAL) from error
            else:
                self._extract_one_by_one(tar, chosen)

    def _check(self, member: tarfile.TarInfo) -> None:
        if not self._is_within_directory(self.path, Path(self.path, member.name)):
            raise RuntimeError(_REFUSAL)
        if hasattr(tarfile, "data_filter"):
            try:
                tarfile.data_filter(member, self.path)
            except tarfile.FilterError as error:
                raise RuntimeError(_REFUSAL) from error
        else:
            self._check_kind(member)

    def _check_kind(self, member: tarfile.TarInfo) -> None:
        """Refuse what the standard library's filter refuses, where there is none (before 3.10.12)."""
        if member.issym():
            start = Path(self.path, member.name).parent
        elif member.islnk():
            start = Path(self.path)
        elif member.isreg() or member.isdir():
            return
        else:
            raise RuntimeError(_REFUSAL)
        if not self._is_within_directory(self.path, start / member.linkname):
            raise RuntimeError(_REFUSAL)

    def _extract_one_by_one(self, tar: Any, members: list[tarfile.TarInfo]) -> None:
        for member in members:
            # again: a link that was extracted meanwhile may lead elsewhere
            self._check(member)
            member.mode &= 0o755
            tar.extract(member, self.path, set_attrs=not member.issym())
