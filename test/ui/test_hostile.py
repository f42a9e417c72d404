"""A page full of texts that want to be run: none is, on any view, and the browser has nothing to report."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from test.doors.servers import luigid
from test.ui.conftest import Scheduler, shown_in
from test.web.test_hostile_texts import HOSTILE

MARKER = "window.hurt"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A scheduler of which everything that others may tell is hostile; its last task needs all others."""
    with luigid(tmp_path_factory.mktemp("hostile"), "[scheduler]\nretry_delay=86400\n") as running:
        scheduler = Scheduler(running)
        for number, text in enumerate(HOSTILE):
            task = {"task_id": f"{number} {text}", "worker": f"worker {text}"}
            scheduler.call(
                "add_worker", worker=task["worker"], info={"workers": 1, text: text, "first_task": text}
            )
            told = {
                "family": f"F{text}",
                "params": {text: text},
                "resources": {f"r{text}": 1},
                "module": text,
            }
            scheduler.call("add_task", **task, **told, tracking_url=text)
            scheduler.call("update_resource", resource=f"r{text}", amount=2)
            if number % 2:
                scheduler.call("get_work", worker=task["worker"], host=text)
            scheduler.call("set_task_status_message", task_id=task["task_id"], status_message=text)
            announced = [{"name": text, "visibility": "public", "description": text, "default": text}]
            scheduler.call(
                "announce_family",
                worker=task["worker"],
                family=f"F{text}",
                module=text,
                doc=text,
                parameters=announced,
            )
            log = {"attempt": 1, "offset": 0, "text": f"{text}\n"}
            scheduler.call("append_task_log", **task, **log)
            if not number % 2:
                trace = f'Traceback (most recent call last):\n  File "{text}", line 1, in {text}\n'
                trace += f"    {text}\n{text}"
                scheduler.call("add_task", **task, status="FAILED", expl=trace)
        scheduler.call("add_task", task_id="All", worker="w", family="All", deps=ids())
        yield scheduler


def ids():
    return [f"{number} {text}" for number, text in enumerate(HOSTILE)]


VIEWS = [
    "#/overview",
    "#/tasks",
    "#/workers",
    "#/workers?show=resources",
    "#/timeline?range=1h",
    "#/graph?id=All",
]


def test_no_view_runs_what_it_shows(browser, hostile):
    with shown_in(browser, hostile.url) as shown:
        for view in VIEWS:
            shown.open(view)
            assert shown.page.evaluate(MARKER) is None, view
        assert "javascript:" not in str(shown.page.evaluate("[...document.links].map(a => a.protocol)"))


def test_no_page_of_a_task_does(browser, hostile):
    with shown_in(browser, hostile.url) as shown:
        for task_id in ids():
            page = shown.open(f"#/task?id={quote(task_id, safe='')}")
            assert page.evaluate(MARKER) is None, task_id
            protocols = page.evaluate("[...document.links].map(link => link.protocol)")
            assert set(protocols) <= {"http:", "https:"}, task_id


@pytest.mark.parametrize("text", HOSTILE[:2])
def test_no_address_does(browser, hostile, text):
    with shown_in(browser, hostile.url) as shown:
        for view in (
            "#/tasks?q={}",
            "#/workers?worker={}",
            "#/history?family={}",
            "#tab=tasks&search__search={}",
        ):
            page = shown.open(view.format(quote(text, safe="")))
            assert page.evaluate(MARKER) is None, view


@pytest.mark.parametrize(
    "back",
    [
        "javascript:window.hurt=1",
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "data:text/html,x",
    ],
)
def test_signing_in_leads_to_no_other_site(browser, hostile, back):
    with shown_in(browser, hostile.url) as shown:
        # without tokens there is nothing to sign in to, and the page goes on at once
        shown.page.goto(f"{hostile.url}/static/visualiser/signin.html?back={quote(back, safe='')}")
        shown.page.wait_for_url(f"{hostile.url}/static/visualiser/index.html*")
        assert shown.page.evaluate(MARKER) is None
