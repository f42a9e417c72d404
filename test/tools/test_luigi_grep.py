"""``luigi-grep`` against a server that has a graph."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from luigi.tools import luigi_grep

GRAPH = {
    "Up__1": {"status": "PENDING", "deps": ["Ext__1", "Gone__1", "Up__2", "Ext__2"]},
    "Up__2": {"status": "DONE", "deps": []},
    "Ext__1": {"status": "PENDING", "deps": []},
    "Ext__2": {"status": "PENDING", "deps": []},
}


@pytest.fixture
def port():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"response": GRAPH}).encode()
            self.send_response(200 if self.path == "/api/graph" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["luigi-grep", *map(str, arguments)])
    luigi_grep.main()
    return capsys.readouterr().out


def test_prefix(monkeypatch, capsys, port):
    out = run(
        monkeypatch, capsys, "--scheduler-host", "127.0.0.1", "--scheduler-port", port, "--prefix", "Up"
    )
    assert out == (
        f"Fetching from url: http://127.0.0.1:{port}/api/graph\n"
        "Up__1: PENDING, Dependencies:\n"
        "  status=PENDING\n    Ext__1\n    Ext__2\n"
        "  status=UNKNOWN\n    Gone__1\n"
        "  status=DONE\n    Up__2\n"
        "Up__2: DONE, Dependencies:\n"
    )


def test_status_in_any_case(monkeypatch, capsys, port):
    out = run(
        monkeypatch, capsys, "--scheduler-host", "127.0.0.1", "--scheduler-port", port, "--status", "done"
    )
    assert out.splitlines()[1:] == ["Up__2: DONE, Dependencies:"]


def test_prefix_wins(monkeypatch, capsys, port):
    out = run(
        monkeypatch,
        capsys,
        *(
            "--scheduler-host",
            "127.0.0.1",
            "--scheduler-port",
            port,
            "--status",
            "done",
            "--prefix",
            "Ext__1",
        ),
    )
    assert out.splitlines()[1:] == ["Ext__1: PENDING, Dependencies:"]


def test_nothing_asked_nothing_fetched(monkeypatch, capsys):
    assert run(monkeypatch, capsys, "--scheduler-port", 1) == ""


def test_no_server(monkeypatch, capsys):
    with pytest.raises(SystemExit) as raised:
        run(monkeypatch, capsys, "--scheduler-host", "127.0.0.1", "--scheduler-port", 1, "--prefix", "x")
    assert "no answer from the scheduler at http://127.0.0.1:1/api/graph" in str(raised.value)


def test_as_a_library(port):
    grep = luigi_grep.LuigiGrep("127.0.0.1", port)
    assert grep.graph_url == f"http://127.0.0.1:{port}/api/graph"
    assert list(grep.status_search("DONE")) == [{"name": "Up__2", "status": "DONE", "deps_by_status": {}}]
    (found,) = grep.prefix_search("Up__1")
    assert found["deps_by_status"] == {
        "PENDING": ["Ext__1", "Ext__2"],
        "UNKNOWN": ["Gone__1"],
        "DONE": ["Up__2"],
    }
