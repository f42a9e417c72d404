"""What range tasks infer from the files there are is what each of their tasks says of itself."""

from __future__ import annotations

import logging
import re
import tempfile
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import luigi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from luigi.mock import MockTarget
from luigi.tools.range import (
    RangeByMinutes,
    RangeDaily,
    RangeDailyBase,
    RangeHourly,
    RangeHourlyBase,
    infer_bulk_complete_from_fs,
)

from test.tools.stores import STORES, Bucket, Flag, Globbing, StoreTarget

DAILY = "(%Y).*(%m).*(%d)"


# -- the same answer as from each task ----------------------------------------------------------------

LAYOUTS = (
    ("out/%Y-%m-%d.txt",),
    ("out/%Y/%m/%d/data.txt",),
    ("out/%Y/%m/%d/data-%Y-%m-%d.txt",),
    ("out/%Y%m/%d.txt",),
    ("%Y/%m-%d", "other/%Y/%m/%d"),
    ("a/%Y-%m-%d", "b/%Y/%m/%d/x/y", "a/%Y-%m-%d.log"),
    ("%Y%m%d",),
    ("deep/%Y/x[1]/%m/%d",),
)


def ranged_tasks(make_target, patterns):
    """Return a task with an output for each pattern, and wrappers around it."""

    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def output(self):
            targets = [make_target(self.d.strftime(pattern)) for pattern in patterns]
            return targets if len(targets) > 1 else targets[0]

    class Wrapper(luigi.WrapperTask):
        d = luigi.DateParameter()

        def requires(self):
            return {"one": Ranged(self.d)}

    class Outer(luigi.WrapperTask):
        d = luigi.DateParameter()

        def requires(self):
            yield Wrapper(self.d)
            yield Ranged(self.d)

    return Ranged, Wrapper, Outer


def missing(cls, of, first, days, **kwargs):
    after = datetime(2039, 1, 1, tzinfo=timezone.utc)
    task = cls(
        of=of,
        start=first,
        stop=first + timedelta(days),
        now=int(after.timestamp()),
        days_back=20_000,
        task_limit=10_000,
        **kwargs,
    )
    return [required.d for required in task.requires()]


def said_by_each(of, first, days):
    every_day = (first + timedelta(number) for number in range(days))
    return [day for day in every_day if not of(day).complete()]


dates = st.dates(date(1998, 12, 1), date(2030, 1, 1))


def subset(draw_from, data):
    chosen = data.draw(st.lists(st.booleans(), min_size=len(draw_from), max_size=len(draw_from)))
    return [item for item, is_chosen in zip(draw_from, chosen, strict=True) if is_chosen]


def paths_of(patterns, first, days):
    return [(first + timedelta(number)).strftime(p) for number in range(days) for p in patterns]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(LAYOUTS), dates, st.integers(1, 45), st.data())
def test_local_files(patterns, first, days, data):
    with tempfile.TemporaryDirectory() as folder:
        for path in subset(paths_of(patterns, first, days), data):
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        for of in ranged_tasks(lambda path: luigi.LocalTarget(f"{folder}/{path}"), patterns):
            assert missing(RangeDaily, of, first, days) == said_by_each(of, first, days)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LAYOUTS), st.sampled_from(STORES), dates, st.integers(1, 45), st.data())
def test_other_stores(patterns, kind, first, days, data):
    store = kind()
    store.files.update(subset(paths_of(patterns, first, days), data))
    for of in ranged_tasks(lambda path: StoreTarget(path, store), patterns):
        assert missing(RangeDaily, of, first, days) == said_by_each(of, first, days)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(STORES), dates, st.integers(1, 30), st.data())
def test_directories_as_outputs(kind, first, days, data):
    patterns = ("out/%Y-%m-%d", "out/%Y/%m/%d/", "flagged/%Y-%m-%d/")
    store = kind()
    chosen = subset(paths_of(patterns, first, days), data)
    store.files.update(
        path.rstrip("/") + "/" + data.draw(st.sampled_from(["_SUCCESS", "x"])) for path in chosen
    )

    def target(path):
        return (Flag if "flagged" in path else StoreTarget)(path, store)

    for of in ranged_tasks(target, patterns):
        assert missing(RangeDaily, of, first, days) == said_by_each(of, first, days)


def test_local_directories_and_links_as_outputs(tmp_path):
    of, *_ = ranged_tasks(lambda path: luigi.LocalTarget(f"{tmp_path}/{path}"), ("out/%Y-%m-%d",))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "2020-01-01").mkdir(parents=True)
    (tmp_path / "out" / "2020-01-02").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out" / "2020-01-03").touch()
    assert missing(RangeDaily, of, date(2020, 1, 1), 4) == [date(2020, 1, 4)]


@settings(max_examples=30, deadline=None)
@given(st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1)), st.integers(1, 60), st.data())
def test_hours(first, hours, data):
    store = Bucket()
    first = first.replace(minute=0, second=0, microsecond=0)

    class Ranged(luigi.Task):
        h = luigi.DateHourParameter()

        def output(self):
            return StoreTarget(self.h.strftime("out/%Y-%m-%d/%H/%Y%m%d%H"), store)

    all_paths = [Ranged(first + timedelta(hours=number)).output().path for number in range(hours)]
    store.files.update(subset(all_paths, data))
    now = int(datetime(2039, 1, 1, tzinfo=timezone.utc).timestamp())
    found, asked = (
        [
            required.h
            for required in cls(
                of=Ranged,
                start=first,
                stop=first + timedelta(hours=hours),
                now=now,
                hours_back=20_000 * 24,
                task_limit=10_000,
            ).requires()
        ]
        for cls in (RangeHourly, RangeHourlyBase)
    )
    assert found == asked


def test_minutes_in_memory():
    class Ranged(luigi.Task):
        t = luigi.DateMinuteParameter()

        def output(self):
            return MockTarget(self.t.strftime("/out/%Y-%m-%d/%H%M"))

        def run(self):
            with self.output().open("w"):
                pass

    start = datetime(2020, 1, 1, 0, 58)
    for number in (0, 2):
        Ranged(start + timedelta(minutes=number)).run()
    now = int(datetime(2020, 1, 1, 1, 2, tzinfo=timezone.utc).timestamp())
    required = RangeByMinutes(of=Ranged, start=start, now=now).requires()
    assert [task.t.minute for task in required] == [59, 1]


def test_wrappers_and_bases_agree_on_a_whole_month():
    store = Bucket()
    patterns = ("a/%Y/%m/%d/x", "b/%Y/%m/%d/x")
    store.files.update(paths_of(patterns, date(2024, 2, 1), 29))
    store.files -= {"a/2024/02/11/x", "b/2024/02/28/x"}
    for of in ranged_tasks(lambda path: StoreTarget(path, store), patterns):
        for cls in (RangeDaily, RangeDailyBase):
            assert missing(cls, of, date(2024, 2, 1), 29) == [date(2024, 2, 11), date(2024, 2, 28)]


# -- how many questions -------------------------------------------------------------------------------


def questions(store, patterns, first=date(2020, 1, 1), days=100):
    """Return how often the store was asked for each kind of thing to find out about a hundred days."""
    of, *_ = ranged_tasks(lambda path: StoreTarget(path, store), patterns)
    assert missing(RangeDaily, of, first, days) == [
        day
        for day in (first + timedelta(n) for n in range(days))
        if day.strftime(patterns[0]) not in store.files
    ]
    return len(store.calls)


@pytest.mark.parametrize("complete", [0, 1, 50, 99, 100])
def test_one_directory_costs_one_listing(complete):
    store = Bucket()
    store.files.update(paths_of(("out/%Y-%m-%d",), date(2020, 1, 1), complete))
    assert questions(store, ("out/%Y-%m-%d",)) <= 2


def test_a_store_that_knows_patterns_is_asked_for_patterns():
    store = Globbing()
    store.files.update(paths_of(("out/%Y/%m/%d/f-%Y-%m-%d",), date(2020, 1, 1), 60))
    assert questions(store, ("out/%Y/%m/%d/f-%Y-%m-%d",)) <= 10 + 40


def test_a_store_that_does_not_is_asked_for_directories_with_several_files():
    store = Bucket()
    store.files.update(paths_of(("out/%Y/%m/f-%Y-%m-%d",), date(2019, 6, 1), 250))
    # ten months: one look at each pattern, and two questions about each month
    assert questions(store, ("out/%Y/%m/f-%Y-%m-%d",), date(2019, 6, 1), 280) <= 5 + 2 * 10


def test_at_worst_each_file_is_asked_for_once():
    store = Bucket()
    store.files.update(paths_of(("out/%Y/%m/%d/f",), date(2020, 1, 1), 60))
    assert questions(store, ("out/%Y/%m/%d/f",)) <= 5 + 100


def test_the_log_tells_of_the_listings(caplog):
    caplog.set_level(logging.DEBUG, "luigi-interface")
    store = Bucket()
    store.files.update(paths_of(("out/%Y/%m/%d",), date(2020, 1, 30), 3))
    of, *_ = ranged_tasks(lambda path: StoreTarget(path, store), ("out/%Y/%m/%d",))
    assert missing(RangeDaily, of, date(2020, 1, 30), 4) == [date(2020, 2, 2)]
    lines = [re.sub(r"[\d.]+ s ", "T s ", line) for line in caplog.messages if "isting" in line]
    assert lines == [
        "Listing out/2020/01",
        "Listing out/2020/02",
        "2 Bucket listings took T s to return 3 items",
    ]


# -- tasks without outputs ----------------------------------------------------------------------------


def test_a_task_without_outputs_is_asked():
    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def complete(self):
            return self.d.day != 2

    assert missing(RangeDaily, Ranged, date(2020, 1, 1), 4) == [date(2020, 1, 2)]


def test_one_without_a_complete_of_its_own_is_never_complete():
    class Ranged(luigi.Task):
        d = luigi.DateParameter()

    with pytest.warns(UserWarning, match="without outputs has no custom complete"):
        assert missing(RangeDaily, Ranged, date(2020, 1, 1), 1) == [date(2020, 1, 1)]


def test_one_behind_a_wrapper_is_asked_too(tmp_path):
    class Written(luigi.Task):
        d = luigi.DateParameter()

        def output(self):
            return luigi.LocalTarget(f"{tmp_path}/{self.d:%Y-%m-%d}")

    class Asked(luigi.Task):
        d = luigi.DateParameter()

        def complete(self):
            return self.d.day != 2

    class Wrapper(luigi.WrapperTask):
        d = luigi.DateParameter()

        def requires(self):
            return [Written(self.d), Asked(self.d)]

    for day in (1, 2, 3):
        (tmp_path / f"2020-01-0{day}").touch()
    assert missing(RangeDaily, Wrapper, date(2020, 1, 1), 4) == [date(2020, 1, 2), date(2020, 1, 4)]


def test_a_complete_of_ones_own_is_not_asked_where_there_are_outputs(tmp_path):
    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def output(self):
            return luigi.LocalTarget(f"{tmp_path}/{self.d:%Y-%m-%d}")

        def complete(self):
            raise AssertionError("asked")

    (tmp_path / "2020-01-01").touch()
    assert missing(RangeDaily, Ranged, date(2020, 1, 1), 2) == [date(2020, 1, 2)]


def test_outputs_that_only_some_dates_have_are_looked_for_too():
    store = Bucket()
    store.files.update({"a/2020-01-01", "a/2020-01-02", "a/2020-01-03", "more/3"})

    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def output(self):
            usual = StoreTarget(self.d.strftime("a/%Y-%m-%d"), store)
            if self.d == date(2020, 1, 2):
                return []
            if self.d in (date(2020, 1, 1), date(2020, 1, 3)):
                return [usual, StoreTarget(f"more/{self.d.day}", store)]
            return usual

        def complete(self):
            raise AssertionError("asked")

    class Asked(Ranged):
        def complete(self):
            return True

    with pytest.raises(AssertionError, match="asked"):
        missing(RangeDaily, Ranged, date(2020, 1, 1), 3)
    assert missing(RangeDaily, Asked, date(2020, 1, 1), 3) == [date(2020, 1, 1)]


def test_nothing_is_inferred_from_no_points():
    def make(point):
        raise AssertionError("no task is needed")

    assert infer_bulk_complete_from_fs([], make, lambda point: DAILY) == []


# -- what cannot be inferred --------------------------------------------------------------------------


class PlainTarget(luigi.Target):
    def exists(self):
        return True

    def __repr__(self):
        return "PlainTarget()"


def refusal(make_output):
    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def output(self):
            return make_output(self.d)

    with pytest.raises(NotImplementedError) as caught:
        missing(RangeDaily, Ranged, date(2020, 1, 1), 2)
    return str(caught.value)


def test_outputs_that_are_no_files():
    expected = (
        "Output targets must be instances of FileSystemTarget; was PlainTarget() for Ranged(d=2000-01-05)"
    )
    assert refusal(lambda day: PlainTarget()) == expected
    assert refusal(lambda day: [luigi.LocalTarget(str(day)), PlainTarget()]) == expected
    later = refusal(lambda day: PlainTarget() if day.year > 2000 else luigi.LocalTarget(str(day)))
    assert later == expected.replace("2000", "2010")


def test_outputs_whose_number_changes():
    message = refusal(lambda day: [luigi.LocalTarget(str(day))] * day.day)
    assert re.fullmatch(
        r"Outputs must be consistent over time, sorry; was \[(<.*LocalTarget.*>, ){5}<.*>\] "
        r"for Ranged\(d=2000-01-06\) and \[(<.*>, ){4}<.*>\] for Ranged\(d=2000-01-05\)",
        message,
    )


def test_paths_without_the_date():
    text = "Couldn't deduce datehour representation in output path {!r} of task Ranged(d=2000-01-05)"
    assert refusal(lambda day: luigi.LocalTarget("same")) == text.format("same")
    assert refusal(lambda day: luigi.LocalTarget(day.strftime("%d.%m.%Y"))) == text.format("05.01.2000")
