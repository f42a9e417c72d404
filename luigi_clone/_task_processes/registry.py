"""Which factory makes the task processes: ``[worker] executor``.

A factory is called like :class:`~luigi_clone._task_processes.process.ContextManagedTaskProcess` and returns
an object with ``task``, ``status_reporter``, ``use_multiprocessing``, ``worker_timeout``, ``timeout_time``,
``exitcode``, ``start()``, ``run()``, ``is_alive()`` and ``terminate()``. It puts one result tuple on the
queue it was given. An object that has a ``sentinel`` (something with a file descriptor that becomes readable
at the end of the process) is noticed at once when it ends, any other is looked at every ``wait_interval``
seconds.

A factory that has an attribute ``for_worker`` is opened once for each worker: ``for_worker(options,
results)``, with the worker's options and its result queue, returns what is called for each task; its
``close()`` is called when the worker is left.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from luigi_clone._task_processes.process import ContextManagedTaskProcess

Factory = Callable[..., Any]

ENTRY_POINT_GROUP = "luigi_clone.executors"


class InProcess(ContextManagedTaskProcess):
    """Runs every task in the worker's own process; a timeout cannot be enforced there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_multiprocessing = False


def _forked(*args: Any, **kwargs: Any) -> ContextManagedTaskProcess:
    """Run every task in a child."""
    return ContextManagedTaskProcess(*args, **{**kwargs, "use_multiprocessing": True})


def _pooled(*_: Any, **__: Any) -> ContextManagedTaskProcess:
    """Run every task in a process of the worker's pool."""
    raise TypeError("a pool belongs to a worker: see for_worker")


def _open_pool(options: Any, results: Any) -> Factory:
    from luigi_clone._task_processes.pool import open_pool

    return open_pool(options, results)


_pooled.for_worker = _open_pool  # type: ignore[attr-defined]


def _on_dask(*_: Any, **__: Any) -> ContextManagedTaskProcess:
    """Run every task on a Dask cluster."""
    raise TypeError("a connection to a cluster belongs to a worker: see for_worker")


def _open_dask(options: Any, results: Any) -> Factory:
    import importlib

    factory: Factory = importlib.import_module("luigi_clone.contrib.dask").open_engine(options, results)
    return factory


_on_dask.for_worker = _open_dask  # type: ignore[attr-defined]

_BUILT_IN: dict[str, Factory] = {
    "auto": ContextManagedTaskProcess,
    "dask": _on_dask,
    "in-process": InProcess,
    "pool": _pooled,
    "process": _forked,
}


@functools.cache
def find_factory(name: str) -> Factory:
    """Return the factory of this name: a built-in one, an entry point, or a dotted name.

    Raises ``ValueError`` when there is none.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    from importlib import metadata

    for entry_point in metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        factory: Factory = entry_point.load()
        return factory
    module_name, _, attribute = name.rpartition(".")
    if not module_name:
        raise ValueError(
            f"[worker] executor: there is no {name!r}; known are {', '.join(sorted(_BUILT_IN))}, the entry"
            f" points of the group {ENTRY_POINT_GROUP!r}, and dotted names like package.module.Class"
        )
    import importlib

    try:
        found: Factory = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"[worker] executor: cannot import {name!r}: {error}") from error
    return found
