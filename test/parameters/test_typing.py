"""What a type checker knows of the values of parameters."""

from __future__ import annotations

import re
import sys

import pytest

from test.console import ROOT

SOURCE = """
import enum
import luigi_clone.parameter as p
from luigi_clone.freezing import FrozenOrderedDict

class Color(enum.Enum):
    RED = 1

class Holder:
    text = p.Parameter()
    string = p.StrParameter()
    whole = p.IntParameter(default=1)
    decimal = p.FloatParameter()
    truth = p.BoolParameter()
    day = p.DateParameter()
    month = p.MonthParameter()
    hour = p.DateHourParameter()
    duration = p.TimeDeltaParameter()
    interval = p.DateIntervalParameter()
    color = p.EnumParameter(enum=Color)
    colors = p.EnumListParameter(enum=Color)
    listed = p.ListParameter[tuple[int, ...]]()
    mapping = p.DictParameter[FrozenOrderedDict[str, int]]()
    choice = p.ChoiceParameter(choices=["a"])
    number = p.NumericalParameter(var_type=int, min_value=0, max_value=1)
    path = p.PathParameter()
    of_type = p.Parameter[bytes]()
    maybe_text = p.OptionalParameter()
    maybe_whole = p.OptionalIntParameter()
    maybe_day = p.OptionalDateParameter()
    maybe_path = p.OptionalPathParameter()
    maybe_choice = p.OptionalChoiceParameter(choices=["a"])

def look(holder: Holder) -> None:
    reveal_type(holder.text)  # str
    reveal_type(holder.string)  # str
    reveal_type(holder.whole)  # int
    reveal_type(holder.decimal)  # float
    reveal_type(holder.truth)  # bool
    reveal_type(holder.day)  # datetime.date
    reveal_type(holder.month)  # datetime.date
    reveal_type(holder.hour)  # datetime.datetime
    reveal_type(holder.duration)  # datetime.timedelta
    reveal_type(holder.interval)  # luigi_clone.date_interval.DateInterval
    reveal_type(holder.color)  # holder.Color
    reveal_type(holder.colors)  # tuple[holder.Color, ...]
    reveal_type(holder.listed)  # tuple[int, ...]
    reveal_type(holder.mapping)  # luigi_clone.freezing.FrozenOrderedDict[str, int]
    reveal_type(holder.choice)  # str
    reveal_type(holder.number)  # int
    reveal_type(holder.path)  # pathlib.Path
    reveal_type(holder.of_type)  # bytes
    reveal_type(holder.maybe_text)  # str | None
    reveal_type(holder.maybe_whole)  # int | None
    reveal_type(holder.maybe_day)  # datetime.date | None
    reveal_type(holder.maybe_path)  # pathlib.Path | None
    reveal_type(holder.maybe_choice)  # str | None
    reveal_type(Holder.whole)  # luigi_clone._parameters.numbers.IntParameter
    holder.whole = "x"
    p.IntParameter(default="x")
    p.IntParameter(no_such_argument=1)
"""
EXPECTED = re.findall(r"reveal_type\(\w+\.(\w+)\)  # (.+)", SOURCE)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    api = pytest.importorskip("mypy.api")
    place = tmp_path_factory.mktemp("typing")
    file = place / "holder.py"
    file.write_text(SOURCE)
    options = ["--strict", "--config-file=", f"--cache-dir={place}", "--show-error-codes"]
    environment = pytest.MonkeyPatch()
    environment.setenv("MYPYPATH", str(ROOT))
    environment.setattr(sys, "argv", ["mypy"])
    try:
        out, err, _ = api.run([*options, "--follow-imports=silent", str(file)])
    finally:
        environment.undo()
    assert not err
    return out


@pytest.mark.slow
def test_the_values_have_the_types_of_the_parameters(report):
    revealed = [text.replace("builtins.", "") for text in re.findall(r'Revealed type is "(.+)"', report)]
    assert dict(zip([name for name, _ in EXPECTED[:-1]], revealed, strict=False)) == dict(EXPECTED[:-1])
    assert revealed[-1] == EXPECTED[-1][1]
    assert len(revealed) == len(EXPECTED)


@pytest.mark.slow
def test_mistakes_are_found(report):
    errors = re.findall(r"error: .*\[([\w-]+)\]", report)
    assert errors == ["assignment", "arg-type", "call-arg"]
