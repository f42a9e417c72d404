"""Ways to say once what several tasks share: their parameters, their dependencies, their work."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import Any, TypeVar

from luigi_clone import parameter
from luigi_clone.task import Task, _task_wraps, flatten
from luigi_clone.task_register import Register

logger = logging.getLogger("luigi-interface")

C = TypeVar("C", bound=type)

_UNITS = (
    # months and years are dates that normalisation moves to their first day
    (parameter.DateParameter, datetime.timedelta(days=1)),
    (parameter.DateSecondParameter, datetime.timedelta(seconds=1)),
    (parameter.DateMinuteParameter, datetime.timedelta(minutes=1)),
    (parameter.DateHourParameter, datetime.timedelta(hours=1)),
)


def common_params(task_instance: Task, task_cls: type[Task]) -> dict[str, Any]:
    """Return the instance's values of the parameters that the class has too.

    Raises ``TypeError`` when ``task_cls`` is not a task class.
    """
    if not isinstance(task_cls, Register):
        raise TypeError("task_cls must be an uninstantiated Task")
    own = {name for name, _ in task_instance.get_params()}
    common = [(name, param) for name, param in task_cls.get_params() if name in own]
    values = {name: task_instance.param_kwargs[name] for name, _ in common}
    return dict(task_instance.get_param_values(common, [], values))


class inherits:  # noqa: N801 - a decorator
    """Decorate a task class to have the parameters of other task classes.

    ::

        @inherits(Fetch)
        class Clean(luigi.Task):
            def requires(self):
                return self.clone_parent()

    The class keeps attributes that it has already.  It gets ``clone_parent()``, the first of the other
    tasks with this one's values, and ``clone_parents()``, all of them in a list; with classes given by
    keyword only ``clone_parents()``, a dict.

    Raises ``TypeError`` when classes are given in both ways or not at all.
    """

    def __init__(self, *tasks_to_inherit: type[Task], **kw_tasks_to_inherit: type[Task]) -> None:
        if not tasks_to_inherit and not kw_tasks_to_inherit:
            raise TypeError("tasks_to_inherit or kw_tasks_to_inherit must contain at least one task")
        if tasks_to_inherit and kw_tasks_to_inherit:
            raise TypeError("Only one of tasks_to_inherit or kw_tasks_to_inherit may be present")
        self.tasks_to_inherit = tasks_to_inherit
        self.kw_tasks_to_inherit = kw_tasks_to_inherit

    def __call__(self, task_that_inherits: C) -> C:
        """Change the class and return it."""
        sources = self.tasks_to_inherit or tuple(self.kw_tasks_to_inherit.values())
        for source in sources:
            for name, param in source.get_params():
                if not hasattr(task_that_inherits, name):
                    setattr(task_that_inherits, name, param)
        cls: Any = task_that_inherits
        if self.tasks_to_inherit:
            cls.clone_parent, cls.clone_parents = _cloners(self.tasks_to_inherit)
        else:
            cls.clone_parents = _named_cloner(self.kw_tasks_to_inherit)
        return task_that_inherits


def _cloners(sources: tuple[type[Task], ...]) -> tuple[Callable[..., Task], Callable[..., list[Task]]]:
    def clone_parent(self: Task, **kwargs: Any) -> Task:
        """Return the first inherited task with this one's values."""
        return self.clone(cls=sources[0], **kwargs)

    def clone_parents(self: Task, **kwargs: Any) -> list[Task]:
        """Return the inherited tasks with this one's values."""
        return [self.clone(cls=source, **kwargs) for source in sources]

    return clone_parent, clone_parents


def _named_cloner(sources: dict[str, type[Task]]) -> Callable[..., dict[str, Task]]:
    def clone_parents(self: Task, **kwargs: Any) -> dict[str, Task]:
        """Return the inherited tasks with this one's values, by their names."""
        return {name: self.clone(cls=source, **kwargs) for name, source in sources.items()}

    return clone_parents


class requires:  # noqa: N801 - a decorator
    """Decorate a task class to have the parameters of other task classes, and to require those tasks.

    ``requires()`` of the class returns the task for one class, a list for several, and a dict for classes
    given by keyword.
    """

    def __init__(self, *tasks_to_require: type[Task], **kw_tasks_to_require: type[Task]) -> None:
        self.tasks_to_require = tasks_to_require
        self.kw_tasks_to_require = kw_tasks_to_require

    def __call__(self, task_that_requires: C) -> C:
        """Change the class and return it."""
        inherits(*self.tasks_to_require, **self.kw_tasks_to_require)(task_that_requires)
        is_single = len(self.tasks_to_require) == 1

        def requires(self: Any) -> Any:
            """Return the required tasks with this one's values."""
            return self.clone_parent() if is_single else self.clone_parents()

        cls: Any = task_that_requires
        cls.requires = requires
        return task_that_requires


class copies:  # noqa: N801 - a decorator
    """Decorate a task class to require another task and to copy its single output line by line."""

    def __init__(self, task_to_copy: type[Task]) -> None:
        self.requires_decorator = requires(task_to_copy)

    def __call__(self, task_that_copies: C) -> C:
        """Return a subclass that has the name of the class."""
        base: Any = self.requires_decorator(task_that_copies)

        @_task_wraps(base)
        class Wrapped(base):  # type: ignore[misc]
            def run(self) -> None:
                """Copy the input to the output; after an error there is no output."""
                with self.input().open("r") as source, self.output().open("w") as sink:
                    for line in source:
                        sink.write(line)

        return Wrapped  # type: ignore[return-value]


def delegates(task_that_delegates: C) -> C:
    """Decorate a task class to do, before its own work, that of the tasks that its ``subtasks()`` returns.

    The subclass returned depends on what the subtasks depend on.  Raises ``AttributeError`` when the class
    has no ``subtasks``.
    """
    if not hasattr(task_that_delegates, "subtasks"):
        raise AttributeError(f'{task_that_delegates!r} needs to implement the method "subtasks"')
    base: Any = task_that_delegates

    @_task_wraps(base)
    class Wrapped(base):  # type: ignore[misc]
        def deps(self) -> list[Any]:
            """Return the task's own dependencies and those of its subtasks."""
            return flatten(self._requires()) + flatten([task.deps() for task in flatten(self.subtasks())])

        def run(self) -> Any:
            """Run the subtasks, then the task itself."""
            runs: list[Callable[[], Any]] = [task.run for task in flatten(self.subtasks())]
            return _run_in_turn(iter([*runs, super().run]))

    return Wrapped  # type: ignore[return-value]


def _run_in_turn(runs: Iterator[Callable[[], Any]]) -> Any:
    """Call each; from the first on that is a generator, return a generator of what they all yield."""
    for run in runs:
        result = run()
        if isinstance(result, GeneratorType):
            return _yield_in_turn(result, runs)
    return None


def _yield_in_turn(first: Any, rest: Iterator[Callable[[], Any]]) -> Iterator[Any]:
    yield from first
    for run in rest:
        result = run()
        if isinstance(result, GeneratorType):
            yield from result


def previous(task: Task) -> Task:
    """Return the task one step earlier: a day, hour, minute or second, or an interval.

    Raises ``NotImplementedError`` unless exactly one parameter is a date, a time or an interval.
    """
    earlier = {}
    for name, param in task.get_params():
        step = _step_back(param)
        if step is not None:
            earlier[name] = step(getattr(task, name))
    if not earlier:
        raise NotImplementedError("No task parameter - can't determine previous task")
    if len(earlier) > 1:
        raise NotImplementedError("Too many date-related task parameters - can't determine previous task")
    cloned: Task = task.clone(**earlier)
    return cloned


def _step_back(param: Any) -> Callable[[Any], Any] | None:
    for kind, unit in _UNITS:
        if isinstance(param, kind):
            return lambda value: value - unit
    if isinstance(param, parameter.DateIntervalParameter):
        return lambda value: value.prev()
    return None


def get_previous_completed(task: Task, max_steps: int = 10) -> Task | None:
    """Return the first complete task of the ``max_steps`` before this one, or ``None``."""
    earlier = task
    for _ in range(max_steps):
        earlier = previous(earlier)
        logger.debug("Checking if %s is complete", earlier)
        if earlier.complete():
            return earlier
    return None
