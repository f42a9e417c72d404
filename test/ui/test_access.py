"""Nobody is shut out: axe on each page and dialog in both themes, and all widths without sideways scroll."""

from __future__ import annotations

import pytest

from test.ui.conftest import shown_in

VIEWS = ["overview", "tasks", "task", "graph", "timeline", "workers", "history"]
WIDTHS = {390: 844, 768: 1024, 1280: 800, 1920: 1080}


def address_of(view, scheduler):
    if view in ("task", "graph"):
        return f"#/{view}?id={scheduler.id_of('family:Report')}"
    return "#/tasks?rows=12" if view == "tasks" else f"#/{view}"  # more rows are more of the same


@pytest.fixture(scope="module", params=["light", "dark"])
def themed(browser, scheduler, request):
    with shown_in(browser, scheduler.url, color_scheme=request.param, reduced_motion="reduce") as shown:
        yield shown


@pytest.mark.parametrize("view", VIEWS)
def test_views_have_no_violation(themed, scheduler, view):
    themed.open(address_of(view, scheduler))
    assert themed.violations() == []


def test_palette_has_no_violation(themed):
    page = themed.open()
    page.keyboard.press("Control+k")
    page.keyboard.type("Delays")
    page.locator("[role=option]", has_text="DelaysByCarrier").first.wait_for()
    assert themed.violations() == []
    page.keyboard.press("Escape")


def test_dialogs_and_bars_have_no_violation(themed):
    page = themed.open("#/tasks?q=family:Queued")
    page.locator("#all").click()
    assert themed.violations() == []
    page.locator("[data-verb=Disable]").click()
    page.locator("dialog[open]").wait_for()
    assert themed.violations() == []
    page.locator("dialog button", has_text="Cancel").click()
    page.get_by_role("button", name="Query help").click()
    page.locator("dialog[open]").wait_for()
    assert themed.violations() == []
    page.keyboard.press("Escape")
    page.locator("#user").click()
    page.locator("#user-menu").wait_for()
    assert themed.violations() == []


def test_empty_and_wrong_queries_have_no_violation(themed):
    page = themed.open("#/tasks?q=carrier:ZZ")
    page.locator(".state").wait_for()
    assert themed.violations() == []
    page.locator("#q").fill("status:nosuch")
    page.locator(".bad").wait_for()
    assert themed.violations() == []


@pytest.fixture(scope="module", params=WIDTHS)
def sized(browser, scheduler, request):
    size = {"width": request.param, "height": WIDTHS[request.param]}
    with shown_in(browser, scheduler.url, viewport=size) as shown:
        yield shown


@pytest.mark.parametrize("view", VIEWS)
def test_no_page_scrolls_sideways(sized, scheduler, view):
    page = sized.open(address_of(view, scheduler))
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner


def test_navigation_is_at_hand(sized):
    page = sized.open()
    place = page.locator("#nav").bounding_box()
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    if width < 640:
        assert place["y"] + place["height"] == pytest.approx(height, abs=1)
    else:
        assert place["y"] < 10
    for link in page.locator("#nav a").all():
        box = link.bounding_box()
        assert box["width"] >= 24
        assert box["height"] >= 24
        assert 0 <= box["x"] <= width - box["width"]
