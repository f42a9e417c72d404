"""What workers announce of the families of tasks: what they are for, and which parameters they take."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MOST = 10_000
"""So many families are remembered, those that were announced last."""
MOST_PARAMETERS = 500
LONGEST_DOC = 65_536
_LONGEST_TEXT = 4_000
_VISIBILITIES = ("public", "hidden", "private")


class Parameter(NamedTuple):
    """One parameter of a family; ``visibility`` is public, hidden or private."""

    name: str
    visibility: str
    description: str | None
    default: str | None
    """As a text; None if there is none, or if the parameter is private."""


class Family(NamedTuple):
    """What was announced of a family."""

    module: str | None
    doc: str
    parameters: tuple[Parameter, ...]


class Families:
    """The families that were announced. They are not stored: workers tell them when they register again."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Family] = OrderedDict()

    def announce(
        self, family: str, module: str | None, doc: str | None, parameters: Iterable[Mapping[str, Any]]
    ) -> None:
        """Remember a family, in place of what was known of it.

        Too long a text is cut; entries of ``parameters`` without a name are left out.
        """
        told: list[Parameter] = []
        for one in parameters:
            name = one.get("name") if isinstance(one, Mapping) else None
            if isinstance(name, str) and name and len(told) < MOST_PARAMETERS:
                told.append(_parameter(name, one))
        self._known[family] = Family(module, _cut(doc or "", LONGEST_DOC), tuple(told))
        self._known.move_to_end(family)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def get(self, family: str) -> Family | None:
        """Return what was announced of a family."""
        return self._known.get(family)


def _parameter(name: str, told: Mapping[str, Any]) -> Parameter:
    visibility = told.get("visibility")
    # who does not say clearly that everybody may see it means that nobody may
    visibility = visibility if visibility in _VISIBILITIES else "private"
    default = None if visibility == "private" else _text(told.get("default"))
    return Parameter(_cut(name, _LONGEST_TEXT), visibility, _text(told.get("description")), default)


def _text(value: Any) -> str | None:
    return None if value is None else _cut(str(value), _LONGEST_TEXT)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
