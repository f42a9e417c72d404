"""Which pages of other sites may read answers: exactly as with Luigi."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
from itertools import product

import pytest

from luigi_clone._web.doors import cors
from luigi_clone._web.doors.cors import Sharing
from luigi_clone._web.doors.headers import API
from test.differential.conftest import stock_venv
from test.doors.asking import asking, doors

__all__ = ["stock_venv"]

LISTED, FOREIGN = "http://listed.example", "http://foreign.example"


def headers(method="GET", origin=LISTED, path="/api/is_paused", is_error=False, **options):
    guard = doors(sharing=Sharing(cors(**{"enabled": True, "allowed_origins": [LISTED], **options})))
    request = asking(path, method, **({} if origin is None else {"Origin": origin}))
    return {**dict(guard.response_headers(request, is_error=is_error))}


def permission(**case):
    return headers(**case).get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_which_origin_is_permitted(method):
    assert permission(method=method) == LISTED
    assert permission(method=method, origin=FOREIGN) is None
    assert permission(method=method, origin=FOREIGN, allow_any_origin=True) == "*"
    assert permission(method=method, allow_any_origin=True) == "*"
    assert permission(method=method, origin="null", allow_any_origin=True) is None
    assert permission(method=method, origin="null", allow_null_origin=True) == "null"
    assert permission(method=method, origin="null", allowed_origins=["null", "*"]) is None
    assert permission(method=method, origin="*", allowed_origins=["null", "*"]) is None
    assert permission(method=method, origin=None) is None
    assert permission(method=method, enabled=False) is None
    assert permission(method=method, is_error=True) is None
    assert permission(method=method, path="/history") is None


def test_a_preflight_carries_the_rest():
    mine = headers(method="OPTIONS", allow_credentials=True, exposed_headers="X-A", max_age=5)
    assert mine["Access-Control-Allow-Credentials"] == "true"
    assert mine["Access-Control-Max-Age"] == "5"
    assert mine["Access-Control-Expose-Headers"] == "X-A"
    assert mine["Access-Control-Allow-Methods"] == "GET, OPTIONS"
    assert mine["Access-Control-Allow-Headers"] == "Accept, Content-Type, Origin"
    assert "Vary" not in mine
    assert not any(name.startswith("Access-") for name in headers(method="OPTIONS", origin=FOREIGN))
    assert headers()["Vary"] == "Origin"
    assert [name for name in headers() if name.startswith("Access-")] == ["Access-Control-Allow-Origin"]


def test_security_headers_cost_nothing_and_are_always_there():
    guard = doors()
    assert guard.response_headers(asking()) is API
    page = dict(guard.response_headers(asking("/static/visualiser/index.html")))
    for some in (dict(API), page):
        assert some["X-Content-Type-Options"] == "nosniff"
        assert "Referrer-Policy" in some and "frame-ancestors" in some["Content-Security-Policy"]
        assert some["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe" not in some["Content-Security-Policy"]
    assert dict(API)["Cache-Control"] == "no-store"


ORIGINS = [None, LISTED, FOREIGN, "null", "*"]
METHODS = ["GET", "POST", "OPTIONS"]


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"allow_any_origin": True, "exposed_headers": "X-A, X-B"},
        {"allow_null_origin": True, "allow_credentials": True, "max_age": 7},
    ],
    ids=str,
)
def test_the_same_headers_as_luigi(options, tmp_path, stock_venv):
    section = {"enabled": True, "allowed_origins": json.dumps([LISTED, "*", "null"]), **options}
    file = tmp_path / "luigi.cfg"
    file.write_text("[cors]\n" + "".join(f"{name}={value}\n" for name, value in section.items()))
    port = _free_port()
    command = [f"{stock_venv}/bin/luigid", "--address", "127.0.0.1", "--port", str(port)]
    command += ["--state-path", str(tmp_path / "state.pickle")]
    environment = {**os.environ, "LUIGI_CONFIG_PATH": str(file)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert any("Scheduler starting up" in line for line in process.stderr)
        for method, origin, path in product(METHODS, ORIGINS, ["/api/is_paused", "/api/no_such_call"]):
            theirs = _ask(port, method, path, origin)
            guard = doors(sharing=Sharing(cors(**{**section, "allowed_origins": [LISTED, "*", "null"]})))
            request = asking(path, method, **({} if origin is None else {"Origin": origin}))
            is_error = path.endswith("no_such_call") and method != "OPTIONS"
            ours = dict(guard.response_headers(request, is_error=is_error))
            assert _shared(ours) == _shared(theirs), (method, origin, path)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _ask(port, method, path, origin):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers={} if origin is None else {"Origin": origin})
    found = dict(connection.getresponse().getheaders())
    connection.close()
    return found


def _shared(found):
    vary = {word for word in found.get("Vary", "").split(", ") if word not in ("", "Accept-Encoding")}
    return {**{name: value for name, value in found.items() if name.startswith("Access-")}, "Vary": vary}
