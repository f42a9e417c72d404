"""Numbers and truth values: accepted texts and errors."""

from __future__ import annotations

import math
import operator

import luigi
import pytest
from luigi.parameter import ParameterException

INT, FLOAT, BOOL = luigi.IntParameter(), luigi.FloatParameter(), luigi.BoolParameter()


@pytest.mark.parametrize(("text", "value"), [("5", 5), (" 5 ", 5), ("1_000", 1000), ("-3", -3), (7.9, 7)])
def test_int(text, value):
    assert INT.parse(text) == value
    assert type(INT.parse(text)) is int


@pytest.mark.parametrize("text", ["5.0", "0x10", "", "nan", "inf", "1e3", "x"])
def test_no_int(text):
    with pytest.raises(ValueError, match=rf"^invalid literal for int\(\) with base 10: '{text}'$"):
        INT.parse(text)


@pytest.mark.parametrize(
    ("text", "value", "serialized"),
    [("5", 5.0, "5.0"), ("5.0", 5.0, "5.0"), ("inf", math.inf, "inf"), ("1e3", 1000.0, "1000.0")],
)
def test_float(text, value, serialized):
    assert FLOAT.parse(text) == value
    assert FLOAT.serialize(FLOAT.parse(text)) == serialized


def test_no_float():
    with pytest.raises(ValueError, match=r"^could not convert string to float: 'x'$"):
        FLOAT.parse("x")


def test_only_integers_have_a_successor():
    assert INT.next_in_enumeration(3) == 4
    assert FLOAT.next_in_enumeration(3.0) is None
    assert luigi.OptionalIntParameter().next_in_enumeration(3) is None


def test_values_given_as_such_are_not_checked():
    assert luigi.IntParameter(default="x").task_value("F", "p") == "x"


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("TRUE", True), ("False", False), (True, True), (False, False)]
)
def test_bool(text, value):
    assert BOOL.parse(text) is value
    assert BOOL.normalize(text) is value


@pytest.mark.parametrize("text", ["1", "yes", "on", "", "junk", 1, None])
def test_no_bool(text):
    with pytest.raises(ValueError, match=f"^cannot interpret '{text}' as boolean$"):
        BOOL.parse(text)
    assert BOOL.normalize(text) is None


def test_bool_is_false_when_nothing_is_given():
    assert BOOL.task_value("F", "p") is False
    assert luigi.OptionalBoolParameter()._default is None
    assert BOOL.serialize(True) == "True"


def test_a_subclass_of_bool_may_read_more():
    class YesNo(luigi.BoolParameter):
        def parse(self, x):
            return x == "yes" or (x != "no" and super().parse(x))

    assert YesNo().normalize("yes") is True
    assert YesNo().normalize("no") is False
    assert YesNo().normalize("perhaps") is None


# ---- numbers within a range

LIMITS = {"var_type": int, "min_value": 0, "max_value": 3}


@pytest.mark.parametrize(
    ("ops", "shown", "inside", "outside"),
    [
        ({}, "int in [0, 3)", "0", "3"),
        ({"left_op": operator.lt}, "int in (0, 3)", "1", "0"),
        ({"right_op": operator.le}, "int in [0, 3]", "3", "4"),
        ({"left_op": operator.lt, "right_op": operator.le}, "int in (0, 3]", "3", "0"),
    ],
)
def test_numerical(ops, shown, inside, outside):
    param = luigi.NumericalParameter(**LIMITS, **ops)
    assert param.parse(inside) == int(inside)
    assert (param._permitted_range, param.description) == (shown, f"permitted values: {shown}")
    with pytest.raises(ValueError) as error:
        param.parse(outside)
    assert str(error.value) == f"{outside} is not in the set of {shown}"


def test_numerical_attributes():
    param = luigi.NumericalParameter(**LIMITS, description="Some text.")
    assert param.description == "Some text. permitted values: int in [0, 3)"
    assert (param._var_type, param._min_value, param._max_value) == (int, 0, 3)
    assert (param._left_op, param._right_op) == (operator.le, operator.lt)
    assert param.normalize(99) == 99


@pytest.mark.parametrize("missing", list(LIMITS))
def test_numerical_needs_a_type_and_limits(missing):
    with pytest.raises(ParameterException, match=f"^{missing} must be specified$"):
        luigi.NumericalParameter(**{name: v for name, v in LIMITS.items() if name != missing})


def test_numerical_names_the_first_that_is_missing():
    with pytest.raises(ParameterException, match=r"^var_type must be specified$"):
        luigi.NumericalParameter()
    with pytest.raises(ParameterException, match=r"^min_value must be specified$"):
        luigi.NumericalParameter(var_type=int)
