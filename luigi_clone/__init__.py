"""Batch pipelines in plain Python: Luigi's interface on an engine of its own.

The names are loaded when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

import importlib

from luigi_clone.__version__ import ENGINE_VERSION, VERSION

TYPE_CHECKING = False  # what type checkers take for typing's, whose import would cost as much as all the rest
if TYPE_CHECKING:
    from typing import Any

    from luigi_clone import batch_notifier as batch_notifier
    from luigi_clone import cmdline_parser as cmdline_parser
    from luigi_clone import (
        configuration,
        event,
        interface,
        local_target,
        parameter,
        rpc,
        target,
        task,
        task_register,
    )
    from luigi_clone import date_interval as date_interval
    from luigi_clone import execution_summary as execution_summary
    from luigi_clone import format as format  # noqa: A004 - Luigi's name
    from luigi_clone import freezing as freezing
    from luigi_clone import lock as lock
    from luigi_clone import metrics as metrics
    from luigi_clone import notifications as notifications
    from luigi_clone import scheduler as scheduler
    from luigi_clone import setup_logging as setup_logging
    from luigi_clone import task_history as task_history
    from luigi_clone import task_status as task_status
    from luigi_clone import tools as tools
    from luigi_clone import util as util
    from luigi_clone import worker as worker
    from luigi_clone.event import Event
    from luigi_clone.execution_summary import LuigiStatusCode
    from luigi_clone.interface import build, run
    from luigi_clone.local_target import LocalTarget
    from luigi_clone.parameter import (
        BoolParameter,
        ChoiceListParameter,
        ChoiceParameter,
        DateHourParameter,
        DateIntervalParameter,
        DateMinuteParameter,
        DateParameter,
        DateSecondParameter,
        DictParameter,
        EnumListParameter,
        EnumParameter,
        FloatParameter,
        IntParameter,
        ListParameter,
        MonthParameter,
        NumericalParameter,
        OptionalBoolParameter,
        OptionalChoiceParameter,
        OptionalDateParameter,
        OptionalDictParameter,
        OptionalFloatParameter,
        OptionalIntParameter,
        OptionalListParameter,
        OptionalNumericalParameter,
        OptionalParameter,
        OptionalPathParameter,
        OptionalStrParameter,
        OptionalTupleParameter,
        Parameter,
        PathParameter,
        StrParameter,
        TaskParameter,
        TimeDeltaParameter,
        TupleParameter,
        YearParameter,
    )
    from luigi_clone.rpc import RemoteScheduler, RPCError
    from luigi_clone.target import Target
    from luigi_clone.task import (
        Config,
        DynamicRequirements,
        ExternalTask,
        Task,
        WrapperTask,
        auto_namespace,
        namespace,
    )
    from luigi_clone.tools import range as range  # noqa: A004 - Luigi's name

__version__ = VERSION
"""The version of Luigi whose behaviour this is; packages built on Luigi ask for it."""
engine_version = ENGINE_VERSION
"""The version of this package."""

__all__ = [  # noqa: RUF022 - in Luigi's order; the range tasks are added when they are loaded
    "task",
    "Task",
    "Config",
    "ExternalTask",
    "WrapperTask",
    "namespace",
    "auto_namespace",
    "DynamicRequirements",
    "target",
    "Target",
    "LocalTarget",
    "task_register",
    "rpc",
    "RemoteScheduler",
    "RPCError",
    "parameter",
    "Parameter",
    "DateParameter",
    "MonthParameter",
    "YearParameter",
    "DateHourParameter",
    "DateMinuteParameter",
    "DateSecondParameter",
    "DateIntervalParameter",
    "TimeDeltaParameter",
    "StrParameter",
    "IntParameter",
    "FloatParameter",
    "BoolParameter",
    "PathParameter",
    "TaskParameter",
    "ListParameter",
    "TupleParameter",
    "EnumParameter",
    "DictParameter",
    "EnumListParameter",
    "configuration",
    "interface",
    "local_target",
    "run",
    "build",
    "event",
    "Event",
    "NumericalParameter",
    "ChoiceParameter",
    "ChoiceListParameter",
    "OptionalParameter",
    "OptionalStrParameter",
    "OptionalIntParameter",
    "OptionalFloatParameter",
    "OptionalBoolParameter",
    "OptionalDateParameter",
    "OptionalPathParameter",
    "OptionalDictParameter",
    "OptionalListParameter",
    "OptionalTupleParameter",
    "OptionalChoiceParameter",
    "OptionalNumericalParameter",
    "LuigiStatusCode",
    "__version__",
]

# Where the names come from; those that end in Parameter come from luigi_clone.parameter.
_ORIGINS = {
    "Config": "task",
    "DynamicRequirements": "task",
    "Event": "event",
    "ExternalTask": "task",
    "LocalTarget": "local_target",
    "LuigiStatusCode": "execution_summary",
    "RPCError": "rpc",
    "RemoteScheduler": "rpc",
    "Target": "target",
    "Task": "task",
    "WrapperTask": "task",
    "auto_namespace": "task",
    "build": "interface",
    "namespace": "task",
    "run": "interface",
}

# The modules that importing Luigi loads, and that programs therefore reach as attributes.
_MODULES = frozenset(
    {
        "batch_notifier",
        "cmdline_parser",
        "configuration",
        "date_interval",
        "event",
        "execution_summary",
        "format",
        "freezing",
        "interface",
        "local_target",
        "lock",
        "metrics",
        "notifications",
        "parameter",
        "rpc",
        "scheduler",
        "setup_logging",
        "target",
        "task",
        "task_history",
        "task_register",
        "task_status",
        "tools",
        "util",
        "worker",
    }
)


def _load_on_use(name: str) -> Any:
    value: Any
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _ORIGINS:
        value = getattr(importlib.import_module(f"{__name__}.{_ORIGINS[name]}"), name)
    elif name.endswith("Parameter") and name in __all__:
        value = getattr(importlib.import_module(f"{__name__}.parameter"), name)
    elif name == "range":
        importlib.import_module(f"{__name__}.task_register").autoload_range()
        if name in globals():
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute 'range': [core] autoload_range is false")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # to a checker a module with this function has every name
    __getattr__ = _load_on_use


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
