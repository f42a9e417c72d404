"""Changing calls that a browser makes for a page of another site."""

from __future__ import annotations

import pytest

from luigi_clone._web.doors import cors
from luigi_clone._web.doors.cors import Sharing
from luigi_clone._wire.roles import Role
from test.doors.asking import asking, doors


def let_in(role=Role.WORKER, guard=None, **headers):
    refusal = (guard or doors(bound_to_loopback=False)).refuse(asking(**headers), role)
    assert refusal is None or (refusal.status == 403 and refusal.reason)
    return refusal is None


BROWSER = {"User_Agent": "Mozilla/5.0 (X11)", "Accept_Language": "de"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"User_Agent": "Python-urllib/3.12"},
        {"User_Agent": "Mozilla/5.0 (Windows NT) WindowsPowerShell/5.1", "method": "GET"},
        {"method": "GET"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://localhost:8082"},
        {"Sec_Fetch_Site": "same-origin", "method": "GET"},
        {"Sec_Fetch_Site": "none", "method": "GET", **BROWSER},
        {"Origin": "http://localhost:8082", **BROWSER},
        {"Origin": "http://LOCALHOST:8082"},
        {"Origin": "https://localhost", "Host": "localhost:443"},
        {"Origin": "https://localhost:443", "Host": "localhost"},
        # a proxy that takes TLS off, and one that puts its own name into Host
        {"Origin": "https://localhost:8082"},
        {"Origin": "https://luigi.example", "Host": "127.0.0.1:8082", "X_Forwarded_Host": "luigi.example"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://luigi.example", "Host": "127.0.0.1:8082"},
        {"method": "GET", "Referer": "http://localhost:8082/static/x", **BROWSER},
        {"method": "GET", "X_Requested_With": "XMLHttpRequest", **BROWSER},
    ],
)
def test_our_own_page_and_programs_may(headers):
    assert let_in(**headers)
    assert let_in(Role.ADMIN, **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "method": "GET"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost:8082"},
        {"Sec_Fetch_Site": "something-new"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:8083"},
        {"Origin": "http://localhost"},
        {"Origin": "http://["},
        {"Origin": "ftp://localhost:8082"},
        {"Origin": "http://", "Host": "localhost"},
        {"Origin": "http://evil.example", "X_Forwarded_Host": "luigi.example"},
        {"method": "GET", "Referer": "http://evil.example/"},
        {"method": "GET", **BROWSER},
    ],
)
def test_a_foreign_page_may_not(headers):
    assert not let_in(**headers)
    assert not let_in(Role.ADMIN, **headers)
    assert let_in(Role.READ, **headers), "reading is a matter of CORS"


def test_allowed_origins_may_change_things():
    guard = doors(sharing=Sharing(cors(allowed_origins=["https://tools.example", "*", "null"])))
    assert let_in(guard=guard, Origin="https://tools.example", Sec_Fetch_Site="cross-site")
    assert not let_in(guard=guard, Origin="https://evil.example")
    assert not let_in(guard=guard, Origin="null")
    assert not let_in(guard=guard, method="GET", Sec_Fetch_Site="cross-site")


def test_any_origin_may_read_and_not_change():
    guard = doors(sharing=Sharing(cors(enabled=True, allow_any_origin=True, allow_null_origin=True)))
    assert not let_in(guard=guard, Origin="https://evil.example")
    assert not let_in(guard=guard, Origin="null")
    assert let_in(Role.READ, guard=guard, Origin="https://evil.example")
