"""What the summary may cost: no recursion, and work in proportion to the tasks and what they require."""

from __future__ import annotations

from collections import Counter

import luigi
import pytest
from luigi import execution_summary

from test.summary.workers import FAILED, RAN, FinishedWorker, P, body


class Link(luigi.Task):
    n = luigi.IntParameter()
    asked: Counter[int] = Counter()

    def requires(self):
        self.asked[self.n] += 1
        return [Link(self.n - 1)] if self.n else []


class Template(Link):
    def _requires(self):
        return [*super()._requires(), Link(-1)]


class WithMoreDeps(Link):
    def deps(self):
        return [Link(-1)]


def chain(cls, length):
    return FinishedWorker((map(cls, range(1, length)), P), ([cls(0), Link(-1)], FAILED))


def test_pending_tasks_are_asked_once_for_what_they_require():
    Link.asked.clear()
    text = body(chain(Link, 3000))
    assert "    * 2999 had failed dependencies:\n        - 2999 Link(n=1...2999)\n" in text
    assert Link.asked == Counter(range(1, 3000))


@pytest.mark.slow
def test_pending_tasks_are_not_asked_for_what_the_worker_knows():
    Link.asked.clear()
    worker = chain(Link, 100_000)
    worker._required_ids = {Link(n).task_id: [Link(n - 1).task_id] for n in range(1, 100_000)}
    assert "    * 99999 had failed dependencies:\n        - 99999 Link(n=1...99999)\n" in body(worker)
    assert not Link.asked


def test_template_tasks_are_asked_by_their_hook():
    worker = FinishedWorker(([Template(5), WithMoreDeps(7)], P), ([Link(-1)], FAILED))
    worker._required_ids = {WithMoreDeps(7).task_id: [Link(-1).task_id]}
    categories = execution_summary._summary_dict(worker)
    assert categories["upstream_failure"] == {Template(5)}
    # deps() of its own does not count here
    assert categories["not_run"] == {WithMoreDeps(7)}


def test_each_task_is_written_once_and_each_value_followed_once(monkeypatch):
    calls = Counter()
    next_in_enumeration = luigi.IntParameter.next_in_enumeration

    class Written(luigi.Task):
        n = luigi.IntParameter()

        def __repr__(self):
            calls["repr"] += 1
            return f"Written {self.n}"

        @classmethod
        def get_params(cls):
            calls["get_params"] += 1
            return super().get_params()

    def counting_next(self, value):
        calls["next"] += 1
        return next_in_enumeration(self, value)

    monkeypatch.setattr(luigi.IntParameter, "next_in_enumeration", counting_next)
    worker = FinishedWorker((map(Written, range(1000)), RAN))
    calls.clear()
    assert "    - 1000 Written(n=0...999)\n" in body(worker)
    assert calls == {"repr": 1000, "next": 1000, "get_params": 1}
