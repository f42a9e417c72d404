"""The pages of the task history, as a browser gets them."""

from __future__ import annotations

import html
import json
import re
import threading
from urllib.parse import quote, urljoin

import pytest
from luigi.scheduler import Scheduler

from luigi_clone import server
from test.history.conftest import run
from test.served import Served

HOSTILE = "<script>alert('x')</script>"
ODD = 'Größe/x "&?#%'


@pytest.fixture
def served(open_scheduler):
    scheduler = open_scheduler("sqlite://")
    run(scheduler, "A", n="1")
    run(scheduler, "B", n="2", status="FAILED")
    run(scheduler, "H", n=HOSTILE, family=HOSTILE)
    run(scheduler, ODD, n="3", family=ODD)
    with Served(scheduler) as one:
        yield one


def rows(text):
    """Return the texts of the cells of each row with cells."""
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        if cells:
            found.append([html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in cells])
    return found


PAGES = [
    "/history",
    "/history/by_name/F",
    "/history/by_id/1",
    "/history/by_task_id/A",
    "/history/by_params/F?data=%7B%22n%22:%221%22%7D",
    "/tasklist",
    "/tasklist/F",
    "/history/by_name/" + quote(ODD, safe=""),
    "/tasklist/" + quote(ODD, safe=""),
    "/history/by_task_id/" + quote(ODD, safe=""),
]


def test_lists(served):
    status, headers, text = served.ask("/history")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert "<title>Luigi History Viewer</title>" in text and "Luigi Task History" in text
    shown = [[row[0], row[1], row[3], row[4]] for row in rows(text)]
    assert shown == [
        [ODD, "h1", "DONE", "n=3"],
        [HOSTILE, "h1", "DONE", f"n={HOSTILE}"],
        ["F", "h1", "FAILED", "n=2"],
        ["F", "h1", "DONE", "n=1"],
    ]
    assert [row[4] for row in rows(served.ask("/history/by_name/F")[2])] == ["n=1", "n=2"]
    assert [row[0] for row in rows(served.ask(PAGES[7])[2])] == [ODD]
    data = quote(json.dumps({"n": "2"}))
    assert [row[4] for row in rows(served.ask(f"/history/by_params/F?data={data}")[2])] == ["n=2"]
    for nothing in ("/history/by_name/X", "/history/by_params/F?data=%7B%22n%22:%229%22%7D"):
        status, _, text = served.ask(nothing)
        assert (status, rows(text)) == (200, []) and "Nothing there" in text


def test_one_record(served):
    number = served.scheduler.task_history.find_task_by_task_id("B").id
    for page in (f"/history/by_id/{number}", "/history/by_task_id/B"):
        status, _, text = served.ask(page)
        assert status == 200
        shown = rows(text)
        assert shown[:4] == [[str(number)], ["F"], ["h1"], ['All "F" runs']]
        assert ["n", "2"] in shown
        assert [row[0] for row in shown if row[0] in ("PENDING", "RUNNING", "FAILED")] == [
            "FAILED",
            "RUNNING",
            "PENDING",
        ]


def test_the_families_and_their_runs(served):
    _, _, text = served.ask("/tasklist")
    assert {html.unescape(name) for name in re.findall(r"<li><a[^>]*>(.*?)</a>", text)} == {"F", HOSTILE, ODD}
    _, _, text = served.ask("/tasklist/F")
    assert [(row[1], row[4]) for row in rows(text)] == [("A", "DONE"), ("B", "FAILED")]
    lengths = [float(width) for width in re.findall(r'<rect class="\w+" width="([\d.]+)"', text)]
    assert max(lengths) == 1000 and len(lengths) == 2
    assert served.ask("/tasklist/")[0] == 200


def test_many_families_are_shown_page_by_page(open_scheduler, monkeypatch):
    from luigi_clone._web import history

    monkeypatch.setattr(history, "_NAMES", 3)
    scheduler = open_scheduler("sqlite://")
    for number in range(5):
        run(scheduler, f"T{number}", family=f"F{number}")
    with Served(scheduler) as one:
        _, _, first = one.ask("/tasklist")
        [more] = re.findall(r'href="(tasklist\?[^"]*)"', first)
        _, _, second = one.ask("/" + html.unescape(more))
    names = [re.findall(r"<li><a[^>]*>(.*?)</a>", page) for page in (first, second)]
    assert names == [["F0", "F1", "F2"], ["F3", "F4"]]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_works_behind_a_path_prefix(served, page):
    text = served.ask(page)[2]
    links = {html.unescape(link) for link in re.findall(r'(?:href|src)="([^"]*)"', text)}
    assert len(links) >= 3
    for link in links:
        target = urljoin("http://host/some/prefix" + page, link)
        assert target.startswith("http://host/some/prefix/"), (page, link)
        path = target.removeprefix("http://host/some/prefix")
        if not path.startswith("/static/"):
            assert served.ask(path)[0] == 200, (page, link)


@pytest.mark.parametrize("page", PAGES)
def test_pages_need_no_script_no_style_of_their_own_and_nothing_from_elsewhere(served, page):
    text = served.ask(page)[2]
    assert not re.search(r"<script|<style|\bstyle=|\bon\w+=|//", text.partition("<body>")[0])
    assert "<script" not in text and " style=" not in text and "http" not in text


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("/history/by_id/999", "no record with the number &#x27;999&#x27;"),
        ("/history/by_id/x", "no record with the number"),
        ("/history/by_id/99999999999999999999999", "no record with the number"),
        ("/history/by_id/%C2%B2", "no record with the number"),
        ("/history/by_task_id/%3Cb%3E", "knows no task &#x27;&lt;b&gt;&#x27;"),
    ],
)
def test_what_is_not_known_is_not_found(served, page, reason):
    status, _, text = served.ask(page)
    assert status == 404
    assert reason in text.replace("&#39;", "&#x27;")


def test_data_that_is_no_object(served, caplog):
    for data in ("x", "[1]", "1"):
        assert served.ask(f"/history/by_params/F?data={data}")[0] == 400


def test_without_a_history_the_pages_say_so():
    with Served(Scheduler()) as one:
        for page in PAGES:
            status, _, text = one.ask(page)
            assert status == 404 and "record_task_history" in text
        assert one.ask("/history/")[0] == 404


def test_a_slow_database_holds_up_nobody_else(served):
    history = served.scheduler.task_history
    answers = []
    with history._database._turns:  # somebody uses the only connection
        slow = threading.Thread(target=lambda: answers.append(served.ask("/history")[0]))
        slow.start()
        assert served.ask("/", "HEAD")[0] == 204
        assert not answers
    slow.join()
    assert answers == [200]


def test_names_that_others_use():
    for name in (
        "BaseTaskHistoryHandler",
        "AllRunHandler",
        "SelectedRunHandler",
        "RecentRunHandler",
        "ByNameHandler",
        "ByIdHandler",
        "ByTaskIdHandler",
        "ByParamsHandler",
    ):
        assert issubclass(getattr(server, name), server.BaseTaskHistoryHandler)
    with pytest.raises(AttributeError):
        server.NoSuchHandler


def test_times_of_the_history_as_seconds(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert server.from_utc("2026-01-02 03:04:05") == 1767290645
        assert server.from_utc("2026-01-02 03:04:05.5") == 1767290645
        assert server.from_utc("02.01.2026", "%d.%m.%Y") == 1767279600
        with pytest.raises(ValueError, match="No UTC format matches soon"):
            server.from_utc("soon")
    finally:
        monkeypatch.undo()
        time.tzset()
