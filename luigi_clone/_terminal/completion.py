"""Completing the command line at a press of Tab, in bash, zsh and fish, with argcomplete.

The shell runs the command itself, with ``_ARGCOMPLETE`` in its environment; nothing here is imported without.
argcomplete speaks with the shells and knows how ``argparse`` reads a line; what there is to choose from is
found here: the module is imported as it would be for a run, and the line is read by the same grammar.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from luigi_clone.cmdline_parser import _Flag

COMMANDS = ("luigi", "luigid", "luigi-deps", "luigi-deps-tree", "luigi-grep")
SHELLS = ("bash", "zsh", "fish")

_MISSING = "completing command lines takes argcomplete, which is not installed: pip install argcomplete"

_STATUSES = ("PENDING", "RUNNING", "DONE", "FAILED", "DISABLED", "UNKNOWN", "BATCH_RUNNING")
_FAMILIES_FIRST = ("core", "upstream")
"""Whose flags are shown along with the task's own before anything of a flag is written."""

_Completer = Callable[..., "Iterable[str] | dict[str, str]"]


def main() -> None:
    """Print the code that switches completion on: ``luigi-completion bash``, ``zsh`` or ``fish``."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="luigi-completion",
        description="Print the shell code that completes task families, parameters and their values.",
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to read the code")
    shell = parser.parse_args().shell
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        sys.exit(f"luigi-completion: {_MISSING}")
    # without use_defaults: where a number is wanted, names of files are no help
    print(shellcode(COMMANDS, shell=shell, use_defaults=False))  # noqa: T201


def complete() -> NoReturn:
    """Tell the shell how the line of ``luigi`` can go on, and exit."""
    from luigi_clone import alias

    alias.install()
    words, current = _line()
    parser, expects_family = _read(words, current)
    _answer(parser, options_without_dash=not expects_family)


def complete_simple(parser: ArgumentParser) -> NoReturn:
    """Do the same for a command whose options ``parser`` knows."""
    for action in parser._actions:
        if action.dest == "status":
            action.completer = _listed(_STATUSES)  # type: ignore[attr-defined]
    _answer(parser, options_without_dash=True)


def _answer(parser: ArgumentParser, options_without_dash: bool) -> NoReturn:
    try:
        from argcomplete import autocomplete
    except ImportError:
        sys.exit(_MISSING)
    autocomplete(parser, always_complete_options=options_without_dash, default_completer=_nothing)
    sys.exit(1)  # not reached


def _line() -> tuple[list[str], str]:
    """Return the words in front of the one that is completed, without the command, and that one so far."""
    try:
        from argcomplete.lexers import split_line
    except ImportError:
        sys.exit(_MISSING)
    _, current, _, words, _ = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))
    return words[int(os.environ["_ARGCOMPLETE"]) :], current


def _read(words: list[str], current: str) -> tuple[ArgumentParser, bool]:
    """Return a parser of what can be said in the line, and whether a task family is what comes next."""
    import argparse

    from luigi_clone.cmdline_parser import NO_PROGRESS, _Flag, read_unfinished

    loaded: list[str] = []
    root, flags = read_unfinished(words, lambda module: _load(module, loaded))
    parser = argparse.ArgumentParser(add_help=False)
    family = parser.add_argument("root_task", nargs="?", metavar="task", help="task family to run")
    family.completer = _families  # type: ignore[attr-defined]
    is_begun = len(current) > len("--")
    # what means two things is left out: using it is an error
    known = [flag for flag in flags.values() if isinstance(flag, _Flag)]
    for flag in sorted(known, key=lambda flag: not flag.is_local):
        shown = is_begun or flag.is_local or flag.family in _FAMILIES_FIRST
        text = _one_line(flag.parameter.description) if shown else argparse.SUPPRESS
        action = parser.add_argument(flag.name, help=text, **flag.argparse_kwargs())
        action.completer = _completer(flag)  # type: ignore[attr-defined]
    if NO_PROGRESS not in flags:
        parser.add_argument(NO_PROGRESS, action="store_true", help="Show no progress bar on a terminal.")
    return parser, root is None and bool(loaded)


def _load(module: str, loaded: list[str]) -> None:
    try:
        __import__(module)
    except (Exception, SystemExit):  # there is something to complete without it
        import traceback

        traceback.print_exc()  # for whoever has _ARC_DEBUG set; otherwise nobody sees it
    else:
        loaded.append(module)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("%", "%%")


# -- what a flag can be given -----------------------------------------------------------------------


def _completer(flag: _Flag) -> _Completer:
    from argcomplete.completers import DirectoriesCompleter, FilesCompleter

    from luigi_clone import parameter

    kind = flag.parameter
    option = f"{flag.family}_{flag.parameter_name}"
    if option == "core_module":
        return _modules
    if option == "core_lock_pid_dir":
        return cast("_Completer", DirectoriesCompleter())
    if option == "upstream_family" or isinstance(kind, parameter.TaskParameter):
        return _families
    values = _values(kind)
    if values is not None:
        return _listed(values, getattr(kind, "_sep", None))
    # A parameter that takes any text is often the name of a file; dates, numbers and structures are not.
    is_text = type(kind) in (parameter.Parameter, parameter.StrParameter, parameter.OptionalParameter)
    if isinstance(kind, parameter.PathParameter) or is_text:
        return cast("_Completer", FilesCompleter())
    return _nothing


def _values(kind: Any) -> Sequence[str] | None:
    """Return the texts that a parameter can be given, if they are few and known."""
    from luigi_clone import parameter

    if isinstance(kind, parameter.BoolParameter):
        return ("true", "false")
    if isinstance(kind, (parameter.EnumParameter, parameter.EnumListParameter)):
        return list(kind._enum.__members__)
    if isinstance(kind, parameter.ChoiceParameter):  # ChoiceListParameter is one
        return [str(choice) for choice in vars(kind)["_ordered_choices"]]
    return None


def _nothing(**_: Any) -> list[str]:
    """Complete nothing; argcomplete's own completer for that would hide the flag itself."""
    return []


def _listed(values: Sequence[str], separator: str | None = None) -> _Completer:
    """Return a completer for one of ``values``, or for several with a separator between."""

    def completions(prefix: str, **_: Any) -> list[str]:
        before, found, _last = prefix.rpartition(separator) if separator else ("", "", prefix)
        given = before.split(separator) if found else []
        return [before + found + value for value in values if value not in given]

    return completions


def _families(prefix: str, **_: Any) -> dict[str, str]:
    """Return the task families, each with the first line of its docstring.

    The framework's own are shown to those who begin to write them.
    """
    from luigi_clone.task import Config
    from luigi_clone.task_register import FRAMEWORK_FAMILIES, Register

    found = {}
    for family, task_class in Register._get_reg().items():
        if task_class is Register.AMBIGUOUS_CLASS or issubclass(task_class, Config):
            continue
        if prefix or FRAMEWORK_FAMILIES.get(family) != task_class.__module__:
            found[family] = next(iter((task_class.__doc__ or "").strip().splitlines()), "")
    return found


def _modules(prefix: str, **_: Any) -> list[str]:
    """Return the modules and packages whose names begin with ``prefix``, one level at a time.

    The standard library is left out.
    """
    import pkgutil
    import sysconfig
    from pathlib import Path

    package, dot, _last = prefix.rpartition(".")
    left_out = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    roots = [Path(entry) for entry in sys.path if entry not in left_out]
    folders = [str(root.joinpath(*package.split("."))) for root in roots]
    return [f"{package}{dot}{module.name}" for module in pkgutil.iter_modules(folders)]
