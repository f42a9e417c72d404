"""Range tasks: which instances they require, what they say and fire, and what subclasses can change."""

from __future__ import annotations

import datetime
import functools
import logging
import warnings
from datetime import date
from datetime import datetime as at

import luigi
import luigi.tools.range as ranges
import pytest
from luigi.parameter import MissingParameterException, ParameterException
from luigi.tools.range import (
    RangeBase,
    RangeByMinutes,
    RangeByMinutesBase,
    RangeDaily,
    RangeDailyBase,
    RangeEvent,
    RangeHourly,
    RangeHourlyBase,
    RangeMonthly,
)

NOW = int(at(2020, 1, 10, 12, 34, 56, tzinfo=datetime.timezone.utc).timestamp())


class Day(luigi.Task):
    """Complete on even days."""

    d = luigi.DateParameter()
    x = luigi.IntParameter(default=3)

    def complete(self):
        return self.d.day % 2 == 0


class Hour(luigi.Task):
    h = luigi.DateHourParameter()

    def complete(self):
        return self.h.hour % 2 == 0


class Minute(luigi.Task):
    m = luigi.DateMinuteParameter()

    def complete(self):
        return self.m.minute % 2 == 0


class Month(luigi.Task):
    m = luigi.MonthParameter()

    def complete(self):
        return self.m.month % 2 == 0


OF = {RangeDailyBase: Day, RangeHourlyBase: Hour, RangeByMinutesBase: Minute, RangeMonthly: Month}


def made(cls, **kwargs):
    return cls(of=OF[cls], now=NOW, **kwargs)


def points(task):
    """Return the value of the ranged parameter of each required task."""
    return [getattr(required, required.get_params()[0][0]) for required in task.requires()]


def days(*numbers):
    return [date(2020, 1, number) for number in numbers]


@pytest.fixture
def fired():
    """Collect the events of range tasks in the order in which they are fired."""
    events = []
    for event in (RangeEvent.DELAY, RangeEvent.COMPLETE_COUNT, RangeEvent.COMPLETE_FRACTION):
        RangeBase.event_handler(event)(lambda *args, event=event: events.append((event, *args)))
    return events


def delay_count_fraction(fired):
    assert [event for event, _, _ in fired] == [
        "event.tools.range.delay",
        "event.tools.range.complete.count",
        "event.tools.range.complete.fraction",
    ]
    return tuple(number for _, _, number in fired)


# -- what is required ---------------------------------------------------------------------------------


def test_the_missing_days_between_start_and_stop_are_required():
    task = made(RangeDailyBase, start=date(2020, 1, 1), stop=date(2020, 1, 7))
    assert task.requires() == [Day(date(2020, 1, day)) for day in (1, 3, 5)]
    assert task.requires() is task._cached_requires
    assert not task.complete()


def test_it_is_complete_when_nothing_is_missing():
    assert made(RangeDailyBase, start=date(2020, 1, 2), stop=date(2020, 1, 3)).complete()


def test_the_current_day_is_included():
    assert points(made(RangeDailyBase, start=date(2020, 1, 9))) == days(9)
    unfinished = RangeDailyBase(of=Day, now=NOW + 86400, start=date(2020, 1, 9))
    assert points(unfinished) == days(9, 11)


def test_days_back_and_forward_bound_the_range():
    assert points(made(RangeDailyBase, start=date(2020, 1, 5), days_back=2)) == days(9)
    assert points(
        made(RangeDailyBase, start=date(2020, 1, 5), stop=date(2020, 1, 30), days_forward=2)
    ) == days(5, 7, 9, 11)
    backward = made(RangeDailyBase, stop=date(2020, 1, 7), reverse=True, task_limit=1000)
    assert points(backward)[-1] == date(2019, 10, 3)
    assert len(points(backward)) == 49


def test_the_limit_takes_the_oldest_first_and_reverse_the_newest():
    bounds = {"start": date(2020, 1, 1), "stop": date(2020, 1, 8), "task_limit": 2}
    assert points(made(RangeDailyBase, **bounds)) == days(1, 3)
    assert points(made(RangeDailyBase, **bounds, reverse=True)) == days(7, 5)
    assert points(made(RangeDailyBase, **{**bounds, "task_limit": 0})) == []
    assert points(made(RangeDailyBase, **{**bounds, "task_limit": 0}, reverse=True)) == []


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "At least one of start and stop needs to be specified"),
        ({"reverse": True}, "At least one of start and stop needs to be specified"),
        ({"stop": date(2020, 1, 1)}, "Either start needs to be specified or reverse needs to be True"),
        ({"start": date(2020, 1, 2), "stop": date(2020, 1, 1)}, "Can't have start > stop"),
    ],
)
def test_bounds_that_make_no_range(kwargs, message):
    with pytest.raises(ParameterException) as caught:
        made(RangeDailyBase, **kwargs).requires()
    assert str(caught.value) == message


def test_hours():
    hours = made(RangeHourlyBase, start=at(2020, 1, 10, 3))
    assert points(hours) == [at(2020, 1, 10, hour) for hour in (3, 5, 7, 9, 11)]
    backward = made(RangeHourlyBase, reverse=True, stop=at(2020, 1, 10, 3), hours_back=24, task_limit=7)
    assert points(backward)[0] == at(2020, 1, 10, 1)
    assert points(backward)[-1] == at(2020, 1, 9, 13)
    forward = made(RangeHourlyBase, start=at(2020, 1, 10, 11), hours_forward=2)
    assert points(forward) == [at(2020, 1, 10, 11), at(2020, 1, 10, 13)]


def test_minutes():
    assert points(made(RangeByMinutesBase, start=at(2020, 1, 10, 12, 30))) == [
        at(2020, 1, 10, 12, 31),
        at(2020, 1, 10, 12, 33),
    ]
    fives = made(RangeByMinutesBase, start=at(2020, 1, 10, 11, 57), minutes_interval=5)
    assert points(fives) == [at(2020, 1, 10, 12, minute) for minute in (5, 15, 25)]
    near = made(RangeByMinutesBase, start=at(2020, 1, 10), minutes_interval=15, minutes_back=30)
    assert points(near) == [at(2020, 1, 10, 12, 15)]


@pytest.mark.parametrize(
    ("interval", "message"),
    [
        (0, "minutes-interval must be within 0..60"),
        (-5, "minutes-interval must be within 0..60"),
        (60, "minutes-interval must be within 0..60"),
        (7, "minutes-interval does not evenly divide 60"),
        (45, "minutes-interval does not evenly divide 60"),
    ],
)
def test_intervals_that_do_not_fit_into_an_hour(interval, message):
    with pytest.raises(ParameterException) as caught:
        made(RangeByMinutesBase, start=at(2020, 1, 10), minutes_interval=interval).requires()
    assert str(caught.value) == message


def test_months_end_before_the_current_one():
    months = made(RangeMonthly, start=date(2019, 7, 20))
    assert points(months) == [date(2019, month, 1) for month in (7, 9, 11)]
    forward = made(RangeMonthly, reverse=True, start=date(2019, 11, 1), months_forward=2)
    assert points(forward) == [date(2020, 1, 1), date(2019, 11, 1)]
    assert points(made(RangeMonthly, start=date(2010, 1, 1), task_limit=1)) == [date(2019, 1, 1)]


@pytest.mark.parametrize(
    ("cls", "start", "stop", "expected"),
    [
        (RangeDailyBase, at(2020, 2, 28, 0, 0, 0, 1), at(2020, 3, 1, 0, 0, 0, 1), ["02-29", "03-01"]),
        (RangeDailyBase, at(2020, 2, 28), at(2020, 3, 1), ["02-28", "02-29"]),
        (RangeHourlyBase, at(2020, 2, 28, 22, 1), at(2020, 2, 29, 1), ["02-28T23", "02-29T00"]),
        (RangeByMinutesBase, at(2020, 2, 28, 23, 58), at(2020, 2, 29), ["02-28T2358", "02-28T2359"]),
        (RangeMonthly, at(2019, 12, 2), at(2020, 4, 2), ["2020-01", "2020-02", "2020-03"]),
        (RangeMonthly, at(2020, 1, 15), at(2020, 1, 16), []),
        (RangeDailyBase, at(2020, 1, 2), at(2020, 1, 1), []),
    ],
)
def test_finite_datetimes(cls, start, stop, expected):
    task = cls(of=OF[cls], start=start)
    found = [str(task._format_datetime(point)) for point in task.finite_datetimes(start, stop)]
    assert [text.removeprefix("2020-") if cls is not RangeMonthly else text for text in found] == expected


def test_the_clock_is_asked_when_now_is_not_given():
    today = at.now(datetime.timezone.utc).date()
    task = RangeDailyBase(of=Day, start=today - datetime.timedelta(days=3), task_limit=10)
    start, stop = task._finite_bounds()
    assert start == at(today.year, today.month, today.day) - datetime.timedelta(days=3)
    assert datetime.timedelta(0) <= at.now(datetime.timezone.utc).replace(tzinfo=None) - stop
    assert stop.tzinfo is None


def test_further_arguments_and_another_parameter():
    class Two(luigi.Task):
        a = luigi.IntParameter(positional=False, default=0)
        b = luigi.DateParameter(default=None)
        c = luigi.DateParameter(default=None)

        def complete(self):
            return False

    bounds = {"of": Two, "now": NOW, "start": date(2020, 1, 1), "stop": date(2020, 1, 2)}
    (first,) = RangeDailyBase(**bounds, of_params={"a": 7, "c": None}).requires()
    assert (first.a, first.b, first.c) == (7, date(2020, 1, 1), None)
    (named,) = RangeDailyBase(**bounds, param_name="c").requires()
    assert (named.b, named.c) == (None, date(2020, 1, 1))


def test_the_task_must_have_a_parameter_to_range_over():
    class Without(luigi.Task):
        x = luigi.Parameter(positional=False, default="")

    with pytest.raises(ParameterException, match="Without has no positional parameter to range over"):
        RangeDailyBase(of=Without, now=NOW, start=date(2020, 1, 1)).requires()


def test_positional_arguments_come_in_luigis_order():
    task = RangeDaily(Day, {"x": 4}, True, 7, NOW, date(2020, 1, 1), date(2020, 2, 1), 5, 6)
    assert str(task) == (
        f'RangeDaily(of=Day, of_params={{"x": 4}}, reverse=True, task_limit=7, now={NOW}, param_name=None, '
        "start=2020-01-01, stop=2020-02-01, days_back=5, days_forward=6)"
    )
    assert [name for name, _ in RangeBase.get_params()] == [
        *("of", "of_params", "start", "stop", "reverse", "task_limit", "now", "param_name"),
    ]
    assert [name for name, _ in RangeByMinutes.get_params()[-5:]] == [
        *("start", "stop", "minutes_back", "minutes_forward", "minutes_interval"),
    ]
    with pytest.raises(MissingParameterException):
        RangeDaily(start=date(2020, 1, 1))


def test_task_ids_are_luigis():
    class U(luigi.Task):
        d = luigi.DateParameter()

    class M(luigi.Task):
        h = luigi.DateMinuteParameter()

    # as Luigi 3.8.1 gives them
    task = RangeDailyBase(of=U, now=NOW, start=date(2020, 1, 1), stop=date(2020, 1, 7))
    assert task.task_id == "RangeDailyBase_100_0_1578659696_55810e98cd"
    task = RangeByMinutesBase(of=M, now=NOW, start=at(2020, 1, 10, 11, 55), minutes_interval=5)
    assert task.task_id == "RangeByMinutesBase_1440_0_5_21deb1b77f"


def test_a_range_survives_the_way_through_the_scheduler():
    task = RangeDaily(of=Day, start=date(2020, 1, 1))
    assert task.to_str_params()["now"] == task.to_str_params()["stop"] == "None"
    again = RangeDaily.from_str_params(task.to_str_params())
    assert (again, again.now, again.stop, again.param_name) == (task, None, None, None)
    given = RangeDaily(of=Day, now=NOW, start=date(2020, 1, 1), param_name="d")
    again = RangeDaily.from_str_params(given.to_str_params())
    assert (again.now, again.param_name) == (NOW, "d")


def test_a_name_that_is_no_text_is_warned_of():
    with pytest.warns(UserWarning, match='Parameter "param_name" with value "3" is not of type string.'):
        RangeDaily(of=Day, start=date(2020, 1, 1), param_name=3)


def test_types_are_checked_where_that_is_asked_for(tmp_path):
    luigi.configuration.get_config().set("parameters", "check_types", "true")
    RangeDaily(of=Day, start=date(2020, 1, 1))
    with pytest.warns(UserWarning, match='Parameter "now" with value "x"'):
        RangeDaily(of=Day, start=date(2020, 1, 1), now="x")


# -- events and log -----------------------------------------------------------------------------------


def test_events_of_the_example(fired):
    made(RangeDailyBase, start=date(2020, 1, 1), stop=date(2020, 1, 7)).requires()
    assert [family for _, family, _ in fired] == ["Day"] * 3
    assert delay_count_fraction(fired) == (6, 3, 0.5)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        # what is too far away to be looked at counts as complete
        ({"start": date(2020, 1, 5), "stop": date(2020, 1, 30)}, (25, 22, 0.88)),
        ({"start": date(2020, 1, 5), "stop": date(2020, 1, 30), "days_back": 2}, (21, 24, 0.96)),
        ({"start": date(2010, 1, 5), "stop": date(2010, 2, 5)}, (0, 31, 1.0)),
        ({"start": date(2021, 1, 5), "stop": date(2021, 2, 5)}, (0, 31, 1.0)),
        ({"start": date(2021, 1, 5)}, (0, 0, 1)),
        ({"start": date(2020, 1, 2), "stop": date(2020, 1, 3)}, (0, 1, 1.0)),
    ],
)
def test_events_of_other_ranges(kwargs, expected, fired):
    made(RangeDailyBase, **kwargs).requires()
    assert delay_count_fraction(fired) == expected


def test_events_are_fired_once_per_object(fired):
    task = made(RangeDailyBase, start=date(2020, 1, 1), stop=date(2020, 1, 7))
    task.requires()
    task.complete()
    assert len(fired) == 3


def test_the_delay_is_counted_in_units(fired):
    made(RangeByMinutesBase, start=at(2020, 1, 10, 11, 57), minutes_interval=15).requires()
    assert delay_count_fraction(fired) == (2, 2, 2 / 3)


def test_the_log_says_what_is_looked_for(caplog):
    caplog.set_level(logging.DEBUG, "luigi-interface")
    made(RangeDailyBase, start=date(2020, 1, 1), stop=date(2020, 1, 7), task_limit=2).requires()
    made(RangeHourlyBase, start=at(2020, 1, 10, 12)).requires()
    made(RangeByMinutesBase, start=at(2020, 1, 10, 12, 34)).requires()
    made(RangeMonthly, start=date(2019, 11, 1), reverse=True).requires()
    made(RangeMonthly, start=date(2020, 1, 1)).requires()
    assert [record.getMessage() for record in caplog.records if record.levelname == "DEBUG"] == [
        "Actually checking if range [2020-01-01, 2020-01-06] of Day is complete",
        "Range [2020-01-01, 2020-01-06] lacked 3 of expected 6 Day instances",
        "Requiring 2 missing Day instances in range [2020-01-01, 2020-01-03]",
        "Actually checking if range [2020-01-10T12, 2020-01-10T12] of Hour is complete",
        "Range [2020-01-10T12, 2020-01-10T12] lacked 0 of expected 1 Hour instances",
        "Actually checking if range [2020-01-10T1234, 2020-01-10T1234] of Minute is complete",
        "Range [2020-01-10T1234, 2020-01-10T1234] lacked 0 of expected 1 Minute instances",
        "Actually checking if range [2019-11, 2019-12] of Month is complete",
        "Range [2019-11, 2019-12] lacked 1 of expected 2 Month instances",
        "Requiring 1 missing Month instances in range [2019-11, 2019-11]",
        "Empty range. No Month instances expected",
    ]


def test_reverse_is_logged_from_old_to_new(caplog):
    caplog.set_level(logging.DEBUG, "luigi-interface")
    made(RangeDailyBase, start=date(2020, 1, 1), stop=date(2020, 1, 7), reverse=True).requires()
    assert caplog.messages[-1] == "Requiring 3 missing Day instances in range [2020-01-01, 2020-01-05]"


# -- subclasses ---------------------------------------------------------------------------------------


def test_the_base_leaves_the_unit_to_its_subclasses():
    task = RangeBase(of=Day, start="a", stop="b")
    with pytest.raises(NotImplementedError, match=r"RangeBase does not define moving_start\(\)"):
        task.requires()
    for call in (
        lambda: task.datetime_to_parameter(at(2020, 1, 1)),
        lambda: task.parameter_to_datetime("x"),
        lambda: task.datetime_to_parameters(at(2020, 1, 1)),
        lambda: task.parameters_to_datetime({}),
        lambda: task.moving_stop(at(2020, 1, 1)),
        lambda: task.finite_datetimes(at(2020, 1, 1), at(2020, 1, 2)),
        lambda: task._format_datetime(at(2020, 1, 1)),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_a_unit_of_ones_own():
    class Yearly(RangeBase):
        start = luigi.IntParameter(default=None)
        stop = luigi.IntParameter(default=None)

        def datetime_to_parameter(self, dt):
            return dt.year

        def parameter_to_datetime(self, p):
            return at(p, 1, 1)

        def moving_start(self, now):
            return at(now.year - 10, 1, 1)

        def moving_stop(self, now):
            return now

        def finite_datetimes(self, finite_start, finite_stop):
            return [at(year, 1, 1) for year in range(finite_start.year, finite_stop.year)]

    class Year(luigi.Task):
        year = luigi.IntParameter()

        def complete(self):
            return self.year != 2015

    assert Yearly(of=Year, now=NOW, start=2014).requires() == [Year(2015)]


@pytest.mark.parametrize("cls", [RangeDailyBase, RangeHourlyBase, RangeByMinutesBase, RangeMonthly])
def test_conversions(cls):
    task = made(cls, start=at(2020, 1, 1), of_params={})
    (name, _), *_ = OF[cls].get_params()
    moment = at(2020, 3, 31, 5, 7, 9, 11)
    unit = {
        RangeDailyBase: (date(2020, 3, 31), at(2020, 3, 31)),
        RangeHourlyBase: (moment, moment),
        RangeByMinutesBase: (moment, at(2020, 3, 31, 5, 7)),
        RangeMonthly: (date(2020, 3, 1), at(2020, 3, 1)),
    }[cls]
    assert (task.datetime_to_parameter(moment), task.parameters_to_datetime({name: moment, "x": 1})) == unit
    assert set(task.datetime_to_parameters(moment)) == {name}
    with pytest.raises(KeyError):
        task.parameters_to_datetime({"x": 1})


def test_an_overridden_missing_datetimes_decides():
    class Own(RangeDailyBase):
        def missing_datetimes(self, finite_datetimes):
            return set(finite_datetimes[1:])

    assert points(Own(of=Day, now=NOW, start=date(2020, 1, 7))) == days(8, 9, 10)


def test_missing_datetimes_with_two_arguments_still_works():
    class Outdated(RangeDailyBase):
        def missing_datetimes(self, task_cls, finite_datetimes):
            assert task_cls is Day
            return finite_datetimes[:1]

    with pytest.warns(
        UserWarning, match=r"missing_datetimes\(\) should only take 1 argument \(see latest docs\)"
    ):
        assert points(Outdated(of=Day, now=NOW, start=date(2020, 1, 7))) == days(7)


def test_a_type_error_inside_missing_datetimes_comes_through():
    class Faulty(RangeDailyBase):
        def missing_datetimes(self, finite_datetimes):
            raise TypeError("of its own")

    with warnings.catch_warnings(), pytest.raises(TypeError, match="of its own"):
        warnings.simplefilter("error")
        Faulty(of=Day, now=NOW, start=date(2020, 1, 7)).requires()


def test_the_class_may_be_named():
    task = RangeDailyBase(of="Day", now=NOW, start=date(2020, 1, 9))
    assert task.to_str_params()["of"] == "Day"
    with pytest.warns(UserWarning, match='When using Range programatically, dont pass "of" param as string!'):
        assert points(task) == days(9)


# -- bulk_complete ------------------------------------------------------------------------------------


def test_bulk_complete_is_asked_with_the_further_arguments():
    asked = []

    class Bulk(luigi.Task):
        d = luigi.DateParameter()
        x = luigi.IntParameter(default=1)

        @classmethod
        def bulk_complete(cls, parameter_tuples):
            assert isinstance(cls, functools.partial)
            assert iter(parameter_tuples) is parameter_tuples
            asked.extend(map(cls, parameter_tuples))
            return (task.d for task in asked if task.d.day % 2)

        def complete(self):
            raise AssertionError("asked one by one")

    task = RangeDaily(of=Bulk, now=NOW, start=date(2020, 1, 1), stop=date(2020, 1, 5), of_params={"x": 2})
    assert points(task) == days(2, 4)
    assert asked == [Bulk(d=day, x=2) for day in days(1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("cls", "parameter", "kind"),
    [(RangeHourly, luigi.DateHourParameter, list), (RangeByMinutes, luigi.DateMinuteParameter, map)],
)
def test_bulk_complete_of_hours_and_minutes(cls, parameter, kind):
    class Bulk(luigi.Task):
        t = parameter()

        @classmethod
        def bulk_complete(cls, parameter_tuples):
            assert type(parameter_tuples) is kind
            return list(parameter_tuples)[1:]

    assert points(cls(of=Bulk, now=NOW, start=at(2020, 1, 10, 9))) == [at(2020, 1, 10, 9)]


def test_a_bulk_complete_that_is_no_class_method():
    class Bulk(luigi.Task):
        d = luigi.DateParameter()

        @staticmethod
        def bulk_complete(parameter_tuples):
            return [day for day in parameter_tuples if day.day % 2]

    assert points(RangeDaily(of=Bulk, now=NOW, start=date(2020, 1, 7))) == days(8, 10)


def test_what_bulk_complete_raises_comes_through():
    class Bulk(luigi.Task):
        d = luigi.DateParameter()

        @classmethod
        def bulk_complete(cls, parameter_tuples):
            raise ValueError("no database")

    with pytest.raises(ValueError, match="no database"):
        RangeDaily(of=Bulk, now=NOW, start=date(2020, 1, 7)).requires()


def test_the_naive_mixin_works_with_ranges():
    class Naive(luigi.task.MixinNaiveBulkComplete, Day):
        pass

    assert points(RangeDaily(of=Naive, now=NOW, start=date(2020, 1, 5))) == days(5, 7, 9)


# -- runs ---------------------------------------------------------------------------------------------


class Written(luigi.Task):
    folder = luigi.Parameter()
    d = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.d:%Y/%m/%d}/out.txt")

    def run(self):
        with self.output().open("w") as out:
            out.write("x")


def test_each_run_goes_on_where_the_last_one_stopped(tmp_path):
    def run():
        task = RangeDaily(
            of=Written,
            of_params={"folder": str(tmp_path)},
            param_name="d",
            now=NOW,
            start=date(2020, 1, 1),
            task_limit=4,
        )
        assert luigi.build([task], local_scheduler=True, log_level="CRITICAL")
        luigi.task_register.Register.clear_instance_cache()
        return len(list(tmp_path.rglob("out.txt")))

    assert [run() for _ in range(4)] == [4, 8, 10, 10]


def test_a_range_can_be_a_dynamic_dependency(tmp_path):
    class Asking(luigi.Task):
        done = False

        def run(self):
            yield RangeDaily(
                of=Written,
                of_params={"folder": str(tmp_path)},
                param_name="d",
                start=date(2020, 1, 1),
                stop=date(2020, 1, 3),
                days_back=100_000,
            )
            Asking.done = True

        def complete(self):
            return Asking.done

    assert luigi.build([Asking()], local_scheduler=True, log_level="CRITICAL", workers=1)
    assert Asking.done
    assert len(list(tmp_path.rglob("out.txt"))) == 2


def test_the_classes_say_that_they_live_where_luigi_has_them():
    for name in ("RangeBase", "RangeDaily", "RangeHourly", "RangeByMinutes", "RangeMonthly", "RangeEvent"):
        assert getattr(ranges, name).__module__ == "luigi_clone.tools.range"
    assert RangeDaily(of=Day, start=date(2020, 1, 1)).task_module == "luigi.tools.range"
