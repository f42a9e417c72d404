"""The scripts in ``bin/``: what they say when they cannot start, and the commands out of a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from test.console import ROOT

SCRIPTS = ["demo", "test", "check"]


@pytest.fixture
def checkout(tmp_path):
    """A checkout that has no environments yet."""
    shutil.copytree(ROOT / "bin", tmp_path / "bin")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(checkout, script, **env):
    return subprocess.run(
        [checkout / "bin" / script],
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def tools(folder):
    """Return a folder with what the scripts need besides Python."""
    folder.mkdir()
    for name in ("sh", "dirname", "cat", "cksum", "rm", "mkdir", "env"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_any_python_it_says_what_to_do(checkout, script):
    done = run(checkout, script, PATH=str(tools(checkout / "tools")))
    assert done.returncode == 1
    assert "Python 3.10 or newer was not found on PATH" in done.stderr
    assert f"PYTHON=/where/it/is/python3.12 {checkout}/bin/{script}" in done.stderr


def test_a_python_that_is_named_but_too_old_is_refused(checkout):
    old = checkout / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run(checkout, "demo", PYTHON=str(old))
    assert done.returncode == 1
    assert f"PYTHON={old} is no Python 3.10 or newer" in done.stderr


def test_a_python_without_venv_is_explained(checkout):
    lean = tools(checkout / "tools") / "python3"
    code = 'case "$*" in *ensurepip*) exit 1;; esac'
    lean.write_text(f'#!/bin/sh\n{code}\nexec {sys.executable} "$@"\n')
    lean.chmod(0o755)
    done = run(checkout, "demo", PATH=str(lean.parent))
    assert done.returncode == 1
    assert "cannot make virtual environments" in done.stderr
    assert "apt-get install python3-venv" in done.stderr
    assert not (checkout / ".venv-demo").exists()


@pytest.mark.parametrize("script", [*SCRIPTS, "luigi", "luigid"])
def test_it_can_be_started_directly(script):
    assert os.access(ROOT / "bin" / script, os.X_OK)


def test_luigi_out_of_a_checkout(tmp_path):
    done = subprocess.run(
        [ROOT / "bin" / "luigi", "--module", "hello_world", "HelloWorld", "--local-scheduler"],
        cwd=tmp_path,
        env={
            "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "examples"),
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "DeprecationWarning: 'bin/luigi' has moved to console script 'luigi'" in done.stderr
    assert (tmp_path / "hello-world.txt").read_text() == "Hello, world!\n"


def test_a_version_that_is_not_there_is_named(checkout):
    done = subprocess.run(
        [checkout / "bin" / "test", "--python", "3.9.99", "--fast"],
        env={"PATH": os.environ["PATH"], "HOME": str(checkout)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.9.99 was not found" in done.stderr
    assert not list(checkout.glob(".venv*"))
