"""Configuration files: where they are looked for, and how options are read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luigi_clone.configuration.core import add_config_path, get_config

if TYPE_CHECKING:
    from luigi_clone.configuration.cfg_parser import LuigiConfigParser
    from luigi_clone.configuration.toml_parser import LuigiTomlParser

__all__ = ["LuigiConfigParser", "LuigiTomlParser", "add_config_path", "get_config"]

_MODULES = {"LuigiConfigParser": "cfg_parser", "LuigiTomlParser": "toml_parser"}


def _load_on_use(name: str) -> Any:
    # The parsers are loaded when something is read: not every program does.
    module = _MODULES.get(name)
    if module is None and name in ("cfg_parser", "toml_parser"):
        module = name
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    loaded = import_module(f"{__name__}.{module}")
    return loaded if name == module else getattr(loaded, name)


if not TYPE_CHECKING:  # to a checker a module with this function has every name
    __getattr__ = _load_on_use
