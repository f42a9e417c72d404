"""Where the scheduler sends counts and times of task runs."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from enum import Enum
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["Gauges", "MetricsCollector", "MetricsCollectors", "NoMetricsCollector"]


class Gauges(NamedTuple):
    """How a scheduler stands at a moment."""

    tasks: Mapping[str, int]
    """Status → number of tasks."""
    workers: Mapping[str, int]
    """``active`` and ``disabled`` → number of workers."""
    resources: Mapping[str, tuple[float, float]]
    """Name of a configured resource → how much there is of it and how much is used."""
    paused: bool


class MetricsCollectors(Enum):
    """Values of ``[scheduler] metrics_collector``."""

    custom = -1
    default = 1
    none = 1  # noqa: PIE796 - the same as default
    datadog = 2
    prometheus = 3

    @classmethod
    def get(cls, which: MetricsCollectors, custom_import: str | None = None) -> MetricsCollector:
        """Return a new collector; ``custom_import`` is the dotted name of the class for ``custom``.

        Raises ValueError if ``custom_import`` is missing or names no subclass of MetricsCollector, and
        ImportError if the collector's module is not installed.
        """
        if which is MetricsCollectors.none:
            return NoMetricsCollector()
        if which is MetricsCollectors.datadog:
            return _built_in("datadog_metric", "DatadogMetricsCollector")
        if which is MetricsCollectors.prometheus:
            return _built_in("prometheus_metric", "PrometheusMetricsCollector")
        if which is MetricsCollectors.custom:
            return _custom(custom_import)
        raise ValueError(f"Unknown metrics collector {which!r}")


def _built_in(module: str, name: str) -> MetricsCollector:
    dotted = f"luigi_clone.contrib.{module}"
    try:
        collector: MetricsCollector = getattr(import_module(dotted), name)()
    except ModuleNotFoundError as error:
        raise ImportError(
            f"[scheduler] metrics_collector asks for {dotted}.{name}, which cannot be imported: {error}"
        ) from error
    return collector


def _custom(dotted: str | None) -> MetricsCollector:
    if not dotted:
        raise ValueError("[scheduler] metrics_collector=custom needs a class name in metrics_custom_import")
    module, _, name = dotted.rpartition(".")
    if not module:
        raise ValueError(f"[scheduler] metrics_custom_import must be module.Class, not {dotted!r}")
    found = getattr(import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, MetricsCollector)):
        raise ValueError(  # what is wrong is the configuration
            f"[scheduler] metrics_custom_import: {dotted} is not a subclass of MetricsCollector"
        )
    return found()


class MetricsCollector(abc.ABC):
    """Interface of a collector. ``task`` is the scheduler's record, as it is after the event."""

    @abc.abstractmethod
    def __init__(self) -> None:
        pass

    @abc.abstractmethod
    def handle_task_started(self, task: Any) -> None:
        """Count a run that begins."""

    @abc.abstractmethod
    def handle_task_failed(self, task: Any) -> None:
        """Count a task that has become FAILED."""

    @abc.abstractmethod
    def handle_task_disabled(self, task: Any, config: Any) -> None:
        """Count a task that has become DISABLED; ``config`` holds the options of ``[scheduler]``."""

    @abc.abstractmethod
    def handle_task_done(self, task: Any) -> None:
        """Count a task that has become DONE."""

    def handle_task_statistics(self, task: Any, statistics: Any) -> None:  # noqa: B027 - optional
        """Take in what the task tells of its own run."""

    def watch(self, read: Callable[[], Gauges]) -> None:  # noqa: B027 - optional
        """Take the function that tells how the scheduler stands; it is quick however many tasks there are."""

    def observe_queue_latency(self, task: Any, seconds: float) -> None:  # noqa: B027 - optional
        """Take in how long a task waited from when it could run until it was given to a worker."""

    def observe_rpc(self, method: str, seconds: float) -> None:  # noqa: B027 - optional
        """Take in how long the scheduler worked at a call that came to the server."""

    def generate_latest(self) -> Any:
        """Return the body of the answer to ``/metrics``; None is an empty one."""
        return None

    def configure_http_handler(self, http_handler: Any) -> None:  # noqa: B027 - optional
        """Set headers of the answer to ``/metrics``."""


class NoMetricsCollector(MetricsCollector):
    """The collector that does nothing."""

    def __init__(self) -> None:
        pass

    def handle_task_started(self, task: Any) -> None:
        """Do nothing."""

    def handle_task_failed(self, task: Any) -> None:
        """Do nothing."""

    def handle_task_disabled(self, task: Any, config: Any) -> None:
        """Do nothing."""

    def handle_task_done(self, task: Any) -> None:
        """Do nothing."""
