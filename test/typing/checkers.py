"""Runs type checkers as a user does, and reads what they find."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from test.console import ROOT
from test.services import require_service

CASES = Path(__file__).parent / "cases"
MYPY = re.compile(
    r"(?P<file>[^:\n]+):(?P<line>\d+): (?P<severity>\w+): (?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$"
)


class Finding(NamedTuple):
    """What a checker says of a line."""

    file: str
    line: int
    severity: str
    code: str
    text: str


def mypy(folder: Path, *files: str, cache: Path, options: dict[str, str] | None = None) -> list[Finding]:
    """Run mypy over files of a folder, strictly, with its subfolder ``typings`` in front of everything."""
    require_service("mypy", importlib.util.find_spec("mypy"), "pip install mypy")
    settings = {"strict": "true", "python_version": "3.10", "follow_imports": "silent", **(options or {})}
    config = folder / "mypy.ini"
    config.write_text(
        "\n".join(["[mypy]", *(f"{name} = {value}" for name, value in settings.items())]) + "\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), f"--cache-dir={cache}", *files]
    done = run(command, folder, MYPYPATH=f"{folder / 'typings'}:{ROOT}", PYTHONPATH=str(ROOT))
    found = []
    for line in done.stdout.splitlines()[:-1]:
        match = MYPY.match(line)
        assert match, line
        found.append(
            Finding(match["file"], int(match["line"]), match["severity"], match["code"] or "", match["text"])
        )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return found


def pyright(folder: Path, *files: str) -> list[Finding]:
    """Run pyright over files of a folder, strictly; it finds the subfolder ``typings`` by itself."""
    require_service("pyright", importlib.util.find_spec("pyright"), "pip install 'pyright[nodejs]'")
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "pythonVersion": "3.10", "include": list(files)})
    )
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = run([*command, "--project", str(folder)], folder, PYTHONPATH=str(ROOT))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [
        Finding(
            Path(found["file"]).name,
            found["range"]["start"]["line"] + 1,
            found["severity"],
            found.get("rule", ""),
            found["message"],
        )
        for found in json.loads(done.stdout)["generalDiagnostics"]
    ]


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with our environment, less what other tools put there for themselves."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST_", "MYPY"))
    }
    return subprocess.run(
        command,
        cwd=folder,
        env={**env, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def write_stubs(folder: Path) -> None:
    """Run the command by which type checkers take ``luigi`` for this package."""
    done = run([sys.executable, "-m", "luigi_clone.tools.stubs"], folder, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
