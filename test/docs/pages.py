"""Reads the files and commands out of a page of the documentation, carries them out and compares the output.

Understood in reStructuredText:

* ``.. code-block:: LANGUAGE`` with ``:caption: FILE``: the file appears in the working folder at this point;
* ``.. literalinclude:: PATH`` with ``:caption: FILE``: so does a copy of that file;
* ``.. code-block:: console``: lines that start with ``$`` are commands (``>`` continues one), the lines below
  each are what it prints. ``...`` stands for any text within a line and, alone on a line, for any number of
  lines.

In Markdown the same with fenced blocks, a file's name being the comment on the first line of a block.

One shell carries out a page, so that ``cd`` and ``export`` last. A command must end with exit status 0,
unless the next one is ``echo $?``.
"""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MARK = "@@ end of command"


class File(NamedTuple):
    """A file that the page shows."""

    name: str
    content: str


class Command(NamedTuple):
    """A command that the page shows, and what it says is printed."""

    line: int
    text: str
    expected: list[str]


class Mismatch(AssertionError):
    """What a page says is not what happens."""


def steps(page: Path) -> Iterator[File | Command]:
    """Yield the files and commands of a page in order."""
    blocks = markdown_blocks(page) if page.suffix == ".md" else rest_blocks(page)
    for line, language, caption, body in blocks:
        if language == "console":
            yield from commands(line, body)
        elif caption:
            yield File(caption, body)


def rest_blocks(page: Path) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line number, language, caption, content) of each block of a reStructuredText page."""
    lines = page.read_text().splitlines()
    number = 0
    while number < len(lines):
        found = re.match(r"( *)\.\. (code-block|literalinclude):: (\S+)$", lines[number])
        number += 1
        if not found:
            continue
        indent = len(found[1])
        options = {}
        while number < len(lines) and (option := re.match(r" +:([\w-]+): ?(.*)$", lines[number])):
            options[option[1]] = option[2]
            number += 1
        caption = options.get("caption", "")
        if found[2] == "literalinclude":
            yield number, "include", caption, (page.parent / found[3]).read_text()
            continue
        start = number
        while number < len(lines) and (not lines[number] or lines[number].startswith(" " * (indent + 1))):
            number += 1
        body = textwrap.dedent("\n".join(lines[start:number])).strip("\n") + "\n"
        yield start + 2, found[3], caption, body


def markdown_blocks(page: Path) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line number, language, caption, content) of each fenced block of a Markdown page."""
    text = page.read_text()
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        name = re.match(r"# (\S+\.\w+)\n", found[2])
        yield text.count("\n", 0, found.start()) + 2, found[1], name[1] if name else "", found[2]


def commands(line: int, body: str) -> Iterator[Command]:
    """Yield the commands of a console block that starts at ``line``."""
    current: Command | None = None
    for number, text in enumerate(body.splitlines(), line):
        if text.startswith("$ "):
            if current:
                yield current
            current = Command(number, text[2:], [])
        elif current is None:
            raise Mismatch(f"line {number}: a console block starts with a command, not with {text!r}")
        elif text.startswith("> ") and not current.expected:
            current = current._replace(text=f"{current.text}\n{text[2:]}")
        else:
            current.expected.append(text)
    if current:
        yield current


def run(page: Path, folder: Path, env: dict[str, str], timeout: float = 100) -> int:
    """Carry out a page in ``folder``; return the number of its commands, raise Mismatch where it is wrong."""
    shown = list(steps(page))
    script = ["exec 2>&1"]
    for step in shown:
        if isinstance(step, File):
            script += [f"cat >{step.name} <<'@@ end of file'", f"{step.content}@@ end of file"]
            if os.path.dirname(step.name):
                script.insert(-2, f"mkdir -p {os.path.dirname(step.name)}")
        else:
            script += [step.text, f"set -- $?; printf '\\n{MARK} %s\\n' $1; (exit $1)"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    outputs = re.split(rf"\n{MARK} (\d+)\n", done.stdout)
    wanted = [step for step in shown if isinstance(step, Command)]
    for number, command in enumerate(wanted):
        if 2 * number + 1 >= len(outputs):
            raise Mismatch(f"{page.name}:{command.line}: not reached: {command.text}\n{done.stdout[-2000:]}")
        output, status = outputs[2 * number], int(outputs[2 * number + 1])
        asks_status = number + 1 < len(wanted) and wanted[number + 1].text == "echo $?"
        if status and not asks_status:
            raise Mismatch(f"{page.name}:{command.line}: exit status {status}: {command.text}\n{output}")
        if not matches(command.expected, output):
            said = "\n".join(["--- the page says", *command.expected, "--- printed", output])
            raise Mismatch(f"{page.name}:{command.line}: {command.text}\n{said}")
    return len(wanted)


def matches(expected: list[str], output: str) -> bool:
    """Whether ``output`` is what ``expected`` says; blanks and empty lines at the ends do not count."""
    pattern = []
    for line in "\n".join(expected).strip("\n").splitlines():
        if line.strip() == "...":
            pattern.append(r"(?:[^\n]*\n)*?")
        else:
            pattern.append(r"[^\n]*?".join(map(re.escape, line.rstrip().split("..."))) + r"[ \t]*\n")
    text = output.strip("\n")
    return re.fullmatch("".join(pattern), text + "\n" if text else "") is not None
