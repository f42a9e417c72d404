"""What a task finds around itself in a process that was not forked: taken up in the worker, laid out there.

A forked child inherits all of the worker's memory. A process of the pool imports the modules anew, and of
what the worker's process has made of them it gets what belongs to a run: configuration, command line,
environment, working directory, the levels of the loggers and the event handlers.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from luigi_clone._parameters import argv
from luigi_clone.configuration.generation import RESOLUTION
from luigi_clone.task import Task
from luigi_clone.task_register import Register

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("luigi-interface")

Send = Callable[[str, Any], None]
"""Takes a kind and what the worker should know; see :class:`~luigi_clone._task_processes.pool.Seat`."""

HandlerCounts = tuple[tuple[Any, Any, int], ...]


def _portable(thing: Any) -> bytes | None:
    try:
        return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)
    except Exception:  # pickling runs user code
        return None


# -- in the worker ------------------------------------------------


def take_up() -> dict[str, Any]:
    """Return what describes this process, as values that can be pickled."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    return {
        "environment": dict(os.environ),
        "directory": _directory(),
        "configurations": [part for part in map(_portable, _configurations()) if part is not None],
        "command_line": _portable(argv.active()),
        "levels": {
            each.name: (each.level, each.disabled) for each in loggers if isinstance(each, logging.Logger)
        },
        "disabled_level": logging.root.manager.disable,
    }


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - a plain text travels
    except OSError:  # it was deleted
        return None


def _configurations() -> Iterable[tuple[type, Any, list[Any]]]:
    module = sys.modules.get("luigi_clone.configuration.base_parser")
    if module is None:
        return
    kinds = list(module.BaseParser.__subclasses__())
    for kind in kinds:
        if kind._instance is not None:
            yield kind, kind._instance, kind._config_paths
        kinds.extend(kind.__subclasses__())


def count_handlers() -> HandlerCounts:
    """Return how many event handlers there are, to be compared later."""
    callbacks = Task._event_callbacks
    if not callbacks:
        return ()
    return tuple(
        (kind, event, len(each)) for kind, events in callbacks.items() for event, each in events.items()
    )


class Handlers:
    """The event handlers of this process; those that cannot travel are called here when their event comes."""

    def __init__(self) -> None:
        self._here: list[Callable[..., Any]] = []
        self.counts: HandlerCounts = ()
        self.portable: list[bytes] = []

    def take_up(self) -> None:
        """Look at what is registered now."""
        self.counts = count_handlers()
        self.portable = []
        for kind, events in list(Task._event_callbacks.items()):
            for event, callbacks in events.items():
                for callback in list(callbacks):
                    self._add(kind, event, callback)

    def _add(self, kind: Any, event: Any, callback: Callable[..., Any]) -> None:
        whole = _portable((kind, event, callback))
        if whole is None:
            # By its number in the list; numbers stay what they are, for processes that know them.
            if callback not in self._here:
                self._here.append(callback)
            whole = _portable((kind, event, self._here.index(callback)))
        if whole is not None:  # a class that cannot be imported has no tasks in the other process
            self.portable.append(whole)

    def call(self, number: int, event: Any, args: Any, kwargs: Any) -> None:
        """Call a handler for an event in the other process; what it raises is logged."""
        try:
            self._here[number](*args, **kwargs)
        except Exception:
            logger.exception("Error in event callback for %r", event)


def call_handler(handlers: Handlers, call: bytes, task: Task | None) -> None:
    """In the worker: call a handler for an event of ``task``, as the other process asks for."""
    try:
        number, event, args, kwargs = pickle.loads(call)  # noqa: S301 - written by our own child
    except Exception:  # unpickling runs user code
        logger.exception("An event of a task in another process cannot be read")
        return
    if task is not None:
        args = tuple(task if arg == task else arg for arg in args)
    handlers.call(number, event, args, kwargs)


# -- in the other process ------------------------------------------------


def lay_out(found: dict[str, Any], send: Send) -> None:
    """Make this process like the one that is described."""
    os.environ.clear()
    os.environ.update(found["environment"])
    if found["directory"] is not None:
        with contextlib.suppress(OSError):
            os.chdir(found["directory"])
    for part in found["configurations"]:
        kind, instance, paths = pickle.loads(part)  # noqa: S301 - written by our own parent
        kind._instance, kind._config_paths = instance, paths
    if found["command_line"] is not None:
        argv.activate(pickle.loads(found["command_line"]))  # noqa: S301
    RESOLUTION.bump()
    _log_through(found, send)
    rename_main()


def rename_main() -> None:
    """Let what the main script defines be called as in the worker's process, where it is ``__main__``.

    multiprocessing imports it under another name, under which the worker would look for what is required.
    """
    main = sys.modules.get("__mp_main__")
    if main is None:
        return
    defined = [*vars(main).values(), *Register._get_reg().values()]
    for thing in defined:
        if isinstance(thing, type) or callable(thing):
            with contextlib.suppress(Exception):
                if thing.__module__ == "__mp_main__":
                    thing.__module__ = "__main__"


class _Forwarding(logging.Handler):
    """Hands records to the worker, whose handlers know where they go."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send_record = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            values = {**record.__dict__, "msg": record.getMessage(), "args": None, "exc_info": None}
            if record.exc_info and not record.exc_text:
                values["exc_text"] = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            whole = _portable(values)
            if whole is None:  # something in ``extra``
                plain = (str, int, float, type(None))
                whole = pickle.dumps({k: v for k, v in values.items() if isinstance(v, plain)})
            self._send_record("log", whole)
        except Exception:  # a failure to log is reported, not raised: the rule of logging itself
            self.handleError(record)


def _log_through(found: dict[str, Any], send: Send) -> None:
    for each in [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]:
        if isinstance(each, logging.Logger):
            each.handlers.clear()
            each.propagate = True
    for name, (level, disabled) in found["levels"].items():
        each = logging.getLogger(name if name != "root" else None)
        each.setLevel(level)
        each.disabled = disabled
    logging.disable(found["disabled_level"])
    logging.getLogger().addHandler(_Forwarding(send))


def log_here(values: bytes) -> None:
    """In the worker: log a record that came from the other process."""
    record = logging.makeLogRecord(pickle.loads(values))  # noqa: S301 - written by our own child
    logging.getLogger(record.name if record.name != "root" else None).handle(record)


class _Elsewhere:
    """An event handler that lives in the worker's process."""

    def __init__(self, number: int, event: Any, send: Send) -> None:
        self._number = number
        self._event = event
        self._send_event = send

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        call = _portable((self._number, self._event, args, kwargs))
        if call is None:
            # Most likely an exception that cannot be pickled: its text goes.
            args = tuple(
                arg if _portable(arg) is not None else RuntimeError(f"{type(arg).__name__}: {arg}")
                for arg in args
            )
            call = pickle.dumps((self._number, self._event, args, {}))
        self._send_event("event", call)


def lay_out_handlers(portable: list[bytes], send: Send) -> None:
    """Register the handlers of the worker's process that are not registered here."""
    for kind_of_task in Task._event_callbacks.values():
        for callbacks in kind_of_task.values():
            callbacks.difference_update([each for each in callbacks if isinstance(each, _Elsewhere)])
    for whole in portable:
        try:
            kind, event, callback = pickle.loads(whole)  # noqa: S301 - written by our own parent
        except Exception:  # importing runs user code
            logger.warning("An event handler is not there in a process of the pool", exc_info=True)
            continue
        if isinstance(callback, int):
            callback = _Elsewhere(callback, event, send)
        Task._event_callbacks.setdefault(kind, {}).setdefault(event, set()).add(callback)
