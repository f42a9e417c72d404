"""bioluigi: programs run by its schedulers, with what ``contrib.external_program`` gives it."""

from __future__ import annotations


def test_programs_on_its_local_scheduler(environment):
    report = environment("most").run_on_both("bioluigi_pipeline.py").report
    assert [report[name] for name in ("programs", "annotated", "broken")] == ["SUCCESS", "SUCCESS", "FAILED"]
    assert report["one"] == "from the task\n"
    assert report["command"].startswith("annotate -a annotations.vcf -c ID")
    assert report["half"] is False, "the output of a failed program is removed"
    assert report["failed"][0] == "Program exited with non-zero return code."
    assert report["resources"][:2] == [{"cpus": 1, "memory": 0.5}, {"cpus": 2, "memory": 0.5}]
    assert report["counting"] == "CountingScheduler"
