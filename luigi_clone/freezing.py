"""Immutable mappings, and turning nested lists and mappings into immutable ones and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FrozenOrderedDict(Mapping[K, V]):
    """A mapping that cannot be changed, keeps its order, and can be hashed when its values can.

    Its hash and its equality do not depend on the order; it equals a plain dict with the same items.
    """

    __dict: OrderedDict[K, V]
    __hash: int | None
    _is_deeply_frozen: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.__dict = OrderedDict(*args, **kwargs)
        self.__hash = None
        self._is_deeply_frozen = False

    def __getitem__(self, key: K) -> V:
        return self.__dict[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self.__dict)

    def __len__(self) -> int:
        return len(self.__dict)

    def __repr__(self) -> str:
        return repr(dict(self.__dict))

    def __hash__(self) -> int:
        known = self.__hash
        if known is None:
            known = 0
            for item in self.__dict.items():
                known ^= hash(item)
            self.__hash = known
        return known

    def get_wrapped(self) -> OrderedDict[K, V]:
        """Return the ordered dict that is inside; it must not be changed."""
        return self.__dict


_SCALARS = frozenset({str, int, float, bool, type(None)})


def recursively_freeze(value: Any) -> Any:
    """Return ``value`` with its mappings as :class:`FrozenOrderedDict` and its lists and tuples as tuples.

    What is frozen already is returned as it is.  Other values, sets too, are left alone.
    """
    kind = value.__class__
    if kind in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        if kind is tuple:
            for element in value:
                if element.__class__ not in _SCALARS:
                    break
            else:
                return value
        elements = tuple([recursively_freeze(element) for element in value])
        return value if kind is tuple and all(map(_same, elements, value)) else elements
    if kind is FrozenOrderedDict and value._is_deeply_frozen:
        return value
    if isinstance(value, Mapping):
        return _freeze_mapping(value)
    return value


def _freeze_mapping(value: Mapping[Any, Any]) -> Any:
    pairs = [(key, recursively_freeze(element)) for key, element in value.items()]
    if value.__class__ is FrozenOrderedDict and all(
        new is old for (_, new), old in zip(pairs, value.values(), strict=True)
    ):
        frozen = value
    else:
        frozen = FrozenOrderedDict(pairs)
    frozen._is_deeply_frozen = True
    return frozen


def recursively_unfreeze(value: Any) -> Any:
    """Return ``value`` with its mappings as dicts and its lists and tuples as lists, all of them new."""
    if isinstance(value, Mapping):
        return {key: recursively_unfreeze(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [recursively_unfreeze(element) for element in value]
    return value


def _same(one: object, other: object) -> bool:
    return one is other
