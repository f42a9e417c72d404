"""The page of one task."""

from __future__ import annotations

import itertools
import re

import pytest

from test.ui.conftest import WAIT, shown_in

numbers = itertools.count(1)

TRACEBACK = """Traceback (most recent call last):
  File "/opt/env/lib/python3.11/site-packages/luigi_clone/worker.py", line 214, in run
    outcome = self.execute(item)
  File "/srv/flights/delays.py", line 88, in run
    self.output().write(self.summarise(by_hour))
  File "/opt/env/lib/python3.11/site-packages/pandas/core/base.py", line 244, in select
    raise KeyError(missing(name))
KeyError: 'Column not found: arr_delay'
"""
HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'


def name():
    """Return a family that no other test uses."""
    return f"Step{next(numbers)}"


def open_task(shown, task_id):
    return shown.open(f"#/task?id={task_id}")


def failed(bare, **more):
    task_id = bare.start(family := name(), params={"month": "2013-06"}, **more)
    bare.end(task_id, family, "FAILED", expl=TRACEBACK, params={"month": "2013-06"}, **more)
    return task_id


# ---- what is shown


def test_a_failed_task_says_why_and_shows_where_in_the_users_code(shown, scheduler):
    page = open_task(shown, scheduler.id_of("family:DelaysByCarrier carrier:EV"))
    shown.expect("h1").to_contain_text("DelaysByCarrier carrier=EV")
    shown.expect("#status").to_have_text("Failed")
    shown.expect("#because p").to_contain_text("failed")
    shown.expect("#because p").to_contain_text("arr_delay")
    assert page.locator("#because .b.primary").all_inner_texts() == ["Retry"]
    shown.expect(".tb > .frame:last-of-type").to_contain_text("in _count")
    shown.expect(".tb > .frame:last-of-type .hit >> nth=1").to_contain_text(
        'return row["arr_delay"], carrier'
    )
    shown.expect(".exc").to_have_text("KeyError: 'arr_delay'")
    assert page.title().startswith("Failed: DelaysByCarrier EV")
    shown.expect(".deps").to_contain_text("Report")


def test_frames_of_libraries_are_folded_and_the_copy_is_the_plain_original(browser, bare):
    task_id = failed(bare)
    with shown_in(browser, bare.url, permissions=["clipboard-read", "clipboard-write"]) as shown:
        page = open_task(shown, task_id)
        summaries = page.locator(".tb summary")
        assert summaries.all_inner_texts() == ["1 frame of the worker", "1 frame of pandas"]
        assert not page.get_by_text("raise KeyError(missing(name))").is_visible()
        summaries.last.click()
        shown.expect("text=raise KeyError(missing(name))").to_be_visible()
        page.get_by_role("button", name="Copy the traceback").click()
        shown.expect(".toast").to_contain_text("Traceback copied")
        assert page.evaluate("navigator.clipboard.readText()") == TRACEBACK


def test_hidden_values_are_told_to_be_hidden_and_stay_out_of_the_command(shown, scheduler):
    page = open_task(shown, scheduler.id_of("family:Secretive"))
    shown.expect(".facts >> nth=0").to_contain_text("public-value")
    shown.expect(".facts >> nth=0").to_contain_text("private: its value never leaves the worker")
    shown.expect(".cmd code").to_contain_text("Secretive --shown public-value")
    assert "hidden-value" not in page.locator(".cmd").inner_text()
    assert "private-value" not in page.content()


def test_the_docstring_and_the_descriptions_of_parameters_are_shown(shown, scheduler):
    open_task(shown, scheduler.id_of("family:Day number:3"))
    shown.expect(".doc p >> nth=0").to_have_text("Flights of one day.")
    shown.expect(".doc li strong").to_have_text("late")
    shown.expect(".doc li code").to_have_text("cancelled")
    shown.expect(".facts >> nth=0").to_contain_text("day of the year")


def test_what_a_running_task_tells_is_there_and_follows_it(beside, bare):
    task_id = bare.start(name())
    open_task(beside, task_id)
    beside.expect("#status").to_have_text("Running")
    beside.expect(".card.progress").to_be_hidden()
    bare.call("set_task_progress_percentage", task_id=task_id, progress_percentage=62)
    bare.call("set_task_status_message", task_id=task_id, status_message=HOSTILE)
    beside.expect(".card.progress").to_contain_text("62 %")
    beside.expect(".message").to_have_text(HOSTILE)
    bare.call("set_task_progress_percentage", task_id=task_id, progress_percentage=63)
    beside.expect(".card.progress").to_contain_text("63 %")
    bare.call("mark_as_done", task_id=task_id)
    beside.expect("#status").to_have_text("Done")


def test_attempts_and_history_are_listed(beside, bare):
    task_id = failed(bare)
    page = open_task(beside, task_id)
    beside.expect(".attempts tbody tr").to_have_count(1)
    beside.expect(".attempts tbody tr").to_contain_text("Failed")
    assert "failed" in page.locator("#hist li").first.inner_text().lower()
    beside.expect("#hist").to_contain_text("by-hand")


def test_what_is_around_a_task_leads_there(shown, scheduler):
    page = open_task(shown, scheduler.id_of("family:Report"))
    shown.expect("#status").to_have_text("Upstream failed")
    shown.expect(".deps h3 >> nth=0").to_have_text("Needs1 of 3 done")
    first = page.locator(".deps .rel").first
    assert first.inner_text().startswith("Failed")
    first.click()
    shown.expect("h1").to_contain_text("DelaysByCarrier")
    page.go_back()
    shown.expect("h1").to_contain_text("Report")


def test_a_tracking_link_is_followed_only_where_it_is_harmless(beside, bare):
    good = bare.add(name(), tracking_url="https://example.org/job/17")
    page = open_task(beside, good)
    link = page.get_by_role("link", name="example.org/job/17")
    assert link.get_attribute("rel") == "noopener noreferrer"
    open_task(beside, bare.add(name(), tracking_url="javascript:window.hurt=1"))
    assert page.locator("a[href^=javascript]").count() == 0
    assert "Tracking" not in page.locator(".facts").first.inner_text()


def test_an_unknown_id_says_what_to_do(shown):
    page = shown.open("#/task?id=Nothing_like_this")
    shown.expect("main").to_contain_text("No task has this id")
    assert page.get_by_role("link", name="Look for it").get_attribute("href") == "#/tasks?q=Nothing"
    shown.open("#/task")
    shown.expect("main").to_contain_text("Which task?")


# ---- what may be done


def test_retry_is_the_next_step_and_happens_at_once(beside, bare):
    page = open_task(beside, failed(bare))
    page.locator("#because").get_by_role("button", name="Retry").click()
    beside.expect(".toast").to_contain_text("Retry: Step")
    beside.expect("#status").to_have_text("Ready")


def test_a_failure_can_be_forgiven(beside, bare):
    page = open_task(beside, failed(bare))
    page.get_by_role("button", name="Forgive").click()
    beside.expect("#status").to_have_text("Ready")


def test_marking_done_asks_first(beside, bare):
    task_id = failed(bare)
    bare.add(name(), deps=[task_id])
    page = open_task(beside, task_id)
    page.get_by_role("button", name="Mark done").click()
    beside.expect("dialog").to_contain_text("Mark this task done?")
    beside.expect("dialog").to_contain_text("The task that waits for it may start")
    page.get_by_role("button", name="Cancel").click()
    beside.expect("#status").to_have_text("Failed")
    page.get_by_role("button", name="Mark done").click()
    page.locator("dialog").get_by_role("button", name="Mark done").last.click()
    beside.expect("#status").to_have_text("Done")


def test_disabling_asks_and_can_be_undone(beside, bare):
    page = open_task(beside, bare.add(name()))
    beside.expect("#status").to_have_text("Ready")
    page.get_by_role("button", name="Disable").click()
    page.locator("dialog").get_by_role("button", name="Disable").last.click()
    beside.expect("#status").to_have_text("Disabled")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    beside.expect("#status").to_have_text("Ready")


def test_a_task_that_failed_too_often_can_be_enabled_or_failed_again(beside, bare):
    policy = {"retry_count": 1, "disable_hard_timeout": 86400, "disable_window": 86400}
    task_id = failed(bare, retry_policy_dict=policy)
    page = open_task(beside, task_id)
    beside.expect("#status").to_have_text("Disabled")
    page.get_by_role("button", name="Re-enable as failed").click()
    beside.expect("#status").to_have_text("Failed")
    bare.call("disable_task", task_id=task_id)
    beside.expect("#status").to_have_text("Disabled")
    page.locator("#because").get_by_role("button", name="Enable").click()
    beside.expect("#status").to_have_text("Ready")


def test_the_cause_can_be_retried_from_what_waits_for_it(beside, bare):
    cause = failed(bare)
    page = open_task(beside, bare.add(name(), deps=[cause]))
    beside.expect("#status").to_have_text("Upstream failed")
    page.get_by_role("button", name="Retry what failed").click()
    beside.expect("#status").not_to_have_text("Upstream failed")
    assert bare.call("task_detail", task_id=cause)["status"] == "PENDING"


def test_a_message_is_answered(shown, scheduler):
    page = open_task(shown, scheduler.id_of("family:Listening"))
    page.get_by_label("Message", exact=True).fill("hello there")
    page.get_by_role("button", name="Send").click()
    shown.expect(".sent li").to_contain_text("heard hello there")


def test_waiting_for_an_answer_ends_with_the_task(beside, bare):
    task_id = bare.start(name(), accepts_messages=True)
    bare.call("add_worker", worker="by-hand", info={})
    page = open_task(beside, task_id)
    page.get_by_label("Message", exact=True).fill("anybody there?")
    page.get_by_role("button", name="Send").click()
    beside.expect(".sent li").to_contain_text(re.compile("waiting for the answer|not delivered"))
    bare.call("mark_as_done", task_id=task_id)
    beside.expect(".sent li").to_contain_text("the task ended without an answer")


# ---- the log


def scroll_of(page):
    return page.locator(".log").evaluate("log => [log.scrollTop, log.scrollHeight - log.clientHeight]")


def test_a_log_is_followed_until_somebody_scrolls_up(beside, bare):
    task_id = bare.start(name())
    end = bare.write(task_id, "".join(f"2026-01-02 12:00:{n % 60:02} INFO: line {n}\n" for n in range(300)))
    page = open_task(beside, task_id)
    beside.expect(".logbar").to_contain_text("live, 300 lines")
    beside.expect(".log li:last-child").to_contain_text("line 299")
    follow = page.get_by_role("button", name="Follow")
    end = bare.write(task_id, "one more\n", end)
    beside.expect(".log li:last-child").to_contain_text("one more")
    at, last = scroll_of(page)
    assert abs(at - last) < 2
    page.locator(".log").evaluate("log => { log.scrollTop = 1000 }")
    beside.expect("button:text('Follow')").to_have_attribute("aria-pressed", "false")
    bare.write(task_id, "and another\n", end)
    beside.expect(".logbar").to_contain_text("302 lines")
    assert scroll_of(page)[0] == 1000
    follow.click()
    beside.expect(".log li:last-child").to_contain_text("and another")
    bare.call("mark_as_done", task_id=task_id)
    beside.expect(".logbar").to_contain_text("ended")


def test_a_log_is_searched_and_its_errors_are_found(beside, bare):
    task_id = bare.start(name())
    lines = [f"2026-01-02 12:00:00,{n:03} INFO: reading part {n}" for n in range(900)]
    lines[400] = f"2026-01-02 12:00:01 ERROR: gave up\n{TRACEBACK.rstrip()}"
    bare.write(task_id, "\n".join(lines) + "\n")
    page = open_task(beside, task_id)
    beside.expect(".logbar").to_contain_text("live, 908 lines")
    page.keyboard.press("/")
    page.keyboard.type("part 77")
    beside.expect(".hits").to_have_text("1 of 11")
    beside.expect(".log .here mark").to_have_text("part 77")
    page.keyboard.press("Enter")
    beside.expect(".hits").to_have_text("2 of 11")
    beside.expect(".log .here").to_contain_text("part 770")
    page.keyboard.press("Escape")
    beside.expect(".log mark").to_have_count(0)
    page.get_by_role("button", name="Error: go to the next one").click()
    beside.expect(".log li.e >> nth=0").to_contain_text("gave up")
    beside.expect(".log li.e >> nth=-1").to_contain_text("KeyError: 'Column not found: arr_delay'")


def test_a_hundred_thousand_lines_are_a_window_of_rows(beside, bare):
    task_id, at = bare.start(name()), 0
    for start in range(0, 100_000, 20_000):
        at = bare.write(task_id, "".join(f"INFO: number {n}\n" for n in range(start, start + 20_000)), at)
    page = open_task(beside, task_id)
    beside.expect(".logbar").to_contain_text("100,000 lines")
    beside.expect(".log li:last-child").to_contain_text("number 99999")
    page.locator(".log").evaluate("log => { log.scrollTop = 20 * 50000 }")
    beside.expect(".log").to_contain_text("number 50003")
    assert page.locator(".log li").count() < 100
    page.get_by_label("Find in log").fill("number 12345")
    beside.expect(".log .here").to_contain_text("number 12345")


def test_an_attempts_log_is_chosen_and_in_the_address(beside, bare):
    task_id = bare.start(family := name())
    bare.write(task_id, "first attempt\n")
    bare.end(task_id, family, "FAILED")
    bare.call("retry_task", task_id=task_id)
    bare.start(family)
    bare.write(task_id, "second attempt\n", attempt=2)
    page = open_task(beside, task_id)
    beside.expect(".log").to_contain_text("second attempt")
    page.locator(".logbar").get_by_role("button", name="Attempt 1").click()
    beside.expect(".log").to_contain_text("first attempt")
    assert page.url.endswith("attempt=1")
    page.reload()
    beside.expect(".log").to_contain_text("first attempt")


def test_a_log_that_is_not_there_says_why(beside, bare):
    page = open_task(beside, bare.add(name()))
    beside.expect(".logbar").to_contain_text("not captured")
    beside.expect(".lognote").to_contain_text("No log is kept of this task")
    assert page.get_by_role("button", name="Follow").is_disabled()


def test_an_attempt_whose_log_is_not_kept_leads_to_those_that_are(beside, bare):
    task_id = bare.start(name())
    bare.write(task_id, "all there is\n")
    page = beside.open(f"#/task?id={task_id}&attempt=7")
    beside.expect(".lognote").to_contain_text("No log is kept of attempt 7.")
    page.locator(".logbar").get_by_role("button", name="Attempt 1").click()
    beside.expect(".log").to_contain_text("all there is")


def test_a_hostile_task_only_says_what_it_says(beside, bare):
    task_id = bare.start(family := name(), params={"x": HOSTILE})
    bare.call(
        "announce_family",
        worker="by-hand",
        family=family,
        module="m",
        doc=f"{HOSTILE}\n\n.. raw:: html\n\n   {HOSTILE}\n\n`go <javascript:window.hurt=1>`_\n",
        parameters=[{"name": "x", "visibility": "public", "description": HOSTILE, "default": None}],
    )
    bare.write(
        task_id,
        f"{HOSTILE}\n\x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x07 \u202egnp.exe\n"
        "progress 1 %\rprogress 2 %\n",
    )
    bare.end(task_id, family, "FAILED", expl=TRACEBACK.replace("select", HOSTILE), params={"x": HOSTILE})
    page = open_task(beside, task_id)
    beside.expect("h1").to_contain_text(HOSTILE)
    beside.expect(".log").to_contain_text(HOSTILE)
    beside.expect(".log").to_contain_text("red  bell␇ \ufffdgnp.exe")
    beside.expect(".log").to_contain_text("progress 2 %")
    beside.expect(".doc").to_contain_text("window.hurt")
    assert "progress 1 %" not in page.locator(".log").inner_text()
    assert page.locator("main img, main script, a[href^=javascript]").count() == 0
    assert page.evaluate("window.hurt") is None


# ---- everywhere


@pytest.mark.parametrize(
    ("theme", "query"), [("light", "family:Listening"), ("dark", "family:DelaysByCarrier carrier:EV")]
)
def test_axe_finds_nothing_and_no_width_scrolls_sideways(browser, scheduler, theme, query):
    with shown_in(browser, scheduler.url, color_scheme=theme) as shown:
        page = open_task(shown, scheduler.id_of(query))
        shown.expect(".facts >> nth=0").to_be_visible()
        shown.expect(".logbar").to_contain_text(re.compile("line|captured"))
        assert shown.violations() == []
        for width in (390, 768, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_goes_back_to_the_list(shown, scheduler):
    page = open_task(shown, scheduler.id_of("family:Day number:3"))
    page.locator(".crumb a").last.click()
    page.wait_for_url("**#/tasks?q=family%3ADay", timeout=WAIT)
