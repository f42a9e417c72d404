"""What several tests of targets need."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

NOBODY = 65534


@pytest.fixture
def as_nobody() -> Iterator[str]:
    """Give a folder of this user, and for the test the rights of a user that is not root."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)
