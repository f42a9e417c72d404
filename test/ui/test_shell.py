"""What stands around each view: navigation, keys, palette, theme, pause, lost contact, meters."""

from __future__ import annotations

import re

import pytest

from test.doors.servers import luigid
from test.ui.conftest import Scheduler, shown_in

LIMIT = "input[aria-label='Limit of noaa_api']"
VIEWS = ["overview", "tasks", "graph", "timeline", "workers", "history"]


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_its_title_and_one_heading(shown, view):
    page = shown.open(f"#/{view}")
    assert page.title().lower().startswith(view)
    assert page.locator("h1").count() == 1
    assert page.locator("nav [aria-current=page]").count() == 1
    for landmark in ("header", "nav", "aside", "main"):
        assert page.locator(landmark).first.is_visible(), landmark


def test_meters_count_everything_on_every_page(shown, scheduler):
    page = shown.open("#/workers")
    told = scheduler.call("overview")
    text = page.locator("#meters").inner_text()
    assert re.search(rf"\b{told['groups']['attention']}\s*need attention", text)
    assert re.search(rf"\b{told['groups']['finished']}\s*of {told['total']} done", text)
    assert "1/1 full" in text
    page.locator("#meters a", has_text="need attention").click()
    shown.expect("#q").to_have_value("is:attention")


def test_address_that_leads_nowhere_shows_the_overview(shown):
    page = shown.open("#/nosuch")
    shown.expect("h1").to_have_text("Overview")
    assert page.title().startswith("Overview")


def test_chords_go_from_view_to_view(shown):
    page = shown.open("#/overview")
    for key, view in {"t": "Tasks", "w": "Workers", "o": "Overview"}.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        shown.expect("h1").to_have_text(view)


def test_single_letters_can_be_switched_off(browser, scheduler):
    with shown_in(browser, scheduler.url) as shown:
        page = shown.open("#/overview")
        page.locator("#user").click()
        page.get_by_label("Single-letter keys").uncheck()
        page.keyboard.press("Escape")
        page.locator("h1").click()
        page.keyboard.press("g")
        page.keyboard.press("t")
        page.keyboard.press("/")
        assert page.locator("dialog").count() == 0
        shown.expect("h1").to_have_text("Overview")
        page.keyboard.press("Control+k")
        assert page.locator("dialog.palette").is_visible(), "this one is no single letter"


def test_letters_typed_into_a_field_are_text(shown):
    page = shown.open("#/tasks")
    page.locator("#q").click()
    page.keyboard.type("gw")
    assert page.locator("#q").input_value() == "gw"
    shown.expect("h1").to_have_text("Tasks")


def test_palette_finds_tasks_families_and_workers(shown):
    page = shown.open("#/overview")
    page.keyboard.press("Control+k")
    page.keyboard.type("DelaysBy")
    options = page.get_by_role("option")
    shown.expect("[role=option] >> nth=0").to_contain_text("DelaysByCarrier")
    assert any("Family" in text for text in options.all_inner_texts())
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#/task[?]id=DelaysByCarrier"))
    page.keyboard.press("Control+k")
    page.keyboard.type("etl-02")
    shown.expect("[role=option] >> nth=0").to_contain_text("etl-02")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#/workers[?]worker=etl-02"))


def test_theme_goes_round_and_is_kept(browser, scheduler):
    with shown_in(browser, scheduler.url, color_scheme="light") as shown:
        page = shown.open()
        grounds = []
        for chosen in ("light", "dark"):
            page.locator("#theme").click()
            shown.expect("#theme").to_have_attribute("aria-label", f"Theme: {chosen}. Change theme")
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert grounds == ["rgb(246, 246, 244)", "rgb(13, 14, 16)"]
        page.reload()
        shown.ready()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.locator("#theme").click()
        assert page.evaluate("document.documentElement.dataset.theme") is None


def test_pause_asks_first_and_can_be_undone(shown, scheduler):
    page = shown.open()
    page.locator("#pause").click()
    dialog = page.get_by_role("dialog")
    assert "running tasks finish" in dialog.inner_text()
    dialog.get_by_role("button", name="Pause").last.click()
    shown.expect("#banner").to_contain_text("no task starts")
    assert scheduler.call("is_paused")["paused"]
    page.locator(".toast button", has_text="Undo").click()
    shown.expect("#banner").to_have_text("")
    assert not scheduler.call("is_paused")["paused"]


def test_pause_by_somebody_else_is_shown(shown, scheduler):
    page = shown.open("#/workers")
    scheduler.call("pause")
    try:
        shown.expect("#banner").to_contain_text("Paused")
        page.locator("#banner button", has_text="Resume").click()
        shown.expect("#banner").to_have_text("")
    finally:
        scheduler.call("unpause")


def test_lost_contact_is_told_and_mended(browser, tmp_path):
    config = "[scheduler]\npause_enabled = true\n"
    with luigid(tmp_path, config) as first:
        port = first.port
        Scheduler(first).call("add_task", worker="w", task_id="A_1", family="A", params={}, status="FAILED")
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/static/visualiser/index.html#/tasks")
        page.wait_for_selector("#live[data-state=on]")
        page.wait_for_selector("tr[data-id]")
    page.wait_for_selector("#live[data-state=off]")
    assert re.search(
        r"No contact with the scheduler since \d\d:\d\d:\d\d", page.locator("#banner").inner_text()
    )
    assert page.locator("button[title='No contact with the scheduler']").first.is_disabled()
    assert page.locator("tr[data-id]").count() == 1, "what was shown stays"
    with luigid(tmp_path, config, "--port", str(port)) as again:
        again.port = port
        Scheduler(again).call("add_task", worker="w", task_id="B_1", family="B", params={}, status="FAILED")
        if page.locator("#banner button").is_visible():
            page.locator("#banner button").click()
        page.wait_for_selector("#live[data-state=on]", timeout=40_000)
        page.wait_for_selector("tr[data-id=B_1]")
        assert "1 change caught up" in page.locator(".toast").inner_text()
        assert page.locator("#banner").inner_text() == ""
        context.close()


def test_a_hidden_page_gives_its_connection_back_and_catches_up_when_it_is_looked_at(shown, scheduler):
    page = shown.page
    page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => window.isAway === true })")
    page.clock.install()
    shown.open("#/workers")
    shown.expect(LIMIT).to_have_value("3")
    with page.expect_event("requestfailed", lambda request: "api/stream" in request.url):
        _look(page, away=True)
        page.clock.fast_forward(21_000)
    scheduler.call("update_resource", resource="noaa_api", amount=7)
    try:
        with page.expect_request("**/api/stream*"):
            _look(page, away=False)
        shown.expect(LIMIT).to_have_value("7")
        shown.expect("#live[data-state=on]").to_be_attached()
        assert page.locator(".toast").count() == 0
    finally:
        scheduler.call("update_resource", resource="noaa_api", amount=3)


def _look(page, *, away):
    page.evaluate(
        "away => { window.isAway = away; document.dispatchEvent(new Event('visibilitychange')); }", away
    )


def test_nobody_is_signed_out_where_nobody_signs_in(shown):
    page = shown.open()
    page.locator("#user").click()
    menu = page.locator("#user-menu")
    assert menu.get_by_role("button", name="Sign out").count() == 0
    assert "Single-letter keys" in menu.inner_text()


def test_skip_link_leads_to_the_content(shown):
    page = shown.open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.endswith("#/overview")
