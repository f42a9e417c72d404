"""Correct uses, in which no type checker is to find anything; also run, so that they are correct indeed."""

from __future__ import annotations

import abc
import datetime
import enum
import pathlib
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import luigi
from luigi.date_interval import DateInterval, Month
from luigi.format import UTF8
from luigi.freezing import FrozenOrderedDict
from luigi.mock import MockTarget
from luigi.parameter import ParameterVisibility
from luigi.task_register import Register
from luigi.util import inherits, requires

if TYPE_CHECKING:
    from luigi.execution_summary import LuigiRunResult
    from typing_extensions import assert_type

T = TypeVar("T")
TODAY = datetime.date(2024, 1, 1)


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


# -- parameters without annotation: the values have types, the constructor takes anything


class Source(luigi.ExternalTask):
    day = luigi.DateParameter(default=TODAY)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"{self.day:%Y}.csv")


class Kinds(luigi.Task):
    text = luigi.Parameter()
    string = luigi.StrParameter(default="a", always_in_help=True, positional=False)
    whole = luigi.IntParameter(3)
    decimal = luigi.FloatParameter(default=1, batch_method=max)
    truth = luigi.BoolParameter()
    explicit = luigi.BoolParameter(default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING)
    day = luigi.DateParameter(default=TODAY, interval=7)
    month = luigi.MonthParameter(default=TODAY)
    year = luigi.YearParameter(default=TODAY)
    hour = luigi.DateHourParameter(default=TODAY)
    minute = luigi.DateMinuteParameter(default=datetime.datetime(2024, 1, 1))
    second = luigi.DateSecondParameter(default=datetime.datetime(2024, 1, 1), interval=5)
    duration = luigi.TimeDeltaParameter(default=datetime.timedelta(hours=1))
    period = luigi.DateIntervalParameter(default=Month(2024, 1))
    of_class = luigi.TaskParameter(default=Source)
    path = luigi.PathParameter(default="x")
    absolute = luigi.PathParameter(default=pathlib.Path("x"), absolute=True)
    listed = luigi.ListParameter(default=[1, 2])
    empty = luigi.ListParameter(default=())
    whole_list = luigi.ListParameter[tuple[int, ...]](default=(1, 2))
    nested = luigi.TupleParameter(default=((1, 2), (3, 4)))
    mapping = luigi.DictParameter(default={"a": 1})
    empty_mapping = luigi.DictParameter(default={})
    whole_mapping = luigi.DictParameter[FrozenOrderedDict[str, int]](default={"a": 1})
    member = luigi.EnumParameter(enum=Size)
    small = luigi.EnumParameter(enum=Size, default=Size.SMALL)
    members = luigi.EnumListParameter(enum=Size, default=[Size.SMALL])
    choice = luigi.ChoiceParameter(choices=["a", "b"], default="a")
    number_choice = luigi.ChoiceParameter(choices=[1, 2], var_type=int, default=1)
    choices = luigi.ChoiceListParameter(choices=["a", "b"], default=("a",))
    number_choices = luigi.ChoiceListParameter(choices=[1, 2], var_type=int, default=[1])
    number = luigi.NumericalParameter(var_type=int, min_value=0, max_value=10, default=1)
    share = luigi.NumericalParameter(var_type=float, min_value=0, max_value=1, default=0.5)
    elsewhere = luigi.Parameter(config_path={"section": "a", "name": "b"}, default="")
    secret = luigi.Parameter(default="", visibility=ParameterVisibility.PRIVATE, significant=False)


class Maybe(luigi.Task):
    text = luigi.OptionalParameter()
    string = luigi.OptionalStrParameter("a")
    whole = luigi.OptionalIntParameter(default=None, significant=False)
    decimal = luigi.OptionalFloatParameter(default=1.5)
    truth = luigi.OptionalBoolParameter(parsing=luigi.BoolParameter.EXPLICIT_PARSING)
    day = luigi.OptionalDateParameter(description="any")
    path = luigi.OptionalPathParameter(default="x")
    no_path = luigi.OptionalPathParameter(default=None, exists=True)
    listed = luigi.OptionalListParameter(default=[1])
    nested = luigi.OptionalTupleParameter()
    mapping = luigi.OptionalDictParameter(default={"a": 1})
    choice = luigi.OptionalChoiceParameter(choices=["a"], default=None)
    number = luigi.OptionalNumericalParameter(default=None, var_type=int, min_value=1, max_value=2)


def look_at_kinds(task: Kinds) -> None:
    if TYPE_CHECKING:
        assert_type(task.text, str)
        assert_type(task.string, str)
        assert_type(task.whole, int)
        assert_type(task.decimal, float)
        assert_type(task.truth, bool)
        assert_type(task.day, datetime.date)
        assert_type(task.month, datetime.date)
        assert_type(task.hour, datetime.datetime)
        assert_type(task.second, datetime.datetime)
        assert_type(task.duration, datetime.timedelta)
        assert_type(task.period, DateInterval)
        assert_type(task.path, pathlib.Path)
        assert_type(task.listed, tuple[Any, ...])
        assert_type(task.empty, tuple[Any, ...])
        assert_type(task.whole_list, tuple[int, ...])
        assert_type(task.nested, tuple[Any, ...])
        assert_type(task.mapping, FrozenOrderedDict[Any, Any])
        assert_type(task.whole_mapping, FrozenOrderedDict[str, int])
        assert_type(task.member, Size)
        assert_type(task.members, tuple[Size, ...])
        assert_type(task.choice, str)
        assert_type(task.number_choice, int)
        assert_type(task.choices, tuple[str, ...])
        assert_type(task.number_choices, tuple[int, ...])
        assert_type(task.number, int)
        assert_type(task.share, float)


def look_at_maybe(task: Maybe) -> None:
    if TYPE_CHECKING:
        assert_type(task.text, str | None)
        assert_type(task.string, str | None)
        assert_type(task.whole, int | None)
        assert_type(task.decimal, float | None)
        assert_type(task.truth, bool | None)
        assert_type(task.day, datetime.date | None)
        assert_type(task.path, pathlib.Path | None)
        assert_type(task.listed, tuple[Any, ...] | None)
        assert_type(task.mapping, FrozenOrderedDict[Any, Any] | None)
        assert_type(task.choice, str | None)
        assert_type(task.number, int | None)


Kinds(text="a", member=Size.LARGE)
Kinds("a", 3, member=Size.LARGE, day=TODAY)
Maybe()
Maybe(None, whole=3)
Source(TODAY)

# -- parameters annotated with their class: the constructor is compared with them


class Annotated(luigi.Task):
    day: luigi.DateParameter = luigi.DateParameter(default=TODAY)
    whole: luigi.IntParameter = luigi.IntParameter(default=1)
    text: luigi.Parameter = luigi.Parameter(default="")
    names: luigi.ListParameter[tuple[str, ...]] = luigi.ListParameter(default=["a"])
    nested: luigi.TupleParameter = luigi.TupleParameter(default=())
    options: luigi.DictParameter = luigi.DictParameter(default={"a": 1})
    size: luigi.EnumParameter[Size] = luigi.EnumParameter(enum=Size, default=Size.SMALL)
    sizes: luigi.EnumListParameter[Size] = luigi.EnumListParameter(enum=Size, default=())
    choice: luigi.ChoiceParameter[int] = luigi.ChoiceParameter(choices=[1, 2], var_type=int, default=1)
    choices: luigi.ChoiceListParameter = luigi.ChoiceListParameter(choices=["a"], default=())
    maybe: luigi.OptionalIntParameter = luigi.OptionalIntParameter()
    maybe_text: luigi.OptionalParameter = luigi.OptionalParameter(default="a")
    maybe_list: luigi.OptionalListParameter[tuple[int, ...]] = luigi.OptionalListParameter(default=[1])
    maybe_choice: luigi.OptionalChoiceParameter = luigi.OptionalChoiceParameter(choices=["a"], default=None)
    path: luigi.PathParameter = luigi.PathParameter(default="x")
    maybe_path: luigi.OptionalPathParameter = luigi.OptionalPathParameter(default=pathlib.Path("x"))
    month: luigi.MonthParameter = luigi.MonthParameter(default=TODAY)
    hour: luigi.DateHourParameter = luigi.DateHourParameter(default=TODAY)
    number: luigi.NumericalParameter[int] = luigi.NumericalParameter(
        var_type=int, min_value=1, max_value=3, default=1
    )
    flag: luigi.BoolParameter = luigi.BoolParameter()
    rate: luigi.FloatParameter = luigi.FloatParameter(default=1)
    wait: luigi.TimeDeltaParameter = luigi.TimeDeltaParameter(default=datetime.timedelta(1))
    period: luigi.DateIntervalParameter = luigi.DateIntervalParameter(default=Month(2024, 1))
    of_class: luigi.TaskParameter = luigi.TaskParameter(default=Source)

    def requires(self) -> list[luigi.Task]:
        return [Source(day=self.day), self.clone(Source), self.clone(day=self.day)]


class Derived(Annotated):
    extra: luigi.Parameter[str] = luigi.Parameter(default="x")


annotated = Annotated(
    day=TODAY,
    whole=2,
    text="a",
    names=["a"],
    nested=[(1, 2)],
    options={"a": 1},
    size=Size.SMALL,
    sizes=[Size.SMALL],
    choice=1,
    choices=["a"],
    maybe=None,
    maybe_text="a",
    maybe_list=[1],
    maybe_choice="a",
    path="x",
    maybe_path=None,
    month=Month(2024, 1),
    hour=TODAY,
    number=1,
    flag=True,
    rate=1,
    wait=datetime.timedelta(2),
    period=Month(2024, 1),
    of_class=Source,
)
if TYPE_CHECKING:
    assert_type(annotated, Annotated)
    assert_type(annotated.names, tuple[str, ...])
    assert_type(annotated.options, FrozenOrderedDict[Any, Any])
    assert_type(annotated.size, Size)
    assert_type(annotated.sizes, tuple[Size, ...])
    assert_type(annotated.choices, tuple[str, ...])
    assert_type(annotated.maybe, int | None)
    assert_type(annotated.maybe_list, tuple[int, ...] | None)
    assert_type(annotated.maybe_path, pathlib.Path | None)
    assert_type(annotated.hour, datetime.datetime)
    assert_type(annotated.clone(), Annotated)
    assert_type(annotated.clone(Source), Source)
    assert_type(Annotated.from_str_params({}), Annotated)
    assert_type(Annotated.whole.significant, bool)
Annotated(TODAY, 2, "a", ("a",))
Annotated()  # each value may come from the configuration
Derived(TODAY, whole=3, extra="y").extra.upper()

# -- settings of tasks: attributes, also annotated, or properties


class Settings(luigi.Task):
    resources = {"db": 1}
    priority = 10
    worker_timeout = 60
    max_batch_size = 5
    task_namespace = "space"
    retry_count = 3
    disable_window = 10
    disable_hard_timeout = 100
    disabled = True
    batchable = True
    accepts_messages = True
    owner_email = "a@example.com"


class AnnotatedSettings(luigi.Task):
    resources: dict[str, int] = {"db": 1}
    priority: int = 10
    worker_timeout: int | None = None
    retry_count: int | None = 3
    disabled: bool = False


class ComputedSettings(luigi.Task):
    whole = luigi.IntParameter(default=1)

    @property
    def resources(self) -> dict[str, int]:
        return {"db": self.whole}

    @property
    def priority(self) -> int:
        return self.whole

    @property
    def worker_timeout(self) -> int:
        return 3

    @property
    def max_batch_size(self) -> int:
        return 3

    @property
    def retry_count(self) -> int:
        return 3

    @property
    def owner_email(self) -> list[str]:
        return ["a@example.com"]

    @property
    def accepts_messages(self) -> bool:
        return True

    @property
    def disabled(self) -> bool:
        return False

    @property
    def batchable(self) -> bool:
        return False


class section(luigi.Config):
    use_cmdline_section = False
    ignore_unconsumed = {"old"}
    token = luigi.Parameter(default="", visibility=ParameterVisibility.PRIVATE)
    retries = luigi.IntParameter(default=3)


ComputedSettings(whole=2).process_resources()
section().token.upper()
section().retries.bit_length()

# -- methods


class Clean(luigi.Task):
    day = luigi.DateParameter(default=TODAY)

    def requires(self) -> Source:
        return Source(day=self.day)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"clean-{self.day}.csv", format=UTF8)

    def run(self) -> None:
        self.set_status_message("working")
        self.set_progress_percentage(10)
        self.set_tracking_url("http://localhost/")
        self.decrease_running_resources({"db": 1})
        with self.input().open("r") as source, self.output().open("w") as sink:
            for line in source:
                sink.write(line)
        with self.output().temporary_path() as path:
            pathlib.Path(path).write_text("x")

    def complete(self) -> bool:
        return self.output().exists()

    def on_failure(self, exception: BaseException) -> str:
        return str(exception)

    def on_success(self) -> None:
        return None

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> Iterable[Any]:
        return list(parameter_tuples)


class Many(luigi.Task):
    day = luigi.DateParameter(default=TODAY)

    def requires(self) -> dict[str, luigi.Task]:
        return {"clean": Clean(day=self.day), "source": Source(self.day)}

    def output(self) -> dict[str, luigi.Target]:
        return {"a": luigi.LocalTarget("a"), "b": MockTarget("b")}

    def run(self) -> Generator[Any, Any, None]:
        with self.input()["clean"].open() as file:
            file.read()
        target = yield Clean(self.day)
        target.exists()
        first, second = yield [Clean(self.day), Source()]
        print(first.exists(), second.exists())
        yield luigi.DynamicRequirements([Source()])


class Wrap(luigi.WrapperTask):
    days = luigi.DateIntervalParameter()

    def requires(self) -> Iterator[luigi.Task]:
        for day in self.days:
            yield Clean(day=day)


class OwnConstructor(luigi.Task):
    whole = luigi.IntParameter()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.double = self.whole * 2


class Base(luigi.Task):
    day = luigi.DateParameter(default=TODAY)

    @abc.abstractmethod
    def work(self) -> int: ...


class Concrete(Base):
    def work(self) -> int:
        return self.day.day


class Typed(luigi.Task, Generic[T]):
    whole: luigi.IntParameter = luigi.IntParameter(default=1)


class OwnMetaclass(Register):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


class OfOwnMetaclass(luigi.Task, metaclass=OwnMetaclass):
    whole = luigi.IntParameter()


@Clean.event_handler(luigi.Event.SUCCESS)
def celebrate(task: Clean) -> None:
    print(task.day, task.task_id, task.task_family, task.param_kwargs)


class Memory(luigi.Target):
    def exists(self) -> bool:
        return True


def make(cls: type[luigi.Task], **kwargs: Any) -> luigi.Task:
    return cls(**kwargs)


def run_them(tasks: list[luigi.Task]) -> LuigiRunResult:
    succeeded: bool = luigi.build(tasks, local_scheduler=True, workers=2)
    result = luigi.build(tasks, detailed_summary=True)
    luigi.run(["Clean", "--day", "2024-01-01"], main_task_cls=Clean, local_scheduler=True)
    print(succeeded, result.status == luigi.LuigiStatusCode.SUCCESS, result.summary_text)
    return result


tasks: list[luigi.Task] = [Clean(day=TODAY), Many(TODAY), Wrap(days=Month(2024, 1)), make(Clean, day=TODAY)]
counts: dict[luigi.Task, int] = dict.fromkeys(tasks, 0)
print({annotated, *tasks}, OwnConstructor(3).double, OwnConstructor(whole=3).whole, OfOwnMetaclass(whole=3))
print(Concrete(day=TODAY).work(), Typed[int](whole=3), Many.task_family.upper(), luigi.task.flatten(tasks))
print(luigi.configuration.get_config().get("core", "x", "y"), luigi.__version__, Clean.get_params())
print(luigi.task.externalize(Clean)(day=TODAY).day, Clean.day.parse("2024-01-01"))

# -- parameters of other tasks, and classes of parameters


@inherits(Clean)
class Inherits(luigi.Task):
    def requires(self) -> luigi.Task:
        return self.clone(Clean)


@requires(Clean)
class Requires(luigi.Task):
    whole = luigi.IntParameter(default=1)

    def run(self) -> None:
        self.clone_parent().output()


@requires(Clean)
class Shares(luigi.Task):
    day = Clean.day
    whole = luigi.IntParameter(default=1)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"{self.day.year}")


@requires(Clean)
class SharesAnnotated(luigi.Task):
    day: luigi.DateParameter = Clean.day
    whole: luigi.IntParameter = luigi.IntParameter(default=1)


@requires(Clean)
class Declares(luigi.Task):
    day: luigi.DateParameter
    whole: luigi.IntParameter = luigi.IntParameter(default=1)


class Csv(luigi.Parameter[list[str]]):
    def parse(self, x: str) -> list[str]:
        return x.split(",")

    def serialize(self, x: list[str]) -> str:
        return ",".join(x)

    def normalize(self, x: Iterable[str]) -> list[str]:
        return list(x)


class Untyped(luigi.Parameter):
    def parse(self, x: str) -> Any:
        return x.split(",")


class Tomorrow(luigi.DateParameter):
    def parse(self, s: str) -> datetime.date:
        return datetime.date.fromisoformat(s) + datetime.timedelta(days=1)


class Own(luigi.Task):
    names = Csv(default=[])
    text = Untyped(default="a")
    day = Tomorrow(default=TODAY)


Inherits(day=TODAY)
Requires(day=TODAY, whole=3)
Shares(TODAY, whole=3).day.isoformat()
SharesAnnotated(whole=3).day.isoformat()
Declares(TODAY, 3).day.isoformat()
Own(names=["a"], day=TODAY).names[0].upper()
