"""The register of task classes: look-up by name, namespaces, what a class may do to its metaclass."""

from __future__ import annotations

import abc
import sys
import types
from typing import Generic, TypeVar

import luigi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from luigi.task_register import (
    FRAMEWORK_FAMILIES,
    Register,
    TaskClassAmbigiousException,
    TaskClassException,
    TaskClassNotFoundException,
    load_task,
)


def run_module(name: str, source: str) -> types.ModuleType:
    module = types.ModuleType(name)
    exec(compile(source, name, "exec"), vars(module))
    return module


class TestLookUp:
    def test_a_class_is_found_by_its_family(self):
        class Found(luigi.Task):
            pass

        assert Register.get_task_cls("Found") is Found
        assert "Found" in Register.task_names()
        assert Register.tasks_str().split(",") == Register.task_names() == sorted(Register.task_names())

    def test_the_message_names_what_is_near(self):
        Register._reg = []

        class TaskA(luigi.Task):
            pass

        class worker(luigi.Task):
            pass

        class Task(luigi.Task):
            pass

        with pytest.raises(TaskClassNotFoundException) as caught:
            Register.get_task_cls("taskA")
        assert str(caught.value) == "No task taskA. Did you mean:\nTaskA\nTask\nworker"
        with pytest.raises(TaskClassException) as caught:
            Register.get_task_cls("something quite different")
        assert str(caught.value) == ("No task something quite different. Candidates are: Task,TaskA,worker")

    def test_a_register_filtered_by_module_keeps_the_framework(self):
        class Kept(luigi.Task):
            pass

        class Dropped(luigi.Task):
            pass

        Register._reg = [cls for cls in Register._reg if cls.__module__.startswith("luigi.") or cls is Kept]
        assert {"Kept", "Task", "Config", "core", "worker", "scheduler"} <= set(Register.task_names())
        assert "Dropped" not in Register.task_names()
        assert luigi.Task in Register._reg

    def test_a_register_is_set_exactly(self):
        class Only(luigi.Task):
            pass

        Register._set_reg({"Only": Only})
        assert list(Register._loaded_reg()) == ["Only"]

    def test_unrelated_classes_of_one_name_are_ambiguous_for_good(self):
        def make():
            class Twice(luigi.Task):
                pass

            return Twice

        first, second = make(), make()
        assert Register._get_reg()["Twice"] is Register.AMBIGUOUS_CLASS
        assert "Twice" in Register.task_names()
        with pytest.raises(TaskClassAmbigiousException, match=r"^Task 'Twice' is ambiguous$"):
            Register.get_task_cls("Twice")

        class Derived(first):
            pass

        Derived.__name__ = "Twice"
        assert Register._get_reg()["Twice"] is Register.AMBIGUOUS_CLASS
        assert "Twice" not in {family for family, *_ in Register.get_all_params()}
        assert second is not first

    def test_a_subclass_replaces_its_base(self):
        class Base(luigi.Task):
            pass

        derived = type(Base)("Base", (Base,), {})
        assert Register.get_task_cls("Base") is derived

    def test_hidden_classes_are_not_found_nor_their_subclasses(self):
        class Hidden(luigi.Task):
            _visible_in_registry = False

        class HiddenToo(Hidden):
            pass

        assert not {"Hidden", "HiddenToo"} & set(Register.task_names())
        Hidden._visible_in_registry = True
        assert Register.get_task_cls("HiddenToo") is HiddenToo

    def test_names_may_change(self):
        class Before(luigi.Task):
            pass

        assert Register.get_task_cls("Before") is Before
        Before.__name__ = "After"
        assert Register.get_task_cls("After") is Before
        Before.task_namespace = "ns"
        assert Register.get_task_cls("ns.After") is Before
        with pytest.raises(TaskClassNotFoundException):
            Register.get_task_cls("After")
        del Before.task_namespace
        assert Register.get_task_cls("After") is Before

    def test_the_list_can_be_read_and_replaced(self):
        class Kept(luigi.Task):
            pass

        class Dropped(luigi.Task):
            pass

        assert Register._reg[-2:] == [Kept, Dropped]
        assert Register.get_task_cls("Dropped") is Dropped
        Register._reg = [cls for cls in Register._reg if cls is not Dropped]
        with pytest.raises(TaskClassNotFoundException):
            Register.get_task_cls("Dropped")
        Register._reg.append(Dropped)
        assert Register.get_task_cls("Dropped") is Dropped
        Register._reg.remove(Dropped)
        with pytest.raises(TaskClassNotFoundException):
            Register.get_task_cls("Dropped")

    def test_set_reg_leaves_the_ambiguous_out(self):
        class Only(luigi.Task):
            pass

        Register._set_reg({"Only": Only, "Other": Register.AMBIGUOUS_CLASS})
        assert Register._reg == [Only]

    def test_the_mapping_belongs_to_the_caller(self):
        Register._get_reg().clear()
        assert Register.task_names()

    def test_all_params(self):
        class Flagged(luigi.Task):
            x = luigi.IntParameter()

        class Unflagged(luigi.Task):
            use_cmdline_section = False
            y = luigi.IntParameter()

        found = {entry[0]: entry for entry in Register.get_all_params() if "lagged" in entry[0]}
        assert found == {
            "Flagged": ("Flagged", False, "x", Flagged.x),
            "Unflagged": ("Unflagged", True, "y", Unflagged.y),
        }

    def test_the_framework_comes_first_in_a_fixed_order(self):
        families = [family for family in Register._get_reg() if family in FRAMEWORK_FAMILIES]
        assert families[:4] == ["Task", "ExternalTask", "WrapperTask", "Config"]
        assert families == [family for family in FRAMEWORK_FAMILIES if family in families]

    @given(st.text("abc", max_size=7), st.text("abc", max_size=7))
    def test_edit_distance(self, a, b):
        def distance(i, j):
            if not i or not j:
                return i + j
            return min(
                distance(i - 1, j) + 1,
                distance(i, j - 1) + 1,
                distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]),
            )

        a, b = a[:5], b[:5]
        assert Register._editdistance(a, b) == distance(len(a), len(b))


class TestRedefinition:
    def test_running_a_definition_again_replaces_the_class(self):
        source = "import luigi\nclass Cell(luigi.Task):\n    pass\n"
        run_module("a_notebook", source)
        second = run_module("a_notebook", source)
        assert Register.get_task_cls("Cell") is second.Cell

    def test_other_modules_stay_ambiguous(self):
        source = "import luigi\nclass Cell(luigi.Task):\n    pass\n"
        run_module("one_notebook", source)
        run_module("another_notebook", source)
        with pytest.raises(TaskClassAmbigiousException):
            Register.get_task_cls("Cell")


class TestLoadTask:
    def test_imports_the_module_and_parses_the_texts(self, monkeypatch):
        class Loaded(luigi.Task):
            x = luigi.IntParameter()
            d = luigi.DateParameter()

        monkeypatch.setitem(sys.modules, "a_module_of_tasks", types.ModuleType("a_module_of_tasks"))
        task = load_task("a_module_of_tasks", "Loaded", {"x": "3", "d": "2020-01-02", "other": "ignored"})
        assert task is Loaded.from_str_params({"x": "3", "d": "2020-01-02"})
        assert load_task(None, "Loaded", {"x": "3", "d": "2020-01-02"}) is task

    def test_a_missing_module_is_an_import_error(self):
        with pytest.raises(ModuleNotFoundError, match="no_such_module"):
            load_task("no_such_module", "Loaded", {})

    def test_the_modules_that_our_own_classes_announce(self):
        assert luigi.Config().task_module == "luigi.task"
        assert load_task("luigi.task", "Config", {}) is luigi.Config()


class TestNamespaces:
    def test_of_the_class(self):
        class Base(luigi.Task):
            task_namespace = "n"

        class B(Base):
            pass

        assert (B.task_family, B().task_family, B.get_task_family()) == ("n.B",) * 3

    def test_of_the_scope(self):
        luigi.namespace("g")

        class A(luigi.Task):
            pass

        class Free(luigi.Task):
            task_namespace = ""

        luigi.namespace()

        class B(A):
            pass

        assert [cls.task_family for cls in (A, Free, B)] == ["g.A", "Free", "B"]

    def test_of_the_module(self):
        luigi.auto_namespace()

        class A(luigi.Task):
            pass

        assert A.task_family == f"{__name__}.A"

    def test_the_most_specific_scope_that_is_not_empty_wins(self):
        luigi.namespace("wide", scope="a")
        luigi.namespace("narrow", scope="a.b")
        assert [Register._get_namespace(m) for m in ("a", "a.b", "a.b.c", "ab")] == [
            "wide",
            "narrow",
            "narrow",
            "",
        ]
        luigi.namespace(scope="a.b")
        assert Register._get_namespace("a.b.c") == "wide"
        assert list(Register._module_parents("a.b.c")) == ["a.b.c", "a.b", "a", ""]

    def test_the_marker_is_what_luigi_has(self):
        assert luigi.Task.task_namespace == "__not_user_specified"
        assert luigi.task._SAME_AS_PYTHON_MODULE == "_same_as_python_module"

    def test_an_override_of_get_task_family_is_not_the_family_of_the_register(self):
        class A(luigi.Task):
            x = luigi.IntParameter(default=1)

            @classmethod
            def get_task_family(cls):
                return "Over"

        assert (A.task_family, A().task_family) == ("A", "A")
        assert (A().task_id, repr(A())) == ("Over_1_978d9e1e62", "Over(x=1)")


class TestMetaclass:
    def test_abstract_methods_are_enforced(self):
        class Abstract(luigi.Task):
            @abc.abstractmethod
            def work(self): ...

        with pytest.raises(TypeError, match="abstract"):
            Abstract()

        class Concrete(Abstract):
            def work(self): ...

        assert Concrete().task_id == "Concrete__99914b932b"

    def test_class_keywords_reach_init_subclass(self):
        seen = {}

        class Base(luigi.Task):
            def __init_subclass__(cls, **kwargs):
                seen[cls.__name__] = kwargs

        class Derived(Base, option=3):
            pass

        assert seen == {"Derived": {"option": 3}}

    def test_generic_tasks(self):
        X = TypeVar("X")

        class T(luigi.Task, Generic[X]):
            a = luigi.IntParameter(default=1)

        class U(T[int]):
            b = luigi.IntParameter(default=2)

        assert repr(U()) == "U(a=1, b=2)"
        assert U() is U(a=1)

    def test_an_overridden_new_and_call(self):
        calls = []

        class Meta(Register):
            def __new__(metacls, name, bases, classdict):
                classdict["made_by"] = name
                return super().__new__(metacls, name, bases, classdict)

            def __call__(cls, *args, **kwargs):
                calls.append((args, kwargs))
                return super().__call__(*args, **{"a": 5, **kwargs})

        class T(luigi.Task, metaclass=Meta):
            a = luigi.IntParameter()

        assert (T.made_by, T().a, T(a=1).a) == ("T", 5, 1)
        assert calls == [((), {}), ((), {"a": 1})]
        assert Register.get_task_cls("T") is T

    def test_a_call_that_stands_between_register_and_type(self):
        class Counting(type):
            def __call__(cls, *args, **kwargs):
                task = super().__call__(*args, **kwargs)
                task.counted = True
                return task

        class Meta(Register, Counting):
            pass

        class T(luigi.Task, metaclass=Meta):
            a = luigi.IntParameter()

        assert T(a=1).counted
        assert T(a=1) is T(1)

    def test_a_register_of_its_own(self):
        class Apart(Register):
            _reg = []

        class Lonely(luigi.Task, metaclass=Apart):
            pass

        assert Apart._reg == [Lonely]
        assert Lonely not in Register._reg
        assert Apart.get_task_cls("Lonely") is Lonely
        with pytest.raises(TaskClassNotFoundException):
            Register.get_task_cls("Lonely")

    def test_the_namespace_at_class_time_is_each_class_own(self):
        luigi.namespace("g")

        class A(luigi.Task):
            pass

        luigi.namespace()

        class B(A):
            pass

        assert (vars(A)["_namespace_at_class_time"], vars(B)["_namespace_at_class_time"]) == ("g", "")
