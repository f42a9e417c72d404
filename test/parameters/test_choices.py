"""Enumerations, listed choices, task classes and paths."""

from __future__ import annotations

import enum
import os
import pathlib
import subprocess
import sys

import luigi
import pytest
from luigi.parameter import ParameterException
from luigi.task_register import TaskClassNotFoundException


class Color(enum.Enum):
    RED = 1
    BLUE = 2


def test_enum():
    param = luigi.EnumParameter(enum=Color)
    assert param.parse("RED") is Color.RED
    assert param.serialize(Color.BLUE) == "BLUE"
    assert param._enum is Color
    for text in ("red", "1", ""):
        with pytest.raises(ValueError, match=r"^Invalid enum value - could not be parsed$"):
            param.parse(text)


@pytest.mark.parametrize("cls", [luigi.EnumParameter, luigi.parameter.EnumListParameter])
def test_an_enum_is_needed(cls):
    with pytest.raises(ParameterException, match=r"^An enum class must be specified\.$"):
        cls()


def test_enum_lists():
    param = luigi.parameter.EnumListParameter(enum=Color)
    assert param.parse("RED,BLUE,RED") == (Color.RED, Color.BLUE, Color.RED)
    assert param.parse("") == ()
    assert param.parse(["RED"]) == (Color.RED,)
    assert param.serialize((Color.RED, Color.BLUE)) == "RED,BLUE"
    with pytest.raises(ValueError, match=r'^Invalid enum value " BLUE" index 1 - could not be parsed$'):
        param.parse("RED, BLUE")


def test_choices():
    param = luigi.ChoiceParameter(choices=["b", "a"], description="Which.")
    assert param.parse("a") == "a"
    assert param.description == "Which. Choices: {b, a}"
    assert luigi.ChoiceParameter(choices=["a"]).description == "Choices: {a}"
    assert (param._choices, param._var_type) == ({"a", "b"}, str)
    for check in (param.parse, param.normalize):
        with pytest.raises(ValueError, match=r"^c is not a valid choice from \{'b', 'a'\}$"):
            check("c")


def test_choices_of_another_type():
    param = luigi.ChoiceParameter(choices=[1, 2], var_type=int)
    assert param.parse("2") == 2
    with pytest.raises(ValueError, match=r"^3 is not a valid choice from \{1, 2\}$"):
        param.parse("3")
    with pytest.raises(AssertionError, match=r"^Invalid type in choices$"):
        luigi.ChoiceParameter(choices=[1, True], var_type=bool)
    with pytest.raises(AssertionError, match=r"^Invalid type in choices$"):
        luigi.ChoiceParameter(choices=["1"], var_type=int)


def test_choices_from_any_iterable():
    assert luigi.ChoiceParameter(choices=(c for c in "ab")).parse("b") == "b"
    with pytest.raises(ParameterException, match=r"^A choices iterable must be specified$"):
        luigi.ChoiceParameter()
    with pytest.raises(ValueError, match=r"^a is not a valid choice from set\(\)$"):
        luigi.ChoiceParameter(choices=[]).parse("a")


def test_added_choices_count():
    param = luigi.ChoiceParameter(choices=["a"])
    param._choices.add("b")
    assert param.parse("b") == "b"
    with pytest.raises(ValueError, match=r"from \{'a', 'b'\}$"):
        param.parse("c")


def test_a_bad_default_fails_when_the_task_is_made():
    class T(luigi.Task):
        x = luigi.ChoiceParameter(choices=["a"], default="b")

    with pytest.raises(ValueError, match=r"^b is not a valid choice from"):
        T()


def test_choice_lists():
    param = luigi.parameter.ChoiceListParameter(choices=["a", "b"])
    assert param.parse("b,a,b") == ("b", "a", "b")
    assert param.parse("") == ()
    assert param.parse(["a"]) == ("a",)
    assert param.normalize(["a"]) == ("a",)
    assert param.serialize(("a", "b")) == "a,b"
    assert param._sep == ","
    for check, value in ((param.parse, "a,c"), (param.normalize, ["c"])):
        with pytest.raises(ValueError, match=r"^c is not a valid choice from"):
            check(value)
    assert luigi.parameter.ChoiceListParameter((), int, [1, 2]).parse("1,2") == (1, 2)


def test_choices_in_a_set_are_shown_in_the_same_order_in_every_process():
    code = "import luigi_clone.parameter as p; print(p.ChoiceParameter(choices=set('abcdefgh')).description)"
    shown = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert shown == {"Choices: {a, b, c, d, e, f, g, h}\n"}


# ---- task classes


def test_tasks():
    class Other(luigi.Task):
        task_namespace = "of.tests"

    param = luigi.TaskParameter()
    assert param.parse("of.tests.Other") is Other
    assert param.serialize(Other) == "of.tests.Other"
    with pytest.raises(TaskClassNotFoundException):
        param.parse("NoSuchTaskAtAll")
    with pytest.raises(AttributeError, match="'str' object has no attribute 'get_task_family'"):
        param.serialize("Other")


# ---- paths


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    param = luigi.PathParameter()
    assert param.parse("a/b") == "a/b"
    assert param.normalize("a/b") == pathlib.Path("a/b")
    assert param.normalize("") == pathlib.Path()
    assert param.serialize(pathlib.Path("a/b")) == "a/b"
    assert luigi.PathParameter(absolute=True).normalize("x") == tmp_path / "x"
    both = luigi.PathParameter(absolute=True, exists=True)
    assert both.normalize("there") == tmp_path / "there"
    with pytest.raises(ValueError) as error:
        both.normalize("missing")
    assert str(error.value) == f"The path {tmp_path / 'missing'} does not exist."
    with pytest.raises(ValueError, match=r"^The path missing does not exist\.$"):
        luigi.PathParameter(exists=True).normalize("missing")
    assert (both.absolute, both.exists) == (True, True)


def test_paths_are_looked_at_anew_for_each_task(tmp_path, monkeypatch):
    class T(luigi.Task):
        place = luigi.PathParameter(absolute=True, default="x")

    monkeypatch.chdir(tmp_path)
    assert T().place == tmp_path / "x"
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert T().place == tmp_path / "sub" / "x"
