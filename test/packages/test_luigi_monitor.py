"""luigi-monitor: its event handlers and its command, which sends what happened to a web hook."""

from __future__ import annotations

import pytest

from test.packages.pipelines.slack import slack


@pytest.fixture
def packages(environment):
    return environment("most")


def test_events_become_messages(packages):
    report = packages.run_on_both("monitored.py").report
    good, everything, failures = (message["text"] for message in report["messages"])
    assert "ran successfully" in good
    assert "Task: Bad(); Exception: this one is meant to fail" in everything
    assert "External(name=data)" in everything and "External" not in failures
    assert report["returned"] == {"good": True, "failing": False, "failures only": False}


def test_its_command(packages):
    sent = {}
    for engine in ("luigi_clone", "luigi"):
        with slack() as (url, messages):
            folder = packages.folder / engine
            folder.mkdir()
            (folder / "luigi.cfg").write_text(
                f"[luigi-monitor]\nslack_url={url}\nmax_print=5\nusername=Cook\n"
            )
            words = ("--module", "monitored_tasks", "Everything", "--local-scheduler")
            run = packages.run("luigi-monitor", *words, engine=engine)
            sent[engine] = (run.exit_code, [(m["username"], m["text"].partition("\n")[2]) for m in messages])
    assert sent["luigi_clone"] == sent["luigi"]
    assert sent["luigi_clone"][1][0][0] == "Cook"
