"""The summary at the end of real runs."""

from __future__ import annotations

import datetime
import logging
from textwrap import dedent
from typing import Any

import luigi
import pytest
from luigi import LuigiStatusCode

done: set[str] = set()


class Kept(luigi.Task):
    """Complete once it ran in this test."""

    def complete(self):
        return self.task_id in done

    def run(self):
        done.add(self.task_id)


class Done(Kept):
    i = luigi.IntParameter()


class Fail(Kept):
    i = luigi.IntParameter()

    def run(self):
        raise ValueError("on purpose")


class FailOnce(Kept):
    retry_count = 3
    runs: list[int] = []

    def run(self):
        self.runs.append(1)
        if len(self.runs) == 1:
            raise ValueError("the first time")
        super().run()


class SchedErr(Kept):
    x = luigi.Parameter()

    def complete(self):
        raise ValueError("cannot say")


class Ext(luigi.ExternalTask):
    d = luigi.DateParameter()

    def complete(self):
        return False


class Res(Kept):
    i = luigi.IntParameter()
    resources = {"scarce": 3}


class Dyn(Kept):
    def run(self):
        yield [Done(100), Done(101)]
        super().run()


class Needs(Kept):
    name = luigi.Parameter()
    tasks: dict[str, list[luigi.Task]] = {}

    def requires(self):
        return self.tasks[self.name]


def needs(name: str, *tasks: luigi.Task) -> luigi.Task:
    Needs.tasks[name] = list(tasks)
    return Needs(name)


@pytest.fixture(autouse=True)
def _afresh():
    done.clear()
    FailOnce.runs.clear()


def build(*tasks: luigi.Task, **options: Any) -> tuple[str, Any]:
    result = luigi.build(
        list(tasks), local_scheduler=True, detailed_summary=True, log_level="CRITICAL", **options
    )
    frame = "===== Luigi Execution Summary ====="
    assert result.summary_text.startswith(f"\n{frame}\n\n")
    assert result.summary_text.endswith(f"\n\n{frame}\n")
    return result.summary_text[len(frame) + 3 : -len(frame) - 3], result


def lines(text: str) -> str:
    return dedent(text).strip("\n")


def test_success_then_complete():
    text, result = build(needs("two", Done(1), Done(2)))
    assert text == lines(
        """
        Scheduled 3 tasks of which:
        * 3 ran successfully:
            - 2 Done(i=1,2)
            - 1 Needs(name=two)

        This progress looks :) because there were no failed tasks or missing dependencies
        """
    )
    assert (result.status, result.scheduling_succeeded) == (LuigiStatusCode.SUCCESS, True)
    text, _ = build(needs("two", Done(1), Done(2)))
    assert text == lines(
        """
        Scheduled 1 tasks of which:
        * 1 complete ones were encountered:
            - 1 Needs(name=two)

        Did not run any tasks
        This progress looks :) because there were no failed tasks or missing dependencies
        """
    )


def test_failure():
    text, result = build(needs("top", needs("up", Fail(1)), Done(5)))
    assert text == lines(
        """
        Scheduled 4 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=5)
        * 1 failed:
            - 1 Fail(i=1)
        * 2 were left pending, among these:
            * 2 had failed dependencies:
                - 2 Needs(name=top,up)

        This progress looks :( because there were failed tasks
        """
    )
    assert (result.status, result.scheduling_succeeded) == (LuigiStatusCode.FAILED, False)


def test_retry():
    luigi.configuration.get_config().set("scheduler", "retry_delay", "0")
    text, result = build(FailOnce())
    assert text == lines(
        """
        Scheduled 1 tasks of which:
        * 1 ran successfully:
            - 1 FailOnce()

        This progress looks :) because there were failed tasks but they all succeeded in a retry
        """
    )
    assert (result.status, result.scheduling_succeeded) == (LuigiStatusCode.SUCCESS_WITH_RETRY, False)


def test_scheduling_error():
    text, result = build(needs("top", needs("up", SchedErr("q")), Done(1)))
    assert text == lines(
        """
        Scheduled 4 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=1)
        * 1 failed scheduling:
            - 1 SchedErr(x=q)
        * 2 were left pending, among these:
            * 1 had dependencies whose scheduling failed:
                - 1 Needs(name=up)
            * 1 was not granted run permission by the scheduler:
                - 1 Needs(name=top)

        This progress looks :( because there were tasks whose scheduling failed
        """
    )
    assert (result.status, result.scheduling_succeeded) == (LuigiStatusCode.SCHEDULING_FAILED, False)


def test_missing_data():
    days = [Ext(datetime.date(2020, 1, n)) for n in (1, 2, 3, 5, 6, 7)]
    text, result = build(needs("top", *days))
    assert text == lines(
        """
        Scheduled 7 tasks of which:
        * 7 were left pending, among these:
            * 6 were missing external dependencies:
                - 6 Ext(d=2020-01-01,2020-01-02,2020-01-03,...)
            * 1 had missing dependencies:
                - 1 Needs(name=top)

        Did not run any tasks
        This progress looks :| because there were missing external dependencies
        """
    )
    assert (result.status, result.scheduling_succeeded) == (LuigiStatusCode.MISSING_EXT, True)


def test_not_granted():
    text, result = build(needs("top", Res(1), Done(2)))
    assert text == lines(
        """
        Scheduled 3 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=2)
        * 2 were left pending, among these:
            * 2 was not granted run permission by the scheduler:
                - 1 Needs(name=top)
                - 1 Res(i=1)

        This progress looks :| because there were tasks that were not granted run permission by the scheduler
        """
    )
    assert result.status is LuigiStatusCode.NOT_RUN


def test_dynamic_dependencies():
    text, _ = build(Dyn())
    assert text == lines(
        """
        Scheduled 3 tasks of which:
        * 3 ran successfully:
            - 2 Done(i=100,101)
            - 1 Dyn()

        This progress looks :) because there were no failed tasks or missing dependencies
        """
    )


def test_nothing():
    text, result = build()
    assert text == "Did not schedule any tasks"
    assert (result.status, result.scheduling_succeeded) == (LuigiStatusCode.SUCCESS, True)


def test_summary_is_logged(caplog):
    caplog.set_level(logging.INFO, "luigi-interface")
    luigi.build([Done(1)], local_scheduler=True, log_level="INFO")
    assert caplog.messages[-1].startswith(
        "\n===== Luigi Execution Summary =====\n\nScheduled 1 tasks of which:\n"
    )
