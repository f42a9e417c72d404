"""From constructor arguments to attributes."""

from __future__ import annotations

import warnings

import luigi
import pytest
from luigi.configuration import get_config
from luigi.parameter import (
    DuplicateParameterException,
    MissingParameterException,
    ParameterVisibility,
    UnconsumedParameterWarning,
    UnknownParameterException,
)


class Three(luigi.Task):
    a = luigi.Parameter()
    b = luigi.IntParameter(default=2)
    c = luigi.IntParameter(default=3, positional=False)


class TestArguments:
    def test_by_position_by_name_and_left_out(self):
        task = Three("x")
        assert (task.a, task.b, task.c) == ("x", 2, 3)
        assert task.param_kwargs == {"a": "x", "b": 2, "c": 3}
        assert Three("x", 2, c=3) is task
        assert Three(b=2, a="x") is task

    def test_errors(self):
        def message(kind, *args, **kwargs):
            with pytest.raises(kind) as caught:
                Three(*args, **kwargs)
            return str(caught.value)

        assert message(UnknownParameterException, "x", 1, 2) == (
            "Three[args=('x', 1, 2), kwargs={}]: takes at most 2 parameters (3 given)"
        )
        assert message(DuplicateParameterException, "x", a="y") == (
            "Three[args=('x',), kwargs={'a': 'y'}]: parameter a was already set as a positional parameter"
        )
        assert message(UnknownParameterException, "x", z=1) == (
            "Three[args=('x',), kwargs={'z': 1}]: unknown parameter z"
        )
        assert message(MissingParameterException, b=1) == (
            "Three[args=(), kwargs={'b': 1}]: requires the 'a' parameter to be set"
        )

    def test_explicit_values_are_normalised_before_they_are_counted(self):
        seen = []

        class Noting(luigi.Parameter):
            def normalize(self, x):
                seen.append(x)
                return x.upper()

        class T(luigi.Task):
            a = Noting()
            b = Noting(default="d")

        assert T("x").b == "D"
        seen.clear()
        with pytest.raises(UnknownParameterException):
            T("x", "y", "z")
        assert seen == ["x", "y"]

    def test_what_normalize_raises_is_not_wrapped(self):
        class T(luigi.Task):
            a = luigi.ChoiceParameter(choices=["x"], default="bad")

        for make in (lambda: T(a="y"), T):
            with pytest.raises(ValueError, match="is not a valid choice from") as caught:
                make()
            assert not str(caught.value).startswith("T[")

    def test_what_parse_raises_is_wrapped(self):
        get_config().set("Three", "b", "many")
        with pytest.raises(ValueError) as caught:
            Three("x")
        assert str(caught.value) == (
            "Three[args=('x',), kwargs={}]: Error when parsing the default value of 'b'"
        )
        assert isinstance(caught.value.__cause__, ValueError)
        assert Three("x", 5).b == 5

    def test_private_values_are_masked(self):
        class Secret(luigi.Task):
            user = luigi.Parameter()
            password = luigi.IntParameter(visibility=ParameterVisibility.PRIVATE)

        for args, kwargs, shown in (
            (("u", "pw123"), {"z": 1}, "Secret[args=('u', '***'), kwargs={'z': 1}]: unknown parameter z"),
            (("u",), {"password": "pw123", "z": 1}, "kwargs={'password': '***', 'z': 1}]"),
        ):
            with pytest.raises(UnknownParameterException) as caught:
                Secret(*args, **kwargs)
            assert shown in str(caught.value)
            assert "pw123" not in str(caught.value)
        get_config().set("Secret", "password", "pw123")
        with pytest.raises(ValueError) as caught:
            Secret("u")
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert repr(Secret("u", 5)) == "Secret(user=u, password=***)"

    def test_lists_and_sets_become_tuples(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            assert Three([1, [2]]).a == (1, [2])
            assert Three({"b", "a"}).a == ("a", "b")
            assert Three(frozenset("a")).a == frozenset("a")

    def test_wrong_types_are_warned_of(self):
        with pytest.warns(UserWarning, match=r'^Parameter "a" with value "1" is not of type string\.$'):
            Three(1)

    def test_the_check_of_types_can_be_overridden(self):
        class Lenient(luigi.Task):
            a = luigi.Parameter()

            def _warn_on_wrong_param_types(self):
                self.checked = True

        assert Lenient(1).checked

    def test_param_args(self):
        with pytest.warns(DeprecationWarning, match=r"^Use of param_args has been deprecated\.$"):
            assert Three("x").param_args == ("x", 2, 3)

    def test_lists_of_names(self):
        class T(luigi.Task):
            a = luigi.IntParameter(batch_method=max)
            b = luigi.IntParameter(significant=False)

        assert T.get_param_names() == ["a"]
        assert T.get_param_names(include_significant=True) == ["a", "b"]
        assert T.batch_param_names() == ["a"]
        assert T(1, 2).batchable
        assert not Three("x").batchable


class TestClassesThatChange:
    def test_order_is_that_of_declaration_bases_first(self):
        class Base(luigi.Task):
            z = luigi.IntParameter(default=0)
            y = luigi.IntParameter(default=0)

        class Derived(Base):
            a = luigi.IntParameter(default=0)
            z = luigi.IntParameter(default=1)

        assert [name for name, _ in Derived.get_params()] == ["y", "a", "z"]

    def test_overriding_with_something_else_removes(self):
        class Derived(Three):
            b = 17

        assert [name for name, _ in Derived.get_params()] == ["a", "c"]
        assert Derived("x").b == 17

    def test_parameters_added_replaced_and_deleted(self):
        class T(luigi.Task):
            a = luigi.IntParameter(default=1)

        class Sub(T):
            pass

        assert (T().param_kwargs, Sub().param_kwargs) == ({"a": 1}, {"a": 1})
        T.b = luigi.IntParameter(default=2)
        assert Sub(b=5).param_kwargs == {"a": 1, "b": 5}
        assert Sub(b=5).b == 5
        T.a = luigi.IntParameter(default=10)
        assert Sub().param_kwargs == {"b": 2, "a": 10}
        Sub.a = "no parameter"
        assert Sub().param_kwargs == {"b": 2}
        del Sub.a
        assert Sub().a == 10
        del T.b
        assert Sub().param_kwargs == {"a": 10}

    def test_parameters_added_to_a_plain_base(self):
        class Mixin:
            m = luigi.IntParameter(default=1)

        class T(Mixin, luigi.Task):
            pass

        assert T().param_kwargs == {"m": 1}
        Mixin.n = luigi.IntParameter(default=2)
        assert T().param_kwargs == {"m": 1, "n": 2}
        Mixin.m = luigi.IntParameter(default=3)
        assert T().param_kwargs == {"n": 2, "m": 3}

    def test_methods_and_attributes_of_parameters_that_change(self, monkeypatch):
        class Shouting(luigi.Parameter):
            pass

        class T(luigi.Task):
            a = Shouting(default="x")
            b = luigi.Parameter(default="y")

        before = T()
        assert before.a == "x"
        Shouting.normalize = lambda self, x: x.upper()
        assert (T().a, T(a="q").a) == ("X", "Q")
        monkeypatch.setattr(luigi.Parameter, "serialize", lambda self, x: f"<{x}>")
        assert T(a="new").to_str_params() == {"a": "<NEW>", "b": "<y>"}
        assert T(a="newer").task_id.startswith("T__NEWER___y__")
        T.b._default = "z"
        assert T().b == "z"
        T.b.significant = False
        assert "z" not in T(a="last").task_id
        assert before.a == "x"

    def test_constants_of_the_id_can_be_changed(self, monkeypatch):
        monkeypatch.setattr(luigi.task, "TASK_ID_TRUNCATE_PARAMS", 2)
        assert Three("abcdef", 1).task_id.startswith("Three_ab_1_3_")

    def test_configuration_that_changes(self):
        assert Three("x").b == 2
        get_config().set("Three", "b", "7")
        assert Three("x").b == 7
        get_config().remove_option("Three", "b")
        assert Three("x").b == 2

    def test_defaults_of_parameters_with_methods_of_their_own(self):
        normalised = []

        class Own(luigi.Parameter):
            def parse(self, x):
                return f"parsed {x}"

            def normalize(self, x):
                normalised.append(x)
                return f"{x}!"

        class T(luigi.Task):
            a = Own(default="default")

        assert [T().a, T().a] == ["default!"] * 2
        assert normalised == ["default"] * 2
        get_config().set("T", "a", "text")
        assert [T().a, T().a] == ["parsed text!"] * 2
        get_config().remove_option("T", "a")
        assert T().a == "default!"
        T.a._default = "other"
        assert T().a == "other!"

    def test_a_mutable_default_is_looked_at_each_time(self):
        default = [1]

        class T(luigi.Task):
            a = luigi.ListParameter(default=default)

        assert T().a == (1,)
        default.append(2)
        assert T().a == (1, 2)

    def test_a_source_of_the_class_own_is_asked_each_time(self):
        numbers = iter(range(10))

        class Own(luigi.IntParameter):
            def _get_value(self, task_name, param_name):
                return next(numbers)

        class T(luigi.Task):
            a = Own(default=0)

        assert [T().a, T().a] == [0, 1]

    def test_the_environment_is_read_each_time(self, monkeypatch):
        get_config().set("Three", "b", "${NUMBER_OF_THINGS}")
        for number in ("8", "9"):
            monkeypatch.setenv("NUMBER_OF_THINGS", number)
            assert Three("x").b == int(number)

    def test_a_task_namespace_set_late_moves_the_section(self):
        class T(luigi.Task):
            a = luigi.IntParameter(default=1)

        get_config().set("ns.T", "a", "5")
        assert T().a == 1
        T.task_namespace = "ns"
        assert T().a == 5
        assert T().task_id.startswith("ns.T_5_")


class TestOverriding:
    def test_get_param_values(self):
        class T(luigi.Task):
            a = luigi.IntParameter()
            b = luigi.IntParameter(default=0)

            @classmethod
            def get_param_values(cls, params, args, kwargs):
                values = dict(super().get_param_values(params, args, kwargs))
                values["b"] = values["a"] * 2
                return list(values.items())

        task = T(a=3)
        assert (task.b, repr(task), task.to_str_params()) == (6, "T(a=3, b=6)", {"a": "3", "b": "6"})
        assert T(3, b=100) is task

    def test_get_params(self):
        class T(luigi.Task):
            a = luigi.IntParameter(default=1)
            b = luigi.IntParameter(default=2)

            @classmethod
            def get_params(cls):
                return [pair for pair in super().get_params() if pair[0] != "b"]

        assert T().param_kwargs == {"a": 1}
        assert T() is T(1)
        with pytest.raises(UnknownParameterException):
            T(b=1)

    def test_an_init_that_runs_once_per_value(self):
        calls = []

        class T(luigi.Task):
            a = luigi.IntParameter()

            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                calls.append(self.a)

        assert T(1) is T(a=1)
        assert calls == [1]

    def test_an_init_that_changes_the_arguments(self):
        class T(luigi.Task):
            a = luigi.IntParameter()

            def __init__(self, *args, **kwargs):
                super().__init__(a=kwargs["a"] + 1)

        assert T(a=1).a == 2
        assert T(a=1).task_id.startswith("T_2_")

    def test_an_init_that_forgets_the_base(self):
        class T(luigi.Task):
            def __init__(self):
                self.own = 1

        task = T()
        assert not task.initialized()
        assert vars(task) == {"own": 1}
        with pytest.raises(AttributeError):
            hash(task)
        with pytest.raises(AttributeError):
            _ = task == T()
        assert Three("x").initialized()

    def test_an_own_new(self):
        class T(luigi.Task):
            a = luigi.IntParameter()

            def __new__(cls, *args, **kwargs):
                task = super().__new__(cls)
                task.born_with = (args, kwargs)
                return task

        assert T(1).born_with == ((1,), {})
        assert T(1).a == 1

    def test_an_own_setattr_sees_the_values(self):
        class T(luigi.Task):
            a = luigi.IntParameter()

            def __setattr__(self, name, value):
                vars(self).setdefault("seen", []).append(name)
                super().__setattr__(name, value)

        assert T(1).seen[:3] == ["a", "param_kwargs", "task_id"]
        assert T(1).a == 1

    def test_a_task_id_of_the_class_own(self):
        class T(luigi.Task):
            a = luigi.IntParameter()

            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.task_id = "mine"

        assert T(1) == T(2)
        assert T(1) is not T(2)

    def test_to_str_params_of_the_class_own(self):
        class T(luigi.Task):
            a = luigi.IntParameter()

            def to_str_params(self, only_significant=False, only_public=False):
                return {"a": "same"}

        assert T(1).task_id == T(2).task_id

    def test_reporters_are_none_even_over_methods_of_the_class(self):
        class T(luigi.Task):
            def set_status_message(self, text): ...

        assert T().set_status_message is None
        assert (Three("x").set_tracking_url, Three("x").set_progress_percentage) == (None, None)
        assert not hasattr(Three("x"), "decrease_running_resources")
        assert not hasattr(Three("x"), "scheduler_messages")

    def test_attributes_may_be_assigned_later(self):
        task = Three("x", 5)
        task.b = 6
        assert (task.b, task.param_kwargs["b"]) == (6, 5)
        assert repr(task) == "Three(a=x, b=5, c=3)"
        assert task.clone().b == 6


class TestUnconsumedConfiguration:
    def warned(self, cls):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cls(a="x")
        return [str(w.message) for w in caught if w.category is UnconsumedParameterWarning]

    def test_each_key_once(self):
        class T(luigi.Task):
            a = luigi.Parameter()
            ignore_unconsumed = {"known_elsewhere"}

        class Sub(T):
            pass

        get_config().read_dict(
            {"T": {"a": "1", "foo": "2", "known_elsewhere": "3"}, "Sub": {"foo": "4"}, "Other": {"x": "1"}}
        )
        text = (
            "The configuration contains the parameter 'foo' with value '{}' "
            "that is not consumed by the task '{}'."
        )
        assert self.warned(T) == [text.format(2, "T")]
        assert self.warned(T) == []
        assert self.warned(Sub) == [text.format(4, "Sub")]
        get_config().set("T", "bar", "5")
        assert len(self.warned(T)) == 1
        assert Sub._unconsumed_params is T._unconsumed_params
        assert T._unconsumed_params == {"T_foo", "T_bar", "Sub_foo"}

    def test_nothing_is_said_without_a_section(self):
        class T(luigi.Task):
            a = luigi.Parameter()

        assert self.warned(T) == []
        assert T._unconsumed_params == set()


def test_defaults_on_the_command_line():
    from luigi.cmdline_parser import CmdlineParser

    class T(luigi.Task):
        a = luigi.IntParameter(default=1)

    assert T().a == 1
    with CmdlineParser.global_instance(["T", "--T-a", "5"]):
        assert T().a == 5
    assert T().a == 1
