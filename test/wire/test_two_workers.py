"""Several workers of one Luigi on a server of the other."""

from __future__ import annotations

import itertools
import os
import signal

from test.wire.sites import RETCODES, wait_until

KEEP_ALIVE = {"keep_alive": "true"}


def test_two_workers_on_one_pipeline(pairings):
    def script(site):
        runs = [site.start(name, "Joined", "--workers", "2") for name in ("first", "second")]
        for run in runs:
            run.finish()
        outcome = site.outcome(*runs)
        # what is still run by the other one at its last look is chance: 25, 10 or 0
        failed = [name for name, code in outcome["exit"].items() if code > RETCODES["not_run"]]
        return failed, outcome["statuses"], outcome["runs"]

    failed, statuses, runs = pairings.agree(script, worker=KEEP_ALIVE)
    assert not failed
    assert list(statuses) == ["DONE"]
    assert runs == sorted(f"Joint-{n}-{level}" for n in range(4) for level in range(3))


def test_tasks_that_need_one_resource_never_overlap(pairings):
    def script(site):
        runs = [
            site.start(name, "Alones", "--first", first, "--workers", "2")
            for name, first in (("first", "0"), ("second", "2"))
        ]
        for run in runs:
            run.finish()
        lines = (site.files / "intervals").read_text().splitlines()
        intervals = sorted(tuple(map(float, line.split())) for line in lines)
        overlaps = [one for one, next_ in itertools.pairwise(intervals) if one[1] > next_[0]]
        return len(intervals), overlaps, site.statuses()

    count, overlaps, statuses = pairings.agree(script, worker=KEEP_ALIVE)
    assert (count, overlaps) == (6, [])
    assert len(statuses["DONE"]) == 8


def test_resources_are_given_back_early(pairings):
    def script(site):
        run = site.start("w", "LargeAndSmall", "--workers", "2")
        wait_until((site.files / "large").exists, "large task")
        task_id = site.wait_for("Large()", "RUNNING")
        before = site.call("get_running_task_resources", task_id=task_id), site.task("Small()")["status"]
        (site.files / "give").touch()
        run.finish()
        after = site.call("get_running_task_resources", task_id=task_id)
        return before, after, site.outcome(run)

    before, after, outcome = pairings.agree(script, resources={"memory": 4, "licence": 1})
    assert before[0]["resources"] == {"memory": 3, "licence": 1}
    assert before[1] == "PENDING"
    assert after["resources"]["memory"] == 2
    assert len(outcome["statuses"]["DONE"]) == 3


def test_an_assistant_runs_the_tasks_of_others(pairings):
    def script(site):
        planner = site.start("planner", "Fan", "--workers", "0")
        planner.finish()
        before = site.statuses()
        helper = site.start("assistant", "Leaf", "--n", "100", "--assistant")
        site.wait_for("Fan(width=4)", "DONE")
        site.wait_for("Leaf(n=100)", "DONE")
        worker = site.worker_id(helper)
        site.call("disable_worker", worker=worker)
        helper.finish()
        return before, planner.summary(), site.outcome(helper)

    before, summary, outcome = pairings.agree(script)
    assert list(before) == ["PENDING"]
    assert outcome["exit"] == {"assistant": 0}
    assert len(outcome["runs"]) == 6
    assert summary


def test_a_worker_that_dies(pairings):
    def script(site):
        first = site.start("first", "Slow")
        wait_until((site.files / "begun-0").exists, "running task")
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()
        site.wait_for("Slow(n=0)", "FAILED")
        left = site.task("Slow(n=0)"), len(site.call("worker_list"))
        (site.files / "go").touch()
        return left, site.run("second", "Slow")

    left, outcome = pairings.agree(
        script, scheduler={"worker_disconnect_delay": 1, "retry_delay": 1000}, worker=KEEP_ALIVE
    )
    assert (left[0]["workers"], left[1]) == ([], 0)
    assert outcome["exit"] == {"second": 0}
    assert outcome["statuses"] == {"DONE": ["Slow(n=0)"]}
    assert outcome["runs"] == ["Slow-0", "Slow-0"]


def test_what_another_worker_runs_is_left_to_it(pairings):
    def script(site):
        first = site.start("first", "Slow")
        wait_until((site.files / "begun-0").exists, "running task")
        second = site.start("second", "Slow")
        second.finish()
        (site.files / "go").touch()
        first.finish()
        return site.outcome(first, second)

    outcome = pairings.agree(script)
    assert outcome["exit"] == {"first": 0, "second": RETCODES["already_running"]}
    assert "    * 1 were being run by another worker:" in outcome["summary"]["second"]
