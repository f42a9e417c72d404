"""law: its command line, workflows, sandboxes and exit codes, for which it patches worker and parser."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ENGINES = ("luigi_clone", "luigi")
CONFIG = "[modules]\nlaw_tasks\n[core]\nindex_file={}/index\n[luigi_core]\nlocal_scheduler=True\n"


class Law:
    """A project folder per engine, in which ``law`` is called."""

    def __init__(self, environment, tmp_path: Path) -> None:
        self._environment = environment
        self._tmp_path = tmp_path
        for engine in ENGINES:
            (tmp_path / engine).mkdir()
            (tmp_path / engine / "law.cfg").write_text(CONFIG.format(tmp_path / engine))
            (tmp_path / engine / "setup.sh").write_text("export ONLY_IN_SANDBOX=yes\n")

    def run(self, *arguments: str, engine: str = "luigi_clone"):
        folder = self._tmp_path / engine
        variables = {
            "LAW_HOME": str(folder / ".law"),
            "LAW_CONFIG_FILE": str(folder / "law.cfg"),
            "LAW_DATA": str(folder / "data"),
            "LAW_SETUP": str(folder / "setup.sh"),
        }
        return self._environment.run("law", *arguments, engine=engine, **variables)

    def run_on_both(self, *arguments: str, exit_code: int = 0):
        """Run on both engines, compare exit code and lines (in any order: siblings), return ours."""
        runs = {engine: self.run(*arguments, engine=engine) for engine in ENGINES}
        for engine, run in runs.items():
            assert run.exit_code == exit_code, (engine, run.stderr.strip().splitlines()[-1:])
        ours, stock = (_lines(run, self._tmp_path) for run in runs.values())
        assert ours == stock
        return runs["luigi_clone"]

    def data(self, *names: str, engine: str = "luigi_clone"):
        return json.loads((self._tmp_path / engine).joinpath("data", *names).read_text())


def _lines(run, tmp_path: Path) -> Counter[str]:
    text = re.sub(r"salt=\d+", "salt", f"{run.stdout}\n{run.stderr}")
    text = (
        re.sub(r"pid[ =]\d+", "pid", text)
        .replace(str(tmp_path / "luigi_clone"), "")
        .replace(str(tmp_path / "luigi"), "")
    )
    # how many times the scheduler is asked depends on how fast the children end
    often = re.compile(r"DEBUG: (Asking|Done|Pending|There are|\d+ running|.* is currently run by)|branch \d")
    return Counter(line for line in text.splitlines() if not often.match(line))


@pytest.fixture
def law(environment, tmp_path):
    return Law(environment("most"), tmp_path)


def test_index(law):
    run = law.run_on_both("index", "--verbose")
    assert "written 7 task(s)" in run.stdout
    assert "law_tasks:Total:" in (run.folder / "index").read_text()
    law.run_on_both("run", "Numbers", "--branches", "0,2")
    assert law.data("Numbers", "v1", "number_2.json") == {"number": 30}


def test_workflows_and_a_sandbox_on_two_workers(law):
    run = law.run("run", "law_tasks.Wrapper", "--workers", "2")
    assert run.exit_code == 0, run.stderr[-4000:]
    assert "* 15 ran successfully:" in run.stderr
    assert law.data("Total", "v1", "total_a_b.json")["total"] == 100 + 400
    assert law.data("InSandbox", "v1", "in_sandbox.json") == {"variable": "yes", "engine": "luigi_clone"}
    assert "leaving sandbox" in run.stdout + run.stderr


def test_the_log_of_a_run_on_one_worker(law):
    law.run_on_both("run", "law_tasks.Total", "--label", "new", "--names", "x,y", "--workers", "1")
    assert law.data("Total", "v1", "total_x_y.json") == {"total": 500, "label": "new", "names": ["x", "y"]}


def test_what_it_changes_in_parameters_and_tasks(environment):
    report = environment("most").run_on_both("law_parameters.py").report
    assert report["parsed"][0] == ["", "_NoValueType", "0", "1", "x"]
    assert report["label"] == "" and report["written"] == "'' 3"
    assert report["copied"][::2] == [7, 7]


def test_status_dependencies_and_removal(law):
    run = law.run_on_both("run", "law_tasks.Squares", "--branch", "1")
    status = law.run_on_both("run", "law_tasks.Total", "--print-status", "2").stdout
    assert "existent" in status and "absent" in status
    law.run_on_both("run", "law_tasks.Total", "--print-deps", "2")
    square = run.folder / "data" / "Squares" / "v1" / "square_1.json"
    assert square.exists()
    law.run_on_both("run", "law_tasks.Squares", "--branch", "1", "--remove-output", "0,a,n")
    assert not square.exists()


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["law_tasks.Failing"], 40),
        (["law_tasks.Missing"], 20),
        (["law_tasks.NotThere"], 1),
        (["law_tasks.Total", "--bogus"], 2),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_exit_codes_are_those_that_law_sets(law, arguments, exit_code):
    for engine in ENGINES:
        assert law.run("run", *arguments, engine=engine).exit_code == exit_code, engine
