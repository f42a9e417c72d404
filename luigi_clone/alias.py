"""Makes ``import luigi`` mean this package.

After :func:`install`, ``luigi`` and ``luigi.x.y`` are the very same module objects as ``luigi_clone`` and
``luigi_clone.x.y``, whether they are loaded already or later, and whether or not Luigi is installed beside.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

_OURS = "luigi_clone"
_ALIAS = "luigi"


class _AliasLoader:
    """Loads a module of this package in place of the one that is asked for."""

    def __init__(self, name: str, spec: importlib.machinery.ModuleSpec) -> None:
        self._name = name
        self._spec = spec
        self._own_spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return the module of this package."""
        module = importlib.import_module(self._name)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is: it has been executed under its own name, which it keeps."""
        module.__spec__ = self._own_spec

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the module's code, for ``runpy``."""
        loader: Any = self._spec.loader
        code: CodeType | None = loader.get_code(self._name)
        return code

    def get_source(self, fullname: str) -> str | None:
        """Return the module's source text, for tracebacks and documentation tools."""
        loader: Any = self._spec.loader
        source: str | None = loader.get_source(self._name)
        return source

    def is_package(self, fullname: str) -> bool:
        """Tell whether the module is a package."""
        return self._spec.submodule_search_locations is not None


class _AliasFinder:
    """Finds ``luigi.x`` as ``luigi_clone.x``, and says of what is missing that it is."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where the module comes from, or ``None`` for what is not this package's."""
        root, _, rest = fullname.partition(".")
        if root not in (_ALIAS, _OURS):
            return None
        _refuse_absent(fullname, rest)
        if root == _OURS:
            return None
        name = f"{_OURS}.{rest}" if rest else _OURS
        own = importlib.util.find_spec(name)
        if own is None:
            return None
        spec = importlib.machinery.ModuleSpec(
            fullname,
            _AliasLoader(name, own),  # type: ignore[arg-type]  # a loader by its methods
            origin=own.origin,
            is_package=own.submodule_search_locations is not None,
        )
        spec.has_location = own.has_location
        if own.submodule_search_locations is not None:
            spec.submodule_search_locations = list(own.submodule_search_locations)
        return spec


def _refuse_absent(fullname: str, rest: str) -> None:
    """Raise for a module of ``contrib`` that Luigi has and this version does not (yet)."""
    package, _, part = rest.partition(".")
    if package == "contrib" and part and "." not in part:
        contrib = importlib.import_module(f"{_OURS}.contrib")
        if importlib.machinery.PathFinder.find_spec(f"{_OURS}.{rest}", contrib.__path__) is None:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: it is not part of this version of luigi_clone", name=fullname
            )


def install() -> None:
    """Make ``luigi`` this package; calling it again does nothing.

    Raises ``RuntimeError`` when another ``luigi`` has been imported in the process: some modules would hold
    that one, others this one, and their tasks would not know each other.
    """
    ours = importlib.import_module(_OURS)
    known = sys.modules.get(_ALIAS)
    if known is not None and known is not ours:
        raise RuntimeError(
            f"another luigi is already imported, from {getattr(known, '__file__', None)}: "
            f"call {_OURS}.alias.install() before the first 'import luigi'"
        )
    if _AliasFinder not in sys.meta_path:
        sys.meta_path.insert(0, _AliasFinder)
    for name, module in list(sys.modules.items()):
        if name == _OURS or name.startswith(f"{_OURS}."):
            sys.modules.setdefault(_ALIAS + name[len(_OURS) :], module)


def is_installed() -> bool:
    """Tell whether ``luigi`` is this package."""
    return _AliasFinder in sys.meta_path


def uninstall() -> None:
    """Take the name ``luigi`` back; modules that hold it already keep what they have."""
    if _AliasFinder in sys.meta_path:
        sys.meta_path.remove(_AliasFinder)
    ours = sys.modules.get(_OURS)
    if sys.modules.get(_ALIAS) is ours:
        for name in [name for name in sys.modules if name == _ALIAS or name.startswith(f"{_ALIAS}.")]:
            del sys.modules[name]
