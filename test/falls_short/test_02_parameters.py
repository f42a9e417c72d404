"""Where Luigi's parameters fall short: each of these fails on Luigi 3.8.1."""

from __future__ import annotations

import datetime
import sys
import warnings

import luigi
import luigi.parameter
import pytest
from luigi.cmdline_parser import CmdlineParser
from luigi.parameter import ParameterVisibility


def recorded(action):
    """Call ``action`` and return the warnings that it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return caught


# ---- 2: flags cannot be switched off


@pytest.mark.parametrize("flag", ["--no-try-hard", "--no-SwitchedOff-try-hard"])
def test_02_02_a_flag_can_be_switched_off(flag):
    class SwitchedOff(luigi.Task):
        try_hard = luigi.BoolParameter(default=True)

    with CmdlineParser.global_instance(["SwitchedOff", flag]) as parser:
        assert parser.get_task_obj().try_hard is False


# ---- 5: attaching late, and two names


def test_02_05_a_parameter_attached_late_works():
    class Late(luigi.Task):
        x = luigi.IntParameter(default=1)

    Late.z = luigi.IntParameter(default=2)
    task = Late(z=5)
    assert (task.x, task.z, Late().z) == (1, 5, 2)


def test_02_05_two_names_for_one_parameter_have_a_value_each():
    class Twice(luigi.Task):
        a = b = luigi.IntParameter(default=1)

    task = Twice(a=2, b=3)
    assert (task.a, task.b) == (2, 3)


def test_02_05_a_parameter_of_another_class_under_another_name():
    class One(luigi.Task):
        x = luigi.IntParameter(default=1)
        y = luigi.IntParameter(default=1)

    class Other(luigi.Task):
        y = One.x

    one = One(x=2, y=4)
    assert (one.x, one.y, Other(y=3).y) == (2, 4, 3)


# ---- 6: insufficient round trips


def test_02_06_negative_durations_are_read_back():
    param = luigi.TimeDeltaParameter()
    value = datetime.timedelta(seconds=-1)
    assert param.parse(param.serialize(value)) == value


def test_02_06_choices_that_are_no_texts_are_written():
    class Numbers(luigi.Task):
        numbers = luigi.parameter.ChoiceListParameter(var_type=int, choices=[1, 2, 3])

    task = Numbers(numbers=(3, 1))
    assert task.to_str_params() == {"numbers": "3,1"}
    assert Numbers.from_str_params(task.to_str_params()) is task


def test_02_06_no_date_is_read_back_where_it_is_the_default():
    class Undated(luigi.Task):
        day = luigi.DateParameter(default=None)

    assert Undated.from_str_params(Undated().to_str_params()) is Undated()


def test_02_06_equal_texts_of_not_a_number_give_one_task():
    class Nan(luigi.Task):
        x = luigi.FloatParameter()

    assert Nan.from_str_params({"x": "nan"}) is Nan.from_str_params({"x": "nan"})


def test_02_06_rare_characters_in_a_tuple_survive():
    param = luigi.TupleParameter()
    value = (1, "\U00010000")
    assert param.normalize(param.parse(param.serialize(value))) == value


# ---- 9: schemas


def test_02_09_an_attribute_error_of_a_validator_is_not_swallowed():
    class Broken:
        def validate(self, value):
            raise AttributeError("within the validator")

    with pytest.raises(AttributeError, match=r"^within the validator$"):
        luigi.ListParameter(schema=Broken()).normalize([1])


def test_02_09_a_schema_is_compiled_once(monkeypatch):
    validators = pytest.importorskip("jsonschema.validators")
    checked = []
    monkeypatch.setattr(
        validators.validator_for({}), "check_schema", classmethod(lambda cls, schema: checked.append(schema))
    )
    param = luigi.ListParameter(schema={"type": "array"})
    for value in ([1], [2], [3]):
        param.normalize(value)
    assert len(checked) == 1


# ---- 11: the year after a leap day


def test_02_11_the_year_after_a_leap_day():
    successor = luigi.YearParameter().next_in_enumeration(datetime.date(2020, 2, 29))
    assert successor.year == 2021


# ---- 12: date intervals


def test_02_12_membership_does_not_list_the_days(monkeypatch):
    interval = luigi.date_interval.Custom(datetime.date(1, 1, 1), datetime.date(9000, 1, 1))
    monkeypatch.setattr(luigi.date_interval.DateInterval, "dates", lambda self: pytest.fail("listed"))
    assert datetime.date(2020, 1, 1) in interval
    assert datetime.date(9000, 1, 1) not in interval


def test_02_12_a_week_is_computed_and_not_searched():
    lines = 0

    def count(frame, event, arg):
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        luigi.date_interval.Week(2015, 53)
    finally:
        sys.settrace(before)
    assert lines < 30


def test_02_12_intervals_of_different_kinds_are_unequal():
    day, month = luigi.date_interval.Date(2020, 1, 1), luigi.date_interval.Month(2020, 1)
    assert (day == month, day != month) == (False, True)
    assert [day, month].index(month) == 1


# ---- 13: typed values of a TOML file


@pytest.mark.parametrize(
    ("param", "given", "value"),
    [
        (luigi.ListParameter(), [1, [2]], (1, (2,))),
        (luigi.TupleParameter(), [1, [2]], (1, (2,))),
        (luigi.parameter.ChoiceListParameter(choices=["a", "b"]), ["b", "a"], ("b", "a")),
        (
            luigi.parameter.EnumListParameter(enum=ParameterVisibility),
            ["HIDDEN"],
            (ParameterVisibility.HIDDEN,),
        ),
        (luigi.DateParameter(), datetime.date(2020, 1, 2), datetime.date(2020, 1, 2)),
        (luigi.DateHourParameter(), datetime.datetime(2020, 1, 2, 3), datetime.datetime(2020, 1, 2, 3)),
        (luigi.DateIntervalParameter(), 2015, luigi.date_interval.Year(2015)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_02_13_typed_values_are_taken(param, given, value):
    assert param.normalize(param.parse(given)) == value


# ---- 14: one warning for a deprecated place


def test_02_14_a_deprecated_place_is_warned_of_once():
    class Moved(luigi.Task):
        x = luigi.IntParameter(config_path={"section": "formerly", "name": "x"})

    config = luigi.configuration.get_config()
    config.set("formerly", "x", "3")
    try:
        caught = recorded(Moved)
    finally:
        config.remove_section("formerly")
    assert [str(one.message) for one in caught if "[formerly] x" in str(one.message)] == [
        "The use of the configuration [formerly] x is deprecated. Please use [Moved] x"
    ]


# ---- 15: the counter


def test_02_15_numbers_are_unique_when_a_parameter_is_made_in_the_middle_of_another():
    numbers = []

    def interrupt(frame, event, arg):
        if frame.f_code is not luigi.Parameter.__init__.__code__:
            return None
        if event == "line":
            sys.settrace(None)
            numbers.append(luigi.Parameter()._counter)
            sys.settrace(interrupt)
        return interrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        outer = luigi.Parameter()
    finally:
        sys.settrace(before)
    assert len(numbers) > 5
    assert outer._counter not in numbers
    assert len(set(numbers)) == len(numbers)


# ---- 16: the order of choices


def test_02_16_choices_are_shown_in_the_order_in_which_they_are_given():
    names = [f"choice {number}" for number in (7, 3, 9, 1, 8, 2, 6, 4)]
    param = luigi.ChoiceParameter(choices=names)
    assert param.description == f"Choices: {{{', '.join(names)}}}"


# ---- 17: visibility


def test_02_17_an_invalid_visibility_is_warned_of():
    caught = recorded(lambda: luigi.Parameter(visibility="PRIVATE"))
    assert ["'PRIVATE' is not a ParameterVisibility" in str(one.message) for one in caught] == [True]


def test_02_17_a_plain_number_is_a_visibility():
    class Numbered(luigi.Task):
        x = luigi.Parameter(default="x", visibility=1)

    assert Numbered()._get_param_visibilities() == {"x": 1}


# ---- 18: unconsumed configuration


def test_02_18_what_a_deprecated_place_reads_is_consumed():
    class Renamed(luigi.Task):
        new = luigi.IntParameter(config_path={"section": "Renamed", "name": "old"})

    config = luigi.configuration.get_config()
    config.set("Renamed", "old", "3")
    try:
        caught = recorded(lambda: Renamed(new=1))
    finally:
        config.remove_section("Renamed")
    assert not [one for one in caught if "not consumed" in str(one.message)]
