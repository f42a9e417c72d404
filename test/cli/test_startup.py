"""The collector's thresholds while the command starts."""

from __future__ import annotations

import gc

import pytest

from luigi_clone._startup import few_collections


@pytest.fixture(autouse=True)
def _thresholds():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_thresholds_are_put_back():
    gc.set_threshold(700, 10, 10)
    with few_collections():
        assert gc.get_threshold()[0] > 10_000
        with few_collections():
            pass
        assert gc.get_threshold()[0] > 10_000
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("own", [(0, 0, 0), (900, 5, 5), (1_000_000, 10, 10)])
def test_what_a_program_sets_stays(own):
    gc.set_threshold(700, 10, 10)
    with few_collections():
        gc.set_threshold(*own)
    assert gc.get_threshold() == own


def test_a_collector_that_is_off_stays_off():
    gc.set_threshold(0)
    with few_collections():
        assert gc.get_threshold()[0] == 0
