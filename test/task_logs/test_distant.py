"""What is kept beside an attempt on another machine, and how it comes into its log."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luigi_clone._task_logs import keeping
from luigi_clone._task_logs.arriving import Arrivals
from luigi_clone._task_logs.child import LOGGED
from luigi_clone._task_logs.files import LogFile
from luigi_clone._task_logs.keeping import MOST_OF_ONE, Kept
from luigi_clone._task_logs.masking import Masker, forms_of
from luigi_clone._task_logs.recording import Recording
from luigi_clone._task_logs.settings import LogSettings


class Log(Recording):
    """A recording in memory."""

    def __init__(self, *secrets):
        super().__init__("task", 1, forms_of(secrets), LogFile(LogSettings(None, 1.0, 1), "task"))
        self.data = b""

    def add(self, shown, text):
        self.data += shown


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.binary(max_size=20)),
            st.tuples(st.just("fetch"), st.booleans()),
            st.tuples(st.just("late"), st.just(None)),
        )
    )
)
def test_everything_comes_once_also_when_answers_are_lost_or_late(events):
    kept, log = Kept(), Log()
    intake, arrivals = kept.source(LOGGED), Arrivals(log)
    wanted, late = b"", []
    for kind, what in events:
        if kind == "write":
            intake.feed(what)
            wanted += what
        elif kind == "fetch":
            parcels = kept.fetch(arrivals.seen)
            if what:
                arrivals.take(parcels)
            else:
                late += parcels
        else:
            arrivals.take(late)
            late = []
    arrivals.take(kept.take_last())
    arrivals.take(late)
    arrivals.end()
    assert log.data == wanted


def test_much_is_cut_in_the_middle_at_the_ends_of_lines():
    kept, log = Kept(), Log()
    intake, arrivals = kept.source(LOGGED), Arrivals(log)
    lines = [f"{number:08d}\n".encode() for number in range(400_000)]
    for first in range(0, len(lines), 1000):
        intake.feed(b"".join(lines[first : first + 1000]))
    arrivals.take(kept.fetch(0))
    arrivals.end()
    before, _, after = log.data.partition(b"\n[cut out here: ")
    missing, _, after = after.partition(b" bytes, more than are fetched of one task at once]\n")
    data = b"".join(lines)
    assert data.startswith(before) and before.endswith(b"\n")
    assert data.endswith(after)
    assert after[:9] in lines
    assert len(before) + int(missing) + len(after) == len(data)
    assert MOST_OF_ONE - 20_000 < len(before) + len(after) <= MOST_OF_ONE


def test_what_is_written_after_the_end_is_not_kept():
    kept = Kept()
    kept.source(LOGGED).feed(b"a\n")
    assert kept.take_last() == [(1, [(LOGGED, b"a\n")], 0, [])]
    kept.source(LOGGED).feed(b"b\n")
    assert kept.take_last() == []


@settings(max_examples=300)
@given(st.data())
def test_no_piece_of_a_secret_is_seen_at_a_gap(data):
    """The secret has letters of its own, the rest of the text has none of them."""
    secret = data.draw(st.text("ab", min_size=4, max_size=9))
    text = data.draw(
        st.lists(st.sampled_from([f"x{secret}\n", "x", "\n"]), min_size=1, max_size=30).map("".join)
    )
    stream = text.encode()
    start = data.draw(st.integers(0, len(stream)))
    end = data.draw(st.integers(start, len(stream)))
    masker = Masker(forms_of([secret]))
    shown = masker.feed(stream[:start]) + masker.skip()
    for number in range(end, len(stream)):
        shown += masker.feed(stream[number : number + 1])
    shown += masker.finish()
    assert not {*b"ab"} & {*shown}
    assert shown.replace(b"***", b"").count(b"x") == stream[:start].count(b"x") + stream[end:].count(b"x")


@pytest.mark.parametrize("place", [1, 2])
def test_a_stream_that_begins_after_a_gap_is_masked_as_well(place, monkeypatch):
    monkeypatch.setattr(keeping, "_HALF", 4)
    kept, log = Kept(), Log("secret-word")
    arrivals = Arrivals(log)
    kept.source(LOGGED).feed(b"head")
    kept.source(place).feed(b"secret-word")
    arrivals.take(kept.take_last())
    arrivals.end()
    assert b"word" not in log.data
    assert log.data.endswith(b"***")


def test_a_log_that_is_cut_ends_with_the_reason():
    log = Log()
    arrivals = Arrivals(log)
    arrivals.take([(1, [(LOGGED, b"half a li")], 0, [])])
    arrivals.end("The Dask worker was lost.")
    assert log.data == b"half a li\n[cut here: The Dask worker was lost.]\n"
