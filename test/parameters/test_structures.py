"""Lists, tuples, mappings, and their schemas."""

from __future__ import annotations

import collections
import datetime
import json

import jsonschema
import luigi
import luigi.parameter
import pytest
from luigi.freezing import FrozenOrderedDict

LIST, TUPLE, DICT = luigi.ListParameter(), luigi.TupleParameter(), luigi.DictParameter()


@pytest.mark.parametrize(
    ("text", "value", "serialized"),
    [
        ("[1, [2]]", (1, (2,)), "[1, [2]]"),
        ('"abc"', ("a", "b", "c"), '["a", "b", "c"]'),
        ('{"a": 1, "b": 2}', ("a", "b"), '["a", "b"]'),
        ('[{"a": [1]}]', (FrozenOrderedDict(a=(1,)),), '[{"a": [1]}]'),
        ("null", None, "null"),
        ('["é"]', ("é",), '["\\u00e9"]'),
        (b"[1]", (1,), "[1]"),
        ([1, [2]], (1, (2,)), "[1, [2]]"),
    ],
)
def test_lists(text, value, serialized):
    read = LIST.normalize(LIST.parse(text))
    assert read == value
    assert LIST.serialize(read) == serialized
    hash(read)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("3", TypeError, "'int' object is not iterable"),
        (3, TypeError, "the JSON object must be str, bytes or bytearray, not int"),
        ("", json.JSONDecodeError, "Expecting value"),
        ("x", json.JSONDecodeError, "Expecting value"),
    ],
)
def test_no_list(text, error, message):
    with pytest.raises(error, match=message):
        LIST.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1,2]", (1, 2)),
        ("(1,2)", (1, 2)),
        ("[[1,2],[3]]", ((1, 2), (3,))),
        ("(1,)", (1,)),
        ('["ab","cd"]', ("ab", "cd")),
        ('[{"a": 1}]', (("a",),)),
        ('"abc"', ("a", "b", "c")),
        ("{'a': [1]}", ("a",)),
        ('[1,"a"]', (1, "a")),
        ("[]", ()),
        ("((1,2),['a'])", ((1, 2), ("a",))),
        ("[[1,[2,[3]]]]", ((1, (2, (3,))),)),
        ([1, [2]], (1, (2,))),
    ],
)
def test_tuples(text, value):
    assert TUPLE.normalize(TUPLE.parse(text)) == value


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("(1)", TypeError, "'int' object is not iterable"),
        ("5", TypeError, "'int' object is not iterable"),
        ('("abcd")', ValueError, "^Parsed result cannot be a string$"),
        ("x", ValueError, "^malformed node or string"),
        ("null", ValueError, "^malformed node or string"),
        ("[1, true]", ValueError, "^malformed node or string"),
        ("", SyntaxError, "invalid syntax"),
    ],
)
def test_no_tuple(text, error, message):
    with pytest.raises(error, match=message):
        TUPLE.parse(text)


@pytest.mark.parametrize(
    ("text", "value", "serialized"),
    [
        (
            '{"a":1,"b":{"c":[1,2]}}',
            FrozenOrderedDict(a=1, b=FrozenOrderedDict(c=(1, 2))),
            '{"a": 1, "b": {"c": [1, 2]}}',
        ),
        ('{"z":1,"a":2}', FrozenOrderedDict(z=1, a=2), '{"z": 1, "a": 2}'),
        ("[1]", (1,), "[1]"),
        ("3", 3, "3"),
        ("null", None, "null"),
        ({"a": [1]}, FrozenOrderedDict(a=(1,)), '{"a": [1]}'),
    ],
)
def test_dicts(text, value, serialized):
    read = DICT.normalize(DICT.parse(text))
    assert read == value
    assert type(read) is type(value)
    assert DICT.serialize(read) == serialized


def test_what_json_has_no_form_for():
    with pytest.raises(TypeError, match="Object of type date is not JSON serializable"):
        DICT.serialize({"a": datetime.date(2020, 1, 2)})
    with pytest.raises(json.JSONDecodeError):
        DICT.parse("")


def test_scalars_are_left_alone():
    assert LIST.normalize("abc") == "abc"
    assert LIST.normalize({1}) == {1}


# ---- schemas

NUMBERS = {"type": "array", "items": {"type": "number"}}


@pytest.mark.parametrize("cls", [luigi.ListParameter, luigi.TupleParameter])
def test_a_schema_decides(cls):
    param = cls(schema=NUMBERS)
    assert param.normalize([1, 2.5]) == (1, 2.5)
    for value in (["a"], ("a",)):
        with pytest.raises(jsonschema.ValidationError):
            param.normalize(value)


def test_schemas_of_the_usual_kinds():
    for schema in (
        {"type": "object"},
        FrozenOrderedDict(type="object"),
        collections.OrderedDict(type="object"),
        True,
        jsonschema.Draft7Validator({"type": "object"}),
    ):
        assert luigi.DictParameter(schema=schema).normalize({"a": {"b": [1]}}) == {"a": {"b": (1,)}}
    with pytest.raises(jsonschema.ValidationError):
        luigi.DictParameter(schema=jsonschema.Draft7Validator({"type": "array"})).normalize({})
    with pytest.raises(jsonschema.SchemaError):
        luigi.DictParameter(schema={"type": "banana"}).normalize({})


def test_the_value_is_shown_as_json_knows_it():
    with pytest.raises(jsonschema.ValidationError, match=r"^\[1, \[2\]\] is not of type 'object'"):
        luigi.ListParameter(schema={"type": "object"}).normalize((1, (2,)))


def test_a_validator_may_fill_in_defaults():
    class Filling:
        def validate(self, value):
            value.setdefault("b", []).append(1)

    assert luigi.DictParameter(schema=Filling()).normalize({"a": 1}) == {"a": 1, "b": (1,)}


def test_a_replaced_schema_counts():
    param = luigi.ListParameter(schema=NUMBERS)
    assert param.normalize([1]) == (1,)
    param.schema = {"type": "array", "maxItems": 0}
    with pytest.raises(jsonschema.ValidationError):
        param.normalize([1])


@pytest.mark.parametrize("cls", [luigi.ListParameter, luigi.TupleParameter, luigi.DictParameter])
def test_a_schema_without_jsonschema(cls, monkeypatch):
    assert luigi.parameter._JSONSCHEMA_ENABLED is True
    monkeypatch.setattr(luigi.parameter, "_JSONSCHEMA_ENABLED", False)
    with pytest.warns(
        UserWarning,
        match=r"^The 'jsonschema' package is not installed so the parameter can not be validated "
        r"even though a schema is given\.$",
    ):
        assert cls(schema=NUMBERS).schema is None
    assert cls().schema is None


def test_no_schema_for_none():
    assert luigi.OptionalListParameter(schema=NUMBERS).normalize(None) is None


def test_tasks_with_structures():
    class T(luigi.Task):
        names = luigi.ListParameter(default=["a"])
        options = luigi.DictParameter(default={"x": [1]})

    task = T()
    assert (task.names, task.options) == (("a",), FrozenOrderedDict(x=(1,)))
    assert T(names=["a"], options={"x": (1,)}) is task
    assert T.from_str_params(task.to_str_params()) is task
