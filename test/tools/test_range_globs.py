"""The patterns by which range tasks list directories."""

from __future__ import annotations

import fnmatch
import logging
import re
from datetime import date, datetime, timedelta

import luigi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from luigi.mock import MockTarget
from luigi.tools.range import (
    _constrain_glob,
    _get_filesystems_and_globs,
    _get_per_location_glob,
    _list_existing,
    most_common,
)

from test.tools.stores import Bucket, StoreTarget

D2 = "[0-9][0-9]"
D4 = "[0-9][0-9][0-9][0-9]"
DAILY = "(%Y).*(%m).*(%d)"


def test_most_common():
    assert most_common([1, 2, 2, 3, 3]) == (2, 2)
    assert most_common("abcb") == ("b", 2)


def days_as(pattern, number, first=date(2020, 1, 1)):
    return [(first + timedelta(day)).strftime(pattern) for day in range(number)]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, ["2020/01/01"]),
        (2, ["2020/01/01", "2020/01/02"]),
        (5, [f"2020/01/0{day}" for day in range(1, 6)]),
        (6, ["2020/01/0[1-6]"]),
        (10, ["2020/01/0[1-9]", "2020/01/1[0]"]),
        (31, ["2020/01/0[1-9]", "2020/01/1[0-9]", "2020/01/2[0-9]", "2020/01/3[0-1]"]),
        (60, ["2020/01/[0-3][0-9]", "2020/02/[0-2][0-9]"]),
        (400, [f"2020/0[1-9]/{D2}", f"2020/1[0-2]/{D2}", f"2021/0[1-2]/{D2}"]),
    ],
)
def test_globs_are_narrowed_to_the_days_in_question(number, expected):
    assert _constrain_glob(f"{D4}/{D2}/{D2}", days_as("%Y/%m/%d", number)) == expected


@pytest.mark.parametrize(
    ("glob", "paths", "limit", "expected"),
    [
        ("a/b", ["a/b"], 5, ["a/b"]),
        (f"a/{D4}", [], 5, [f"a/{D4}"]),
        (f"a/{D4}", ["a/20"], 5, [f"a/{D4}"]),
        (f"{D4}", ["2020/x", "2020/y"], 5, ["2020"]),
        ("x[0-9][0-9]", ["x31", "x11", "x29", "x10"], 5, ["x10", "x11", "x29", "x31"]),
        ("x[0-9]", ["x1", "x2", "x3", "x5"], 1, ["x[1235]"]),
        ("x[0-9]", ["x1", "x1"], 0, ["x[1]"]),
        ("x[0-9]", ["x2", "x1"], 0, ["x[1-2]"]),
        (
            f"a/{D2}/b",
            [f"a/{n}/b" for n in ("01", "03", "05", "07", "09", "11")],
            5,
            ["a/0[13579]/b", "a/1[1]/b"],
        ),
        (f"{D2}", days_as("%d", 20), 100, days_as("%d", 20)),
    ],
)
def test_narrowed_globs(glob, paths, limit, expected):
    assert _constrain_glob(glob, paths, limit) == expected


@given(st.lists(st.dates(date(1999, 1, 1), date(2031, 1, 1)), min_size=1), st.integers(1, 8))
def test_narrowed_globs_stand_for_all_paths(chosen, limit):
    paths = [day.strftime("%Y-%m/%d") for day in chosen]
    narrowed = _constrain_glob(f"{D4}-{D2}/{D2}", paths, limit)
    assert len(narrowed) <= limit
    assert all(any(fnmatch.fnmatchcase(path, glob) for glob in narrowed) for path in paths)
    assert narrowed == sorted(narrowed)


def per_location(*paths, pattern=r"({}).*({}).*({})"):
    regexes = [re.compile(pattern.format(*re.findall(r"20\d\d|\d\d", path)[:3])) for path in paths]
    tasks = [f"T{number}" for number in range(len(paths))]
    return _get_per_location_glob(tasks, [MockTarget(path) for path in paths], regexes)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/a/2000-01-05", "/a/2010-02-06"], "/a"),
        (["/a/2000-01-05/q", "/a/2010-02-06/q"], f"/a/{D4}-{D2}-{D2}"),
        (["s3://b/2000/01/05", "s3://b/2010/02/06"], f"s3://b/{D4}/{D2}"),
        (["/a/2000/01/05/", "/a/2010/02/06/"], f"/a/{D4}/{D2}/{D2}"),
        (["20000105", "20100206"], D4 + D2 + D2),
        (["/20000105", "/20100206"], ""),
        # the date shows twice
        (["/a/2000/01/05/f-20000105", "/a/2010/02/06/f-20100206"], f"/a/{D4}/{D2}/{D2}"),
        # most of the paths count
        (["/b/x/2000-01-05/q", "/a/2010-02-06/q", "/a/2010-02-07/q"], f"/a/{D4}-{D2}-{D2}"),
    ],
)
def test_the_glob_of_a_location(paths, expected):
    assert per_location(*paths) == expected


def test_the_glob_of_a_path_without_date():
    with pytest.raises(NotImplementedError) as caught:
        per_location("/a/2000-01-05", pattern="(2001)")
    assert str(caught.value) == (
        "Couldn't deduce datehour representation in output path '/a/2000-01-05' of task T0"
    )


def test_file_systems_and_globs():
    store = Bucket()

    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def output(self):
            return {
                "x": StoreTarget(self.d.strftime("a/%Y/%m/%d/f"), store),
                "y": luigi.LocalTarget(self.d.strftime("b/%Y%m%d")),
            }

    asked = []

    def make(point):
        asked.append(point)
        return Ranged(point)

    found = list(_get_filesystems_and_globs(make, lambda point: point.strftime(DAILY)))
    assert found == [(store, f"a/{D4}/{D2}/{D2}"), (luigi.LocalTarget.fs, "b")]
    assert len(asked) == 135
    assert asked[:4] == [datetime(2000, 1, 5, hour) for hour in (21, 22, 23)] + [datetime(2000, 1, 6, 21)]
    assert asked[-1] == datetime(2040, 3, 7, 23)


def test_list_existing_lists_what_is_there(caplog):
    caplog.set_level(logging.DEBUG, "luigi-interface")
    store = Bucket()
    store.files.update({"/a/2020/01", "/a/2020/02", "/a/2021/other"})
    found = _list_existing(store, f"/a/{D4}", ["/a/2020/01", "/a/2021/02", "/a/2022/01"])
    assert found == store.files
    assert [call for call in store.calls if call[0] == "listdir"] == [
        ("listdir", "/a/2020"),
        ("listdir", "/a/2021"),
    ]
    assert caplog.messages[:3] == ["Listing /a/2020", "Listing /a/2021", "Listing /a/2022"]
