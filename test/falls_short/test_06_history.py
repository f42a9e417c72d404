"""What the history of tasks and the metrics do better than Luigi's (document 06)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import luigi
import luigi.metrics
import pytest
from luigi.scheduler import Scheduler


@pytest.fixture
def scheduler_with_history() -> Iterator[Callable[[Path], Scheduler]]:
    """Return a maker of schedulers as new processes would have them."""
    made = []

    def make(path: Path) -> Scheduler:
        luigi.configuration.get_config().set("task_history", "db_connection", f"sqlite:///{path}")
        made.append(Scheduler(record_task_history=True))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.dump()
        scheduler.task_history.engine.dispose()


def rows(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_06_24_a_restart_continues_the_record_of_a_task(tmp_path: Path, scheduler_with_history: Any) -> None:
    path = tmp_path / "history.db"
    for _ in range(2):
        scheduler = scheduler_with_history(path)
        scheduler.add_task(worker="w", task_id="A", family="F", params={"n": "1"})
        assert scheduler.task_history.find_task_by_task_id("A").task_id == "A"  # which waits for the writing
    assert rows(path, "SELECT task_id FROM tasks") == [("A",)]
    assert rows(path, "SELECT count(*), count(DISTINCT task_id) FROM task_events") == [(2, 1)]


def test_06_24_no_call_waits_for_the_database(tmp_path: Path, scheduler_with_history: Any) -> None:
    path = tmp_path / "history.db"
    scheduler = scheduler_with_history(path)
    somebody = sqlite3.connect(path, isolation_level=None)
    somebody.execute("BEGIN EXCLUSIVE")
    try:
        begun = time.monotonic()
        for number in range(5):
            scheduler.add_task(worker="w", task_id=str(number), family="F")
        took = time.monotonic() - begun
    finally:
        somebody.execute("ROLLBACK")
        somebody.close()
    assert took < 1, "a locked database is waited for five seconds by default"
    assert len(list(scheduler.task_history.find_all_by_name("F"))) == 5, "nothing is lost"


def test_06_14_prometheus_counts_tasks_that_never_ran() -> None:
    pytest.importorskip("prometheus_client")
    scheduler = Scheduler(metrics_collector=luigi.metrics.MetricsCollectors.prometheus)
    for status in ("FAILED", "DISABLED"):
        scheduler.add_task(worker="w", task_id=status, family="F", status=status)
    text = scheduler._metrics_collector.generate_latest().decode()
    assert 'luigi_task_failed_total{family="F"} 1.0' in text
    assert 'luigi_task_disabled_total{family="F"} 1.0' in text
