"""Shortcomings of Luigi's range tasks (document 04) that are mended here."""

from __future__ import annotations

import datetime
import warnings

import luigi
import pytest
from luigi.mock import MockTarget
from luigi.parameter import ParameterException
from luigi.tools.range import RangeDaily, RangeDailyBase

START = datetime.date(2020, 1, 1)
NOW = int(datetime.datetime(2020, 2, 1, tzinfo=datetime.timezone.utc).timestamp())


def required(of, **kwargs):
    return [task.d.day for task in RangeDaily(of=of, start=START, now=NOW, **kwargs).requires()]


def ranged(make_target):
    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def output(self):
            return make_target(self.d)

    return Ranged


def make(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def days(number):
    return [START + datetime.timedelta(day) for day in range(number)]


def test_04_01_files_in_many_directories_are_found(tmp_path):
    for day in days(20):
        make(tmp_path / day.strftime("%Y/%m/%d/out.txt"))
    of = ranged(lambda day: luigi.LocalTarget(f"{tmp_path}/{day:%Y/%m/%d}/out.txt"))
    assert required(of, stop=datetime.date(2020, 1, 22)) == [21]


def test_04_01_the_date_may_show_twice_in_a_path(tmp_path):
    for day in days(31):
        make(tmp_path / day.strftime("%Y/%m/%d/out-%Y-%m-%d.txt"))
    of = ranged(lambda day: luigi.LocalTarget(f"{tmp_path}/{day:%Y/%m/%d}/out-{day}.txt"))
    assert required(of, stop=datetime.date(2020, 1, 3)) == []


def test_04_01_directories_may_be_outputs(tmp_path):
    (tmp_path / "2020-01-01").mkdir()
    of = ranged(lambda day: luigi.LocalTarget(f"{tmp_path}/{day}"))
    assert required(of, stop=datetime.date(2020, 1, 3)) == [2]


def test_04_01_a_store_need_not_have_directories():
    for day in days(2):
        with MockTarget(f"/out/{day}").open("w"):
            pass
    of = ranged(lambda day: MockTarget(f"/out/{day}"))
    assert required(of, stop=datetime.date(2020, 1, 4)) == [3]


def test_04_20_a_task_without_outputs_is_asked():
    class Ranged(luigi.Task):
        d = luigi.DateParameter()

        def complete(self):
            return self.d.day != 2

    assert required(Ranged, stop=datetime.date(2020, 1, 4)) == [2]


def test_04_20_a_target_that_is_no_file_is_named():
    class PlainTarget(luigi.Target):
        def exists(self):
            return True

    with pytest.raises(
        NotImplementedError, match="Output targets must be instances of FileSystemTarget; was "
    ):
        required(ranged(lambda day: PlainTarget()))


def test_04_20_no_parameter_name_is_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RangeDailyBase(of=luigi.Task, start=START)


def test_04_20_the_class_may_be_given_by_its_name():
    class Named(luigi.Task):
        d = luigi.DateParameter()

        def complete(self):
            return self.d.day != 2

    with pytest.warns(UserWarning, match='When using Range programatically, dont pass "of" param as string!'):
        assert required("Named", stop=datetime.date(2020, 1, 4)) == [2]


def test_04_20_another_worker_can_make_the_same_range():
    task = RangeDailyBase(of=luigi.Task, start=START)
    assert RangeDailyBase.from_str_params(task.to_str_params()) == task


def test_04_20_a_task_without_a_parameter_to_range_over_is_refused():
    with pytest.raises(ParameterException):
        RangeDailyBase(of=luigi.Task, start=START, now=NOW).requires()


def test_04_20_no_task_at_all_is_a_limit_in_reverse_too():
    class Never(luigi.Task):
        d = luigi.DateParameter()

        def complete(self):
            return False

    task = RangeDailyBase(of=Never, start=START, now=NOW, task_limit=0, reverse=True)
    assert task.requires() == []
