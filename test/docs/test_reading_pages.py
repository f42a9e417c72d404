"""The reader of pages itself: what is wrong on a page is found."""

from __future__ import annotations

import pytest

from test import console
from test.docs import pages

PAGE = r"""
Title
=====

.. code-block:: text
   :caption: greeting.txt

   Hello
     there

.. code-block:: console

   $ cat greeting.txt
   Hello
     there
   $ printf 'a %s\n' 1 2 \
   >     3
   a 1
   ...
   a 3
   $ false
   $ echo $?
   1
"""


def page(tmp_path, text):
    file = tmp_path / "page.rst"
    file.write_text(text)
    return file


def run(tmp_path, text):
    return pages.run(page(tmp_path, text), tmp_path, console.environment(tmp_path))


def test_a_correct_page_is_carried_out(tmp_path):
    assert run(tmp_path, PAGE) == 4
    assert (tmp_path / "greeting.txt").read_text() == "Hello\n  there\n"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("   Hello\n     there\n   $", "   Hullo\n     there\n   $"),
        ("   Hello\n     there\n   $", "   Hello\n   $"),
        ("   a 3\n", "   a 4\n"),
        ("   $ echo $?\n   1\n", ""),
    ],
    ids=["another line", "a line too few", "after an ellipsis", "an exit status not asked for"],
)
def test_a_wrong_page_is_found(tmp_path, right, wrong):
    assert right in PAGE
    with pytest.raises(pages.Mismatch):
        run(tmp_path, PAGE.replace(right, wrong))


def test_a_command_not_reached_is_found(tmp_path):
    with pytest.raises(pages.Mismatch, match="not reached"):
        run(tmp_path, ".. code-block:: console\n\n   $ exit 0\n   $ echo more\n   more\n")


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        (["a", "...", "b"], "a\nb", True),
        (["a", "...", "b"], "a\nx\ny\nb\n", True),
        (["a", "...", "b"], "a\nx\n", False),
        (["pid ... ran"], "pid 12 ran", True),
        (["pid ... ran"], "pid 12\nran", False),
        (["a.c"], "abc", False),
        ([], "", True),
        ([], "something", False),
    ],
)
def test_matches(expected, output, same):
    assert pages.matches(expected, output) is same
