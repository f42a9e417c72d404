"""What every parameter is: its attributes, its behaviour as a class attribute, where its value comes from.

The rules for particular kinds of values (numbers, dates, …) are in the modules beside this one; users find
all of them in :mod:`luigi_clone.parameter`.
"""

from __future__ import annotations

import abc
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypedDict, overload

from luigi_clone._parameters import argv
from luigi_clone._parameters.errors import PUBLIC_MODULE, MissingParameterException, ParameterException
from luigi_clone.configuration.generation import RESOLUTION

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar

    T = TypeVar("T", default=str)
else:
    from typing import TypeVar

    T = TypeVar("T")

MASK = "***"
"""What is shown in place of a PRIVATE value."""

OPTIONS_SECTION = "parameters"
"""Configuration section of this engine's own options for parameters; stock Luigi knows none of them."""


class ConfigPath(TypedDict):
    """A deprecated second place in the configuration: section and option name."""

    section: str
    name: str


if TYPE_CHECKING:

    class ParameterKwargs(TypedDict, total=False):
        """The keyword arguments that every parameter class takes beside ``default`` and its own."""

        is_global: bool
        significant: bool
        description: str | None
        config_path: ConfigPath | Mapping[str, str] | None
        positional: bool
        always_in_help: bool
        batch_method: Callable[[Iterable[Any]], Any] | None
        visibility: ParameterVisibility


class ParameterVisibility(IntEnum):
    """Who may see the value of a parameter.

    ``PUBLIC``: everybody.  ``HIDDEN``: it is sent to the scheduler and kept in the task history, but not
    shown.  ``PRIVATE``: it never leaves the process, and this engine shows ``***`` instead of it.
    Only public parameters are part of the task id.
    """

    __module__ = PUBLIC_MODULE

    PUBLIC = 0
    HIDDEN = 1
    PRIVATE = 2

    @classmethod
    def has_value(cls, value: object) -> bool:
        """Tell whether ``value`` equals one of the members' numbers."""
        return any(value == member.value for member in cls)

    def serialize(self) -> int:
        """Return the number that is sent to the scheduler."""
        return self.value


class _NoValueType:
    """The class of the marker ``_no_value``; there is one instance, also after copying and unpickling."""

    __module__ = PUBLIC_MODULE
    _instance: _NoValueType | None = None

    def __new__(cls) -> _NoValueType:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "<no_value>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[_NoValueType], tuple[()]]:
        return _NoValueType, ()


_no_value = _NoValueType()

_NUMBERS = count()  # one for each parameter, also of those that threads make at the same time

_RESOLVING_METHODS = (
    "parse",
    "normalize",
    "has_task_value",
    "task_value",
    "_get_value",
    "_value_iterator",
    "_get_value_from_config",
    "_parse_or_no_value",
    "_parser_global_dest",
    "__getattribute__",
)


_LOOK_UP_METHODS = tuple(name for name in _RESOLVING_METHODS if name not in ("parse", "normalize"))


def _is_own_function(function: object) -> bool:
    """Tell whether ``function`` was written in this package (``functools.wraps`` cannot pretend that)."""
    home = getattr(function, "__globals__", {}).get("__name__", "")
    return home.startswith(f"{__package__}.") or function is object.__getattribute__


class ParameterMeta(abc.ABCMeta):
    """Notices when a method or another attribute of a parameter class is replaced.

    Values resolved before may be different now, so that the caches of resolved defaults are told.
    """

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> ParameterMeta:
        """Create the class; those of this package name the module that users import them from."""
        if namespace.get("__module__", "").startswith(f"{__package__}."):
            namespace["__module__"] = PUBLIC_MODULE
        cls = super().__new__(mcs, name, bases, namespace, **kwargs)
        if cls.__abstractmethods__ and not any(map(_is_abstract_base, cls.__mro__)):
            # Only who derives from abc.ABC asks that abstract methods keep the class from being used.
            type.__setattr__(cls, "__abstractmethods__", frozenset())
        return cls

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        RESOLUTION.bump()

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        RESOLUTION.bump()


def _is_abstract_base(cls: type) -> bool:
    return isinstance(cls, abc.ABCMeta) and not isinstance(cls, ParameterMeta)


class Parameter(Generic[T], metaclass=ParameterMeta):
    """A value that a task is made with; its text is taken as it is.

    Declared as a class attribute of a task, it reads as a plain value on the task's instances::

        class Report(luigi.Task):
            region = luigi.Parameter(default="eu", description="which market")

    The value is, in this order: what the constructor was given; ``--Report-region`` on the command line;
    ``region`` in the section ``[Report]`` of the configuration; ``default``.

    :param default: the value when none is given, already of the right type; without it a value must be given
    :param is_global: has no effect but to make the parameter not positional (deprecated)
    :param significant: whether the value is part of the task's identity
    :param description: help text on the command line
    :param config_path: a second place in the configuration: a ``section`` and a ``name`` (deprecated)
    :param positional: whether the task's constructor takes it by position
    :param always_in_help: whether ``--help`` shows it whatever the root task
    :param batch_method: makes one value out of many, so that many tasks can run as one (such as ``max``)
    :param visibility: who may see the value, a :class:`ParameterVisibility`
    :raises ParameterException: when ``config_path`` lacks one of its keys
    """

    _counter = 0
    """The number of the next parameter; on instances its own: the order of declaration."""

    _attribute_name: str | None = None
    _is_bound = False
    _names_by_owner: Any = None

    _default: Any
    _batch_method: Callable[[Iterable[Any]], Any] | None
    _config_path: ConfigPath | Mapping[str, str] | None
    significant: bool
    positional: bool
    visibility: ParameterVisibility
    description: str | None
    always_in_help: bool

    def __init__(
        self,
        default: T | _NoValueType = _no_value,
        is_global: bool = False,
        significant: bool = True,
        description: str | None = None,
        config_path: ConfigPath | Mapping[str, str] | None = None,
        positional: bool = True,
        always_in_help: bool = False,
        batch_method: Callable[[Iterable[Any]], Any] | None = None,
        visibility: ParameterVisibility = ParameterVisibility.PUBLIC,
    ) -> None:
        if is_global:
            warnings.warn(
                "is_global support is removed. Assuming positional=False", DeprecationWarning, stacklevel=2
            )
            positional = False
        if config_path is not None and ("section" not in config_path or "name" not in config_path):
            raise ParameterException("config_path must be a hash containing entries for section and name")
        # Past __setattr__ below, which would tell the caches of a parameter that no task has yet.
        put = object.__setattr__
        put(self, "_default", default)
        put(self, "_batch_method", batch_method)
        put(self, "significant", significant)
        put(self, "positional", positional)
        put(self, "visibility", _as_visibility(visibility))
        put(self, "description", description)
        put(self, "always_in_help", always_in_help)
        put(self, "_config_path", config_path)
        number = next(_NUMBERS)
        put(self, "_counter", number)
        type.__setattr__(Parameter, "_counter", number + 1)

    def __setattr__(self, name: str, value: Any) -> None:
        known = self.__dict__.get(name, _no_value)
        object.__setattr__(self, name, value)
        if known is not value:
            RESOLUTION.bump()

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        RESOLUTION.bump()

    def __getstate__(self) -> dict[str, Any]:
        # A copy belongs to no class yet and takes the name of the attribute that it is assigned to.
        state = self.__dict__.copy()
        state.pop("_is_bound", None)
        state.pop("_names_by_owner", None)
        return state

    # -- as a class attribute ---------------------------------------------------------------------

    def __set_name__(self, owner: type, name: str) -> None:
        known = self._attribute_name
        put = object.__setattr__
        if known is None or known == name or not self._is_bound:
            put(self, "_attribute_name", name)
            put(self, "_is_bound", True)
            return
        if any(
            value is self and other != name for cls in owner.__mro__ for other, value in vars(cls).items()
        ):
            # Two names on one class: reading cannot tell which was meant, so that each name gets its own.
            import copy

            twin = copy.copy(self)
            type.__setattr__(owner, name, twin)
            twin.__set_name__(owner, name)
            return
        put(self, "_attribute_name", name)
        if self._names_by_owner is None:
            from weakref import WeakKeyDictionary

            put(self, "_names_by_owner", WeakKeyDictionary())
        else:
            self._names_by_owner.clear()

    def _named(self, owner: type, name: str) -> Parameter[T]:
        """Return the parameter that is ``name`` of ``owner``, attached late perhaps."""
        if self._attribute_name != name and (
            self._names_by_owner is None or self._names_by_owner.get(owner) != name
        ):
            self.__set_name__(owner, name)
        found: Parameter[T] = vars(owner)[name]
        return found

    def _name_in(self, owner: type) -> str:
        """Return the name that this parameter has as an attribute of ``owner``.

        :raises AttributeError: when it is no attribute of that class
        """
        names = self._names_by_owner
        if names is not None and owner in names:
            return str(names[owner])
        for cls in owner.__mro__:
            for name, value in vars(cls).items():
                if value is self:
                    if names is not None:
                        names[owner] = name
                    elif self._attribute_name is None:
                        object.__setattr__(self, "_attribute_name", name)
                        object.__setattr__(self, "_is_bound", True)
                    return name
        known = self._attribute_name
        if known is None:
            raise AttributeError(f"{owner.__name__!r} has no attribute that is this {type(self).__name__}")
        return known

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...

    @overload
    def __get__(self, instance: Any, owner: Any = None) -> T: ...

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        if self._names_by_owner is None:
            try:
                return instance.__dict__[self._attribute_name]
            except KeyError:
                pass
        return self._read_slowly(instance)

    def _read_slowly(self, instance: Any) -> Any:
        name = self._name_in(type(instance))
        try:
            return instance.__dict__[name]
        except KeyError:
            _raise_unset(type(instance), name)

    def __set__(self, instance: Any, value: T) -> None:
        name = self._attribute_name
        if name is None or self._names_by_owner is not None:
            name = self._name_in(type(instance))
        instance.__dict__[name] = value

    # -- where the value comes from ---------------------------------------------------------------

    def _get_value_from_config(self, section: str, name: str) -> Any:
        """Return the parsed value of one configuration option, or ``_no_value``."""
        from luigi_clone.configuration import get_config

        value = get_config().get(section, name, _no_value)
        return _no_value if value is _no_value else self.parse(value)

    def _get_value(self, task_name: str, param_name: str) -> Any:
        """Return the first value that is found, not normalised yet, or ``_no_value``."""
        for value, warning in self._value_iterator(task_name, param_name):
            if value is not _no_value:
                if warning:
                    warnings.warn(warning, DeprecationWarning, stacklevel=2)
                return value
        return _no_value

    def _value_iterator(self, task_name: str, param_name: str) -> Iterator[tuple[Any, str | None]]:
        """Yield what each source has, ``_no_value`` for nothing, and the warning that its use deserves."""
        command_line = argv.active()
        if command_line is not None:
            dest = self._parser_global_dest(param_name, task_name)
            yield self._parse_or_no_value(getattr(command_line.known_args, dest, None)), None
        yield self._get_value_from_config(task_name, param_name), None
        path = self._config_path
        if path:
            yield (
                self._get_value_from_config(path["section"], path["name"]),
                f"The use of the configuration [{path['section']}] {path['name']} is deprecated. "
                f"Please use [{task_name}] {param_name}",
            )
        yield self._default, None

    def has_task_value(self, task_name: str, param_name: str) -> bool:
        """Tell whether a value is found for a task that was not given one.

        Raises what :meth:`parse` raises for the text that was found.
        """
        return self._get_value(task_name, param_name) is not _no_value

    def task_value(self, task_name: str, param_name: str) -> Any:
        """Return the normalised value for a task that was not given one.

        :raises MissingParameterException: when there is none
        """
        value = self._get_value(task_name, param_name)
        if value is _no_value:
            raise MissingParameterException("No default specified")
        return self.normalize(value)

    def _resolution_is_pure(self) -> bool:
        """Tell whether equal configuration and command line always give the same resolved default.

        Then it may be cached until the next change that ``RESOLUTION`` counts.
        """
        if self._config_path:
            return False  # its warning is due each time
        cls, own = type(self), self.__dict__
        return all(name not in own and _is_own_function(getattr(cls, name)) for name in _RESOLVING_METHODS)

    # -- text and value ---------------------------------------------------------------------------

    def parse(self, x: Any) -> Any:
        """Return the value that the text ``x`` stands for."""
        return x

    def serialize(self, x: Any) -> str:
        """Return the text of the value ``x``: what :meth:`parse` makes the value of again."""
        return str(x)

    def normalize(self, x: Any) -> Any:
        """Return the value that ``x`` is taken for; applied to constructor arguments and defaults."""
        return x

    def next_in_enumeration(self, value: Any) -> Any:
        """Return the value after ``value``, or ``None`` where there is no natural order.

        The execution summary uses it to write runs of values as ``first...last``.
        """
        return None

    def _is_batchable(self) -> bool:
        return self._batch_method is not None

    def _parse_list(self, xs: list[str]) -> Any:
        """Return the one value that stands for a batch of texts."""
        if not self._is_batchable() or self._batch_method is None:
            raise NotImplementedError("No batch method found")
        if not xs:
            raise ValueError("Empty parameter list passed to parse_list")
        return self._batch_method(map(self.parse, xs))

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if self.__class__ is Parameter and not isinstance(param_value, str):
            self._warn_about_type(param_name, param_value, "string")

    def _warn_about_type(self, param_name: str, param_value: Any, expected: str) -> None:
        warnings.warn(
            f'Parameter "{param_name}" with value "{self._shown(param_value)}" is not of type {expected}.',
            UserWarning,
            stacklevel=3,
        )

    def _shown(self, value: Any) -> Any:
        """Return ``value``, or the mask when nobody may see it."""
        return MASK if self.visibility == ParameterVisibility.PRIVATE else value

    # -- command line -----------------------------------------------------------------------------

    def _parse_or_no_value(self, x: Any) -> Any:
        """Return the parsed command-line value ``x``, or ``_no_value`` when it counts as not given."""
        return self.parse(x) if argv.is_given(x) else _no_value

    @staticmethod
    def _parser_global_dest(param_name: str, task_name: str) -> str:
        return task_name + "_" + param_name

    @classmethod
    def _parser_kwargs(cls, param_name: str, task_name: str | None = None) -> dict[str, Any]:
        """Return how ``argparse`` is told about this parameter; ``task_name`` for the class-level flag."""
        dest = cls._parser_global_dest(param_name, task_name) if task_name else param_name
        return {"action": "store", "dest": dest}


class StrParameter(Parameter[str]):
    """A text; anything else that is given as text is turned into one."""

    def parse(self, x: Any) -> str:
        """Return ``x`` as a string."""
        return str(x)


def shown_value(param: Parameter[Any], value: Any) -> str:
    """Return the text of ``value`` for people: serialised, or ``***`` when the parameter is PRIVATE."""
    if param.visibility == ParameterVisibility.PRIVATE:
        return MASK
    return param.serialize(value)


def looks_up_as_defined(param: Parameter[Any]) -> bool:
    """Tell whether ``param`` looks its sources up as this package defines it, however it reads texts."""
    cls, own = type(param), vars(param)
    return all(name not in own and _is_own_function(getattr(cls, name)) for name in _LOOK_UP_METHODS)


def checks_types() -> bool:
    """Tell whether the configuration asks for a warning about values that do not fit their parameter.

    ``[parameters] check_types = true``: Luigi itself checks only a few classes.
    """
    from luigi_clone.configuration import get_config

    return bool(get_config().getboolean(OPTIONS_SECTION, "check_types", False))


def _as_visibility(visibility: Any) -> ParameterVisibility:
    if visibility.__class__ is ParameterVisibility:
        return visibility
    if ParameterVisibility.has_value(visibility):
        return ParameterVisibility(visibility)
    if visibility is not None:
        warnings.warn(
            f"{visibility!r} is not a ParameterVisibility: the parameter is PUBLIC and everybody sees it.",
            UserWarning,
            stacklevel=3,
        )
    return ParameterVisibility.PUBLIC


def _raise_unset(owner: type, name: str) -> NoReturn:
    raise AttributeError(
        f"{owner.__name__!r} object has no value for the parameter {name!r} yet: "
        "values are set by Task.__init__ (is super().__init__ called first?)"
    )
