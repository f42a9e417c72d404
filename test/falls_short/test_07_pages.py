"""The server's pages of metrics and history, where Luigi's fall short (document 07)."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import luigi
import luigi.metrics
import luigi.server
import pytest
import tornado.httpserver
import tornado.netutil
from luigi.scheduler import Scheduler


def ask(scheduler: Scheduler, *paths: str) -> list[tuple[int, str]]:
    """Serve ``scheduler``, and return status and text of the answers."""

    def get(url: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    async def main() -> list[tuple[int, str]]:
        [socket] = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server = tornado.httpserver.HTTPServer(luigi.server.app(scheduler))
        server.add_sockets([socket])
        loop = asyncio.get_running_loop()
        base = f"http://127.0.0.1:{socket.getsockname()[1]}"
        answers = [await loop.run_in_executor(None, get, base + path) for path in paths]
        server.stop()
        await server.close_all_connections()
        return answers

    return asyncio.run(main())


@pytest.fixture
def scheduler(tmp_path: Path) -> Any:
    config = luigi.configuration.get_config()
    config.set("task_history", "db_connection", f"sqlite:///{tmp_path}/history.db")
    one = Scheduler(record_task_history=True)
    one.add_task(worker="w", task_id="A", family="F", params={"n": "1"})
    yield one
    one.dump()
    one.task_history.engine.dispose()


def test_07_19_metrics_tell_how_the_scheduler_stands() -> None:
    pytest.importorskip("prometheus_client")
    one = Scheduler(
        metrics_collector=luigi.metrics.MetricsCollectors.prometheus,
        resources={"gpu": 3},
    )
    one.add_task(worker="w", task_id="A", family="F", resources={"gpu": 1})
    one.add_task(worker="w", task_id="B", family="F", deps=["A"])
    one.get_work(worker="w", host="h")
    _, [status, text] = ask(one, "/api/ping?data=%7B%22worker%22:%22w%22%7D", "/metrics")
    assert status == 200
    for line in (
        'luigi_tasks{status="PENDING"} 1.0',
        'luigi_tasks{status="RUNNING"} 1.0',
        'luigi_workers{state="active"} 1.0',
        'luigi_resource_limit{resource="gpu"} 3.0',
        'luigi_resource_used{resource="gpu"} 1.0',
        "luigi_queue_latency_seconds_count 1.0",
        'luigi_rpc_duration_seconds_count{method="ping"} 1.0',
    ):
        assert line in text


@pytest.mark.parametrize("path", ["/history/by_id/99", "/history/by_id/x", "/history/by_task_id/nobody"])
def test_07_20_unknown_records_are_not_found_and_the_reason_is_told(scheduler: Scheduler, path: str) -> None:
    [[status, text]] = ask(scheduler, path)
    assert status == 404
    assert "history" in text


@pytest.mark.parametrize("path", ["/history", "/history/by_id/1", "/tasklist", "/tasklist/F"])
def test_07_20_links_work_behind_a_path_prefix(scheduler: Scheduler, path: str) -> None:
    [[status, text]] = ask(scheduler, path)
    assert status == 200
    links = re.findall(r'(?:href|src)="([^"]*)"', text)
    assert links
    for link in links:
        assert urljoin(f"http://host/prefix{path}", link).startswith("http://host/prefix/"), link
