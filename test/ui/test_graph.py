"""The dependency graph: drawn, walked through by keys, folded, listed, saved."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import luigi_clone
from test.services import require_service
from test.ui.conftest import shown_in

DAGRE = Path(luigi_clone.__file__).parent / "static" / "vendor" / "dagre.esm.js"


def open_graph(shown, task_id, **more):
    require_service("the library that lays graphs out", DAGRE.exists(), "run bin/vendor")
    query = "".join(f"&{name}={value}" for name, value in more.items())
    page = shown.open(f"#/graph?id={task_id}{query}")
    shown.expect(".cover").to_be_hidden()
    return page


@pytest.fixture(scope="module")
def report(scheduler):
    return scheduler.id_of("family:Report")


@pytest.fixture(scope="module")
def wide(bare):
    """A task that needs two hundred, which need one."""
    first = bare.add("First", "DONE")
    parts = [
        bare.add("Part", "DONE" if n % 2 else "PENDING", params={"n": f"{n:03}"}, deps=[first])
        for n in range(200)
    ]
    return bare.add("Whole", deps=parts)


def focused(page):
    return page.locator(":focus").get_attribute("aria-label")


def test_what_a_task_needs_is_drawn_with_states_in_words(shown, report):
    page = open_graph(shown, report)
    labels = sorted(node.get_attribute("aria-label") for node in page.locator(".n").all())
    assert [label.partition(",")[2] for label in labels] == [
        " done",
        " failed",
        " failed",
        " upstream failed",
    ]
    assert labels[1].startswith("DelaysByCarrier EV")
    shown.expect("#side").to_contain_text("Report")
    shown.expect("#side .soft").to_contain_text("It waits for DelaysByCarrier")
    shown.expect(".facts.counts").to_contain_text("Upstream failed")
    assert page.locator(".e.hi").get_attribute("d").count("M") == 3  # the edges of the selected node
    assert page.locator("input#root").input_value() == "Report"


def test_what_needs_a_task_is_drawn_the_other_way(shown, scheduler):
    page = open_graph(shown, scheduler.id_of("family:DelaysByCarrier carrier:EV"))
    shown.expect(".n").to_have_count(1)
    page.get_by_role("button", name="What needs it").click()
    shown.expect(".n >> nth=1").to_be_visible()
    assert "direction=needed_by" in page.url
    assert any(
        "Report" in label
        for label in page.locator(".n").evaluate_all("all => all.map(n => n.getAttribute('aria-label'))")
    )


def test_keys_follow_edges_and_layers_and_open_the_task(shown, report):
    page = open_graph(shown, report)
    page.locator(".n[aria-current]").focus()
    assert focused(page).startswith("Report")
    page.keyboard.press("ArrowLeft")
    first = focused(page)
    assert not first.startswith("Report")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    top = focused(page)
    page.keyboard.press("ArrowDown")
    assert focused(page) not in (top, None) and not focused(page).startswith("Report")
    shown.expect("#side h2").to_have_text(focused(page).split(" ")[0].rstrip(","))
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("Report")
    page.keyboard.press("ArrowLeft")
    chosen = focused(page).split(" ")[0].rstrip(",")
    page.keyboard.press("Enter")
    shown.expect("h1").to_contain_text(chosen)


def view_of(page):
    return page.locator("svg.g > g").evaluate("world => world.getAttribute('transform')")


def test_the_view_is_moved_and_zoomed_by_pointer_wheel_and_keys(shown, report):
    page = open_graph(shown, report)
    whole = view_of(page)
    box = page.locator(".view").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 80, steps=4)
    page.mouse.up()
    shown.expect("svg.g > g").not_to_have_attribute("transform", whole)
    moved = view_of(page)
    page.mouse.wheel(0, -200)
    shown.expect("svg.g > g").not_to_have_attribute("transform", moved)
    page.locator(".n[aria-current]").focus()
    page.keyboard.press("0")
    shown.expect("svg.g > g").to_have_attribute("transform", whole)
    page.keyboard.press("+")
    shown.expect("svg.g > g").not_to_have_attribute("transform", whole)
    page.get_by_role("button", name="Show all").click()
    shown.expect("svg.g > g").to_have_attribute("transform", whole)


def test_many_tasks_are_folded_by_family_and_unfold(beside, wide):
    page = open_graph(beside, wide)
    beside.expect(".n.deck").to_have_attribute("aria-label", re.compile("^Part .200, ready$"))
    page.locator(".n.deck").click()
    beside.expect("#side").to_contain_text("100 ready, 100 done")
    page.get_by_role("button", name="Unfold 200 tasks").click()
    beside.expect(".facts.counts >> nth=0").to_be_visible()
    beside.expect(".n.deck").to_have_count(0)
    page.go_back()
    beside.expect(".n.deck").to_have_count(1)
    page.locator(".n.deck").focus()
    page.keyboard.press("Enter")
    beside.expect(".n.deck").to_have_count(0)
    page.get_by_role("button", name="By family").click()
    beside.expect(".n.deck").to_have_count(1)


def test_done_tasks_are_dimmed_or_hidden(beside, wide):
    page = open_graph(beside, wide, fold="none")
    side = page.locator("aside .card").last
    assert "202 tasks" in side.inner_text()
    page.get_by_label("Dim done").check()
    beside.expect(".lot.s-done.faded").to_have_count(1)
    page.get_by_label("Hide done").check()
    beside.expect("aside .card >> nth=-1").to_contain_text("101 tasks")
    assert "hide_done=1" in page.url


def test_only_what_is_in_view_is_there_as_elements(beside, wide):
    page = open_graph(beside, wide, fold="none")
    assert page.locator(".n").count() == 1  # from far, all but the selected one are a few paths
    for _ in range(9):
        page.get_by_role("button", name="Zoom in").click()
    beside.expect(".n >> nth=1").to_be_attached()
    assert page.locator(".n").count() < 150


def test_the_list_says_the_same(shown, report):
    page = open_graph(shown, report)
    page.get_by_role("button", name="List").click()
    rows = page.locator(".listbox tbody tr")
    shown.expect(".listbox tbody tr").to_have_count(4)
    assert "Upstream failed" in rows.last.inner_text() and "DelaysByCarrier EV" in rows.last.inner_text()
    page.get_by_role("link", name="Report").last.click()
    shown.expect("h1").to_contain_text("Report")


def test_a_state_that_changes_changes_in_place(beside, bare):
    needed = bare.start("Needed")
    page = open_graph(beside, bare.add("Needing", deps=[needed]))
    before = view_of(page)
    beside.expect(".n[data-id=Needed]").to_have_attribute("aria-label", "Needed, running")
    bare.end(needed, "Needed", "FAILED")
    beside.expect(".n[data-id=Needed]").to_have_attribute("aria-label", "Needed, failed")
    beside.expect(".n[data-id=Needing]").to_have_attribute("aria-label", "Needing, upstream failed")
    assert view_of(page) == before


def test_the_drawing_is_saved_as_a_file_that_needs_nothing_else(shown, report, tmp_path):
    page = open_graph(shown, report)
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG: save the drawing as a file").click()
    path = tmp_path / "graph.svg"
    saved.value.save_as(path)
    assert saved.value.suggested_filename == "graph-Report.svg"
    root = ElementTree.parse(path).getroot()
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "DelaysByCarrier" in texts and "Failed" in texts and "Done" in texts
    text = path.read_text(encoding="utf-8")
    assert "var(" not in text and "href" not in text and "light-dark" not in text


def test_a_hostile_name_is_only_a_name(beside, bare, tmp_path):
    hostile = "<img src=x onerror='window.hurt=1'>"
    needed = bare.add(hostile, params={"x": "</style><script>window.hurt=1</script>"}, task_id="Hostile_1")
    page = open_graph(beside, bare.add("Trusting", deps=[needed]))
    beside.expect(".n[data-id=Hostile_1] title").to_contain_text("window.hurt")
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG: save the drawing as a file").click()
    saved.value.save_as(tmp_path / "hostile.svg")
    tags = {node.tag.rpartition("}")[2] for node in ElementTree.parse(tmp_path / "hostile.svg").iter()}
    assert not tags & {"script", "img", "foreignObject", "a"}
    assert page.evaluate("window.hurt") is None


def test_another_task_is_chosen_by_a_part_of_its_name(shown, report):
    page = open_graph(shown, report)
    page.get_by_label("Task whose graph is shown").fill("Holidays")
    page.keyboard.press("Enter")
    shown.expect(".n[aria-label^=Calendar]").to_be_visible()


def test_an_unknown_task_and_none_at_all_say_what_to_do(shown):
    shown.open("#/graph?id=Nothing_at_all")
    shown.expect("main").to_contain_text("No task has this id")
    shown.open("#/graph")
    shown.expect("main").to_contain_text("Which task?")
    shown.expect("#root").to_be_focused()


def test_without_the_library_it_is_told_how_to_get_it(shown, report):
    shown.page.route("**/vendor/**", lambda route: route.fulfill(status=404))
    shown.open(f"#/graph?id={report}")
    shown.expect("main").to_contain_text("bin/vendor")
    assert all("404" in told for told in shown.trouble)
    shown.trouble.clear()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_no_width_scrolls_sideways(browser, scheduler, report, theme):
    with shown_in(browser, scheduler.url, color_scheme=theme) as shown:
        page = open_graph(shown, report, show="list" if theme == "dark" else "drawing")
        shown.expect("#side .soft").to_contain_text("waits")
        assert shown.violations() == []
        for width in (390, 768, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
