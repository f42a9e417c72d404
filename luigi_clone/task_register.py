"""The metaclass of tasks: it keeps the register of task classes and hands out their instances."""

from __future__ import annotations

import abc
import importlib
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar, overload

from luigi_clone.configuration.generation import RESOLUTION

if TYPE_CHECKING:
    from typing import TypeVar

    from luigi_clone._tasks.annotations import Unannotated
    from luigi_clone.task import Task

    _Made = TypeVar("_Made")

logger = logging.getLogger("luigi-interface")

_RANGE_MODULE = "luigi_clone.tools.range"

FRAMEWORK_FAMILIES: Mapping[str, str] = {
    "Task": "luigi_clone.task",
    "ExternalTask": "luigi_clone.task",
    "WrapperTask": "luigi_clone.task",
    "Config": "luigi_clone.task",
    "TestNotificationsTask": "luigi_clone.notifications",
    "email": "luigi_clone.notifications",
    "smtp": "luigi_clone.notifications",
    "sendgrid": "luigi_clone.notifications",
    "batch_email": "luigi_clone.batch_notifier",
    "scheduler": "luigi_clone.scheduler",
    "worker": "luigi_clone.worker",
    "execution_summary": "luigi_clone.execution_summary",
    "core": "luigi_clone.interface",
    "RangeBase": _RANGE_MODULE,
    "RangeDailyBase": _RANGE_MODULE,
    "RangeHourlyBase": _RANGE_MODULE,
    "RangeByMinutesBase": _RANGE_MODULE,
    "RangeMonthly": _RANGE_MODULE,
    "RangeDaily": _RANGE_MODULE,
    "RangeHourly": _RANGE_MODULE,
    "RangeByMinutes": _RANGE_MODULE,
}
"""The framework's own task classes and where they live, in the order in which the register shows them.

Their modules are imported when a look-up needs them, so that importing the package stays cheap and the
answers are those of a package that imports everything at once.
"""

_AUTOLOAD_RANGE_WARNING = """
        Autoloading range tasks by default has been deprecated and will be removed in a future version.
        To get the behavior now add an option to luigi.cfg:

          [core]
            autoload_range: false

        Alternately set the option to true to continue with existing behaviour and suppress this warning.
    """


class TaskClassException(Exception):  # noqa: N818 - the name is part of the interface
    """A task class could not be found by its name."""


class TaskClassNotFoundException(TaskClassException):
    """No registered task class has the name."""


class TaskClassAmbigiousException(TaskClassException):
    """Several unrelated task classes have the name."""


class _FrameworkLoader:
    """Imports what the framework itself registers, each module once and when it is first needed."""

    __slots__ = ("_pending", "_range_is_loaded", "_range_is_wanted")

    def __init__(self) -> None:
        self._pending = {module for module in FRAMEWORK_FAMILIES.values() if module != _RANGE_MODULE}
        self._range_is_wanted: bool | None = None
        self._range_is_loaded = False

    def load_family(self, family: str) -> bool:
        """Import the module of the framework's ``family``; tell whether anything was imported."""
        module = FRAMEWORK_FAMILIES.get(family)
        if module == _RANGE_MODULE:
            return self.load_range()
        return module is not None and self._load(module)

    def load_all(self) -> None:
        """Import everything that the framework registers."""
        for module in dict.fromkeys(FRAMEWORK_FAMILIES.values()):
            if module != _RANGE_MODULE:
                self._load(module)
        self.load_range()

    def decide_range(self) -> bool:
        """Find out once whether the range tasks are wanted, and warn when the configuration does not say."""
        if self._range_is_wanted is None:
            from luigi_clone.configuration import get_config

            config = get_config()
            self._range_is_wanted = bool(config.getboolean("core", "autoload_range", True))
            if not config.has_option("core", "autoload_range"):
                warnings.warn(_AUTOLOAD_RANGE_WARNING, DeprecationWarning, stacklevel=2)
        return self._range_is_wanted

    def load_range(self) -> bool:
        """Load the range tasks if they are wanted; tell whether anything was imported."""
        if self._range_is_loaded or not self.decide_range():
            return False
        self._range_is_loaded = True
        root = sys.modules["luigi_clone"]
        root.range = importlib.import_module(_RANGE_MODULE)  # type: ignore[attr-defined]
        if "range" not in root.__all__:
            root.__all__.append("range")
        return True

    def _load(self, module: str) -> bool:
        if module not in self._pending:
            return False
        self._pending.discard(module)
        if module in sys.modules:
            return False
        importlib.import_module(module)
        return True


_FRAMEWORK = _FrameworkLoader()


class _FrameworkClasses:
    """Keeps what this package registers in a register that was filtered by the names of modules.

    Others look for ``luigi.`` there and assign what they found (gokart does, in each ``gokart.build``);
    without ``core``, ``worker`` and ``scheduler`` no command line would work afterwards. A register that is
    assigned without :class:`luigi_clone.task.Task`, the first of them, tells that this has happened; an empty
    one is meant to be empty.
    """

    __slots__ = ("_classes", "_seen")

    def __init__(self) -> None:
        self._classes: list[Any] = []
        self._seen: list[Any] | None = None

    def note_registered(self, cls: Any) -> None:
        if cls.__module__.startswith("luigi_clone."):
            self._classes.append(cls)

    def note_register(self, register: list[Any], exact: bool = False) -> None:
        """Complete ``register`` if it has been assigned since the last call (unless it is ``exact``)."""
        if register is self._seen:
            return
        self._seen = register
        if register and self._classes and not exact and self._classes[0] not in register:
            register[:0] = [cls for cls in self._classes if cls not in register]


_FRAMEWORK_CLASSES = _FrameworkClasses()


def autoload_range() -> None:
    """Load the range tasks, once, unless the configuration says not to."""
    _FRAMEWORK.load_range()


class _Index:
    """Family to class, as built from one state of a register."""

    __slots__ = ("classes", "names", "snapshot", "source")

    def __init__(self, source: list[Any], ambiguous: object, names: int) -> None:
        self.source = source
        self.snapshot = tuple(source)
        self.names = names
        self.classes: dict[str, Any] = {}
        for task_class in _framework_first(self.snapshot):
            if not task_class._visible_in_registry:
                continue
            family = task_class.task_family
            known = self.classes.get(family)
            if known is None or (
                known is not ambiguous and (issubclass(task_class, known) or _redefines(task_class, known))
            ):
                self.classes[family] = task_class
            else:
                self.classes[family] = ambiguous

    def is_of(self, source: list[Any], names: int) -> bool:
        """Tell whether the register is still as it was."""
        return (
            source is self.source
            and names == self.names
            and len(source) == len(self.snapshot)
            and all(map(is_, source, self.snapshot))
        )

    def is_likely_of(self, source: list[Any], names: int) -> bool:
        """Tell the same at constant cost; wrong only after a replacement in the middle of the list."""
        return (
            source is self.source
            and names == self.names
            and len(source) == len(self.snapshot)
            and (not source or source[-1] is self.snapshot[-1])
        )


def _framework_first(classes: tuple[Any, ...]) -> list[Any]:
    order = {family: place for place, family in enumerate(FRAMEWORK_FAMILIES)}
    last = len(order)

    def place(task_class: Any) -> int:
        name = task_class.__name__
        return order[name] if FRAMEWORK_FAMILIES.get(name) == task_class.__module__ else last

    return sorted(classes, key=place)


def _redefines(new: type, old: type) -> bool:
    """Tell whether ``new`` is the same definition run again: a notebook cell, a reloaded module."""
    return (
        new.__module__ == old.__module__
        and new.__qualname__ == old.__qualname__
        and "<locals>" not in new.__qualname__
    )


class _NameChanges:
    """Counts what may have changed the family of a registered class."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


_NAME_CHANGES = _NameChanges()
_NAMING = frozenset(
    {"__name__", "__module__", "__qualname__", "__bases__", "task_namespace", "_namespace_at_class_time"}
    | {"_visible_in_registry"}
)


class Register(abc.ABCMeta):
    """Metaclass of :class:`luigi_clone.task.Task`.

    It registers each class under its family, and it returns the same object whenever a class is called
    with the same parameter values.  It can be subclassed; a subclass may override ``__new__`` and
    ``__call__``, and keeps its classes to itself when it defines a ``_reg`` of its own.
    """

    __instance_cache: ClassVar[MutableMapping[Any, Any] | None] = {}
    _default_namespace_dict: ClassVar[dict[str, str]] = {}
    _reg: ClassVar[list[Any]] = []
    _index: ClassVar[_Index | None] = None
    AMBIGUOUS_CLASS: ClassVar[object] = object()
    """Stands in the register for a family that several unrelated classes have."""

    def __new__(
        metacls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Register:
        """Create the class, fix the namespace it was born in, and register it."""
        cls = super().__new__(metacls, name, bases, namespace, **kwargs)
        type.__setattr__(cls, "_namespace_at_class_time", metacls._get_namespace(cls.__module__))
        if metacls._reg is Register._reg:
            _FRAMEWORK_CLASSES.note_register(metacls._reg)
            _FRAMEWORK_CLASSES.note_registered(cls)
        metacls._reg.append(cls)
        return cls

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        cls.__note_change(name, value)

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        cls.__note_change(name, None, deleted=True)

    def __note_change(cls, name: str, value: Any, deleted: bool = False) -> None:
        if name in _NAMING:
            _NAME_CHANGES.number += 1
        pending = [cls]
        while pending:
            one = pending.pop()
            table = one.__dict__.get("_parameter_table")
            if table is not None and (deleted or table.depends_on(name, value)):
                type.__setattr__(one, "_parameter_table", None)
            pending.extend(type.__subclasses__(one))  # type: ignore[arg-type]

    # A checker goes on to compare the arguments with the annotated parameters unless the result is said to be
    # something else than an instance, as Any is: so it does where there are none.
    @overload
    def __call__(cls: Unannotated[_Made], *args: Any, **kwargs: Any) -> _Made | Any: ...
    @overload
    def __call__(cls: type[_Made], *args: Any, **kwargs: Any) -> _Made: ...
    @overload
    def __call__(cls, *args: Any, **kwargs: Any) -> Any: ...

    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the instance with these parameter values: the one there is, or a new one."""
        table = cls._parameter_table
        if table is None or table.owner is not cls or table.generation != RESOLUTION.number or table.mixins:
            table = cls._renew_parameter_table()
        cache = cls.__instance_cache
        if table.custom_values:
            return cls.__call_custom(table, cache, args, kwargs)
        values, types = table.values(args, kwargs)
        if cache is None:
            return cls.__create(table, values, args, kwargs)
        key = table.key(values, types)
        try:
            found = cache.get(key)
        except TypeError:
            _log_unhashable(key)
            return cls.__create(table, values, args, kwargs)
        if found is None:
            found = cache.setdefault(key, cls.__create(table, values, args, kwargs))
        return found

    def __call_custom(cls: Any, table: Any, cache: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do the same for a class that has a ``get_params`` or ``get_param_values`` of its own."""
        if cache is None:
            return super().__call__(*args, **kwargs)
        pairs = cls.get_param_values(cls.get_params(), args, kwargs)
        values = [value for _, value in pairs]
        key = (table.key(values, tuple(map(type, values))), tuple(name for name, _ in pairs))
        try:
            found = cache.get(key)
        except TypeError:
            _log_unhashable(key)
            return cls.__initialised(table, (args, kwargs, None, pairs))
        if found is None:
            found = cache.setdefault(key, cls.__initialised(table, (args, kwargs, None, pairs)))
        return found

    def __create(cls: Any, table: Any, values: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if table.creation != table.DIRECT:
            return cls.__initialised(table, (args, kwargs, table, values))
        task = object.__new__(cls)
        task._settle(table, values)
        return task

    def __initialised(cls: Any, table: Any, handed: tuple[Any, ...]) -> Any:
        """Make an instance as ``type.__call__`` does, and hand the values to the constructor of ``Task``."""
        args, kwargs = handed[:2]
        if table.creation == table.FOREIGN:
            return super().__call__(*args, **kwargs)
        task = cls.__new__(cls, *args, **kwargs)
        if isinstance(task, cls):
            task.__dict__["_Task__handed"] = handed
            try:
                type(task).__init__(task, *args, **kwargs)
            finally:
                # an overriding __init__ may not have called the one of Task
                task.__dict__.pop("_Task__handed", None)
        return task

    @classmethod
    def clear_instance_cache(cls) -> None:
        """Forget every instance; also switches the cache on again."""
        cls.__instance_cache = {}

    @classmethod
    def weaken_instance_cache(cls) -> None:
        """Forget every instance, and from now on those that nobody else holds (for long-lived processes)."""
        from weakref import WeakValueDictionary

        cls.__instance_cache = WeakValueDictionary()

    @classmethod
    def disable_instance_cache(cls) -> None:
        """Make every call of a class that has this metaclass return a new instance."""
        cls.__instance_cache = None

    @property
    def task_family(cls: Any) -> str:
        """The name that the class is registered under."""
        namespace = cls.get_task_namespace()
        return f"{namespace}.{cls.__name__}" if namespace else cls.__name__

    @classmethod
    def _module_parents(cls, module_name: str) -> Iterator[str]:
        """Yield the module, each package around it, and the empty scope."""
        while module_name:
            yield module_name
            module_name = module_name.rpartition(".")[0]
        yield ""

    @classmethod
    def _get_namespace(cls, module_name: str) -> str:
        for scope in cls._module_parents(module_name):
            namespace = cls._default_namespace_dict.get(scope)
            if namespace:
                return namespace
        return ""

    @classmethod
    def __current_index(cls) -> _Index:
        if cls._reg is Register._reg:
            _FRAMEWORK_CLASSES.note_register(cls._reg)
        index = cls.__dict__.get("_index")
        if index is None or not index.is_of(cls._reg, _NAME_CHANGES.number):
            index = _Index(cls._reg, cls.AMBIGUOUS_CLASS, _NAME_CHANGES.number)
            cls._index = index
        return index

    @classmethod
    def _get_reg(cls) -> dict[str, Any]:
        """Return family to class; a family of several unrelated classes has ``AMBIGUOUS_CLASS``."""
        _FRAMEWORK.load_all()
        return dict(cls.__current_index().classes)

    @classmethod
    def _loaded_reg(cls) -> Mapping[str, Any]:
        """Return the same for the classes that are loaded, without loading what the framework registers."""
        return cls.__current_index().classes

    @classmethod
    def _set_reg(cls, reg: Mapping[str, Any]) -> None:
        """Register exactly the classes in ``reg``."""
        cls._reg = [task_class for task_class in reg.values() if task_class is not cls.AMBIGUOUS_CLASS]
        if cls is Register:
            _FRAMEWORK_CLASSES.note_register(cls._reg, exact=True)

    @classmethod
    def task_names(cls) -> list[str]:
        """Return the registered families in alphabetical order, ambiguous ones included."""
        return sorted(cls._get_reg())

    @classmethod
    def tasks_str(cls) -> str:
        """Return the registered families, joined with commas."""
        return ",".join(cls.task_names())

    @classmethod
    def get_task_cls(cls, name: str) -> Any:
        """Return the class registered under the family ``name``.

        Raises :class:`TaskClassNotFoundException` or :class:`TaskClassAmbigiousException`.
        """
        _FRAMEWORK.decide_range()
        if name in FRAMEWORK_FAMILIES:
            _FRAMEWORK.load_family(name)
        index = cls.__dict__.get("_index")
        if index is not None and index.is_likely_of(cls._reg, _NAME_CHANGES.number):
            found = index.classes.get(name)
            if found is not None and found is not cls.AMBIGUOUS_CLASS and found.task_family == name:
                return found
        found = cls.__current_index().classes.get(name)
        if found is None:
            _FRAMEWORK.load_all()
            found = cls.__current_index().classes.get(name)
        if found is None:
            raise TaskClassNotFoundException(cls._missing_task_msg(name))
        if found is cls.AMBIGUOUS_CLASS:
            raise TaskClassAmbigiousException(f"Task {name!r} is ambiguous")
        return found

    @classmethod
    def get_all_params(cls) -> Iterator[tuple[str, bool, str, Any]]:
        """Yield (family, is without section, parameter name, parameter) for every unambiguous class."""
        for family, task_class in cls._get_reg().items():
            if task_class is cls.AMBIGUOUS_CLASS:
                continue
            for name, parameter in task_class.get_params():
                yield family, not task_class.use_cmdline_section, name, parameter

    @staticmethod
    def _editdistance(a: str, b: str) -> int:
        """Return the Levenshtein distance: insertions, deletions and replacements each count one."""
        previous = list(range(len(b) + 1))
        for i, char_a in enumerate(a, 1):
            current = [i]
            for j, char_b in enumerate(b, 1):
                current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (char_a != char_b)))
            previous = current
        return previous[-1]

    @classmethod
    def _missing_task_msg(cls, task_name: str) -> str:
        near = []
        for candidate in cls.task_names():
            # the difference in length is a lower bound, so most names need no distance at all
            if abs(len(candidate) - len(task_name)) <= 5:
                distance = cls._editdistance(task_name, candidate)
                if distance <= 5 and distance < len(candidate):
                    near.append((distance, candidate))
        if near:
            names = "\n".join(candidate for _, candidate in sorted(near, key=lambda pair: pair[0]))
            return f"No task {task_name}. Did you mean:\n{names}"
        return f"No task {task_name}. Candidates are: {cls.tasks_str()}"


def _log_unhashable(key: object) -> None:
    """Say why an instance is not kept; raise what was raised when the key is hashable after all."""
    try:
        hash(key)
    except TypeError:
        logger.debug("Not all parameter values are hashable so instance isn't coming from the cache")
    else:
        raise  # the exception that this function is called about


def load_task(module: str | None, task_name: str, params_str: Mapping[str, Any]) -> Task:
    """Import ``module``, find the class by its family and make the instance with these texts as parameters.

    Unknown names in ``params_str`` are ignored.
    """
    if module is not None:
        __import__(_own_module(module))
    task_class = Register.get_task_cls(task_name)
    task: Task = task_class.from_str_params(params_str)
    return task


def _own_module(module: str) -> str:
    """Return this package's name of a module that a task announces with Luigi's name."""
    root, dot, rest = module.partition(".")
    if root != "luigi" or "luigi" in sys.modules:
        return module
    return "luigi_clone" + dot + rest
