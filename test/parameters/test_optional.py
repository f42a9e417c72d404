"""Parameters whose value may be None."""

from __future__ import annotations

import datetime
import pathlib
import warnings

import luigi
import luigi.parameter
import pytest
from luigi.freezing import FrozenOrderedDict
from luigi.parameter import OptionalParameterMixin, OptionalParameterTypeWarning, _no_value

NUMERICAL = {"var_type": int, "min_value": 0, "max_value": 3}
CLASSES = [
    (luigi.OptionalParameter, {}, str, "x", "x"),
    (luigi.OptionalStrParameter, {}, str, "x", "x"),
    (luigi.OptionalIntParameter, {}, int, "3", 3),
    (luigi.OptionalFloatParameter, {}, float, "3", 3.0),
    (luigi.OptionalBoolParameter, {}, bool, "true", True),
    (
        luigi.parameter.OptionalDateParameter,
        {},
        datetime.date,
        "2020-01-02",
        datetime.date(2020, 1, 2),
    ),
    (luigi.OptionalDictParameter, {}, FrozenOrderedDict, '{"a": 1}', FrozenOrderedDict(a=1)),
    (luigi.OptionalListParameter, {}, tuple, "[1]", (1,)),
    (luigi.OptionalTupleParameter, {}, tuple, "(1,)", (1,)),
    (luigi.OptionalPathParameter, {}, (str, pathlib.Path), "a", pathlib.Path("a")),
    (luigi.OptionalChoiceParameter, {"choices": ["a"]}, str, "a", "a"),
    (luigi.OptionalNumericalParameter, NUMERICAL, int, "1", 1),
]
each_class = pytest.mark.parametrize(
    ("cls", "kwargs", "expected", "text", "value"), CLASSES, ids=[cls.__name__ for cls, *_ in CLASSES]
)


@each_class
def test_texts(cls, kwargs, expected, text, value):
    param = cls(**kwargs)
    assert param.normalize(param.parse(text)) == value
    assert param.normalize(param.parse("")) is None
    assert param.parse(None) is None
    assert param.parse(3) == 3
    assert param.normalize(None) is None
    assert param.serialize(None) == ""
    assert param.normalize(param.parse(param.serialize(value))) == value
    assert param.next_in_enumeration(value) is None


@each_class
def test_types(cls, kwargs, expected, text, value):
    param = cls(**kwargs)
    assert param.expected_type == expected
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        param._warn_on_wrong_param_type("p", value)
        param._warn_on_wrong_param_type("p", None)
    with pytest.warns(OptionalParameterTypeWarning, match=f'^{cls.__name__} "p" with value "1j" is not of'):
        param._warn_on_wrong_param_type("p", 1j)


@each_class
def test_defaults(cls, kwargs, expected, text, value):
    required = cls in (luigi.OptionalChoiceParameter, luigi.OptionalNumericalParameter)
    assert cls(**kwargs)._default is (_no_value if required else None)
    assert cls(None, **kwargs)._default is None
    assert cls(value, **kwargs).task_value("F", "p") == value


def test_how_the_warning_reads():
    with pytest.warns(
        OptionalParameterTypeWarning,
        match=r'^OptionalIntParameter "p" with value "x" is not of type "int" or None.$',
    ):
        luigi.OptionalIntParameter()._warn_on_wrong_param_type("p", "x")
    with pytest.warns(
        OptionalParameterTypeWarning,
        match=r'^OptionalPathParameter "p" with value "3" is not of any type in \["str", "Path"\] or None.$',
    ):
        luigi.OptionalPathParameter()._warn_on_wrong_param_type("p", 3)


def test_arguments_of_the_underlying_class(tmp_path):
    assert luigi.OptionalPathParameter(absolute=True).normalize("x").is_absolute()
    assert luigi.OptionalChoiceParameter(None, int, [1, 2]).parse("2") == 2
    assert luigi.OptionalBoolParameter(parsing="explicit").parsing == "explicit"
    assert luigi.parameter.OptionalDateParameter(interval=7).interval == 7


def test_ones_own_optional_class():
    class Even(luigi.IntParameter):
        def normalize(self, x):
            return x - x % 2

    class OptionalEven(OptionalParameterMixin, Even):
        expected_type = int

    param = OptionalEven()
    assert (param._default, param.normalize(3), param.normalize(None), param.parse("5")) == (None, 2, None, 5)
    assert OptionalParameterMixin.expected_type is type(None)


def test_tasks():
    class T(luigi.Task):
        n = luigi.OptionalIntParameter()
        name = luigi.OptionalParameter(default="x")

    assert (T().n, T().name) == (None, "x")
    assert T(n=None, name=None).to_str_params() == {"n": "", "name": ""}
    assert T.from_str_params({"n": "", "name": ""}) is T(n=None, name=None)
    with pytest.warns(OptionalParameterTypeWarning):
        T(n="text")
