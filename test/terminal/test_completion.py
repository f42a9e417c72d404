"""Pressing Tab in bash, zsh and fish."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from test import console
from test.services import require_service
from test.terminal.screen import Terminal

SHOP = '''
import enum
import luigi

class Colour(enum.Enum):
    blue = 1
    yellow = 2

class Sales(luigi.Task):
    """What was sold where."""
    region = luigi.ChoiceParameter(choices=["north", "south"], description="part of the country")
    colours = luigi.EnumListParameter(enum=Colour, default=())
    checked = luigi.BoolParameter(default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING)
    table = luigi.PathParameter(default="t")
    number = luigi.IntParameter(default=1)
    follow_up = luigi.TaskParameter(default=luigi.Task)

class Report(luigi.Task):
    pass

class Settings(luigi.Config):
    pass

luigi.namespace("accounts")

class Ledger(luigi.Task):
    pass
'''

SHELLS = {
    # command, what switches completion on, how to set the prompt
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(luigi-completion bash)"', "PS1='$ '"),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit; compinit -u -D; eval "$(luigi-completion zsh)"',
        "PROMPT='$ '; unsetopt prompt_sp",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "luigi-completion fish | source",
        "function fish_prompt; echo -n '$ '; end; set -g fish_autosuggestion_enabled 0",
    ),
}


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """An interactive shell with completion switched on, in a folder with the module ``shop``."""
    name = request.param
    require_service(name, shutil.which(name), f"the shell is not installed: apt-get install {name}")
    require_argcomplete()
    command, switch_on, prompt = SHELLS[name]
    folder = tmp_path_factory.mktemp(name)
    write_modules(folder)
    with Terminal(command, folder, environment(folder), rows=40) as terminal:
        terminal.type(f"{prompt}\n")
        terminal.wait_for(lambda: terminal.typed() == "$ ", "the prompt")
        terminal.type(f"{switch_on}; echo com''plete\n")
        terminal.wait_for(lambda: "complete" in terminal.display(), "the end of the set-up")
        yield terminal


def require_argcomplete() -> None:
    require_service("argcomplete", importlib.util.find_spec("argcomplete"), "pip install argcomplete")


def write_modules(folder: Path) -> None:
    (folder / "shop.py").write_text(SHOP)
    (folder / "ruin.py").write_text("print('out'); raise SystemExit('it cannot be imported')\n")
    (folder / "orders.csv").write_text("")


def environment(folder: Path) -> dict[str, str]:
    env = console.environment(folder, LC_ALL="C.UTF-8", PYTHONWARNINGS="ignore")
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), env.get("PYTHONPATH"))))
    return env


def press_tab(shell: Terminal, line: str) -> None:
    """Write ``line`` on an empty screen and press Tab."""
    shell.type("\x15\x0c")  # ctrl-U empties the line, ctrl-L the screen
    shell.wait_for(lambda: [row for row in shell.display() if row] == ["$"], "an empty screen")
    shell.type(line)
    shell.wait_for(lambda: shell.typed() == f"$ {line}", "the line as it was written")
    shell.type("\t")


SALES = "luigi --module shop Sales "

IN_ANY_SHELL = [
    ("luigi --module sho", "luigi --module shop"),
    ("luigi --module shop Sal", "luigi --module shop Sales"),
    (f"{SALES}--reg", f"{SALES}--region"),
    (f"{SALES}--region no", f"{SALES}--region north"),
    (f"{SALES}--colours blue,y", f"{SALES}--colours blue,yellow"),
    (f"{SALES}--table ord", f"{SALES}--table orders.csv"),
    ("luigi-deps-tree --module shop Rep", "luigi-deps-tree --module shop Report"),
]

OF_EACH_KIND = [
    ("luigi --module shop acc", "luigi --module shop accounts.Ledger"),
    ("luigi --module=shop Sal", "luigi --module=shop Sales"),
    ("luigi --module shop RangeHourlyB", "luigi --module shop RangeHourlyBase"),
    (f"{SALES}--colours y", f"{SALES}--colours yellow"),
    (f"{SALES}--checked f", f"{SALES}--checked false"),
    (f"{SALES}--follow-up Rep", f"{SALES}--follow-up Report"),
    (f"{SALES}--Sales-reg", f"{SALES}--Sales-region"),
    (f"{SALES}--log-level W", f"{SALES}--log-level WARNING"),
    (f"{SALES}--logging-conf-file o", f"{SALES}--logging-conf-file orders.csv"),
    (f"{SALES}--no-p", f"{SALES}--no-progress"),
    ("luigi --module ruin --local-s", "luigi --module ruin --local-scheduler"),
    (f"luigi-deps{SALES[5:]}--upstream-family Rep", f"luigi-deps{SALES[5:]}--upstream-family Report"),
    ("luigi-grep --status FAI", "luigi-grep --status FAILED"),
    ("luigid --backg", "luigid --background"),
]


def see_completed(shell: Terminal, line: str, completed: str) -> None:
    press_tab(shell, line)
    shell.wait_for(lambda: shell.typed().rstrip() == f"$ {completed}", f"completion of {line!r}")


@pytest.mark.parametrize(("line", "completed"), IN_ANY_SHELL)
def test_what_can_only_be_one_thing_is_written_out(shell, line, completed):
    see_completed(shell, line, completed)


@pytest.mark.parametrize("shell", ["bash"], indirect=True)
@pytest.mark.parametrize(("line", "completed"), OF_EACH_KIND)
def test_each_kind_of_thing_is_written_out(shell, line, completed):
    see_completed(shell, line, completed)


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("luigi --module shop ", ["Sales", "Report", "accounts.Ledger"]),
        ("luigi --module shop Sales --region ", ["north", "south"]),
        (SALES, ["--region", "--follow-up", "--workers", "--no-progress"]),
        ("luigi --", ["--module", "--workers", "--help-all"]),
    ],
)
def test_where_there_is_a_choice_it_is_shown(shell, line, choices):
    press_tab(shell, line)
    # bash first writes what the choices have in common, and then takes two more to show them
    shell.type("\t\t" if line == SALES and shell.process.args[3] == "bash" else "\t")
    shown = lambda: " ".join(shell.display()).split()  # noqa: E731
    shell.wait_for(lambda: set(choices) <= set(shown()), f"{choices}")
    if line.endswith("shop "):
        assert not {"Settings", "Task", "RangeDaily"} & set(shown())


def test_zsh_and_fish_say_what_the_choices_are(shell):
    if shell.process.args[3] == "bash":
        return  # which shows names only
    press_tab(shell, "luigi --module shop ")
    shell.type("\t")
    shell.wait_for(lambda: "What was sold where." in " ".join(shell.display()), "the docstring")


def complete(folder: Path, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Ask ``luigi`` as a shell does."""
    answer = folder / "answer"
    done = subprocess.run(
        [line.split()[0]],
        cwd=folder,
        env={
            **environment(folder),
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            **env,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    done.stdout = answer.read_text() if answer.exists() else ""
    return done


def test_a_module_that_cannot_be_imported_leaves_the_common_flags(tmp_path):
    require_argcomplete()
    write_modules(tmp_path)
    done = complete(tmp_path, "luigi --module ruin --work")
    assert "--workers" in done.stdout.split()
    assert "SystemExit: it cannot be imported" in done.stderr  # which the shell shows with _ARC_DEBUG


def test_a_number_is_left_to_whoever_writes_it(tmp_path):
    require_argcomplete()
    write_modules(tmp_path)
    done = complete(tmp_path, "luigi --module shop Sales --number ")
    assert (done.returncode, done.stdout) == (0, "")


def test_without_argcomplete_a_tab_runs_nothing(tmp_path):
    write_modules(tmp_path)
    (tmp_path / "shop.py").write_text(
        "import pathlib, luigi\npathlib.Path('imported').touch()\nclass A(luigi.Task): pass\n"
    )
    (tmp_path / "argcomplete.py").write_text("raise ImportError('not there')\n")
    done = complete(tmp_path, "luigi --module shop A --local-scheduler ")
    assert done.returncode == 1
    assert "pip install argcomplete" in done.stderr
    assert not (tmp_path / "imported").exists()


def test_a_run_does_not_load_what_completes(tmp_path):
    write_modules(tmp_path)
    code = (
        "import sys; from luigi_clone.cmdline import luigi_run\n"
        "try: luigi_run(['--module', 'shop', 'Report', '--local-scheduler'])\n"
        "except SystemExit: pass\n"
        "sys.exit(sorted({n.partition('.')[0] for n in sys.modules} & {'argcomplete', 'tqdm'}) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONPATH": f"{tmp_path}{os.pathsep}{console.ROOT}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Report__" in done.stderr
