from __future__ import annotations

import logging

import pytest

from luigi_clone import configuration
from luigi_clone.scheduler import Scheduler
from test.served import Served


@pytest.fixture
def served():
    with Served(Scheduler()) as served:
        yield served


@pytest.fixture
def url(served):
    return f"http://127.0.0.1:{served.port}"


@pytest.fixture(autouse=True)
def log_dir(tmp_path, _process_wide_state):
    folder = tmp_path / "logs"
    configuration.get_config().set("worker", "log_dir", str(folder))
    logging.getLogger("luigi-interface").setLevel(logging.INFO)
    return folder


@pytest.fixture
def done(tmp_path):
    return str(tmp_path / "done")
