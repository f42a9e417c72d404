"""Environments with packages that are built on Luigi, made once, and a way to run a script in one of them."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from test.services import require_service

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = Path(__file__).parent / "pipelines"

ENVIRONMENTS = {
    "most": [
        "luigi==3.8.1",
        "gokart==1.12.2",
        "law==0.1.21",
        "sciluigi==0.10.1",
        "luigi-tools==0.3.5",
        "luigi-monitor==1.1.4",
        "bioluigi==0.3.0",
    ],
    # asks for a tenacity that Luigi 3.8 refuses, so that pip brings an older Luigi
    "b2luigi": ["b2luigi==1.3.0"],
}
"""What is installed, by pip and with all that it asks for: an environment of a package's user."""


@dataclass(frozen=True)
class Run:
    """What a script did."""

    exit_code: int
    stdout: str
    stderr: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        """What the script reported in its last line."""
        lines = self.stdout.strip().splitlines()
        assert lines, f"the script printed nothing; standard error:\n{self.stderr[-4000:]}"
        report: dict[str, Any] = json.loads(lines[-1])
        return report


@dataclass(frozen=True)
class Environment:
    """A virtual environment in which ``import luigi`` means this package, or the Luigi that is installed."""

    python: Path
    folder: Path

    def run(
        self,
        script: str,
        *arguments: str,
        engine: str = "luigi_clone",
        timeout: float = 60,
        **variables: str,
    ) -> Run:
        """Run a script of ``pipelines``, or a command that a package has installed.

        A script makes the alias active itself; for a command, and what it starts, ``sitecustomize`` does.
        """
        folder = self.folder / engine
        folder.mkdir(exist_ok=True)
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("LUIGI", "PYTEST", "COV_", "PYTHON"))
        }
        is_script = script.endswith(".py")
        path = [PIPELINES]
        if engine == "luigi_clone":
            path += [ROOT] if is_script else [ROOT, PIPELINES / "site"]
        kept.update(PYTHONPATH=os.pathsep.join(map(str, path)), ENGINE=engine, LC_ALL="C.UTF-8", NO_COLOR="1")
        kept.update(PYTHONDONTWRITEBYTECODE="1", HOME=str(folder))
        kept.update(PATH=f"{self.python.parent}{os.pathsep}{kept['PATH']}", **variables)
        what = PIPELINES / script if is_script else self.python.parent / script
        done = subprocess.run(
            [str(self.python), str(what), *arguments],
            cwd=folder,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr, folder)

    def run_on_both(self, script: str, *arguments: str, differs: tuple[str, ...] = (), **kwargs: Any) -> Run:
        """Run a script on both engines, compare what it reports, and return the run on this engine.

        ``differs`` names what a defect of Luigi makes another.
        """
        runs = {engine: self.run(script, *arguments, engine=engine, **kwargs) for engine in ENGINES}
        ours, stock = runs["luigi_clone"], runs["luigi"]
        assert ours.exit_code == 0, ours.stderr[-4000:]
        # its traceback would show lines of Luigi
        assert stock.exit_code == 0, stock.stderr.strip().splitlines()[-1:]
        reports = {engine: run.report for engine, run in runs.items()}
        assert {engine: report.pop("engine") for engine, report in reports.items()} == {e: e for e in ENGINES}
        for key in differs:
            assert reports["luigi_clone"].pop(key) != reports["luigi"].pop(key), "it does not differ any more"
        assert reports["luigi_clone"] == reports["luigi"]
        return ours


ENGINES = ("luigi_clone", "luigi")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # whichever comes first installs the packages
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Environment]:
    """Return the maker of an :class:`Environment` that has the packages of one name."""

    def of(name: str) -> Environment:
        return Environment(_venv(name) / "bin" / "python", tmp_path)

    return of


def _venv(name: str) -> Path:
    venv = ROOT / ".venv-packages" / name
    stamp = venv / "requirements.txt"
    wanted = "\n".join(ENVIRONMENTS[name])
    venv.mkdir(parents=True, exist_ok=True)
    with (venv / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(venv, ENVIRONMENTS[name])
            stamp.write_text(wanted)
    return venv


def _install(venv: Path, requirements: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    require_service(
        "PyPI",
        done.returncode == 0,
        f"cannot install {requirements}: {done.stderr.strip().splitlines()[-1:]}",
    )
