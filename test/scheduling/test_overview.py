"""What needs somebody and what goes on, and how long runs take."""

from __future__ import annotations

from typing import Any

from luigi_clone._scheduling.durations import quantile
from luigi_clone._scheduling.overview import short_name
from luigi_clone.scheduler import Scheduler
from test.scheduling.test_pages import Bench, bench

__all__ = ["bench"]


def test_counts(bench: Bench) -> None:
    told = bench.scheduler.overview()
    assert told["total"] == 14
    assert told["states"]["upfailed"] == 2
    assert told["groups"] == {"attention": 8, "moving": 2, "waiting": 3, "finished": 1}
    assert sum(told["states"].values()) == sum(told["tasks"].values()) == 14
    assert told["slots"] == {"busy": 1, "total": 1}
    assert told["rate"]["done"] == 1
    assert told["rate"]["failed"] == 1
    assert (told["now"], told["as_of"]) == (bench.now, bench.now)
    assert told["estimate"] > bench.now


def test_attention_ranks_by_what_is_held_back(bench: Bench) -> None:
    bench.add("Last", deps=["Far", "OnInput"])
    rows = bench.scheduler.overview()["attention"]
    assert [(row["family"], row["state"], row["holds_back"]) for row in rows] == [
        ("FailedFamily", "failed", 3),
        ("InputFamily", "missing", 2),
        ("", "unknown", 1),
        ("OffFamily", "disabled", 1),
    ]
    assert rows[0]["cause"] == "KeyError: 'x'"
    assert rows[0]["ids"] == ["Failed"]
    assert rows[0]["next"] == 1_000_060.0
    assert rows[0]["next_text"].startswith("retry at ")
    assert rows[1]["next_text"] == "external"


def test_families_and_durations(bench: Bench) -> None:
    bench.now += 30
    bench.scheduler.add_task(worker="X", task_id="Runs", status="DONE")
    families = {row["family"]: row for row in bench.scheduler.overview()["families"]}
    assert families["DoneFamily"]["p50"] == 10.0
    assert families["FailedFamily"]["p50"] is None
    assert families["FailedFamily"]["states"] == {"failed": 1}
    told = {row["family"]: row for row in bench.scheduler.family_durations()}
    assert told["RunsFamily"] == {
        "family": "RunsFamily",
        "attempts": 1,
        "failed": 0,
        **dict.fromkeys(("p25", "p50", "p75", "p95", "longest"), 40.0),
    }
    assert told["FailedFamily"]["failed"] == 1
    assert [row["family"] for row in bench.scheduler.family_durations(since=bench.now)] == ["RunsFamily"]
    assert bench.scheduler.family_durations(until=0) == []


def test_workers_and_resources() -> None:
    scheduler = Scheduler(resources={"db": 2, "free": 5}, worker_disconnect_delay=60.0)
    now = [1000.0]
    scheduler._clock = lambda: now[0]
    worker = "Worker(salt=1, host=etl-01, username=u, pid=24817)"
    scheduler.add_worker(worker, {"workers": 4})
    for task_id in ("A", "B", "C"):
        scheduler.add_task(worker=worker, task_id=task_id, resources={"db": 1})
    for _ in range(2):
        scheduler.get_work(worker=worker)
    told: dict[str, Any] = scheduler.overview()
    assert told["resources"] == [
        {"name": "db", "used": 2, "total": 2, "waiting": 1},
        {"name": "free", "used": 0, "total": 5, "waiting": 0},
    ]
    row = told["workers"][0]
    assert (row["name"], row["slots"], row["busy"], row["state"]) == ("etl-01 24817", 4, 2, "active")
    now[0] += 40
    assert scheduler.overview()["workers"][0]["state"] == "silent"
    scheduler.disable_worker(worker)
    assert scheduler.overview()["workers"][0]["state"] == "disabled"


def test_short_names_of_workers() -> None:
    assert short_name("mine") == "mine"
    assert short_name("Worker(host=a)") == "a"


def test_quantiles() -> None:
    assert quantile([4.0], 0.95) == 4.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([1.0, 2.0, 3.0], 1.0) == 3.0
