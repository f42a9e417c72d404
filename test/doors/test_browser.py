"""A real browser that shows a page of another site, which tries to change something."""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import subprocess
import threading

import pytest

from test.doors.servers import luigid
from test.services import require_service

EVIL = """<!doctype html><title>cats</title>
<img src="{url}/api/pause">
<img src="{url}/api/pause" referrerpolicy="no-referrer">
<form method=post action="{url}/api/pause" target=frame><input name=data value="{{}}"></form>
<iframe name=frame></iframe>
<script>
document.forms[0].submit();
const tries = [{{method: "POST", mode: "no-cors"}}, {{method: "GET", mode: "no-cors"}}, {{method: "POST"}},
               {{method: "POST", mode: "no-cors", referrerPolicy: "no-referrer"}}];
Promise.allSettled(tries.map(how => fetch("{url}/api/pause", how)).concat([fetch("{url}/api/is_paused")]))
  .then(results => fetch("/done?" + results.map(one => one.status).join()));
</script>"""


class Evil(http.server.BaseHTTPRequestHandler):
    """The other site; it is told when its page is through."""

    def do_GET(self):
        if self.path.startswith("/done"):
            self.server.results.append(self.path.partition("?")[2])
            self.server.is_done.set()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def evil_site(url):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil) as site:
        site.page, site.results, site.is_done = EVIL.format(url=url), [], threading.Event()
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_page_of_another_site_changes_nothing(name, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    require_service("Chromium", chromium, "install chromium")
    with luigid(tmp_path) as running, evil_site(f"http://{name}:{running.port}") as site:
        command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--remote-debugging-port=0"]
        command.append(f"http://127.0.0.1:{site.server_address[1]}/")
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert site.is_done.wait(90)
        finally:
            browser.terminate()
            browser.wait(30)
        assert site.results == ["fulfilled,fulfilled,rejected,fulfilled,rejected"]
        assert json.loads(running.ask("GET", "/api/is_paused")[2])["response"] == {"paused": False}
        log = running.end()
    assert log.count("/api/pause") >= 4, "the page's fetches; its pictures and its form may come later"
    assert "200 POST /api/pause" not in log and "200 GET /api/pause" not in log
