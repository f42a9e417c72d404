"""Workers of one Luigi on a server of the other, while somebody works the page."""

from __future__ import annotations

from test.wire.sites import wait_until

KEEP_ALIVE = {"keep_alive": "true"}
NO_RETRY = {"retry_delay": 1000}
BAD = "Bad(retry_of_its_own=0)"


def test_pause(pairings):
    def script(site):
        before = site.call("is_pause_enabled"), site.call("pause"), site.call("is_paused")
        run = site.start("w", "Fan")
        site.wait_for("Fan(width=4)", "PENDING")
        worker = site.worker_id(run)
        asked = site.call("worker_list")[0]["last_active"]
        wait_until(lambda: site.call("worker_list")[0]["last_active"] > asked + 0.3, "sign of life")
        held = site.statuses(), site.call("count_pending", worker=worker)["n_pending_tasks"]
        site.call("unpause")
        run.finish()
        return before, held, site.outcome(run)

    before, held, outcome = pairings.agree(script, worker=KEEP_ALIVE)
    assert before == ({"enabled": True}, None, {"paused": True})
    assert list(held[0]) == ["PENDING"]
    assert held[1] == 5
    assert len(outcome["statuses"]["DONE"]) == 5


def test_a_task_is_disabled_and_enabled_again(pairings):
    def script(site):
        (site.files / "broken").touch()
        run = site.start("w", "NeedsBad")
        task_id = site.wait_for(BAD, "DISABLED")
        run.finish()
        before = site.outcome(run)
        (site.files / "broken").unlink()
        enabled = site.call("re_enable_task", task_id=task_id)
        again = site.call("re_enable_task", task_id=task_id)
        return before, enabled["status"], enabled["deps"], again, site.run("second", "NeedsBad")

    before, status, deps, again, after = pairings.agree(
        script, scheduler={"retry_count": 2}, worker=KEEP_ALIVE
    )
    assert before["statuses"]["DISABLED"] == [BAD]
    assert before["runs"].count("Bad-0") == 2
    assert (status, deps, again) == ("FAILED", [], {})
    assert after["statuses"] == {"DONE": [BAD, "Leaf(n=1)", "NeedsBad()"]}


def test_a_task_with_its_own_limit_of_failures(pairings):
    def script(site):
        (site.files / "broken").touch()
        return site.run("w", "Bad", "--retry-of-its-own", "1")

    outcome = pairings.agree(script)
    assert outcome["statuses"] == {"DISABLED": ["Bad(retry_of_its_own=1)"]}


def test_failures_are_forgiven(pairings):
    def script(site):
        (site.files / "broken").touch()
        run = site.start("w", "NeedsBad", "--workers", "2")
        task_id = site.wait_for(BAD, "FAILED")
        (site.files / "broken").unlink()
        answers = [site.call("forgive_failures", task_id=one) for one in (task_id, "nobody")]
        run.finish()
        return answers, site.outcome(run)

    answers, outcome = pairings.agree(script, scheduler=NO_RETRY, worker=KEEP_ALIVE)
    assert [answer["status"] for answer in answers] == ["PENDING", None]
    assert outcome["statuses"] == {"DONE": [BAD, "Leaf(n=1)", "NeedsBad()"]}


def test_a_task_is_marked_as_done(pairings):
    def script(site):
        (site.files / "broken").touch()
        run = site.start("w", "NeedsBad")
        task_id = site.wait_for(BAD, "FAILED")
        answers = [site.call("mark_as_done", task_id=one) for one in (task_id, "nobody")]
        run.finish()
        return answers, site.outcome(run)

    answers, outcome = pairings.agree(
        script, scheduler=NO_RETRY, worker={**KEEP_ALIVE, "check_unfulfilled_deps": "false"}
    )
    assert [answer["status"] for answer in answers] == ["DONE", None]
    assert outcome["statuses"] == {"DONE": [BAD, "Leaf(n=1)", "NeedsBad()"]}


def test_a_worker_is_disabled(pairings):
    def script(site):
        run = site.start("w", "Slows", "--width", "2")
        wait_until(lambda: any(site.files.glob("begun-*")), "running task")
        site.call("disable_worker", worker=site.worker_id(run))
        (site.files / "go").touch()
        run.finish()
        (worker,) = site.call("worker_list")
        outcome = site.outcome(run)
        counts = {status: len(names) for status, names in outcome["statuses"].items()}
        return worker["state"], counts, outcome["exit"], len(outcome["runs"])

    state, counts, code, runs = pairings.agree(script, worker={"force_multiprocessing": "true"})
    assert state == "disabled"
    assert counts == {"DONE": 1, "PENDING": 2}
    assert (code, runs) == ({"w": 25}, 1)


def test_a_worker_gets_more_processes(pairings):
    def script(site):
        run = site.start("w", "Meeting", "--workers", "2")
        wait_until(lambda: len(list(site.files.glob("here-*"))) == 2, "two running tasks")
        worker = site.worker_id(run)
        site.call("set_worker_processes", worker=worker, n=3)
        run.finish()
        (shown,) = site.call("worker_list")
        return shown["workers"], shown["num_unread_rpc_messages"], site.outcome(run)

    workers, unread, outcome = pairings.agree(script)
    assert (workers, unread) == (3, 0)
    assert len(outcome["statuses"]["DONE"]) == 4


def test_there_is_more_of_a_resource(pairings):
    def script(site):
        run = site.start("w", "Needy")
        site.wait_for("Needy()", "PENDING")
        before = site.call("resource_list")
        answers = [site.call("update_resource", resource="gpu", amount=amount) for amount in (-1, "2", 2)]
        run.finish()
        return before, answers, site.call("resource_list"), site.outcome(run)

    before, answers, after, outcome = pairings.agree(script, resources={"gpu": 1}, worker=KEEP_ALIVE)
    assert before[0]["num_total"] == 1
    assert after[0]["num_total"] == 2
    assert answers == [False, False, True]
    assert outcome["exit"] == {"w": 0}
