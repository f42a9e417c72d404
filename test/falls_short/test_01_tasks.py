"""Shortcomings of Luigi's tasks, registry and task utilities that are mended here.

The number in each name is that of the entry in section 22 of the specification of tasks.  Everything goes
through names that Luigi has, so that the file can be run against Luigi: there each test fails.
"""

import collections
import logging
import tarfile
import types

import luigi
import luigi.util
import pytest
from luigi.configuration import get_config
from luigi.mock import MockTarget
from luigi.parameter import ParameterVisibility
from luigi.task import externalize, getpaths
from luigi.task_register import Register

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_01_01_a_default_is_looked_up_once():
    parsed = []

    class Counting(luigi.Parameter):
        def parse(self, x):
            parsed.append(x)
            return x

    class T0101(luigi.Task):
        a = Counting()

    get_config().set("T0101", "a", "x")
    assert T0101().a == "x"
    assert parsed == ["x"]


def test_01_02_attributes_that_are_no_parameters_are_left_alone():
    touched = []

    class Descriptor:
        def __get__(self, instance, owner):
            touched.append(owner)
            return 1

    class T0102(luigi.Task):
        a = luigi.IntParameter()
        expensive = Descriptor()

    T0102(a=1)
    repr(T0102(a=2))
    assert touched == []


def test_01_03_a_look_up_does_not_ask_every_class():
    asked = []

    class T0103(luigi.Task):
        @classmethod
        def get_task_namespace(cls):
            asked.append(cls)
            return super().get_task_namespace()

    class Other0103(luigi.Task):
        pass

    assert Register.get_task_cls("Other0103") is Other0103
    asked.clear()
    assert Register.get_task_cls("Other0103") is Other0103
    assert asked == []


def test_01_04_a_definition_that_is_run_again_replaces_the_class():
    source = "import luigi\nclass Cell0104(luigi.Task):\n    pass\n"
    classes = []
    for _ in range(2):
        module = types.ModuleType("notebook_0104")
        exec(source, vars(module))
        classes.append(module.Cell0104)
    assert Register.get_task_cls("Cell0104") is classes[-1]


def test_01_05_a_task_that_copies_to_itself_is_no_class():
    class T0105(luigi.Task):
        def __copy__(self):
            return self

    task = T0105()
    external = externalize(task)
    assert external.run is None
    assert task.run is not None


def test_01_06_a_collision_of_ids_is_noticed(monkeypatch):
    # so few letters that any two values collide, as two of a million do with ten
    monkeypatch.setattr(luigi.task, "TASK_ID_TRUNCATE_HASH", 0)
    ran = []

    class T0106(luigi.Task):
        a = luigi.Parameter()

        def complete(self):
            return self.a in ran

        def run(self):
            ran.append(self.a)

    class Top0106(luigi.WrapperTask):
        def requires(self):
            return [T0106("the same beginning" + end) for end in "12"]

    with pytest.raises(Exception, match="both have the id"):
        luigi.build([Top0106()], local_scheduler=True, no_lock=True, log_level="CRITICAL")


def test_01_07_a_difference_that_is_not_public_is_told(caplog):
    done = []

    class T0107(luigi.Task):
        secret = luigi.Parameter(visibility=ParameterVisibility.PRIVATE)

        def complete(self):
            return bool(done)

        def run(self):
            done.append(self.secret)

    class Top0107(luigi.WrapperTask):
        def requires(self):
            return [T0107("s1"), T0107("s2")]

    with caplog.at_level(logging.WARNING, "luigi-interface"):
        luigi.build([Top0107()], local_scheduler=True, no_lock=True, log_level="WARNING")
    told = [message for message in caplog.messages if "differ in what is not public (secret)" in message]
    assert len(told) == 1
    assert "s2" not in told[0]


def test_01_08_private_values_are_masked():
    class T0108(luigi.Task):
        user = luigi.Parameter()
        password = luigi.Parameter(visibility=ParameterVisibility.PRIVATE)

    assert repr(T0108("me", "hunter2")) == "T0108(user=me, password=***)"
    with pytest.raises(luigi.parameter.UnknownParameterException) as caught:
        T0108("me", password="hunter2", extra=1)
    assert "hunter2" not in str(caught.value)


def test_01_09_dynamic_requirements_keep_what_is_private():
    ran = []

    class Need0109(luigi.Task):
        secret = luigi.Parameter(default="default", visibility=ParameterVisibility.PRIVATE)

        def output(self):
            return MockTarget("need0109")

        def run(self):
            ran.append(self.secret)
            with self.output().open("w") as sink:
                sink.write("x")

    class Top0109(luigi.Task):
        done = False

        def complete(self):
            return self.done

        def run(self):
            yield Need0109(secret="given")
            self.done = True

    assert luigi.build([Top0109()], local_scheduler=True, no_lock=True, log_level="CRITICAL")
    assert ran == ["given"]


def test_01_12_equal_sets_give_equal_tasks():
    class T0112(luigi.Task):
        a = luigi.ListParameter()

    # eight apart, so that they lie in the order in which they came
    assert T0112(a={0, 8}) == T0112(a={8, 0})


def test_01_13_a_callback_may_register_another():
    calls = []

    class T0113(luigi.Task):
        pass

    @T0113.event_handler("event")
    def first():
        calls.append("first")
        luigi.Task.event_handler("event")(lambda: calls.append("late"))
        T0113.event_handler("event")(lambda: calls.append("late"))

    T0113().trigger_event("event")
    assert calls == ["first"]


def test_01_14_what_could_not_be_pickled_is_put_back_after_an_error():
    class T0114(luigi.Task):
        pass

    task = T0114()
    task.set_status_message = reporter = print
    with pytest.raises(ZeroDivisionError), task.no_unpicklable_properties():
        raise ZeroDivisionError
    assert task.set_status_message is reporter


@pytest.mark.parametrize("kind", ["sibling", "link", "device"])
def test_01_15_an_archive_cannot_write_elsewhere(tmp_path, kind):
    from luigi.safe_extractor import SafeExtractor

    (tmp_path / "dest").mkdir()
    (tmp_path / "dest-other").mkdir()
    member = tarfile.TarInfo({"sibling": "../dest-other/file"}.get(kind, "name"))
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
    elif kind == "device":
        member.type = tarfile.FIFOTYPE
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(member)
    with pytest.raises(RuntimeError, match="Attempted Path Traversal in Tar File"):
        SafeExtractor(str(tmp_path / "dest")).safe_extract(str(tmp_path / "a.tar"))
    assert not list((tmp_path / "dest").iterdir())
    assert not list((tmp_path / "dest-other").iterdir())


def test_01_16_named_tuples_default_dicts_and_texts():
    class T0116(luigi.Task):
        def output(self):
            return "out"

    Pair = collections.namedtuple("Pair", "left right")
    assert getpaths(Pair(T0116(), T0116())) == Pair("out", "out")
    grouped = collections.defaultdict(list, a=T0116())
    assert getpaths(grouped) == {"a": "out"}
    assert getpaths(grouped)["absent"] == []
    with pytest.raises(Exception, match="Cannot map text to Task/dict/list"):
        getpaths("text")


def test_01_20_a_copy_that_fails_leaves_nothing_open():
    ended = []

    class Sink:
        def write(self, line):
            raise OSError("disk full")

        def __enter__(self):
            return self

        def __exit__(self, kind, *rest):
            ended.append(kind)

        def close(self):
            ended.append("closed")

    class Output:
        def open(self, mode):
            return Sink()

    class Source0120(luigi.Task):
        def output(self):
            return MockTarget("source0120")

    with Source0120().output().open("w") as handle:
        handle.write("line\n")

    @luigi.util.copies(Source0120)
    class Copy0120(luigi.Task):
        def output(self):
            return Output()

    with pytest.raises(OSError, match="disk full"):
        Copy0120().run()
    assert ended == [OSError]


def test_01_21_delegated_generators_are_run():
    done = []

    class Sub0121(luigi.Task):
        def run(self):
            got = yield "wanted by the subtask"
            done.append(got)

    @luigi.util.delegates
    class Main0121(luigi.Task):
        def _requires(self):
            return ["added by a template"]

        def subtasks(self):
            return [Sub0121()]

        def run(self):
            done.append("main")

    assert Main0121().deps() == ["added by a template"]
    running = Main0121().run()
    assert next(running) == "wanted by the subtask"
    with pytest.raises(StopIteration):
        running.send("path")
    assert done == ["path", "main"]


@pytest.mark.timeout(20)
def test_01_22_a_diamond_of_wrappers_is_asked_once():
    asked = []

    class Leaf0122(luigi.Task):
        def complete(self):
            asked.append(1)
            return True

    class Layer0122(luigi.WrapperTask):
        n = luigi.IntParameter()
        side = luigi.IntParameter()

        def requires(self):
            if self.n == 0:
                return Leaf0122()
            return [Layer0122(self.n - 1, side) for side in (0, 1)]

    assert Layer0122(12, 0).complete()
    assert asked == [1]
