"""The overview: what needs somebody, first."""

from __future__ import annotations

import re

from test.doors.servers import luigid
from test.ui.conftest import Scheduler, shown_in


def test_groups_count_all_tasks(shown, scheduler):
    page = shown.open()
    told = scheduler.call("overview")
    names = ["Needs attention", "Moving", "Waiting", "Finished"]
    numbers = page.locator(".board .big > span").all_inner_texts()
    assert page.locator(".board h2").all_inner_texts() == names, "in this order"
    assert [int(number.replace(",", "")) for number in numbers] == list(told["groups"].values())
    assert sum(told["groups"].values()) == told["total"]


def test_families_that_hold_most_back_come_first(shown, scheduler):
    page = shown.open()
    held = [int(text) for text in page.locator(".attn tbody td:nth-child(3)").all_inner_texts()]
    assert held == sorted(held, reverse=True)
    row = page.locator(".attn tbody tr", has_text="DelaysByCarrier")
    assert "KeyError: 'arr_delay'" in row.inner_text()
    row.get_by_role("link").click()
    shown.expect("#q").to_have_value("family:DelaysByCarrier status:failed")
    shown.expect(".tasks tbody tr").to_have_count(2)


def test_throughput_workers_and_resources(shown, scheduler):
    page = shown.open()
    chart = page.locator(".chart").get_attribute("aria-label")
    assert re.search(r"\d+ done, \d+ failed", chart)
    workers = page.locator("#workers li", has_text="etl-02").inner_text()
    assert "2/3" in workers
    shown.expect("#resources").to_contain_text("3 tasks wait for db")


def test_retry_of_a_family_asks_when_it_is_of_many(shown):
    page = shown.open()
    page.get_by_role("button", name="Retry 2 of DelaysByCarrier").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == "Retry 2 tasks?"
    assert "2 DelaysByCarrier" in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel").click()


def test_new_scheduler_tells_what_to_do(browser, tmp_path):
    with luigid(tmp_path) as running, shown_in(browser, f"http://127.0.0.1:{running.port}") as shown:
        page = shown.open()
        shown.expect(".state strong").to_have_text("Nothing here yet")
        assert f"--scheduler-port {running.port}" in page.locator(".state pre").inner_text()
        shown.open("#/tasks")
        shown.expect(".state strong").to_have_text("No task yet")
        shown.open("#/workers")
        shown.expect(".state strong").to_have_text("No worker")
        assert shown.violations() == []
        Scheduler(running).call("add_task", worker="w", task_id="A_1", family="A", params={"x": "1"})
        shown.expect(".wk h2").to_have_text("w")
