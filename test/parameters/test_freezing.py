"""Frozen mappings."""

from __future__ import annotations

import collections
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from luigi.freezing import FrozenOrderedDict, recursively_freeze, recursively_unfreeze

values = st.recursive(
    st.integers() | st.text() | st.none(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_it_is_a_mapping_that_keeps_its_order():
    frozen = FrozenOrderedDict([("b", 1), ("a", 2)], c=3)
    assert list(frozen) == ["b", "a", "c"]
    assert len(frozen) == 3
    assert frozen["a"] == 2
    assert frozen.get_wrapped() == collections.OrderedDict([("b", 1), ("a", 2), ("c", 3)])
    assert isinstance(frozen, collections.abc.Mapping)
    assert not isinstance(frozen, dict)
    assert str(frozen) == repr(frozen) == "{'b': 1, 'a': 2, 'c': 3}"


def test_it_cannot_be_changed():
    frozen = FrozenOrderedDict(a=1)
    with pytest.raises(TypeError, match="does not support item assignment"):
        frozen["a"] = 2
    with pytest.raises(TypeError):
        del frozen["a"]


def test_equality_and_hash_do_not_depend_on_the_order():
    one, other = FrozenOrderedDict(a=1, b=2), FrozenOrderedDict(b=2, a=1)
    assert one == other == {"a": 1, "b": 2}
    plain = {"a": 1, "b": 2}
    assert plain == one
    assert hash(one) == hash(other) == hash(("a", 1)) ^ hash(("b", 2))
    assert hash(FrozenOrderedDict()) == 0
    with pytest.raises(TypeError, match="unhashable"):
        hash(FrozenOrderedDict(a=[]))


def test_pickling():
    frozen = recursively_freeze({"a": [1, {"b": 2}]})
    assert pickle.loads(pickle.dumps(frozen)) == frozen


def test_freezing():
    frozen = recursively_freeze([1, {"a": [1, {2}]}, (3, [4]), "x"])
    assert frozen == (1, FrozenOrderedDict(a=(1, {2})), (3, (4,)), "x")
    Pair = collections.namedtuple("Pair", "a b")
    assert type(recursively_freeze(Pair(1, [2]))) is tuple
    assert type(recursively_freeze(Pair(1, 2))) is tuple
    assert recursively_unfreeze(frozen) == [1, {"a": [1, {2}]}, [3, [4]], "x"]


@given(values)
def test_freezing_can_be_undone_and_hashed(value):
    frozen = recursively_freeze(value)
    hash(frozen)
    assert recursively_unfreeze(frozen) == recursively_unfreeze(value)
    assert recursively_freeze(frozen) is frozen
    assert recursively_freeze(recursively_unfreeze(frozen)) == frozen


def test_a_frozen_mapping_with_a_list_in_it_is_frozen_anew():
    half = FrozenOrderedDict(a=[1])
    frozen = recursively_freeze(half)
    assert frozen == {"a": (1,)}
    assert half["a"] == [1]
    assert recursively_freeze((half,)) == ({"a": (1,)},)
