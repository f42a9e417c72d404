"""Durations and date intervals as parameters."""

from __future__ import annotations

import datetime

import luigi
import pytest
from luigi import date_interval
from luigi.parameter import ParameterException

DURATION, INTERVAL = luigi.TimeDeltaParameter(), luigi.DateIntervalParameter()
SECOND, HOUR, DAY = datetime.timedelta(seconds=1), datetime.timedelta(hours=1), datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "value", "serialized"),
    [
        ("5", 5 * SECOND, "0 w 0 d 0 h 0 m 5 s"),
        ("1.5", 1.5 * SECOND, "0 w 0 d 0 h 0 m 1 s"),
        ("-3", -3 * SECOND, "-1 w 6 d 23 h 59 m 57 s"),
        ("1e3", 1000 * SECOND, "0 w 0 d 0 h 16 m 40 s"),
        (2.5, 2.5 * SECOND, "0 w 0 d 0 h 0 m 2 s"),
        ("2 weeks 3 days", 17 * DAY, "2 w 3 d 0 h 0 m 0 s"),
        ("1h", HOUR, "0 w 0 d 1 h 0 m 0 s"),
        ("3 m", 180 * SECOND, "0 w 0 d 0 h 3 m 0 s"),
        ("10d", 10 * DAY, "1 w 3 d 0 h 0 m 0 s"),
        ("1w2d", 9 * DAY, "1 w 2 d 0 h 0 m 0 s"),
        ("1 h 30 m", 1.5 * HOUR, "0 w 0 d 1 h 30 m 0 s"),
        ("1hours2minutess", HOUR + 120 * SECOND, "0 w 0 d 1 h 2 m 0 s"),
        ("0 d", 0 * DAY, "0 w 0 d 0 h 0 m 0 s"),
        ("P1DT2H3M4S", DAY + 2 * HOUR + 184 * SECOND, "0 w 1 d 2 h 3 m 4 s"),
        ("PT5M", 300 * SECOND, "0 w 0 d 0 h 5 m 0 s"),
        ("P2W", 14 * DAY, "2 w 0 d 0 h 0 m 0 s"),
        ("P1W2D", 7 * DAY, "1 w 0 d 0 h 0 m 0 s"),
        ("P1DT", DAY, "0 w 1 d 0 h 0 m 0 s"),
        ("1 day garbage", DAY, "0 w 1 d 0 h 0 m 0 s"),
        ("5 s 3 h", 5 * SECOND, "0 w 0 d 0 h 0 m 5 s"),
        ("1 w\t2d", 7 * DAY, "1 w 0 d 0 h 0 m 0 s"),
        ("-1 w 6 d 23 h 59 m 59 s", -1 * SECOND, "-1 w 6 d 23 h 59 m 59 s"),
    ],
)
def test_durations(text, value, serialized):
    assert DURATION.parse(text) == value
    assert DURATION.serialize(value) == serialized


@pytest.mark.parametrize(
    "text",
    [
        "P",
        "PT",
        "P0D",
        "PT0S",
        "P1Y",
        "bogus",
        "",
        "2 Days",
        "nan",
        " 5 d",
        "5  s",
        "1\tw",
        "-5 d",
        "-1 w 6 d",
    ],
)
def test_no_duration(text):
    with pytest.raises(ParameterException) as error:
        DURATION.parse(text)
    assert str(error.value) == f"Invalid time delta - could not parse {text}"


def test_durations_that_are_not_even_looked_at():
    with pytest.raises(OverflowError):
        DURATION.parse("inf")
    with pytest.raises(TypeError):
        DURATION.parse(None)
    with pytest.raises(AttributeError, match="'int' object has no attribute 'days'"):
        DURATION.serialize(3)


def test_a_duration_of_another_type_is_warned_of():
    with pytest.warns(UserWarning, match=r'^Parameter "p" with value "3" is not of type timedelta.$'):
        DURATION._warn_on_wrong_param_type("p", 3)

    class Mine(luigi.TimeDeltaParameter):
        pass

    Mine()._warn_on_wrong_param_type("p", 3)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2015", date_interval.Year),
        ("2015-05", date_interval.Month),
        ("2015-W35", date_interval.Week),
        ("2015-11-04", date_interval.Date),
        ("2015-11-04-2015-12-04", date_interval.Custom),
    ],
)
def test_intervals(text, kind):
    value = INTERVAL.parse(text)
    assert type(value) is kind
    assert INTERVAL.serialize(value) == text
    assert INTERVAL.next_in_enumeration(value) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2015-W54", "Invalid week"),
        ("2015-13", "month must be in 1..12"),
        ("2015-02-30", "day is out of range for month"),
        ("2015-11-04-2015-12-40", "day is out of range for month"),
        ("x", "Invalid date interval - could not be parsed"),
        ("", "Invalid date interval - could not be parsed"),
        ("2015-1", "Invalid date interval - could not be parsed"),
        ("2015-w35", "Invalid date interval - could not be parsed"),
        ("0000", "year 0 is out of range"),
    ],
)
def test_no_interval(text, message):
    with pytest.raises(ValueError) as error:
        INTERVAL.parse(text)
    assert str(error.value).startswith(message)


def test_values_of_a_toml_file():
    assert INTERVAL.parse(2015) == date_interval.Year(2015)
    assert INTERVAL.parse(datetime.date(2015, 11, 4)) == date_interval.Date(2015, 11, 4)
    with pytest.raises(TypeError):
        INTERVAL.parse(None)
