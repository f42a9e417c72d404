"""Whole numbers, decimal numbers, truth values, and numbers within a range."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from luigi_clone._parameters.base import Parameter, _no_value, _NoValueType, checks_types
from luigi_clone._parameters.errors import ParameterException

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    from luigi_clone._parameters.base import ParameterKwargs

    NumericalType = TypeVar("NumericalType", bound=float, default=float)
else:
    from typing import TypeVar

    NumericalType = TypeVar("NumericalType")

_NAN = float("nan")


class IntParameter(Parameter[int]):
    """A whole number, written as Python's ``int`` takes it."""

    def parse(self, x: Any) -> int:
        """Return the number; ``ValueError`` when it is none."""
        return int(x)

    def next_in_enumeration(self, value: int) -> int:
        """Return the next number."""
        return value + 1

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if param_value.__class__ is not int and not isinstance(param_value, int) and checks_types():
            self._warn_about_type(param_name, param_value, "int")


class FloatParameter(Parameter[float]):
    """A decimal number, written as Python's ``float`` takes it."""

    def parse(self, x: Any) -> float:
        """Return the number; ``ValueError`` when it is none."""
        value = float(x)
        # One object for "not a number", which is unequal to itself: equal texts then give equal tasks.
        return value if value == value else _NAN

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if (
            param_value.__class__ is not float
            and not isinstance(param_value, (float, int))
            and checks_types()
        ):
            self._warn_about_type(param_name, param_value, "float")


class BoolParameter(Parameter[bool]):
    """True or false; false when nothing is given.

    On the command line, implicit parsing (the default) makes it a flag whose presence means true, and
    ``--no-flag`` means false (where no other parameter is called so).  With
    ``parsing=BoolParameter.EXPLICIT_PARSING`` the flag takes ``true`` or ``false``.

    :param parsing: ``IMPLICIT_PARSING``, ``EXPLICIT_PARSING`` or ``None`` for the class attribute ``parsing``
    """

    IMPLICIT_PARSING = "implicit"
    EXPLICIT_PARSING = "explicit"

    parsing: str = IMPLICIT_PARSING

    def __init__(
        self,
        default: bool | _NoValueType = _no_value,
        parsing: str | None = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        super().__init__(default=False if default is _no_value else default, **kwargs)
        object.__setattr__(self, "parsing", self.__class__.parsing if parsing is None else parsing)

    def parse(self, x: Any) -> bool:
        """Return the value of ``true`` or ``false`` in any case; ``ValueError`` for anything else."""
        if x is True or x is False:
            return bool(x)
        text = str(x).lower()
        if text == "true":
            return True
        if text == "false":
            return False
        raise ValueError(f"cannot interpret '{x}' as boolean")

    def normalize(self, x: Any) -> bool | None:
        """Return the truth value, or ``None`` for what is none."""
        if x is True or x is False:
            return bool(x)
        try:
            return self.parse(x)
        except ValueError:
            return None

    def _parser_kwargs(  # type: ignore[override]  # Luigi's: only here it depends on the instance
        self, param_name: str, task_name: str | None = None
    ) -> dict[str, Any]:
        kwargs = Parameter._parser_kwargs(param_name, task_name)
        if self.parsing == self.IMPLICIT_PARSING:
            kwargs["action"] = "store_true"
        elif self.parsing == self.EXPLICIT_PARSING:
            kwargs["nargs"] = "?"
            kwargs["const"] = True
        else:
            raise ValueError(f"unknown parsing value '{self.parsing}'")
        return kwargs

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if not isinstance(param_value, bool) and checks_types():
            self._warn_about_type(param_name, param_value, "bool")


class NumericalParameter(Parameter[NumericalType]):
    """A number within a range, which is checked where it is given as text.

    By default the lower limit is part of the range and the upper one is not.

    :param var_type: ``int`` or ``float``: makes the number of its text
    :param min_value: the lower limit
    :param max_value: the upper limit
    :param left_op: how the lower limit and a value must compare, of the module ``operator``
    :param right_op: how a value and the upper limit must compare
    :raises ParameterException: when the type or a limit is missing
    """

    _var_type: Any
    _min_value: Any
    _max_value: Any
    _left_op: Callable[[Any, Any], Any]
    _right_op: Callable[[Any, Any], Any]
    _permitted_range: str

    def __init__(
        self,
        default: NumericalType | _NoValueType = _no_value,
        *,
        var_type: type[NumericalType] | None = None,
        min_value: NumericalType | None = None,
        max_value: NumericalType | None = None,
        left_op: Callable[[Any, Any], Any] = operator.le,
        right_op: Callable[[Any, Any], Any] = operator.lt,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        for name, value in (("var_type", var_type), ("min_value", min_value), ("max_value", max_value)):
            if value is None:
                raise ParameterException(f"{name} must be specified")
        permitted = (
            f"{getattr(var_type, '__name__', var_type)} in {'[' if left_op == operator.le else '('}"
            f"{min_value}, {max_value}{')' if right_op == operator.lt else ']'}"
        )
        put = object.__setattr__
        put(self, "_var_type", var_type)
        put(self, "_min_value", min_value)
        put(self, "_max_value", max_value)
        put(self, "_left_op", left_op)
        put(self, "_right_op", right_op)
        put(self, "_permitted_range", permitted)
        super().__init__(default=default, **kwargs)
        listed = f"permitted values: {permitted}"
        put(self, "description", f"{self.description} {listed}" if self.description else listed)

    def parse(self, x: Any) -> Any:
        """Return the number; ``ValueError`` when it is none or not within the range."""
        value = self._var_type(x)
        if self._is_permitted(value):
            return value
        raise ValueError(f"{x} is not in the set of {self._permitted_range}")

    def _is_permitted(self, value: Any) -> bool:
        return bool(self._left_op(self._min_value, value) and self._right_op(value, self._max_value))

    def _resolution_is_pure(self) -> bool:
        return self._var_type in (int, float) and super()._resolution_is_pure()

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if isinstance(param_value, (int, float)) and self._is_permitted(param_value):
            return
        if checks_types():
            warnings.warn(
                f'Parameter "{param_name}" with value "{self._shown(param_value)}" '
                f"is not in the set of {self._permitted_range}.",
                UserWarning,
                stacklevel=2,
            )


_CHECKS_ON_REQUEST = frozenset(
    kind._warn_on_wrong_param_type
    for kind in (IntParameter, FloatParameter, BoolParameter, NumericalParameter)
)


def speaks_only_on_request(param: Parameter[Any]) -> bool:
    """Tell whether a parameter's type check is one that the configuration has to ask for.

    When it has not (see :func:`checks_types`), the check need not be called.
    """
    return type(
        param
    )._warn_on_wrong_param_type in _CHECKS_ON_REQUEST and "_warn_on_wrong_param_type" not in vars(param)
