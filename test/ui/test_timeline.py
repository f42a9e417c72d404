"""The timeline: what ran when, by worker, by family, as a table."""

from __future__ import annotations

import re

import pytest

from test.ui.conftest import shown_in

LISTENING = ".att.s-running[aria-label^=Listening]"


def test_each_worker_has_a_lane_with_its_attempts(shown, scheduler):
    page = shown.open("#/timeline")
    lanes = page.locator(".lane header b")
    shown.expect(".lane >> nth=1").to_be_visible()
    assert lanes.all_inner_texts() == ["etl-01", "etl-02"]
    shown.expect(".lane >> nth=0").to_contain_text(re.compile("busy|running|gone"))
    # a run that its worker told of again has not ended by that
    runs = [one for one in scheduler.call("attempts") if one["end"] is None or "RUNNING" not in one["status"]]
    shown.expect(".att").to_have_count(len(runs))
    failed = page.locator(".att.s-failed").first
    assert "repeating-linear-gradient" in failed.evaluate("bar => getComputedStyle(bar).backgroundImage")
    shown.expect(".gaxis .nowtag").to_have_text(re.compile(r"\d\d:\d\d:\d\d"))


def test_what_runs_is_open_and_grows_up_to_now(shown):
    page = shown.open("#/timeline?range=15m")
    bar = page.locator(LISTENING)
    shown.expect(LISTENING).to_have_attribute("aria-label", re.compile("^Listening.*, running, for "))
    now = page.locator(".vline.now")
    end, line = (at.evaluate("node => node.getBoundingClientRect().right") for at in (bar, now))
    assert abs(end - line) < 6
    before = page.locator(".nowtag").inner_text()
    shown.expect(".nowtag").not_to_have_text(before)


def test_a_bar_tells_more_under_the_pointer_and_in_the_focus(shown, scheduler):
    page = shown.open("#/timeline")
    bar = page.locator(LISTENING)
    bar.hover()
    shown.expect(".pop").to_contain_text("Listening")
    shown.expect(".pop").to_contain_text("on etl-02")
    page.locator("h1").hover()
    shown.expect(".pop").to_have_count(0)
    page.locator(".lane").first.locator(".att").first.focus()
    page.keyboard.press("ArrowRight")
    shown.expect(".pop").to_contain_text("on etl-01")
    first = page.locator(":focus").get_attribute("data-key")
    page.keyboard.press("ArrowRight")
    assert page.locator(":focus").get_attribute("data-key") != first
    bar.focus()
    page.keyboard.press("Enter")
    shown.expect("h1").to_contain_text("Listening")


def test_lanes_by_family_and_the_table(shown, scheduler):
    page = shown.open("#/timeline")
    page.get_by_role("button", name="By family").click()
    shown.expect(".lane header >> text=DelaysByCarrier").to_be_visible()
    assert "by=family" in page.url
    page.get_by_role("button", name="As a table").click()
    shown.expect("tbody tr >> text=Listening").to_be_visible()
    assert page.locator("main section.card tbody tr").first.inner_text().startswith(("Running", "In batch"))
    page.go_back()
    shown.expect(".lane header >> text=DelaysByCarrier").to_be_visible()


def test_families_are_told_with_their_usual_durations(shown, scheduler):
    shown.open("#/timeline")
    shown.expect(".tlfam").to_contain_text("attempts of the last hour")
    row = ".tlfam tr:has-text('DelaysByCarrier')"
    shown.expect(f"{row} >> .st.s-failed").to_have_text("2")
    shown.expect(".tlfam tr:has-text('Day') >> .pbar >> nth=0").to_have_attribute(
        "aria-label", re.compile("median")
    )


def test_a_range_of_ones_own(shown):
    page = shown.open("#/timeline")
    page.get_by_role("button", name="From … to").click()
    page.get_by_label("From", exact=True).fill("2001-02-03T10:00")
    page.get_by_label("to", exact=True).fill("2001-02-03T09:00")
    page.get_by_role("button", name="Show", exact=True).click()
    shown.expect(".own .bad").to_have_text("The end has to be after the beginning.")
    page.get_by_label("to", exact=True).fill("2001-02-03T11:00")
    page.get_by_role("button", name="Show", exact=True).click()
    shown.expect("main").to_contain_text("Nothing ran in this range")
    shown.expect("label:has-text('Follow now')").to_be_hidden()
    page.reload()
    shown.expect("main").to_contain_text("Nothing ran in this range")
    page.get_by_role("button", name="1 hour").click()
    shown.expect(".lane >> nth=0").to_be_visible()


def test_a_new_attempt_comes_in_while_one_looks_on(beside, bare):
    beside.open("#/timeline")
    task_id = bare.start("Appearing")
    beside.expect(".att.s-running[aria-label^=Appearing]").to_be_visible()
    bare.end(task_id, "Appearing")
    beside.expect(".att.s-done[aria-label^=Appearing]").to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_no_width_scrolls_sideways(browser, scheduler, theme):
    with shown_in(browser, scheduler.url, color_scheme=theme) as shown:
        page = shown.open("#/timeline")
        shown.expect(".tlfam").to_be_visible()
        assert shown.violations() == []
        for width in (390, 768, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
