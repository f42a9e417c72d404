"""Signing in: a wrong token, the right one, roles, and the way out."""

from __future__ import annotations

import re

import pytest

from test.doors.asking import ADMIN, READ
from test.doors.servers import luigid
from test.ui.conftest import PAGE, shown_in

CONFIG = f"[auth]\nread_tokens={READ}\nadmin_tokens={ADMIN}\n[scheduler]\npause_enabled=true\n"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with luigid(tmp_path_factory.mktemp("guarded"), CONFIG) as running:
        yield f"http://127.0.0.1:{running.port}"


def sign_in(page, token):
    page.locator("#tok").fill(token)
    page.get_by_role("button", name="Sign in").click()


def expected(shown):
    """Take it that the browser tells of the refusals that a sign-in begins with."""
    shown.trouble[:] = [one for one in shown.trouble if "401" not in one]


def test_token_leads_back_to_the_view_that_was_asked_for(browser, guarded):
    with shown_in(browser, guarded) as shown:
        page = shown.page
        page.goto(guarded + PAGE + "#/tasks?q=family%3AA")
        page.wait_for_url(re.compile("signin.html"))
        assert shown.violations() == []
        sign_in(page, "wrong")
        shown.expect("#tokerr").to_contain_text("not known")
        shown.expect("#tok").to_have_attribute("aria-invalid", "true")
        sign_in(page, ADMIN)
        page.wait_for_url(re.compile("index.html#/tasks[?]q=family%3AA$"))
        shown.ready()
        assert page.evaluate("document.cookie") == "", "scripts cannot read it"
        page.locator("#pause").click()
        page.get_by_role("dialog").get_by_role("button", name="Pause").last.click()
        shown.expect("#banner").to_contain_text("Paused")
        page.locator("#banner button").click()
        shown.expect("#banner").to_have_text("")
        page.locator("#user").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(re.compile("signin.html"))
        expected(shown)


def test_who_may_look_only_is_offered_nothing_else(browser, guarded):
    with shown_in(browser, guarded) as shown:
        page = shown.page
        page.goto(guarded + PAGE.replace("index", "signin"))
        sign_in(page, READ)
        page.wait_for_url(re.compile("index.html"))
        shown.open("#/tasks")
        assert page.locator("#pause").is_hidden()
        assert page.locator(".tasks .ck").count() == 0
        shown.open("#/workers")
        assert page.locator(".step").count() == 0
        expected(shown)


@pytest.mark.parametrize(
    "back", ["https://example.org/", "//example.org", "javascript:alert(1)", "../../api/pause"]
)
def test_sign_in_leads_nowhere_else(browser, guarded, back):
    with shown_in(browser, guarded) as shown:
        page = shown.page
        page.goto(guarded + PAGE.replace("index", "signin") + f"?back={back}")
        sign_in(page, READ)
        page.wait_for_url(re.compile(re.escape(guarded + PAGE)))
        shown.ready()
        expected(shown)
