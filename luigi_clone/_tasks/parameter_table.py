"""What is known of a task class's parameters, worked out once instead of for each instance.

A :class:`ValueResolver` turns constructor arguments into values for a list of parameters.  A
:class:`ParameterTable` is the resolver of one class's own parameters; it also knows how instances of the
class may be made and identified.  It is right for one state of the class and one generation of the
configuration (:data:`luigi_clone.configuration.generation.RESOLUTION`).
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from operator import is_
from typing import Any

from luigi_clone._parameters.base import checks_types, looks_up_as_defined
from luigi_clone._parameters.numbers import speaks_only_on_request
from luigi_clone.configuration import get_config
from luigi_clone.configuration.generation import RESOLUTION
from luigi_clone.freezing import FrozenOrderedDict
from luigi_clone.parameter import (
    DuplicateParameterException,
    MissingParameterException,
    Parameter,
    ParameterVisibility,
    UnconsumedParameterWarning,
    UnknownParameterException,
    _no_value,
)

UNSET: Any = object()
"""Stands for a value that is not known (yet)."""

MASK = "***"
"""Shown in place of the value of a PRIVATE parameter."""

_PUBLIC = ParameterVisibility.PUBLIC
_PRIVATE = ParameterVisibility.PRIVATE

# what the methods were when the package was imported: a replaced one is noticed and called
_NORMALIZE = Parameter.normalize
_SERIALIZE = Parameter.serialize
_WARN = Parameter._warn_on_wrong_param_type
_HAS_TASK_VALUE = Parameter.has_task_value
_TASK_VALUE = Parameter.task_value

# values of exactly these types are equal only when they are the same value
_ATOMS = frozenset(
    {str, int, bool, bytes, type(None), datetime.date, datetime.datetime, datetime.timedelta, type}
)
# values of exactly these types are no lists or sets
_NO_LISTS = _ATOMS | {float, tuple, FrozenOrderedDict, frozenset}


class ValueResolver:
    """Turns the arguments of a constructor into one value for each parameter of a list."""

    __slots__ = (
        "_batch_names",
        "_checked",
        "_texts",
        "_visibilities",
        "_without_other_source",
        "defaults",
        "family",
        "generation",
        "index",
        "names",
        "normalizers",
        "owner",
        "params",
        "positional",
        "unset",
    )

    def __init__(self, owner: Any, params: Sequence[tuple[str, Parameter[Any]]], family: str | None) -> None:
        self.owner = owner
        self.generation = RESOLUTION.number
        self.params = tuple(params)
        self.names = tuple(name for name, _ in self.params)
        self.index = {name: place for place, name in enumerate(self.names)}
        self.positional = tuple(place for place, (_, param) in enumerate(self.params) if param.positional)
        self.normalizers = [
            None if _is_own(param, "normalize", _NORMALIZE) else param.normalize for _, param in self.params
        ]
        self.defaults = [UNSET] * len(self.params)
        self.unset = list(range(len(self.params)))
        self.family = family
        self._checked = False
        self._without_other_source: frozenset[int] = frozenset()
        self._texts: dict[tuple[bool, bool], dict[str, Callable[[Any], str]]] = {}
        self._visibilities: dict[str, int] | None = None
        self._batch_names: list[str] | None = None

    def values(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], tuple[type, ...]]:
        """Return the normalised values in the order of the parameters, and their types.

        Explicit values are normalised in the order in which they were given; then defaults are looked up
        for the rest.  Raises as ``Task.get_param_values`` does.
        """
        values = self.defaults.copy()
        normalizers = self.normalizers
        taken: Sequence[int] = ()
        if args:
            taken = self.positional[: len(args)]
            for place, value in zip(taken, args):  # noqa: B905 - a surplus is reported below
                normalize = normalizers[place]
                values[place] = value if normalize is None else normalize(value)
            if len(args) > len(taken):
                count = f"takes at most {len(taken)} parameters ({len(args)} given)"
                raise UnknownParameterException(f"{self.describe(args, kwargs)}: {count}")
        places = self.index
        for name, value in kwargs.items():
            place = places.get(name, -1)
            if place in taken:
                clash = f"parameter {name} was already set as a positional parameter"
                raise DuplicateParameterException(f"{self.describe(args, kwargs)}: {clash}")
            if place < 0:
                raise UnknownParameterException(f"{self.describe(args, kwargs)}: unknown parameter {name}")
            normalize = normalizers[place]
            values[place] = value if normalize is None else normalize(value)
        if self.unset:
            for place in self.unset:
                if values[place] is UNSET:
                    values[place] = self._default(place, args, kwargs)
        types = tuple(map(type, values))
        if not _NO_LISTS.issuperset(types):
            values = [_without_list(value) for value in values]
            types = tuple(map(type, values))
        if not self._checked:
            self._checked = True
            family = self.family or self.owner.get_task_family()
            _warn_unconsumed(self.owner, family, self.index.keys() | _second_places(family, self.params))
        return values, types

    def texts(self, only_significant: bool, only_public: bool) -> dict[str, Callable[[Any], str]]:
        """Return how the values of the parameters that are asked for become texts; PRIVATE ones never are."""
        chosen = self._texts.get((only_significant, only_public))
        if chosen is None:
            chosen = self._texts[only_significant, only_public] = {
                name: str if _is_own(param, "serialize", _SERIALIZE) else param.serialize
                for name, param in self.params
                if (param.significant or not only_significant)
                and (param.visibility == _PUBLIC or not only_public)
                and param.visibility != _PRIVATE
            }
        return chosen

    def visibilities(self) -> dict[str, int]:
        """Return the numbers that the scheduler is sent, PRIVATE parameters left out."""
        if self._visibilities is None:
            self._visibilities = {
                name: param.visibility.serialize()
                for name, param in self.params
                if param.visibility != _PRIVATE
            }
        return self._visibilities

    def batch_names(self) -> list[str]:
        """Return the names of the parameters that can be combined in a batch."""
        if self._batch_names is None:
            self._batch_names = [name for name, param in self.params if param._is_batchable()]
        return self._batch_names

    def describe(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Return how errors name the construction; PRIVATE values are masked."""
        private = {name for name, param in self.params if param.visibility == _PRIVATE}
        if private:
            bound = {order: self.names[place] for order, place in enumerate(self.positional)}
            args = type(args)(  # type: ignore[call-arg]
                MASK if bound.get(order) in private else value for order, value in enumerate(args)
            )
            kwargs = {name: MASK if name in private else value for name, value in kwargs.items()}
        return f"{self.owner.get_task_family()}[args={args}, kwargs={kwargs}]"

    def _default(self, place: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        name, param = self.params[place]
        if place in self._without_other_source:
            return param.normalize(param._default)
        generation, volatile = RESOLUTION.number, RESOLUTION.volatile_reads
        family = self.family or self.owner.get_task_family()
        # Each look-up may warn, and parse: one is enough where nobody changed what the two would do.
        is_one_look_up = _is_own(param, "has_task_value", _HAS_TASK_VALUE) and _is_own(
            param, "task_value", _TASK_VALUE
        )
        raw: Any = UNSET
        try:
            if is_one_look_up:
                raw = param._get_value(family, name)
                has_value = raw is not _no_value
            else:
                has_value = param.has_task_value(family, name)
        except Exception as error:
            message = f"{self.describe(args, kwargs)}: Error when parsing the default value of '{name}'"
            # the text of the original error may hold the value
            raise ValueError(message) from (None if param.visibility == _PRIVATE else error)
        if not has_value:
            raise MissingParameterException(
                f"{self.describe(args, kwargs)}: requires the '{name}' parameter to be set"
            )
        value = param.normalize(raw) if is_one_look_up else param.task_value(family, name)
        if (
            self.family is not None
            and generation == self.generation == RESOLUTION.number
            and volatile == RESOLUTION.volatile_reads
        ):
            self._keep(place, value, raw)
        return value

    def _keep(self, place: int, value: Any, raw: Any) -> None:
        """Keep a resolved default, or at least the knowledge that no other source has a value."""
        name, param = self.params[place]
        if param._resolution_is_pure():
            self.defaults[place] = value
            # a new list: another thread may be walking the old one
            self.unset = [other for other in self.unset if other != place]
        elif raw is param._default and looks_up_as_defined(param):
            *sources, _ = param._value_iterator(self.family or "", name)
            if all(found is _no_value for found, _ in sources):
                self._without_other_source = self._without_other_source | {place}


class ParameterTable(ValueResolver):
    """What one task class's own parameters, and the methods around them, amount to."""

    __slots__ = (
        "checks",
        "creation",
        "custom_params",
        "custom_values",
        "identity",
        "is_plain",
        "mixins",
        "shown",
        "types",
    )

    DIRECT, INITIALISED, FOREIGN = range(3)
    """How instances are made: from values alone; by ``__new__`` and ``__init__``; by another metaclass."""

    def __init__(self, owner: Any, base: Mapping[str, Any], register_call: Any) -> None:
        """Work the class out; ``base`` is what ``Task`` has when nobody has overridden or replaced it."""
        super().__init__(owner, find_params(owner), None)
        self.mixins = _plain_bases(owner)
        self.types: dict[tuple[type, ...], tuple[type, ...]] = {}

        def inherits(name: str) -> bool:
            return getattr(owner, name) is base[name]

        def inherits_classmethod(name: str) -> bool:
            return getattr(getattr(owner, name), "__func__", None) is base[name].__func__

        if inherits_classmethod("get_task_family") and inherits_classmethod("get_task_namespace"):
            self.family = owner.get_task_family()
        self.custom_params = not inherits_classmethod("get_params")
        self.custom_values = self.custom_params or not inherits_classmethod("get_param_values")
        self.is_plain = (
            self.family is not None
            and owner.__setattr__ is object.__setattr__
            and all(map(inherits, ("to_str_params", "_warn_on_wrong_param_types", *_REPORTERS)))
            and all(type(param).__set__ is Parameter.__set__ for _, param in self.params)
            and not any(name in vars(one) for one in owner.__mro__ for name in _RESULTS)
        )
        if _calls_before_type(type(owner), register_call):
            self.creation = self.FOREIGN
        elif self.is_plain and inherits("__init__") and owner.__new__ is object.__new__:
            self.creation = self.DIRECT
        else:
            self.creation = self.INITIALISED
        self.checks = [check for place in range(len(self.params)) for check in self._type_check(place)]
        texts = self.texts(only_significant=True, only_public=True)
        self.identity = [(name, self.index[name], serialize) for name, serialize in sorted(texts.items())]
        self.shown = [
            (
                f"{name}=",
                name,
                self.normalizers[self.index[name]],
                _masked
                if param.visibility == _PRIVATE
                else (str if _is_own(param, "serialize", _SERIALIZE) else param.serialize),
            )
            for name, param in self.params
            if param.significant
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        # A class that is pickled by value (cloudpickle) takes no table along; it makes a new one.
        return _no_table, ()

    def _type_check(self, place: int) -> list[tuple[int, str, type | None, Callable[[str, Any], None]]]:
        """Return what warns of a wrong type, with the type that it need not be asked about; or nothing."""
        name, param = self.params[place]
        if speaks_only_on_request(param) and not checks_types():
            return []
        if not _is_own(param, "_warn_on_wrong_param_type", _WARN):
            return [(place, name, None, param._warn_on_wrong_param_type)]
        if type(param) is Parameter:
            return [(place, name, str, param._warn_on_wrong_param_type)]
        return []

    def depends_on(self, name: str, value: Any) -> bool:
        """Tell whether giving the class, or one of its bases, this attribute makes the table wrong."""
        return name in self.index or name in _INGREDIENTS or isinstance(value, Parameter)

    def is_current(self) -> bool:
        """Tell whether the table still holds; changes of task classes are noticed elsewhere."""
        if self.generation != RESOLUTION.number:
            return False
        for namespace, snapshot in self.mixins:
            if len(namespace) != len(snapshot) or not all(map(is_, namespace.values(), snapshot)):
                return False
        return True

    def key(self, values: list[Any], types: tuple[type, ...]) -> Any:
        """Return what tells the instance with these values from all others."""
        types = self.types.setdefault(types, types)
        if not _ATOMS.issuperset(types):
            distinct = [value if type(value) in _ATOMS else _distinct(value) for value in values]
            return self.owner, tuple(distinct), types
        return self.owner, tuple(values), types


def _masked(_: Any) -> str:
    return MASK


def _no_table() -> None:
    return None


def find_params(owner: type) -> list[tuple[str, Parameter[Any]]]:
    """Return the names and parameters that a class has, in the order in which they were created."""
    found: dict[str, Any] = {}
    for one in reversed(owner.__mro__):
        for name, value in tuple(vars(one).items()):
            if isinstance(value, Parameter):
                found[name] = value._named(one, name)
            else:
                found.pop(name, None)
    return sorted(found.items(), key=lambda pair: (pair[1]._counter, pair[0]))


# the attributes that construction sets besides the parameters
_RESULTS = ("task_id", "param_kwargs", "_Task__hash")
_REPORTERS = ("set_tracking_url", "set_status_message", "set_progress_percentage")
_INGREDIENTS = frozenset(
    {
        *_RESULTS,
        *_REPORTERS,
        "__init__",
        "__new__",
        "__setattr__",
        "__name__",
        "__module__",
        "__bases__",
        "task_namespace",
        "_namespace_at_class_time",
        "get_params",
        "get_param_values",
        "get_task_family",
        "get_task_namespace",
        "to_str_params",
        "_warn_on_wrong_param_types",
        "ignore_unconsumed",
    }
)


def _is_own(param: Parameter[Any], method: str, original: Callable[..., Any]) -> bool:
    """Tell whether a parameter's method is the base class's, as it was imported."""
    return getattr(type(param), method) is original and method not in vars(param)


def _plain_bases(owner: Any) -> list[tuple[Mapping[str, Any], tuple[Any, ...]]]:
    """Return a snapshot of each base class that is not a task class: nothing tells when these change."""
    return [
        (vars(one), tuple(vars(one).values()))
        for one in owner.__mro__
        if not hasattr(type(one), "_default_namespace_dict")
        and one.__module__ not in ("builtins", "typing", "abc", "luigi_clone.task")
    ]


def _calls_before_type(metaclass: type, register_call: Any) -> bool:
    """Tell whether the ``__call__`` that the register would go on to is another than ``type``'s."""
    after = False
    for one in metaclass.__mro__:
        call = vars(one).get("__call__")
        if call is register_call:
            after = True
        elif after and call is not None:
            return one is not type
    return False


def _without_list(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, set):
        try:
            # equal sets must give equal tasks, whatever the order in which they hold their items
            return tuple(sorted(value))
        except TypeError:
            return tuple(value)
    return value


def _distinct(value: Any) -> Any:
    """Return what is equal only for values that are the same: 1, True and 1.0 are not, each NaN is."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, tuple):
        return tuple(map(type, value)), tuple(map(_distinct, value))
    if isinstance(value, FrozenOrderedDict):
        return frozenset((name, type(item), _distinct(item)) for name, item in value.items())
    if isinstance(value, frozenset):
        return frozenset((type(item), _distinct(item)) for item in value)
    return value


def _second_places(family: str, params: Sequence[tuple[str, Parameter[Any]]]) -> set[str]:
    """Return the keys of the family's own section that parameters read by their ``config_path``."""
    paths = [param._config_path for _, param in params]
    return {path["name"].replace("-", "_") for path in paths if path and path["section"] == family}


def _warn_unconsumed(owner: Any, family: str, known: Container[str]) -> None:
    """Warn of each key in the configuration section of the family that no parameter reads."""
    if not hasattr(owner, "_unconsumed_params"):
        owner._unconsumed_params = set()
    config = get_config()
    if not config.has_section(family):
        return
    ignored: Container[str] = getattr(owner, "ignore_unconsumed", ())
    for option in config.options(family):
        name = option.replace("-", "_")
        mark = f"{family}_{name}"
        if name in known or name in ignored or mark in owner._unconsumed_params:
            continue
        owner._unconsumed_params.add(mark)
        warnings.warn(
            f"The configuration contains the parameter '{name}' with value '{config.get(family, option)}' "
            f"that is not consumed by the task '{family}'.",
            UnconsumedParameterWarning,
            stacklevel=4,
        )
