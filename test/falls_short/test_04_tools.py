"""The small commands, where Luigi's fall short (document 04)."""

from __future__ import annotations

import sys
import urllib.request

import luigi
import pytest
from luigi.tools import deps, deps_tree, luigi_grep


class Diamond(luigi.Task):
    level = luigi.IntParameter()
    side = luigi.IntParameter(default=0)
    asked: list[luigi.Task] = []

    def requires(self):
        self.asked.append(self)
        return [Diamond(level=self.level - 1, side=side) for side in (0, 1)] if self.level else []

    def complete(self):
        return False


class Chain(luigi.Task):
    n = luigi.IntParameter()

    def requires(self):
        return Chain(n=self.n - 1) if self.n else []

    def complete(self):
        return False


@pytest.mark.parametrize("walk", [lambda task: deps.find_deps(task, None), deps_tree.print_tree])
def test_04_18_each_task_is_asked_once(walk):
    Diamond.asked.clear()
    walk(Diamond(level=6))
    assert len(Diamond.asked) == 13


@pytest.mark.parametrize("walk", [lambda task: deps.find_deps(task, None), deps_tree.print_tree])
def test_04_18_depth_is_not_limited(walk):
    walk(Chain(n=2000))


def test_04_19_grep_does_not_wait_for_ever(monkeypatch):
    timeouts = []

    def refuse(url, timeout=None):
        timeouts.append(timeout)
        raise OSError("nobody there")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(sys, "argv", ["luigi-grep", "--scheduler-port", "1", "--prefix", "x"])
    with pytest.raises(SystemExit, match="no answer from the scheduler"):
        luigi_grep.main()
    assert timeouts[0] > 0
