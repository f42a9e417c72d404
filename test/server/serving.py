"""A server on a thread of this process, and luigid as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlencode

from luigi_clone import server
from luigi_clone.scheduler import Scheduler

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """A server on a thread of its own."""

    def __init__(self, scheduler=None, make=None, **where):
        self.scheduler = scheduler or Scheduler()
        self._make = make
        self._where = {"api_port": 0, "address": None, "unix_socket": None, **where}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))

    async def _serve(self):
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        http, self.names = server._listen(
            self.scheduler, **self._where, maker=self._make and self._make(self.scheduler)
        )
        self._ready.set()
        await self._ended.wait()
        http.stop()
        await http.close_all_connections()

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *exc_info):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.names[0][1]}"

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.names[0][1], timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            self.raw = answer.read()
            packed = answer.getheader("Content-Encoding") == "gzip"
            text = (gzip.decompress(self.raw) if packed else self.raw).decode()
            return answer.status, dict(answer.getheaders()), text
        finally:
            connection.close()

    def call(self, name, **arguments):
        body = urlencode({"data": json.dumps(arguments)})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", f"/api/{name}", body, headers)

    def batch(self, *calls):
        body = json.dumps({"calls": list(calls)})
        status, _, text = self.ask("POST", "/api/batch", body, {"Content-Type": "application/json"})
        assert status == 200, text
        return json.loads(text)["response"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def luigid(port, *options, prelude="", **process):
    code = f"{prelude}\nfrom luigi_clone.cmdline import luigid; import sys; luigid(sys.argv[1:])"
    command = [sys.executable, "-c", code, "--port", str(port), "--address", "127.0.0.1", *options]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, bufsize=1, **process)


@contextlib.contextmanager
def started(port, *options, **more):
    """Give a luigid that serves, and what it has logged; it is killed if the test has left it alone."""
    process = luigid(port, *options, **more)
    try:
        log = ""
        while "Scheduler starting up" not in log:
            line = process.stderr.readline()
            assert line, log
            log += line
        yield process, log
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
