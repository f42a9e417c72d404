"""b2luigi: it changes all parameter classes, and its worker has processes that are jobs of a batch system."""

from __future__ import annotations

import json
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 11), (3, 12)), reason="b2luigi 1.3 is made for Python 3.11 and 3.12"
)

ENGINES = ("luigi_clone", "luigi")


@pytest.fixture
def b2luigi(environment):
    return environment("b2luigi")


def _process(b2luigi, *arguments, engine="luigi_clone", **variables):
    folder = b2luigi.folder / engine
    folder.mkdir(exist_ok=True)
    (folder / "luigi.cfg").write_text("[worker]\nwait_interval=0.2\n")  # how often jobs are looked at
    places = {"RESULTS": str(folder / "results"), "LOGS": str(folder / "logs")}
    return b2luigi.run("b2luigi_pipeline.py", *arguments, engine=engine, **places, **variables)


def _files(run):
    results = run.folder / "results"
    return {
        str(path.relative_to(results)): path.read_text()
        for path in sorted(results.rglob("*"))
        if path.is_file()
    }


def test_parameters_and_its_worker(b2luigi):
    report = b2luigi.run_on_both("b2luigi_pipeline.py", "parameters").report
    assert report["name"].startswith("/results/number=1/secret=hashed_")
    assert report["worker"] == [True, None] and report["back"] is True


def test_a_pipeline_on_local_processes(b2luigi):
    runs = [_process(b2luigi, engine=engine) for engine in ENGINES]
    assert [run.exit_code for run in runs] == [0, 0]
    ours, stock = map(_files, runs)
    assert ours.keys() == stock.keys()
    assert ours[next(name for name in ours if name.endswith("report.txt"))] == "report 3\n"
    dispatched = json.loads(ours["dispatched.json"])
    assert dispatched == {"other process": True, "engine": "luigi_clone"}
    assert json.loads(stock["dispatched.json"])["engine"] == "luigi"


def test_tasks_as_jobs_of_a_batch_system(b2luigi):
    run = _process(b2luigi, "--batch", FAILING="1")
    assert "* 7 ran successfully:" in run.stderr and "* 1 failed:" in run.stderr, run.stderr[-4000:]
    assert "Batch process TestProcess running" in run.stderr
    assert sorted(name.rpartition("/")[2] for name in _files(run)) == [
        "dispatched.json",
        *["number.txt"] * 3,
        "report.txt",
        "sum.txt",
    ]
    logs = run.folder / "logs"
    assert "this one is meant to fail" in (logs / "Failing" / "stderr").read_text()


def test_a_dry_run_runs_nothing(b2luigi):
    for engine in ENGINES:
        shown = _process(b2luigi, "--dry-run", engine=engine)
        assert "Report" in shown.stdout and not (shown.folder / "results").exists()
