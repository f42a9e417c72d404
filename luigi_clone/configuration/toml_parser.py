"""Configuration in TOML: values keep their types."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from configparser import ConfigParser
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from luigi_clone.configuration.base_parser import BaseParser, TrackedDict, warn_of_open_files
from luigi_clone.configuration.generation import RESOLUTION


class MisplacedOptionError(AttributeError, TypeError):
    """An option stands outside of any section.  Luigi raises one or the other of the two bases."""


_READER = "tomllib" if sys.version_info >= (3, 11) else "tomli"


class LuigiTomlParser(BaseParser, ConfigParser):
    """Sections are the top-level tables of the files; options are returned as they are written there.

    There is no interpolation, no conversion and no second spelling of a name.
    """

    NO_DEFAULT = object()
    enabled = find_spec(_READER) is not None
    _instance: ClassVar[Any] = None
    _config_paths: ClassVar[list[Any]] = ["/etc/luigi/luigi.toml", "luigi.toml"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        ConfigParser.__init__(self, *args, **kwargs)
        self._data = TrackedDict()

    @property
    def data(self) -> dict[str, Any]:
        """Section → option → value.  Tables within a section are ``FrozenOrderedDict``."""
        return self._data

    @data.setter
    def data(self, value: dict[str, Any]) -> None:
        self._data = TrackedDict({key: _tracked(section) for key, section in value.items()})
        RESOLUTION.bump()

    def _read_files(self, paths: list[Any]) -> list[Any]:
        self.read(paths)
        found = [path for path in paths if os.path.isfile(path)]
        warn_of_open_files(found)
        # The files, not the values: those may be secrets.
        return found

    @classmethod
    def reload(cls) -> Any:
        """Read all files again, drop what was set since, and return the data."""
        super().reload()
        return cls.instance().data

    def read(self, filenames: Any, encoding: str | None = None) -> Any:
        """Forget everything, read these files in order, and return the data.  Missing files are skipped."""
        paths: Iterable[Any] = [filenames] if isinstance(filenames, str | bytes | os.PathLike) else filenames
        merged: dict[str, Any] = {}
        load = import_module(_READER).load
        for path in paths:
            try:
                with open(path, "rb") as source:
                    content = load(source)
            except OSError:
                continue
            except ValueError as error:
                error.args = (f"{path}: {error}",)
                raise
            _merge(merged, content, path)
        self.data = merged
        return self.data

    def get(self, section: str, option: str, default: Any = NO_DEFAULT, **kwargs: Any) -> Any:  # type: ignore[override]
        """Return a value; a missing one gives ``default`` or raises ``KeyError``."""
        try:
            return self._data[section][option]
        except KeyError:
            if default is self.NO_DEFAULT:
                raise
            return default

    def getboolean(self, section: str, option: str, default: Any = NO_DEFAULT) -> Any:  # type: ignore[override]
        """Return a value as it is."""
        return self.get(section, option, default)

    def getint(self, section: str, option: str, default: Any = NO_DEFAULT) -> Any:  # type: ignore[override]
        """Return a value as it is."""
        return self.get(section, option, default)

    def getfloat(self, section: str, option: str, default: Any = NO_DEFAULT) -> Any:  # type: ignore[override]
        """Return a value as it is."""
        return self.get(section, option, default)

    def getintdict(self, section: str) -> Any:
        """Return a section as it is; ``{}`` when there is no such section."""
        return self._data.get(section, {})

    def set(self, section: str, option: str, value: Any = None) -> None:
        """Set an option to a value of any type; the section is created when it does not exist."""
        if section not in self._data:
            self._data[section] = TrackedDict()
        self._data[section][option] = value

    def has_option(self, section: str, option: str) -> bool:
        """Tell whether an option is there."""
        return section in self._data and option in self._data[section]

    def __getitem__(self, name: str) -> Any:
        return self._data[name]


def _tracked(section: Any) -> Any:
    return TrackedDict(section) if isinstance(section, dict) else section


def _merge(merged: dict[str, Any], content: dict[str, Any], path: Any) -> None:
    """Let the options of one file replace those of the files before it."""
    from luigi_clone.freezing import recursively_freeze

    for section, options in content.items():
        if not isinstance(options, dict):
            raise MisplacedOptionError(f"{path}: {section!r} stands outside of any [section]")
        for option, value in options.items():
            merged.setdefault(section, {})[option] = (
                recursively_freeze(value) if isinstance(value, dict) else value
            )
