"""A cycle of requirements is reported when it is discovered, instead of waiting for ever."""

from __future__ import annotations

from typing import Any

import luigi
import pytest
from luigi.scheduler import Scheduler
from luigi.worker import Worker


class Incomplete(luigi.Task):
    def complete(self) -> bool:
        return False


class Loop(Incomplete):
    n = luigi.IntParameter()

    def requires(self) -> Any:
        return Loop(n=(self.n + 1) % 3)


def test_06_08_cycle_of_requirements_is_reported_with_its_members(caplog: pytest.LogCaptureFixture) -> None:
    with Worker(scheduler=Scheduler(), wait_interval=0.01, wait_jitter=0.0) as worker:
        assert not worker.add(Loop(n=0))
        worker.run()
    assert "Loop(n=0) -> Loop(n=1) -> Loop(n=2) -> Loop(n=0)" in caplog.text
    assert {status for _, status, _ in worker._add_task_history} == {"UNKNOWN"}
