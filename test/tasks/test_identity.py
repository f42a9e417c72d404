"""Task ids to the letter; equality, hashes, copies and pickles; one object per set of values."""

from __future__ import annotations

import collections
import copy
import datetime
import enum
import hashlib
import json
import logging
import pickle
import re

import luigi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from luigi.parameter import ParameterVisibility
from luigi.task import TaskIdCollisionError, task_id_str, verify_same_task
from luigi.task_register import Register


class Plain(luigi.Task):
    a = luigi.Parameter(default="x")
    b = luigi.IntParameter(default=1)


class Any_(luigi.Task):
    v = luigi.Parameter()

    def _warn_on_wrong_param_types(self):
        pass


class Shades(luigi.Task):
    public = luigi.Parameter(default="p")
    minor = luigi.Parameter(default="m", significant=False)
    hidden = luigi.Parameter(default="h", visibility=ParameterVisibility.HIDDEN)
    private = luigi.Parameter(default="s", visibility=ParameterVisibility.PRIVATE)


class TestIds:
    @pytest.mark.parametrize(
        ("family", "params", "expected"),
        [
            ("Fam", {}, "Fam__99914b932b"),
            ("Fam", {"b": "2", "a": "é x"}, "Fam___x_2_bec42dd761"),
            ("my_namespace.MyTask", {"my_param": "hello"}, "my_namespace.MyTask_hello_890907e7ce"),
        ],
    )
    def test_task_id_str(self, family, params, expected):
        assert task_id_str(family, params) == expected

    def test_of_an_instance(self):
        class A(luigi.Task):
            b = luigi.IntParameter()
            a = luigi.Parameter()
            d = luigi.DateParameter()

        task = A(b=1, a="hello world/with-a very long string", d=datetime.date(2020, 1, 2))
        assert task.task_id == "A_hello_world_with_1_2020_01_02_d4ebdb2b0e"

    @given(st.dictionaries(st.text(), st.text(), max_size=6))
    def test_is_defined_by_json_and_md5(self, params):
        encoded = json.dumps(params, separators=(",", ":"), sort_keys=True).encode()
        digest = hashlib.md5(encoded, usedforsecurity=False).hexdigest()[:10]
        summary = "_".join(params[name][:16] for name in sorted(params)[:3])
        assert task_id_str("F", params) == f"F_{re.sub('[^A-Za-z0-9_]', '_', summary)}_{digest}"

    def test_what_is_not_public_does_not_enter(self):
        task = Shades(minor="1", hidden="2", private="3")
        assert task.task_id == Shades().task_id == task_id_str("Shades", {"public": "p"})

    def test_text_forms(self):
        task = Shades()
        assert task.to_str_params() == {"public": "p", "minor": "m", "hidden": "h"}
        assert task.to_str_params(only_significant=True) == {"public": "p", "hidden": "h"}
        assert task.to_str_params(only_public=True) == {"public": "p", "minor": "m"}
        assert task._get_param_visibilities() == {"public": 0, "minor": 0, "hidden": 1}
        assert repr(task) == str(task) == "Shades(public=p, hidden=h, private=***)"

    def test_a_task_without_parameters(self):
        class Bare(luigi.Task):
            pass

        assert repr(Bare()) == "Bare()"

    def test_batched_texts_are_combined(self):
        class Batch(luigi.Task):
            n = luigi.IntParameter(batch_method=max)
            m = luigi.IntParameter(default=0)

        assert Batch.from_str_params({"n": ["3", "9", "2"], "unknown": "x"}) is Batch(n=9)


class TestEquality:
    def test_class_and_id_count(self):
        class Other(luigi.Task):
            a = luigi.Parameter(default="x")
            b = luigi.IntParameter(default=1)

        assert Plain() == Plain("x", 1)
        assert Plain() != Plain("y")
        assert Plain() != Other()
        assert Plain() != "Plain"
        assert len({Shades(), Shades(minor="other"), Shades(private="other")}) == 1
        with pytest.raises(TypeError):
            _ = Plain() < Plain("y")

    def test_the_hash_stays(self):
        task = Plain("hash")
        before = hash(task)
        task.task_id = "something else"
        assert hash(task) == before == task._Task__hash
        Register.clear_instance_cache()
        assert task != Plain("hash")

    def test_pickles_and_copies_are_equal_and_not_the_same(self):
        task = Plain("é")
        for twin in (pickle.loads(pickle.dumps(task)), copy.copy(task), copy.deepcopy(task)):
            assert twin == task
            assert twin is not task
            assert (twin.a, twin.b, twin.task_id, hash(twin)) == (task.a, task.b, task.task_id, hash(task))
            assert twin.set_status_message is None

    def test_what_the_worker_puts_in_stays_behind(self):
        task = Plain("pickled")
        task.set_status_message = lambda text: None
        task.scheduler_messages = held = object()
        with task.no_unpicklable_properties():
            twin = pickle.loads(pickle.dumps(task))
        placeholder = "placeholder_during_pickling"
        assert (twin.set_status_message, twin.scheduler_messages) == (placeholder, placeholder)
        assert (twin.set_tracking_url, task.set_tracking_url) == (placeholder, None)
        assert task.scheduler_messages is held
        assert not hasattr(twin, "decrease_running_resources")

    def test_classes_pickle_by_value_without_their_table(self):
        Plain("x")
        table = Plain._parameter_table
        assert table is not None
        assert pickle.loads(pickle.dumps(table)) is None

    def test_clone(self):
        class Other(luigi.Task):
            b = luigi.IntParameter()
            c = luigi.IntParameter(default=4)

        task = Plain("x", 7)
        assert task.clone() is task
        assert task.clone(b=8) is Plain("x", 8)
        assert task.clone(Other) is Other(b=7)
        assert task.clone(cls=Other, c=5, unknown=1) is Other(b=7, c=5)


class TestInstanceCache:
    def test_values_of_different_types_are_different(self):
        values = [1, True, 1.0, "1", (1,), (True,), ((1.0,),), ((1,),), None, "None", 0.0, -0.0]
        tasks = [Any_(v) for v in values]
        assert len({id(task) for task in tasks}) == len(values)
        assert [task.v for task in tasks] == values
        assert all(Any_(v) is task for v, task in zip(values, tasks, strict=True))

    def test_where_normalisation_makes_them_the_same_they_are(self):
        class Flag(luigi.Task):
            on = luigi.BoolParameter()

        assert Flag(True) is Flag(on="true") is Flag("True")

    def test_each_nan_is_the_same_value(self):
        class F(luigi.Task):
            x = luigi.FloatParameter()

        assert F(float("nan")) is F(float("nan"))
        assert Any_((float("nan"),)) is Any_((float("nan"),))

    def test_dicts_lists_and_enums(self):
        class Colour(enum.Enum):
            RED = 1

        class D(luigi.Task):
            d = luigi.DictParameter(default={})
            t = luigi.ListParameter(default=())
            e = luigi.EnumParameter(enum=Colour, default=Colour.RED)

        assert D(d={"a": [1, {"b": 2}]}) is D(d={"a": (1, {"b": 2})})
        assert D(d={"a": 1}) is not D(d={"a": True})
        assert D(t=[1, [2]]) is D(t=(1, (2,)))
        assert D(e=Colour.RED) is D()

    def test_insignificant_and_private_values_count(self):
        assert Shades(minor="a") is not Shades(minor="b")
        assert Shades(private="a") is not Shades(private="b")

    def test_equal_sets_give_one_task(self):
        assert Any_({"b", "a", "c"}) is Any_({"c", "b", "a"})
        assert Any_({0, 8}) is Any_({8, 0})

    def test_unhashable_values(self, caplog):
        with caplog.at_level(logging.DEBUG, "luigi-interface"):
            assert Any_({}) is not Any_({})
        message = "Not all parameter values are hashable so instance isn't coming from the cache"
        assert caplog.messages.count(message) == 2

    def test_an_error_in_a_comparison_is_not_mistaken_for_unhashable(self):
        class Odd:
            def __hash__(self):
                return 1

            def __eq__(self, other):
                raise TypeError("cannot compare")

        Any_(Odd())
        with pytest.raises(TypeError, match="cannot compare"):
            Any_(Odd())

    def test_clearing_and_disabling(self):
        task = Plain("c")
        Register.clear_instance_cache()
        again = Plain("c")
        assert again is not task
        assert Plain("c") is again
        Register.disable_instance_cache()
        assert Register._Register__instance_cache is None
        assert Plain("c") is not Plain("c")
        Register.clear_instance_cache()
        assert Plain("c") is Plain("c")

    def test_a_derived_metaclass_has_a_switch_of_its_own(self):
        class Meta(Register):
            pass

        class Uncached(luigi.Task, metaclass=Meta):
            pass

        Meta.disable_instance_cache()
        assert Uncached() is not Uncached()
        assert Plain("c") is Plain("c")

    def test_disabled_with_values_of_the_class_own(self):
        class T(luigi.Task):
            a = luigi.IntParameter(default=1)

            @classmethod
            def get_param_values(cls, params, args, kwargs):
                return super().get_param_values(params, args, kwargs)

        Register.disable_instance_cache()
        assert T() is not T()
        assert T().a == 1

    def test_a_weak_cache_keeps_what_is_held(self):
        Register.weaken_instance_cache()
        task = Plain("weak")
        assert Plain("weak") is task
        cache = Register._Register__instance_cache
        assert len(cache) == 1
        del task
        assert len(cache) == 0

    def test_named_tuples_are_values(self):
        Point = collections.namedtuple("Point", "x y")
        assert Any_(Point(1, 2)) is Any_(Point(1, 2))
        assert Any_(Point(1, 2)) is not Any_((1, 2))
        assert Any_(Point(1, 2)) is not Any_(Point(1, True))


class TestSameTask:
    def test_a_collision_is_an_error(self, monkeypatch):
        monkeypatch.setattr(luigi.task, "TASK_ID_TRUNCATE_HASH", 0)
        one, other = Any_("a" * 16 + "1"), Any_("a" * 16 + "2")
        assert one.task_id == other.task_id
        verify_same_task(one, one)
        with pytest.raises(
            TaskIdCollisionError, match=r"both have the id Any__a+_, so that only one would run"
        ):
            verify_same_task(one, other)

    def test_a_difference_that_no_id_shows_is_logged_once(self, caplog):
        one, other = Shades(private="secret1"), Shades(private="secret2", hidden="i")
        for _ in range(2):
            verify_same_task(one, other)
        verify_same_task(Shades(minor="1"), Shades(minor="2"))
        assert caplog.messages == [
            f"Two tasks have the id {one.task_id} and differ in what is not public (hidden, private): "
            "one of them runs for both"
        ]

    def test_a_class_that_chooses_its_ids_knows_better(self, caplog):
        class Own(luigi.Task):
            a = luigi.IntParameter()

            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.task_id = "mine"

        verify_same_task(Own(1), Own(2))
        assert not caplog.messages
