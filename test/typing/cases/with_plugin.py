"""What mypy says with the plugin; ``# error:`` and ``# reads:`` behind a line tell what, to the letter.

A line may have several, with `` | `` between them.
"""

from __future__ import annotations

import datetime
import enum
import pathlib
from typing import Any, ClassVar, Generic, TypeVar

import luigi
from luigi import IntParameter as Renamed

T = TypeVar("T")


class Size(enum.Enum):
    SMALL = 1


class Unannotated(luigi.Task):
    none = luigi.IntParameter()
    whole = luigi.IntParameter(default=1)
    text = luigi.Parameter(default="a")
    day = luigi.DateParameter(default=datetime.date(2024, 1, 1))
    size = luigi.EnumParameter(enum=Size)
    sizes = luigi.EnumListParameter(enum=Size)
    choice = luigi.ChoiceParameter(choices=["a"])
    number_choice = luigi.ChoiceParameter(choices=[1, 2], var_type=int)
    tuple_choice = luigi.ChoiceParameter(choices=("a", "b"), default="a")
    range_choice = luigi.ChoiceParameter(choices=range(3), var_type=int)
    choices = luigi.ChoiceListParameter(choices=["a"], default=("a",))
    maybe = luigi.OptionalIntParameter(default=None)
    maybe_choice = luigi.OptionalChoiceParameter(choices=["a"])
    pair = luigi.ListParameter(default=(1, 2))
    listed = luigi.ListParameter(default=[1])
    path = luigi.PathParameter(default="x")
    described = luigi.Parameter(description="a")


def look(task: Unannotated) -> None:
    reveal_type(task.none)  # reads: Any
    reveal_type(task.whole)  # reads: int
    reveal_type(task.text)  # reads: str
    reveal_type(task.day)  # reads: datetime.date
    reveal_type(task.size)  # reads: with_plugin.Size
    reveal_type(task.sizes)  # reads: tuple[with_plugin.Size, ...]
    reveal_type(task.choice)  # reads: str
    reveal_type(task.number_choice)  # reads: int
    reveal_type(task.tuple_choice)  # reads: str
    reveal_type(task.range_choice)  # reads: int
    reveal_type(task.choices)  # reads: tuple[str, ...]
    reveal_type(task.maybe)  # reads: None
    reveal_type(task.maybe_choice)  # reads: Any
    reveal_type(task.pair)  # reads: tuple[int, int]
    reveal_type(task.listed)  # reads: tuple[Any, ...]
    reveal_type(task.path)  # reads: pathlib.Path
    reveal_type(task.described)  # reads: Any


reveal_type(Unannotated)  # reads: def (*args: Any, **kwargs: Any) -> with_plugin.Unannotated


class Values(luigi.Task):
    whole: int = luigi.IntParameter()
    text: str = luigi.Parameter(default="a")
    maybe: int | None = luigi.OptionalIntParameter(default=None)
    listed: list[int] = luigi.ListParameter(default=[1])
    generic: tuple[int, ...] = luigi.ListParameter[tuple[int, ...]](default=(1,))
    path: pathlib.Path = luigi.PathParameter(default="x")
    size: Size = luigi.EnumParameter(enum=Size)
    choice: str = luigi.ChoiceParameter(choices=["a"])
    renamed: int = Renamed(default=3)
    anything: Any = luigi.Parameter()
    shared: ClassVar[int] = luigi.IntParameter(default=3)
    resources: dict[str, int] = {}
    unannotated = luigi.IntParameter(default=3)
    plain: int = 3
    bare: str


values = Values(whole=1, text="a", maybe=3, size=Size.SMALL)
reveal_type(values.whole)  # reads: int
reveal_type(values.maybe)  # reads: int | None
Values()
Values(1)  # error: Too many positional arguments for "Values"
Values(whole="a")  # error: Argument "whole" to "Values" has incompatible type "str"; expected "int"
Values(unannotated=1)  # error: Unexpected keyword argument "unannotated" for "Values"
Values(plain=1)  # error: Unexpected keyword argument "plain" for "Values"
Values(shared=1)  # error: Unexpected keyword argument "shared" for "Values"


class WrongValues(luigi.Task):
    whole: str = luigi.IntParameter(default=1)  # error: Incompatible types in assignment (expression has type "int", variable has type "str")
    choice: str = luigi.ChoiceParameter(choices=[1], var_type=int)  # error: Incompatible types in assignment (expression has type "int", variable has type "str")
    text = luigi.Parameter("a")  # error: Positional arguments are not allowed for parameters when using the mypy plugin. Update your code to use named arguments, like luigi.Parameter(default='foo') instead of luigi.Parameter('foo')


class Classes(luigi.Task):
    whole: luigi.IntParameter = luigi.IntParameter()
    text: luigi.Parameter[str] = luigi.Parameter(default="a")
    maybe: luigi.OptionalIntParameter = luigi.OptionalIntParameter(default=None)
    names: luigi.ListParameter[tuple[str, ...]] = luigi.ListParameter(default=["a"])
    loose: luigi.Parameter = luigi.IntParameter()


reveal_type(Classes)  # reads: def (*, whole: int =, text: str =, maybe: int | None =, names: tuple[str, ...] | list[Any] =, loose: str =) -> with_plugin.Classes
reveal_type(Classes().names)  # reads: tuple[str, ...]
reveal_type(Classes.whole.significant)  # reads: bool


class Base(luigi.Task):
    first: int = luigi.IntParameter()
    second: str = luigi.Parameter()


class Derived(Base):
    third: float = luigi.FloatParameter()


class Another(Base):
    second: str = luigi.Parameter(default="a")
    first = luigi.IntParameter(default=3)


class NoLonger(Base):
    first = 3


class Both(Derived, Another):
    pass


class Overridden(Base):
    def first(self) -> int: ...  # error: Task attribute may only be overridden by another attribute | Signature of "first" incompatible with supertype "Base" | Missing return statement


class External(luigi.ExternalTask):
    whole: int = luigi.IntParameter()


class OwnConstructor(luigi.Task):
    whole: int = luigi.IntParameter()

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...


class Generics(luigi.Task, Generic[T]):
    whole: int = luigi.IntParameter()
    of: T = luigi.Parameter()


class Numbers(Generics[int]):
    pass


reveal_type(Derived)  # reads: def (*, first: int =, second: str =, third: float =) -> with_plugin.Derived
reveal_type(Another)  # reads: def (*, first: int =, second: str =) -> with_plugin.Another
reveal_type(NoLonger)  # reads: def (*, second: str =) -> with_plugin.NoLonger
reveal_type(Both)  # reads: def (*, first: int =, second: str =, third: float =) -> with_plugin.Both
reveal_type(External)  # reads: def (*, whole: int =) -> with_plugin.External
reveal_type(OwnConstructor)  # reads: def (*args: Any, **kwargs: Any) -> with_plugin.OwnConstructor
reveal_type(Numbers)  # reads: def (*, whole: int =, of: int =) -> with_plugin.Numbers


class OwnKind(luigi.Parameter[int]):
    pass


class Reads(luigi.Parameter[int]):
    def __set__(self, instance: Any, value: str | int) -> None: ...


class NoFunction(luigi.Parameter[int]):
    __set__: int = 3  # error: Incompatible types in assignment (expression has type "int", base class "Parameter" defined the type as "Callable[[Any, int], None]")


class TooFew(luigi.Parameter[int]):
    def __set__(self, instance: Any) -> None: ...  # error: Signature of "__set__" incompatible with supertype "luigi_clone._parameters.base.Parameter"


class Uses(luigi.Task):
    own: int = OwnKind(default=1)
    unannotated = OwnKind()
    reads: Reads = Reads(default=1)
    no_function: NoFunction = NoFunction()  # error: Unsupported "__set__" in "NoFunction"
    too_few: TooFew = TooFew()  # error: Unsupported signature for "__set__" in "TooFew"


reveal_type(Uses)  # reads: def (*, own: int =, reads: str | int =, no_function: Any =, too_few: Any =) -> with_plugin.Uses
reveal_type(Uses().unannotated)  # reads: Any


def local() -> None:
    class Local(luigi.Task):
        whole: int = luigi.IntParameter()

    class DerivedLocal(Local):
        text: str = luigi.Parameter()

    DerivedLocal(whole=1, text="a")
    DerivedLocal(whole="a")  # error: Argument "whole" to "DerivedLocal" has incompatible type "str"; expected "int"
    parameter = luigi.IntParameter(3)
    reveal_type(parameter.parse("3"))  # reads: int
