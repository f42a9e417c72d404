"""What goes wrong with parameters: exceptions and warnings."""

from __future__ import annotations

PUBLIC_MODULE = "luigi_clone.parameter"
"""The module that users import these classes from, hence the one that tracebacks and pickles name."""


class ParameterException(Exception):  # noqa: N818 - a name that users import
    """A parameter is declared or used in a way that it does not allow."""

    __module__ = PUBLIC_MODULE


class MissingParameterException(ParameterException):
    """A parameter has no value: none was given and there is no default."""

    __module__ = PUBLIC_MODULE


class UnknownParameterException(ParameterException):
    """A task was given an argument that is none of its parameters."""

    __module__ = PUBLIC_MODULE


class DuplicateParameterException(ParameterException):
    """A task was given the same parameter twice, by position and by keyword."""

    __module__ = PUBLIC_MODULE


class OptionalParameterTypeWarning(UserWarning):
    """The value of an optional parameter is neither ``None`` nor of the expected type."""

    __module__ = PUBLIC_MODULE


class UnconsumedParameterWarning(UserWarning):
    """The configuration sets something for a task that the task has no parameter for."""

    __module__ = PUBLIC_MODULE
