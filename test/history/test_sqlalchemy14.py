"""The same tests of the task history with SQLAlchemy 1.4, which many installations still have."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

from test.services import require_service

ROOT = Path(__file__).resolve().parents[2]
WANTED = "sqlalchemy==1.4.54"
FILES = ["test_database.py", "test_pages.py"]
THERE = sqlalchemy.__version__.startswith("1.4")


@pytest.fixture(scope="session")
def packages():
    """Return a folder with SQLAlchemy 1.4, which is made once."""
    folder = ROOT / f".venv-sqlalchemy14-py{sys.version_info[0]}{sys.version_info[1]}"
    folder.mkdir(exist_ok=True)
    stamp = folder / "requirements.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != WANTED:
            pip = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--upgrade",
                "--target",
                str(folder),
                WANTED,
            ]
            done = subprocess.run(pip, capture_output=True, text=True, check=False)
            require_service("SQLAlchemy 1.4", done.returncode == 0, done.stderr.strip()[-300:])
            stamp.write_text(WANTED)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="SQLAlchemy 1.4 does not run on Python 3.13")
@pytest.mark.skipif(THERE, reason="it is what all tests run with")
def test_with_sqlalchemy_1_4(packages):
    code = (
        "import pytest, sqlalchemy, sys; print(sqlalchemy.__version__); sys.exit(pytest.main(sys.argv[1:]))"
    )
    files = [f"test/history/{name}" for name in FILES]
    done = subprocess.run(
        [sys.executable, "-c", code, *files, "-q", "-n", "0", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.stdout.startswith("1.4."), done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
