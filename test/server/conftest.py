from __future__ import annotations

import pytest

from test.server.serving import Server


@pytest.fixture
def served():
    with Server() as one:
        yield one
