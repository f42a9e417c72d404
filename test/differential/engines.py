"""Runs a small pipeline on stock Luigi and on this engine and makes their outputs comparable."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from test import console

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Case:
    """A pipeline and the command lines it is run with, in the same folder, one after the other."""

    name: str
    module: str
    """Source of ``pipeline.py``, which says ``import luigi``."""
    runs: tuple[str, ...]
    """Each one the arguments of ``luigi``, or of ``python`` where it begins with ``python ``."""
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    siblings: bool = False
    """Equal-rank siblings run in any order on Luigi: lines are compared as a multiset."""
    ignore: tuple[str, ...] = ()
    """Patterns of lines that are left out on both sides; each has its row in the table of differences."""
    compare_stderr: bool = True
    """False where the table of differences has a row about the text on the standard error."""


@dataclass(frozen=True)
class Engine:
    """How ``luigi`` and ``python`` are called so that ``import luigi`` means this engine."""

    name: str
    luigi: tuple[str, ...]
    python: tuple[str, ...]
    library: str
    """Name of the library's own top-level package."""


_RUN_UNDER_ALIAS = (
    "import sys, runpy; import luigi_clone.alias as a; a.install(); "
    "sys.argv.pop(0); sys.path.insert(0, ''); runpy.run_path(sys.argv[0], run_name='__main__')"
)
THIS = Engine(
    "luigi_clone",
    (sys.executable, "-m", "luigi_clone"),
    (sys.executable, "-c", _RUN_UNDER_ALIAS),
    "luigi_clone",
)


def stock(venv: Path) -> Engine:
    """Return the Luigi installed in ``venv``."""
    python = str(venv / "bin" / "python")
    return Engine("luigi", (python, "-m", "luigi"), (python,), "luigi")


@dataclass(frozen=True)
class Outcome:
    """What one command line showed and left behind, normalised."""

    arguments: str
    exit_code: int
    stdout: list[str]
    stderr: list[str]
    files: dict[str, str]


def run_case(case: Case, engine: Engine, folder: Path, timeout: float = 60) -> list[Outcome]:
    """Run all command lines of ``case`` in ``folder`` and return an outcome for each."""
    (folder / "pipeline.py").write_text(case.module, encoding="utf-8")
    for name, text in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [_run(case, arguments, engine, folder, timeout) for arguments in case.runs]


def _run(case: Case, arguments: str, engine: Engine, folder: Path, timeout: float) -> Outcome:
    words = shlex.split(arguments)
    command = [*engine.python, *words[1:]] if words[:1] == ["python"] else [*engine.luigi, *words]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LUIGI", "PYTEST", "COV_"))}
    environment.update(PYTHONPATH=f"{folder}{os.pathsep}{ROOT}" if engine is THIS else str(folder))
    environment.update(PYTHONDONTWRITEBYTECODE="1", COLUMNS="200", LC_ALL="C.UTF-8", NO_COLOR="1")
    environment.pop("PYTHONWARNINGS", None)
    # the process lock lies in the temporary folder: runs of the same command line must not meet there
    environment["TMPDIR"] = console.temporary_folder()
    environment.update(case.environment)
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Outcome(
        arguments,
        done.returncode,
        _normalised(done.stdout, case, engine, folder),
        _normalised(done.stderr, case, engine, folder) if case.compare_stderr else [],
        {
            str(p.relative_to(folder)): _plain(
                p.read_text(encoding="utf-8", errors="replace"), engine, folder
            )
            for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name not in {"pipeline.py", *case.files} and "-luigi-tmp-" not in p.name
        },
    )


_REPLACEMENTS = [
    (re.compile(r"salt=\d+"), "salt=<salt>"),
    (re.compile(r"host=[^,)]*"), "host=<host>"),
    (re.compile(r"Host: \S+"), "Host: <host>"),
    (re.compile(r"username=[^,)]*"), "username=<user>"),
    (re.compile(r"pid=\d+"), "pid=<pid>"),
    (re.compile(r"\[pid \d+\]"), "[pid <pid>]"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x<address>"),
    (re.compile(r"luigi-tmp-\d+"), "luigi-tmp-<number>"),
    (re.compile(r"Sleeping for [\d.]+ seconds"), "Sleeping for <n> seconds"),
]


def _plain(text: str, engine: Engine, folder: Path) -> str:
    text = text.replace(str(folder), "<folder>")
    if engine.library != "luigi":
        text = text.replace(engine.library, "luigi")
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return text


def _normalised(text: str, case: Case, engine: Engine, folder: Path) -> list[str]:
    lines = _without_foreign_frames(_plain(text, engine, folder).split("\n"))
    lines = _without_foreign_contexts(_without_places_of_warnings(lines))
    ignored = [re.compile(pattern) for pattern in case.ignore]
    lines = [line for line in lines if not any(pattern.search(line) for pattern in ignored)]
    return sorted(lines) if case.siblings else lines


_FRAME = re.compile(r'^(\s*)File "(?P<path>[^"]*)", line \d+')


def _without_foreign_frames(lines: list[str]) -> list[str]:
    """Drop the frames of tracebacks, and the frames' source lines, that are not in the pipeline itself."""
    kept: list[str] = []
    foreign_indent: int | None = None
    for line in lines:
        frame = _FRAME.match(line)
        indent = len(line) - len(line.lstrip())
        if frame:
            foreign_indent = None if frame["path"].startswith("<folder>") else indent
            if foreign_indent is None:
                kept.append(re.sub(r", line \d+", "", line))
        elif foreign_indent is None or not line.strip() or indent <= foreign_indent:
            foreign_indent = None
            if not re.fullmatch(r"\s*[\^~]+\s*", line):
                kept.append(line)
    return kept


_CONTEXTS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


def _without_foreign_contexts(lines: list[str]) -> list[str]:
    """Drop an exception that another one followed, when no frame of the pipeline is in its traceback."""
    kept: list[str] = []
    start = 0
    just_dropped = False
    for line in lines:
        if line.startswith("Traceback "):
            start = len(kept)
        if not (just_dropped and not line):
            kept.append(line)
        just_dropped = line in _CONTEXTS and not any(
            part.lstrip().startswith("File ") for part in kept[start:]
        )
        if just_dropped:
            del kept[start:]
    return kept


def _without_places_of_warnings(lines: list[str]) -> list[str]:
    """Drop the place of a warning and the source line below it: both engines warn from lines of their own."""
    kept: list[str] = []
    after_warning = False
    for line in lines:
        place = re.match(r"\S+:\d+: (?=\w+Warning: )", line)
        if not (after_warning and line.startswith("  ")):
            kept.append(line[place.end() :] if place else line)
        after_warning = place is not None
    return kept
