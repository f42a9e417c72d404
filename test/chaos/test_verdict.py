"""The verdict of a siege finds what it is there to find."""

from __future__ import annotations

import math

import pytest

from test.chaos.plan import DISABLED, LIMITS, NEVER, Piece, Plan
from test.chaos.verdict import (
    Attempt,
    Hearing,
    Silence,
    attempts_of,
    double_runs,
    excesses,
    losses,
    outdated,
    wrong_runs,
)

ALWAYS_HEARD = Hearing({}, [], 8, 3)


def attempt(begin, end, worker="0.1", key="k", outcome="done"):
    return Attempt(key, worker, 1, begin, end, outcome)


def silent(since, until, away=()):
    return Hearing({"0.1": [Silence(since, until)]}, list(away), 8, 3)


def test_two_attempts_at_once_are_a_double_run():
    assert not double_runs([attempt(0, 1), attempt(1, 2, "1.1")], ALWAYS_HEARD)
    [problem] = double_runs([attempt(0, 1.5), attempt(1, 2, "1.1")], ALWAYS_HEARD)
    assert problem.kind == "double run"
    assert problem.key == "k"
    # a short one in between hides nothing
    assert double_runs([attempt(0, 9), attempt(1, 2, key="j"), attempt(8, 9)], ALWAYS_HEARD)


@pytest.mark.parametrize(
    ("hearing", "begin", "problems"),
    [
        (silent(2, math.inf), 6, 1),  # too early for a scheduler to have given up the worker
        (silent(2, math.inf), 11, 0),
        (silent(2, 5), 11, 1),  # not silent for long enough
        (silent(2, 9), 11, 0),
        (silent(5, math.inf), 8, 1),
        (silent(5, math.inf, [Silence(1, 4)]), 8, 0),  # nobody listened before it was killed
    ],
)
def test_a_worker_that_was_not_heard_may_be_overtaken(hearing, begin, problems):
    assert len(double_runs([attempt(0, 20), attempt(begin, 21, "1.1")], hearing)) == problems


def test_what_a_forgotten_worker_begins_when_it_goes_on_is_no_double_run():
    assert not double_runs([attempt(8, 20, "1.1"), attempt(12.5, 13)], silent(0, 12))
    assert double_runs([attempt(8, 20, "1.1"), attempt(16, 17)], silent(0, 12))


def test_more_of_a_resource_than_there_is_is_found():
    pieces = {key: Piece(key, resources={"db": 2}) for key in "abc"}
    one_after_the_other = [attempt(0, 1, key="a"), attempt(1, 2, key="b")]
    assert excesses(one_after_the_other, ALWAYS_HEARD, pieces, LIMITS) == ([], {"db": 2})
    [problem], most = excesses(
        [attempt(0, 1, key="a"), attempt(0.9, 2, key="b")], ALWAYS_HEARD, pieces, LIMITS
    )
    assert problem.kind == "too much of a resource"
    assert most == {"db": 4}


def test_tasks_that_are_missing_or_not_finished_are_found():
    pieces = {
        "a": Piece("a"),
        "b": Piece("b", fate=DISABLED),
        "c": Piece("c", fate=NEVER),
    }
    good = {"a": "DONE", "b": "DISABLED", "c": "PENDING"}
    ran = {"a"}
    assert not losses(pieces, ran, good)
    assert [one.kind for one in losses(pieces, (), good)] == ["lost"]
    assert [one.kind for one in losses(pieces, (), {**good, "a": "PENDING"})] == ["stuck"]
    assert [one.kind for one in losses(pieces, ran, {**good, "a": "RUNNING"})] == ["stuck"]
    assert not losses(pieces, ran, {**good, "a": "PENDING"})
    assert outdated(ran, {**good, "a": "PENDING"}) == ["a"]
    assert [one.kind for one in losses(pieces, ran, {**good, "b": "FAILED"})] == ["stuck"]
    assert [one.key for one in losses(pieces, ran, {"a": "DONE", "b": "DISABLED"})] == ["c"]


def test_tasks_that_ran_without_what_they_need_are_found():
    pieces = {"a": Piece("a"), "c": Piece("c", fate=NEVER)}
    assert not wrong_runs([attempt(0, 1, key="a")], pieces)
    assert wrong_runs([attempt(0, 1, key="a", outcome="early")], pieces)
    assert wrong_runs([attempt(0, 1, key="c", outcome="failed")], pieces)


def test_lines_become_attempts():
    lines = ["begin k x 0.1 77 1.0", "begin k y 0.2 78 2.0", "done k x 0.1 77 3.0", "begin j z 0.2 79 2.5"]
    assert attempts_of(lines, {78: [1.0, 4.0, 9.0]}) == [
        Attempt("k", "0.1", 77, 1.0, 3.0, "done"),
        Attempt("k", "0.2", 78, 2.0, 4.0, "killed"),
        Attempt("j", "0.2", 79, 2.5, math.inf, "killed"),
    ]


def test_the_plan_is_the_same_for_the_same_seed_and_can_be_carried_out():
    pieces = Plan(5, 400).round(2)
    assert pieces == Plan(5, 400).round(2) != Plan(6, 400).round(2)
    assert len(pieces) == 400
    below: set[str] = set()
    order = []
    left = dict(pieces)
    while left:
        ready = [key for key, piece in left.items() if not left.keys() & {*piece.needs, *piece.asks}]
        assert ready, "a cycle"
        order += ready
        for key in ready:
            piece = left.pop(key)
            below |= {*piece.needs, *piece.asks}
    assert below <= pieces.keys()
    roots = {root for area in range(8) for root in Plan(5, 400).roots(2, area)}
    assert pieces.keys() - below <= roots, "a task that nobody wants"
    assert all(amount <= LIMITS[name] for one in pieces.values() for name, amount in one.resources.items())
    assert any(one.asks for one in pieces.values())
    assert any(0 < one.fails < 3 for one in pieces.values())
