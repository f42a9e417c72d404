"""sciluigi: workflows whose tasks are connected by their outputs, with its own targets and audit trail."""

from __future__ import annotations


def test_a_workflow(environment):
    run = environment("most").run_on_both("sciluigi_pipeline.py")
    report = run.report
    assert report["merged"] == "bar\nraw\nbaz\nraw\n"
    assert "[replace_bar]" in report["audit"] and "replacement: bar" in report["audit"]
    assert report["remote"] == ["S3Target", "s3://bucket/key"]
    assert report["database"] == ["PostgresTarget", "table", "5432"]
    assert report["logs"] == 3
    assert not (run.folder / "never.txt").exists()
