"""Days, weeks, months, years and other intervals."""

from __future__ import annotations

import copy
import datetime
import pickle
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from luigi.date_interval import Custom, Date, DateInterval, Month, Week, Year

PLAIN = DateInterval(date(2020, 1, 1), date(2020, 1, 2))


@pytest.mark.parametrize(
    ("interval", "text", "first", "end"),
    [
        (Date(2015, 11, 4), "2015-11-04", date(2015, 11, 4), date(2015, 11, 5)),
        (Week(2015, 35), "2015-W35", date(2015, 8, 24), date(2015, 8, 31)),
        (Week(2015, 1), "2015-W01", date(2014, 12, 29), date(2015, 1, 5)),
        (Week(2015, 53), "2015-W53", date(2015, 12, 28), date(2016, 1, 4)),
        (Month(2015, 5), "2015-05", date(2015, 5, 1), date(2015, 6, 1)),
        (Month(2015, 12), "2015-12", date(2015, 12, 1), date(2016, 1, 1)),
        (Year(2015), "2015", date(2015, 1, 1), date(2016, 1, 1)),
        (
            Custom(date(2015, 11, 4), date(2015, 12, 4)),
            "2015-11-04-2015-12-04",
            date(2015, 11, 4),
            date(2015, 12, 4),
        ),
    ],
)
def test_each_kind(interval, text, first, end):
    kind = type(interval)
    assert (interval.date_a, interval.date_b) == (first, end)
    assert str(interval) == repr(interval) == interval.to_string() == text
    assert kind.parse(text) == interval
    assert kind.parse(text + "\n") == interval
    assert kind.parse("x" + text) is None
    assert kind.parse(text + "x") is None
    assert hash(interval) == hash(text)
    assert interval.dates()[0] == first
    assert interval.dates()[-1] == end - datetime.timedelta(days=1)
    assert list(interval) == interval.dates()
    assert len(list(interval.hours())) == 24 * len(interval.dates())
    assert pickle.loads(pickle.dumps(interval)) == copy.deepcopy(interval) == interval


@pytest.mark.parametrize(
    ("interval", "following"),
    [
        (Date(2015, 12, 31), Date(2016, 1, 1)),
        (Week(2015, 53), Week(2016, 1)),
        (Month(2015, 12), Month(2016, 1)),
        (Year(2015), Year(2016)),
    ],
)
def test_neighbours(interval, following):
    assert interval.next() == following
    assert following.prev() == interval
    assert type(interval).from_date(interval.date_a) == interval
    assert type(interval).from_date(interval.dates()[-1]) == interval


def test_the_hours_of_a_day():
    hours = Date(2020, 1, 1).hours()
    assert next(hours) == datetime.datetime(2020, 1, 1)
    assert list(hours)[-1] == datetime.datetime(2020, 1, 1, 23)


def test_what_only_kinds_have():
    for call in (
        PLAIN.to_string,
        lambda: str(PLAIN),
        lambda: hash(PLAIN),
        PLAIN.next,
        PLAIN.prev,
        lambda: DateInterval.parse("x"),
        lambda: DateInterval.from_date(date(2020, 1, 1)),
        Custom(date(2020, 1, 1), date(2020, 1, 2)).next,
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_membership_is_by_date():
    month = Month(2015, 2)
    assert date(2015, 2, 28) in month
    assert date(2015, 3, 1) not in month
    assert datetime.datetime(2015, 2, 1) not in month
    assert "2015-02-01" not in month
    assert None not in month


def test_an_interval_may_be_empty():
    empty = Custom(date(2020, 1, 5), date(2020, 1, 1))
    assert empty.dates() == []
    assert date(2020, 1, 3) not in empty


def test_order_within_a_kind():
    early, late = Week(2015, 1), Week(2015, 2)
    assert early < late
    assert early <= late
    assert late > early
    assert late >= early
    assert sorted([late, early]) == [early, late]
    assert (early.__cmp__(late), late.__cmp__(early), early.__cmp__(early)) == (-1, 1, 0)
    assert early == Week(2015, 1)
    assert early != late


@pytest.mark.parametrize("other", [Month(2020, 1), 3, date(2020, 1, 1)])
def test_no_order_between_kinds(other):
    day = Date(2020, 1, 1)
    for compare in (
        lambda: day < other,
        lambda: day <= other,
        lambda: day > other,
        lambda: day >= other,
        lambda: day.__cmp__(other),
    ):
        with pytest.raises(TypeError, match=r"^Date interval type mismatch$"):
            compare()


def test_a_plain_interval_equals_one_of_any_kind():
    day = Date(2020, 1, 1)
    for one, other in ((day, PLAIN), (PLAIN, day)):
        assert one == other
        assert (one != other) is False
    assert day.__cmp__(PLAIN) == 0
    assert day != date(2020, 1, 1)
    assert (day == 3) is False


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Week(2014, 53), ValueError, "^Invalid week$"),
        (lambda: Week(2014, 0), ValueError, "^Invalid week$"),
        (lambda: Week(0, 1), ValueError, "^year 0 is out of range"),
        (lambda: Year(9999), ValueError, "^year 10000 is out of range"),
        (lambda: Month(2015, 13), ValueError, "^month must be in 1..12"),
        (lambda: Date(9999, 12, 31), OverflowError, "^date value out of range$"),
    ],
)
def test_what_there_is_not(make, error, message):
    with pytest.raises(error, match=message):
        make()


@given(st.dates(date(1, 1, 1), date(9999, 12, 20)))
def test_the_week_of_a_day(day):
    week = Week.from_date(day)
    assert day in week
    assert week.date_a.isoweekday() == 1
    assert (week.date_b - week.date_a).days == 7
    assert week.to_string() == f"{day.isocalendar()[0]}-W{day.isocalendar()[1]:02d}"
