"""A short siege; ``bin/chaos`` makes long ones."""

from __future__ import annotations

import os
import sys

import pytest

from test.chaos.siege import Siege

SECONDS = float(os.environ.get("CHAOS_SECONDS", "40"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.mark.slow
@pytest.mark.timeout(max(240, SECONDS * 3))
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_nothing_is_lost_while_everything_is_killed(tmp_path):
    folder = tmp_path / "siege"
    folder.mkdir()
    siege = Siege(SECONDS, SEED, 300, folder, print)
    assert siege.run(), "\n".join(siege.verdict())
    assert siege.harms.keys() >= {"worker killed", "worker stopped", "scheduler killed"}
