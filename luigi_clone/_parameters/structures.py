"""Lists, tuples and mappings, written as JSON, with optional schemas."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from luigi_clone._parameters.base import Parameter, _no_value, _NoValueType
from luigi_clone._parameters.errors import PUBLIC_MODULE
from luigi_clone.freezing import FrozenOrderedDict, recursively_freeze, recursively_unfreeze

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    from luigi_clone._parameters.base import ParameterKwargs

    ListT = TypeVar("ListT", bound=tuple[Any, ...], default=tuple[Any, ...])
    DictT = TypeVar("DictT", bound=Mapping[Any, Any], default=FrozenOrderedDict[Any, Any])
else:
    from typing import TypeVar

    ListT = TypeVar("ListT")
    DictT = TypeVar("DictT")

_TEXT = (str, bytes, bytearray)


class _DictParamEncoder(json.JSONEncoder):
    """Writes frozen mappings as JSON objects."""

    def default(self, obj: Any) -> Any:
        """Return what to write for ``obj``; ``TypeError`` for what JSON has no form for."""
        if isinstance(obj, FrozenOrderedDict):
            return obj.get_wrapped()
        return super().default(obj)


_ENCODER = _DictParamEncoder()


def jsonschema_enabled() -> bool:
    """Tell whether schemas are checked: whether ``jsonschema`` is installed, unless the user said so.

    ``luigi.parameter._JSONSCHEMA_ENABLED`` may be set.
    """
    face = sys.modules.get(PUBLIC_MODULE)
    if face is not None and "_JSONSCHEMA_ENABLED" in vars(face):
        return bool(vars(face)["_JSONSCHEMA_ENABLED"])
    from importlib.util import find_spec

    return find_spec("jsonschema") is not None


def _accepted_schema(schema: Any) -> Any:
    """Return the schema that a parameter keeps: none where it could not be checked."""
    if schema is not None and not jsonschema_enabled():
        warnings.warn(
            "The 'jsonschema' package is not installed so the parameter can not be validated "
            "even though a schema is given.",
            UserWarning,
            stacklevel=3,
        )
        return None
    return schema


class _Structure:
    """What lists and mappings have in common: the schema, and that values are frozen."""

    schema: Any
    _compiled_schema: Any = None
    _default: Any

    def _checked(self, value: Any) -> Any:
        """Check ``value`` against the schema and return it frozen."""
        schema = self.schema
        if schema is None:
            return recursively_freeze(value)
        unfrozen = recursively_unfreeze(value)
        validate = getattr(schema, "validate", None)
        if validate is not None:
            validate(unfrozen)
            # Validators may fill in defaults, in place.
            return recursively_freeze(unfrozen)
        self._validate(unfrozen)
        return recursively_freeze(value)

    def _validate(self, value: Any) -> None:
        from jsonschema.exceptions import best_match

        known = self._compiled_schema
        if known is None or known[0] is not self.schema:
            known = (self.schema, _compile(self.schema))
            object.__setattr__(self, "_compiled_schema", known)
        error = best_match(known[1].iter_errors(value))
        if error is not None:
            raise error

    def _is_stable(self) -> bool:
        """Tell whether the default cannot change in place and the schema decides by the value alone."""
        return (self.schema is None or isinstance(self.schema, dict)) and (
            recursively_freeze(self._default) is self._default
        )


def _compile(schema: Any) -> Any:
    from jsonschema.validators import validator_for

    if isinstance(schema, Mapping) and not isinstance(schema, dict):
        schema = recursively_unfreeze(schema)
    validator_class = validator_for(schema)
    validator_class.check_schema(schema)
    return validator_class(schema)


class DictParameter(_Structure, Parameter[DictT]):
    """A mapping, written as a JSON object; its value is a :class:`FrozenOrderedDict`.

    :param schema: a JSON schema, or an object with a method ``validate(value)``, that values must satisfy
    """

    def __init__(
        self,
        default: DictT | dict[Any, Any] | _NoValueType = _no_value,
        *,
        schema: Any = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        object.__setattr__(self, "schema", _accepted_schema(schema))
        super().__init__(default=default, **kwargs)  # type: ignore[arg-type]  # normalize freezes it

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: DictT | Mapping[Any, Any]) -> None: ...

    def parse(self, source: Any) -> Any:
        """Return what the JSON text stands for; anything but text is returned as it is.

        :raises json.JSONDecodeError: when the text is not JSON
        """
        if not isinstance(source, str):
            return source
        return json.loads(source, object_pairs_hook=FrozenOrderedDict)

    def serialize(self, x: Any) -> str:
        """Return the value as JSON, keys in their order."""
        return _ENCODER.encode(x)

    def normalize(self, value: Any) -> Any:
        """Return the value with its mappings and lists frozen, after a check against the schema.

        :raises jsonschema.exceptions.ValidationError: when the value does not satisfy the schema
        """
        return self._checked(value)

    def _resolution_is_pure(self) -> bool:
        return self._is_stable() and super()._resolution_is_pure()


class ListParameter(_Structure, Parameter[ListT]):
    """A list, written as JSON; its value is a tuple, whose elements may be tuples and frozen mappings.

    :param schema: a JSON schema, or an object with a method ``validate(value)``, that values must satisfy
    """

    def __init__(
        self,
        # not ListT: a default of two elements does not say that all values have two
        default: tuple[Any, ...] | list[Any] | _NoValueType = _no_value,
        *,
        schema: Any = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        object.__setattr__(self, "schema", _accepted_schema(schema))
        super().__init__(default=default, **kwargs)  # type: ignore[arg-type]

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: ListT | list[Any]) -> None: ...

    def parse(self, x: Any) -> Any:
        """Return the elements of the JSON array; an array of a TOML file is taken as it is.

        :raises json.JSONDecodeError: when the text is not JSON
        """
        if isinstance(x, (list, tuple)):
            return list(x)
        value = json.loads(x, object_pairs_hook=FrozenOrderedDict)
        return None if value is None else list(value)

    def serialize(self, x: Any) -> str:
        """Return the value as JSON."""
        return _ENCODER.encode(x)

    def normalize(self, x: Any) -> Any:
        """Return the value as nested tuples, after a check against the schema.

        :raises jsonschema.exceptions.ValidationError: when the value does not satisfy the schema
        """
        return self._checked(x)

    def _resolution_is_pure(self) -> bool:
        return self._is_stable() and super()._resolution_is_pure()


class TupleParameter(ListParameter[ListT]):
    """A tuple, written as JSON (``[[1, 2], [3]]``) or as in Python (``((1, 2), (3,))``)."""

    def parse(self, x: Any) -> Any:
        """Return the tuple that the text stands for; an array of a TOML file is taken as it is.

        :raises ValueError: when it is neither JSON nor a Python literal, or a text in quotes
        """
        if isinstance(x, (list, tuple)):
            return tuple(x)
        elements = None
        try:
            elements = json.loads(x, object_pairs_hook=FrozenOrderedDict)
            return tuple(e if isinstance(e, str) else tuple(e) for e in elements)
        except (ValueError, TypeError):
            from ast import literal_eval

            result = literal_eval(x)
        if isinstance(elements, list):
            # The same list, except that Python reads JSON's escapes of rare characters as something else.
            return tuple(elements)
        if isinstance(result, str):
            raise ValueError("Parsed result cannot be a string")
        return tuple(result)
