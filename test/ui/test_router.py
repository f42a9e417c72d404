"""Addresses: what Luigi's page wrote leads to the same view here."""

from __future__ import annotations

TRANSLATE = "olds => import('./js/router.js').then(router => olds.map(router.translateOld))"

CASES = {
    "#tab=tasks&family=Day&statuses=%5B%22DONE%22%5D": "#/tasks?q=status%3Adone+family%3ADay",
    "#statuses=%5B%22FAILED%22%2C%22UPSTREAM_FAILED%22%5D&order=4,desc": (
        "#/tasks?q=status%3Afailed%2Cupfailed&sort=updated&desc=1"
    ),
    "#search__search=EV&length=25&filterOnServer=1": "#/tasks?q=EV&rows=25",
    "#search__search=a%20b%3A1": "#/tasks?q=a+%22b%3A1%22",
    "#tab=workers": "#/workers",
    "#tab=resources&resources=%5B%22db%22%5D": "#/workers?show=resources",
    "#tab=resource": "#/workers?show=resources",
    "#tab=graph&taskId=Report__9&hideDone=1": "#/graph?id=Report__9&hide_done=1",
    "#tab=graph&taskId=Day_1&invert=1&visType=d3": "#/graph?id=Day_1&direction=needed_by",
    "#taskId=Day_1": "#/graph?id=Day_1",
    "#statuses=not%20json": "#/tasks",
    "#/tasks?q=family%3ADay": None,
    "#main": None,
    "": None,
}


def test_translation(shown):
    page = shown.open("#/workers")
    assert page.evaluate(TRANSLATE, list(CASES)) == list(CASES.values())


def test_bookmark_of_luigis_page_opens(shown):
    page = shown.open("#tab=tasks&family=Queued&length=100")
    assert page.url.endswith("#/tasks?q=family%3AQueued&rows=100")
    shown.expect(".tasks tbody tr").to_have_count(3)
