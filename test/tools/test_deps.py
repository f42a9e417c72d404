"""``luigi-deps`` and ``luigi-deps-tree``."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import luigi
import pytest
from luigi.mock import MockTarget
from luigi.parameter import ParameterVisibility
from luigi.tools import deps, deps_tree

from test.console import environment


class Leaf(luigi.Task):
    n = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"out/leaf{self.n}.txt")


class Mid(luigi.Task):
    n = luigi.IntParameter()

    def requires(self):
        return {"first": Leaf(1), "more": [Leaf(2)]}

    def output(self):
        return {"a": luigi.LocalTarget("out/mid.txt"), "b": [luigi.LocalTarget("out/nested")]}


class Side(luigi.Task):
    task_namespace = "ns"
    secret = luigi.Parameter(default="hunter2", visibility=ParameterVisibility.PRIVATE)
    minor = luigi.Parameter(default="m", significant=False)

    def output(self):
        return [MockTarget("x"), object()]


class Finished(luigi.Task):
    def complete(self):
        return True


class Top(luigi.Task):
    def requires(self):
        return [Mid(1), Leaf(9), Side(), Finished()]


class Diamond(luigi.Task):
    level = luigi.IntParameter()
    side = luigi.IntParameter(default=0)
    asked = []

    def requires(self):
        self.asked.append(self)
        return [Diamond(self.level - 1, side) for side in (0, 1)] if self.level else []


class Chain(luigi.Task):
    n = luigi.IntParameter()

    def requires(self):
        return Chain(self.n - 1) if self.n else []


def test_all_dependencies():
    assert deps.find_deps(Top(), None) == {Top(), Mid(1), Leaf(1), Leaf(2), Leaf(9), Side(), Finished()}


def test_tasks_on_the_way_to_a_family():
    assert deps.find_deps(Top(), "Leaf") == {Top(), Mid(1), Leaf(1), Leaf(2), Leaf(9)}
    assert deps.find_deps(Top(), "Mid") == {Top(), Mid(1)}
    assert deps.find_deps(Top(), "ns.Side") == {Top(), Side()}
    assert deps.find_deps(Top(), "Top") == {Top()}
    assert deps.find_deps(Top(), "Nobody") == set()


def test_paths():
    assert deps.get_task_requires(Mid(1)) == {Leaf(1), Leaf(2)}
    paths = list(deps.dfs_paths(Top(), "Leaf"))
    assert len(paths) == 8
    text = " ".join(map(str, paths))
    for path in ("Top() Mid(n=1) Leaf(n=1)", "Top() Mid(n=1) Leaf(n=2)", "Top() Leaf(n=9)"):
        assert path in text


def test_each_task_is_asked_once_however_many_paths_lead_to_it():
    Diamond.asked.clear()
    assert len(deps.find_deps(Diamond(40), "Diamond")) == 81
    assert len(Diamond.asked) == 81


def test_depth_is_not_limited():
    assert len(deps.find_deps(Chain(5000), None)) == 5001
    assert deps_tree.print_tree(Chain(2000)).count("\n") == 2001


def test_tree():
    tree = deps_tree.print_tree(Top())
    green, blue, off = "\x1b[92m", "\x1b[94m", "\x1b[0m"
    pending = f"({blue}PENDING{off})"
    assert tree == (
        f"\n└─--[Top-{{}} {pending}]"
        f"\n    |---[Mid-{{'n': '1'}} {pending}]"
        f"\n    |   |---[Leaf-{{'n': '1'}} {pending}]"
        f"\n    |   └─--[Leaf-{{'n': '2'}} {pending}]"
        f"\n    |---[Leaf-{{'n': '9'}} {pending}]"
        f"\n    |---[Side-{{}} {pending}]"
        f"\n    └─--[Finished-{{}} ({green}COMPLETE{off})]"
    )


def test_tree_asks_each_task_once_and_shows_it_everywhere():
    Diamond.asked.clear()
    assert deps_tree.print_tree(Diamond(4)).count("\n") == 31
    assert len(Diamond.asked) == 9


def test_command_line_of_deps(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["luigi-deps", "Top", "--upstream-family", "Mid"])
    deps.main()
    lines = capsys.readouterr().out.splitlines()
    mid = lines.index("   TASK: Mid(n=1)")
    assert lines[mid + 1 : mid + 3] == [
        "                       : [FileSystem] out/mid.txt",
        "                       : to be determined",
    ]
    assert set(lines) - set(lines[mid : mid + 3]) == {"   TASK: Top()"}


def test_descriptions_of_outputs():
    assert deps.get_task_output_description(luigi.LocalTarget("p")) == "[FileSystem] p"
    assert deps.get_task_output_description(MockTarget("m")) == "[FileSystem] m"
    assert deps.get_task_output_description(object()) == "to be determined"


@pytest.mark.parametrize("script", ["luigi-deps", "luigi-deps-tree"])
def test_as_commands(tmp_path, script):
    (tmp_path / "jobs.py").write_text(
        dedent(
            """
            import luigi


            class Small(luigi.Task):
                def output(self):
                    return luigi.LocalTarget("small.txt")
            """
        )
    )
    env = environment(tmp_path)
    env["PYTHONPATH"] = f"{env.get('PYTHONPATH', '')}:{tmp_path}"
    done = subprocess.run(
        [script, "--module", "jobs", "Small"],
        cwd=tmp_path,
        env={**env, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    expected = {
        "luigi-deps": "   TASK: Small()\n                       : [FileSystem] small.txt\n",
        "luigi-deps-tree": "\n└─--[Small-{} (\x1b[94mPENDING\x1b[0m)]\n",
    }
    assert (done.returncode, done.stdout) == (0, expected[script]), done.stderr
