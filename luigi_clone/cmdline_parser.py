"""The command line: its grammar, and the parser that parameter defaults are looked up in.

The grammar is that of ``argparse`` over one flag per parameter of every registered class, plus those of the
root task without its family in front.  Most command lines spell out the flags they use; such a line is read
without ``argparse``, and without the classes it does not mention.  Every other line (an abbreviation, a
mistake, a request for help) goes through ``argparse`` with all flags, so that texts, exit codes and the
treatment of abbreviations are its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from luigi_clone._parameters import argv
from luigi_clone._parameters.errors import MissingParameterException
from luigi_clone.task_register import FRAMEWORK_FAMILIES, Register, TaskClassException

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser

__all__ = ["CmdlineParser"]

_MODULE_FLAG = "--module"
NO_PROGRESS = "--no-progress"
"""The flag that switches the progress bar off; what is known of it has the same name.

It belongs to no class, so that it takes no name from anybody's parameters, and it has to be spelt out, so
that abbreviations of other flags mean what they mean without it.
"""
_CORE = "core"


class _Flag:
    """A flag that a parameter gives rise to.

    ``is_local``: it is the root task's own, without the family in front.
    ``takes_precedence``: it wins over a flag of the same name that does not.
    """

    __slots__ = ("family", "is_local", "name", "parameter", "parameter_name", "takes_precedence")

    def __init__(
        self,
        name: str,
        family: str,
        parameter_name: str,
        parameter: Any,
        *,
        is_local: bool,
        takes_precedence: bool,
    ) -> None:
        self.name = name
        self.family = family
        self.parameter_name = parameter_name
        self.parameter = parameter
        self.is_local = is_local
        self.takes_precedence = takes_precedence

    def argparse_kwargs(self) -> dict[str, Any]:
        """Return how ``argparse`` is told about it; a flag that is not given reads ``None``."""
        family = None if self.is_local else self.family
        return {"default": None, **self.parameter._parser_kwargs(self.parameter_name, family)}


class _Conflict:
    """Stands for flags of equal rank that have the same name."""

    def __init__(self, one: _Flag, other: _Flag) -> None:
        self.flags = (one, other)


class KnownArguments:
    """What a command line said, one attribute per flag; whatever was not given reads ``None``."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


class CmdlineParser:
    """A parsed command line."""

    @classmethod
    def get_instance(cls) -> CmdlineParser | None:
        """Return the command line that parameter defaults are looked up in, if there is one."""
        return argv.active()  # type: ignore[return-value]

    @classmethod
    @contextmanager
    def global_instance(
        cls, cmdline_args: Sequence[str], allow_override: bool = False
    ) -> Iterator[CmdlineParser]:
        """Parse a command line and look parameter defaults up in it until the end of the block.

        Raises ``AssertionError`` when there is one already, unless overriding is allowed.
        """
        previous = argv.active()
        assert previous is None or allow_override, (
            "A command line is being run already. Within a task, use luigi.build and not luigi.run"
        )
        parser = cls(cmdline_args)
        argv.activate(parser)
        try:
            yield parser
        finally:
            argv.activate(previous)

    def __init__(self, cmdline_args: Sequence[str]) -> None:
        """Parse the arguments: import ``--module``, find the root task, read its options.

        Ends in ``SystemExit`` after printing help, without a task, and where ``argparse`` finds fault.
        What importing the module raises passes through, as do the exceptions of a family that is unknown or
        ambiguous.
        """
        arguments = list(cmdline_args)
        known = self._parse_plainly(arguments)
        self.known_args: Any = self._parse_thoroughly(arguments) if known is None else known

    def get_task_obj(self) -> Any:
        """Return the root task."""
        task_class, kwargs = self._get_task_cls(), self._get_task_kwargs()
        try:
            return task_class(**kwargs)
        except MissingParameterException as error:
            if str(error).startswith(f"{task_class.task_family}["):
                note_misuse(error, "with --help behind the task family its parameters are listed")
            raise

    def _get_task_cls(self) -> Any:
        return Register.get_task_cls(self.known_args.root_task)

    def _get_task_kwargs(self) -> dict[str, Any]:
        """Return the root task's own options, parsed.  What ``parse`` raises passes through."""
        kwargs = {}
        for name, parameter in self._get_task_cls().get_params():
            text = getattr(self.known_args, name, None)
            if argv.is_given(text):
                kwargs[name] = _parsed(name, parameter, text)
        return kwargs

    @staticmethod
    def _attempt_load_module(known_args: Any) -> None:
        """Import the module that ``--module`` names."""
        module = known_args.core_module
        if not module:
            return
        try:
            __import__(module)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{module}.".startswith(f"{error.name}."):
                note_misuse(error, "looked for in PYTHONPATH and among the installed packages")
            raise

    @staticmethod
    def _possibly_exit_with_help(parser: ArgumentParser, known_args: Any) -> None:
        """Print help and exit when it was asked for."""
        if known_args.core_help or known_args.core_help_all:
            parser.print_help()
            sys.exit()

    # -- the common case --------------------------------------------------------------------------

    def _parse_plainly(self, arguments: list[str]) -> KnownArguments | None:
        """Parse a line in which every flag is spelt out; ``None`` when it takes more than that."""
        if not _is_own(self):
            return None
        module = _plain_module(arguments)
        if module is None:
            return None
        self._attempt_load_module(KnownArguments(core_module=module))
        reading = _PlainReading(arguments)
        if not reading.run():
            return None
        known = KnownArguments(**reading.values)
        if known.core_help_all:
            return None
        if known.core_help:
            self._possibly_exit_with_help(_argument_parser(reading.visible_flags(), reading.root), known)
        if known.root_task is None:
            _exit_without_task()
        return known

    # -- the whole grammar ------------------------------------------------------------------------

    def _parse_thoroughly(self, arguments: list[str]) -> Any:
        finding = _LenientReading(self._build_parser(), arguments)
        module = finding.value_of("core_module")
        if module:
            self._attempt_load_module(KnownArguments(core_module=module))
            finding = _LenientReading(self._build_parser(), arguments)
        root = finding.positional
        parser = self._build_parser(root_task=root)
        reading = _LenientReading(parser, arguments)
        known = KnownArguments(
            core_help=reading.value_of("core_help"), core_help_all=reading.value_of("core_help_all")
        )
        if known.core_help_all:
            parser = self._build_parser(root_task=root, help_all=True)
        self._possibly_exit_with_help(parser, known)
        if not root:
            _exit_without_task()
        try:
            Register.get_task_cls(root)
        except TaskClassException as error:
            note_misuse(error, _why_taken_for_root(root, arguments))
            raise
        flags = _flags(root)
        _refuse_conflicts(flags, arguments)
        _accept_negations(parser, flags, arguments)
        if NO_PROGRESS in arguments and _is_free(NO_PROGRESS, flags):
            parser.add_argument(NO_PROGRESS, dest=NO_PROGRESS, action="store_true")
        return parser.parse_args(arguments)

    @staticmethod
    def _build_parser(root_task: str | None = None, help_all: bool = False) -> ArgumentParser:
        """Return a parser of every flag there is, with help on those that concern the root task."""
        flags = _flags(root_task)
        parser = _argument_parser(flags, root_task, help_all)
        if help_all and _is_free(NO_PROGRESS, flags):
            parser.add_argument(
                NO_PROGRESS, dest=NO_PROGRESS, action="store_true", help="Show no progress bar on a terminal."
            )
        return parser


def _is_own(parser: CmdlineParser) -> bool:
    """Tell whether the grammar is the one of this module and not that of a subclass or a patch."""
    return type(parser)._build_parser is _OWN_BUILD_PARSER


_OWN_BUILD_PARSER = CmdlineParser._build_parser


def _exit_without_task() -> NoReturn:
    raise SystemExit("No task specified")


def _why_taken_for_root(root: str, arguments: list[str]) -> str:
    before = arguments[arguments.index(root) - 1] if root in arguments[1:] else ""
    if before.startswith("--") and "=" not in before:
        return (
            f"{root} was taken for the task family: "
            f"a task's own options, such as {before}, come after its family"
        )
    return ""


def _parsed(name: str, parameter: Any, text: Any) -> Any:
    try:
        return parameter.parse(text)
    except Exception as error:
        note_misuse(error, f"in --{name.replace('_', '-')} {text}")
        raise


def note_misuse(error: BaseException, place: str) -> None:
    """Mark an error as one of the command line, so that it is reported without a traceback."""
    error.__dict__.setdefault("_luigi_misuse", place)


def misuse(error: BaseException) -> str | None:
    """Return where on the command line an error has its cause, ``None`` when it is no such error."""
    return error.__dict__.get("_luigi_misuse")


def read_unfinished(
    arguments: list[str], load: Callable[[str], None]
) -> tuple[str | None, dict[str, _Flag | _Conflict]]:
    """Return the root task of a line that somebody is writing, and the flags that there are.

    ``load`` is called with the name of the module.  Faults in the line are passed over.
    """
    reading = _LenientReading(CmdlineParser._build_parser(), arguments, is_finished=False)
    module = reading.value_of("core_module")
    if module:
        load(module)
        reading = _LenientReading(CmdlineParser._build_parser(), arguments, is_finished=False)
    return reading.positional, _flags(reading.positional)


# -- flags ----------------------------------------------------------------------------------------


def _flags_of(family: str, task_class: Any, root: str | None) -> Iterator[_Flag]:
    bare = not task_class.use_cmdline_section
    is_root = family == root
    prefix = "" if bare else family.replace("_", "-") + "-"
    for name, parameter in task_class.get_params():
        dashed = name.replace("_", "-")
        yield _Flag(
            f"--{prefix}{dashed}", family, name, parameter, is_local=False, takes_precedence=bare or is_root
        )
        if is_root and not bare:
            yield _Flag(f"--{dashed}", family, name, parameter, is_local=True, takes_precedence=True)


def _add(table: dict[str, _Flag | _Conflict], flag: _Flag) -> None:
    known = table.setdefault(flag.name, flag)
    if known is flag:
        return
    rank = known.flags[0].takes_precedence if isinstance(known, _Conflict) else known.takes_precedence
    if flag.takes_precedence > rank:
        table[flag.name] = flag
    elif flag.takes_precedence == rank:
        first = known.flags[0] if isinstance(known, _Conflict) else known
        table[flag.name] = _Conflict(first, flag)


def _flags(root: str | None) -> dict[str, _Flag | _Conflict]:
    """Return every flag there is, in the order of registration."""
    table: dict[str, _Flag | _Conflict] = {}
    for family, task_class in Register._get_reg().items():
        if task_class is not Register.AMBIGUOUS_CLASS:
            for flag in _flags_of(family, task_class, root):
                _add(table, flag)
    return table


def _refuse_conflicts(table: dict[str, _Flag | _Conflict], arguments: list[str]) -> None:
    """Raise for a flag that means two things.  One that is not used does no harm."""
    for argument in arguments:
        if argument == "--":
            break
        flag = table.get(argument.partition("=")[0])
        if isinstance(flag, _Conflict):
            import argparse

            name = flag.flags[0].name
            action = argparse.Action([name], dest="")
            error = argparse.ArgumentError(action, f"conflicting option string: {name}")
            families = " and of ".join(one.family for one in flag.flags)
            note_misuse(
                error, f"it is an option of {families}; say which with --Family-name, or in the configuration"
            )
            raise error


def _accept_negations(
    parser: ArgumentParser, table: dict[str, _Flag | _Conflict], arguments: list[str]
) -> None:
    """Accept ``--no-x`` where ``--x`` is a flag without a value: it says false.

    Only what is written out and could not mean anything else is taken so.
    """
    for argument in dict.fromkeys(arguments):
        if argument == "--":
            break
        flag = table.get("--" + argument.removeprefix("--no-"))
        if not argument.startswith("--no-") or not isinstance(flag, _Flag):
            continue
        kwargs = flag.argparse_kwargs()
        if kwargs.get("action") == "store_true" and not any(name.startswith(argument) for name in table):
            parser.add_argument(argument, action="store_const", const="false", dest=kwargs["dest"])


def _is_free(name: str, table: Mapping[str, _Flag | _Conflict]) -> bool:
    """Tell whether no class has a flag that ``--no-something`` names, abbreviates or negates."""
    positive = table.get("--" + name.removeprefix("--no-"))
    negates = isinstance(positive, _Flag) and positive.argparse_kwargs().get("action") == "store_true"
    return not negates and not any(flag.startswith(name) for flag in table)


def _argument_parser(
    table: dict[str, _Flag | _Conflict], root: str | None, help_all: bool = False
) -> ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "root_task", nargs="?", help="Task family to run. Is not optional.", metavar="Required root task"
    )
    for flag in table.values():
        if isinstance(flag, _Conflict):
            continue
        shown = help_all or flag.family == root or flag.parameter.always_in_help
        parser.add_argument(
            flag.name,
            help=_escaped(flag.parameter.description) if shown else argparse.SUPPRESS,
            **flag.argparse_kwargs(),
        )
    return parser


def _escaped(description: str | None) -> str | None:
    """Double the percent signs that ``argparse`` would stumble over; leave what it expands as intended."""
    if not description or "%" not in description:
        return description
    import re

    expanded = r"%%|%\((?:default|prog|dest|metavar|type|const|nargs|choices|required)\)s|%"
    return re.sub(expanded, lambda match: "%%" if match[0] == "%" else match[0], description)


class _LenientReading:
    """What a parser makes of a line while some of the flags in it are still unknown.

    A flag that is not known is passed over; an abbreviation is taken for a flag when it fits no other.
    Faults with flags that are known and spelt out end in ``argparse``'s error, as they do on Luigi.
    """

    def __init__(self, parser: ArgumentParser, arguments: list[str], is_finished: bool = True) -> None:
        self._known = parser._option_string_actions
        self._values: dict[str, Any] = {}
        self.positional: str | None = None
        """The first argument that is no flag and no flag's value."""

        if is_finished:
            parser.allow_abbrev = False
            parser.parse_known_args(arguments)
            parser.allow_abbrev = True
        position = 0
        while position < len(arguments):
            if arguments[position] == "--":
                if self.positional is None:
                    self.positional = next(iter(arguments[position + 1 :]), None)
                break
            position += self._read(arguments[position], arguments[position + 1 : position + 2])

    def value_of(self, dest: str) -> Any:
        """Return what a flag was given, ``None`` when it is not there."""
        return self._values.get(dest)

    def _read(self, argument: str, following: list[str]) -> int:
        if not _looks_like_a_flag(argument):
            if self.positional is None:
                self.positional = argument
            return 1
        name, equals, value = argument.partition("=")
        action = self._action(name)
        if action is None:
            return 1
        if equals or action.nargs == 0:
            self._values[action.dest] = value if equals else action.const
            return 1
        if following and not _looks_like_a_flag(following[0]):
            self._values[action.dest] = following[0]
            return 2
        self._values[action.dest] = action.const
        return 1

    def _action(self, name: str) -> Action | None:
        if name in self._known:
            return self._known[name]
        fitting = [flag for flag in self._known if flag.startswith(name)] if name.startswith("--") else []
        return self._known[fitting[0]] if len(fitting) == 1 else None


def _looks_like_a_flag(argument: str) -> bool:
    """Tell what ``argparse`` takes for a flag: negative numbers and what has spaces are values."""
    if not argument.startswith("-") or argument == "-" or " " in argument:
        return False
    number = argument[1:]
    return not (number.isdecimal() or number.replace(".", "", 1).isdecimal())


# -- reading a line in which every flag is spelt out ----------------------------------------------


def _plain_module(arguments: list[str]) -> str | None:
    """Return the module named by ``--module``, ``""`` for none, ``None`` when that is not plain to see."""
    module = ""
    for position, argument in enumerate(arguments):
        if not argument.startswith("-"):
            continue
        name, equals, value = argument.partition("=")
        if name == _MODULE_FLAG:
            if not equals:
                value = arguments[position + 1] if position + 1 < len(arguments) else ""
            if not value or value.startswith("-"):
                return None
            module = value
        elif not name.startswith("--") or _MODULE_FLAG.startswith(name):
            return None
    return module


class _PlainReading:
    """Reads a line the way ``argparse`` does, or gives up where that takes more than looking flags up."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        self.root: str | None = None
        self.values: dict[str, Any] = {"root_task": None}
        self._table: dict[str, _Flag | _Conflict] = {}
        self._used: dict[str, _Flag] = {}
        self._has_all_loaded = False

    def run(self) -> bool:
        """Read the line; tell whether that was possible."""
        self._add_class(_CORE, Register.get_task_cls(_CORE))
        position = 0
        while position < len(self.arguments):
            argument = self.arguments[position]
            if argument.startswith("-"):
                taken = self._read_flag(argument, position)
                if not taken:
                    return False
                position += taken
            elif self.root is None and argument:
                if not self._enter_root(argument):
                    return False
                position += 1
            else:
                return False
        return True

    def visible_flags(self) -> dict[str, _Flag | _Conflict]:
        """Return the flags that help shows, with the classes loaded so far."""
        table: dict[str, _Flag | _Conflict] = {}
        for family, task_class in Register._loaded_reg().items():
            if task_class is not Register.AMBIGUOUS_CLASS:
                for flag in _flags_of(family, task_class, self.root):
                    if family == self.root or flag.parameter.always_in_help:
                        _add(table, flag)
        return table

    def _add_class(self, family: str, task_class: Any) -> None:
        for flag in _flags_of(family, task_class, self.root):
            _add(self._table, flag)

    def _enter_root(self, family: str) -> bool:
        if family in FRAMEWORK_FAMILIES:
            with suppress(TaskClassException):  # what is wrong with it, the whole grammar tells
                Register.get_task_cls(family)
        task_class = Register._loaded_reg().get(family)
        if task_class is None or task_class is Register.AMBIGUOUS_CLASS:
            return False
        self.root = self.values["root_task"] = family
        if family != _CORE:
            self._add_class(family, task_class)
        # A flag in front of the family may turn out to mean something else.
        if NO_PROGRESS in self.values and not _is_free(NO_PROGRESS, self._table):
            return False
        return all(self._means(name, flag) for name, flag in self._used.items())

    def _means(self, name: str, flag: _Flag) -> bool:
        now = self._table[name]
        return isinstance(now, _Flag) and (now.parameter, now.is_local) == (flag.parameter, flag.is_local)

    def _find(self, name: str) -> _Flag | None:
        found = self._table.get(name)
        if found is None and not self._has_all_loaded:
            self._has_all_loaded = True
            for family, task_class in Register._loaded_reg().items():
                if task_class is not Register.AMBIGUOUS_CLASS and family not in (_CORE, self.root):
                    self._add_class(family, task_class)
            found = self._table.get(name)
        return found if isinstance(found, _Flag) else None

    def _read_flag(self, argument: str, position: int) -> int:
        """Read a flag and return how many arguments it took; 0 when it takes more than this to read it."""
        name, equals, value = argument.partition("=")
        flag = self._find(name)
        if flag is None:
            if argument == NO_PROGRESS and _is_free(NO_PROGRESS, self._table):
                self.values[NO_PROGRESS] = True
                return 1
            return 0
        self._used[name] = flag
        kwargs = flag.argparse_kwargs()
        action, dest, nargs = kwargs.pop("action", None), kwargs.pop("dest", None), kwargs.pop("nargs", None)
        const = kwargs.pop("const", None)
        if kwargs != {"default": None} or dest is None:
            return 0  # a parameter class with an idea of its own
        if action == "store_true" and nargs is None and not equals:
            self.values[dest] = True
            return 1
        if action != "store" or nargs not in (None, "?"):
            return 0
        if equals:
            if not value:
                return 0
            self.values[dest] = value
            return 1
        following = self.arguments[position + 1 : position + 2]
        if following and not following[0].startswith("-"):
            self.values[dest] = following[0]
            return 2
        if nargs == "?" and const is not None:
            self.values[dest] = const
            return 1
        return 0
