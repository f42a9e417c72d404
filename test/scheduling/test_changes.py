"""Counting changed tasks for those who began to look at different times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from luigi_clone._scheduling.changes import Changes, LastChanges

IDS = st.sets(st.sampled_from("abcdefg"))


@given(st.lists(IDS, max_size=8), st.integers(0, 8), IDS)
def test_each_task_counts_once_for_each_onlooker(turns, since, except_for):
    last, counted, seen = LastChanges(), 0, set()
    for number, ids in enumerate(turns, 1):
        noted = last.note(ids, number)
        if number > since:
            counted += noted.new_since(since + 1, except_for)
            seen |= ids
    assert counted == len(seen - except_for)


def test_what_is_remembered_is_bounded():
    last = LastChanges(most=2)
    last.note(["a", "b", "c"], 1)
    assert last.note(["a", "c"], 2).new_since(1, ()) == 1, "a is counted again"


def test_facts_that_are_about_tasks():
    changes = Changes()
    changes.take([("task_status", "a", "DONE", 1.0), ("worker_added", "w", 1.0), ("paused", True)])
    changes.take([("batch_started", "B", "w", ("b", "c"), 1, 1.0), ("task_removed", "d")])
    assert changes.taken() == {"a", "b", "c", "d"} and changes.taken() == set()
