"""One or several of a fixed set of values: members of an enumeration, or listed choices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, overload

from luigi_clone._parameters.base import Parameter, _no_value, _NoValueType
from luigi_clone._parameters.errors import ParameterException

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar, Unpack

    from luigi_clone._parameters.base import ParameterKwargs

    EnumParameterType = TypeVar("EnumParameterType", bound=Enum)
    ChoiceType = TypeVar("ChoiceType", default=str)
else:
    from typing import TypeVar

    EnumParameterType = TypeVar("EnumParameterType", bound=Enum)
    ChoiceType = TypeVar("ChoiceType")


def _checked_enum(enum: Any) -> Any:
    if not enum:
        raise ParameterException("An enum class must be specified.")
    return enum


class EnumParameter(Parameter[EnumParameterType]):
    """A member of an enumeration, written as the member's name.

    :param enum: the enumeration
    :raises ParameterException: when there is none
    """

    _enum: Any

    def __init__(
        self,
        default: EnumParameterType | _NoValueType = _no_value,
        *,
        enum: type[EnumParameterType] | None = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        object.__setattr__(self, "_enum", _checked_enum(enum))
        super().__init__(default=default, **kwargs)

    def parse(self, s: Any) -> Any:
        """Return the member of that name; ``ValueError`` when there is none."""
        try:
            return self._enum[s]
        except KeyError:
            raise ValueError("Invalid enum value - could not be parsed")  # noqa: B904 - chained as Luigi's

    def serialize(self, e: Any) -> str:
        """Return the member's name."""
        return str(e.name)


class EnumListParameter(Parameter[tuple[EnumParameterType, ...]]):
    """Members of an enumeration, written as their names with commas between.

    :param enum: the enumeration
    :raises ParameterException: when there is none
    """

    _sep = ","
    _enum: Any

    def __init__(
        self,
        default: tuple[EnumParameterType, ...] | list[EnumParameterType] | _NoValueType = _no_value,
        *,
        enum: type[EnumParameterType] | None = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        object.__setattr__(self, "_enum", _checked_enum(enum))
        super().__init__(default=default, **kwargs)  # type: ignore[arg-type]  # tasks make it a tuple

    if TYPE_CHECKING:

        def __set__(
            self, instance: Any, value: tuple[EnumParameterType, ...] | list[EnumParameterType]
        ) -> None: ...

    def parse(self, s: Any) -> Any:
        """Return the members, in order; an array of names (as in a TOML file) is accepted too.

        :raises ValueError: when there is no member of one of the names
        """
        names = s if isinstance(s, (list, tuple)) else [] if s == "" else s.split(self._sep)
        return tuple([self._member(name, index) for index, name in enumerate(names)])

    def _member(self, name: str, index: int) -> Any:
        try:
            return self._enum[name]
        except KeyError:
            message = f'Invalid enum value "{name}" index {index} - could not be parsed'
            raise ValueError(message)  # noqa: B904 - chained as Luigi's

    def serialize(self, enum_values: Any) -> str:
        """Return the members' names, with commas between."""
        return self._sep.join([member.name for member in enum_values])


class ChoiceParameter(Parameter[ChoiceType]):
    """One of several listed values.

    :param choices: the values, each of the type ``var_type``
    :param var_type: makes a value of its text
    :raises ParameterException: when there are no choices
    :raises AssertionError: when one of them is not of that type
    """

    _choices: set[Any]
    _var_type: Any

    def __init__(
        self,
        default: ChoiceType | _NoValueType = _no_value,
        *,
        choices: Iterable[ChoiceType] | None = None,
        var_type: type[ChoiceType] = str,  # type: ignore[assignment]  # the default of ChoiceType
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        if choices is None:
            raise ParameterException("A choices iterable must be specified")
        ordered = _in_order(choices)
        put = object.__setattr__
        put(self, "_choices", set(ordered))
        put(self, "_ordered_choices", ordered)
        put(self, "_var_type", var_type)
        if not all(type(choice) is var_type for choice in ordered):
            raise AssertionError("Invalid type in choices")
        super().__init__(default=default, **kwargs)
        listed = f"Choices: {{{', '.join(str(choice) for choice in ordered)}}}"
        put(self, "description", f"{self.description} {listed}" if self.description else listed)

    def parse(self, x: Any) -> Any:
        """Return the value that the text stands for; ``ValueError`` when it is no choice."""
        return self.normalize(self._var_type(x))

    def normalize(self, var: Any) -> Any:
        """Return ``var``; ``ValueError`` when it is no choice."""
        if var in self._choices:
            return var
        raise ValueError(f"{var} is not a valid choice from {self._listed()}")

    def _listed(self) -> str:
        ordered = vars(self)["_ordered_choices"]
        if set(ordered) != self._choices:  # it was changed since
            ordered = _in_order(self._choices)
        return f"{{{', '.join(map(repr, ordered))}}}" if ordered else "set()"

    def _resolution_is_pure(self) -> bool:
        return self._var_type in _PURE_TYPES and super()._resolution_is_pure()


class ChoiceListParameter(ChoiceParameter[ChoiceType]):
    """Several of the listed values, written with commas between; order and repetition are kept."""

    _sep = ","

    def __init__(
        self,
        default: tuple[ChoiceType, ...] | list[ChoiceType] | _NoValueType = _no_value,
        var_type: type[ChoiceType] = str,  # type: ignore[assignment]  # the default of ChoiceType
        choices: Iterable[ChoiceType] | None = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        super().__init__(
            default=default,  # type: ignore[arg-type]  # a tuple of choices, where the base has one
            choices=choices,
            var_type=var_type,
            **kwargs,
        )

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, instance: None, owner: Any = None) -> Self: ...

        @overload
        def __get__(self, instance: Any, owner: Any = None) -> tuple[ChoiceType, ...]: ...

        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

        def __set__(  # type: ignore[override]
            self, instance: Any, value: tuple[ChoiceType, ...] | list[ChoiceType]
        ) -> None: ...

    def parse(self, x: Any) -> Any:
        """Return the values, in order; an array (as in a TOML file) is accepted too.

        :raises ValueError: when one of them is no choice
        """
        texts = x if isinstance(x, (list, tuple)) else [] if x == "" else x.split(self._sep)
        return self.normalize([self._var_type(text) for text in texts])

    def normalize(self, x: Any) -> Any:
        """Return the values as a tuple; ``ValueError`` when one of them is no choice."""
        check = super().normalize
        return tuple([check(choice) for choice in x])

    def serialize(self, x: Any) -> str:
        """Return the values' texts, with commas between."""
        return self._sep.join([choice if isinstance(choice, str) else str(choice) for choice in x])


_PURE_TYPES: Sequence[Any] = (str, int, float, bool, bytes)


def _in_order(choices: Iterable[Any]) -> tuple[Any, ...]:
    """Return each choice once, in an order that is the same in every process."""
    if isinstance(choices, (set, frozenset)):
        return tuple(sorted(choices, key=lambda choice: (str(type(choice)), str(choice))))
    return tuple(dict.fromkeys(choices))
