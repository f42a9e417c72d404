"""What mypy and pyright make of tasks, without and with the plugin for mypy.

The same files are looked at as they are, saying ``import luigi``, by the stubs that
``luigi_clone.tools.stubs`` writes, and with ``import luigi_clone as luigi``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from test.console import ROOT
from test.typing import checkers
from test.typing.checkers import CASES, Finding

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("type-checkers")]

DIRECT = {"good.py": "good_direct.py", "bad.py": "bad_direct.py"}
FILES = [*DIRECT, *DIRECT.values()]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return the folder of a project that has type-checked files, half of which name the package itself."""
    folder = tmp_path_factory.mktemp("project")
    checkers.write_stubs(folder)
    for name, direct in DIRECT.items():
        shutil.copy(CASES / name, folder)
        source = (CASES / name).read_text()
        source = re.sub(r"^import luigi$", "import luigi_clone as luigi", source, flags=re.MULTILINE)
        source = re.sub(r"^( *)(import|from) luigi\b(?!_)", r"\1\2 luigi_clone", source, flags=re.MULTILINE)
        (folder / direct).write_text(source)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def by_mypy(project, cache):
    return checkers.mypy(project, *FILES, cache=cache)


@pytest.fixture(scope="module")
def by_pyright(project):
    found = checkers.pyright(project, *FILES)
    # there is no module luigi to be imported until the alias is installed, and pyright warns of that
    assert {one.code for one in found if one.severity == "warning"} == {"reportMissingModuleSource"}
    return [one for one in found if one.severity != "warning"]


@pytest.fixture(params=["mypy", "pyright"])
def findings(request):
    return request.getfixturevalue(f"by_{request.param}")


def marked(file: Path) -> list[int]:
    return [number for number, line in enumerate(file.read_text().splitlines(), 1) if line.endswith("# bad")]


def in_file(findings: list[Finding], name: str) -> list[Finding]:
    return [found for found in findings if found.file == name]


@pytest.mark.parametrize("name", ["good.py", "good_direct.py"])
def test_nothing_is_found_in_correct_uses(findings, name):
    assert in_file(findings, name) == []


@pytest.mark.parametrize("name", ["bad.py", "bad_direct.py"])
def test_each_mistake_is_found_and_nothing_else(findings, name):
    lines = {found.line for found in in_file(findings, name) if found.severity == "error"}
    assert sorted(lines) == marked(CASES / "bad.py")


def test_there_are_mistakes_of_all_kinds(by_mypy):
    codes = {found.code for found in in_file(by_mypy, "bad.py")}
    assert codes >= {"arg-type", "call-arg", "assignment", "attr-defined", "index", "operator"}


def test_the_correct_uses_run(tmp_path):
    code = "import runpy, luigi_clone.alias; luigi_clone.alias.install(); runpy.run_path('good.py')"
    shutil.copy(CASES / "good.py", tmp_path)
    done = checkers.run([sys.executable, "-W", "error", "-c", code], tmp_path, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")


# -- the stubs


def test_stubs_do_not_change_luigi_for_other_projects(tmp_path, cache):
    stock = tmp_path / "typings" / "luigi"  # stands for an installed Luigi
    stock.mkdir(parents=True)
    (stock / "py.typed").touch()
    (stock / "__init__.py").write_text("class Task:\n    theirs: int = 1\n")
    (tmp_path / "use.py").write_text(
        "import luigi\nimport luigi_clone\nprint(luigi.Task().theirs)\nprint(luigi_clone.Task().theirs)\n"
    )
    found = checkers.mypy(tmp_path, "use.py", cache=cache)
    assert [(one.line, one.text) for one in found] == [(4, '"Task" has no attribute "theirs"')]


def test_every_public_module_has_a_stub(project):
    written = {
        str(file.relative_to(project / "typings" / "luigi").with_suffix(""))
        for file in (project / "typings" / "luigi").rglob("*.pyi")
    }
    package = ROOT / "luigi_clone"
    modules = {str(file.relative_to(package).with_suffix("")) for file in package.rglob("*.py")}
    public = {name for name in modules if not re.search(r"(^|/)_(?!_)", name) and name != "__main__"}
    assert written == public


def test_stubs_replace_those_of_an_earlier_run(tmp_path):
    checkers.write_stubs(tmp_path)
    root = tmp_path / "typings" / "luigi"
    before = {file: file.read_text() for file in root.rglob("*.pyi")}
    stale = root / "gone.pyi"
    stale.write_text((root / "task.pyi").read_text())
    (root / "task.pyi").write_text((root / "event.pyi").read_text())
    checkers.write_stubs(tmp_path)
    assert {file: file.read_text() for file in root.rglob("*.pyi")} == before


def test_stubs_replace_nothing_else(tmp_path):
    own = tmp_path / "typings" / "luigi" / "__init__.pyi"
    own.parent.mkdir(parents=True)
    own.write_text("x: int\n")
    done = checkers.run([sys.executable, "-m", "luigi_clone.tools.stubs"], tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "typings/luigi/__init__.pyi was not written by this command" in done.stderr
    assert [file.name for file in own.parent.iterdir()] == ["__init__.pyi"]
    assert own.read_text() == "x: int\n"


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["a", "b"], 2), (["--what"], 2)])
def test_the_command_tells_how_it_is_used(tmp_path, arguments, status):
    command = [sys.executable, "-m", "luigi_clone.tools.stubs", *arguments]
    done = checkers.run(command, tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == status
    assert (done.stderr if status else done.stdout).startswith(
        "usage: python -m luigi_clone.tools.stubs [FOLDER]"
    )
    assert os.listdir(tmp_path) == []


# -- the plugin


@pytest.fixture(scope="module")
def with_plugin(project, tmp_path_factory):
    shutil.copy(CASES / "with_plugin.py", project)
    return checkers.mypy(
        project,
        "with_plugin.py",
        cache=tmp_path_factory.mktemp("plugin"),
        options={"plugins": "luigi_clone.mypy"},
    )


def said(findings: list[Finding]) -> dict[int, set[str]]:
    """Return what is said of each line, revealed types and errors, without what explains an error."""
    lines: dict[int, set[str]] = {}
    for found in findings:
        revealed = re.fullmatch(r'Revealed type is "(.*)"', found.text)
        if revealed:
            lines.setdefault(found.line, set()).add(f"reads: {revealed[1]}")
        elif found.severity == "error":
            lines.setdefault(found.line, set()).add(f"error: {found.text}")
    return lines


def test_the_plugin_says_what_it_is_to_say(with_plugin):
    expected = {}
    for number, line in enumerate((CASES / "with_plugin.py").read_text().splitlines(), 1):
        mark = re.search(r"  # (error|reads): (.*)", line)
        if mark:
            texts = mark[2].split(" | ") if mark[1] == "error" else [mark[2]]
            expected[number] = {f"{mark[1]}: {text}" for text in texts}
    assert said(with_plugin) == expected


def test_the_plugin_remembers_parameters_of_other_modules(tmp_path, cache):
    options = {"plugins": "luigi_clone.mypy", "strict": "false"}
    use = "import base\nclass B(base.A):\n    y: str = base.luigi.Parameter()\nreveal_type(B)\n"
    (tmp_path / "base.py").write_text(
        "import luigi_clone as luigi\nclass A(luigi.Task):\n    x: int = luigi.IntParameter()\n"
    )
    (tmp_path / "use.py").write_text(use)
    revealed = 'Revealed type is "def (*, x: int =, y: str =) -> use.B"'
    assert [one.text for one in checkers.mypy(tmp_path, "use.py", cache=cache, options=options)] == [revealed]
    (tmp_path / "use.py").write_text(use + "B(x='a')\n")  # analysed anew, with base.py as remembered
    again = checkers.mypy(tmp_path, "use.py", cache=cache, options=options)
    assert [one.text for one in again] == [
        revealed,
        'Argument "x" to "B" has incompatible type "str"; expected "int"',
    ]


def test_the_plugin_waits_for_modules_that_import_each_other(tmp_path, cache):
    (tmp_path / "one.py").write_text(
        "from __future__ import annotations\nimport luigi_clone as luigi\nimport two\n"
        "class One(luigi.Task):\n    x: two.Number = two.Kind()\n"
    )
    (tmp_path / "two.py").write_text(
        "from __future__ import annotations\nimport one\n"
        "class Two(one.One):\n    y: Number = one.luigi.IntParameter()\n"
        "Number = int\nclass Kind(one.luigi.IntParameter): ...\nreveal_type(Two)\n"
    )
    options = {"plugins": "luigi_clone.mypy", "strict": "false"}
    found = checkers.mypy(tmp_path, "two.py", "one.py", cache=cache, options=options)
    assert [one.text for one in found] == ['Revealed type is "def (*, x: int =, y: int =) -> two.Two"']


def test_the_plugin_knows_luigis_own_names(tmp_path, cache):
    stock = tmp_path / "typings" / "luigi"  # stands for an installed Luigi
    stock.mkdir(parents=True)
    (stock / "__init__.py").write_text(
        "from luigi.parameter import IntParameter as IntParameter\nfrom luigi.task import Task as Task\n"
    )
    (stock / "task.py").write_text(
        "from typing import Any\n"
        "class Task:\n    def __init__(self, *args: Any, **kwargs: Any) -> None: ...\n"
    )
    (stock / "parameter.py").write_text(
        "from typing import Any, Generic, TypeVar\nT = TypeVar('T')\n"
        "class Parameter(Generic[T]):\n    def __init__(self, default: Any = None) -> None: ...\n"
        "class IntParameter(Parameter[int]): ...\n"
    )
    (tmp_path / "use.py").write_text(
        "import luigi\nclass A(luigi.Task):\n    x: int = luigi.IntParameter()\nreveal_type(A)\n"
    )
    found = checkers.mypy(tmp_path, "use.py", cache=cache, options={"plugins": "luigi_clone.mypy"})
    assert [one.text for one in found] == ['Revealed type is "def (*, x: int =) -> use.A"']


def test_the_plugin_has_the_names_that_mypy_and_others_look_for():
    code = (
        "import luigi_clone.alias; luigi_clone.alias.install()\n"
        "import luigi.mypy, luigi_clone.mypy, mypy.plugin\n"
        "assert luigi.mypy is luigi_clone.mypy\n"
        "assert luigi.mypy.plugin('2.0') is luigi.mypy.TaskPlugin\n"
        "assert issubclass(luigi.mypy.TaskPlugin, mypy.plugin.Plugin)\n"
        "assert luigi.mypy.METADATA_TAG == 'task'\n"
    )
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
