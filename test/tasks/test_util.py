"""Decorators and functions of luigi.util."""

from __future__ import annotations

import datetime
import logging
import pickle

import luigi
import pytest
from luigi import date_interval
from luigi.mock import MockTarget
from luigi.util import (
    common_params,
    copies,
    delegates,
    get_previous_completed,
    inherits,
    previous,
    requires,
)


class A(luigi.Task):
    x = luigi.IntParameter(default=1)
    y = luigi.Parameter(default="a")

    def output(self):
        return MockTarget(f"A-{self.x}-{self.y}")

    def run(self):
        with self.output().open("w") as sink:
            sink.write("one\ntwo\n")


class B(luigi.Task):
    x = luigi.IntParameter(default=2)
    z = luigi.IntParameter(default=3)


class TestInherits:
    def test_positional(self):
        @inherits(A, B)
        class C(luigi.Task):
            own = luigi.IntParameter(default=5)
            y = "kept"

        assert [name for name, _ in C.get_params()] == ["x", "z", "own"]
        assert C.x is A.x
        assert C(x=7).clone_parent() is A(x=7, y="kept")
        assert C(x=7).clone_parents(x=8) == [A(x=8, y="kept"), B(x=8)]

    def test_named(self):
        @inherits(first=A)
        class C(luigi.Task):
            pass

        assert C(x=9).clone_parents() == {"first": A(x=9)}
        assert not hasattr(C, "clone_parent")

    def test_the_class_is_changed_in_place(self):
        class C(luigi.Task):
            pass

        before = C()
        assert inherits(A)(C) is C
        assert C() is not before
        assert C().param_kwargs == {"x": 1, "y": "a"}

    def test_misuse(self):
        with pytest.raises(TypeError, match="must contain at least one task"):
            inherits()
        with pytest.raises(
            TypeError, match="Only one of tasks_to_inherit or kw_tasks_to_inherit may be present"
        ):
            inherits(A, b=B)
        decorator = requires()
        with pytest.raises(TypeError, match="must contain at least one task"):
            decorator(A)

    def test_attributes_of_the_decorators(self):
        assert (inherits(A).tasks_to_inherit, inherits(a=A).kw_tasks_to_inherit) == ((A,), {"a": A})
        assert (requires(A).tasks_to_require, requires(a=A).kw_tasks_to_require) == ((A,), {"a": A})
        assert copies(A).requires_decorator.tasks_to_require == (A,)


class TestRequires:
    def test_one_several_and_named(self):
        @requires(A)
        class One(luigi.Task):
            def requires(self):
                raise AssertionError("overwritten by the decorator")

        @requires(A, B)
        class Several(luigi.Task):
            pass

        @requires(a=A, b=B)
        class Named(luigi.Task):
            pass

        assert One(x=4).requires() is A(x=4)
        assert Several(x=4).requires() == [A(x=4), B(x=4)]
        assert Named(x=4).requires() == {"a": A(x=4), "b": B(x=4)}

    def test_a_decorated_requires_can_be_wrapped(self):
        @requires(A)
        class One(luigi.Task):
            pass

        plain = One.requires
        One.requires = lambda self: [plain(self), B()]
        assert One().deps() == [A(), B()]


@copies(A)
class Copied(luigi.Task):
    """A copy of A."""

    def output(self):
        return MockTarget(f"copy-{self.x}")


class TestCopies:
    def test_copies_line_by_line(self):
        A(5).run()
        Copied(x=5).run()
        with Copied(x=5).output().open("r") as source:
            assert source.read() == "one\ntwo\n"

    def test_passes_for_the_class(self):
        assert (Copied.__name__, Copied.__doc__, Copied.__module__) == ("Copied", "A copy of A.", __name__)
        assert Copied.task_family == "Copied"
        assert luigi.task_register.Register.get_task_cls("Copied") is Copied
        assert pickle.loads(pickle.dumps(Copied(x=5))) == Copied(x=5)


class TestDelegates:
    def test_needs_subtasks(self):
        with pytest.raises(AttributeError) as caught:
            delegates(A)
        assert str(caught.value) == f'{A!r} needs to implement the method "subtasks"'

    def test_dependencies_and_work(self):
        done = []

        class Sub(luigi.Task):
            n = luigi.IntParameter()

            def requires(self):
                return A(self.n)

            def run(self):
                done.append(self.n)

        @delegates
        class Main(luigi.Task):
            def requires(self):
                return B()

            def subtasks(self):
                return [Sub(1), Sub(2)]

            def run(self):
                done.append("main")

        assert Main().deps() == [B(), A(1), A(2)]
        assert Main().run() is None
        assert done == [1, 2, "main"]
        assert Main.__name__ == "Main"


class TestCommonParams:
    def test_values_that_both_have(self):
        assert common_params(A(x=5, y="q"), B) == {"x": 5}

    def test_needs_a_class(self):
        with pytest.raises(TypeError, match=r"^task_cls must be an uninstantiated Task$"):
            common_params(A(), A())


class TestPrevious:
    @pytest.mark.parametrize(
        ("param", "value", "expected"),
        [
            (luigi.DateParameter(), datetime.date(2020, 3, 1), datetime.date(2020, 2, 29)),
            (luigi.MonthParameter(), datetime.date(2020, 3, 1), datetime.date(2020, 2, 1)),
            (luigi.YearParameter(), datetime.date(2020, 1, 1), datetime.date(2019, 1, 1)),
            (luigi.DateHourParameter(), datetime.datetime(2020, 1, 1), datetime.datetime(2019, 12, 31, 23)),
            (
                luigi.DateMinuteParameter(interval=15),
                datetime.datetime(2020, 1, 1, 0, 30),
                datetime.datetime(2020, 1, 1, 0, 15),
            ),
            (
                luigi.DateSecondParameter(),
                datetime.datetime(2020, 1, 1),
                datetime.datetime(2019, 12, 31, 23, 59, 59),
            ),
            (luigi.DateIntervalParameter(), date_interval.Month(2020, 1), date_interval.Month(2019, 12)),
        ],
    )
    def test_one_step(self, param, value, expected):
        class T(luigi.Task):
            when = param
            other = luigi.Parameter(default="kept")

        earlier = previous(T(when=value, other="o"))
        assert (earlier.when, earlier.other) == (expected, "o")

    def test_which_parameter(self):
        class Both(luigi.Task):
            a = luigi.DateParameter(default=datetime.date(2020, 1, 1))
            b = luigi.DateHourParameter(default=datetime.datetime(2020, 1, 1))

        with pytest.raises(NotImplementedError, match=r"^No task parameter - can't determine previous task$"):
            previous(A())
        with pytest.raises(NotImplementedError, match=r"^Too many date-related task parameters"):
            previous(Both())

    def test_the_last_that_is_complete(self, caplog):
        class T(luigi.Task):
            day = luigi.DateParameter()

            def complete(self):
                return self.day <= datetime.date(2020, 1, 5)

        task = T(datetime.date(2020, 1, 8))
        with caplog.at_level(logging.DEBUG, "luigi-interface"):
            assert get_previous_completed(task) is T(datetime.date(2020, 1, 5))
        assert "Checking if T(day=2020-01-07) is complete" in caplog.messages
        assert get_previous_completed(task, 2) is None
