"""All about one task, and about its family."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from luigi_clone.scheduler import Scheduler
from test.scheduling.test_pages import Bench, bench

__all__ = ["bench"]


def test_detail_of_a_failed_task(bench: Bench) -> None:
    told = bench.scheduler.task_detail("Failed")
    assert (told["known"], told["state"], told["since"]) == (True, "failed", 1_000_000.0)
    assert told["because"]["action"] == "retry"
    assert told["because"]["detail"] == "2 tasks wait for this one."
    assert told["because"]["text"] == bench.scheduler.explain_task("Failed")["text"]
    assert told["error"]["exception"] == "KeyError: 'x'"
    assert told["error"]["frames"] == []
    assert [row["id"] for row in told["needed_by"]["rows"]] == ["OnFailed"]
    assert [(event["status"], event["at"]) for event in told["history"]] == [
        ("PENDING", 1_000_000.0),
        ("RUNNING", 1_000_000.0),
        ("FAILED", 1_000_010.0),
    ]
    assert told["attempts"] == [
        {
            "attempt": 1,
            "start": 1_000_000.0,
            "end": 1_000_010.0,
            "worker": "X",
            "status": "FAILED",
            "has_log": False,
            "log": None,
        }
    ]


def test_needs_are_the_worst_first(bench: Bench) -> None:
    bench.add("Many", deps=["Done", "Ready", "Nobody", "Failed", "Gone"])
    del bench.scheduler._machine.tasks["Gone"]  # as after its removal
    needs = bench.scheduler.task_detail("Many")["needs"]
    assert (needs["total"], needs["done"]) == (5, 1)
    assert [row["id"] for row in needs["rows"]] == ["Failed", "Nobody", "Gone", "Ready", "Done"]


def test_detail_of_what_nobody_knows(bench: Bench) -> None:
    told = bench.scheduler.task_detail("Never")
    assert (told["known"], told["state"]) == (False, "unknown")
    assert told.keys() == bench.scheduler.task_detail("Ready").keys()
    assert told["because"]["text"] == "The scheduler does not know this task."


def test_logs_belong_to_attempts(bench: Bench) -> None:
    bench.scheduler.append_task_log("Runs", 1, 0, "text", "X")
    attempts = bench.scheduler.task_detail("Runs")["attempts"]
    assert [(one["has_log"], one["log"], one["end"]) for one in attempts] == [(True, 1, None)]


def test_command_is_quoted_and_shows_no_hidden_parameter() -> None:
    scheduler = Scheduler()
    scheduler.add_task(
        worker="X",
        task_id="A",
        family="A",
        module="some.module",
        params={"the_day": "it's; rm -rf", "sign": "-1", "secret": "s"},
        param_visibilities={"the_day": 0, "sign": 0, "secret": 1},
    )
    command = scheduler.task_detail("A")["command"]
    words = ["luigi", "--module", "some.module", "A", "--the-day", "it's; rm -rf", "--sign=-1"]
    assert shlex.split(command) == words


def test_parameters_by_who_may_see_them() -> None:
    scheduler = Scheduler()
    scheduler.announce_family("X", "A", parameters=[{"name": "key", "visibility": "private", "default": "k"}])
    scheduler.add_task(
        worker="X", task_id="A", family="A", params={"a": "1", "b": "2"}, param_visibilities={"a": 0, "b": 1}
    )
    hidden = {"name": "b", "value": "2", "visibility": "hidden"}
    private = {"name": "key", "value": None, "visibility": "private"}
    assert scheduler.task_detail("A")["parameters"][1:] == [hidden, private]
    scheduler._shows_hidden = False
    assert scheduler.task_detail("A")["parameters"][1] == {**hidden, "value": None}


_CHAINED = """Traceback (most recent call last):
  File "/srv/flights/delays.py", line 88, in run
    self.output().write(self.summarise(by_hour))
                        ~~~~~~~~~~~~~~^^^^^^^^^
  File "/venv/lib/python3.12/site-packages/pandas/core/base.py", line 244, in select
    raise KeyError(name)
KeyError: 'arr_delay'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/usr/lib/python3.12/json/decoder.py", line 3, in decode
    obj = 1
  File "/x/luigi_clone/_task_processes/process.py", line 5, in run
  File "<frozen importlib._bootstrap>", line 1, in _find
ValueError: two
lines
"""


def test_tracebacks_are_taken_apart() -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", family="A")
    scheduler.get_work(worker="X")
    scheduler.add_task(worker="X", task_id="A", status="FAILED", expl=json.dumps(_CHAINED))
    error = scheduler.task_detail("A")["error"]
    assert error["text"] == _CHAINED
    assert error["exception"] == "ValueError: two\nlines"
    assert [(one["name"], one["line"], one["package"]) for one in error["frames"]] == [
        ("run", 88, None),
        ("select", 244, "pandas"),
        ("decode", 3, "json"),
        ("run", 5, "luigi_clone"),
        ("_find", 1, "importlib"),
    ]
    assert error["frames"][0]["source"] == "self.output().write(self.summarise(by_hour))"
    assert error["frames"][2]["before"].startswith("KeyError: 'arr_delay'\n\nDuring handling")


@pytest.mark.parametrize("expl", ["killed", json.dumps({"a": 1}), '"broken', "File \n" * 1000])
def test_other_errors_are_texts(expl: str) -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", family="A")
    scheduler.get_work(worker="X")
    scheduler.add_task(worker="X", task_id="A", status="FAILED", expl=expl)
    assert scheduler.task_detail("A")["error"]["frames"] == []


# ---- families


def _walk(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for node in nodes for one in (node, *_walk(node.get("c", [])))]


def test_docstring_becomes_a_tree() -> None:
    scheduler = Scheduler()
    doc = """Mean *delays*.

        See `here <https://example.com/a>`_, `there <javascript:alert(1)>`_ and :class:`~luigi.Task`.

        - one
        - two

        .. raw:: html

            <script>alert(1)</script>

        .. include:: /etc/passwd
        """
    scheduler.announce_family("X", "A", "m", doc, [{"name": "day", "visibility": "public", "default": "1"}])
    told = scheduler.describe_family("A")
    nodes = _walk(told["doc"])
    assert [node["href"] for node in nodes if node["t"] == "a"] == ["https://example.com/a"]
    assert {node["t"] for node in nodes} == {"p", "text", "em", "a", "code", "ul", "li"}
    text = "".join(node["text"] for node in nodes if "text" in node)
    assert "script" not in text
    assert "root:" not in text
    assert told["parameters"] == [
        {"name": "day", "visibility": "public", "description": None, "default": "1"}
    ]
    assert scheduler.describe_family("B")["announced"] is False


@pytest.mark.parametrize(
    "doc",
    [
        "*" * 9000,
        "`" * 9000,
        ".. |a| replace:: |b| |b|\n" * 300,
        ":a: b\n" * 1500,
        "x" * 100_000,
        "= \n" * 400,
    ],
)
def test_hostile_docstrings_are_shown_somehow(doc: str) -> None:
    scheduler = Scheduler()
    scheduler.announce_family("X", "A", doc=doc)
    assert scheduler.describe_family("A")["doc"]


def test_defaults_that_are_not_for_everybody() -> None:
    scheduler = Scheduler()
    parameters = [
        {"name": "p", "visibility": "private", "default": "secret"},
        {"name": "h", "visibility": "hidden", "default": "hide"},
        {"name": "odd", "default": "secret"},
    ]
    scheduler.announce_family("X", "A", parameters=parameters)
    assert [one["default"] for one in scheduler.describe_family("A")["parameters"]] == [None, "hide", None]
    scheduler._shows_hidden = False
    assert [one["default"] for one in scheduler.describe_family("A")["parameters"]] == [None, None, None]
