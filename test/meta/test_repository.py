"""Rules about the repository as a whole."""

from __future__ import annotations

import ast
import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

import luigi_clone
from test.console import ROOT

PACKAGE = ROOT / "luigi_clone"
MODULES = sorted(PACKAGE.rglob("*.py"))
DECISIONS = {"fixed", "option", "kept", "later"}
TABLES = sorted((ROOT / "doc" / "differences").glob("*.csv"))


def tracked() -> list[Path]:
    """Return the files under version control; outside a repository (an unpacked sdist) the files on disk."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    if listed.returncode or not names:
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and ".venv" not in str(p)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def dotted(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# ---- the table of differences


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_of_differences_is_well_formed(table):
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["entry", "decision", "what", "test"]
    entries = [re.fullmatch(r"(\d+)([a-z]?)", row["entry"]) for row in rows]
    assert all(entries), "an entry is the number of its place in the list, with a letter where it has parts"
    for row in rows:
        assert row["decision"] in DECISIONS, row
        assert row["what"].strip(), row
        assert bool(row["test"]) or row["decision"] != "fixed", f"a fixed entry names its test: {row}"


@pytest.mark.parametrize("document", sorted({table.name[:2] for table in TABLES}))
def test_the_tables_of_a_document_leave_no_entry_out_and_name_none_twice(document):
    entries = []
    for table in TABLES:
        if table.name.startswith(document):
            with table.open(encoding="utf-8", newline="") as file:
                entries += [row["entry"] for row in csv.DictReader(file)]
    assert len(set(entries)) == len(entries)
    numbers = {int(entry.rstrip("abcdefghijklmnopqrstuvwxyz")) for entry in entries}
    assert sorted(numbers) == list(range(1, max(numbers) + 1))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_tests_that_a_table_names_exist(table):
    with table.open(encoding="utf-8", newline="") as file:
        named = [name for row in csv.DictReader(file) for name in row["test"].split()]
    missing = []
    for name in named:
        path, *parts = name.split("::")
        functions = functions_of(ROOT / path) if (ROOT / path).is_file() else set()
        if "::".join(parts).partition("[")[0] not in functions:
            missing.append(name)
    assert not missing


def functions_of(file: Path) -> set[str]:
    """Return the tests of a file as pytest names them: ``test_x``, ``TestY::test_x``."""
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            names |= {node.name, *(f"{node.name}::{function.name}" for function in inner)}
    return names


# ---- what does not belong into a file

MACHINE_PATH = re.compile(r"(?<![\w./<-])/(?:work|root|home|Users)/\w")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?! )|\b(?:TODO|FIXME)\b[:( ]")


def test_no_file_names_a_place_on_one_machine():
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in tracked()
        if file != Path(__file__)
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found


def test_nothing_is_marked_as_unfinished():
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in tracked()
        if file != Path(__file__)
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found


def test_news_fragments_are_named_after_what_they_tell():
    names = [file.name for file in (ROOT / "doc" / "changelog.d").iterdir()]
    assert all(re.fullmatch(r"[\w.-]+\.(added|changed|fixed|removed)\.md", name) for name in names), names


# ---- sizes


def test_no_file_of_the_package_has_outgrown_itself():
    sizes = {dotted(file): len(text_of(file).splitlines()) for file in MODULES}
    assert {name: size for name, size in sizes.items() if size > 800} == {}


# ---- imports


def imports_of(file: Path) -> set[str]:
    """Return the dotted names that a module imports anywhere, ``from a import b`` as ``a`` and ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


EXPORTS = {
    name
    for name in luigi_clone.__all__
    if not (PACKAGE / f"{name}.py").exists() and not (PACKAGE / name).is_dir()
}


@pytest.mark.parametrize("file", MODULES, ids=dotted)
def test_modules_import_modules_and_never_the_package_root(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            assert "luigi_clone" not in {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports inside the package are absolute"
            # a submodule may be taken from the root by name, what the root exports may not
            if node.module == "luigi_clone":
                assert not {alias.name for alias in node.names} & EXPORTS


OUTSIDE = {"os", "time", "random", "socket", "logging", "threading", "asyncio", "sqlite3", "tornado"}


@pytest.mark.parametrize("file", sorted((PACKAGE / "_scheduling").glob("*.py")), ids=dotted)
def test_the_state_machine_touches_nothing_outside(file):
    assert not {name.partition(".")[0] for name in imports_of(file)} & OUTSIDE


HEAVY = ["tornado", "sqlalchemy", "sqlite3", "asyncio", "multiprocessing"]


def test_a_pipeline_loads_nothing_heavy():
    code = (
        "import sys; import luigi_clone as luigi; "
        "luigi.Task, luigi.Parameter, luigi.LocalTarget, luigi.build; "
        f"sys.exit(' '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ---- documentation


def is_public(file: Path) -> bool:
    return not any(part.startswith("_") for part in file.relative_to(PACKAGE).parts if part != "__init__.py")


PUBLIC = [dotted(file) for file in MODULES if is_public(file) and file != PACKAGE / "__init__.py"]


def test_every_public_module_is_in_the_reference():
    pages = "\n".join(text_of(page) for page in (ROOT / "doc" / "reference").glob("*.rst"))
    described = set(re.findall(r"\.\. (?:automodule|autoprogram|module):: (\S+)", pages))
    assert set(PUBLIC) - described == set()
    assert described - set(PUBLIC) - {"luigi_clone"} == set()
