"""Workers of one Luigi on a server of the other: what a single worker does."""

from __future__ import annotations

import json

from test.wire.sites import wait_until

KEEP_ALIVE = {"keep_alive": "true"}


def test_fan_in(pairings):
    outcome = pairings.agree(lambda site: site.run("w", "Fan"))
    assert outcome["exit"] == {"w": 0}
    assert outcome["statuses"] == {"DONE": ["Fan(width=4)", *(f"Leaf(n={n})" for n in range(4))]}


def test_what_is_complete_is_not_run(pairings):
    def script(site):
        first, second = site.run("first", "Fan", "--width", "2"), site.run("second", "Fan", "--width", "3")
        return first, second

    _, second = pairings.agree(script)
    assert second["runs"] == ["Fan-2", "Fan-3", "Leaf-0-h", "Leaf-1-h", "Leaf-2-h"]


def test_a_failure(pairings):
    def script(site):
        (site.files / "broken").touch()
        outcome = site.run("w", "NeedsBad")
        error = site.call("fetch_error", task_id=site.id_of("Bad(retry_of_its_own=0)"))
        text = json.loads(error.pop("error"))
        del error["taskId"]
        graph = site.call("dep_graph", task_id=site.id_of("NeedsBad()"))
        upstream = site.call("task_list", status="PENDING", upstream_status="UPSTREAM_FAILED")
        lines = text.strip().split("\n")
        return outcome, error, lines[:2], lines[-1], {k: v["deps"] for k, v in graph.items()}, list(upstream)

    outcome, error, *_, last, _, upstream = pairings.agree(script, scheduler={"retry_delay": 1000})
    assert outcome["exit"] == {"w": 30}
    assert outcome["statuses"] == {
        "DONE": ["Leaf(n=1)"],
        "FAILED": ["Bad(retry_of_its_own=0)"],
        "PENDING": ["NeedsBad()"],
    }
    assert last == "ValueError: broken <b>&\u2603"
    assert error["taskFamily"] == "Bad"
    assert len(upstream) == 1


def test_a_task_that_cannot_be_scheduled(pairings):
    outcome = pairings.agree(lambda site: site.run("w", "NeedsUnsure"))
    assert outcome["exit"] == {"w": 35}
    assert outcome["statuses"]["UNKNOWN"] == ["Unsure()"]


def test_retries(pairings):
    outcome = pairings.agree(lambda site: site.run("w", "NeedsFlaky"), worker=KEEP_ALIVE)
    assert outcome["runs"] == ["Flaky"] * 3 + ["NeedsFlaky"]
    assert outcome["statuses"] == {"DONE": ["Flaky()", "NeedsFlaky()"]}


def test_dynamic_dependencies(pairings):
    outcome = pairings.agree(lambda site: site.run("w", "Dynamic", "--workers", "2"))
    assert outcome["statuses"] == {"DONE": ["Dynamic()", *(f"Leaf(n={n})" for n in range(5))]}


def test_missing_external_data(pairings):
    outcome = pairings.agree(lambda site: site.run("w", "NeedsImport"))
    assert outcome["exit"] == {"w": 20}
    assert outcome["statuses"]["PENDING"] == ["Imports(name=import)", "NeedsImport()"]


def test_external_data_that_comes_later(pairings):
    def script(site):
        run = site.start("w", "NeedsImport")
        site.wait_for("Imports(name=import)", "FAILED")
        (site.files / "import").write_text("here")
        run.finish()
        return site.outcome(run)

    outcome = pairings.agree(script, worker={**KEEP_ALIVE, "retry_external_tasks": "true"})
    assert outcome["statuses"] == {"DONE": ["Imports(name=import)", "Leaf(n=1)", "NeedsImport()"]}


def test_batches(pairings):
    outcome = pairings.agree(lambda site: site.run("w", "Batches"))
    assert outcome["runs"] in (
        ["Newest-2-a-False", "Newest-2-b-False"],
        ["Newest-2-b-False", "Newest-2-a-False"],
    )
    assert len(outcome["statuses"]["DONE"]) == 7
    shown = {task["status_message"] for task in outcome["tasks"] if task["name"] == "Newest"}
    assert shown == {"all at once"}


def test_a_batch_that_fails(pairings):
    outcome = pairings.agree(
        lambda site: site.run("w", "Batches", "--fails"), scheduler={"retry_delay": 1000}
    )
    assert outcome["exit"] == {"w": 30}
    assert len(outcome["statuses"]["FAILED"]) == 6


def test_priorities(pairings):
    outcome, order = pairings.agree(lambda site: (site.run("w", "Ranking"), site.order()))
    assert len(outcome["statuses"]["DONE"]) == 5
    assert order == ["Ranked-2", "Ranked-0", "Ranked-3", "Ranked-1"]


def test_what_a_running_task_tells(pairings):
    def script(site):
        run = site.start("w", "Talker")
        wait_until((site.files / "talked").exists, "word from the task")
        task_id = site.id_of("Talker()")
        running = site.task("Talker()")
        message = site.call("get_task_status_message", task_id=task_id)
        progress = site.call("get_task_progress_percentage", task_id=task_id)
        (site.files / "go").touch()
        run.finish()
        return running, message, progress, site.outcome(run)

    running, message, progress, outcome = pairings.agree(script)
    assert running["status"] == "RUNNING"
    assert running["tracking_url"] == "http://example.com/?a=1&b=<2>"
    assert message["statusMessage"] == "half \u2603 <b>way</b>"
    assert progress["progressPercentage"] == 50
    assert outcome["tasks"][0]["progress_percentage"] == 75.5


def test_messages_with_answers(pairings):
    def script(site):
        run = site.start("w", "Listener")
        wait_until((site.files / "listening").exists, "listener")
        task_id, worker = site.id_of("Listener()"), site.worker_id(run)
        running = site.task("Listener()")
        answers = []
        for content in ("grüß dich \u2603", "second"):
            told = site.call("send_scheduler_message", worker=worker, task=task_id, content=content)
            where = {"task_id": task_id, "message_id": told["message_id"]}
            answers.append(
                wait_until(
                    lambda where=where: site.call("get_scheduler_message_response", **where)["response"],
                    f"answer to {content}",
                )
            )
            assert site.call("get_scheduler_message_response", **where) == {"response": None}
        run.finish()
        return running, answers, site.outcome(run)

    running, answers, outcome = pairings.agree(script)
    assert running["accepts_messages"] is True
    assert answers == ["to grüß dich \u2603: \u2603", "to second: \u2603"]
    assert outcome["exit"] == {"w": 0}


def test_unicode(pairings):
    text = 'ä ☃ "</b>\\ 漢字 🐍 =,()'

    def script(site):
        outcome = site.run("w", "NeedsGröße", "--text", text)
        (task_id,) = (found for found in site.tasks() if found.startswith("räume"))
        found = site.call("task_search", task_str="größen.Größe")
        listed = site.call("task_list", status="", upstream_status="", search="ä ☃ 漢字")
        graph = site.call("inverse_dep_graph", task_id=task_id)
        return outcome, task_id, found["DONE"].keys(), sorted(listed), sorted(graph)

    outcome, task_id, found, listed, graph = pairings.agree(script)
    assert outcome["exit"] == {"w": 0}
    assert list(found) == [task_id]
    assert len(listed) == len(graph) == 2
