"""What requires() and output() may return, and the helpers that walk it."""

from __future__ import annotations

import collections
import warnings

import luigi
import pytest
from luigi.mock import MockTarget
from luigi.task import (
    BulkCompleteNotImplementedError,
    DynamicRequirements,
    MixinNaiveBulkComplete,
    externalize,
    flatten,
    flatten_output,
    getpaths,
)


class Leaf(luigi.Task):
    n = luigi.IntParameter(default=0)

    def output(self):
        return MockTarget(f"leaf{self.n}")


def make(task):
    with task.output().open("w") as sink:
        sink.write("x")


class TestFlatten:
    @pytest.mark.parametrize(
        ("struct", "expected"),
        [
            (None, []),
            ([], []),
            ("text", ["text"]),
            (5, [5]),
            ({"a": "foo", "b": "bar"}, ["foo", "bar"]),
            ({"a": [1, {"b": 2}], "c": None}, [1, 2]),
            (["foo", ["bar", "troll"]], ["foo", "bar", "troll"]),
            ((x for x in (1, (2, 3))), [1, 2, 3]),
            (b"ab", [97, 98]),
            (range(3), [0, 1, 2]),
        ],
    )
    def test_values(self, struct, expected):
        assert flatten(struct) == expected

    def test_tasks_and_what_has_only_indices(self):
        class Indexed:
            def __getitem__(self, index):
                return (10, 20)[index]

        task = Leaf()
        assert flatten(task) == [task]
        assert flatten([Indexed(), task]) == [10, 20, task]

    def test_what_is_iterable_only_in_name(self):
        class Broken:
            __iter__ = None

        thing = Broken()
        assert flatten([thing]) == [thing]


class TestGetpaths:
    def test_the_structure_stays(self):
        a, b = Leaf(1), Leaf(2)
        assert getpaths(a).path == "leaf1"
        found = getpaths({"x": a, "y": [b, (a,)]})
        assert [found["x"].path, found["y"][0].path, found["y"][1][0].path] == ["leaf1", "leaf2", "leaf1"]
        assert isinstance(found["y"][1], tuple)
        assert [target.path for target in getpaths(task for task in (a, b))] == ["leaf1", "leaf2"]
        ordered = getpaths(collections.OrderedDict(x=a))
        assert type(ordered) is collections.OrderedDict
        assert getpaths([]) == []
        assert getpaths("") == []

    @pytest.mark.parametrize("struct", [None, 5, [None], {"a": 5}])
    def test_what_is_no_task(self, struct):
        with pytest.raises(Exception, match=r"^Cannot map (None|5) to Task/dict/list$"):
            getpaths(struct)


class TestFlattenOutput:
    def test_tasks_without_output_stand_for_what_they_require(self):
        class Wrapper(luigi.WrapperTask):
            depth = luigi.IntParameter()

            def requires(self):
                if self.depth == 0:
                    return [Leaf(1), Leaf(2)]
                return {"a": Wrapper(self.depth - 1), "b": Leaf(2), "c": Leaf(3)}

        assert [target.path for target in flatten_output(Wrapper(2))] == ["leaf2", "leaf3", "leaf1"]
        assert [target.path for target in flatten_output(Leaf(5))] == ["leaf5"]


class TestTaskMethods:
    def test_defaults(self):
        class T(luigi.Task):
            pass

        task = T()
        assert (task.requires(), task.input(), task.deps(), task.output(), task.run()) == (
            [],
            [],
            [],
            [],
            None,
        )
        assert (task.on_success(), task.process_resources(), task.disabled, task.priority) == (
            None,
            {},
            False,
            0,
        )
        assert (task.worker_timeout, task.max_batch_size) == (None, float("inf"))
        assert (task.retry_count, task.disable_hard_timeout, task.disable_window) == (None, None, None)
        assert (task.owner_email, task.accepts_messages, task.use_cmdline_section) == (None, False, True)
        assert T.use_cmdline_section
        assert task.task_module == __name__
        with pytest.warns(DeprecationWarning, match="Use of `disable_window_seconds` has been deprecated"):
            assert task.disable_window_seconds is None

    def test_input_deps_and_the_hook_between(self):
        class Top(luigi.Task):
            def requires(self):
                return {"a": Leaf(1), "b": [Leaf(2)]}

            def _requires(self):
                return [super()._requires(), Leaf(9)]

        task = Top()
        assert task.deps() == [Leaf(1), Leaf(2), Leaf(9)]
        assert task.input()["b"][0].path == "leaf2"

    def test_requires_that_returns_none(self):
        class Top(luigi.Task):
            def requires(self):
                return None

        assert Top().deps() == []
        with pytest.raises(Exception, match="Cannot map None"):
            Top().input()

    def test_complete(self):
        class Two(luigi.Task):
            def output(self):
                return {"a": MockTarget("two-a"), "b": [MockTarget("two-b")]}

        assert not Two().complete()
        for target in flatten(Two().output()):
            assert not Two().complete()
            with target.open("w") as sink:
                sink.write("x")
        assert Two().complete() is True

    def test_complete_stops_at_the_first_that_is_missing(self):
        asked = []

        class Asked(MockTarget):
            def exists(self):
                asked.append(self.path)
                return False

        class Two(luigi.Task):
            def output(self):
                return [Asked("1"), Asked("2")]

        assert Two().complete() is False
        assert asked == ["1"]

    def test_complete_without_outputs(self):
        class Bare(luigi.Task):
            n = luigi.IntParameter(default=3)

        with pytest.warns(UserWarning) as caught:
            assert Bare().complete() is False
        assert [str(w.message) for w in caught] == [
            "Task Bare(n=3) without outputs has no custom complete() method"
        ]
        assert caught[0].filename == __file__

    def test_owners(self):
        class T(luigi.Task):
            owner_email = "a@x, b@x"

        class L(luigi.Task):
            owner_email = ["a@x"]

        assert (T()._owner_list(), L()._owner_list(), Leaf()._owner_list()) == (["a@x", " b@x"], ["a@x"], [])

    def test_on_failure_shows_the_traceback(self):
        try:
            raise KeyError("what went wrong")
        except KeyError as error:
            text = Leaf().on_failure(error)
        assert text.startswith("Runtime error:\nTraceback (most recent call last):\n")
        assert text.endswith("KeyError: 'what went wrong'\n")


class TestBulkComplete:
    def test_is_not_implemented_by_default(self):
        with pytest.raises(BulkCompleteNotImplementedError):
            Leaf.bulk_complete([1])
        assert issubclass(BulkCompleteNotImplementedError, NotImplementedError)

    def test_the_naive_one_asks_each(self):
        class T(MixinNaiveBulkComplete, luigi.Task):
            a = luigi.IntParameter()
            b = luigi.IntParameter(default=0)

            def complete(self):
                return self.a + self.b > 2

        items = [1, 3, (1, 2), [1, 1], {"a": 1, "b": 5}]
        assert T.bulk_complete(items) == [3, (1, 2), {"a": 1, "b": 5}]


class TestOtherClasses:
    def test_external(self):
        assert luigi.ExternalTask.run is None

    def test_wrapper(self):
        class Wrapper(luigi.WrapperTask):
            n = luigi.IntParameter()

            def requires(self):
                return [Leaf(n) for n in range(self.n)]

        assert Wrapper(0).complete() is True
        assert not Wrapper(2).complete()
        make(Leaf(0))
        make(Leaf(1))
        assert Wrapper(2).complete()
        assert not Wrapper(3).complete()

    def test_wrapper_asks_a_complete_of_the_class_own(self):
        asked = []

        class Inner(luigi.WrapperTask):
            def complete(self):
                asked.append(self)
                return super().complete()

        class Outer(luigi.WrapperTask):
            def requires(self):
                return Inner()

        assert Outer().complete()
        assert asked == [Inner()]
        Inner().complete = lambda: False
        assert not Outer().complete()

    def test_wrappers_that_require_each_other(self):
        class Ping(luigi.WrapperTask):
            def requires(self):
                return Pong()

        class Pong(luigi.WrapperTask):
            def requires(self):
                return Ping()

        ping, pong = Ping().task_id, Pong().task_id
        with pytest.raises(RecursionError) as caught:
            Ping().complete()
        assert str(caught.value) == f"Wrapper tasks require each other: {ping} -> {pong} -> {ping}"

    def test_a_chain_of_wrappers_of_any_length(self):
        class Link(luigi.WrapperTask):
            n = luigi.IntParameter()

            def requires(self):
                return Link(self.n - 1) if self.n else []

        assert Link(20_000).complete()

    def test_externalized_class(self):
        External = externalize(Leaf)
        assert External is not Leaf
        assert issubclass(External, Leaf)
        assert (External.run, Leaf.run.__name__) == (None, "run")
        assert (External.__name__, External.__qualname__, External.__module__) == ("Leaf", "Leaf", __name__)
        assert External.__wrapped__ is Leaf
        assert External(1).task_id == Leaf(1).task_id
        assert luigi.task_register.Register.get_task_cls("Leaf") is Leaf

    def test_externalized_object(self):
        task = Leaf(4)
        external = externalize(task)
        assert external == task
        assert external is not task
        assert external.run is None
        assert task.run is not None

    def test_config(self):
        luigi.configuration.get_config().set("my_settings", "depth", "7")

        class my_settings(luigi.Config):
            depth = luigi.IntParameter(default=1)

        assert my_settings().depth == 7
        assert my_settings in luigi.Config.__subclasses__()


class TestDynamicRequirements:
    def test_default_check(self):
        tasks = {"a": Leaf(1), "b": [Leaf(2)]}
        requirements = DynamicRequirements(tasks)
        assert requirements.requirements is tasks
        assert requirements.flat_requirements == [Leaf(1), Leaf(2)]
        assert requirements.flat_requirements is requirements.flat_requirements
        assert requirements.paths["b"][0].path == "leaf2"
        assert requirements.paths is requirements.paths
        assert not requirements.complete()
        asked = []
        assert requirements.complete(lambda task: not asked.append(task))
        assert asked == [Leaf(1), Leaf(2)]

    def test_own_check(self):
        seen = []

        def custom(complete_fn):
            seen.append(complete_fn(Leaf(1)))
            return "answer"

        requirements = DynamicRequirements([Leaf(1)], custom_complete=custom)
        assert requirements.custom_complete is custom
        assert requirements.complete() == "answer"
        assert requirements.complete(lambda task: "given") == "answer"
        assert seen == [False, "given"]


def test_no_warning_is_silently_lost():
    # the suite turns warnings into errors; this module relies on it
    with pytest.raises(UserWarning):
        warnings.warn("x", stacklevel=1)
