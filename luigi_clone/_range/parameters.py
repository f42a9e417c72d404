"""Parameters of the range tasks: some that may be nothing, and the class of the ranged task.

No value is written ``None``, as the ids of Luigi's range tasks have it, and read again from that, so that
another worker can make the same task.
"""

from __future__ import annotations

from typing import Any

from luigi_clone.parameter import IntParameter, Parameter, TaskParameter


class RangedTaskParameter(TaskParameter[Any]):
    """A task class; its family will do in its place."""

    def serialize(self, cls: Any) -> str:
        """Return the class's family."""
        return cls if isinstance(cls, str) else super().serialize(cls)


class EpochSecondsParameter(IntParameter):
    """Seconds since 1970-01-01 00:00 UTC, or ``None``."""

    def parse(self, x: Any) -> Any:
        """Return the number; ``ValueError`` when it is none."""
        return None if x == "None" else super().parse(x)

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if param_value is not None:
            super()._warn_on_wrong_param_type(param_name, param_value)


class ParameterNameParameter(Parameter[Any]):
    """The name of a parameter, or ``None``."""

    def parse(self, x: Any) -> Any:
        """Return the name."""
        return None if x == "None" else x

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if param_value is not None and not isinstance(param_value, str):
            self._warn_about_type(param_name, param_value, "string")
