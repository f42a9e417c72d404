"""Who is let into the server, where Luigi lets in everyone (document 07, and 11 of document 06)."""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import json
import sys
import threading

import luigi
import luigi.server
import pytest
import tornado.ioloop
import tornado.netutil
from luigi.configuration import get_config
from luigi.scheduler import Scheduler
from luigi.worker import Worker

READ = "c40e6f0b9d1142a7a8e3"
ADMIN = "9f1b6a7c2e5d4038b1f4"


class Server:
    """A server on a thread of its own, listening where it does unless told otherwise."""

    def __init__(self):
        self.scheduler = Scheduler()
        self._ready, self._sockets = threading.Event(), []
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)

    async def _serve(self):
        self._loop, self._ended = tornado.ioloop.IOLoop.current(), asyncio.Event()
        # nothing but the process's end closes what it listens on
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tornado.netutil, "bind_sockets", self._bind)
            self.names = luigi.server._init_api(self.scheduler, 0)
        self._ready.set()
        await self._ended.wait()

    def _bind(self, *arguments, _bind=tornado.netutil.bind_sockets, **more):
        bound = _bind(*arguments, **more)
        self._sockets += bound
        return bound

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc_info):
        self._loop.add_callback(self._ended.set)
        self._thread.join(10)
        for bound in self._sockets:
            bound.close()

    def ask(self, method, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.names[0][1], timeout=10)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def is_paused(self):
        return json.loads(self.ask("GET", "/api/is_paused")[1])["response"]["paused"]


@pytest.fixture
def options():
    """Set options of the configuration, and take their sections away afterwards."""
    config = get_config()
    sections = set()

    def setting(section, option, value):
        sections.add(section)
        config.set(section, option, value)

    yield setting
    for section in sections:
        config.remove_section(section)


def test_07_01_it_listens_on_this_machine_only_unless_told_otherwise():
    with Server() as server:
        assert all(ipaddress.ip_address(name[0]).is_loopback for name in server.names)


def test_07_01_without_a_token_nobody_gets_in(options):
    options("auth", "admin_tokens", ADMIN)
    with Server() as server:
        assert server.ask("POST", "/api/pause")[0] == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("mark", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "http://evil.example"}])
def test_07_02_a_page_of_another_site_changes_nothing(method, mark):
    with Server() as server:
        server.ask(method, "/api/pause", **mark)
        assert not server.is_paused()


def test_07_03_a_foreign_host_name_is_refused():
    with Server() as server:
        assert server.ask("GET", "/api/graph", Host="evil.example")[0] == 403


def test_07_04_an_assistant_does_not_import_what_it_is_not_allowed(options, tmp_path, monkeypatch):
    name = "module_that_an_assistant_does_not_want"
    (tmp_path / f"{name}.py").write_text("import luigi\nclass Strange(luigi.Task): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    options("worker", "assistant_modules", "pipelines")
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="Strange__99914b932b", family="Strange", module=name, params={})
    with Worker(scheduler=scheduler, worker_id="W", assistant=True, wait_interval=0.01) as worker:
        worker.run()
    assert sys.modules.pop(name, None) is None


def test_07_16_a_bearer_token_lets_in(options):
    options("auth", "admin_tokens", ADMIN)
    with Server() as server:
        for token, expected in ((ADMIN, 200), ("x" * 20, 401)):
            assert server.ask("GET", "/api/is_paused", Authorization=f"Bearer {token}")[0] == expected


def test_07_24_the_requests_of_a_peer_can_be_limited(options):
    options("limits", "requests_per_second", "0.01")
    options("limits", "requests_burst", "2")
    with Server() as server:
        statuses = [server.ask("GET", "/api/resource_list")[0] for _ in range(4)]
        assert statuses == [200, 200, 429, 429]


def test_06_11_who_may_only_read_cannot_pretend_to_be_a_worker(options):
    options("auth", "read_tokens", READ)
    with Server() as server:
        status, _ = server.ask("POST", "/api/add_worker", Authorization=f"Bearer {READ}")
        assert status == 403
        assert server.scheduler.worker_list() == []
