"""``luigi-deps-tree``: show a task and what it requires as a tree, with the state of each task."""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING

from luigi_clone import alias
from luigi_clone.cmdline_parser import CmdlineParser
from luigi_clone.task import flatten

if TYPE_CHECKING:
    from luigi_clone.task import Task

_COMPLETE = "\x1b[92mCOMPLETE\x1b[0m"
_PENDING = "\x1b[94mPENDING\x1b[0m"


def print_tree(task: Task, indent: str = "", last: bool = True) -> str:
    """Return the tree of ``task``, each line with a line break in front.

    A task that is required from several places is shown at each of them; its ``complete()`` and
    ``requires()`` are called once.
    """
    lines: list[str] = []
    seen: dict[Task, tuple[str, list[Task]]] = {}
    stack = [(task, indent, last)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* without outputs has no custom complete")
        while stack:
            current, margin, is_last = stack.pop()
            if current not in seen:
                seen[current] = (_describe(current), flatten(current.requires()))
            text, children = seen[current]
            lines.append(f"\n{margin}{'└─--' if is_last else '|---'}[{text}]")
            inner = margin + ("    " if is_last else "|   ")
            for position, child in enumerate(reversed(children)):
                stack.append((child, inner, position == 0))
    return "".join(lines)


def _describe(task: Task) -> str:
    name = type(task).__name__
    parameters = task.to_str_params(only_significant=True)
    return f"{name}-{parameters} ({_COMPLETE if task.complete() else _PENDING})"


def main() -> None:
    """Run the command; its arguments are those of ``luigi``."""
    if "_ARGCOMPLETE" in os.environ:
        from luigi_clone._terminal import completion

        completion.complete()
    alias.install()
    with CmdlineParser.global_instance(sys.argv[1:]) as parser:
        print(print_tree(parser.get_task_obj()))  # noqa: T201


if __name__ == "__main__":
    main()
