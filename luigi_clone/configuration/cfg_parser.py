"""Configuration in the format of ``configparser``."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from configparser import (
    BasicInterpolation,
    ConfigParser,
    Interpolation,
    InterpolationError,
    NoOptionError,
    NoSectionError,
)
from typing import Any, ClassVar

from luigi_clone.configuration.base_parser import (
    BaseParser,
    TrackedDict,
    warn_of_deprecated_names,
    warn_of_open_files,
)
from luigi_clone.configuration.generation import RESOLUTION

__all__ = [
    "CombinedInterpolation",
    "EnvironmentInterpolation",
    "InterpolationMissingEnvvarError",
    "LuigiConfigParser",
]


class InterpolationMissingEnvvarError(InterpolationError):
    """A value refers to an environment variable that is not set."""

    def __init__(self, option: str, section: str, value: str, envvar: str) -> None:
        super().__init__(
            option,
            section,
            f"Config refers to a nonexisting environment variable {envvar}. "
            f"Section [{section}], option {option}={value}",
        )


class EnvironmentInterpolation(Interpolation):
    """Replaces ``${NAME}`` by the environment variable."""

    _REFERENCE: ClassVar[re.Pattern[str] | None] = None

    def before_get(
        self,
        parser: MutableMapping[str, Mapping[str, str]],
        section: str,
        option: str,
        value: str,
        defaults: Mapping[str, str],
    ) -> str:
        """Return the value with its references replaced, as it is at this moment."""
        if "${" not in value:
            return value
        # The environment may differ at the next read.
        RESOLUTION.note_volatile_read()
        pattern = EnvironmentInterpolation._REFERENCE
        if pattern is None:
            pattern = EnvironmentInterpolation._REFERENCE = re.compile(r"\$\{(.+?)\}")

        def of_environment(match: re.Match[str]) -> str:
            name = match.group(1)
            try:
                return os.environ[name]
            except KeyError:
                raise InterpolationMissingEnvvarError(option, section, value, name) from None

        return pattern.sub(of_environment, value)


class CombinedInterpolation(Interpolation):
    """Applies several interpolations one after the other."""

    def __init__(self, interpolations: list[Interpolation]) -> None:
        self._interpolations = interpolations

    def before_get(
        self,
        parser: MutableMapping[str, Mapping[str, str]],
        section: str,
        option: str,
        value: str,
        defaults: Mapping[str, str],
    ) -> str:
        """Return the value after all of them."""
        for interpolation in self._interpolations:
            value = interpolation.before_get(parser, section, option, value, defaults)
        return value

    def before_read(
        self, parser: MutableMapping[str, Mapping[str, str]], section: str, option: str, value: str
    ) -> str:
        """Return the value as it is to be kept."""
        for interpolation in self._interpolations:
            value = interpolation.before_read(parser, section, option, value)
        return value

    def before_set(
        self, parser: MutableMapping[str, Mapping[str, str]], section: str, option: str, value: str
    ) -> str:
        """Return the value to be set; a stray ``%`` raises ``ValueError``."""
        for interpolation in self._interpolations:
            value = interpolation.before_set(parser, section, option, value)
        return value

    def before_write(
        self, parser: MutableMapping[str, Mapping[str, str]], section: str, option: str, value: str
    ) -> str:
        """Return the value as it goes into a file."""
        for interpolation in self._interpolations:
            value = interpolation.before_write(parser, section, option, value)
        return value


def _is_of_type(default: Any, expected: type[Any]) -> bool:
    """Tell whether a default may stand for a value of a type; an integer may stand for a float."""
    if expected is float and isinstance(default, int):
        return not isinstance(default, bool)
    return default is None or isinstance(default, expected)


class LuigiConfigParser(BaseParser, ConfigParser):
    """A ``ConfigParser`` with defaults, environment variables, and names in either spelling.

    Option names are case-sensitive.  A name is looked up with underscores and then with dashes.
    """

    NO_DEFAULT = object()
    enabled = True
    _instance: ClassVar[Any] = None
    _config_paths: ClassVar[list[Any]] = [
        "/etc/luigi/client.cfg",
        "/etc/luigi/luigi.cfg",
        "client.cfg",
        "luigi.cfg",
    ]
    _DEFAULT_INTERPOLATION = CombinedInterpolation([BasicInterpolation(), EnvironmentInterpolation()])

    _sections: TrackedDict
    _defaults: TrackedDict

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if len(args) < 2:
            kwargs.setdefault("dict_type", TrackedDict)
        ConfigParser.__init__(self, *args, **kwargs)

    def optionxform(self, optionstr: str) -> str:
        """Keep option names as they are written."""
        return optionstr

    def _read_files(self, paths: list[Any]) -> list[str]:
        warn_of_deprecated_names(paths)
        found = self.read(paths)
        warn_of_open_files(found)
        return found

    def _spelling(self, section: Any, option: str) -> str:
        """Return the spelling under which an option is present; raise when there is none."""
        values = self._sections.get(section)
        if values is None:
            if section != self.default_section:
                raise NoSectionError(section)
            values = self._defaults
        name = self.optionxform(option.replace("-", "_"))
        if name in values or name in self._defaults:
            return name
        dashed = self.optionxform(option.replace("_", "-"))
        if dashed in values or dashed in self._defaults:
            warnings.warn(
                f"Configuration [{section}] {dashed} (with dashes) should be avoided. "
                f"Please use underscores: {name}.",
                DeprecationWarning,
                stacklevel=4,
            )
            return dashed
        raise NoOptionError(dashed, section)

    def has_option(self, section: str | None, option: str) -> bool:
        """Tell whether an option is there, in either spelling; ``[DEFAULT]`` counts for every section."""
        try:
            self._spelling(section or self.default_section, option)
        except (NoSectionError, NoOptionError):
            return False
        return True

    def get(  # type: ignore[override]
        self, section: str, option: str, default: Any = NO_DEFAULT, **kwargs: Any
    ) -> Any:
        """Return the text of an option.  ``raw``, ``vars`` and ``fallback`` are those of ``configparser``.

        A missing option gives ``default`` whatever its type, or else raises ``NoSectionError`` or
        ``NoOptionError``.
        """
        if kwargs:
            return self._get_with_keywords(section, option, default, kwargs)
        values = self._sections.get(section)
        if values is None and default is not self.NO_DEFAULT and section != self.default_section:
            return default
        try:
            name = self._spelling(section, option)
        except (NoSectionError, NoOptionError):
            if default is self.NO_DEFAULT:
                raise
            return default
        return ConfigParser.get(self, section, name)

    def _get_with_keywords(self, section: str, option: str, default: Any, kwargs: dict[str, Any]) -> Any:
        try:
            return ConfigParser.get(self, section, option.replace("-", "_"), **kwargs)
        except (NoSectionError, NoOptionError):
            pass
        try:
            name = self._spelling(section, option)
        except (NoSectionError, NoOptionError):
            if default is self.NO_DEFAULT:
                raise
            return default
        return ConfigParser.get(self, section, name, **kwargs)

    def _converted(
        self,
        convert: Callable[[str], Any],
        expected: type[Any],
        place: tuple[str, str],
        default: Any,
        kwargs: dict[str, Any],
    ) -> Any:
        section, option = place
        try:
            text = self.get(section, option, **kwargs)
        except (NoSectionError, NoOptionError):
            if default is self.NO_DEFAULT or not _is_of_type(default, expected):
                raise
            return float(default) if expected is float and default is not None else default
        # What comes from fallback= need not be text.
        return convert(text) if isinstance(text, str) else text

    def getboolean(self, section: str, option: str, default: Any = NO_DEFAULT, **kwargs: Any) -> Any:
        """Return ``1/yes/true/on`` as ``True`` and ``0/no/false/off`` as ``False``, in any case."""
        return self._converted(self._convert_to_boolean, bool, (section, option), default, kwargs)  # type: ignore[attr-defined]

    def getint(self, section: str, option: str, default: Any = NO_DEFAULT, **kwargs: Any) -> Any:
        """Return an option as integer."""
        return self._converted(int, int, (section, option), default, kwargs)

    def getfloat(self, section: str, option: str, default: Any = NO_DEFAULT, **kwargs: Any) -> Any:
        """Return an option as floating point number."""
        return self._converted(float, float, (section, option), default, kwargs)

    def getintdict(self, section: str) -> dict[str, int]:
        """Return a section of integers; ``{}`` when there is no such section."""
        try:
            return {key: int(value) for key, value in self.items(section) if key not in self._defaults}
        except NoSectionError:
            return {}

    def set(self, section: str, option: str, value: Any = None) -> None:
        """Set an option to a text; the section is created when it does not exist."""
        if section and section not in self._sections:
            self.add_section(section)
        ConfigParser.set(self, section, option, value)
