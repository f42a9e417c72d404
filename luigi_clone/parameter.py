"""Parameters: the values that tasks are made with, declared as class attributes of tasks.

See :class:`Parameter` for what they have in common and where a value comes from.  How they work is in
``luigi_clone._parameters``; this module has all the names that users import.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from luigi_clone import date_interval
from luigi_clone._parameters.base import (
    ConfigPath,
    Parameter,
    ParameterVisibility,
    StrParameter,
    T,
    _no_value,
    _NoValueType,
)
from luigi_clone._parameters.choices import (
    ChoiceListParameter,
    ChoiceParameter,
    EnumListParameter,
    EnumParameter,
)
from luigi_clone._parameters.dates import (
    _UNIX_EPOCH,
    DateHourParameter,
    DateMinuteParameter,
    DateParameter,
    DateSecondParameter,
    MonthParameter,
    YearParameter,
    _DateParameterBase,
    _DatetimeParameterBase,
)
from luigi_clone._parameters.errors import (
    DuplicateParameterException,
    MissingParameterException,
    OptionalParameterTypeWarning,
    ParameterException,
    UnconsumedParameterWarning,
    UnknownParameterException,
)
from luigi_clone._parameters.intervals import DateIntervalParameter, TimeDeltaParameter
from luigi_clone._parameters.numbers import BoolParameter, FloatParameter, IntParameter, NumericalParameter
from luigi_clone._parameters.optional import (
    OptionalBoolParameter,
    OptionalChoiceParameter,
    OptionalDateParameter,
    OptionalDictParameter,
    OptionalFloatParameter,
    OptionalIntParameter,
    OptionalListParameter,
    OptionalNumericalParameter,
    OptionalParameter,
    OptionalParameterMixin,
    OptionalPathParameter,
    OptionalStrParameter,
    OptionalTupleParameter,
)
from luigi_clone._parameters.paths import PathParameter
from luigi_clone._parameters.structures import (
    DictParameter,
    ListParameter,
    TupleParameter,
    _DictParamEncoder,
    jsonschema_enabled,
)
from luigi_clone._parameters.tasks import TaskParameter
from luigi_clone.freezing import FrozenOrderedDict, recursively_freeze, recursively_unfreeze

if TYPE_CHECKING:
    _JSONSCHEMA_ENABLED: bool

__all__ = [
    "_UNIX_EPOCH",
    "BoolParameter",
    "ChoiceListParameter",
    "ChoiceParameter",
    "ConfigPath",
    "DateHourParameter",
    "DateIntervalParameter",
    "DateMinuteParameter",
    "DateParameter",
    "DateSecondParameter",
    "DictParameter",
    "DuplicateParameterException",
    "EnumListParameter",
    "EnumParameter",
    "FloatParameter",
    "FrozenOrderedDict",
    "IntParameter",
    "ListParameter",
    "MissingParameterException",
    "MonthParameter",
    "NumericalParameter",
    "OptionalBoolParameter",
    "OptionalChoiceParameter",
    "OptionalDateParameter",
    "OptionalDictParameter",
    "OptionalFloatParameter",
    "OptionalIntParameter",
    "OptionalListParameter",
    "OptionalNumericalParameter",
    "OptionalParameter",
    "OptionalParameterMixin",
    "OptionalParameterTypeWarning",
    "OptionalPathParameter",
    "OptionalStrParameter",
    "OptionalTupleParameter",
    "Parameter",
    "ParameterException",
    "ParameterVisibility",
    "PathParameter",
    "StrParameter",
    "T",
    "TaskParameter",
    "TimeDeltaParameter",
    "TupleParameter",
    "UnconsumedParameterWarning",
    "UnknownParameterException",
    "YearParameter",
    "_DateParameterBase",
    "_DatetimeParameterBase",
    "_DictParamEncoder",
    "_NoValueType",
    "_no_value",
    "date_interval",
    "operator",
    "recursively_freeze",
    "recursively_unfreeze",
]


def _load_on_use(name: str) -> Any:
    if name == "_JSONSCHEMA_ENABLED":
        return jsonschema_enabled()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # to a checker a module with this function has every name
    __getattr__ = _load_on_use
