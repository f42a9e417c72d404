"""Texts that want to be run, wherever they come from: what leaves the server cannot be taken for markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from test.doors.servers import luigid
from test.web.following import following
from test.web.test_sessions import call

HOSTILE = (
    "<script>window.hurt = 1</script>",
    "\"><img src=x onerror='window.hurt = 1'>",
    "</script><svg onload=window.hurt=1>",
    "javascript:window.hurt=1",
    "\x1b]0;hurt\x07\x1b[31mred",
    "\u202egnp.exe\u2066",
    "line\r\nSet-Cookie: hurt=1\r\n\r\n<b>",
    "\u2028\u2029\x00\ufeff",
    "{{ 1 + 1 }} ${window.hurt} %s {0}",
    "../../../etc/passwd",
)
URLS = (
    *(
        "javascript:window.hurt=1",
        "JaVaScRiPt:window.hurt=1",
        " javascript:1",
        "data:text/html,<script>1</script>",
    ),
    *("vbscript:x", "//evil.example", "http:javascript:1", "java\nscript:1", "file:///etc/passwd"),
)


class Tags(HTMLParser):
    """Notes the tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with luigid(tmp_path_factory.mktemp("hostile"), "[scheduler]\nretry_delay=9999\n") as process:
        for number, text in enumerate(HOSTILE):
            told = {"task_id": f"{number} {text}", "worker": f"worker {text}", "family": f"F{text}"}
            told |= {"params": {text: text, "n": str(number)}, "resources": {f"r{text}": 1}}
            assert call(process, "add_task", told)[0] == 200
            assert (
                call(
                    process, "set_task_status_message", {"task_id": told["task_id"], "status_message": text}
                )[0]
                == 200
            )
            for status in ("PENDING", "FAILED"):
                ended = {"task_id": told["task_id"], "worker": told["worker"], "status": status, "expl": text}
                assert call(process, "add_task", ended)[0] == 200
        yield process


def ids():
    return [f"{number} {text}" for number, text in enumerate(HOSTILE)]


CALLS = {
    "task_page": {"query": "", "limit": 100},
    "overview": {},
    "worker_list": {},
    "resource_list": {},
    "task_list": {"status": "", "upstream_status": ""},
    "search_palette": {"text": "F"},
    "graph": {},
}


@pytest.mark.parametrize("name", CALLS)
def test_answers_are_json_in_which_no_markup_begins(running, name):
    status, headers, text = running.ask(
        "POST", f"/api/{name}", json.dumps(CALLS[name]), Content_Type="application/json"
    )
    assert status == 200 and headers["Content-Type"] == "application/json; charset=UTF-8"
    assert headers["X-Content-Type-Options"] == "nosniff" and "Set-Cookie" not in headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "</" not in text and text.isascii() and text.isprintable()
    json.loads(text)


@pytest.mark.parametrize("name", ["task_detail", "fetch_error", "explain_task", "task_graph", "task_log"])
def test_one_task_too(running, name):
    for task_id in ids():
        status, _, text = running.ask(
            "POST", f"/api/{name}", json.dumps({"task_id": task_id}), Content_Type="application/json"
        )
        assert status == 200, text
        assert "</" not in text and text.isascii() and text.isprintable()


def test_what_is_hostile_comes_back_as_it_was(running):
    rows = call(running, "task_page", {"query": "", "limit": 100})[2]["rows"]
    by_id = {row["id"]: row for row in rows}
    for task_id, text in zip(ids(), HOSTILE, strict=True):
        row = by_id[task_id]
        assert row["family"] == f"F{text}" and row["params"][text] == text and row["message"] == text


def test_news_are_one_line_each(running):
    with following(running.port, {"ids": ids()}) as page:
        rows = page.until("tasks")["rows"]
        assert [row["id"] for row in rows] == ids(), "no text has ended an event or begun another"


@pytest.mark.parametrize("url", URLS)
def test_only_addresses_of_the_web_become_links(running, url):
    told = {"task_id": "linked", "worker": "w", "family": "L", "tracking_url": url}
    assert call(running, "add_task", told)[0] == 200
    [row] = call(running, "task_page", {"query": "family:L"})[2]["rows"]
    assert row["tracking_url"] is None


@pytest.mark.parametrize("text", HOSTILE)
def test_reasons_of_refusals_have_no_markup(running, text):
    for name, arguments in (
        ("task_page", {"query": "", "sort": text}),
        ("add_task", {"task_id": "x", "worker": "w", "status": text}),
        ("sign_in", {"token": text}),
        ("stream", {"view": {"topics": [text]}}),
        ("history_page", {"status": text}),
    ):
        status, headers, page = running.ask(
            "POST", f"/api/{name}", json.dumps(arguments), Content_Type="application/json"
        )
        assert status == 400, name
        assert headers["Content-Type"].startswith("text/html") and "Set-Cookie" not in headers
        assert Tags(page).tags <= {"html", "title", "body", "p"}, page


def test_the_log_has_no_line_of_theirs(running):
    running.ask("GET", "/api/task_page?data=%0d%0ahurt%1b%5b31m")
    running.ask("GET", "/x%0d%0ahurt%1b[31m")
    assert "\x1b" not in running.log and "\nhurt" not in running.log
