"""The text of the bar."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luigi_clone._terminal.counting import Counts
from test.services import require_service


@pytest.fixture(scope="module")
def rendering():
    require_service("tqdm", importlib.util.find_spec("tqdm"), "pip install tqdm")
    from luigi_clone._terminal import rendering

    return rendering


PLAIN = {"unicode": True, "colour": False}


def test_a_wide_line(rendering):
    counts = Counts(complete=12, done=20, failed=3, running=4, pending=73)
    line = rendering.running_line(counts, 62, 46, 120, rendering.Style(**PLAIN))
    assert len(line) == 120
    assert line.startswith(" 23%|███")
    assert " | 23/100 [01:02<02:34] 3 failed, 4 running, 73 pending" in line
    assert line.endswith("pending, 20 done, 12 complete before")


def test_a_narrow_one_leaves_out_the_least_important(rendering):
    counts = Counts(complete=12, done=20, failed=3, running=4, pending=73)
    line = rendering.running_line(counts, 62, 46, 60, rendering.Style(**PLAIN))
    assert len(line) == 60
    assert line.endswith("| 23/100 [01:02<02:34] 3 failed, 4 running")


def test_before_the_first_is_over_there_is_no_estimate(rendering):
    line = rendering.running_line(Counts(running=2, pending=2), 3, 3, 80, rendering.Style(**PLAIN))
    assert line.endswith("| 0/4 [00:03<?] 2 running, 2 pending")


@pytest.mark.parametrize(("found", "text"), [(1, "1 task found [00:05]"), (30, "30 tasks found [00:05]")])
def test_while_tasks_are_found(rendering, found, text):
    assert rendering.discovery_line(found, Counts(), 5, 80, rendering.Style(**PLAIN)) == text
    line = rendering.discovery_line(found, Counts(complete=7, pending=3), 5, 80, rendering.Style(**PLAIN))
    assert line == f"{text} 3 pending, 7 complete before"


def test_colours_and_plain_characters(rendering):
    counts = Counts(done=1, failed=1)
    line = rendering.running_line(counts, 1, 1, 80, rendering.Style(unicode=False, colour=True))
    assert "\x1b[31m1 failed\x1b[0m, \x1b[32m1 done\x1b[0m" in line
    assert line.isascii()


@given(
    counts=st.builds(Counts, *[st.integers(0, 10**6)] * len(Counts._fields)),
    elapsed=st.floats(0, 1e6),
    width=st.integers(19, 300),
    style=st.tuples(st.booleans(), st.booleans()),
)
def test_no_line_is_wider_than_the_terminal(rendering, counts, elapsed, width, style):
    from tqdm.utils import disp_len

    style = rendering.Style(*style)
    lines = [rendering.discovery_line(sum(counts), counts, elapsed, width, style)]
    if counts.to_run:
        lines.append(rendering.running_line(counts, elapsed, elapsed / 2, width, style))
    for line in lines:
        assert disp_len(line) <= width
        assert "\n" not in line
