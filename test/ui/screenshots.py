"""Pictures of the page for the documentation: what the tests' pipeline leaves. Run by bin/screenshots."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from test.ui.conftest import ARGUMENTS, CHROMIUM, ROOT, filled, shown_in

SIZE = {"width": 1280, "height": 720}
PICTURES = (
    ("overview", "light", "#/overview"),
    ("overview", "dark", "#/overview"),
    ("tasks", "light", "#/tasks"),
)
"""Name, theme and address of each. No traceback: it would show where the checkout is."""


def take(folder: Path) -> None:
    """Take all pictures, and say where they are."""
    with (
        tempfile.TemporaryDirectory() as place,
        filled(Path(place)) as scheduler,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, theme, address in PICTURES:
            with shown_in(browser, scheduler.url, viewport=SIZE, color_scheme=theme) as shown:
                page = shown.open(address)
                page.wait_for_function("!document.querySelector('.skeleton, .sk')")
                picture = folder / f"page-{name}-{theme}.png"
                page.screenshot(path=picture, animations="disabled")
                print(picture)
        browser.close()


if __name__ == "__main__":
    if CHROMIUM is None:
        sys.exit("There is no chromium on the PATH. On Debian and Ubuntu: apt-get install chromium")
    target = ROOT / "doc" / "_static"
    target.mkdir(exist_ok=True)
    take(target)
