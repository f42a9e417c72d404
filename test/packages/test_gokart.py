"""gokart: its tasks, its build, its command line, and its own copy of the worker."""

from __future__ import annotations

import pytest

WORKSPACE = "[TaskOnKart]\nworkspace_directory=./workspace\n"


@pytest.fixture
def gokart(environment, tmp_path):
    for engine in ("luigi_clone", "luigi"):
        (tmp_path / engine).mkdir()
        (tmp_path / engine / "workspace.ini").write_text(WORKSPACE)
    return environment("most")


def test_a_pipeline_of_tasks_on_kart(gokart):
    report = gokart.run_on_both("gokart_pipeline.py").report
    assert report["total"] == report["again"] == report["rerun"] == {"total": 12}
    assert report["cached"] == 4 and report["rerun ran"] == "Total"
    assert report["frame"] == [0, 1, 2, 3]
    assert report["dynamic"] == 20
    assert report["failure"] == "GokartBuildError"
    assert report["worker variant"] == [True, True, 16, 4]
    assert report["register"] == ["SUCCESS", "ran by the command line", False, True]
    assert report["in memory"] == "kept in memory"
    _, seven, seven_noted, frame = report["ids"]
    assert seven == seven_noted != frame, "what is not significant is no part of the id"


def test_its_command_line(gokart):
    arguments = ("Total", "--local-scheduler", "--negate", "True", "--sources", "[]")
    for engine in ("luigi_clone", "luigi"):
        run = gokart.run("gokart_pipeline.py", *arguments, engine=engine, LUIGI_CONFIG_PATH="workspace.ini")
        assert run.exit_code == 0
        assert len(list((run.folder / "workspace").glob("total_*.pkl"))) == 1
        failed = gokart.run("gokart_pipeline.py", "Failing", "--local-scheduler", engine=engine)
        assert failed.exit_code == 40, "gokart sets the exit codes"
