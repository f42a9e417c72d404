"""Every way in which the package runs tasks keeps the contract that ships with it."""

from __future__ import annotations

from luigi_clone.testing.task_processes import TaskProcessContract


class TestAuto(TaskProcessContract):
    executor = "auto"


class TestProcess(TaskProcessContract):
    executor = "process"


class TestInProcess(TaskProcessContract):
    executor = "in-process"
    in_child = False


class TestPool(TaskProcessContract):
    executor = "pool"
    takes_any_task = False


class TestSpawnedPool(TaskProcessContract):
    executor = "pool"
    takes_any_task = False
    options = {"pool_start_method": "spawn"}
