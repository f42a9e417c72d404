"""Range tasks are found by their names, and loaded only for those who ask for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import luigi_clone

ROOT = Path(luigi_clone.__file__).resolve().parents[1]

MODULE = """
import luigi

class Daily(luigi.Task):
    d = luigi.DateParameter(default=None)

    def output(self):
        return luigi.LocalTarget(f"out/{self.d}")

    def run(self):
        with self.output().open("w"):
            pass
"""


def python(folder, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("LUIGI")},
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "reports.py").write_text(MODULE)
    return tmp_path


# prints whether the range tasks are imported, after what comes before
LOADED = "; import sys; print('luigi_clone.tools.range' in sys.modules)"


def test_a_run_over_a_range(folder):
    arguments = (
        "--module reports RangeDaily --of Daily --start 2020-01-01 --stop 2020-01-04 --days-back 100000"
    )
    done = python(folder, "-m", "luigi_clone", *arguments.split(), "--local-scheduler")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(folder / "out")) == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert "- 3 Daily(d=2020-01-01" in done.stderr


@pytest.mark.parametrize(
    ("source", "loaded"),
    [
        ("import luigi_clone, luigi_clone.tools", False),
        ("import reports; luigi_clone.task_register.Register.get_task_cls('Daily')", False),
        ("import reports; luigi_clone.task_register.load_task('reports', 'Daily', {})", False),
        (
            "luigi_clone.run(['Daily', '--module', 'reports', '--local-scheduler', '--d', '2020-01-01'])",
            False,
        ),
        ("luigi_clone.task_register.Register.get_task_cls('RangeDaily')", True),
        ("luigi_clone.task_register.Register.task_names()", True),
        ("luigi_clone.range", True),
    ],
)
def test_they_are_loaded_when_they_are_needed(folder, source, loaded):
    start = "import luigi_clone.alias; luigi_clone.alias.install(); import luigi_clone; "
    done = python(folder, "-W", "ignore", "-c", start + source + LOADED)
    assert done.stdout == f"{loaded}\n", done.stderr


def test_the_package_shows_them(folder):
    done = python(
        folder,
        *("-W", "ignore", "-c"),
        "import luigi_clone; print(luigi_clone.range.RangeDaily.__name__, 'range' in luigi_clone.__all__)",
    )
    assert done.stdout == "RangeDaily True\n", done.stderr


def test_they_can_be_left_out(folder):
    (folder / "luigi.cfg").write_text("[core]\nautoload_range = false\n")
    source = """
import luigi_clone
from luigi_clone.task_register import Register, TaskClassNotFoundException
print(hasattr(luigi_clone, "range"), "range" in luigi_clone.__all__, "RangeDaily" in Register.task_names())
try:
    Register.get_task_cls("RangeDaily")
except TaskClassNotFoundException:
    print("not found")
import luigi_clone.tools.range
print(Register.get_task_cls("RangeDaily") is luigi_clone.tools.range.RangeDaily)
"""
    done = python(folder, "-W", "error", "-c", source)
    assert done.stdout == "False False False\nnot found\nTrue\n", done.stderr


def test_a_task_with_the_same_name_is_ambiguous(folder):
    (folder / "mine.py").write_text("import luigi\nclass RangeDaily(luigi.Task):\n    pass\n")
    done = python(folder, "-m", "luigi_clone", "--module", "mine", "RangeDaily", "--local-scheduler")
    assert done.returncode == 1
    assert "Task 'RangeDaily' is ambiguous" in done.stderr


def test_a_subclass_of_the_same_name_takes_its_place(folder):
    (folder / "mine.py").write_text(
        "import luigi\nimport luigi.tools.range\n"
        "class RangeDaily(luigi.tools.range.RangeDaily):\n"
        "    def requires(self):\n        print('mine')\n        return []\n"
    )
    arguments = "--module mine RangeDaily --of Task --start 2020-01-01 --local-scheduler"
    done = python(folder, "-m", "luigi_clone", *arguments.split())
    assert done.returncode == 0, done.stderr
    assert "mine\n" in done.stdout
