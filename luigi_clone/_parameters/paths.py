"""Paths of files and directories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luigi_clone._parameters.base import Parameter, _no_value, _NoValueType

if TYPE_CHECKING:
    import pathlib

    from typing_extensions import Unpack

    from luigi_clone._parameters.base import ParameterKwargs


class PathParameter(Parameter["pathlib.Path"]):
    """A path; its value is a :class:`pathlib.Path`.

    :param absolute: whether relative paths are made absolute, from the current directory
    :param exists: whether something must be there
    """

    absolute: bool
    exists: bool

    def __init__(
        self,
        default: pathlib.Path | str | _NoValueType = _no_value,
        *,
        absolute: bool = False,
        exists: bool = False,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        super().__init__(default=default, **kwargs)  # type: ignore[arg-type]  # normalize makes it a Path
        object.__setattr__(self, "absolute", absolute)
        object.__setattr__(self, "exists", exists)

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: pathlib.Path | str) -> None: ...

    def normalize(self, x: Any) -> Any:
        """Return the path; ``ValueError`` when it must exist and does not."""
        from pathlib import Path

        path = Path(x)
        if self.absolute:
            path = path.absolute()
        if self.exists and not path.exists():
            raise ValueError(f"The path {path} does not exist.")
        return path

    def _resolution_is_pure(self) -> bool:
        return not self.absolute and not self.exists and super()._resolution_is_pure()
