"""Task ids, to the letter."""

from __future__ import annotations

import datetime

import luigi
import pytest
from luigi.task import task_id_str


@pytest.mark.parametrize(
    ("family", "params", "expected"),
    [
        ("Fam", {}, "Fam__99914b932b"),
        ("Fam", {"b": "2", "a": "é x"}, "Fam___x_2_bec42dd761"),
        ("my_namespace.MyTask", {"my_param": "hello"}, "my_namespace.MyTask_hello_890907e7ce"),
    ],
)
def test_task_id_str(family, params, expected):
    assert task_id_str(family, params) == expected


def test_id_of_an_instance():
    class A(luigi.Task):
        b = luigi.IntParameter()
        a = luigi.Parameter()
        d = luigi.DateParameter()

    task = A(b=1, a="hello world/with-a very long string", d=datetime.date(2020, 1, 2))
    assert task.task_id == "A_hello_world_with_1_2020_01_02_d4ebdb2b0e"
