"""One ``luigid`` filled by real workers, and one browser, for all tests of the page."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import luigi_clone
from test.doors.servers import ROOT, Luigid, luigid
from test.services import require_service

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VENDOR = Path(luigi_clone.__file__).parent / "static" / "vendor"
PAGE = "/static/visualiser/index.html"
DAYS = 70
"""How many tasks ``Day`` the pipeline has. It is not imported here: all tests would know its tasks then."""
WAIT = 15_000  # ms; generous: a page is there in a fraction of a second

CONFIG = """
[core]
no_configure_logging = false

[scheduler]
remove_delay = 86400
worker_disconnect_delay = 86400
retry_delay = 86400
pause_enabled = true
send_messages = true

[resources]
db = 1
memory_gb = 64
noaa_api = 3
"""


class Scheduler:
    """The scheduler of the tests: where it is, and calls to it."""

    def __init__(self, running: Luigid) -> None:
        self.running = running
        self.url = f"http://127.0.0.1:{running.port}"

    def call(self, name: str, **arguments: Any) -> Any:
        """Make a call, and return what is answered."""
        body = urlencode({"data": json.dumps(arguments)})
        status, _, text = self.running.ask("POST", f"/api/{name}", body)
        assert status == 200, (name, status, text)
        return json.loads(text)["response"]

    def until(self, name: str, holds: Callable[[Any], Any], **arguments: Any) -> Any:
        """Make a call again and again until its answer is as it should be; return the answer."""
        end = time.monotonic() + 60
        while True:
            answer = self.call(name, **arguments)
            if holds(answer):
                return answer
            assert time.monotonic() < end, (name, answer, self.running.log[-2000:])
            time.sleep(0.02)  # between two looks

    def id_of(self, query: str) -> str:
        """Return the id of the only task that fits."""
        [row] = self.call("task_page", query=query)["rows"]
        return str(row["id"])


def _work(folder: Path, scheduler: Scheduler, task: str, *options: str) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LUIGI")}
    variables |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}", "UI_PIPELINE": str(folder)}
    variables["LUIGI_CONFIG_PATH"] = str(folder / "worker.cfg")
    command = [sys.executable, "-m", "luigi_clone", "--module", "pipeline", task]
    command += ["--scheduler-url", scheduler.url, "--no-lock", *options]
    log = (folder / f"{task}.log").open("wb")
    with log:
        return subprocess.Popen(
            command, cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True
        )


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Scheduler]:
    """Run a scheduler with what the pipeline leaves behind, and what goes on."""
    (folder / "worker.cfg").write_text("[worker]\nsend_logs = true\nping_interval = 0.1\n")
    with luigid(folder, CONFIG) as running:
        scheduler = Scheduler(running)
        first = _work(folder, scheduler, "Everything", "--worker-id", "etl-01")
        first.wait(120)
        held = _work(folder, scheduler, "Held", "--worker-id", "etl-02", "--workers", "3")
        try:
            is_there = {"running": 1, "batch": 1, "ready": 1, "failed": 2, "disabled": 1}
            scheduler.until(
                "task_page",
                lambda page: all(page["counts"].get(state, 0) >= n for state, n in is_there.items()),
            )
            yield scheduler
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(held.pid, signal.SIGKILL)
            held.wait(30)


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """The scheduler that all tests of the page share. What a test changes it puts back."""
    with filled(tmp_path_factory.mktemp("ui")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser that the tests of a module share: while it runs, so does an event loop in this thread."""
    require_service("Chromium", CHROMIUM, "install Debian's package chromium")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


class Shown:
    """A page in the browser. ``trouble`` is what it reported: a test fails if it is not empty."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.trouble: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_answer)
        page.on("dialog", lambda dialog: self.trouble.append(f"dialog: {dialog.message}"))

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"console: {message.text}")

    def _on_answer(self, answer: Any) -> None:
        if answer.status >= 400:
            self.trouble.append(f"answer: {answer.status} {answer.url}")

    def _on_failure(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page gives up what it needs no more
            self.trouble.append(f"request: {request.url} {request.failure}")

    def open(self, address: str = "#/overview") -> Any:
        """Show a view and wait until it is there; return the page."""
        if "/graph" in address:
            require_service("the layout of graphs", VENDOR.is_dir(), "run bin/vendor")
        self.page.goto(self.url + PAGE + address)
        self.ready()
        return self.page

    def ready(self) -> None:
        """Wait until the view is there and news come in."""
        self.page.wait_for_selector("main:not([aria-busy]) h1")
        self.page.wait_for_selector("#live[data-state=on]")

    def expect(self, selector: str) -> Any:
        """Return Playwright's expectation of what ``selector`` finds."""
        playwright.expect.set_options(timeout=WAIT)
        return playwright.expect(self.page.locator(selector))

    def violations(self) -> list[str]:
        """Return what axe finds: rule, and the element that breaks it."""
        self.page.evaluate(_axe_source())
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
        found = self.page.evaluate("rules => axe.run(document, rules)", rules)["violations"]
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in found
            for node in one["nodes"]
        ]


def _axe_source() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@contextlib.contextmanager
def page_in(context: Any, url: str) -> Iterator[Shown]:
    """Open a page in a context of the browser; it must have nothing to report in the end."""
    page = Shown(context.new_page(), url)
    try:
        yield page
        assert page.trouble == []
    finally:
        page.page.close()


@contextlib.contextmanager
def shown_in(browser: Any, url: str, **how: Any) -> Iterator[Shown]:
    """Open a page in a context of its own: ``how`` is what Playwright's ``new_context`` takes."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **how})
    try:
        with page_in(context, url) as page:
            yield page
    finally:
        context.close()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """A context with the files of the page in its cache: nothing is kept in it otherwise."""
    made = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce"
    )
    yield made
    made.close()


@pytest.fixture
def shown(context: Any, scheduler: Scheduler) -> Iterator[Shown]:
    """A page at 1280 by 800 in the light theme that reports nothing bad."""
    with page_in(context, scheduler.url) as page:
        yield page


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A scheduler that no worker fills, for what only calls can bring about; it keeps a history."""
    from test.ui.by_calls import CONFIG as BARE
    from test.ui.by_calls import ByCalls

    folder = tmp_path_factory.mktemp("bare")
    with luigid(folder, BARE.format(history=folder / "history.db")) as running:
        yield ByCalls(running)


@pytest.fixture
def beside(browser: Any, bare: Any) -> Iterator[Shown]:
    """A page of the scheduler that no worker fills."""
    with shown_in(browser, bare.url, color_scheme="light") as page:
        yield page
