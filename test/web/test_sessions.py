"""Signing in on the page: sessions, their cookies, and what goes wrong."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from luigi_clone._web.doors.sessions import LIFETIME, Sessions
from luigi_clone._wire.roles import Role
from test.doors.asking import ADMIN, READ, WORKER, asking, doors, with_tokens
from test.doors.servers import luigid

TOKENS = f"[auth]\nread_tokens={READ}\nworker_tokens={WORKER}\nadmin_tokens={ADMIN}\n"
BROWSER = {"Accept_Language": "en", "User_Agent": "Mozilla/5.0", "Accept": "*/*"}


def call(running, name, arguments=None, **headers):
    """Make a call as the page does; return status, headers and what is under "response" (or the text)."""
    body = None if arguments is None else json.dumps(arguments)
    named = {"Content_Type": "application/json", **headers} if body else headers
    status, told, text = running.ask("POST" if body else "GET", f"/api/{name}", body, **named)
    return status, told, json.loads(text)["response"] if status == 200 else text


def sign_in(running, token, **headers):
    """Sign in; return the cookie and the CSRF token."""
    status, told, _ = call(running, "sign_in", {"token": token}, **headers)
    assert status == 200
    cookie = told["Set-Cookie"].partition(";")[0]
    return cookie, call(running, "session", Cookie=cookie)[2]["csrf"]


# -- what a cookie stands for ----------------------------------------------------------------


def test_a_session_ends_after_thirty_days():
    sessions = Sessions()
    cookie = sessions.begin(Role.READ, 0.0)
    request = asking(Cookie=f"other=1; luigi_session={cookie}")
    assert sessions.of(request, LIFETIME - 1).role is Role.READ
    assert sessions.of(request, LIFETIME) is None
    sessions.begin(Role.READ, LIFETIME + 1)
    assert len(sessions) == 1, "an ended one is not kept"


def test_the_oldest_of_too_many_sessions_ends(monkeypatch):
    monkeypatch.setattr("luigi_clone._web.doors.sessions._MOST", 3)
    sessions = Sessions()
    cookies = [sessions.begin(Role.READ, 0.0) for _ in range(4)]
    found = [sessions.of(asking(Cookie=f"luigi_session={cookie}"), 1.0) for cookie in cookies]
    assert [one is not None for one in found] == [False, True, True, True]


def test_ids_are_not_kept_as_they_are():
    sessions = Sessions()
    cookie = sessions.begin(Role.READ, 0.0)
    assert cookie not in repr(sessions._known)


@pytest.mark.parametrize(
    "cookie",
    ["", "luigi_session", "luigi_session=", "luigi_session=x", "=;;;", "luigi_session=\u00ff", "\ud800"],
)
def test_what_is_no_session(cookie):
    guard = with_tokens()
    guard.sign_in(asking(), READ)
    assert guard.session_of(asking(Cookie=cookie)) is None
    assert guard.refuse(asking(Cookie=cookie), Role.READ).status == 401


def test_of_several_cookies_of_the_name_the_one_that_is_known_counts():
    guard = with_tokens()
    cookie = guard.sign_in(asking(), READ)
    assert guard.session_of(asking(Cookie=f"luigi_session=old; luigi_session={cookie}")).role is Role.READ


@pytest.mark.parametrize(("token", "role"), [(READ, 1), (WORKER, 2), (ADMIN, 3)])
def test_the_role_follows_the_token(token, role):
    guard = with_tokens()
    cookie = f"luigi_session={guard.sign_in(asking(), token)}"
    csrf = guard.session_of(asking(Cookie=cookie)).csrf
    for needed in Role:
        refusal = guard.refuse(asking(Cookie=cookie, X_Luigi_CSRF=csrf), needed)
        assert (refusal and refusal.status) == (None if role >= needed else 403)


@pytest.mark.parametrize("csrf", [None, "", "wrong", "\u00ff"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_change_by_a_cookie_needs_the_header(method, csrf):
    guard = with_tokens()
    cookie = f"luigi_session={guard.sign_in(asking(), ADMIN)}"
    headers = {} if csrf is None else {"X_Luigi_CSRF": csrf}
    refusal = guard.refuse(asking(method=method, Cookie=cookie, **headers), Role.ADMIN)
    assert refusal.status == 403 and "X-Luigi-Csrf" in refusal.reason
    assert guard.refuse(asking(method=method, Cookie=cookie, **headers), Role.READ) is None
    assert guard.refuse(asking(Authorization=f"Bearer {ADMIN}"), Role.ADMIN) is None


def test_a_page_of_another_site_does_nothing_even_with_the_header():
    guard = with_tokens()
    cookie = f"luigi_session={guard.sign_in(asking(), ADMIN)}"
    csrf = guard.session_of(asking(Cookie=cookie)).csrf
    request = asking(Cookie=cookie, X_Luigi_CSRF=csrf, Sec_Fetch_Site="same-site")
    assert guard.refuse(request, Role.ADMIN).status == 403


def test_wrong_tokens_are_slowed_down_without_being_looked_at():
    now = [0.0]
    guard = with_tokens(wrong_tokens_per_minute=60)
    guard._clock = lambda: now[0]
    statuses = []
    for token in ["wrong-wrong-wrong"] * 11 + [READ]:
        with pytest.raises(Exception, match="token") as refusal:
            guard.sign_in(asking(), token)
        statuses.append(refusal.value.status)
    assert statuses == [401] * 10 + [429] * 2, "not even a right one"
    assert guard.sign_in(asking(remote_ip="10.0.0.9"), READ)
    now[0] = 1
    assert guard.sign_in(asking(), READ)


def test_without_tokens_a_cookie_means_nothing():
    guard = doors()
    assert guard.refuse(asking(Cookie="luigi_session=x"), Role.ADMIN) is None


def test_only_scripts_of_a_page_are_not_challenged():
    guard = with_tokens()
    script = asking(Accept_Language="en", Accept="*/*")
    person = asking(Accept_Language="en", Accept="text/html,*/*")
    assert [bool(guard.refuse(one, Role.READ).headers) for one in (script, person, asking())] == [
        False,
        True,
        True,
    ]


# -- with a server ----------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with luigid(tmp_path_factory.mktemp("guarded"), TOKENS + "[luigid]\nname=nights\n") as running:
        yield running


def test_a_person_signs_in_acts_and_signs_out(guarded):
    status, _, told = call(guarded, "session", **BROWSER)
    assert status == 200
    assert (told["auth"], told["signed_in"], told["role"], told["csrf"]) == (True, False, None, None)
    assert told["version"] is None and told["name"] is None, "nobody learns more than how to sign in"
    cookie, csrf = sign_in(guarded, ADMIN, **BROWSER)
    told = call(guarded, "session", Cookie=cookie)[2]
    assert (told["signed_in"], told["role"], told["name"]) == (True, "admin", "nights")
    assert told["pause_enabled"] is True and told["has_history"] is False and told["send_messages"] is True
    assert call(guarded, "task_list", {}, Cookie=cookie, **BROWSER)[0] == 200
    assert call(guarded, "pause", {}, Cookie=cookie, **BROWSER)[0] == 403
    assert call(guarded, "pause", {}, Cookie=cookie, X_Luigi_CSRF=csrf, **BROWSER)[0] == 200
    assert call(guarded, "unpause", {}, Authorization=f"Bearer {ADMIN}")[0] == 200
    batch = {"calls": [{"call": "pause", "arguments": {}}]}
    assert call(guarded, "batch", batch, Cookie=cookie)[0] == 403
    assert call(guarded, "sign_out", {}, Cookie=cookie)[0] == 403, "another page could sign a person out"
    status, headers, _ = call(guarded, "sign_out", {}, Cookie=cookie, X_Luigi_CSRF=csrf)
    assert status == 200 and "Max-Age=0" in headers["Set-Cookie"]
    assert call(guarded, "task_list", {}, Cookie=cookie, **BROWSER)[0] == 401


def test_the_cookie_is_for_the_browser_alone(guarded):
    _, headers, _ = call(guarded, "sign_in", {"token": READ})
    [morsel] = SimpleCookie(headers["Set-Cookie"]).values()
    assert morsel["httponly"] and morsel["samesite"] == "Strict" and morsel["path"] == "/"
    assert morsel["max-age"] == str(LIFETIME) and not morsel["secure"]
    assert len(morsel.value) >= 40 and headers["Cache-Control"] == "no-store"


def test_behind_a_proxy_the_page_tells_prefix_and_tls(guarded):
    page = "https://etl.example/night%20ly/luigi/static/visualiser/signin.html?back=x"
    headers = {"Referer": page, "Origin": "https://etl.example", "X_Forwarded_Host": "etl.example"}
    cookie = call(guarded, "sign_in", {"token": READ}, **headers)[1]["Set-Cookie"]
    assert "; Path=/night%20ly/luigi/;" in cookie and "; Secure" in cookie


@pytest.mark.parametrize(
    "referer", ["x", "http://h/a;b/static/x", "http://h/static/x", "http://[/static/", "//"]
)
def test_another_referer_means_the_whole_host(guarded, referer):
    assert "; Path=/;" in call(guarded, "sign_in", {"token": READ}, Referer=referer)[1]["Set-Cookie"]


def test_signing_in_again_ends_the_session_before(guarded):
    first, _ = sign_in(guarded, READ)
    sign_in(guarded, READ, Cookie=first)
    assert call(guarded, "session", Cookie=first)[2]["signed_in"] is False


@pytest.mark.parametrize(
    ("arguments", "status"),
    [({"token": "wrong-wrong-wrong"}, 401), ({"token": ""}, 400), ({"token": 1}, 400), ({}, 400), ([], 400)],
)
def test_what_signs_nobody_in(guarded, arguments, status):
    told, headers, text = call(guarded, "sign_in", arguments)
    assert told == status and "Set-Cookie" not in headers and "<p>" in text
    assert "WWW-Authenticate" not in headers


def test_another_site_signs_nobody_in_or_out(guarded):
    for name in ("sign_in", "sign_out"):
        assert call(guarded, name, {"token": READ}, Origin="http://evil.example")[0] == 403
        assert call(guarded, name, {"token": READ}, Sec_Fetch_Site="cross-site")[0] == 403
    assert guarded.ask("GET", f"/api/sign_in?data=%7B%22token%22%3A%22{READ}%22%7D")[0] == 405


def test_a_token_in_the_header_is_a_role_without_a_session(guarded):
    told = call(guarded, "session", Authorization=f"Bearer {WORKER}")[2]
    assert (told["signed_in"], told["role"], told["csrf"]) == (True, "worker", None)
    told = call(guarded, "session", Authorization="Bearer wrong")[2]
    assert (told["signed_in"], told["role"]) == (False, None)


@pytest.mark.parametrize(
    "path", ["/history", "/history/by_name/A%2FB?x=1&y=%22", "/tasklist/x?back=//evil.example"]
)
def test_a_person_is_led_to_sign_in_and_back(guarded, path):
    status, headers, _ = guarded.ask("GET", path, Accept="text/html,*/*", Accept_Language="en")
    assert status == 302
    there = urljoin(f"https://etl.example/luigi{path}", headers["Location"])
    assert there.startswith("https://etl.example/luigi/static/visualiser/signin.html?back=")
    [back] = parse_qs(urlsplit(there).query)["back"]
    assert urljoin(there, back) == f"https://etl.example/luigi{path}"


def test_programs_are_not_led_anywhere(guarded):
    assert guarded.ask("GET", "/history")[0] == 401
    assert guarded.ask("GET", "/history", Accept="text/html", Authorization="Bearer wrong")[0] == 401
    assert guarded.ask("GET", "/api/task_list", Accept="text/html")[0] == 401


def test_tokens_and_cookies_are_in_no_log(tmp_path):
    with luigid(tmp_path, TOKENS) as running:
        cookie, _ = sign_in(running, ADMIN)
        call(running, "sign_in", {"token": "hunter2-hunter2"})
        log = running.end()
    assert "A wrong token from 127.0.0.1, to sign in" in log
    assert ADMIN not in log and cookie.partition("=")[2] not in log and "hunter2" not in log


def test_without_tokens_everyone_is_admin(tmp_path):
    with luigid(tmp_path) as running:
        told = call(running, "session")[2]
        assert (told["auth"], told["signed_in"], told["role"], told["csrf"]) == (False, False, "admin", None)
        assert told["name"]
        assert call(running, "sign_in", {"token": READ})[0] == 400
