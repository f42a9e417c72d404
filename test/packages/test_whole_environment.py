"""The file in ``site-packages`` that makes the alias active for all that an environment runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_of_the_page(tmp_path):
    page = (ROOT / "doc" / "howto" / "packages.rst").read_text()
    (command,) = re.findall(r'python -c "(import pathlib.*?)"\n\n', page, re.DOTALL)
    code = command.replace("\n   ", "\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    python = str(tmp_path / "bin" / "python")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_"))}
    environment["PYTHONPATH"] = str(ROOT)

    def said(program):
        done = subprocess.run(
            [python, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        return done.stdout + done.stderr

    assert "No module named 'luigi'" in said("import luigi")
    assert said(code) == ""
    assert said("import luigi; print(luigi.__name__)") == "luigi_clone\n"
    run = "subprocess.run([sys.executable, '-c', 'import luigi.task as t; print(t.__name__)'])"
    child = f"import subprocess, sys; {run}"
    assert said(child) == "luigi_clone.task\n"
