"""How the tasks of a family are written on one line."""

from __future__ import annotations

import datetime

import luigi
import pytest
from luigi.parameter import ParameterVisibility

from test.summary.workers import FinishedWorker, P, body, family_lines


class Text(luigi.Task):
    p = luigi.Parameter()


class Number(luigi.Task):
    p = luigi.IntParameter()


class Pair(luigi.Task):
    p = luigi.IntParameter()
    q = luigi.IntParameter(default=1)


class Nothing(luigi.Task):
    pass


class Extra(luigi.Task):
    p = luigi.IntParameter()
    extra = luigi.Parameter(default="x", significant=False)


class Hour(luigi.Task):
    p = luigi.DateHourParameter()
    q = luigi.Parameter(default="x")


class Month(luigi.Task):
    p = luigi.MonthParameter()


class EverySecondYear(luigi.Task):
    p = luigi.YearParameter(interval=2)


class Span(luigi.Task):
    p = luigi.TimeDeltaParameter()


class Choice(luigi.Task):
    p = luigi.ChoiceParameter(choices=[1, 2, 3, 4], var_type=int)


class Secret(luigi.Task):
    word = luigi.Parameter(visibility=ParameterVisibility.PRIVATE)


class WithSecret(luigi.Task):
    n = luigi.IntParameter()
    word = luigi.Parameter(default="password", visibility=ParameterVisibility.PRIVATE, significant=False)


class NumberedSecret(luigi.Task):
    n = luigi.IntParameter(visibility=ParameterVisibility.PRIVATE, significant=False)
    name = luigi.Parameter(default="x")


class Renamed(luigi.Task):
    p = luigi.IntParameter()

    def __repr__(self):
        return f"<{'z' * (5 - self.p)}>"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((7,), "7"),
        ((1, 2), "1,2"),
        ((0, 1, 2), "0,1,2"),
        ((0, 1, 2, 3), "0...3"),
        ((8, 9, 10, 11), "8...11"),
        ((-3, -2, -1, 0), "-3...0"),
        ((1, 2, 3, 5), "1,2,3,5"),
        ((2, 10, 1, 20), "1,10,2,20"),
    ],
)
def test_one_number(values, shown):
    assert family_lines(*map(Number, values)) == [f"- {len(values)} Number(p={shown})"]


@pytest.mark.parametrize(
    ("length", "count", "written"),
    [
        # cut when 30 characters are reached, three were written and it is not the last
        (4, 8, 6),
        (5, 6, 6),
        (5, 7, 5),
        (7, 5, 5),
        (7, 6, 4),
        (60, 4, 4),
        (60, 5, 3),
        # cut beyond 200 characters, also before the last one
        (99, 3, 3),
        (100, 3, 2),
        (150, 3, 2),
    ],
)
def test_long_list_is_cut(length, count, written):
    values = [f"{number}{'v' * (length - 1)}" for number in range(count)]
    cut = ",..." if written < count else ""
    assert family_lines(*map(Text, values)) == [f"- {count} Text(p={','.join(values[:written])}{cut})"]


def test_list_is_in_the_order_of_the_tasks_texts():
    # "a b)" comes before "a)"
    assert family_lines(Text("a"), Text("a b"), Text("a!")) == ["- 3 Text(p=a b,a!,a)"]


@pytest.mark.parametrize(
    ("tasks", "line"),
    [
        (lambda: [Pair(0), Pair(1), Pair(2)], "- 3 Pair(p=0...2, q=1)"),
        (lambda: [Pair(8), Pair(9), Pair(10)], "- 3 Pair(p=8...10, q=1)"),
        (lambda: [Pair(1, n) for n in range(4)], "- 4 Pair(p=1, q=0...3)"),
        (lambda: [Pair(n, n) for n in range(4)], "- 4 Pair(p=0, q=0) ..."),
        (lambda: [Pair(0), Pair(1), Pair(3)], "- 3 Pair(p=0, q=1) ..."),
        (lambda: [Pair(0), Pair(1)], "- 2 Pair(p=0, q=1) and Pair(p=1, q=1)"),
        (lambda: [Pair(0)], "- 1 Pair(p=0, q=1)"),
        (lambda: [Nothing()], "- 1 Nothing()"),
        # insignificant parameters are part of a range line, not of the tasks' texts
        (lambda: [Extra(n) for n in range(3)], "- 3 Extra(p=0...2, extra=x)"),
        (lambda: [Extra(n, extra=str(n)) for n in range(3)], "- 3 Extra(p=0) ..."),
        (
            lambda: [Hour(datetime.datetime(2020, 1, 1, 22) + datetime.timedelta(hours=n)) for n in range(5)],
            "- 5 Hour(p=2020-01-01T22...2020-01-02T02, q=x)",
        ),
        (lambda: [Month(datetime.date(2020, n, 1)) for n in range(1, 12)], "- 11 Month(p=2020-01...2020-11)"),
        (
            lambda: [EverySecondYear(datetime.date(n, 1, 1)) for n in range(2000, 2010, 2)],
            "- 5 EverySecondYear(p=2000...2008)",
        ),
        (lambda: [Choice(n) for n in range(1, 5)], "- 4 Choice(p=1,2,3,4)"),
        (
            lambda: [Span(datetime.timedelta(seconds=n)) for n in range(5)],
            "- 5 Span(p=0 w 0 d 0 h 0 m 0 s,0 w 0 d 0 h 0 m 1 s,0 w 0 d 0 h 0 m 2 s,...)",
        ),
    ],
)
def test_several_shapes(tasks, line):
    assert family_lines(*tasks()) == [line]


def named(*lengths):
    """Return a task class with parameters of names of these lengths."""
    names = [chr(ord("a") + place) * length for place, length in enumerate(lengths)]
    return type("Named", (luigi.Task,), {name: luigi.Parameter() for name in names}), names


@pytest.mark.parametrize(
    ("lengths", "values", "shown"),
    [
        ((61,), ("v",), False),
        ((60,), ("v",), True),
        ((30, 31), ("v", "w"), False),
        ((30, 30), ("v", "w"), True),
        ((1,), ("v" * 191,), True),  # the text of the task is 200 long
        ((1,), ("v" * 192,), False),
    ],
)
def test_a_long_task_is_not_written_out(lengths, values, shown):
    cls, names = named(*lengths)
    full = ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    assert family_lines(cls(*values)) == [f"- 1 Named({full if shown else '...'})"]


@pytest.mark.parametrize(
    ("lengths", "values", "shown"),
    [((20, 20), "v", True), ((20, 21), "v", False), ((1, 1), "v" * 86, True), ((1, 1), "v" * 87, False)],
)
def test_two_long_tasks_are_not_written_out(lengths, values, shown):
    cls, names = named(*lengths)
    tasks = [cls("1", values), cls("2", values)]
    full = [f"Named({names[0]}={n}, {names[1]}={values})" for n in (1, 2)]
    assert family_lines(*tasks) == [f"- 2 {' and '.join(full)}" if shown else "- 2 Named(...)"]


def test_families_are_sorted_and_named_with_their_namespace():
    class Spaced(luigi.Task):
        task_namespace = "a.b"

    assert family_lines(Text("x"), Number(1), Spaced()) == [
        "- 1 Number(p=1)",
        "- 1 Text(p=x)",
        "- 1 a.b.Spaced()",
    ]


def test_values_are_the_attributes_of_now_in_the_order_of_the_tasks_texts():
    tasks = [Number(n) for n in range(3)]
    for task in tasks:
        task.p += 5
    assert family_lines(*tasks) == ["- 3 Number(p=5,6,7)"]


def test_text_of_a_task_class_of_its_own():
    assert family_lines(Renamed(0)) == ["- 1 Renamed(p=0)"]
    assert family_lines(Renamed(0), Renamed(1)) == ["- 2 Renamed(p=1,0)"]


def test_private_values_are_masked():
    assert family_lines(Secret("hunter2")) == ["- 1 Secret(word=***)"]
    assert family_lines(*(WithSecret(n) for n in range(3))) == ["- 3 WithSecret(n=0...2, word=***)"]
    assert family_lines(*(NumberedSecret(n, name=str(n)) for n in range(3))) == [
        "- 3 NumberedSecret(name=0) ..."
    ]


@pytest.mark.filterwarnings("ignore:Parameter .* is not of type string")
def test_values_that_cannot_be_hashed():
    tasks = [Text({"n": n}) for n in range(4)]
    assert family_lines(*tasks) == [f"- 4 Text(p={','.join(str(task.p) for task in tasks)})"]

    class Odd(luigi.Task):
        n = luigi.IntParameter()
        what = luigi.Parameter()

    assert family_lines(*(Odd(n, {"a": 1}) for n in range(3))) == ["- 3 Odd(n=0...2, what={'a': 1})"]


def test_a_value_without_successor_is_no_range():
    class Perhaps(luigi.Task):
        p = luigi.IntParameter(default=None)

    assert family_lines(Perhaps(None), *map(Perhaps, range(4))) == ["- 5 Perhaps(p=0,1,2,3,None)"]


def test_same_rules_below_pending():
    assert body(FinishedWorker((map(Number, range(4)), P))).split("\n")[2:4] == [
        "    * 4 was not granted run permission by the scheduler:",
        "        - 4 Number(p=0...3)",
    ]
