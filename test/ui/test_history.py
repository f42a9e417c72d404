"""The history of tasks: what is kept in the database of runs."""

from __future__ import annotations

import re

from test.ui.conftest import shown_in


def run(bare, family, status="DONE", **params):
    task_id = bare.start(family, params=params)
    bare.end(task_id, family, status, params=params)
    return task_id


def kept(bare, n, **how):
    return bare.until("history_page", lambda page: page["total"] >= n, **how)


def test_runs_are_found_by_family_parameter_and_time(beside, bare):
    for day in ("01", "02", "03"):
        run(bare, "Kept", day=f"2013-06-{day}")
    kept(bare, 3, family="Kept")
    page = beside.open("#/history")
    page.get_by_label("Family", exact=True).fill("Kept")
    page.get_by_label("Parameter", exact=True).fill("day")
    page.get_by_label("Value", exact=True).fill("2013-06-02")
    page.get_by_role("button", name="Search").click()
    beside.expect("main tbody tr").to_have_count(1)
    beside.expect("main tbody tr").to_contain_text("2013-06-02")
    assert "family=Kept" in page.url and "value=2013-06-02" in page.url
    page.get_by_label("Value", exact=True).fill("")
    page.locator("#h-status").select_option("FAILED")
    beside.expect("main").to_contain_text("No run matches")
    page.locator(".state").get_by_role("button", name="Clear the search").click()
    page.get_by_label("Family", exact=True).fill("Kept")
    page.get_by_label("To", exact=True).fill("2001-01-01T00:00")
    page.get_by_role("button", name="Search").click()
    beside.expect("main").to_contain_text("No run matches")


def test_many_runs_are_turned_over_page_by_page(beside, bare):
    for number in range(60):
        run(bare, "Often", number=f"{number:03}")
    kept(bare, 60, family="Often")
    page = beside.open("#/history?family=Often")
    beside.expect(".foot").to_contain_text(re.compile("^1.50 of 60"))
    page.get_by_role("button", name="Older").click()
    beside.expect(".foot").to_contain_text(re.compile("^51.60 of 60"))
    assert page.get_by_role("button", name="Older").is_disabled()
    page.go_back()
    beside.expect(".foot").to_contain_text(re.compile("^1.50 of 60"))


def test_without_a_history_it_is_told_how_to_keep_one(shown):
    shown.open("#/history")
    shown.expect("main").to_contain_text("No history is kept")
    shown.expect(".conf").to_contain_text("record_task_history = true")
    assert shown.violations() == []


def test_axe_finds_nothing_and_no_width_scrolls_sideways(browser, bare):
    run(bare, "Seen", day="2013-06-01")
    kept(bare, 1, family="Seen")
    for theme in ("light", "dark"):
        with shown_in(browser, bare.url, color_scheme=theme) as shown:
            page = shown.open("#/history?family=Seen")
            shown.expect("main tbody tr").to_have_count(1)
            assert shown.violations() == []
            for width in (390, 768, 1920):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
