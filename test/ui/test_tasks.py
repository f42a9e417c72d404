"""The list of tasks: query, chips, pages, order, selection, what is done to tasks, and news."""

from __future__ import annotations

import re

from test.ui.conftest import DAYS

ROWS = ".tasks tbody tr"


def query_of(page):
    return page.locator("#q").input_value()


def range_of(first, last):
    return f"{first}\u2013{last} of {DAYS}"


def test_every_state_is_counted_and_told_with_its_reason(shown, scheduler):
    page = shown.open("#/tasks")
    counts = scheduler.call("task_page")["counts"]
    for chip in page.locator(".chip").all():
        word, number = re.fullmatch(r"(.+) ([\d,]+)", chip.text_content()).groups()
        key = re.search(r"s-(\w+)", chip.get_attribute("class")).group(1)
        assert int(number.replace(",", "")) == counts[key], word
    row = page.locator(ROWS, has_text="Report").first
    assert "waits for DelaysByCarrier" in row.locator(".c-wh").inner_text()
    assert "KeyError: 'arr_delay'" in page.locator(ROWS).first.locator(".c-wh").inner_text()
    running = page.locator(ROWS, has=page.locator("a", has_text=re.compile("^Listening$")))
    assert running.locator(".c-wh").inner_text() == "62 % · 524 of 842 flights parsed"
    assert running.locator(".c-wk").inner_text() == "etl-02"


def test_private_parameters_are_nowhere(shown):
    page = shown.open("#/tasks?q=family:Secretive")
    shown.expect(ROWS).to_have_count(1)
    text = page.locator("body").inner_text()
    assert "public-value" in text
    assert "private-value" not in page.content()


def test_chips_write_the_query_and_the_query_is_in_the_address(shown):
    page = shown.open("#/tasks?q=family:Day")
    page.locator(".chip", has_text="Done").click()
    shown.expect("#reads b").to_contain_text("Done")
    assert query_of(page) == "status:done family:Day"
    page.locator(".chip.s-failed").click()
    assert query_of(page) == "status:failed,done family:Day"
    assert "q=status%3Afailed%2Cdone+family%3ADay" in page.url
    page.go_back()
    shown.expect("#q").to_have_value("status:done family:Day")
    shown.expect(".chip.s-failed").to_have_attribute("aria-pressed", "false")
    shown.expect(".chip.s-done").to_have_attribute("aria-pressed", "true")


def test_what_is_typed_filters(shown):
    page = shown.open("#/tasks")
    page.keyboard.press("/")
    page.keyboard.type("status:failed carrier:EV")
    shown.expect(ROWS).to_have_count(1)
    shown.expect("#reads").to_contain_text("Reads as")
    assert "1 of" in page.locator(".title .sub").inner_text()
    page.locator("[aria-label='Clear the filter']").click()
    shown.expect(ROWS).to_have_count(50)


def test_term_that_is_not_understood_is_underlined_where_it_stands(shown):
    page = shown.open("#/tasks")
    page.locator("#q").fill("family:Day status:nosuch")
    shown.expect("#reads .bad").to_be_visible()
    assert "nosuch" in page.locator("#reads").inner_text()
    assert "nosuch" in page.locator(".under u").inner_text()
    shown.expect("#q").to_have_attribute("aria-invalid", "true")
    assert page.locator(ROWS).count() == 50, "what was there stays"


def test_nothing_matches(shown):
    page = shown.open("#/tasks?q=carrier:ZZ")
    shown.expect(".state strong").to_have_text("No task matches")
    page.locator(".state button").click()
    shown.expect(ROWS).to_have_count(50)


def test_pages(shown, scheduler):
    page = shown.open("#/tasks?q=family:Day&sort=family")
    shown.expect(".pager").to_have_text(range_of(1, 50))
    page.get_by_role("button", name="Next").click()
    shown.expect(".pager").to_have_text(range_of(51, DAYS))
    shown.expect(ROWS).to_have_count(DAYS - 50)
    assert "page=2" in page.url
    page.locator("select").select_option("100")
    shown.expect(ROWS).to_have_count(DAYS)
    page.goto(page.url.split("#")[0] + "#/tasks?q=family:Day&page=9")
    shown.expect(".pager").to_have_text(range_of(51, DAYS))


def test_order_by_the_header(shown):
    page = shown.open("#/tasks?q=family:Queued,Day")
    page.get_by_role("button", name="Prio").click()
    shown.expect("th.c-pr").to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Task", exact=True).click()
    shown.expect("th.c-ta").to_have_attribute("aria-sort", "ascending")
    shown.expect(f"{ROWS} .fam >> nth=0").to_have_text("Day")
    page.get_by_role("button", name="Task", exact=True).click()
    shown.expect("th.c-ta").to_have_attribute("aria-sort", "descending")
    shown.expect(f"{ROWS} .fam >> nth=0").to_have_text("Queued")
    assert "sort=family&desc=1" in page.url


def test_selection_by_range_page_and_query(shown):
    page = shown.open("#/tasks?q=family:Day")
    boxes = page.locator(f"{ROWS} .ck")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    shown.expect(".sel").to_have_text("4 selected")
    assert page.locator(f"{ROWS}[aria-selected=true]").count() == 4
    page.locator("#all").click()
    shown.expect(".sel").to_have_text("50 selected")
    page.get_by_role("button", name=f"Select all {DAYS}").click()
    shown.expect(".sel").to_have_text(f"{DAYS} selected")
    page.keyboard.press("Escape")
    shown.expect(".bulk").to_be_hidden()


def test_keys_move_select_and_open(shown):
    page = shown.open("#/tasks?q=family:DelaysByCarrier")
    shown.expect(ROWS).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    shown.expect(".sel").to_have_text("1 selected")
    assert page.locator("tr.cursor").get_attribute("aria-selected") == "true"
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#/task[?]id=DelaysByCarrier"))


def test_many_are_asked_for_by_families_and_disabling_is_undone(shown, scheduler):
    page = shown.open("#/tasks?q=family:Queued")
    shown.expect(ROWS).to_have_count(3)
    page.locator("#all").click()
    page.locator("[data-verb=Disable]").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == "Disable 3 tasks?"
    assert "3 Queued" in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel").click()
    assert scheduler.call("task_page", query="family:Queued status:disabled")["total"] == 0
    page.locator("[data-verb=Disable]").click()
    dialog.get_by_role("button", name="Disable 3").click()
    shown.expect(".toast").to_contain_text("3 tasks are disabled.")
    shown.expect(f"{ROWS} .c-st >> nth=0").to_have_text("Disabled")  # in place, by the stream
    scheduler.until("task_page", lambda found: found["total"] == 3, query="family:Queued status:disabled")
    page.locator(".toast button").click()
    shown.expect(f"{ROWS} .c-st >> nth=0").to_have_text("Ready")
    scheduler.until("task_page", lambda found: found["total"] == 3, query="family:Queued status:ready")


def test_verbs_that_make_no_sense_are_not_offered(shown):
    page = shown.open("#/tasks?q=family:Queued")
    page.locator(f"{ROWS} .ck").first.click()
    for verb, enabled in {"Retry": False, "Forgive": False, "Disable": True, "Enable": False}.items():
        assert page.locator(f"[data-verb='{verb}']").is_enabled() == enabled, verb


def test_news_change_rows_in_place_and_offer_what_would_move(shown, scheduler):
    page = shown.open("#/tasks?q=status:ready")
    shown.expect(ROWS).to_have_count(3)
    before = page.locator(f"{ROWS} .fam").all_inner_texts()
    [first, *_] = scheduler.call("task_ids", query="family:Queued number:0")["ids"]
    try:
        scheduler.call("disable_task", task_id=first)
        shown.expect(f"{ROWS}[data-id='{first}'] .c-st").to_have_text("Disabled")
        assert page.locator(f"{ROWS} .fam").all_inner_texts() == before, "a row that fits no more stays"
    finally:
        scheduler.call("enable_task", task_id=first)
    shown.expect(f"{ROWS}[data-id='{first}'] .c-st").to_have_text("Ready")


def test_changes_elsewhere_are_offered(shown, scheduler):
    page = shown.open("#/tasks?q=family:Day,Queued&sort=family")
    ids = scheduler.call("task_ids", query="family:Queued")["ids"]
    scheduler.call("disable_task", task_id=ids)
    try:
        shown.expect(".newrows").to_have_text(re.compile(r"\d+ tasks? changed, show"))
        page.locator(".newrows").click()
        shown.expect(".newrows").to_be_hidden()
    finally:
        scheduler.call("enable_task", task_id=ids)


def test_retry_of_one_acts_at_once(shown, scheduler):
    page = shown.open("#/tasks?q=family:Flaky")
    [before] = scheduler.call("task_page", query="family:Flaky")["rows"]
    page.get_by_role("button", name="Retry Flaky").click()
    shown.expect(".toast").to_have_text("Retry: Flaky")
    shown.expect(f"{ROWS} .c-st").not_to_have_text("Disabled")
    scheduler.call("disable_task", task_id=before["id"])
    shown.expect(f"{ROWS} .c-st").to_have_text("Disabled")


def test_help_tells_the_language_by_examples_that_are_understood(shown, scheduler):
    page = shown.open("#/tasks")
    page.get_by_role("button", name="Query help").click()
    terms = page.locator("dialog dt").all_inner_texts()
    assert len(terms) >= 8
    for term in terms:
        error = scheduler.call("task_page", query=term)["error"]
        # a parameter that no task has here may be told as unknown; nothing else may
        assert error is None or "parameter" in error["text"] or "date" in term, (term, error)
