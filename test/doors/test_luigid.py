"""The doors of a real server: every route of it is behind them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from pathlib import Path
from urllib.parse import urlencode

import luigi
import pytest

from luigi_clone import server
from luigi_clone._web.api import role_of_call
from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone._wire.roles import Role
from luigi_clone.configuration import get_config
from luigi_clone.scheduler import Scheduler
from test.doors.asking import ADMIN, READ, WORKER
from test.doors.servers import luigid, start

TOKENS = f"""
[auth]
read_tokens={READ}
worker_tokens={WORKER}
[cors]
enabled=true
allowed_origins=["https://tools.example"]
"""
WITHOUT_TOKEN = {"/", "/static/(.*)", "/history.css", "/api/session", "/api/sign_in", "/api/sign_out"}
"""Routes that everybody gets."""
ENDLESS = {"/api/stream"}
"""Answers that do not end; who gets them is a test of its own."""


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    environment = {"LUIGI_AUTH_ADMIN_TOKENS": ADMIN}
    with luigid(tmp_path_factory.mktemp("closed"), TOKENS, environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory):
    with luigid(tmp_path_factory.mktemp("unlocked"), address=None) as running:
        yield running


def bearer(token):
    return f"Bearer {token}"


def routes():
    """Return a path for each route of the application, except those of calls."""
    rules = server.app(Scheduler()).wildcard_router.rules
    patterns = [rule.matcher.regex.pattern.removesuffix("$").replace("\\.", ".") for rule in rules]
    assert "/api/(.*)" in patterns and set(patterns) >= WITHOUT_TOKEN
    closed = [pattern for pattern in patterns if pattern not in (*ENDLESS, "/api/(.*)", *WITHOUT_TOKEN)]
    return [pattern.replace("(.*)", "x") for pattern in closed]


def test_no_route_is_open_by_accident(closed):
    for path in routes():
        status, headers, body = closed.ask("GET", path)
        assert status == 401, path
        assert "LUIGI_SCHEDULER_TOKEN" in body
        assert headers.get_all("WWW-Authenticate")[0].startswith("Bearer")
        assert closed.ask("GET", path, Authorization=bearer(READ))[0] not in (401, 403), path


def test_what_everybody_gets(closed):
    assert closed.ask("HEAD", "/")[0] == 204
    assert closed.ask("GET", "/")[0] == 302
    assert closed.ask("GET", "/static/visualiser/index.html")[0] == 200
    assert closed.ask("GET", "/nothing/here")[0] == 404
    assert closed.ask("OPTIONS", "/api/pause")[0] == 204


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_call_needs_its_role(closed, method):
    for name in RPC_METHODS:
        needed = role_of_call(name)
        assert closed.ask(method, f"/api/{name}")[0] == 401, name
        for token, role in ((READ, Role.READ), (WORKER, Role.WORKER)):
            status = closed.ask(method, f"/api/{name}?data=[", Authorization=bearer(token))[0]
            # the arguments are no JSON: whoever is let in is told so, and nothing is done
            assert status == (400 if role >= needed else 403), name
    assert closed.ask(method, "/api/no_such_call")[0] == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
def test_other_methods_reach_nothing(closed, method):
    for path in ["/api/pause", *routes()]:
        assert closed.ask(method, path)[0] in (401, 405), path


def batch(*names):
    return urlencode({"data": json.dumps({"calls": [{"call": name} for name in names]})})


def test_a_batch_needs_the_highest_role_of_its_calls(closed):
    read_only, mixed = batch("is_paused", "is_paused"), batch("is_paused", "ping", "is_paused")
    assert role_of_call("ping") >= Role.WORKER
    assert closed.ask("POST", "/api/batch", read_only)[0] == 401
    assert closed.ask("POST", "/api/batch", mixed, Authorization=bearer(READ))[0] == 403
    status, _, body = closed.ask("POST", "/api/batch", mixed, Authorization=bearer(WORKER))
    assert status == 200 and len(json.loads(body)["response"]) == 3
    foreign = {"Authorization": bearer(ADMIN), "Origin": "http://evil.example"}
    assert closed.ask("POST", "/api/batch", mixed, **foreign)[0] == 403


def test_a_worker_with_a_token_runs_its_tasks(closed, tmp_path):
    class Made(luigi.Task):
        def output(self):
            return luigi.LocalTarget(tmp_path / "made")

        def run(self):
            self.output().makedirs()
            with self.output().open("w") as file:
                file.write("")

    url = f"http://worker:{WORKER}@127.0.0.1:{closed.port}"
    assert luigi.build([Made()], scheduler_url=url)
    assert (tmp_path / "made").exists()
    with pytest.raises(luigi.RPCError, match="role worker") as raised:
        luigi.RemoteScheduler(url.replace(WORKER, READ)).ping(worker="w")
    assert READ not in str(raised.value)


def test_our_worker_sends_a_bearer_token(closed, monkeypatch):
    url = f"http://127.0.0.1:{closed.port}"
    with pytest.raises(luigi.RPCError, match="LUIGI_SCHEDULER_TOKEN"):
        luigi.RemoteScheduler(url).is_paused()
    monkeypatch.setenv("LUIGI_SCHEDULER_TOKEN", READ)
    assert luigi.RemoteScheduler(url).is_paused() == {"paused": False}
    monkeypatch.delenv("LUIGI_SCHEDULER_TOKEN")
    get_config().set("core", "scheduler_token", READ)
    assert luigi.RemoteScheduler(url).is_paused() == {"paused": False}


def test_a_wrong_token_is_in_no_log(tmp_path):
    wrong, wrong_basic = "hunter2-hunter2-hunter2", "hunter3-hunter3-hunter3"
    with luigid(tmp_path, TOKENS) as running:
        assert running.ask("GET", "/api/is_paused", Authorization=bearer(wrong))[0] == 401
        pair = base64.b64encode(f"me:{wrong_basic}".encode()).decode()
        status, _, body = running.ask("GET", "/api/is_paused", Authorization=f"Basic {pair}")
        assert status == 401 and "hunter" not in body
        assert running.ask("POST", "/api/ping", "data={}", Authorization=bearer(WORKER))[0] in (400, 500)
        answers = [running.ask("GET", "/metrics", Authorization=bearer(wrong)) for _ in range(15)]
        assert answers[-1][0] == 429 and answers[-1][1]["Retry-After"]
        assert running.ask("GET", "/api/is_paused", Authorization=bearer(READ))[0] == 200
        log = running.end()
    for secret in (wrong, wrong_basic, pair, READ, WORKER):
        assert secret not in log
    assert "A wrong token from 127.0.0.1" in log


def test_only_an_admin_sees_hidden_parameters(closed):
    task = {"worker": "w", "task_id": "Login", "family": "Login", "params": {"user": "me", "pin": "1234"}}
    body = urlencode({"data": json.dumps({**task, "param_visibilities": {"user": 0, "pin": 1}})})
    assert closed.ask("POST", "/api/add_task", body, Authorization=bearer(WORKER))[0] == 200
    question = {"call": "fetch_error", "arguments": {"task_id": "Login"}}
    many = urlencode({"data": json.dumps({"calls": [question, {"call": "is_paused"}]})})
    one = "/api/fetch_error?" + urlencode({"data": json.dumps(question["arguments"])})
    for token, seen in ((READ, {"user": "me"}), (WORKER, {"user": "me"}), (ADMIN, task["params"])):
        answer = json.loads(closed.ask("GET", one, Authorization=bearer(token))[2])["response"]
        assert answer["taskParams"] == seen and answer["displayName"] == "Login(user=me)"
        batched = json.loads(closed.ask("POST", "/api/batch", many, Authorization=bearer(token))[2])
        assert batched["response"][0]["response"] == answer
        unknown = "/api/fetch_error?" + urlencode({"data": json.dumps({"task_id": "none"})})
        assert closed.ask("GET", unknown, Authorization=bearer(token))[0] == 200
        shown = closed.ask("GET", "/api/graph", Authorization=bearer(token))[2]
        assert "1234" not in shown


_PAGES = {
    "task_page": {"query": "family:Login"},
    "task_detail": {"task_id": "Login"},
    "task_graph": {"task_id": "Login"},
    "search_palette": {"text": "login"},
}


def test_pages_show_hidden_parameters_to_an_admin_only(closed):
    task = {"worker": "w", "task_id": "Login", "family": "Login", "params": {"user": "me", "pin": "1234"}}
    body = urlencode({"data": json.dumps({**task, "param_visibilities": {"user": 0, "pin": 1}})})
    assert closed.ask("POST", "/api/add_task", body, Authorization=bearer(WORKER))[0] == 200
    for token, sees in ((READ, False), (WORKER, False), (ADMIN, True), (READ, False)):
        for name, arguments in _PAGES.items():
            path = f"/api/{name}?" + urlencode({"data": json.dumps(arguments)})
            status, _, shown = closed.ask("GET", path, Authorization=bearer(token))
            assert (status, "1234" in shown) == (200, sees), (name, token)
        for query in ("pin:1234", "pin=1234", "1234"):
            path = "/api/task_page?" + urlencode({"data": json.dumps({"query": query})})
            found = json.loads(closed.ask("GET", path, Authorization=bearer(token))[2])["response"]
            assert found["total"] == int(sees), query


def test_the_body_of_a_refused_request_is_thrown_away(closed):
    body = b"data=" + b"x" * 20_000_000
    size_before = memory(closed.process.pid)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", closed.port, timeout=20)) as connection:
        for _ in range(2):
            connection.request("POST", "/api/add_task", body)
            answer = connection.getresponse()
            assert answer.status == 401 and b"LUIGI_SCHEDULER_TOKEN" in answer.read()
            assert connection.sock is not None, "the connection stays"
    assert memory(closed.process.pid) - size_before < 15_000_000


def memory(pid):
    """Return the largest resident size that a process has had, in bytes; where /proc does not tell, 0."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


# -- without tokens ----------------------------------------------------------------


def test_it_says_once_how_to_open_it(unlocked):
    warnings = [line for line in unlocked.log.splitlines() if "luigi.server[" in line and "WARNING" in line]
    assert len(warnings) == 1 and "--address" in warnings[0] and "LUIGI_AUTH_WORKER_TOKENS" in warnings[0]


def test_open_to_others_without_a_token_is_said_aloud(tmp_path):
    with luigid(tmp_path, address="0.0.0.0") as running:
        assert "ANYONE WHO REACHES THIS SERVER" in running.log
    with luigid(tmp_path, TOKENS, address=None) as running:
        assert "WARNING" not in running.log
        assert running.ask("GET", "/api/is_paused")[0] == 401


PATHS = ["/", "/api/is_paused", "/api/batch", "/static/visualiser/index.html"]


@pytest.mark.parametrize("path", [*PATHS, *routes()])
def test_a_foreign_name_reaches_nothing(unlocked, path):
    for method in ("GET", "POST"):
        status, _, body = unlocked.ask(method, path, Host=f"evil.example:{unlocked.port}")
        assert status == 403 and "allowed_hosts" in body
    assert unlocked.ask("GET", path, Host=f"localhost:{unlocked.port}")[0] != 403


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("mark", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "http://evil.example"}])
def test_a_foreign_page_changes_nothing(unlocked, method, mark):
    assert unlocked.ask(method, "/api/pause", **mark)[0] == 403
    assert json.loads(unlocked.ask("GET", "/api/is_paused", **mark)[2])["response"] == {"paused": False}
    ours = {"Origin": f"http://127.0.0.1:{unlocked.port}", "Sec_Fetch_Site": "same-origin"}
    for name in ("pause", "unpause"):
        assert unlocked.ask(method, f"/api/{name}", **ours)[0] == 200


# -- headers ----------------------------------------------------------------


def test_permission_of_another_site(closed):
    tools = {"Origin": "https://tools.example", "Sec_Fetch_Site": "cross-site"}
    allow = "Access-Control-Allow-Origin"
    status, headers, _ = closed.ask("GET", "/api/is_paused", Authorization=bearer(READ), **tools)
    assert status == 200 and headers[allow] == "https://tools.example"
    assert "Origin" in headers.get_all("Vary")[0] or "Origin" in headers.get_all("Vary")
    status, headers, _ = closed.ask("OPTIONS", "/api/is_paused", **tools)
    assert status == 204 and headers[allow] == "https://tools.example"
    assert headers["Access-Control-Max-Age"] == "86400"
    for path, more in (("/api/is_paused", {}), ("/api/no_such_call", {"Authorization": bearer(READ)})):
        status, headers, _ = closed.ask("GET", path, **tools, **more)
        assert status in (401, 404) and allow not in headers
    status, headers, _ = closed.ask("PUT", "/api/is_paused", **tools)
    assert status >= 400 and allow not in headers
    foreign = {"Origin": "https://evil.example"}
    status, headers, _ = closed.ask("GET", "/api/is_paused", Authorization=bearer(READ), **foreign)
    assert status == 200 and allow not in headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/is_paused"),
        ("POST", "/api/is_paused"),
        ("GET", "/api/no_such_call"),
        ("PUT", "/api/is_paused"),
        ("GET", "/"),
        ("GET", "/static/visualiser/index.html"),
        ("GET", "/static/none"),
        ("GET", "/metrics"),
        ("GET", "/nothing/here"),
    ],
)
@pytest.mark.parametrize("token", [READ, None])
def test_security_headers_are_on_every_answer(closed, method, path, token):
    more = {} if token is None else {"Authorization": bearer(token)}
    _, headers, _ = closed.ask(method, path, **more)
    for name in ("X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy"):
        assert len(headers.get_all(name, [])) == 1, name
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    if path.startswith("/api/"):
        assert headers["Cache-Control"] == "no-store"


# -- what must not start ----------------------------------------------------------------


def test_a_token_that_is_too_short_stops_the_start(tmp_path):
    running = start(tmp_path, "[auth]\nadmin_tokens=hunter2\n")
    assert running.process.wait(60) != 0
    log = running.end()
    assert "[auth] admin_tokens" in log and "at least 16" in log
    assert "hunter2" not in log and "Traceback" not in log


def test_the_number_of_requests_of_a_peer_can_be_limited(tmp_path):
    limits = "[limits]\nrequests_per_second=0.01\nrequests_burst=4\nlargest_body=1000\n"
    with luigid(tmp_path, limits) as running:
        status, _, body = running.ask("POST", "/api/is_paused", "data=" + "x" * 100_000)
        assert status == 413 and "largest_body" in body
        statuses = [running.ask("GET", "/api/is_paused")[0] for _ in range(3)]
        statuses += [running.ask(*request)[0] for request in (("GET", "/"), ("POST", "/api/ping"))]
        assert statuses == [200, 200, 200, 429, 429]
