"""A plugin for mypy, for tasks that annotate their parameters with the types of the values.

Enabled by ``plugins = luigi_clone.mypy`` in the configuration of mypy, it accepts ::

    class Report(luigi.Task):
        day: datetime.date = luigi.DateParameter()

and lets the constructor take the annotated parameters, by keyword.  Without the plugin mypy, like every other
type checker, knows the types of parameters that are not annotated or annotated with their own class.

Nothing else imports this module; it needs mypy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import mypy.types  # noqa: F401 - first: modules of mypy import each other, and this order works outside of it
from mypy.expandtype import expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    ARG_NAMED_OPT,
    ARG_POS,
    Argument,
    AssignmentStmt,
    CallExpr,
    Context,
    Expression,
    FuncBase,
    IndexExpr,
    NameExpr,
    PlaceholderNode,
    RefExpr,
    TypeAlias,
    TypeInfo,
    Var,
)
from mypy.plugin import ClassDefContext, FunctionContext, Plugin
from mypy.plugins.common import add_method_to_class
from mypy.state import state
from mypy.subtypes import is_subtype
from mypy.typeops import map_type_from_supertype, tuple_fallback
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    NoneType,
    ProperType,
    TupleType,
    Type,
    TypeOfAny,
    TypeType,
    get_proper_type,
)

METADATA_TAG = "task"
"""Under which the plugin keeps, with mypy's data of a class, the names of its annotated parameters."""

# By the names of this package and by Luigi's, whose types are read where Luigi itself is type-checked.
_TASK = frozenset({"luigi_clone.task.Task", "luigi.task.Task"})
_PARAMETER = frozenset({"luigi_clone._parameters.base.Parameter", "luigi.parameter.Parameter"})
_ENUM = frozenset({"luigi_clone._parameters.choices.EnumParameter", "luigi.parameter.EnumParameter"})
_ENUM_LIST = frozenset(
    {"luigi_clone._parameters.choices.EnumListParameter", "luigi.parameter.EnumListParameter"}
)
_CHOICE = frozenset({"luigi_clone._parameters.choices.ChoiceParameter", "luigi.parameter.ChoiceParameter"})
_CHOICE_LIST = frozenset(
    {"luigi_clone._parameters.choices.ChoiceListParameter", "luigi.parameter.ChoiceListParameter"}
)

_OPTIONAL = frozenset(
    {"luigi_clone._parameters.optional.OptionalParameterMixin", "luigi.parameter.OptionalParameterMixin"}
)

_NO_POSITIONAL = (
    "Positional arguments are not allowed for parameters when using the mypy plugin. "
    "Update your code to use named arguments, like luigi.Parameter(default='foo') instead of "
    "luigi.Parameter('foo')"
)
_ONLY_ATTRIBUTES = "Task attribute may only be overridden by another attribute"


def plugin(version: str) -> type[Plugin]:
    """Return the plugin's class; mypy calls this with its own version."""
    return TaskPlugin


class TaskPlugin(Plugin):
    """Gives task classes their constructors, and annotated parameters the types of their values."""

    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Return what to do with a class that derives from the class of this name."""
        return _give_constructor if self._derives(fullname, _TASK) else None

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Return what gives a call of the function or class of this name its type."""
        return _type_of_parameter if self._derives(fullname, _PARAMETER) else None

    def _derives(self, fullname: str, roots: frozenset[str]) -> bool:
        found = self.lookup_fully_qualified(fullname)
        return found is not None and isinstance(found.node, TypeInfo) and _is_any_of(found.node, roots)


def _is_any_of(info: TypeInfo, roots: frozenset[str]) -> bool:
    return any(base.fullname in roots for base in info.mro)


# -- constructors of tasks -------------------------------------------------------------------------


class _NotReadyError(Exception):
    """What the class refers to has not been analysed yet: mypy comes back to the class."""


class _Found(NamedTuple):
    """What a class body has under one name."""

    is_annotated_parameter: bool
    is_parameter: bool


def _give_constructor(ctx: ClassDefContext) -> None:
    """Add a constructor with a keyword for each annotated parameter, if there is one and no other."""
    info = ctx.cls.info
    _forget_fields(info)
    try:
        own = dict(_own_assignments(ctx))
        names = _inherited_names(ctx, own)
        names += [name for name, found in own.items() if found.is_annotated_parameter and name not in names]
        arguments = [
            Argument(Var(name, kind), kind, None, ARG_NAMED_OPT) for name, kind in _typed(ctx, names)
        ]
    except _NotReadyError:
        ctx.api.defer()
        return
    info.metadata[METADATA_TAG] = {"parameters": names}
    known = info.names.get("__init__")
    if arguments and (known is None or known.plugin_generated):
        add_method_to_class(ctx.api, ctx.cls, "__init__", args=arguments, return_type=NoneType())


def _forget_fields(info: TypeInfo) -> None:
    """Keep mypy from taking every annotated attribute for a parameter, as it does without the plugin."""
    for base in info.mro:
        if base.fullname in _TASK and base.dataclass_transform_spec is not None:
            base.dataclass_transform_spec = None


def _own_assignments(ctx: ClassDefContext) -> Iterator[tuple[str, _Found]]:
    for statement in ctx.cls.defs.body:
        if not isinstance(statement, AssignmentStmt):
            continue
        for target in statement.lvalues:
            if not isinstance(target, NameExpr):
                continue
            symbol = ctx.cls.info.names.get(target.name)
            variable = symbol.node if symbol is not None else None
            is_parameter = _makes_parameter(ctx, statement.rvalue)
            is_annotated = (
                statement.unanalyzed_type is not None
                and isinstance(variable, Var)
                and not variable.is_classvar
                and not variable.explicit_self_type
            )
            if is_annotated and isinstance(variable, Var) and not is_parameter:
                # made by another function, or attached by a decorator such as requires()
                is_parameter = _holds_parameter(variable.type)
            yield target.name, _Found(is_annotated and is_parameter, is_parameter)


def _holds_parameter(declared: Type | None) -> bool:
    kind = get_proper_type(declared)
    return isinstance(kind, Instance) and _is_any_of(kind.type, _PARAMETER)


def _makes_parameter(ctx: ClassDefContext, value: Expression) -> bool:
    """Tell whether the expression calls a class of parameters."""
    if not isinstance(value, CallExpr):
        return False
    callee = value.callee
    if isinstance(callee, IndexExpr):  # ListParameter[tuple[int, ...]](...)
        callee = callee.base
    if not isinstance(callee, RefExpr):
        return False
    node = callee.node
    if isinstance(node, PlaceholderNode):
        _require_another_pass(ctx)
    if isinstance(node, TypeAlias):
        return _holds_parameter(node.target)
    return isinstance(node, TypeInfo) and _is_any_of(node, _PARAMETER)


def _inherited_names(ctx: ClassDefContext, own: dict[str, _Found]) -> list[str]:
    """Return the names of the annotated parameters of the bases, the farthest first, that stay parameters."""
    info = ctx.cls.info
    names: dict[str, None] = {}
    for base in reversed(info.mro[1:]):
        if not _is_any_of(base, _TASK) or base.fullname in _TASK:
            continue
        known = base.metadata.get(METADATA_TAG)
        if known is None:
            _require_another_pass(ctx)
            continue
        for name in known["parameters"]:
            names[name] = None
    return [name for name in names if _stays_parameter(ctx, name, own)]


def _stays_parameter(ctx: ClassDefContext, name: str, own: dict[str, _Found]) -> bool:
    symbol = ctx.cls.info.names.get(name)
    if symbol is None or symbol.node is None:
        return True
    if not isinstance(symbol.node, Var | PlaceholderNode):
        ctx.api.fail(_ONLY_ATTRIBUTES, symbol.node)
        return True
    return name not in own or own[name].is_parameter


def _typed(ctx: ClassDefContext, names: Iterable[str]) -> Iterator[tuple[str, Type]]:
    """Yield the names with the types that the constructor takes."""
    info = ctx.cls.info
    for name in names:
        for base in info.mro:
            symbol = base.names.get(name)
            variable = symbol.node if symbol is not None else None
            if isinstance(variable, Var) and not variable.is_inferred:
                declared = variable.type
                if declared is None:
                    _require_another_pass(ctx)
                    declared = AnyType(TypeOfAny.from_error)
                if base is not info:
                    declared = map_type_from_supertype(declared, info, base)
                yield name, _assignable(ctx, declared, variable)
                break


def _assignable(ctx: ClassDefContext, declared: Type, place: Context) -> Type:
    """Return what can be assigned to an attribute of the type: of a parameter class, what it sets."""
    kind = get_proper_type(declared)
    if not isinstance(kind, Instance):
        return declared
    owner = next((base for base in kind.type.mro if "__set__" in base.names), None)
    if owner is None:
        return declared
    node = owner.names["__set__"].node
    setter = get_proper_type(owner.names["__set__"].type)
    if setter is None and isinstance(node, FuncBase):
        return AnyType(TypeOfAny.unannotated)
    if isinstance(setter, CallableType) and setter.arg_kinds == [ARG_POS, ARG_POS, ARG_POS]:
        with state.strict_optional_set(ctx.api.options.strict_optional):  # or older versions drop None
            value = map_type_from_supertype(setter.arg_types[2], kind.type, owner)
            return expand_type_by_instance(value, kind)
    problem = "Unsupported signature for" if isinstance(setter, FunctionLike) else "Unsupported"
    ctx.api.fail(f'{problem} "__set__" in "{kind.type.name}"', place)
    return AnyType(TypeOfAny.from_error)


def _require_another_pass(ctx: ClassDefContext) -> None:
    if not ctx.api.final_iteration:
        raise _NotReadyError


# -- types of parameters ---------------------------------------------------------------------------


def _type_of_parameter(ctx: FunctionContext) -> Type:
    """Return the type that an attribute reads as which is assigned this parameter in a class body."""
    if not _is_in_class_body(ctx):
        return ctx.default_return_type
    if any(kind == ARG_POS for kinds in ctx.arg_kinds for kind in kinds):
        ctx.api.fail(_NO_POSITIONAL, ctx.context)
    made = get_proper_type(ctx.default_return_type)
    expected = _expected(ctx)
    if not isinstance(made, Instance) or (expected is not None and is_subtype(made, expected)):
        return ctx.default_return_type
    if isinstance(expected, Instance) and _holds_parameter(expected):
        default = _argument(ctx, "default")
        if default is not None and not is_subtype(default, _value_type(expected)):
            return ctx.default_return_type
        return AnyType(TypeOfAny.implementation_artifact)
    value = _chosen_value(ctx, made) or _default_value(ctx, made, expected)
    return AnyType(TypeOfAny.implementation_artifact) if value is None else value


def _is_in_class_body(ctx: FunctionContext) -> bool:
    scope: Any = getattr(ctx.api, "scope", None)  # of mypy's type checker
    return scope is None or scope.active_class() is not None


def _expected(ctx: FunctionContext) -> ProperType | None:
    """Return the type that the attribute is annotated with, ``None`` if it is not."""
    contexts = ctx.api.type_context
    return get_proper_type(contexts[-1]) if contexts else None


def _argument(ctx: FunctionContext, name: str) -> ProperType | None:
    for names, types in zip(ctx.arg_names, ctx.arg_types, strict=True):
        for actual, kind in zip(names, types, strict=True):
            if actual == name:
                return get_proper_type(kind)
    return None


def _default_value(ctx: FunctionContext, made: Instance, expected: ProperType | None) -> Type | None:
    """Return the type of the default; of one that the parameter makes another value of, that value's."""
    default = _argument(ctx, "default")
    if not isinstance(default, Instance | TupleType) or _is_mapping(default):
        return default
    value = _value_type(made)
    if is_subtype(default, value) or (expected is not None and is_subtype(default, expected)):
        return default
    return value


def _value_type(parameter: Instance) -> Type:
    """Return the type of the parameter's values."""
    root = next(base for base in parameter.type.mro if base.fullname in _PARAMETER)
    arguments = map_instance_to_supertype(parameter, root).args
    return arguments[0] if arguments else AnyType(TypeOfAny.special_form)


def _is_mapping(kind: ProperType) -> bool:
    return isinstance(kind, Instance) and kind.type.has_base("typing.Mapping")


def _chosen_value(ctx: FunctionContext, made: Instance) -> Type | None:
    """Return the type of the choices, or of the enumeration's members, or tuples of them."""
    if _is_any_of(made.type, _OPTIONAL):
        return None
    if _is_any_of(made.type, _CHOICE):
        element = _element(ctx, _argument(ctx, "choices"))
    elif _is_any_of(made.type, _ENUM | _ENUM_LIST):
        element = _instance_of(_argument(ctx, "enum"))
    else:
        return None
    if element is None or not _is_any_of(made.type, _CHOICE_LIST | _ENUM_LIST):
        return element
    return ctx.api.named_generic_type("builtins.tuple", [element])


def _element(ctx: FunctionContext, choices: ProperType | None) -> Type | None:
    if isinstance(choices, TupleType):
        choices = tuple_fallback(choices)
    iterable = ctx.api.named_generic_type("typing.Iterable", [AnyType(TypeOfAny.special_form)]).type
    if not isinstance(choices, Instance) or not choices.type.has_base(iterable.fullname):
        return None
    return map_instance_to_supertype(choices, iterable).args[0]


def _instance_of(cls: ProperType | None) -> Type | None:
    if isinstance(cls, TypeType):
        return cls.item
    return cls.ret_type if isinstance(cls, CallableType) and cls.is_type_obj() else None
