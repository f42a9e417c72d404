"""What the summary says after typical runs, to the letter."""

from __future__ import annotations

import datetime
from textwrap import dedent

import luigi
import pytest
from luigi import execution_summary

from test.summary.workers import (
    COMPLETE,
    DISABLED,
    EXTERNAL,
    FAILED,
    NOT_SCHEDULED,
    RAN,
    RETRIED,
    YIELDED,
    FinishedWorker,
    P,
    body,
    family_lines,
)


class Done(luigi.Task):
    i = luigi.IntParameter()


class AlreadyD(luigi.Task):
    i = luigi.IntParameter()


class Fail(luigi.Task):
    i = luigi.IntParameter()


class Up(luigi.Task):
    i = luigi.IntParameter()

    def requires(self):
        return Fail(self.i)


class Ext(luigi.ExternalTask):
    d = luigi.DateParameter()


class UpExt(luigi.Task):
    def requires(self):
        return [Ext(day(1, 1))]


class SchedErr(luigi.Task):
    x = luigi.Parameter()


class UpSched(luigi.Task):
    def requires(self):
        return SchedErr("q")


class Res(luigi.Task):
    i = luigi.IntParameter()


class Dyn(luigi.Task):
    pass


class DI(luigi.Task):
    d = luigi.DateParameter()


class Multi(luigi.Task):
    a = luigi.IntParameter()
    b = luigi.Parameter()


class Long(luigi.Task):
    text = luigi.Parameter(default="x" * 200)


class Wrap(luigi.WrapperTask):
    which = luigi.Parameter()


class Root(luigi.Task):
    which = luigi.Parameter()

    def requires(self):
        return {
            "up": [Up(1), Done(5)],
            "ext": [UpExt(), *(Ext(day(1, n)) for n in range(2, 7))],
            "sched": [UpSched(), Done(1)],
            "res": [Res(1), Done(2)],
            "two": [Done(1), Done(2)],
            "everything": [Up(1), UpExt(), UpSched(), Res(9), Done(3), Fail(7), AlreadyD(1)],
        }.get(self.which, [])


def day(month: int, number: int) -> datetime.date:
    return datetime.date(2020, month, number)


def lines(text: str) -> str:
    return dedent(text).strip("\n")


def test_all_successful():
    worker = FinishedWorker(([Done(1), Done(2), Root("two")], RAN))
    assert execution_summary.summary(worker) == dedent(
        """
        ===== Luigi Execution Summary =====

        Scheduled 3 tasks of which:
        * 3 ran successfully:
            - 2 Done(i=1,2)
            - 1 Root(which=two)

        This progress looks :) because there were no failed tasks or missing dependencies

        ===== Luigi Execution Summary =====
        """
    )


@pytest.mark.parametrize(
    ("tasks", "line"),
    [
        (lambda: map(Done, range(3)), "- 3 Done(i=0,1,2)"),
        (lambda: map(Done, range(4)), "- 4 Done(i=0...3)"),
        (lambda: map(Done, range(100)), "- 100 Done(i=0...99)"),
        (
            lambda: (DI(day(2, 26) + datetime.timedelta(days=n)) for n in range(6)),
            "- 6 DI(d=2020-02-26...2020-03-02)",
        ),
        (
            lambda: map(Done, range(0, 60, 3)),
            "- 20 Done(i=0,12,15,18,21,24,27,3,30,33,36,...)",
        ),
        (lambda: [Multi(n, "x") for n in range(3)], "- 3 Multi(a=0...2, b=x)"),
        (lambda: [Multi(0, "x"), Multi(1, "x")], "- 2 Multi(a=0, b=x) and Multi(a=1, b=x)"),
        (lambda: [Multi(1, "x"), Multi(2, "y"), Multi(3, "x")], "- 3 Multi(a=1, b=x) ..."),
        (lambda: [Long()], "- 1 Long(...)"),
    ],
)
def test_one_line_of_a_family(tasks, line):
    assert family_lines(*tasks()) == [line]


def test_already_done_plus_run():
    worker = FinishedWorker((map(AlreadyD, range(7)), COMPLETE), ([Root("done")], RAN))
    assert body(worker) == lines(
        """
        Scheduled 8 tasks of which:
        * 7 complete ones were encountered:
            - 7 AlreadyD(i=0...6)
        * 1 ran successfully:
            - 1 Root(which=done)

        This progress looks :) because there were no failed tasks or missing dependencies
        """
    )


def test_everything_already_complete():
    assert body(FinishedWorker(([Wrap("done")], COMPLETE))) == lines(
        """
        Scheduled 1 tasks of which:
        * 1 complete ones were encountered:
            - 1 Wrap(which=done)

        Did not run any tasks
        This progress looks :) because there were no failed tasks or missing dependencies
        """
    )


def test_failure_and_upstream_failure():
    worker = FinishedWorker(([Root("up"), Up(1)], P), ([Fail(1)], FAILED), ([Done(5)], RAN))
    assert body(worker) == lines(
        """
        Scheduled 4 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=5)
        * 1 failed:
            - 1 Fail(i=1)
        * 2 were left pending, among these:
            * 2 had failed dependencies:
                - 1 Root(which=up)
                - 1 Up(i=1)

        This progress looks :( because there were failed tasks
        """
    )


def test_missing_external():
    worker = FinishedWorker(([Root("ext"), UpExt()], P), ((Ext(day(1, n)) for n in range(1, 7)), EXTERNAL))
    text = body(worker)
    # six consecutive days are a range; the list is that of days with a gap
    assert "        - 6 Ext(d=2020-01-01...2020-01-06)" in text
    worker = FinishedWorker(
        ([Root("ext"), UpExt()], P), ((Ext(day(1, n)) for n in (1, 2, 3, 5, 6, 7)), EXTERNAL)
    )
    assert body(worker) == lines(
        """
        Scheduled 8 tasks of which:
        * 8 were left pending, among these:
            * 6 were missing external dependencies:
                - 6 Ext(d=2020-01-01,2020-01-02,2020-01-03,...)
            * 2 had missing dependencies:
                - 1 Root(which=ext)
                - 1 UpExt()

        Did not run any tasks
        This progress looks :| because there were missing external dependencies
        """
    )


def test_scheduling_error_is_told_to_direct_dependents_only():
    worker = FinishedWorker(
        ([Root("sched"), UpSched()], P), ([SchedErr("q")], NOT_SCHEDULED), ([Done(1)], RAN)
    )
    assert body(worker) == lines(
        """
        Scheduled 4 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=1)
        * 1 failed scheduling:
            - 1 SchedErr(x=q)
        * 2 were left pending, among these:
            * 1 had dependencies whose scheduling failed:
                - 1 UpSched()
            * 1 was not granted run permission by the scheduler:
                - 1 Root(which=sched)

        This progress looks :( because there were tasks whose scheduling failed
        """
    )


def test_failure_together_with_a_scheduling_error():
    worker = FinishedWorker(([SchedErr("q")], NOT_SCHEDULED), ([Fail(1)], FAILED))
    assert body(worker).endswith(
        "\n\nThis progress looks :( because there were failed tasks and tasks whose scheduling failed"
    )


def test_not_granted():
    worker = FinishedWorker(([Root("res"), Res(1)], P), ([Done(2)], RAN))
    assert body(worker) == lines(
        """
        Scheduled 3 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=2)
        * 2 were left pending, among these:
            * 2 was not granted run permission by the scheduler:
                - 1 Res(i=1)
                - 1 Root(which=res)

        This progress looks :| because there were tasks that were not granted run permission by the scheduler
        """
    )


def test_another_worker_holds_a_dependency():
    worker = FinishedWorker(([Root("two"), Done(1)], P), ([Done(2)], RAN)).saw((Done(1), "X-worker"))
    assert body(worker) == lines(
        """
        Scheduled 3 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=2)
        * 2 were left pending, among these:
            * 1 were being run by another worker:
                - 1 Done(i=1)
            * 1 had dependencies that were being run by other worker:
                - 1 Root(which=two)

        The other workers were:
            - X-worker ran 1 tasks


        This progress looks :) because there were no failed tasks or missing dependencies
        """
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (5, "".join(f"    - W{n} ran 1 tasks\n" for n in range(5)) + "\n"),
        (6, "".join(f"    - W{n} ran 1 tasks\n" for n in range(4)) + "    and 2 other workers\n"),
        (7, "".join(f"    - W{n} ran 1 tasks\n" for n in range(4)) + "    and 3 other workers\n"),
    ],
)
def test_many_other_workers(count, text):
    tasks = [Done(n) for n in range(count)]
    worker = FinishedWorker((tasks, P))
    for number, task in enumerate(tasks):
        worker.saw((task, f"W{number}"))
    assert body(worker).endswith(
        f"\n\nThe other workers were:\n{text}Did not run any tasks\n"
        "This progress looks :) because there were no failed tasks or missing dependencies"
    )


def test_retried_successfully():
    worker = FinishedWorker(([Done(1)], RETRIED))
    assert body(worker) == lines(
        """
        Scheduled 1 tasks of which:
        * 1 ran successfully:
            - 1 Done(i=1)

        This progress looks :) because there were failed tasks but they all succeeded in a retry
        """
    )


def test_dynamic_dependencies():
    worker = FinishedWorker(([Dyn()], YIELDED), ([Done(100), Done(101)], RAN))
    assert body(worker) == lines(
        """
        Scheduled 3 tasks of which:
        * 3 ran successfully:
            - 2 Done(i=100,101)
            - 1 Dyn()

        This progress looks :) because there were no failed tasks or missing dependencies
        """
    )


MANY = [
    "- 1 DI(d=2020-01-01)",
    "- 3 Done(i=1,100,101)",
    "- 1 Dyn()",
    "- 1 Long(...)",
    "- 2 Multi(a=1, b=x) and Multi(a=5, b=q)",
]


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (None, [*MANY, "..."]),
        ("1", [*MANY[:1], "..."]),
        ("0", [*MANY, "- 1 Wrap(which=w)"]),
        ("6", [*MANY, "- 1 Wrap(which=w)"]),
    ],
)
def test_summary_length(length, shown):
    if length is not None:
        luigi.configuration.get_config().set("execution_summary", "summary_length", length)
    tasks = [
        DI(day(1, 1)),
        Done(1),
        Done(100),
        Done(101),
        Dyn(),
        Long(),
        Multi(1, "x"),
        Multi(5, "q"),
        Wrap("w"),
    ]
    assert family_lines(*tasks) == shown


def test_nothing_scheduled():
    assert body(FinishedWorker()) == "Did not schedule any tasks"
    assert body(FinishedWorker(([Done(1)], DISABLED))) == "Did not schedule any tasks"


def test_all_categories_at_once():
    worker = FinishedWorker(
        ([Root("everything"), Up(1), UpExt(), UpSched(), Res(9)], P),
        ([AlreadyD(1)], COMPLETE),
        ([Done(3)], RAN),
        ([Fail(1), Fail(7)], FAILED),
        ([SchedErr("q")], NOT_SCHEDULED),
        ((Ext(day(1, n)) for n in range(1, 6)), EXTERNAL),
    )
    assert body(worker) == lines(
        """
        Scheduled 15 tasks of which:
        * 1 complete ones were encountered:
            - 1 AlreadyD(i=1)
        * 1 ran successfully:
            - 1 Done(i=3)
        * 2 failed:
            - 2 Fail(i=1,7)
        * 1 failed scheduling:
            - 1 SchedErr(x=q)
        * 10 were left pending, among these:
            * 5 were missing external dependencies:
                - 5 Ext(d=2020-01-01...2020-01-05)
            * 2 had failed dependencies:
                - 1 Root(which=everything)
                - 1 Up(i=1)
            * 2 had missing dependencies:
                - 1 Root(which=everything)
                - 1 UpExt()
            * 1 had dependencies whose scheduling failed:
                - 1 UpSched()
            * 1 was not granted run permission by the scheduler:
                - 1 Res(i=9)

        This progress looks :( because there were failed tasks and tasks whose scheduling failed
        """
    )
