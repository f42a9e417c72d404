"""Workers and resources: what is shown, and what can be changed."""

from __future__ import annotations

CARD = "section.wk"


def test_workers_show_what_they_run_the_longest_first(shown):
    page = shown.open("#/workers")
    card = page.locator(CARD, has=page.locator("h2", has_text="etl-02"))
    text = card.inner_text()
    assert "Root Held" in text
    assert "62 %" in text
    assert card.locator("tbody tr").count() == 2
    assert (
        card.locator("[aria-label='Tracking page of Listening()']").get_attribute("href")
        == "https://example.org/job/17"
    )
    assert page.locator(CARD).first.locator("h2").inner_text() == "etl-02", "the busy one first"
    page.get_by_role("button", name="Newest first").click()
    assert "sort=newest" in page.url


def test_slots_are_changed_and_changed_back(shown, scheduler):
    page = shown.open("#/workers")

    def slots():
        return {one["name"]: one["workers"] for one in scheduler.call("worker_list")}["etl-02"]

    page.get_by_role("group", name="Slots of etl-02").get_by_role("button", name="One slot more").click()
    scheduler.until("worker_list", lambda rows: any(row["workers"] == 4 for row in rows))
    shown.expect("[aria-label='Slots of etl-02'] input").to_have_value("4")
    page.locator(".toast button").click()
    scheduler.until("worker_list", lambda rows: any(row["workers"] == 3 for row in rows))
    assert slots() == 3


def test_limits_are_edited_in_place_and_undone(shown, scheduler):
    def limit():
        return {one["name"]: one["num_total"] for one in scheduler.call("resource_list")}["noaa_api"]

    page = shown.open("#/workers?show=resources")
    field = page.locator("input[aria-label='Limit of noaa_api']")
    field.fill("12")
    field.press("Enter")
    shown.expect(".toast").to_contain_text("Limit of noaa_api: 3 → 12")
    assert limit() == 12
    page.locator(".toast button").click()
    shown.expect("input[aria-label='Limit of noaa_api']").to_have_value("3")
    shown.expect("[aria-label='noaa_api: 0 of 3 used']").to_be_attached()
    assert limit() == 3


def test_limit_that_is_none_is_not_taken(shown, scheduler):
    page = shown.open("#/workers")
    field = page.locator("input[aria-label='Limit of noaa_api']")
    field.fill("many")
    field.press("Enter")
    shown.expect("input[aria-label='Limit of noaa_api']").to_have_value("3")


def test_resources_tell_who_holds_them_and_who_waits(shown):
    page = shown.open("#/workers")
    row = page.locator("#resources li", has_text="db").first
    shown.expect("#resources li >> nth=0").to_contain_text("1 of 1 · full")
    assert "Listening holds it. 3 tasks wait." in row.inner_text()
    row.locator("a", has_text="3 tasks wait").click()
    shown.expect(".tasks tbody tr").to_have_count(3)


def test_messages_are_sent_and_answered(shown):
    page = shown.open("#/workers")
    page.get_by_role("button", name="Send a message to Listening()").click()
    page.locator("dialog textarea").fill("are you there?")
    page.locator("dialog button", has_text="Send").click()
    shown.expect("#messages").to_contain_text("heard are you there?")


def test_a_worker_is_disabled_after_a_question(shown, scheduler):
    scheduler.call("add_worker", worker="to-be-disabled", info={"workers": 2})
    page = shown.open("#/workers?worker=to-be-disabled")
    page.get_by_role("button", name="Disable to-be-disabled").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == "Disable to-be-disabled?"
    dialog.get_by_role("button", name="Disable worker").last.click()
    card = "section.wk[data-key='worker to-be-disabled']"
    shown.expect(f"{card} .st").to_contain_text("Disabled")
    [state] = [one["state"] for one in scheduler.call("worker_list") if one["name"] == "to-be-disabled"]
    assert state == "disabled"
