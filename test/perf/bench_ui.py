"""What the page costs in the browser: first paint, bytes, memory while it is told of changes.

    python test/perf/bench_ui.py [TASKS]

Starts a ``luigid`` with so many tasks (100,000 unless said otherwise) and Chromium. Prints, for the overview
and the list with nothing in the browser's cache: ms until the first paint, and until the numbers or rows are
there; kB that came over the network. Then what scripts hold (after a collection) before and after 10,000
updates of the tasks on view. The goals: 1 s, 250 kB, and no more memory after than before, but for 1 MB.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Browser, Page, sync_playwright

from test.doors.servers import Luigid, luigid
from test.ui.conftest import ARGUMENTS, CHROMIUM, CONFIG, PAGE

UPDATES, ON_VIEW = 10_000, 50
READY = {"overview": ".board .big", "tasks": ".tasks tbody tr[data-id]"}
STATES = ("PENDING",) * 6 + ("DONE",) * 3 + ("FAILED",)


def batch(connection: http.client.HTTPConnection, calls: list[dict[str, Any]]) -> None:
    """Make calls by one request."""
    connection.request(
        "POST", "/api/batch", json.dumps({"calls": calls}), {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200


def fill(running: Luigid, count: int) -> None:
    """Let the scheduler know so many tasks."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=120)
    for first in range(0, count, 1000):
        calls = [
            {
                "call": "add_task",
                "arguments": {
                    "worker": "etl-01",
                    "task_id": f"Family{n % 40}_{n}",
                    "family": f"Family{n % 40}",
                    "params": {"number": str(n), "carrier": "EV"},
                    "status": STATES[n % len(STATES)],
                    "deps": [f"Family{(n - 40) % 40}_{n - 40}"] if n >= 40 else [],
                },
            }
            for n in range(first, min(first + 1000, count))
        ]
        batch(connection, calls)
    connection.close()


def first_look(browser: Browser, url: str, view: str) -> None:
    """Measure how soon a view is there, and what it takes."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    received = [0]
    network.on("Network.dataReceived", lambda event: received.append(event["encodedDataLength"]))
    begun = time.perf_counter()
    page.goto(f"{url}{PAGE}#/{view}", wait_until="commit")
    page.wait_for_selector(READY[view])
    there = time.perf_counter() - begun
    # of the page's own clock: when the selector was there is known a little late
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN")
    size = sum(received) / 1000
    print(f"{view:9} first paint {paint:5.0f} ms, content {1000 * there:5.0f} ms, {size:4.0f} kB")
    context.close()


def held(page: Page) -> float:
    """Return the MB that scripts hold after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    size: float = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return size / 1e6


def updates(browser: Browser, running: Luigid, url: str) -> None:
    """Change the tasks on view again and again."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.goto(f"{url}{PAGE}#/tasks?q=status:pending&sort=family")
    page.wait_for_selector(READY["tasks"])
    page.wait_for_selector("#live[data-state=on]")
    ids = page.eval_on_selector_all("tr[data-id]", "rows => rows.map(row => row.dataset.id)")
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=120)

    def told(number: int) -> None:
        calls = [
            {"call": "set_task_status_message", "arguments": {"task_id": one, "status_message": f"{number}"}}
            for one in ids
        ]
        calls += [{"call": "disable_task" if number % 2 else "enable_task", "arguments": {"task_id": ids}}]
        batch(connection, calls)
        other = ":not(.s-disabled)" if number % 2 else ".s-disabled"
        page.wait_for_selector(f".tasks tbody:not(:has(td.c-st > .st{other}))")

    for number in range(1, 21):
        told(number)
    before = held(page)
    rounds = UPDATES // len(ids)
    begun = time.perf_counter()
    for number in range(21, 21 + rounds):
        told(number)
    after = held(page)
    nodes = page.evaluate("document.querySelectorAll('*').length")
    seconds = time.perf_counter() - begun
    done = f"{rounds * len(ids):,} updates of rows in {seconds:.0f} s"
    print(f"memory    {before:.2f} MB, after {done} {after:.2f} MB ({nodes} elements)")
    connection.close()
    page.close()


def main() -> None:
    """Measure all of it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, luigid(folder, CONFIG) as running:
        begun = time.perf_counter()
        fill(running, count)
        print(f"{count:,} tasks told in {time.perf_counter() - begun:.0f} s")
        url = f"http://127.0.0.1:{running.port}"
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for view in READY:
                for _ in range(3):
                    first_look(browser, url, view)
            updates(browser, running, url)
            browser.close()


if __name__ == "__main__":
    main()
