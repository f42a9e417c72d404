"""What Prometheus reads at /metrics."""

from __future__ import annotations

import sys
import time

import luigi
import pytest
from luigi import metrics
from luigi.scheduler import Scheduler

from luigi_clone.contrib.prometheus_metric import PrometheusMetricsCollector
from test.served import Served

pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families


def scheduler(**options):
    return Scheduler(metrics_collector=metrics.MetricsCollectors.prometheus, **options)


def samples(text):
    """Return (name, values of the labels in the order of their names) → value."""
    text = text.decode() if isinstance(text, bytes) else text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def latest(of):
    return samples(of._metrics_collector.generate_latest())


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, "time", lambda: Clock.now)
    return Clock


def test_counts_and_times_of_runs(clock):
    one = scheduler(retry_count=2)
    for number in range(2):
        one.add_task(worker="w", task_id=f"T{number}", family="F")
    one.get_work(worker="w", host="h")
    assert latest(one)["luigi_task_execution_time_seconds", "F"] == 0, "a run has begun"
    clock.now += 7
    one.add_task(worker="w", task_id="T0", status="DONE")
    assert latest(one)["luigi_task_execution_time_seconds", "F"] == 7
    for _ in range(2):
        one.add_task(worker="w", task_id="T1", family="F")
        assert one.get_work(worker="w", host="h")["task_id"] == "T1"
        clock.now += 3
        one.add_task(worker="w", task_id="T1", status="FAILED")
        one.forgive_failures("T1")
    now = latest(one)
    assert now["luigi_task_execution_time_seconds", "F"] == 3
    events = ("started", "done", "failed", "disabled")
    assert [now[f"luigi_task_{event}_total", "F"] for event in events] == [3, 1, 1, 1]


def test_tasks_that_end_without_having_run():
    one = scheduler()
    for status in ("DONE", "FAILED", "DISABLED"):
        one.add_task(worker="w", task_id=status, family="F", status=status)
    now = latest(one)
    for event in ("done", "failed", "disabled"):
        assert now[f"luigi_task_{event}_total", "F"] == 1
    assert ("luigi_task_execution_time_seconds", "F") not in now


def test_labels():
    config = luigi.configuration.get_config()
    config.set("prometheus", "task_parameters_to_use_in_labels", '["n", "missing"]')
    one = scheduler()
    one.add_task(worker="w", task_id="T", family="F", params={"n": "1"}, status="DONE")
    text = one._metrics_collector.generate_latest().decode()
    assert 'luigi_task_done_total{family="F",missing="None",n="1"} 1.0' in text
    assert one._metrics_collector.labels == ["n", "missing", "family"]
    config.set("prometheus", "use_task_family_in_labels", "false")
    assert PrometheusMetricsCollector().labels == ["n", "missing"]
    config.set("prometheus", "task_parameters_to_use_in_labels", "[]")
    with pytest.raises(ValueError, match="Prometheus labels cannot be empty"):
        PrometheusMetricsCollector()


def test_the_help_of_the_counters():
    text = scheduler()._metrics_collector.generate_latest().decode()
    for event in ("started", "failed", "disabled", "done"):
        assert f"# HELP luigi_task_{event}_total number of {event} luigi tasks\n" in text
    assert "# HELP luigi_task_execution_time_seconds luigi task execution time in seconds\n" in text


def test_how_the_scheduler_stands():
    one = scheduler(resources={"gpu": 3, "disk": 5})
    for number in range(3):
        one.add_task(worker="w", task_id=f"T{number}", family="F", resources={"gpu": 2, "unnamed": 1})
    one.add_task(worker="w", task_id="D", status="DONE")
    one.add_worker("v", [])
    one.disable_worker("v")
    one.get_work(worker="w", host="h")
    now = latest(one)
    tasks = {labels[1]: int(value) for labels, value in now.items() if labels[0] == "luigi_tasks"}
    assert {status: count for status, count in tasks.items() if count} == {
        "PENDING": 2,
        "RUNNING": 1,
        "DONE": 1,
    }
    assert len(tasks) == 7
    assert (now["luigi_workers", "active"], now["luigi_workers", "disabled"]) == (1, 1)
    assert (now["luigi_resource_limit", "gpu"], now["luigi_resource_used", "gpu"]) == (3, 2)
    assert (now["luigi_resource_limit", "disk"], now["luigi_resource_used", "disk"]) == (5, 0)
    assert ("luigi_resource_used", "unnamed") not in now, "a resource per task would be a series per task"
    assert now["luigi_paused",] == 0
    one.pause()
    assert latest(one)["luigi_paused",] == 1


def test_a_scrape_looks_at_no_task():
    class Untouchable(dict):
        def __iter__(self):
            raise AssertionError("it looked at the tasks")

        keys = values = items = __iter__

    one = scheduler()
    for number in range(20):
        one.add_task(worker="w", task_id=str(number), resources={f"mutex {number}": 1})
    machine = one._machine
    machine.tasks = Untouchable(machine.tasks)
    machine.by_status = {status: Untouchable(tasks) for status, tasks in machine.by_status.items()}
    machine.index.resources = Untouchable(machine.index.resources)
    assert latest(one)["luigi_tasks", "PENDING"] == 20


def test_how_long_tasks_wait_for_a_worker(clock):
    one = scheduler()
    one.add_task(worker="w", task_id="child", family="F")
    one.add_task(worker="w", task_id="parent", family="F", deps=["child"])
    clock.now += 2
    assert one.get_work(worker="w", host="h")["task_id"] == "child"  # waited for 2 s
    clock.now += 100
    one.add_task(worker="w", task_id="child", status="DONE")
    clock.now += 20
    assert one.get_work(worker="w", host="h")["task_id"] == "parent"  # could not run before: 20 s
    assert one.get_work(worker="w", host="h", current_tasks=[])["task_id"] == "parent"  # the same once more
    now = latest(one)
    assert (now["luigi_queue_latency_seconds_count",], now["luigi_queue_latency_seconds_sum",]) == (2, 22)
    assert (
        now["luigi_queue_latency_seconds_bucket", "1.0"],
        now["luigi_queue_latency_seconds_bucket", "5.0"],
        now["luigi_queue_latency_seconds_bucket", "60.0"],
        now["luigi_queue_latency_seconds_bucket", "+Inf"],
    ) == (0, 1, 2, 2)


def test_members_of_a_batch_wait_too(clock):
    one = scheduler()
    one.add_task_batcher(worker="w", task_family="F", batched_args=["n"])
    for number in range(3):
        one.add_task(worker="w", task_id=str(number), family="F", params={"n": str(number)}, batchable=True)
    clock.now += 5
    assert len(one.get_work(worker="w", host="h")["batch_task_ids"]) == 3
    now = latest(one)
    assert (now["luigi_queue_latency_seconds_count",], now["luigi_queue_latency_seconds_sum",]) == (3, 15)


def test_the_page_and_how_long_calls_take():
    with Served(scheduler()) as served:
        for _ in range(3):
            assert served.ask("/api/ping?data=%7B%22worker%22:%22w%22%7D")[0] == 200
        assert served.ask("/api/no_such_call")[0] == 404
        status, headers, text = served.ask("/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    now = samples(text)
    assert now["luigi_rpc_duration_seconds_count", "ping"] == 3
    assert 0 < now["luigi_rpc_duration_seconds_sum", "ping"] < 60
    assert now["luigi_rpc_duration_seconds_bucket", "+Inf", "ping"] == 3
    assert not any("no_such_call" in labels for labels in now)


def test_without_a_collector_the_page_is_empty():
    with Served(Scheduler()) as served:
        status, headers, text = served.ask("/metrics")
    assert (status, text) == (200, "")
    assert headers["Content-Type"].startswith("text/html")


def test_an_error_of_a_collector_is_logged(caplog):
    class Broken(metrics.NoMetricsCollector):
        def observe_queue_latency(self, task, seconds):
            raise ZeroDivisionError

    one = Scheduler()
    one._metrics_collector = Broken()
    one._machine.wants_metrics = True
    one.add_task(worker="w", task_id="T")
    assert one.get_work(worker="w", host="h")["task_id"] == "T"
    assert "Error in metrics collector for task 'T'" in caplog.text


def test_where_the_package_is_missing(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "prometheus_client"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "luigi_clone.contrib.prometheus_metric")
    import luigi_clone.contrib.prometheus_metric  # importing works  # noqa: F401

    with pytest.raises(ImportError, match=r"pip install 'luigi-clone\[prometheus\]'"):
        scheduler()
