"""Days, months, years, hours, minutes and seconds."""

from __future__ import annotations

import datetime
from datetime import date
from datetime import datetime as moment

import luigi
import pytest
from luigi.date_interval import Month, Year
from luigi.parameter import _DateParameterBase, _DatetimeParameterBase


@pytest.mark.parametrize(
    ("param", "text", "value", "serialized"),
    [
        (luigi.DateParameter(), "2020-01-02", date(2020, 1, 2), None),
        (luigi.DateParameter(), "2020-1-2", date(2020, 1, 2), "2020-01-02"),
        (luigi.DateParameter(interval=7), "1969-12-30", date(1969, 12, 25), "1969-12-25"),
        (
            luigi.DateParameter(interval=10, start=date(2020, 1, 1)),
            "2020-01-12",
            date(2020, 1, 11),
            "2020-01-11",
        ),
        (
            luigi.DateParameter(interval=10, start=date(2020, 1, 1)),
            "2019-12-31",
            date(2019, 12, 22),
            "2019-12-22",
        ),
        (luigi.MonthParameter(), "2020-05", date(2020, 5, 1), None),
        (luigi.MonthParameter(interval=3), "2020-05", date(2020, 4, 1), "2020-04"),
        (
            luigi.MonthParameter(interval=3, start=date(2020, 2, 15)),
            "2020-06",
            date(2020, 5, 1),
            "2020-05",
        ),
        (
            luigi.MonthParameter(interval=3, start=date(2020, 2, 15)),
            "2019-12",
            date(2019, 11, 1),
            "2019-11",
        ),
        (luigi.YearParameter(), "2021", date(2021, 1, 1), None),
        (luigi.YearParameter(interval=4), "2021", date(2018, 1, 1), "2018"),
        (luigi.DateHourParameter(), "2020-01-02T05", moment(2020, 1, 2, 5), None),
        (luigi.DateHourParameter(), "2020-01-02T5", moment(2020, 1, 2, 5), "2020-01-02T05"),
        (luigi.DateHourParameter(interval=6), "2020-01-02T05", moment(2020, 1, 2), "2020-01-02T00"),
        (luigi.DateMinuteParameter(), "2020-01-02T0314", moment(2020, 1, 2, 3, 14), None),
        (
            luigi.DateMinuteParameter(interval=15),
            "2020-01-02T0314",
            moment(2020, 1, 2, 3),
            "2020-01-02T0300",
        ),
        (luigi.DateSecondParameter(), "2020-01-02T030405", moment(2020, 1, 2, 3, 4, 5), None),
        (
            luigi.DateSecondParameter(interval=13),
            "2020-01-02T030405",
            moment(2020, 1, 2, 3, 4, 1),
            "2020-01-02T030401",
        ),
    ],
)
def test_texts(param, text, value, serialized):
    read = param.normalize(param.parse(text))
    assert read == value
    assert type(read) is type(value)
    assert param.serialize(read) == (serialized or text)


@pytest.mark.parametrize(
    ("param", "text", "message"),
    [
        (luigi.DateParameter(), "20200102", "time data '20200102' does not match format '%Y-%m-%d'"),
        (luigi.DateParameter(), "2020-01-02T03", "unconverted data remains: T03"),
        (luigi.DateParameter(), "2020-W01-1", "time data '2020-W01-1' does not match format '%Y-%m-%d'"),
        (luigi.DateParameter(), "2020-02-30", "day is out of range for month"),
        (luigi.DateParameter(), "", "time data '' does not match format '%Y-%m-%d'"),
        (luigi.DateParameter(), "None", "time data 'None' does not match format '%Y-%m-%d'"),
        (luigi.DateHourParameter(), "2020-01-02T24", "unconverted data remains: 4"),
        (luigi.DateHourParameter(), "2020-01-02 03", "time data '2020-01-02 03' does not match"),
        (luigi.DateMinuteParameter(), "2020-01-02T03HH04", "unconverted data remains: HH04"),
        (luigi.DateMinuteParameter(), "2020-01-02T0360", "unconverted data remains: 0"),
        (luigi.DateSecondParameter(), "2020-01-02T03040", None),
        (luigi.YearParameter(), "0000", "year 0 is out of range"),
    ],
)
def test_errors_are_those_of_strptime(param, text, message):
    if message is None:
        assert param.parse(text) == moment(2020, 1, 2, 3, 4, 0)
        return
    with pytest.raises(ValueError) as error:
        param.parse(text)
    assert str(error.value).startswith(message)


def test_reading_quickly_agrees_with_strptime():
    day, hour = luigi.DateParameter(), luigi.DateHourParameter()
    texts = ["2020-02-29", "2021-02-29", "0001-01-01", "9999-12-31", "١٢٣٤-01-01", "2020-01-0x", "+020-01-02"]
    for text in texts:
        assert outcome(day.parse, text) == outcome(
            lambda t: datetime.datetime.strptime(t, "%Y-%m-%d").date(), text
        )
    for text in [f"{t}T{h}" for t in texts for h in ("00", "23", "24", "٠٣", "1x", "-1")]:
        assert outcome(hour.parse, text) == outcome(
            lambda t: datetime.datetime.strptime(t, "%Y-%m-%dT%H"), text
        )


def outcome(function, *args):
    try:
        return function(*args)
    except ValueError as error:
        return str(error)


def test_writing_quickly_agrees_with_strftime():
    params = [
        luigi.DateParameter(),
        luigi.MonthParameter(),
        luigi.YearParameter(),
        luigi.DateHourParameter(),
        luigi.DateMinuteParameter(),
        luigi.DateSecondParameter(),
    ]
    for value in (
        moment(2020, 1, 2, 3, 4, 5, 678),
        moment(99, 1, 2),
        date(2020, 1, 2),
        date(99, 1, 2),
        moment(2020, 1, 2, tzinfo=datetime.timezone.utc),
    ):
        for param in params:
            assert param.serialize(value) == value.strftime(param.date_format)


def test_the_old_form_of_minutes():
    with pytest.warns(
        DeprecationWarning,
        match=r'^Using "H" between hours and minutes is deprecated, omit it instead.$',
    ):
        assert luigi.DateMinuteParameter().parse("2020-01-02T03H04") == moment(2020, 1, 2, 3, 4)


@pytest.mark.parametrize(
    "cls",
    [
        luigi.DateParameter,
        luigi.MonthParameter,
        luigi.YearParameter,
        luigi.DateHourParameter,
        luigi.DateMinuteParameter,
        luigi.DateSecondParameter,
    ],
)
def test_none(cls):
    param = cls(default=None)
    assert param.normalize(None) is None
    assert param.serialize(None) == "None"
    assert param.parse("None") is None
    assert param.next_in_enumeration(None) is None


def test_normalize_takes_related_kinds():
    assert luigi.DateParameter().normalize(moment(2020, 1, 2, 3)) == date(2020, 1, 2)
    assert luigi.MonthParameter().normalize(moment(2020, 3, 4, 5)) == date(2020, 3, 1)
    assert luigi.MonthParameter().normalize(Month(2020, 3)) == date(2020, 3, 1)
    assert luigi.MonthParameter(interval=2).normalize(Month(2020, 4)) == date(2020, 3, 1)
    assert luigi.YearParameter().normalize(Year(2020)) == date(2020, 1, 1)
    assert luigi.DateHourParameter().normalize(date(2020, 1, 2)) == moment(2020, 1, 2)


@pytest.mark.parametrize(
    ("param", "value", "error"),
    [
        (luigi.DateParameter(), "2020-01-02", TypeError),
        (luigi.DateHourParameter(), "2020-01-02T03", TypeError),
        (luigi.MonthParameter(), "2020-01", AttributeError),
        (luigi.YearParameter(), Month(2020, 1), AttributeError),
        (luigi.DateHourParameter(), moment(2020, 1, 2, tzinfo=datetime.timezone.utc), TypeError),
        (luigi.DateParameter(interval=0), date(2020, 1, 2), ZeroDivisionError),
    ],
)
def test_normalize_refuses(param, value, error):
    with pytest.raises(error):
        param.normalize(value)


@pytest.mark.parametrize(
    "cls", [luigi.DateHourParameter, luigi.DateMinuteParameter, luigi.DateSecondParameter]
)
def test_values_are_cut_to_the_unit(cls):
    param = cls()
    value = param.normalize(moment(2020, 1, 2, 3, 4, 5, 6))
    assert value == moment.strptime(moment(2020, 1, 2, 3, 4, 5, 6).strftime(cls.date_format), cls.date_format)
    assert param.normalize(value) == value


def test_a_start_within_the_unit():
    param = luigi.DateHourParameter(start=moment(1970, 1, 1, 0, 30))
    assert param.normalize(moment(2020, 1, 2, 3)) == moment(2020, 1, 2, 2, 30)


@pytest.mark.parametrize(
    ("param", "value", "successor"),
    [
        (luigi.DateParameter(), date(2020, 2, 29), date(2020, 3, 1)),
        (luigi.DateParameter(interval=7), date(2020, 1, 1), date(2020, 1, 8)),
        (luigi.MonthParameter(), date(2020, 12, 1), date(2021, 1, 1)),
        (luigi.MonthParameter(interval=5), date(2020, 12, 1), date(2021, 5, 1)),
        (luigi.YearParameter(interval=2), date(2020, 1, 1), date(2022, 1, 1)),
        (luigi.YearParameter(), date(2020, 3, 31), date(2021, 3, 31)),
        (luigi.DateHourParameter(interval=3), moment(2020, 1, 2, 22), moment(2020, 1, 3, 1)),
        (luigi.DateMinuteParameter(), moment(2020, 1, 2, 23, 59), moment(2020, 1, 3)),
        (luigi.DateSecondParameter(), moment(2020, 1, 2, 3), moment(2020, 1, 2, 3, 0, 1)),
    ],
)
def test_successor(param, value, successor):
    assert param.next_in_enumeration(value) == successor


def test_formats_of_ones_own():
    class Slashed(_DateParameterBase):
        date_format = "%Y/%m/%d"

    class TwoHours(_DatetimeParameterBase):
        date_format = "%Y/%m/%d %H"
        _timedelta = datetime.timedelta(hours=2)

    assert Slashed().parse("2020/01/02") == date(2020, 1, 2)
    assert Slashed().serialize(date(2020, 1, 2)) == "2020/01/02"
    assert TwoHours().normalize(TwoHours().parse("2020/01/02 03")) == moment(2020, 1, 2, 2)
    assert TwoHours(interval=5).next_in_enumeration(moment(2020, 1, 2, 3)) == moment(2020, 1, 2, 13)
    with pytest.raises(TypeError):
        _DateParameterBase().parse("2020")


def test_values_of_a_toml_file():
    assert luigi.DateParameter().parse(date(2020, 1, 2)) == date(2020, 1, 2)
    assert luigi.DateParameter().parse(moment(2020, 1, 2, 3)) == date(2020, 1, 2)
    assert luigi.DateHourParameter().parse(date(2020, 1, 2)) == date(2020, 1, 2)
    assert luigi.YearParameter().parse(2020) == date(2020, 1, 1)
    with pytest.raises(TypeError):
        luigi.DateParameter().parse(2020)
