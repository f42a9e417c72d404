"""Signing in: from a page of the history, by a cookie, and back to it."""

from __future__ import annotations

from test.doors.asking import ADMIN
from test.doors.servers import luigid
from test.ui.conftest import shown_in


def test_who_is_led_to_sign_in_comes_back_to_where_he_was_and_may_act(browser, tmp_path):
    with luigid(tmp_path, f"[auth]\nadmin_tokens={ADMIN}\n") as running:
        url = f"http://127.0.0.1:{running.port}"
        with shown_in(browser, url) as shown:
            page = shown.page
            page.goto(f"{url}/history/by_name/F?x=1")
            page.wait_for_url(f"{url}/static/visualiser/signin.html?back=*")
            page.fill("#tok", "wrong-wrong-wrong")
            page.click("button[type=submit]")
            page.wait_for_selector("#tok[aria-invalid=true]")
            page.fill("#tok", ADMIN)
            page.click("button[type=submit]")
            page.wait_for_url(f"{url}/history/by_name/F?x=1")
            [cookie] = page.context.cookies()
            assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
            assert page.evaluate("document.cookie") == ""
            # a wrong token, and that no history is kept
            told = [line for line in shown.trouble if not line.startswith("console: Failed to load resource")]
            assert [line.split()[1] for line in told] == ["401", "404"]
            shown.trouble.clear()
            shown.open("#/overview")
            page.click("#pause")
            page.click("dialog button.primary")
            page.wait_for_selector("#pause[aria-label=Resume]")
