"""What Datadog gets: an agent that listens here, and its interface for events, served here."""

from __future__ import annotations

import http.server
import importlib
import json
import logging
import queue
import socket
import sys
import threading

import luigi
import pytest
from luigi import metrics
from luigi.scheduler import Scheduler

datadog = pytest.importorskip("datadog")
# so that it is there again after a test has taken it away
importlib.import_module("luigi_clone.contrib.datadog_metric")


class Datadog:
    """The agent's socket and the web service."""

    def __init__(self):
        self.events = queue.Queue()
        self.agent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.agent.bind(("127.0.0.1", 0))
        self.agent.settimeout(20)
        self.open = threading.Event()
        self.open.set()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert service.open.wait(20)
                service.events.put((self.path, self.headers["DD-API-KEY"], body))
                self.send_response(202)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b'{"status": "ok"}')

            def log_message(self, *arguments):
                pass

        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.web.serve_forever, args=(0.01,))
        self.thread.start()

    def metrics(self, count):
        """Return the next metrics: (name, value and kind, tags)."""
        found = []
        while len(found) < count:
            for line in self.agent.recv(65000).decode().split():
                name, value, kind, tags = line.replace(":", "|", 1).split("|")
                if not name.startswith("datadog."):  # what the library tells of itself
                    found.append((name, value, kind, tags))
        return found

    def close(self):
        self.open.set()
        self.web.shutdown()
        self.thread.join()
        self.web.server_close()
        self.agent.close()


@pytest.fixture
def service(monkeypatch):
    one = Datadog()
    config = luigi.configuration.get_config()
    config.set("datadog", "statsd_host", "127.0.0.1")
    config.set("datadog", "statsd_port", str(one.agent.getsockname()[1]))
    config.set("datadog", "api_key", "key")
    config.set("datadog", "default_tags", "application:mine,team:x")
    config.set("datadog", "environment", "test")
    monkeypatch.setattr(datadog.api, "_api_host", f"http://127.0.0.1:{one.web.server_port}")
    monkeypatch.setenv("DATADOG_HOST", f"http://127.0.0.1:{one.web.server_port}")
    # what the library keeps for the process
    for name in ("_api_key", "_application_key"):
        monkeypatch.setattr(datadog.api, name, None)
    yield one
    one.close()


def scheduler(**options):
    return Scheduler(metrics_collector=metrics.MetricsCollectors.datadog, **options)


def test_metrics_and_events_of_each_kind(service):
    one = scheduler(retry_count=2)
    one.add_task(worker="w", task_id="A", family="F", params={"n": "1"})
    one.get_work(worker="w", host="h")
    one.add_task(worker="w", task_id="A", status="DONE")
    one.add_task(worker="w", task_id="B", family="F", params={"n": "2"})
    for _ in range(2):
        one.get_work(worker="w", host="h")
        one.add_task(worker="w", task_id="B", status="FAILED")
        one.forgive_failures("B")
    tags = "#task_name:F,n:{},environment:test,application:mine,team:x".format
    first, second, gauge, *others = service.metrics(7)
    assert first == ("luigi.task.started", "1", "c", tags(1))
    assert second == ("luigi.task.done", "1", "c", tags(1))
    assert (gauge[0], gauge[2], gauge[3]) == ("luigi.task.execution_time", "g", tags(1))
    assert 0 <= float(gauge[1]) < 60
    assert [(name, labels) for name, _, _, labels in others] == [
        ("luigi.task.started", tags(2)),
        ("luigi.task.failed", tags(2)),
        ("luigi.task.started", tags(2)),
        ("luigi.task.disabled", tags(2)),
    ]
    events = [service.events.get(timeout=20) for _ in range(6)]
    assert {(path, key) for path, key, _ in events} == {("/api/v1/events", "key")}
    told = [
        {name: body[name] for name in ("title", "text", "alert_type", "priority")} for _, _, body in events
    ]
    assert told[:2] == [
        {
            "title": "Luigi: A task has been started!",
            "text": "A task has been started in the pipeline named: F",
            "alert_type": "info",
            "priority": "low",
        },
        {
            "title": "Luigi: A task has been completed!",
            "text": "A task has completed in the pipeline named: F",
            "alert_type": "info",
            "priority": "low",
        },
    ]
    assert told[3] == {
        "title": "Luigi: A task has failed!",
        "text": "A task has failed in the pipeline named: F",
        "alert_type": "error",
        "priority": "normal",
    }
    assert told[5] == {
        "title": "Luigi: A task has been disabled!",
        "text": "A task has been disabled in the pipeline named: F. The task has failed 2 times in the last "
        "3600 seconds, so it is being disabled for 86400 seconds.",
        "alert_type": "error",
        "priority": "normal",
    }
    assert events[0][2]["tags"] == [
        "task_name:F",
        "n:1",
        "task_state:STARTED",
        "environment:test",
        "application:mine",
        "team:x",
    ]


def test_a_task_that_was_complete_sends_nothing(service):
    one = scheduler()
    one.add_task(worker="w", task_id="A", family="F", status="DONE")
    one.add_task(worker="w", task_id="B", family="F")
    one.get_work(worker="w", host="h")
    assert service.metrics(1)[0][0] == "luigi.task.started", "the first one sent"
    assert service.events.get(timeout=20)[2]["tags"][1] == "task_state:STARTED"


def test_no_call_waits_for_the_service_and_memory_is_bounded(service, caplog):
    service.open.clear()
    one = scheduler()
    one._metrics_collector._sender._events.maxsize = 5
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            one.add_task(worker="w", task_id=str(number), family="F")
            one.get_work(worker="w", host="h")
    assert caplog.text.count("Events for Datadog are given up: 5 wait already") == 1
    service.open.set()
    assert service.events.get(timeout=20)
    for _ in range(4):
        service.events.get(timeout=20)


def test_where_the_package_is_missing(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "datadog", None)
    monkeypatch.delitem(sys.modules, "luigi_clone.contrib.datadog_metric")
    importlib.import_module("luigi_clone.contrib.datadog_metric")

    assert "without datadog installed" in caplog.text
    with pytest.raises(ImportError, match=r"pip install 'luigi-clone\[datadog\]'"):
        scheduler()
