"""Tasks: the units of work, what they need and what they leave behind."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from json import dumps
from json.encoder import encode_basestring_ascii
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from luigi_clone import configuration, parameter
from luigi_clone._tasks.parameter_table import MASK, ParameterTable, ValueResolver
from luigi_clone._tasks.structures import DynamicRequirements, flatten, flatten_output, getpaths
from luigi_clone.parameter import Parameter, ParameterVisibility, UnconsumedParameterWarning
from luigi_clone.task_register import Register

try:
    # a third of the cost of hashlib's, and the same where a policy forbids MD5 for security
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    from hashlib import md5

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Self, dataclass_transform

    from luigi_clone._tasks.annotations import Declared as _Declared

    _Clone = TypeVar("_Clone", bound="Task")
    FlattenableItem = TypeVar("FlattenableItem")
    FlattenableItems: TypeAlias = (
        FlattenableItem
        | list["FlattenableItems[FlattenableItem]"]
        | tuple["FlattenableItems[FlattenableItem]", ...]
        | dict[str, "FlattenableItems[FlattenableItem]"]
    )
else:
    _Declared = object

    def dataclass_transform(**_: Any) -> Callable[[type], type]:
        """Mean something to type checkers only."""
        return lambda cls: cls


__all__ = [
    "MASK",
    "BulkCompleteNotImplementedError",
    "Config",
    "DynamicRequirements",
    "ExternalTask",
    "MixinNaiveBulkComplete",
    "Parameter",
    "ParameterVisibility",
    "Register",
    "Task",
    "UnconsumedParameterWarning",
    "WrapperTask",
    "auto_namespace",
    "configuration",
    "externalize",
    "flatten",
    "flatten_output",
    "getpaths",
    "namespace",
    "parameter",
    "task_id_str",
]

logger = logging.getLogger("luigi-interface")

TASK_ID_INCLUDE_PARAMS = 3
TASK_ID_TRUNCATE_PARAMS = 16
TASK_ID_TRUNCATE_HASH = 10
TASK_ID_INVALID_CHAR_REGEX = re.compile(r"[^A-Za-z0-9_]")
_SAME_AS_PYTHON_MODULE = "_same_as_python_module"

_T = TypeVar("_T")
_Callback = TypeVar("_Callback", bound=Callable[..., Any])

# what the worker gives to a task while it runs, as in TaskProcess.forward_reporter_attributes
_INJECTED = (
    "set_tracking_url",
    "set_status_message",
    "set_progress_percentage",
    "decrease_running_resources",
    "scheduler_messages",
)
_MISSING: Any = object()


def namespace(namespace: str | None = None, scope: str = "") -> None:
    """Put the task classes that are created from now on in ``scope`` into a namespace.

    ``scope`` is a module or a package; the most specific one that has a namespace counts.  Without a
    namespace the scope falls back to the wider ones.
    """
    Register._default_namespace_dict[scope] = namespace or ""


def auto_namespace(scope: str = "") -> None:
    """Use the name of the module as namespace of the task classes that are created in ``scope``."""
    namespace(namespace=_SAME_AS_PYTHON_MODULE, scope=scope)


def task_id_str(task_family: str, params: Mapping[str, str]) -> str:
    """Return the id of the task of this family that has these serialized parameters.

    The id is the family, the beginnings of the first three values in the order of their names, and the
    beginning of an MD5 of all of them as JSON.
    """
    names = sorted(params)
    try:
        items = [f"{encode_basestring_ascii(n)}:{encode_basestring_ascii(params[n])}" for n in names]
    except TypeError:
        # not all are texts: a serialize() that returns something else
        encoded = dumps(params, separators=(",", ":"), sort_keys=True)
    else:
        encoded = "{" + ",".join(items) + "}"
    digest = md5(encoded.encode(), usedforsecurity=False).hexdigest()
    summary = "_".join([params[n][:TASK_ID_TRUNCATE_PARAMS] for n in names[:TASK_ID_INCLUDE_PARAMS]])
    summary = TASK_ID_INVALID_CHAR_REGEX.sub("_", summary)
    return f"{task_family}_{summary}_{digest[:TASK_ID_TRUNCATE_HASH]}"


class TaskIdCollisionError(Exception):
    """Two tasks with different parameters have the same id, so that only one of them would run."""


def verify_same_task(known: Task, other: Task) -> None:
    """Make sure that two task objects with the same id are the same task.

    The id holds 40 bits of a hash.  Raises :class:`TaskIdCollisionError` when the parameters that the id is
    made of differ.  When only significant parameters that are HIDDEN or PRIVATE differ, which no id shows,
    the log says once that one task stands for both.  A class that chooses its ids itself knows better.
    """
    if known is other or type(known) is not type(other):
        return
    public = known.to_str_params(only_significant=True, only_public=True)
    if public != other.to_str_params(only_significant=True, only_public=True):
        if known.task_id == task_id_str(known.get_task_family(), public):
            raise TaskIdCollisionError(
                f"{known!r} and {other!r} both have the id {known.task_id}, so that only one would run: "
                "change a parameter value, or the name of the class or of a parameter"
            )
        return
    silent = [
        name
        for name, param in known.get_params()
        if param.significant and known.param_kwargs.get(name) != other.param_kwargs.get(name)
    ]
    if silent and not known.__dict__.get("_Task__stands_for_another"):
        known.__dict__["_Task__stands_for_another"] = True
        logger.warning(
            "Two tasks have the id %s and differ in what is not public (%s): one of them runs for both",
            known.task_id,
            ", ".join(silent),
        )


class BulkCompleteNotImplementedError(NotImplementedError):
    """The task class has no ``bulk_complete``: whoever asks must ask each task."""


# To a type checker annotated parameters are the fields of a dataclass.  No field specifiers: every field that
# is assigned to then has a default, which a parameter may have, in the configuration or on the command line.
@dataclass_transform(eq_default=False)
class Task(_Declared, metaclass=Register):
    """A unit of work, identified by its class and its parameters.

    Declare parameters as class attributes, and override :meth:`requires`, :meth:`output` and :meth:`run`.
    Calling the class twice with the same values returns the same object.
    """

    _event_callbacks: ClassVar[dict[Any, dict[Any, set[Callable[..., Any]]]]] = {}
    _parameter_table: ClassVar[ParameterTable | None] = None
    _namespace_at_class_time: ClassVar[str]

    __not_user_specified = "__not_user_specified"
    _visible_in_registry: bool = True

    if not TYPE_CHECKING:
        # declared for checkers in _tasks/annotations.pyi
        priority = 0
        """Of the tasks that can run, those with a higher priority run first."""
        disabled = False
        """A disabled task is announced as such and does not run."""
        resources = {}
        """What the task holds while it runs: resource to amount."""
        worker_timeout = None
        """Seconds after which a run is ended; ``None`` for what is configured, 0 for never."""
        max_batch_size = float("inf")
        """How many tasks may run as one batch."""
        task_namespace = __not_user_specified
        """The namespace of the class and its subclasses, when set."""

        # what the worker puts in while run() goes on
        set_tracking_url = None
        set_status_message = None
        set_progress_percentage = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the values of the parameters; an overriding ``__init__`` must call this one."""
        cls = type(self)
        handed = self.__dict__.pop("_Task__handed", None)
        if handed is not None and _same_arguments(handed, args, kwargs):
            table, values = handed[2:]
        else:
            table = cls._renew_parameter_table()
            if table.custom_values:
                values = cls.get_param_values(cls.get_params(), args, kwargs)
                table = None
            else:
                values, _ = table.values(args, kwargs)
        if table is None:
            for name, value in values:
                setattr(self, name, value)
            self.param_kwargs = dict(values)
            self.__identify()
        else:
            self._settle(table, values)

    def _settle(self, table: ParameterTable, values: Sequence[Any]) -> None:
        """Take values that are known to be right: one for each parameter in the table."""
        named = dict(zip(table.names, values, strict=True))
        if not table.is_plain:
            for name, value in named.items():
                setattr(self, name, value)
            self.param_kwargs = named
            self.__identify()
            return
        attributes = self.__dict__
        for name, value in named.items():
            # one by one: update() would give up the keys that all instances share
            attributes[name] = value
        attributes["param_kwargs"] = named
        for place, name, expected, warn in table.checks:
            value = values[place]
            if type(value) is not expected:
                warn(name, value)
        strings = {name: serialize(values[place]) for name, place, serialize in table.identity}
        attributes["task_id"] = task_id = task_id_str(table.family, strings)  # type: ignore[arg-type]
        attributes["_Task__hash"] = hash(task_id)

    def __identify(self) -> None:
        self._warn_on_wrong_param_types()
        self.task_id = task_id_str(
            self.get_task_family(), self.to_str_params(only_significant=True, only_public=True)
        )
        self.__hash = hash(self.task_id)
        for name in _INJECTED[:3]:
            if getattr(type(self), name, None) is not None:
                setattr(self, name, None)

    @classmethod
    def _renew_parameter_table(cls) -> ParameterTable:
        """Return the class's parameter table, made anew when it is out of date."""
        table = cls._parameter_table
        if table is None or table.owner is not cls or not table.is_current():
            table = ParameterTable(cls, _AS_DEFINED, Register.__call__)
            type.__setattr__(cls, "_parameter_table", table)
        return table

    @classmethod
    def __resolver(cls) -> ValueResolver:
        """Return what knows the parameters that ``get_params`` returns, which a class may override."""
        table = cls._renew_parameter_table()
        return ValueResolver(cls, cls.get_params(), None) if table.custom_params else table

    # -- parameters --------------------------------------------------------------------------------

    @classmethod
    def get_params(cls) -> list[tuple[str, Parameter[Any]]]:
        """Return the names and parameters of the class in the order in which the parameters were created."""
        return list(cls._renew_parameter_table().params)

    @classmethod
    def batch_param_names(cls) -> list[str]:
        """Return the names of the parameters that can be combined in a batch."""
        return cls.__resolver().batch_names().copy()

    @classmethod
    def get_param_names(cls, include_significant: bool = False) -> list[str]:
        """Return the names of the significant parameters; with ``include_significant``, of all."""
        return [name for name, param in cls.get_params() if include_significant or param.significant]

    @classmethod
    def get_param_values(
        cls, params: Sequence[tuple[str, Parameter[Any]]], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> list[tuple[str, Any]]:
        """Return the name and value of each parameter for these constructor arguments.

        Values not given come from the command line, the configuration or the parameter's default.  Raises
        :class:`~luigi_clone.parameter.UnknownParameterException`,
        :class:`~luigi_clone.parameter.DuplicateParameterException`,
        :class:`~luigi_clone.parameter.MissingParameterException`, ``ValueError`` for a default that cannot
        be parsed, and what ``normalize`` of a parameter raises.
        """
        table: ValueResolver = cls._renew_parameter_table()
        if len(params) != len(table.params) or not all(map(is_, params, table.params)):
            table = ValueResolver(cls, params, None)
        values, _ = table.values(args, kwargs)
        return list(zip(table.names, values, strict=True))

    @property
    def param_args(self) -> tuple[Any, ...]:
        """Return the values in the order of the parameters (deprecated)."""
        warnings.warn("Use of param_args has been deprecated.", DeprecationWarning, stacklevel=2)
        return tuple(self.param_kwargs[name] for name, _ in self.get_params())

    def initialized(self) -> bool:
        """Tell whether the constructor of :class:`Task` has run."""
        return hasattr(self, "task_id")

    def _warn_on_wrong_param_types(self) -> None:
        params = dict(self.get_params())
        for name, value in self.param_kwargs.items():
            params[name]._warn_on_wrong_param_type(name, value)

    @classmethod
    def from_str_params(cls, params_str: Mapping[str, Any]) -> Self:
        """Return the instance whose parameters have these texts; a list of texts is combined as a batch.

        Parameters that are not in the mapping take their defaults; unknown names are ignored.
        """
        kwargs = {}
        for name, param in cls.get_params():
            if name in params_str:
                text = params_str[name]
                kwargs[name] = param._parse_list(text) if isinstance(text, list) else param.parse(text)
        task: Self = cls(**kwargs)
        return task

    def to_str_params(self, only_significant: bool = False, only_public: bool = False) -> dict[str, str]:
        """Return the parameters as texts, those that are PRIVATE never."""
        chosen = self.__resolver().texts(only_significant, only_public)
        return {name: chosen[name](value) for name, value in self.param_kwargs.items() if name in chosen}

    def _get_param_visibilities(self) -> dict[str, int]:
        return self.__resolver().visibilities().copy()

    @overload
    def clone(self, cls: None = None, **kwargs: Any) -> Self: ...
    @overload
    def clone(self, cls: type[_Clone], **kwargs: Any) -> _Clone: ...

    def clone(self, cls: type[Task] | None = None, **kwargs: Any) -> Task:
        """Return a task of the class ``cls`` (default: the same) with this one's values where names agree.

        ``kwargs`` win over them; those that are no parameter of the class are ignored.
        """
        if cls is None:
            cls = self.__class__
        values = {}
        for name, _ in cls.get_params():
            value = kwargs[name] if name in kwargs else getattr(self, name, _MISSING)
            if value is not _MISSING:
                values[name] = value
        task: Task = cls(**values)
        return task

    # -- identity ----------------------------------------------------------------------------------

    def __hash__(self) -> int:
        return self.__hash

    def __eq__(self, other: object) -> bool:
        return self.__class__ == other.__class__ and self.task_id == other.task_id

    def __repr__(self) -> str:
        table = type(self)._renew_parameter_table()
        own = self.param_kwargs
        if not table.custom_values and table.family is not None and len(own) == len(table.names):
            texts = [
                label + serialize(own[name] if normalize is None else normalize(own[name]))
                for label, name, normalize, serialize in table.shown
            ]
            return f"{table.family}({', '.join(texts)})"
        shown = []
        params = self.get_params()
        values = self.get_param_values(params, [], self.param_kwargs)
        by_name = dict(params)
        for name, value in values:
            param = by_name[name]
            if param.significant:
                text = MASK if param.visibility == ParameterVisibility.PRIVATE else param.serialize(value)
                shown.append(f"{name}={text}")
        return f"{self.get_task_family()}({', '.join(shown)})"

    @classmethod
    def get_task_namespace(cls) -> str | None:
        """Return the namespace of the class: its own, or that of the scope in which it was created."""
        if cls.task_namespace != cls.__not_user_specified:
            return cls.task_namespace
        if cls._namespace_at_class_time == _SAME_AS_PYTHON_MODULE:
            return cls.__module__
        return cls._namespace_at_class_time

    if not TYPE_CHECKING:

        @property
        def task_family(self) -> str:
            """The name that the class is registered under."""
            return type(self).task_family

    @classmethod
    def get_task_family(cls) -> str:
        """Return the name that the class is registered under: its name, after its namespace if it has one."""
        namespace = cls.get_task_namespace()
        return f"{namespace}.{cls.__name__}" if namespace else cls.__name__

    @property
    def task_module(self) -> str:
        """The module that another worker has to import to have the class.

        The framework's own classes announce Luigi's module, which a worker that runs on Luigi has too.
        """
        module = self.__class__.__module__
        return "luigi." + module[len("luigi_clone.") :] if module.startswith("luigi_clone.") else module

    @contextmanager
    def no_unpicklable_properties(self) -> Iterator[None]:
        """Leave out, within the context, what the worker has put in and cannot be pickled."""
        had = {name: self.__dict__.get(name, _MISSING) for name in _INJECTED if hasattr(self, name)}
        for name in had:
            setattr(self, name, "placeholder_during_pickling")
        try:
            yield
        finally:
            for name, value in had.items():
                if value is _MISSING:
                    delattr(self, name)
                else:
                    setattr(self, name, value)

    # -- dependencies and outputs ------------------------------------------------------------------

    def requires(self) -> Any:
        """Return the tasks that must be complete before this one runs: one, or any nesting of them."""
        return []

    def _requires(self) -> Any:
        """Return what :meth:`deps` looks at; templates add to it what is no input."""
        return flatten(self.requires())

    def deps(self) -> list[Any]:
        """Return the tasks that must be complete before this one runs, as a list."""
        return flatten(self._requires())

    def input(self) -> Any:
        """Return the outputs of the required tasks, in the structure that :meth:`requires` has."""
        return getpaths(self.requires())

    def output(self) -> Any:
        """Return what the task leaves behind: a target, or any nesting of them."""
        return []

    def process_resources(self) -> dict[str, int]:
        """Return what the task holds while it runs; templates add to it."""
        return self.resources

    def complete(self) -> bool:
        """Tell whether all outputs exist; a task without outputs is never complete."""
        outputs = flatten(self.output())
        if not outputs:
            warnings.warn(f"Task {self!r} without outputs has no custom complete() method", stacklevel=2)
            return False
        return all(output.exists() for output in outputs)

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> Iterable[Any]:
        """Return those of the parameter values whose tasks are complete, faster than asking one by one.

        Raises :class:`BulkCompleteNotImplementedError` unless overridden.
        """
        raise BulkCompleteNotImplementedError

    def run(self) -> Any:
        """Do the work.

        A generator may yield further tasks, and goes on with their outputs; while one of them is not
        complete the run is given up, and starts again once it is.
        """

    def on_failure(self, exception: BaseException) -> Any:
        """Return what the scheduler and the mail say of an exception in :meth:`run`."""
        import traceback

        return f"Runtime error:\n{traceback.format_exc()}"

    def on_success(self) -> Any:
        """Return what the scheduler is told after a run that came to its end."""
        return None

    # -- settings ----------------------------------------------------------------------------------

    if not TYPE_CHECKING:
        # declared for checkers in _tasks/annotations.pyi, like those above

        @property
        def batchable(self) -> bool:
            """Whether the task may run in a batch."""
            return bool(self.batch_param_names())

        @property
        def retry_count(self) -> int | None:
            """How many failures disable the task, when not what is configured."""
            return None

        @property
        def disable_hard_timeout(self) -> int | None:
            """Seconds after the first failure when one more disables the task, when not the configured."""
            return None

        @property
        def disable_window(self) -> int | None:
            """Seconds in which failures are counted, when not what is configured."""
            return None

        @property
        def disable_window_seconds(self) -> int | None:
            """The same as :attr:`disable_window` (deprecated)."""
            warnings.warn(
                "Use of `disable_window_seconds` has been deprecated, use `disable_window` instead",
                DeprecationWarning,
                stacklevel=2,
            )
            return self.disable_window

        @property
        def owner_email(self) -> Any:
            """Who gets mail about the task, besides those configured: addresses with commas, or a list."""
            return None

        @property
        def use_cmdline_section(self) -> bool:
            """Whether flags on the command line begin with the family; read on the class."""
            return True

        @property
        def accepts_messages(self) -> bool:
            """Whether messages can be sent to the running task."""
            return False

    def _owner_list(self) -> list[str]:
        owners = self.owner_email
        if owners is None:
            return []
        if isinstance(owners, str):
            return owners.split(",")
        return owners  # type: ignore[no-any-return]

    # -- events ------------------------------------------------------------------------------------

    @classmethod
    def event_handler(cls, event: Any) -> Callable[[_Callback], _Callback]:
        """Decorate a function to be called when a task of this class, or a subclass, fires the event."""

        def register(callback: _Callback) -> _Callback:
            cls._event_callbacks.setdefault(cls, {}).setdefault(event, set()).add(callback)
            return callback

        return register

    @classmethod
    def remove_event_handler(cls, event: Any, callback: Callable[..., Any]) -> None:
        """Stop calling the function; ``KeyError`` when it is not registered for exactly this class."""
        cls._event_callbacks[cls][event].remove(callback)

    def trigger_event(self, event: Any, *args: Any, **kwargs: Any) -> None:
        """Call every function that is registered for the event; what they raise is logged."""
        if not self._event_callbacks:
            return
        # a callback may register another: look at what was there when the event was fired
        matching = [
            callback
            for event_class, callbacks in list(self._event_callbacks.items())
            if event in callbacks and isinstance(self, event_class)
            for callback in list(callbacks[event])
        ]
        for callback in matching:
            try:
                callback(*args, **kwargs)
            except KeyboardInterrupt:  # noqa: PERF203 - each callback fails on its own
                return
            except BaseException:
                logger.exception("Error in event callback for %r", event)


# what tells whether a class overrides a method, or somebody has replaced it on Task itself
_AS_DEFINED = dict(vars(Task))


def _same_arguments(handed: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Tell whether the constructor got exactly what the class was called with."""
    known_args, known_kwargs = handed[0], handed[1]
    return (
        len(args) == len(known_args)
        and all(map(is_, args, known_args))
        and kwargs.keys() == known_kwargs.keys()
        and all(value is known_kwargs[name] for name, value in kwargs.items())
    )


class MixinNaiveBulkComplete:
    """Gives a task class a ``bulk_complete`` that asks each task; for tasks whose check costs little."""

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> list[Any]:
        """Return those of the values whose tasks are complete: tuples, dicts of keywords or single values."""
        complete = []
        for item in parameter_tuples:
            if isinstance(item, list | tuple):
                task = cls(*item)
            elif isinstance(item, dict):
                task = cls(**item)
            else:
                task = cls(item)  # type: ignore[call-arg]
            if task.complete():  # type: ignore[attr-defined]
                complete.append(item)
        return complete


class ExternalTask(Task):
    """A task that is done elsewhere: it has outputs and no ``run``."""

    run = None  # type: ignore[assignment]


class WrapperTask(Task):
    """A task that is complete when the tasks it requires are."""

    def complete(self) -> bool:
        """Tell whether all required tasks are complete."""
        return _all_complete(self)


def _all_complete(root: Task) -> bool:
    """Ask what the wrapper requires, depth first, each task once, however deep the wrappers nest."""
    seen = {id(root): root}
    open_wrappers: dict[int, tuple[Task, Iterator[Any]]] = {}
    entered: Task | None = root
    while entered is not None or open_wrappers:
        if entered is not None:
            open_wrappers[id(entered)] = (entered, iter(flatten(entered.requires())))
        entered = None
        _, rest = open_wrappers[next(reversed(open_wrappers))]
        for task in rest:
            if id(task) in open_wrappers:
                members = [wrapper.task_id for wrapper, _ in open_wrappers.values()]
                circle = members[members.index(task.task_id) :]
                raise RecursionError(f"Wrapper tasks require each other: {' -> '.join([*circle, circle[0]])}")
            if id(task) in seen:
                continue
            seen[id(task)] = task
            if _asks_its_requirements(task):
                entered = task
                break
            if not task.complete():
                return False
        else:
            open_wrappers.popitem()
    return True


def _asks_its_requirements(task: Any) -> bool:
    return getattr(type(task), "complete", None) is WrapperTask.complete and "complete" not in task.__dict__


class Config(Task):
    """A holder of configuration: its parameters read the section that has the class's name."""


def _task_wraps(task_class: type) -> Callable[[type[_T]], type[_T]]:
    """Decorate a wrapper class to pass for the class it wraps."""

    def take_names(wrapper: type[_T]) -> type[_T]:
        for name in (
            "__name__",
            "__qualname__",
            "__doc__",
            "__module__",
            "__annotations__",
            "_namespace_at_class_time",
        ):
            value = getattr(task_class, name, _MISSING)
            if value is not _MISSING:
                setattr(wrapper, name, value)
        wrapper.__wrapped__ = task_class  # type: ignore[attr-defined]
        return wrapper

    return take_names


def externalize(taskclass_or_taskobject: _T) -> _T:
    """Return the task, or task class, as one that is done elsewhere; the original is left as it is."""
    if isinstance(taskclass_or_taskobject, type):
        base: Any = taskclass_or_taskobject

        @_task_wraps(base)
        class Externalized(base):  # type: ignore[misc]
            # a helper, not a task that anybody runs by its name
            _visible_in_registry = False
            run = None

        return Externalized  # type: ignore[return-value]
    import copy

    task: Any = copy.copy(taskclass_or_taskobject)
    if task is taskclass_or_taskobject:
        # a __copy__ of the class's own that returns the object itself
        task = object.__new__(type(taskclass_or_taskobject))
        task.__dict__.update(taskclass_or_taskobject.__dict__)
    task.run = None
    return task  # type: ignore[no-any-return]
