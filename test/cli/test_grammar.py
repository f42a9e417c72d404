"""The grammar of the command line."""

from __future__ import annotations

import argparse
import re

import luigi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from luigi.cmdline_parser import CmdlineParser
from luigi.task_register import TaskClassAmbigiousException, TaskClassNotFoundException


@pytest.fixture(autouse=True)
def tasks():
    class Hello(luigi.Task):
        n = luigi.IntParameter(default=3, description="how many; 100%% of them, 50% at first")
        s = luigi.Parameter(default="x")
        flag = luigi.BoolParameter()
        sure = luigi.BoolParameter(parsing=luigi.BoolParameter.EXPLICIT_PARSING)
        long_name = luigi.Parameter(default="", significant=False)

    class Other(luigi.Task):
        task_namespace = "my.ns"
        a_b = luigi.Parameter(default="q", always_in_help=True)

    class Workers(luigi.Task):
        workers = luigi.IntParameter(default=1)

    return Hello, Other, Workers


def root(*arguments):
    with CmdlineParser.global_instance(arguments) as parser:
        return parser.get_task_obj()


def exit_of(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        CmdlineParser(arguments)
    return caught.value.code, capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("Hello", "Hello(n=3, s=x, flag=False, sure=False)"),
        ("Hello --n 5 --s=v --flag", "Hello(n=5, s=v, flag=True, sure=False)"),
        ("Hello --n -5", "Hello(n=-5, s=x, flag=False, sure=False)"),
        ("Hello --n 5 --n 6", "Hello(n=6, s=x, flag=False, sure=False)"),
        ("Hello --Hello-n 5", "Hello(n=5, s=x, flag=False, sure=False)"),
        ("Hello --Hello-n 5 --n 6", "Hello(n=6, s=x, flag=False, sure=False)"),
        ("--Hello-n 5 Hello", "Hello(n=5, s=x, flag=False, sure=False)"),
        ("Hello --sure", "Hello(n=3, s=x, flag=False, sure=True)"),
        ("Hello --sure true --flag", "Hello(n=3, s=x, flag=True, sure=True)"),
        ("Hello --sure false", "Hello(n=3, s=x, flag=False, sure=False)"),
        ("--workers 2 Hello --local-sched", "Hello(n=3, s=x, flag=False, sure=False)"),
        ("--lock-si 2 Hello", "Hello(n=3, s=x, flag=False, sure=False)"),
        ("my.ns.Other --my.ns.Other-a-b z", "my.ns.Other(a_b=z)"),
        ("my.ns.Other --a-b z", "my.ns.Other(a_b=z)"),
        ("Hello --s= --n 4", "Hello(n=4, s=x, flag=False, sure=False)"),
        ("--s v Hello --s w", None),
        ("Hello -- --n", None),
    ],
)
def test_options(arguments, shown):
    words = arguments.split()
    if shown is None:
        with pytest.raises((SystemExit, TaskClassNotFoundException)):
            root(*words)
    else:
        assert str(root(*words)) == shown


def test_an_empty_value_is_taken_for_absent():
    assert root("Hello", "--s", "").s == "x"


def test_a_class_level_option_reaches_every_instance(tasks):
    hello, *_ = tasks
    with CmdlineParser.global_instance(["my.ns.Other", "--Hello-n", "7"]):
        assert hello().n == 7
        assert hello(n=1).n == 1
    assert hello().n == 3


def test_without_a_task():
    with pytest.raises(SystemExit, match=r"^No task specified$"):
        CmdlineParser([])
    with pytest.raises(SystemExit, match=r"^No task specified$"):
        CmdlineParser(["--version"])


def test_an_unknown_task():
    with pytest.raises(TaskClassNotFoundException, match=r"No task Helo. Did you mean:\nHello"):
        CmdlineParser(["Helo"])


def test_an_ambiguous_task():
    for number in range(2):
        type(luigi.Task)("Twin", (luigi.Task,), {"__qualname__": f"a{number}.Twin"})
    with pytest.raises(TaskClassAmbigiousException, match="Task 'Twin' is ambiguous"):
        CmdlineParser(["Twin"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("Hello --zz", "unrecognized arguments: --zz"),
        ("Hello more", "unrecognized arguments: more"),
        ("Hello --n", "argument --n: expected one argument"),
        ("Hello --long_name x", "unrecognized arguments: --long_name x"),
        ("Hello --flag=x", "argument --flag: ignored explicit argument 'x'"),
        ("Hello --lo x", "ambiguous option: --lo could match "),
    ],
)
def test_misuse_ends_in_the_usage_and_status_2(capsys, arguments, message):
    code, shown = exit_of(capsys, *arguments.split())
    assert code == 2
    assert shown.err.startswith("usage: ")
    assert f"error: {message}" in shown.err.replace("\n", " ")
    assert "[--Hello-n HELLO_N] [--n N]" in re.sub(r"\s+", " ", shown.err)


def test_help_without_a_task(capsys):
    code, shown = exit_of(capsys, "--help")
    assert code is None
    assert "Required root task    Task family to run. Is not optional." in shown.out
    assert "Show most common flags and all task-specific flags" in shown.out
    assert "--my.ns.Other-a-b" in shown.out
    assert "--Hello-n" not in shown.out
    assert "--workers" not in shown.out


@pytest.mark.parametrize("arguments", ["Hello --help", "--help Hello", "Nothing --help"])
def test_help_on_a_task(capsys, arguments):
    code, shown = exit_of(capsys, *arguments.split())
    assert code is None
    if "Hello" in arguments:
        assert re.search(r"--Hello-n HELLO_N\s+how many; 100% of them, 50% at first\n", shown.out)
        assert re.search(r"--n N\s+how many", shown.out)


def test_help_on_everything(capsys):
    code, shown = exit_of(capsys, "Hello", "--help-all")
    assert code is None
    assert re.search(r"--workers CORE_WORKERS\s+Maximum number of parallel tasks to run\n", shown.out)
    assert "--worker-keep-alive" in shown.out
    assert "--Workers-workers" in shown.out


def test_a_flag_that_means_two_things_is_an_error_where_it_is_used():
    assert root("Workers", "--Workers-workers", "3", "--local-scheduler").workers == 3
    with pytest.raises(argparse.ArgumentError) as caught:
        root("Workers", "--workers", "3")
    assert str(caught.value) == "argument --workers: conflicting option string: --workers"


def test_a_short_option_of_the_task_is_no_abbreviation_of_another(tmp_path, monkeypatch):
    (tmp_path / "short_options.py").write_text(
        "import luigi\nclass Short(luigi.Task):\n    s = luigi.Parameter()\n    w = luigi.Parameter()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    task = root("--module", "short_options", "Short", "--s", "1", "--w=2")
    assert (task.s, task.w) == ("1", "2")


def test_a_module_that_does_not_exist():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        CmdlineParser(["--module", "no_such_module", "Hello"])


@pytest.mark.parametrize("flag", ["--mod", "--module"])
def test_a_module_is_imported(tmp_path, monkeypatch, flag):
    name = f"loaded_by_{flag.strip('-')}"
    (tmp_path / f"{name}.py").write_text(f"import luigi\nclass {name.title()}(luigi.Task):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert str(root(name.title(), flag, name)) == f"{name.title()}()"


def test_the_active_command_line():
    assert CmdlineParser.get_instance() is None
    with CmdlineParser.global_instance(["Hello", "--n", "1"]) as outer:
        assert CmdlineParser.get_instance() is outer
        assert outer.known_args.root_task == "Hello"
        assert outer.known_args.n == "1"
        with pytest.raises(AssertionError), CmdlineParser.global_instance(["Hello"]):
            pass
        with CmdlineParser.global_instance(["Hello"], allow_override=True) as inner:
            assert CmdlineParser.get_instance() is inner
        assert CmdlineParser.get_instance() is outer
    assert CmdlineParser.get_instance() is None


def test_a_parser_with_another_grammar_is_asked():
    class Louder(CmdlineParser):
        @staticmethod
        def _build_parser(root_task=None, help_all=False):
            parser = CmdlineParser._build_parser(root_task, help_all)
            parser.add_argument("--louder", action="store_true")
            return parser

    assert Louder(["Hello", "--louder"]).known_args.louder is True


FLAGS = ["--n", "--s", "--flag", "--sure", "--Hello-n", "--Hello-sure", "--workers", "--local-scheduler"]
FLAGS += ["--scheduler-url", "--no-lock", "--my.ns.Other-a-b", "--a-b", "--help-me", "--lo"]
WORDS = ["Hello", "my.ns.Other", "Workers", "Nope", "5", "-5", "x y", "", "--", "true", "-x", "--n=5", "--n="]
WORDS += ["--flag=1", "--sure=false", "--workers=2", "--wor=2", "--local-s"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arguments=st.lists(st.sampled_from(FLAGS + WORDS), max_size=6))
def test_reading_without_argparse_gives_what_argparse_gives(arguments, capsys):
    parser = object.__new__(CmdlineParser)

    def outcome(parse):
        try:
            return parse(list(arguments))
        except (SystemExit, argparse.ArgumentError, TaskClassNotFoundException) as error:
            return type(error), str(error)

    plain = outcome(parser._parse_plainly)
    if plain is None:
        return
    thorough = outcome(parser._parse_thoroughly)
    if isinstance(plain, tuple) or isinstance(thorough, tuple):
        assert plain == thorough
        return
    given_values = {name: value for name, value in vars(thorough).items() if value is not None}
    assert {name: value for name, value in vars(plain).items() if value is not None} == given_values
