"""An environment of its own for stock Luigi, made once and used by all differential tests."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STOCK_REQUIREMENTS = [
    "luigi==3.8.1",
    "toml==0.10.2",
    "jsonschema>=4",
    "psutil>=5.9",
    "requests>=2.32",
    "pytest>=8",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.5",
]


@pytest.fixture(scope="session")
def stock_venv() -> Path:
    """Return a virtual environment with Luigi 3.8.1; ``STOCK_LUIGI_VENV`` names one that exists already."""
    named = os.environ.get("STOCK_LUIGI_VENV")
    if named:
        return Path(named)
    venv = ROOT / ".venv-stock"
    stamp = venv / "requirements.txt"
    wanted = "\n".join(STOCK_REQUIREMENTS)
    venv.mkdir(exist_ok=True)
    with (venv / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(venv)
            stamp.write_text(wanted)
    return venv


def _install(venv: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", *STOCK_REQUIREMENTS]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    reason = f"Luigi 3.8.1 cannot be installed from PyPI: {done.stderr.strip().splitlines()[-1:]}"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
