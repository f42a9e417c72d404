"""``--no-progress`` among the flags that there are anyway."""

from __future__ import annotations

import luigi
import pytest
from luigi.cmdline_parser import CmdlineParser

from luigi_clone.cmdline_parser import NO_PROGRESS


class Plain(luigi.Task):
    x = luigi.Parameter(default="")


class Own(luigi.Task):
    no_progress = luigi.Parameter(default="")


class Negated(luigi.Task):
    progress = luigi.BoolParameter(default=True)


class Longer(luigi.Task):
    no_progress_bars = luigi.Parameter(default="")


def is_off(arguments: str) -> bool:
    known = CmdlineParser(arguments.split()).known_args
    return bool(getattr(known, NO_PROGRESS, None))


@pytest.mark.parametrize(
    ("arguments", "off"),
    [
        ("Plain", False),
        ("Plain --no-progress", True),
        ("--no-progress Plain", True),
        ("Plain --no-progress --x 1", True),
        # read by argparse: abbreviations
        ("Plain --no-progress --local-sch", True),
        ("Plain --local-sch", False),
    ],
)
def test_it_may_stand_anywhere(arguments, off):
    assert is_off(arguments) is off


@pytest.mark.parametrize("arguments", ["Own --no-progress yes", "Own --no-progress=yes"])
def test_a_parameter_of_that_name_is_the_tasks(arguments):
    parser = CmdlineParser(arguments.split())
    assert parser.get_task_obj().no_progress == "yes"
    assert not is_off(arguments)


@pytest.mark.parametrize("arguments", ["Negated --no-progress", "--no-progress Negated"])
def test_where_it_says_that_a_parameter_is_false_it_says_that(arguments):
    assert not is_off(arguments)
    with CmdlineParser.global_instance(arguments.split()) as parser:
        assert parser.get_task_obj().progress is False


def test_where_it_abbreviates_a_flag_of_the_task_it_does_that():
    assert CmdlineParser(["Longer", "--no-progress", "3"]).get_task_obj().no_progress_bars == "3"


@pytest.mark.parametrize("arguments", ["--no Plain", "Plain --no"])
def test_other_abbreviations_mean_what_they_meant(arguments):
    parser = CmdlineParser(arguments.split())
    assert parser.known_args.core_no_lock is True
    assert not is_off(arguments)


@pytest.mark.parametrize("arguments", ["Plain --no-progress=1", "Plain --no-progres"])
def test_anything_like_it_is_an_error(arguments, capsys):
    with pytest.raises(SystemExit):
        CmdlineParser(arguments.split())
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(("flag", "shown"), [("--help", False), ("--help-all", True)])
def test_help_all_knows_it(flag, shown, capsys):
    with pytest.raises(SystemExit):
        CmdlineParser(["Plain", flag])
    assert (NO_PROGRESS in capsys.readouterr().out) is shown
