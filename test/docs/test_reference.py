"""The tables of options in the reference are those of the classes."""

from __future__ import annotations

import importlib
import re

import pytest

from test.console import ROOT

SECTIONS = {
    "core": ("interface", "core"),
    "worker": ("worker", "worker"),
    "scheduler": ("scheduler", "scheduler"),
    "retcode": ("retcodes", "retcode"),
    "execution_summary": ("execution_summary", "execution_summary"),
    "email": ("notifications", "email"),
    "smtp": ("notifications", "smtp"),
    "batch_email": ("batch_notifier", "batch_email"),
}


def documented(section):
    text = (ROOT / "doc" / "reference" / "configuration.rst").read_text()
    part = text.split(f"\n[{section}]\n---", 1)[1].split("\n[", 1)[0]
    return re.findall(r"^([a-z]\w+) {2,}\S", part.split("Read besides")[0], re.MULTILINE) + re.findall(
        r"^([a-z]\w+) +\(none\)$", part, re.MULTILINE
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_the_options_of_a_section(section):
    module, name = SECTIONS[section]
    config = getattr(importlib.import_module(f"luigi_clone.{module}"), name)
    assert set(documented(section)) == set(config.get_param_names(include_significant=True))
