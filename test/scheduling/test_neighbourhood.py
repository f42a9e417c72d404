"""Graphs of what a task needs, and what the search field finds."""

from __future__ import annotations

from typing import Any

import pytest

from luigi_clone._wire.tickets import RefusedError
from luigi_clone.scheduler import Scheduler
from test.scheduling.test_pages import Bench, bench

__all__ = ["bench"]


def names(graph: dict[str, Any]) -> list[str]:
    return [node["id"] for node in graph["nodes"]]


def test_what_a_task_needs(bench: Bench) -> None:
    graph = bench.scheduler.task_graph("Far")
    assert names(graph) == ["Far", "OnFailed", "OnRuns", "Failed", "Runs"]
    assert sorted(graph["edges"]) == [
        ["Failed", "OnFailed"],
        ["OnFailed", "Far"],
        ["OnRuns", "Far"],
        ["Runs", "OnFailed"],
        ["Runs", "OnRuns"],
    ]
    assert (graph["root"], graph["total_tasks"], graph["truncated"], graph["fold"]) == (
        "Far",
        5,
        False,
        "none",
    )
    node = next(one for one in graph["nodes"] if one["id"] == "Failed")
    assert (node["kind"], node["state"], node["label"], node["n"]) == ("task", "failed", "FailedFamily 1", 1)
    assert graph["critical"] == ["Failed", "OnFailed", "Far"]


def test_what_needs_a_task(bench: Bench) -> None:
    graph = bench.scheduler.task_graph("Runs", "needed_by")
    assert set(names(graph)) == {"Runs", "OnFailed", "OnRuns", "Far"}
    assert ["Runs", "OnRuns"] in graph["edges"]


def test_done_tasks_may_be_left_out(bench: Bench) -> None:
    bench.add("Last", deps=["Done", "Ready"])
    graph = bench.scheduler.task_graph("Last", include_done=False)
    assert names(graph) == ["Last", "Ready"]
    assert graph["nodes"][0]["hidden"] == 1


def test_limit(bench: Bench) -> None:
    graph = bench.scheduler.task_graph("Far", limit=2)
    assert names(graph) == ["Far", "OnFailed"]
    assert graph["truncated"] is True
    assert [node["hidden"] for node in graph["nodes"]] == [1, 2]


def wide(scheduler: Scheduler, number: int) -> None:
    for each in range(number):
        scheduler.add_task(worker="X", task_id=f"L{each}", family="Leaf")
        scheduler.add_task(worker="X", task_id=f"M{each}", family="Middle", deps=[f"L{each}"])
    scheduler.add_task(
        worker="X", task_id="Root", family="Root", deps=[*(f"M{each}" for each in range(number)), "L0"]
    )


def test_many_tasks_are_folded() -> None:
    scheduler = Scheduler()
    wide(scheduler, 100)
    graph = scheduler.task_graph("Root")
    assert (graph["fold"], graph["total_tasks"]) == ("family", 201)
    assert [(node["kind"], node["family"], node["n"]) for node in graph["nodes"]] == [
        ("task", "Root", 1),
        ("group", "Middle", 100),
        ("group", "Leaf", 100),
    ]
    root, middle, leaf = names(graph)
    assert sorted(graph["edges"]) == sorted([[middle, root], [leaf, root], [leaf, middle]])
    assert graph["nodes"][1]["states"] == {"pending": 100}
    whole = scheduler.task_graph("Root", fold="none")
    assert len(whole["nodes"]) == 201
    assert len(whole["edges"]) == 201


def test_a_folded_node_is_unfolded_by_its_id() -> None:
    scheduler = Scheduler()
    wide(scheduler, 100)
    _, middle, leaf = names(scheduler.task_graph("Root"))
    graph = scheduler.task_graph("Root", unfolded=[middle, "group:of:nothing"])
    kinds = [(node["kind"], node["family"], node["n"]) for node in graph["nodes"]]
    assert kinds == [("task", "Root", 1), *[("task", "Middle", 1)] * 100, ("group", "Leaf", 100)]
    assert sorted(graph["edges"]) == sorted(
        [*([f"M{each}", "Root"] for each in range(100)), [leaf, "Root"]]
        + [[leaf, f"M{each}"] for each in range(100)]
    )


def test_cycles_and_unknown_tasks() -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", family="F", deps=["B"])
    scheduler.add_task(worker="X", task_id="B", family="F", deps=["A", "C"])
    graph = scheduler.task_graph("A")
    assert set(names(graph)) == {"A", "B", "C"}
    assert len(scheduler.task_graph("A", fold="family")["nodes"]) == 3
    assert scheduler.task_graph("Never")["nodes"] == []
    assert scheduler.task_graph("Never").keys() == graph.keys()


@pytest.mark.parametrize(
    "wrong", [{"direction": "up"}, {"fold": "all"}, {"limit": 0}, {"limit": 10**6}, {"unfolded": 1}]
)
def test_bad_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        Scheduler().answer("task_graph", {"task_id": "A", **wrong})
    assert caught.value.status == 400


def test_palette(bench: Bench) -> None:
    found = bench.scheduler.search_palette("fail")
    assert {task["id"] for task in found["tasks"]} == {"Failed", "OnFailed"}
    assert found["families"] == ["FailedFamily", "OnFailedFamily"]
    assert bench.scheduler.search_palette("Runs")["tasks"][0]["id"] == "Runs"
    assert bench.scheduler.search_palette("failedfamily 1")["tasks"][0]["params"] == {"day": "1"}
    assert bench.scheduler.search_palette("x")["workers"] == ["X"]
    assert len(bench.scheduler.search_palette("o", limit=3)["tasks"]) == 3
    assert bench.scheduler.search_palette("  ") == {"tasks": [], "families": [], "workers": []}
