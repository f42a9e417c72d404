"""What the configuration parsers have in common: one instance per class, and the files it was read from."""

from __future__ import annotations

import logging
import os
import stat
import warnings
from abc import ABCMeta
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from luigi_clone.configuration.generation import RESOLUTION

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger("luigi-interface")


class ParserType(ABCMeta):
    """Notices when the shared instance or the list of files of a parser class is replaced."""

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        RESOLUTION.bump()


class TrackedDict(dict[Any, Any]):
    """A dict that makes cached parameter defaults stale whenever it changes.

    All that a parser knows lies in such dicts, so that no way of changing it can be missed.
    """

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        RESOLUTION.number += 1
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        RESOLUTION.number += 1
        super().__delitem__(key)

    def __ior__(self, other: Any) -> TrackedDict:  # type: ignore[misc]
        self.update(other)
        return self

    def clear(self) -> None:
        """Remove everything."""
        RESOLUTION.number += 1
        super().clear()

    def pop(self, *args: Any) -> Any:
        """Remove a key and return its value."""
        RESOLUTION.number += 1
        return super().pop(*args)

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the last pair."""
        RESOLUTION.number += 1
        return super().popitem()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of a key, which is set when absent."""
        RESOLUTION.number += 1
        return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take over the pairs of another mapping."""
        RESOLUTION.number += 1
        super().update(*args, **kwargs)


class Start:
    """The circumstances at import.  They count for the first reading, however late that takes place.

    Luigi reads its configuration while it is imported.  A program that changes its directory or its
    environment after the import therefore keeps the files it started with, here as there.
    """

    __slots__ = ("directory", "extra_file", "parser")

    def __init__(self) -> None:
        self.parser = os.environ.get("LUIGI_CONFIG_PARSER")
        self.extra_file = os.environ.get("LUIGI_CONFIG_PATH")
        try:
            self.directory: str | None = os.getcwd()
        except OSError:
            self.directory = None  # it was deleted: relative paths lead nowhere, now as later

    def resolve(self, path: Any) -> Any:
        """Return a path as seen from the directory at import."""
        if self.directory is None or os.path.isabs(path):
            return path
        try:
            unmoved = os.getcwd() == self.directory
        except OSError:
            unmoved = False
        return path if unmoved else os.path.join(self.directory, path)


START = Start()


class BaseParser(metaclass=ParserType):
    """One shared instance per parser class, loaded from ``_config_paths`` when it is first asked for."""

    NO_DEFAULT: ClassVar[object] = object()
    """Marks "no default given"; ``None`` is a default."""

    enabled: ClassVar[bool] = True
    """Whether the parser can be used in this installation."""

    _instance: ClassVar[Any] = None
    _config_paths: ClassVar[list[Any]] = []

    @classmethod
    def instance(cls, *args: Any, **kwargs: Any) -> Self:
        """Return the shared instance; the first call creates it and reads the files.

        A file that cannot be parsed raises the parser's exception, at this and at every further call.
        """
        if cls._instance is None:
            from luigi_clone.configuration.core import add_extra_file, is_default

            add_extra_file()
            first = is_default(cls)
            instance = cls(*args, **kwargs)
            loaded = instance._read_files([START.resolve(p) if first else p for p in cls._config_paths])
            if first:
                START.directory = None
            cls._instance = instance
            logger.info("Loaded %r", loaded)
        return cls._instance  # type: ignore[no-any-return]

    @classmethod
    def add_config_path(cls, path: Any) -> None:
        """Read one more file, whose values win over those of the files before it."""
        from luigi_clone.configuration.core import add_extra_file

        add_extra_file()
        cls._config_paths.append(path)
        cls.reload()

    @classmethod
    def reload(cls) -> Any:
        """Read all files again into the same instance.  Relative paths count from the current directory."""
        return cls.instance()._read_files(list(cls._config_paths))

    def _read_files(self, paths: list[Any]) -> Any:
        """Read these files and return what the log is to say was loaded."""
        raise NotImplementedError

    def get(self, section: str, option: str, default: Any = NO_DEFAULT, **kwargs: Any) -> Any:
        """Return the value of an option, else the default."""
        raise NotImplementedError


def warn_of_open_files(paths: Iterable[Any]) -> None:
    """Warn in the log of each file that every user of the machine may write to: it could be planted."""
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except OSError:
            continue  # gone since it was read
        if mode & stat.S_IWOTH:
            logger.warning(
                "Any user of this machine can change the configuration file %s; chmod o-w prevents it",
                os.path.abspath(path),
            )


def warn_of_deprecated_names(paths: Iterable[Any]) -> None:
    """Warn of files that still have the name from before Luigi 1.0."""
    found = [p for p in paths if os.path.basename(p) == "client.cfg" and os.path.exists(p)]
    if found:
        warnings.warn(
            "Luigi configuration files named 'client.cfg' are deprecated if favor of 'luigi.cfg'. "
            f"Found: {found!r}",
            DeprecationWarning,
            stacklevel=2,
        )
