"""Parameters whose value may be ``None``, written as an empty text."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, overload

from luigi_clone._parameters.base import (
    Parameter,
    ParameterMeta,
    _no_value,
    _NoValueType,
)
from luigi_clone._parameters.choices import ChoiceParameter, ChoiceType
from luigi_clone._parameters.dates import DateParameter
from luigi_clone._parameters.errors import OptionalParameterTypeWarning
from luigi_clone._parameters.numbers import (
    BoolParameter,
    FloatParameter,
    IntParameter,
    NumericalParameter,
    NumericalType,
)
from luigi_clone._parameters.paths import PathParameter
from luigi_clone._parameters.structures import DictParameter, ListParameter, ListT, TupleParameter
from luigi_clone.freezing import FrozenOrderedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from typing_extensions import Self, TypeVar, Unpack

    from luigi_clone._parameters.base import ParameterKwargs

    _OptT = TypeVar("_OptT", default=Any)
else:
    from typing import TypeVar

    _OptT = TypeVar("_OptT")


class OptionalParameterMixin(Generic[_OptT], metaclass=ParameterMeta):
    """Placed before a parameter class, makes ``None`` a value: the default, and what empty text stands for.

    The class attribute ``expected_type`` is the type of the other values, or a tuple of types; anything else
    gives an :class:`OptionalParameterTypeWarning`.
    """

    expected_type: Any = type(None)

    def __init__(self, default: _OptT | _NoValueType | None = None, **kwargs: Any) -> None:
        super().__init__(default=default, **kwargs)  # type: ignore[call-arg]  # the parameter class's

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any = None) -> Self: ...

        @overload
        def __get__(self, instance: Any, owner: Any = None) -> _OptT | None: ...

        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

        def __set__(self, instance: Any, value: _OptT | None) -> None: ...

    def serialize(self, x: Any) -> str:
        """Return an empty text for ``None``, and the text of any other value."""
        return "" if x is None else super().serialize(x)  # type: ignore[misc]

    def parse(self, x: Any) -> Any:
        """Return ``None`` for an empty text, what any other text stands for, and anything else as it is."""
        if isinstance(x, str):
            return super().parse(x) if x else None  # type: ignore[misc]
        return x

    def normalize(self, x: Any) -> Any:
        """Return ``None`` as it is, and what any other value is taken for."""
        return None if x is None else super().normalize(x)  # type: ignore[misc]

    def next_in_enumeration(self, value: Any) -> None:
        """Return ``None``: these values are not counted."""
        return

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        expected = self.expected_type
        if param_value is None or isinstance(param_value, expected):
            return
        if isinstance(expected, tuple):
            names = ", ".join(f'"{kind.__name__}"' for kind in expected)
            wanted = f"any type in [{names}]"
        else:
            wanted = f'type "{expected.__name__}"'
        warnings.warn(
            f'{type(self).__name__} "{param_name}" with value "{self._shown(param_value)}" '  # type: ignore[attr-defined]
            f"is not of {wanted} or None.",
            OptionalParameterTypeWarning,
            stacklevel=2,
        )


class OptionalParameter(OptionalParameterMixin[str], Parameter[str]):  # type: ignore[misc]
    """A text or ``None``."""

    expected_type = str


class OptionalStrParameter(OptionalParameterMixin[str], Parameter[str]):  # type: ignore[misc]
    """A text or ``None``."""

    expected_type = str


class OptionalBoolParameter(OptionalParameterMixin[bool], BoolParameter):  # type: ignore[misc]
    """True, false or ``None``."""

    expected_type = bool


class OptionalIntParameter(OptionalParameterMixin[int], IntParameter):  # type: ignore[misc]
    """A whole number or ``None``."""

    expected_type = int


class OptionalFloatParameter(OptionalParameterMixin[float], FloatParameter):  # type: ignore[misc]
    """A decimal number or ``None``."""

    expected_type = float


class OptionalDateParameter(OptionalParameterMixin[datetime.date], DateParameter):  # type: ignore[misc]
    """A day or ``None``."""

    expected_type = datetime.date


class OptionalDictParameter(  # type: ignore[misc]
    OptionalParameterMixin[FrozenOrderedDict[Any, Any]], DictParameter[FrozenOrderedDict[Any, Any]]
):
    """A mapping or ``None``."""

    expected_type = FrozenOrderedDict

    if TYPE_CHECKING:

        def __init__(
            self, default: Mapping[Any, Any] | _NoValueType | None = None, **kwargs: Any
        ) -> None: ...
        def __set__(self, instance: Any, value: Mapping[Any, Any] | None) -> None: ...


class OptionalListParameter(OptionalParameterMixin[ListT], ListParameter[ListT]):  # type: ignore[misc]
    """A list or ``None``."""

    expected_type = tuple

    if TYPE_CHECKING:

        def __init__(
            self, default: tuple[Any, ...] | list[Any] | _NoValueType | None = None, **kwargs: Any
        ) -> None: ...
        def __set__(self, instance: Any, value: ListT | list[Any] | None) -> None: ...


class OptionalTupleParameter(OptionalParameterMixin[ListT], TupleParameter[ListT]):  # type: ignore[misc]
    """A tuple or ``None``."""

    expected_type = tuple

    if TYPE_CHECKING:

        def __init__(
            self, default: tuple[Any, ...] | list[Any] | _NoValueType | None = None, **kwargs: Any
        ) -> None: ...
        def __set__(self, instance: Any, value: ListT | list[Any] | None) -> None: ...


class OptionalChoiceParameter(OptionalParameterMixin[ChoiceType], ChoiceParameter[ChoiceType]):  # type: ignore[misc]
    """One of the listed values or ``None``, which must be given as ``default`` to be the default."""

    def __init__(
        self,
        default: ChoiceType | _NoValueType | None = _no_value,
        var_type: type[ChoiceType] = str,  # type: ignore[assignment]  # the default of ChoiceType
        choices: Iterable[ChoiceType] | None = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        super().__init__(default=default, choices=choices, var_type=var_type, **kwargs)
        object.__setattr__(self, "expected_type", var_type)


class OptionalNumericalParameter(  # type: ignore[misc]
    OptionalParameterMixin[NumericalType], NumericalParameter[NumericalType]
):
    """A number within a range or ``None``, which must be given as ``default`` to be the default."""

    if TYPE_CHECKING:

        def __init__(
            self,
            default: NumericalType | _NoValueType | None = _no_value,
            *,
            var_type: type[NumericalType] | None = None,
            min_value: NumericalType | None = None,
            max_value: NumericalType | None = None,
            left_op: Callable[[Any, Any], Any] = ...,
            right_op: Callable[[Any, Any], Any] = ...,
            **kwargs: Unpack[ParameterKwargs],
        ) -> None: ...

    else:

        def __init__(self, default: Any = _no_value, **kwargs: Any) -> None:
            super().__init__(default=default, **kwargs)
            object.__setattr__(self, "expected_type", self._var_type)


class _StrOrPath:
    """The types of optional paths, looked up late: importing ``pathlib`` takes milliseconds."""

    def __get__(self, instance: object, owner: type | None = None) -> tuple[type, ...]:
        from pathlib import Path

        return (str, Path)


class OptionalPathParameter(OptionalParameter, PathParameter):
    """A path or ``None``."""

    expected_type: Any = _StrOrPath()

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, instance: None, owner: Any = None) -> Self: ...

        @overload
        def __get__(self, instance: Any, owner: Any = None) -> Path | None: ...

        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

        def __init__(self, default: Path | str | _NoValueType | None = None, **kwargs: Any) -> None: ...
        def __set__(self, instance: Any, value: Path | str | None) -> None: ...
