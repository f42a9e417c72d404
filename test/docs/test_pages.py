"""Every command in the documentation and the README does what is said there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from test import console
from test.docs import pages
from test.services import require_service

ROOT = console.ROOT
PAGES = [ROOT / "README.md", *sorted((ROOT / "doc").rglob("*.rst"))]
WITH_COMMANDS = [page for page in PAGES if any(isinstance(step, pages.Command) for step in pages.steps(page))]


def identify(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=identify)
def test_commands_print_what_the_page_says(page, tmp_path):
    if page.name == "typing.rst":
        require_service("the package, installed", console.installed(), "type checkers look at nothing else")
    folder = tmp_path / "work"
    folder.mkdir()
    assert pages.run(page, folder, console.environment(tmp_path)) > 0


def test_there_are_pages_with_commands():
    assert {"README.md", "tutorial.rst"} <= {page.name for page in WITH_COMMANDS}


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_python_on_the_page_compiles(page):
    blocks = pages.markdown_blocks(page) if page.suffix == ".md" else pages.rest_blocks(page)
    for line, language, _, body in blocks:
        if language == "python":
            ast.parse(body, filename=f"{page.name}:{line}")
