"""Counts, times and gauges for Prometheus, which reads them at ``/metrics``.

Section ``[prometheus]``: ``task_parameters_to_use_in_labels`` and ``use_task_family_in_labels`` choose the
labels of the series about tasks. Needs ``prometheus-client``: ``pip install 'luigi-clone[prometheus]'``.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

from luigi_clone import parameter
from luigi_clone.metrics import Gauges, MetricsCollector
from luigi_clone.task import Config

with contextlib.suppress(ModuleNotFoundError):  # importing always works; see the collector
    import prometheus_client
    import prometheus_client.core

__all__ = ["PrometheusMetricsCollector", "prometheus"]

_RPC_BOUNDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    10.0,
)
_WAIT_BOUNDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""Upper bounds in seconds."""


class prometheus(Config):  # noqa: N801 - named after its section
    """Options of ``[prometheus]``."""

    use_task_family_in_labels = parameter.BoolParameter(
        default=True,
        parsing=parameter.BoolParameter.EXPLICIT_PARSING,
        description="give the series about tasks the label family",
    )
    task_parameters_to_use_in_labels = parameter.ListParameter(
        default=(), description="parameters of tasks that become labels"
    )


class PrometheusMetricsCollector(MetricsCollector):
    """Keeps the series in a registry of its own.

    Raises ValueError without any label, and ModuleNotFoundError without ``prometheus-client``.
    """

    def __init__(self) -> None:
        client = _client()
        options = prometheus()
        self._parameters = list(options.task_parameters_to_use_in_labels)
        self._with_family: bool = options.use_task_family_in_labels
        self.labels = [*self._parameters, *(["family"] if self._with_family else [])]
        if not self.labels:
            raise ValueError("Prometheus labels cannot be empty (see prometheus configuration)")
        self.registry = client.CollectorRegistry()

        def counter(event: str) -> Any:
            name, text = f"luigi_task_{event}_total", f"number of {event} luigi tasks"
            return client.Counter(name, text, self.labels, registry=self.registry)

        self.task_started_counter = counter("started")
        self.task_failed_counter = counter("failed")
        self.task_disabled_counter = counter("disabled")
        self.task_done_counter = counter("done")
        self.task_execution_time = client.Gauge(
            "luigi_task_execution_time_seconds",
            "luigi task execution time in seconds",
            self.labels,
            registry=self.registry,
        )
        self._state = _State()
        self.registry.register(self._state)

    def _labels_of(self, task: Any) -> dict[str, str]:
        params = task.params
        labels = {name: params.get(name) for name in self._parameters}
        if self._with_family:
            labels["family"] = task.family
        return labels

    # ---- tasks

    def handle_task_started(self, task: Any) -> None:
        """Count a run that begins."""
        labels = self._labels_of(task)
        self.task_started_counter.labels(**labels).inc()
        self.task_execution_time.labels(**labels)

    def handle_task_failed(self, task: Any) -> None:
        """Count a task that has become FAILED."""
        self._count_end(self.task_failed_counter, task)

    def handle_task_disabled(self, task: Any, config: Any) -> None:
        """Count a task that has become DISABLED."""
        self._count_end(self.task_disabled_counter, task)

    def handle_task_done(self, task: Any) -> None:
        """Count a task that has become DONE."""
        self._count_end(self.task_done_counter, task)

    def _count_end(self, counter: Any, task: Any) -> None:
        labels = self._labels_of(task)
        counter.labels(**labels).inc()
        # it may have ended without having run: complete from the start, or impossible to schedule
        if task.time_running is not None:
            self.task_execution_time.labels(**labels).set(task.updated - task.time_running)

    # ---- the scheduler and the server

    def watch(self, read: Callable[[], Gauges]) -> None:
        """Read gauges of the scheduler from ``read`` at each scrape."""
        self._state.read = read

    def observe_queue_latency(self, task: Any, seconds: float) -> None:
        """Take in how long a task waited from when it could run until it was given to a worker."""
        self._state.waits.observe(seconds)

    def observe_rpc(self, method: str, seconds: float) -> None:
        """Take in how long the scheduler worked at a call that came to the server."""
        durations = self._state.calls.get(method)
        if durations is None:
            durations = self._state.calls[method] = _Distribution(_RPC_BOUNDS)
        durations.observe(seconds)

    # ---- the page

    def generate_latest(self) -> bytes:
        """Return all series as Prometheus reads them."""
        text: bytes = _client().generate_latest(self.registry)
        return text

    def configure_http_handler(self, http_handler: Any) -> None:
        """Set the content type."""
        http_handler.set_header("Content-Type", _client().CONTENT_TYPE_LATEST)


class _Distribution:
    """How many values lie below each bound; quicker than the library's, which counts for many threads."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return upper bound → number of values up to it, as the library wants them."""
        found: list[tuple[str, float]] = []
        count = 0
        for bound, more in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            count += more
            found.append((bound, count))
        return found


class _State:
    """Says at each scrape how the scheduler stands, how long tasks waited and how long calls took."""

    def __init__(self) -> None:
        self.read: Callable[[], Gauges] | None = None
        self.waits = _Distribution(_WAIT_BOUNDS)
        self.calls: dict[str, _Distribution] = {}

    def collect(self) -> Iterator[Any]:
        core = prometheus_client.core
        if self.read is not None:
            yield from _gauges(self.read())
        yield core.HistogramMetricFamily(
            "luigi_queue_latency_seconds",
            "time from when a task could run until it was given to a worker",
            self.waits.buckets(),
            self.waits.total,
        )
        calls = core.HistogramMetricFamily(
            "luigi_rpc_duration_seconds", "time that the scheduler worked at a call", labels=["method"]
        )
        for method, durations in sorted(self.calls.items()):
            calls.add_metric([method], durations.buckets(), durations.total)
        yield calls


def _gauges(now: Gauges) -> Iterator[Any]:
    core = prometheus_client.core
    tasks = core.GaugeMetricFamily("luigi_tasks", "number of tasks", labels=["status"])
    for status, count in now.tasks.items():
        tasks.add_metric([status], count)
    workers = core.GaugeMetricFamily("luigi_workers", "number of workers", labels=["state"])
    for state, count in now.workers.items():
        workers.add_metric([state], count)
    limits = core.GaugeMetricFamily("luigi_resource_limit", "how much there is", labels=["resource"])
    used = core.GaugeMetricFamily("luigi_resource_used", "how much running tasks hold", labels=["resource"])
    for name, (limit, amount) in now.resources.items():
        limits.add_metric([name], limit)
        used.add_metric([name], amount)
    paused = core.GaugeMetricFamily("luigi_paused", "1 while no work is given out", float(now.paused))
    yield from (tasks, workers, limits, used, paused)


def _client() -> Any:
    try:
        return prometheus_client
    except NameError:
        raise ModuleNotFoundError(
            "the metrics for Prometheus need prometheus-client: pip install 'luigi-clone[prometheus]'",
            name="prometheus_client",
        ) from None
