"""luigi-tools: targets with a prefix, mixins, linked parameters, configuration and dependency graphs."""

from __future__ import annotations

import pytest


@pytest.fixture
def tools(environment):
    return environment("most")


def test_a_workflow(tools):
    # a parameter copied under another name gets the value of the first name on Luigi (02, entry 5)
    report = tools.run_on_both("luigi_tools_pipeline.py", differs=("under another name",)).report
    assert report["first"] == "SUCCESS" and report["ran"] == ["Linked", "Source", "Source"]
    assert report["nothing again"] == []
    assert report["rerun"] == ["Source", "Linked"]
    assert report["linked by configuration"] == [7, 1] and report["after the configuration"] == [3, "none"]
    assert report["under another name"] == 11
    assert report["removed"] is True
    assert report["outputs"][-1] == [None, "out/side.txt"]
    assert report["prefixed"] == "elsewhere/tables/x.txt"


def test_the_command_line_with_its_parameters(tools):
    words = ("Linked", "--local-scheduler", "--Source-upper", "false", "--Source-size", "4", "--maybe")
    for engine in ("luigi_clone", "luigi"):
        run = tools.run("luigi_tools_pipeline.py", *words, engine=engine)
        assert run.exit_code == 0, run.stderr.strip().splitlines()[-1:]
        assert (run.folder / "out" / "source.txt").read_text() == "xxxx"
        assert (run.folder / "out" / "linked.txt").read_text() == "4 None 1"
        refused = tools.run(
            "luigi_tools_pipeline.py", "Source", "--local-scheduler", "--ratio", "2", engine=engine
        )
        assert refused.exit_code != 0 and "2 is not in the set of float in [0, 1]" in refused.stderr
