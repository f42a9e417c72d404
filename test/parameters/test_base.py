"""What every parameter does: its constructor, where its value comes from, the command line, batches."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from types import SimpleNamespace

import luigi
import luigi.parameter
import pytest
from luigi.parameter import ParameterException, ParameterVisibility, _no_value, _NoValueType

from luigi_clone._parameters import argv
from luigi_clone._parameters.base import shown_value
from luigi_clone.configuration import get_config


@pytest.fixture
def command_line():
    """Return what puts a command line with these values in force."""

    def activate(**known_args):
        argv.activate(SimpleNamespace(known_args=SimpleNamespace(**known_args)))

    return activate


# ---- constructor


def test_arguments_by_position_are_in_the_documented_order():
    param = luigi.Parameter(
        "d", False, False, "help", {"section": "s", "name": "n"}, False, True, max, ParameterVisibility.HIDDEN
    )
    assert (param._default, param.significant, param.description) == ("d", False, "help")
    assert (param._config_path, param.positional) == ({"section": "s", "name": "n"}, False)
    assert (param.always_in_help, param._batch_method, param.visibility) == (
        True,
        max,
        ParameterVisibility.HIDDEN,
    )


def test_attributes_when_nothing_is_given():
    param = luigi.Parameter()
    assert param._default is _no_value
    assert (param.significant, param.positional, param.always_in_help) == (True, True, False)
    assert (param.description, param._config_path, param._batch_method) == (None, None, None)
    assert param.visibility is ParameterVisibility.PUBLIC


@pytest.mark.parametrize(
    "cls", [luigi.StrParameter, luigi.IntParameter, luigi.FloatParameter, luigi.TimeDeltaParameter]
)
def test_simple_classes_take_the_base_arguments_by_position(cls):
    assert cls("d", False, False).significant is False


def test_bool_takes_its_own_argument_by_position():
    assert luigi.BoolParameter(True, "explicit").parsing == "explicit"


@pytest.mark.parametrize(
    "make",
    [
        lambda: luigi.ListParameter((), {}),
        lambda: luigi.PathParameter("x", True),
        lambda: luigi.ChoiceParameter("a", "b"),
        lambda: luigi.OptionalParameter("a", False),
        lambda: luigi.OptionalIntParameter(None, False),
    ],
)
def test_other_classes_take_only_the_default_by_position(make):
    with pytest.raises(TypeError):
        make()


def test_is_global_is_a_removed_feature():
    with pytest.warns(DeprecationWarning, match=r"^is_global support is removed. Assuming positional=False$"):
        assert luigi.Parameter(is_global=True).positional is False


@pytest.mark.parametrize("path", [{}, {"section": "s"}, {"name": "n"}])
def test_config_path_needs_both_keys(path):
    message = "^config_path must be a hash containing entries for section and name$"
    with pytest.raises(ParameterException, match=message):
        luigi.Parameter(config_path=path)


def test_the_counter_gives_the_order_of_declaration():
    first, second = luigi.Parameter(), luigi.IntParameter()
    assert second._counter == first._counter + 1
    assert luigi.Parameter._counter == luigi.parameter.Parameter._counter == second._counter + 1


def test_parameters_made_in_threads_have_different_numbers():
    numbers = []
    start = threading.Barrier(4)

    def make():
        start.wait()
        numbers.extend(luigi.Parameter()._counter for _ in range(500))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 2000


def test_a_given_number_becomes_a_visibility():
    assert luigi.Parameter(visibility=2).visibility is ParameterVisibility.PRIVATE
    assert luigi.Parameter(visibility=None).visibility is ParameterVisibility.PUBLIC


# ---- markers and enumerations


def test_no_value_is_one_object():
    assert _NoValueType() is _no_value
    assert copy.copy(_no_value) is copy.deepcopy(_no_value) is _no_value
    assert pickle.loads(pickle.dumps(_no_value)) is _no_value
    assert repr(_no_value) == "<no_value>"


def test_visibility():
    assert ParameterVisibility.has_value(1)
    assert not ParameterVisibility.has_value(3)
    assert ParameterVisibility.PRIVATE.serialize() == 2
    assert type(ParameterVisibility.PRIVATE.serialize()) is int
    assert pickle.loads(pickle.dumps(ParameterVisibility.HIDDEN)) is ParameterVisibility.HIDDEN


def test_exceptions_are_those_of_the_public_module():
    for name in ("MissingParameterException", "UnknownParameterException", "DuplicateParameterException"):
        error = getattr(luigi.parameter, name)
        assert issubclass(error, ParameterException)
        assert error.__module__ == luigi.parameter.__name__
    assert luigi.IntParameter.__module__ == luigi.parameter.__name__
    assert issubclass(luigi.parameter.OptionalParameterTypeWarning, UserWarning)
    assert issubclass(luigi.parameter.UnconsumedParameterWarning, UserWarning)


SUBSCRIPTABLE = {
    "Parameter",
    "TaskParameter",
    "EnumParameter",
    "EnumListParameter",
    "DictParameter",
    "ListParameter",
    "TupleParameter",
    "NumericalParameter",
    "ChoiceParameter",
    "ChoiceListParameter",
    "OptionalListParameter",
    "OptionalTupleParameter",
    "OptionalNumericalParameter",
    "OptionalChoiceParameter",
}


def test_which_classes_can_be_subscripted():
    classes = {
        name: value
        for name, value in vars(luigi.parameter).items()
        if isinstance(value, type) and issubclass(value, luigi.Parameter)
    }
    assert len(classes) > 35
    for name, cls in classes.items():
        if name in SUBSCRIPTABLE:
            assert cls[int] is not None
        else:
            with pytest.raises(TypeError, match="is not a generic class"):
                cls[int]


def test_a_subscripted_class_makes_parameters():
    assert luigi.ListParameter[int](default=(1,)).normalize([1]) == (1,)

    class Mine(luigi.Parameter[int]):
        pass

    assert Mine(default=3)._default == 3


def test_a_parameter_class_can_be_abstract():
    import abc

    class Base(luigi.Parameter, abc.ABC):
        @abc.abstractmethod
        def parse(self, x): ...

    with pytest.raises(TypeError):
        Base()

    class Unbound(luigi.Parameter):
        @abc.abstractmethod
        def more(self): ...

    Unbound()

    class Derived(Base):
        def parse(self, x):
            return x

        @abc.abstractmethod
        def more(self): ...

    with pytest.raises(TypeError):
        Derived()


# ---- where the value comes from


def test_a_default_is_normalised():
    param = luigi.DateHourParameter(default=luigi.parameter.date_interval.Date(2020, 1, 2).date_a)
    assert str(param.task_value("F", "p")) == "2020-01-02 00:00:00"


def test_missing():
    param = luigi.Parameter()
    assert not param.has_task_value("F", "p")
    with pytest.raises(luigi.parameter.MissingParameterException, match=r"^No default specified$"):
        param.task_value("F", "p")


def test_configuration_comes_before_the_default():
    get_config().set("my.Family", "p", "7")
    param = luigi.IntParameter(default=1)
    assert param.task_value("my.Family", "p") == 7
    assert param.task_value("Family", "p") == 1
    assert param.task_value("my.Family", "P") == 1
    assert param.task_value("my.family", "p") == 1


def test_an_empty_text_in_the_configuration_is_a_value():
    get_config().set("F", "p", "")
    assert luigi.Parameter(default="d").task_value("F", "p") == ""
    assert luigi.OptionalParameter(default="d").task_value("F", "p") is None


def test_dashes_in_the_configuration():
    get_config().set("F", "a-b", "7")
    with pytest.warns(DeprecationWarning, match="with dashes"):
        assert luigi.IntParameter().task_value("F", "a_b") == 7


def test_the_command_line_comes_before_the_configuration(command_line):
    get_config().set("F", "p", "7")
    command_line(F_p="8")
    assert luigi.IntParameter().task_value("F", "p") == 8
    command_line(F_p=None)
    assert luigi.IntParameter().task_value("F", "p") == 7
    command_line()
    assert luigi.IntParameter().task_value("F", "p") == 7


@pytest.mark.parametrize("absent", [None, False, ""])
def test_falsy_values_on_the_command_line_count_as_absent(command_line, absent):
    command_line(F_p=absent)
    assert luigi.Parameter(default="d").task_value("F", "p") == "d"


def test_empty_values_on_the_command_line_count_when_asked_to(command_line):
    get_config().set("parameters", "empty_values", "true")
    command_line(F_p="", F_flag=False)
    assert luigi.Parameter(default="d").task_value("F", "p") == ""
    assert luigi.OptionalIntParameter(default=3).task_value("F", "p") is None
    assert luigi.BoolParameter(default=True).task_value("F", "flag") is True


def test_config_path_is_a_deprecated_second_place():
    param = luigi.IntParameter(config_path={"section": "old", "name": "name"}, default=1)
    assert param.task_value("F", "p") == 1
    get_config().set("old", "name", "7")
    text = r"^The use of the configuration \[old\] name is deprecated. Please use \[F\] p$"
    with pytest.warns(DeprecationWarning, match=text):
        assert param.task_value("F", "p") == 7
    get_config().set("F", "p", "8")
    assert param.task_value("F", "p") == 8


def test_errors_of_parse_pass_through():
    class Raising(luigi.Parameter):
        def parse(self, x):
            raise KeyError(x)

    get_config().set("F", "p", "v")
    with pytest.raises(KeyError):
        Raising(default="d").has_task_value("F", "p")


def test_replaced_methods_are_called(monkeypatch, command_line):
    command_line(F_p="")
    monkeypatch.setattr(
        luigi.Parameter, "_parse_or_no_value", lambda self, x: _no_value if x is None else self.parse(x)
    )
    assert luigi.Parameter(default="d").task_value("F", "p") == ""
    monkeypatch.setattr(luigi.Parameter, "_value_iterator", lambda self, task, name: [("it", None)])
    assert luigi.Parameter(default="d").task_value("F", "p") == "it"
    monkeypatch.setattr(luigi.Parameter, "_get_value", lambda self, task, name: "get")
    assert luigi.Parameter(default="d").task_value("F", "p") == "get"


def test_a_changed_default_counts():
    param = luigi.IntParameter(default=1)
    param._default = 30
    assert param.task_value("F", "p") == 30
    duplicate = copy.deepcopy(param)
    duplicate._default = _no_value
    assert not duplicate.has_task_value("F", "p")
    assert param.has_task_value("F", "p")


# ---- warnings about types


def test_a_plain_parameter_warns_of_what_is_no_text():
    with pytest.warns(UserWarning, match=r'^Parameter "p" with value "3" is not of type string.$'):
        luigi.Parameter()._warn_on_wrong_param_type("p", 3)


def test_a_private_value_is_not_in_the_warning():
    with pytest.warns(UserWarning, match=r'^Parameter "p" with value "\*\*\*" is not of type string.$'):
        luigi.Parameter(visibility=ParameterVisibility.PRIVATE)._warn_on_wrong_param_type("p", 3)
    with pytest.warns(UserWarning, match=r'with value "\*\*\*" is not of type "int" or None.$'):
        luigi.OptionalIntParameter(visibility=ParameterVisibility.PRIVATE)._warn_on_wrong_param_type("p", "x")


def test_subclasses_of_the_plain_parameter_do_not_warn():
    class Mine(luigi.Parameter):
        pass

    Mine()._warn_on_wrong_param_type("p", 3)
    luigi.StrParameter()._warn_on_wrong_param_type("p", 3)
    luigi.IntParameter()._warn_on_wrong_param_type("p", "x")


@pytest.mark.parametrize(
    ("param", "good", "bad", "expected"),
    [
        (luigi.IntParameter(), 3, "x", "is not of type int"),
        (luigi.FloatParameter(), 3, "x", "is not of type float"),
        (luigi.BoolParameter(), True, None, "is not of type bool"),
        (luigi.NumericalParameter(var_type=int, min_value=0, max_value=5), 3, 5, r"is not in the set of int"),
        (
            luigi.NumericalParameter(var_type=int, min_value=0, max_value=5),
            0,
            "x",
            r"is not in the set of int in \[0, 5\)\.",
        ),
    ],
)
def test_types_are_checked_when_asked_to(param, good, bad, expected):
    param._warn_on_wrong_param_type("p", bad)
    get_config().set("parameters", "check_types", "true")
    param._warn_on_wrong_param_type("p", good)
    with pytest.warns(UserWarning, match=f'^Parameter "p" with value "{bad}" {expected}'):
        param._warn_on_wrong_param_type("p", bad)


def test_tasks_check_types_when_asked_to():
    class T(luigi.Task):
        n = luigi.IntParameter()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        T(n="a")
    get_config().set("parameters", "check_types", "true")
    with pytest.warns(UserWarning, match="is not of type int"):
        T(n="b")


# ---- showing


def test_shown_value():
    assert shown_value(luigi.IntParameter(), 3) == "3"
    assert shown_value(luigi.Parameter(visibility=ParameterVisibility.HIDDEN), "x") == "x"
    assert shown_value(luigi.Parameter(visibility=ParameterVisibility.PRIVATE), "secret") == "***"


# ---- command line and batches


def test_how_argparse_is_told():
    assert luigi.Parameter._parser_kwargs("p", "F") == {"action": "store", "dest": "F_p"}
    assert luigi.IntParameter()._parser_kwargs("p") == {"action": "store", "dest": "p"}
    assert luigi.Parameter._parser_global_dest("p", "a.F") == "a.F_p"
    assert luigi.BoolParameter()._parser_kwargs("p", "F") == {"action": "store_true", "dest": "F_p"}
    explicit = luigi.BoolParameter(parsing=luigi.BoolParameter.EXPLICIT_PARSING)
    assert explicit._parser_kwargs("p") == {"action": "store", "dest": "p", "nargs": "?", "const": True}
    with pytest.raises(ValueError, match=r"^unknown parsing value 'x'$"):
        luigi.BoolParameter(parsing="x")._parser_kwargs("p")


def test_the_class_attribute_parsing_changes_parameters_made_afterwards(monkeypatch):
    before = luigi.BoolParameter()
    monkeypatch.setattr(luigi.BoolParameter, "parsing", luigi.BoolParameter.EXPLICIT_PARSING)
    assert (before.parsing, luigi.BoolParameter().parsing) == ("implicit", "explicit")
    assert luigi.BoolParameter(parsing="implicit").parsing == "implicit"


def test_batches():
    param = luigi.IntParameter(batch_method=max)
    assert param._is_batchable()
    assert param._parse_list(["3", "9", "2"]) == 9
    with pytest.raises(ValueError, match=r"^Empty parameter list passed to parse_list$"):
        param._parse_list([])
    assert not luigi.IntParameter()._is_batchable()
    with pytest.raises(NotImplementedError, match=r"^No batch method found$"):
        luigi.IntParameter()._parse_list(["1"])


def test_the_batch_method_gets_an_iterator_of_parsed_values():
    seen = []
    luigi.IntParameter(batch_method=lambda values: seen.extend([next(values), *values]))._parse_list(
        ["1", "2"]
    )
    assert seen == [1, 2]


# ---- the module


def test_names_that_others_reach_through_the_module():
    assert luigi.parameter.operator.le(1, 2)
    assert luigi.parameter.date_interval is luigi.date_interval
    assert str(luigi.parameter._UNIX_EPOCH) == "1970-01-01 00:00:00"
    assert luigi.parameter.FrozenOrderedDict is luigi.freezing.FrozenOrderedDict
    assert luigi.parameter._DictParamEncoder().encode(luigi.parameter.FrozenOrderedDict(a=1)) == '{"a": 1}'
    for name in luigi.parameter.__all__:
        assert hasattr(luigi.parameter, name)
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchName'"):
        luigi.parameter.NoSuchName
