"""The execution summary, where Luigi's falls short (document 04)."""

from __future__ import annotations

import luigi
import pytest
from luigi.parameter import ParameterVisibility


def summary_of(*tasks: luigi.Task) -> str:
    return luigi.build(
        list(tasks), local_scheduler=True, detailed_summary=True, log_level="CRITICAL"
    ).summary_text


class Ran(luigi.Task):
    done = False

    def complete(self):
        return self.done

    def run(self):
        self.done = True


class Secrets(Ran):
    n = luigi.IntParameter()
    password = luigi.Parameter(default="hunter2", significant=False, visibility=ParameterVisibility.PRIVATE)


def test_04_02_private_value_in_a_range_line():
    text = summary_of(*(Secrets(n) for n in range(4)))
    assert "- 4 Secrets(n=0...3, password=***)" in text
    assert "hunter2" not in text


class OnlySecret(Ran):
    code = luigi.IntParameter(visibility=ParameterVisibility.PRIVATE)


def test_04_02_private_value_alone():
    text = summary_of(OnlySecret(7345))
    assert "- 1 OnlySecret(code=***)" in text


class Anything(Ran):
    n = luigi.IntParameter()
    what = luigi.Parameter(significant=False)


@pytest.mark.filterwarnings("ignore:Parameter .* is not of type string")
def test_04_03_unhashable_value():
    text = summary_of(*(Anything(n, what={"a": 1}) for n in range(3)))
    assert "- 3 Anything(n=0...2, what={'a': 1})" in text


class Link(luigi.Task):
    n = luigi.IntParameter()

    def requires(self):
        return [Link(n=self.n - 1)] if self.n else []

    def complete(self):
        return False

    def run(self):
        raise ValueError("on purpose")


@pytest.mark.timeout(100)
def test_04_03_long_chain_of_pending_tasks():
    text = summary_of(Link(n=3000))
    assert "* 1 failed:\n    - 1 Link(n=0)\n" in text
    assert "    * 3000 had failed dependencies:\n        - 3000 Link(n=1...3000)\n" in text


class Counting(luigi.Task):
    asked: list[str] = []

    def requires(self):
        self.asked.append("requires")
        return [Link(n=0)]

    def complete(self):
        return False


def test_04_03_requires_is_not_called_again():
    Counting.asked.clear()
    assert "* 1 had failed dependencies:\n        - 1 Counting()\n" in summary_of(Counting())
    assert Counting.asked == ["requires"]


class Optional(Ran):
    n = luigi.IntParameter(default=None)


def test_04_03_value_that_has_no_successor():
    assert "* 1 ran successfully:\n    - 1 Optional(n=None)\n" in summary_of(Optional())
