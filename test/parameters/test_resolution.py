"""When the resolved default of a parameter may be kept, and what makes it stale."""

from __future__ import annotations

import datetime
import functools
import operator

import luigi
import pytest
from luigi.parameter import OptionalDateParameter, OptionalPathParameter

from luigi_clone._parameters.base import ParameterMeta
from luigi_clone.configuration import get_config
from luigi_clone.configuration.generation import RESOLUTION


@pytest.mark.parametrize(
    "param",
    [
        luigi.Parameter(default="x"),
        luigi.IntParameter(),
        luigi.OptionalIntParameter(),
        luigi.BoolParameter(),
        luigi.DateParameter(),
        OptionalDateParameter(),
        luigi.MonthParameter(default=datetime.date(2020, 1, 1)),
        luigi.DateMinuteParameter(),
        luigi.TimeDeltaParameter(),
        luigi.DateIntervalParameter(),
        luigi.PathParameter(),
        luigi.ListParameter(default=(1, ("a",))),
        luigi.DictParameter(schema={"type": "object"}),
        luigi.ChoiceParameter(choices=["a"]),
        luigi.NumericalParameter(var_type=int, min_value=0, max_value=1, left_op=operator.lt),
    ],
    ids=lambda param: type(param).__name__,
)
def test_pure(param):
    assert param._resolution_is_pure()


class _Validator:
    def validate(self, value):
        pass


class _Mine(luigi.IntParameter):
    def parse(self, x):
        return super().parse(x)


def _replaced():
    param = luigi.Parameter()
    param.normalize = str.strip
    return param


@pytest.mark.parametrize(
    "param",
    [
        _Mine(),
        _replaced(),
        luigi.Parameter(config_path={"section": "s", "name": "n"}),
        luigi.PathParameter(absolute=True),
        luigi.PathParameter(exists=True),
        OptionalPathParameter(exists=True),
        luigi.TaskParameter(),
        luigi.ListParameter(default=[1]),
        luigi.ListParameter(default=({},)),
        luigi.DictParameter(default={}),
        luigi.DictParameter(schema=_Validator()),
        luigi.NumericalParameter(var_type=complex, min_value=0, max_value=1),
    ],
    ids=lambda param: type(param).__name__,
)
def test_not_pure(param):
    assert not param._resolution_is_pure()


def test_a_wrapped_method_is_not_taken_for_the_original(monkeypatch):
    original = luigi.Parameter._parse_or_no_value
    monkeypatch.setattr(
        luigi.Parameter, "_parse_or_no_value", functools.wraps(original)(lambda self, x: original(self, x))
    )
    assert not luigi.Parameter()._resolution_is_pure()


def test_changes_are_counted():
    class Mine(luigi.Parameter):
        pass

    param = Mine(default="x")

    def changes(action):
        before = RESOLUTION.number
        action()
        return RESOLUTION.number > before

    assert changes(lambda: setattr(param, "_default", "y"))
    assert not changes(lambda: setattr(param, "_default", param._default))
    assert changes(lambda: setattr(Mine, "parse", lambda self, x: x))
    assert changes(lambda: delattr(Mine, "parse"))
    assert changes(lambda: setattr(param, "parse", str))
    assert changes(lambda: delattr(param, "parse"))
    assert not changes(lambda: luigi.Parameter(default="x"))
    assert not changes(lambda: luigi.ChoiceListParameter(choices=["a"], default=()))


def test_tasks_see_every_change(monkeypatch):
    class T(luigi.Task):
        n = luigi.IntParameter(default=1)

    assert T().n == 1
    T.n._default = 2
    assert T().n == 2
    get_config().set("T", "n", "3")
    assert T().n == 3
    get_config().remove_option("T", "n")
    assert T().n == 2
    monkeypatch.setattr(luigi.IntParameter, "normalize", lambda self, x: x + 40)
    assert T().n == 42
    monkeypatch.undo()
    assert T().n == 2


def test_a_default_that_changes_in_place():
    names = ["a"]

    class T(luigi.Task):
        names_ = luigi.ListParameter(default=names)

    assert T().names_ == ("a",)
    names.append("b")
    assert T().names_ == ("a", "b")


def test_parameter_classes_share_a_metaclass():
    assert isinstance(luigi.Parameter, ParameterMeta)
    assert isinstance(luigi.parameter.OptionalParameterMixin, ParameterMeta)


def test_a_toml_file(tmp_path, monkeypatch):
    from luigi_clone.configuration import core, toml_parser

    file = tmp_path / "luigi.toml"
    file.write_text(
        """
        [Typed]
        number = 3
        text = "3"
        day = 2020-01-02
        hour = 2020-01-02T03:00:00
        names = ["a", ["b"]]
        pair = [1, 2]
        choices = ["b", "a"]
        year = 2015
        seconds = 90
        maybe = 7
        flag = true
        [Typed.options]
        key = [1]
        """
    )
    monkeypatch.setattr(core, "DEFAULT_PARSER", "toml", raising=False)
    monkeypatch.setattr(toml_parser.LuigiTomlParser, "_config_paths", [str(file)])

    class Typed(luigi.Task):
        number = luigi.IntParameter()
        text = luigi.Parameter()
        day = luigi.DateParameter()
        hour = luigi.DateHourParameter()
        names = luigi.ListParameter()
        pair = luigi.TupleParameter()
        choices = luigi.parameter.ChoiceListParameter(choices=["a", "b"])
        year = luigi.DateIntervalParameter()
        seconds = luigi.TimeDeltaParameter()
        maybe = luigi.OptionalIntParameter()
        flag = luigi.BoolParameter()
        options = luigi.DictParameter()

    assert Typed().param_kwargs == {
        "number": 3,
        "text": "3",
        "day": datetime.date(2020, 1, 2),
        "hour": datetime.datetime(2020, 1, 2, 3),
        "names": ("a", ("b",)),
        "pair": (1, 2),
        "choices": ("b", "a"),
        "year": luigi.date_interval.Year(2015),
        "seconds": datetime.timedelta(seconds=90),
        "maybe": 7,
        "flag": True,
        "options": {"key": (1,)},
    }
