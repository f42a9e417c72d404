"""Nothing that was acknowledged is lost: kills at any write, power cuts, disks that fail.

The full counts: ``CRASH_TESTS=full python -m pytest test/journal/test_crashes.py``.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from test.services import require_service

ROOT = Path(__file__).resolve().parents[2]
SHIM = Path(__file__).with_name("write_shim.c")
FULL = os.environ.get("CRASH_TESTS") == "full"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if FULL else 300)]


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    compiler = shutil.which("gcc") or shutil.which("cc")
    linux = sys.platform == "linux"
    require_service("the shim of crash tests", compiler and linux, "it needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("shim") / "write_shim.so"
    subprocess.run(
        [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True
    )
    return library


def harm(shim, folder, *what):
    """Do harm in a process of its own; return how often it was done, and what was found wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "test.journal.plays", folder, *map(str, what)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(shim)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    *problems, summary = done.stdout.splitlines()
    return int(re.match(r"\d+", summary)[0]), problems


def test_killed_at_every_write(shim, tmp_path):
    runs, problems = harm(shim, tmp_path, "kill", 1 if FULL else 17, 0)
    assert problems == []
    assert runs >= (500 if FULL else 30)


def test_killed_in_longer_runs(shim, tmp_path):
    runs, problems = harm(shim, tmp_path, "seeds", 50 if FULL else 3, 1000 if FULL else 300)
    assert problems == []
    assert runs >= (100 if FULL else 6)


def test_power_cuts(shim, tmp_path):
    wanted = 10_000 if FULL else 250
    runs, problems = harm(shim, tmp_path, "torn", wanted)
    assert problems == []
    assert runs == wanted


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_failing_disks(shim, tmp_path, error):
    runs, problems = harm(shim, tmp_path, "fail", error, 1 if FULL else 23)
    assert problems == []
    assert runs >= (300 if FULL else 10)
