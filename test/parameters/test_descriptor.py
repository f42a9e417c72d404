"""Parameters as class attributes: names, reading and writing on instances, copies."""

from __future__ import annotations

import copy
import inspect
import pickle

import luigi
import pytest


def test_on_the_class_and_on_an_instance():
    class T(luigi.Task):
        x = luigi.IntParameter(default=1)

    assert isinstance(T.x, luigi.IntParameter)
    assert T.x is T.__dict__["x"]
    task = T()
    assert task.x == 1
    task.x = "as it is"
    assert task.x == "as it is"
    assert task.__dict__["x"] == "as it is"
    assert inspect.isdatadescriptor(T.__dict__["x"])


def test_reading_before_the_value_is_set():
    class T(luigi.Task):
        x = luigi.IntParameter(default=1)

        def __init__(self, *args, **kwargs):
            self.seen = hasattr(self, "x"), getattr(self, "x", "none")
            with pytest.raises(AttributeError, match="no value for the parameter 'x' yet"):
                self.x
            super().__init__(*args, **kwargs)

    assert T().seen == (False, "none")


def test_the_same_object_on_another_class_under_the_same_name():
    class A(luigi.Task):
        x = luigi.IntParameter(default=1)

    class B(luigi.Task):
        x = A.x

    assert B.x is A.x
    assert (A(x=2).x, B(x=3).x) == (2, 3)


def test_a_name_of_its_own_on_each_class():
    class A(luigi.Task):
        x = luigi.IntParameter(default=1)

    class B(luigi.Task):
        x = luigi.Parameter(default="own")
        y = A.x

    b = B(x="b", y=5)
    assert (b.x, b.y, A(x=7).x) == ("b", 5, 7)
    b.y = 6
    assert (b.x, b.y) == ("b", 6)


def test_two_names_on_a_class_and_its_subclass():
    class A(luigi.Task):
        x = luigi.IntParameter(default=1)

    class B(A):
        y = A.x

    task = B(x=2, y=3)
    assert (task.x, task.y, A(x=4).x) == (2, 3, 4)


def test_attached_to_a_mixin_after_its_subclass_was_made():
    class Mixin:
        pass

    class T(Mixin, luigi.Task):
        x = luigi.Parameter(default="x")

    assert T().x == "x"
    Mixin.z = luigi.IntParameter(default=4)
    assert T().z == 4
    assert T(z=5).z == 5


def test_attached_under_a_name_of_another_class():
    class A(luigi.Task):
        x = luigi.IntParameter(default=1)

    class B(luigi.Task):
        x = luigi.Parameter(default="own")

    B.y = A.x
    task = B(x="b", y=5)
    assert (task.x, task.y) == ("b", 5)
    task.y = 8
    assert (task.x, task.y, A().x) == ("b", 8, 1)


def test_on_a_class_that_is_no_task():
    class Plain:
        pass

    Plain.x = luigi.IntParameter()
    plain = Plain()
    with pytest.raises(AttributeError, match="'x'"):
        plain.x
    plain.x = 3
    assert plain.x == 3
    with pytest.raises(AttributeError, match="'Plain' has no attribute that is this Parameter"):
        luigi.Parameter().__get__(plain)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_takes_the_name_it_is_given(duplicate):
    class A(luigi.Task):
        x = luigi.IntParameter(default=1, description="d")

    class B(luigi.Task):
        y = duplicate(A.x)

    assert B.y is not A.x
    assert (B.y._attribute_name, B.y.description, B.y._counter) == ("y", "d", A.x._counter)
    assert (B(y=2).y, A(x=3).x) == (2, 3)


def test_a_copy_of_a_parameter_with_several_names():
    class A(luigi.Task):
        x = luigi.IntParameter(default=1)

    class B(luigi.Task):
        y = A.x

    assert B(y=2).y == 2
    duplicate = copy.deepcopy(A.x)
    duplicate._default = 5

    class C(luigi.Task):
        z = duplicate

    assert (C().z, A().x, B().y) == (5, 1, 1)


def test_subclasses_may_have_a_descriptor_of_their_own():
    class Doubling(luigi.IntParameter):
        def __set__(self, instance, value):
            super().__set__(instance, value * 2)

        def __get__(self, instance, owner=None):
            value = super().__get__(instance, owner)
            return value if instance is None else value + 1

    class T(luigi.Task):
        x = Doubling()

    assert T(x=3).x == 7


def test_methods_can_be_added_and_replaced_on_the_class(monkeypatch):
    monkeypatch.setattr(luigi.Parameter, "copy", lambda self: copy.copy(self), raising=False)
    monkeypatch.setattr(luigi.Parameter, "__repr__", lambda self: "shown")
    assert repr(luigi.IntParameter().copy()) == "shown"


def test_a_replaced_warning_method_on_an_instance():
    seen = []

    class T(luigi.Task):
        x = luigi.Parameter()

    T.x._warn_on_wrong_param_type = lambda name, value: seen.append((name, value))
    T(x=3)
    assert seen == [("x", 3)]
