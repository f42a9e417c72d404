"""Which parser is in use, and the way to it.

Nothing is read when this module is imported: files are read when the configuration is first asked for.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from luigi_clone.configuration.base_parser import START, BaseParser, logger

if TYPE_CHECKING:
    from luigi_clone.configuration.cfg_parser import LuigiConfigParser as LuigiConfigParser
    from luigi_clone.configuration.toml_parser import LuigiTomlParser as LuigiTomlParser

    PARSERS: dict[str, type[BaseParser]]
    DEFAULT_PARSER: str

__all__ = ["add_config_path", "get_config", "logger"]

_FALLBACK_PARSER = "cfg"
_TOML = "toml"
_NAMES = ("cfg", "conf", "ini", "toml")


def _parser_class(name: str) -> type[BaseParser]:
    known = globals().get("PARSERS")  # a program may have registered one of its own
    if known is not None:
        return known[name]  # type: ignore[no-any-return]
    if name not in _NAMES:
        raise KeyError(name)
    if name == _TOML:
        from luigi_clone.configuration.toml_parser import LuigiTomlParser

        return LuigiTomlParser
    from luigi_clone.configuration.cfg_parser import LuigiConfigParser

    return LuigiConfigParser


def _check_parser(parser_class: type[BaseParser], parser: str) -> None:
    if not parser_class.enabled:
        raise ImportError(
            "Parser not installed yet. Please, install luigi with required parser:\n"
            f"pip install luigi[{parser}]"
        )


def _default_parser() -> str:
    """Return the name of the parser in use.  A module attribute, because tests and programs assign it."""
    name = globals().get("DEFAULT_PARSER")
    if name is None:
        name = START.parser or _FALLBACK_PARSER
        if name not in _NAMES:
            warnings.warn(
                f"Invalid parser: {name} (in LUIGI_CONFIG_PARSER; known are {', '.join(_NAMES)}). "
                f"Using {_FALLBACK_PARSER}",
                UserWarning,
                stacklevel=3,
            )
            name = _FALLBACK_PARSER
        _check_parser(_parser_class(name), name)
        globals()["DEFAULT_PARSER"] = name
    return str(name)


def is_default(parser_class: type[BaseParser]) -> bool:
    """Tell whether this is the parser in use."""
    return _parser_class(_default_parser()) is parser_class


def get_config(parser: str | None = None) -> Any:
    """Return the configuration: the shared instance of the parser in use, or of the named one.

    Unknown names raise ``KeyError``, a parser that is not installed ``ImportError``, and a file that
    cannot be parsed raises the parser's own exception.
    """
    name = parser or _default_parser()
    parser_class = _parser_class(name)
    _check_parser(parser_class, name)
    return parser_class.instance()


def add_config_path(path: Any) -> bool:
    """Read one more configuration file; its values win over those read before.

    Returns whether the file exists.  The parser is chosen by the file name's extension.
    """
    parser_class = _parser_of_file(path, path)
    if parser_class is None:
        return False
    parser_class.add_config_path(path)
    return True


def add_extra_file() -> None:
    """Act on ``LUIGI_CONFIG_PATH``, once."""
    path, START.extra_file = START.extra_file, None
    if path:
        parser_class = _parser_of_file(path, START.resolve(path))
        if parser_class is not None:
            parser_class._config_paths.append(path)


def _parser_of_file(path: Any, seen_from_here: Any) -> type[BaseParser] | None:
    if not os.path.isfile(seen_from_here):
        warnings.warn(f"Config file does not exist: {path}", UserWarning, stacklevel=3)
        return None
    default = _default_parser()
    extension = os.path.splitext(path)[1].lstrip(".")
    name = extension if extension in _NAMES else default
    parser_class = _parser_class(name)
    if name != default:  # by name, as Luigi does: .ini and .conf are read by the same parser
        warnings.warn(
            f"Config for {name} parser added, but used {default} parser. "
            f"Set up right parser via env var: export LUIGI_CONFIG_PARSER={name}",
            UserWarning,
            stacklevel=3,
        )
    _check_parser(parser_class, name)
    return parser_class


def _load_on_use(name: str) -> Any:
    if name == "DEFAULT_PARSER":
        return _default_parser()
    if name == "PARSERS":
        return globals().setdefault("PARSERS", {key: _parser_class(key) for key in _NAMES})
    if name == "LuigiConfigParser":
        return _parser_class("cfg")
    if name == "LuigiTomlParser":
        return _parser_class("toml")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # to a checker a module with this function has every name
    __getattr__ = _load_on_use
