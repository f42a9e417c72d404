"""What users rely on: reading a value's text gives the value again."""

from __future__ import annotations

import datetime
import enum
import math

import luigi
import luigi.parameter
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from luigi import date_interval


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


texts = st.text()
json_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
json_values = st.recursive(
    json_scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=8
)
days = st.dates()
moments = st.datetimes()
# the last year has no end that a date could name
interval_days = st.dates(max_value=datetime.date(9998, 12, 1))
intervals = (
    interval_days.map(date_interval.Date.from_date)
    | st.dates(datetime.date(1000, 1, 1), datetime.date(9998, 1, 1)).map(date_interval.Week.from_date)
    | interval_days.map(date_interval.Month.from_date)
    | interval_days.map(date_interval.Year.from_date)
    | st.tuples(interval_days, interval_days).map(lambda ends: date_interval.Custom(*ends))
)
whole_seconds = st.timedeltas(datetime.timedelta(days=-400000), datetime.timedelta(days=400000)).map(
    lambda value: datetime.timedelta(value.days, value.seconds)
)
nested = st.recursive(st.integers() | texts, lambda inner: st.lists(inner), max_leaves=8)

PARAMETERS = [
    (luigi.Parameter(), texts),
    (luigi.StrParameter(), texts),
    (luigi.IntParameter(), st.integers()),
    (luigi.FloatParameter(), st.floats()),
    (luigi.BoolParameter(), st.booleans()),
    (luigi.NumericalParameter(var_type=int, min_value=-5, max_value=5), st.integers(-5, 4)),
    (luigi.NumericalParameter(var_type=float, min_value=0.0, max_value=1.0), st.floats(0, 0.999)),
    (luigi.DateParameter(), days),
    (luigi.DateParameter(interval=7, start=datetime.date(2020, 1, 1)), days),
    (luigi.MonthParameter(interval=5), days),
    (luigi.YearParameter(), days),
    (luigi.DateHourParameter(), moments),
    (luigi.DateHourParameter(interval=5), moments),
    (luigi.DateMinuteParameter(), moments),
    (luigi.DateMinuteParameter(interval=13, start=datetime.datetime(2020, 1, 1)), moments),
    (luigi.DateSecondParameter(), moments),
    (luigi.DateIntervalParameter(), intervals),
    (luigi.TimeDeltaParameter(), whole_seconds),
    (luigi.EnumParameter(enum=Size), st.sampled_from(Size)),
    (luigi.parameter.EnumListParameter(enum=Size), st.lists(st.sampled_from(Size)).map(tuple)),
    (luigi.ChoiceParameter(choices=["a", "b c"]), st.sampled_from(["a", "b c"])),
    (luigi.parameter.ChoiceListParameter(choices=["a", "b"]), st.lists(st.sampled_from("ab"))),
    (luigi.parameter.ChoiceListParameter(var_type=int, choices=[1, 20]), st.lists(st.sampled_from([1, 20]))),
    (luigi.ListParameter(), st.lists(json_values)),
    (luigi.DictParameter(), st.dictionaries(texts, json_values)),
    (luigi.TupleParameter(), st.lists(st.lists(json_values)) | st.lists(nested)),
    (luigi.PathParameter(), st.text(st.characters(exclude_characters="\0"))),
    (luigi.OptionalIntParameter(), st.none() | st.integers()),
    (luigi.OptionalParameter(), st.none() | st.text(min_size=1)),
    (luigi.parameter.OptionalDateParameter(), st.none() | days),
    (luigi.OptionalListParameter(), st.none() | st.lists(json_values)),
    (luigi.OptionalDictParameter(), st.none() | st.dictionaries(texts, json_values)),
]


def writes_years_in_fewer_than_four_digits(value):
    """Tell whether ``strftime``, which does not pad years on Linux, gives a text that it does not read."""
    ends = (value.date_a, value.date_b) if isinstance(value, date_interval.DateInterval) else (value,)
    return any(isinstance(end, datetime.date) and end.year < 1000 for end in ends)


@pytest.mark.parametrize(
    ("param", "values"), PARAMETERS, ids=[f"{n}-{type(p).__name__}" for n, (p, _) in enumerate(PARAMETERS)]
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_reading_what_was_written_gives_the_value(param, values, data):
    try:
        value = param.normalize(data.draw(values))
    except OverflowError:
        return  # the first intervals begin before the first day
    if writes_years_in_fewer_than_four_digits(value):
        return
    again = param.normalize(param.parse(param.serialize(value)))
    assert again == value or (isinstance(value, float) and math.isnan(value) and math.isnan(again))
    assert type(again) is type(value)
    assert param.normalize(again) == again or value != value
    assert param.serialize(again) == param.serialize(value)


@settings(max_examples=60, deadline=None)
@given(days, st.integers(1, 400), st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)))
def test_days_are_moved_back_to_the_nearest_value(day, interval, start):
    param = luigi.DateParameter(interval=interval, start=start)
    try:
        value = param.normalize(day)
    except OverflowError:
        assert day < datetime.date(2, 6, 1)
        return
    assert 0 <= (day - value).days < interval
    assert (value - start).days % interval == 0


@settings(max_examples=60, deadline=None)
@given(moments, st.integers(1, 100), st.sampled_from(["Hour", "Minute", "Second"]))
def test_moments_are_moved_back_to_the_nearest_value(value, interval, unit):
    param = getattr(luigi, f"Date{unit}Parameter")(interval=interval)
    step = param._timedelta * interval
    try:
        moved = param.normalize(value)
    except OverflowError:
        assert value < datetime.datetime(1, 2, 1)
        return
    assert datetime.timedelta(0) <= value - moved < step
    assert (moved - param.start) % step == datetime.timedelta(0)
