"""Mistakes: both type checkers are to find something in each line marked ``# bad``, and nowhere else."""

from __future__ import annotations

import datetime
import enum
import pathlib

import luigi
from luigi.util import requirements  # bad


class Size(enum.Enum):
    SMALL = 1


class Colour(enum.Enum):
    RED = 1


# -- values


class Plain(luigi.Task):
    whole = luigi.IntParameter()
    text = luigi.Parameter()
    day = luigi.DateParameter()
    maybe = luigi.OptionalIntParameter()
    size = luigi.EnumParameter(enum=Size)
    listed = luigi.ListParameter[tuple[int, ...]]()
    options = luigi.DictParameter()
    path = luigi.PathParameter()
    choices = luigi.ChoiceListParameter(choices=["a"])

    def run(self) -> None:
        self.whole.upper()  # bad
        self.text + 1  # bad
        self.day.hour  # bad
        self.maybe + 1  # bad
        self.size.nme  # bad
        self.listed[0].upper()  # bad
        self.listed.append(3)  # bad
        self.options["a"] = 1  # bad
        self.path + "/x"  # bad
        self.choices.upper()  # bad
        self.unknown  # bad
        self.maybe = None
        self.set_status_message()  # bad
        self.clone(Clean).day.month
        self.clone(Clean).nothing  # bad
        Plain(whole=1).nothing  # bad


def assign(task: Plain) -> None:
    task.whole = "a"  # bad
    task.whole = None  # bad
    task.maybe = "a"  # bad


# -- declarations


class Declarations(luigi.Task):
    whole = luigi.IntParameter(default="a")  # bad
    text = luigi.Parameter(defualt="a")  # bad
    day = luigi.DateParameter(default="2024-01-01")  # bad
    maybe = luigi.OptionalIntParameter(default="a")  # bad
    listed = luigi.ListParameter(default=3)  # bad
    options = luigi.DictParameter(default=[1])  # bad
    path = luigi.PathParameter(default=3)  # bad
    number = luigi.NumericalParameter(var_type=int, min_value="a", max_value=3)  # bad
    significant = luigi.Parameter(significant="no", visibility="private")  # bad
    missing = luigi.NoSuchParameter()  # bad


class WrongAnnotations(luigi.Task):
    whole: luigi.IntParameter = luigi.FloatParameter()  # bad
    value: int = luigi.IntParameter()  # bad
    size: luigi.EnumParameter[Size] = luigi.EnumParameter(enum=Colour)  # bad
    small: luigi.EnumParameter[Size] = luigi.EnumParameter(enum=Size, default=Colour.RED)  # bad
    choice: luigi.ChoiceParameter[int] = luigi.ChoiceParameter(choices=["a"], var_type=int)  # bad


class WrongSettings(luigi.Task):
    task_namespace = 3  # bad


# -- constructors


class Clean(luigi.Task):
    day: luigi.DateParameter = luigi.DateParameter()
    whole: luigi.IntParameter = luigi.IntParameter(default=1)
    names: luigi.ListParameter[tuple[str, ...]] = luigi.ListParameter(default=())
    size: luigi.EnumParameter[Size] = luigi.EnumParameter(enum=Size)
    maybe: luigi.OptionalIntParameter = luigi.OptionalIntParameter()
    path: luigi.PathParameter = luigi.PathParameter(default="x")


class Derived(Clean):
    extra: luigi.Parameter[str] = luigi.Parameter(default="x")


TODAY = datetime.date(2024, 1, 1)
Clean(day="2024-01-01")  # bad
Clean(whole="a")  # bad
Clean(whole=None)  # bad
Clean(names=3)  # bad
Clean(names=(1, 2))  # bad
Clean(size=Colour.RED)  # bad
Clean(maybe="a")  # bad
Clean(path=3)  # bad
Clean(wohle=1)  # bad
Clean("2024-01-01")  # bad
Clean(TODAY, "a")  # bad
Clean(TODAY, 1, (), Size.SMALL, None, pathlib.Path("x"), 3)  # bad
Clean(TODAY, day=TODAY)  # bad
Derived(day=3)  # bad
Derived(extra=3)  # bad
Derived(other=3)  # bad

# -- functions

succeeded: str = luigi.build([Clean()])  # bad
luigi.build(Clean)  # bad
result = luigi.build([Clean()], detailed_summary=True)
result.stauts  # bad
luigi.LocalTarget(pth="x")  # bad
luigi.LuigiStatusCode.SUCESS  # bad
print(luigi.Taks)  # bad
