"""Counts, times and events for Datadog: metrics through its agent (DogStatsD), events through its interface.

Section ``[datadog]`` has the keys, tags and the agent's place. Needs ``datadog``: ``pip install
'luigi-clone[datadog]'``.
"""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from luigi_clone import parameter
from luigi_clone.metrics import MetricsCollector
from luigi_clone.task import Config

logger = logging.getLogger("luigi-interface")

try:
    import datadog as _datadog
except ModuleNotFoundError:
    logger.warning(
        "Loading datadog module without datadog installed. Will crash at runtime if datadog functionality "
        "is used: pip install 'luigi-clone[datadog]'"
    )

__all__ = ["DatadogMetricsCollector", "datadog"]

_PATIENCE = 5.0


class datadog(Config):  # noqa: N801 - named after its section
    """Options of ``[datadog]``."""

    api_key = parameter.Parameter(default="dummy_api_key", description="key of the account")
    app_key = parameter.Parameter(default="dummy_app_key", description="key of the application")
    default_tags = parameter.Parameter(
        default="application:luigi", description="tags of all metrics and events, with commas between"
    )
    environment = parameter.Parameter(default="development", description="value of the tag environment")
    metric_namespace = parameter.Parameter(default="luigi", description="how the names of metrics begin")
    statsd_host = parameter.Parameter(default="localhost", description="where the agent is")
    statsd_port = parameter.IntParameter(default=8125, description="the agent's port")


class DatadogMetricsCollector(MetricsCollector):
    """Sends a count and an event for each change of a task, and the time of each run.

    Events travel by HTTP, so they are sent beside the scheduler's work. Raises ModuleNotFoundError without
    ``datadog``.
    """

    def __init__(self) -> None:
        self._config = options = datadog()
        client = _client()
        client.initialize(
            api_key=options.api_key,
            app_key=options.app_key,
            statsd_host=options.statsd_host,
            statsd_port=options.statsd_port,
        )
        self._client = client
        self._sender = _Sender()

    def handle_task_started(self, task: Any) -> None:
        """Tell that a run begins."""
        self._count("started", task)
        self._tell(
            "started", task, f"A task has been started in the pipeline named: {task.family}", urgent=False
        )

    def handle_task_failed(self, task: Any) -> None:
        """Tell that a task has become FAILED."""
        self._count("failed", task)
        self._tell("failed", task, f"A task has failed in the pipeline named: {task.family}", urgent=True)

    def handle_task_disabled(self, task: Any, config: Any) -> None:
        """Tell that a task has become DISABLED, with the scheduler's own limits."""
        text = (
            f"A task has been disabled in the pipeline named: {task.family}. The task has failed "
            f"{config.retry_count} times in the last {config.disable_window} seconds, so it is being "
            f"disabled for {config.disable_persist} seconds."
        )
        self._count("disabled", task)
        self._tell("disabled", task, text, urgent=True)

    def handle_task_done(self, task: Any) -> None:
        """Tell that a task is DONE, unless it was complete before it ran."""
        if task.time_running is None:
            return
        self._count("done", task)
        statsd, name = self._client.statsd, f"{self._config.metric_namespace}.task.execution_time"
        statsd.gauge(name, task.updated - task.time_running, tags=self._tags(task))
        self._tell("done", task, f"A task has completed in the pipeline named: {task.family}", urgent=False)

    def _tags(self, task: Any, *more: str) -> list[str]:
        options = self._config
        own = [f"{name}:{value}" for name, value in task.params.items()]
        general = [tag for tag in (options.default_tags or "").split(",") if tag]
        return [f"task_name:{task.family}", *own, *more, f"environment:{options.environment}", *general]

    def _count(self, event: str, task: Any) -> None:
        name = f"{self._config.metric_namespace}.task.{event}"
        self._client.statsd.increment(name, tags=self._tags(task))

    def _tell(self, event: str, task: Any, text: str, *, urgent: bool) -> None:
        what = {"failed": "has failed", "done": "has been completed"}.get(event, f"has been {event}")
        self._sender.send(
            self._client,
            title=f"Luigi: A task {what}!",
            text=text,
            tags=self._tags(task, f"task_state:{event.upper()}"),
            alert_type="error" if urgent else "info",
            priority="normal" if urgent else "low",
        )


class _Sender:
    """Sends events one after the other, in a thread of its own; those beyond ``limit`` are given up."""

    def __init__(self, limit: int = 1000) -> None:
        self._events: queue.Queue[Callable[[], object]] = queue.Queue(limit)
        self._thread: threading.Thread | None = None
        self._is_full = False

    def send(self, client: Any, **event: Any) -> None:
        """Have an event sent, and return at once."""
        try:
            self._events.put_nowait(functools.partial(client.api.Event.create, **event))
            self._is_full = False
        except queue.Full:
            if not self._is_full:
                logger.warning("Events for Datadog are given up: %d wait already", self._events.maxsize)
            self._is_full = True
        if self._thread is None:
            self._thread = threading.Thread(target=_send_all, args=(self._events,), daemon=True)
            self._thread.start()
            weakref.finalize(self, _wait_for, self._events)


def _send_all(events: queue.Queue[Callable[[], object]]) -> None:
    while True:
        send = events.get()
        try:
            send()
        except Exception:  # the library raises what its HTTP client raises
            logger.warning("Could not send an event to Datadog", exc_info=True)
        finally:
            events.task_done()


def _wait_for(events: queue.Queue[Callable[[], object]]) -> None:
    """Give the events that wait a few seconds, at the end of the process."""
    end = time.monotonic() + _PATIENCE
    with events.all_tasks_done:
        while events.unfinished_tasks and time.monotonic() < end:
            events.all_tasks_done.wait(end - time.monotonic())


def _client() -> Any:
    try:
        return _datadog
    except NameError:
        raise ModuleNotFoundError(
            "the metrics for Datadog need datadog: pip install 'luigi-clone[datadog]'", name="datadog"
        ) from None
