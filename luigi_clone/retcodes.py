"""The exit code of the command line, by what happened."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

from luigi_clone import execution_summary, interface
from luigi_clone._startup import few_collections
from luigi_clone.cmdline_parser import CmdlineParser, misuse, note_misuse
from luigi_clone.configuration import get_config
from luigi_clone.parameter import BoolParameter, IntParameter
from luigi_clone.setup_logging import InterfaceLogging
from luigi_clone.task import Config


class retcode(Config):  # noqa: N801 -- the name of the configuration section
    """The exit codes.

    All but ``unhandled_exception`` are 0 unless they are set, so that a failed task alone does not make the
    command fail.  With ``recommended``, which is this engine's own, the codes that are not set are those that
    Luigi's documentation recommends.
    """

    unhandled_exception = IntParameter(default=4, description="For internal luigi errors.")
    missing_data = IntParameter(
        default=0, description="For when there are incomplete ExternalTask dependencies."
    )
    task_failed = IntParameter(default=0, description="For when a task's run() method fails.")
    already_running = IntParameter(default=0, description='For both local --lock and luigid "lock"')
    scheduling_error = IntParameter(
        default=0,
        description="For when a task's complete() or requires() fails, or task-limit reached",
    )
    not_run = IntParameter(
        default=0, description="For when a task is not granted run permission by the scheduler."
    )
    recommended = BoolParameter(
        default=False, description="Use the recommended codes (10 to 40) where no other code is set."
    )

    def code(self, name: str) -> int:
        """Return the exit code for one kind of ending."""
        code: int = getattr(self, name)
        if self.recommended and code == type(self).__dict__[name]._default:
            return _RECOMMENDED[name]
        return code


_RECOMMENDED = {
    "already_running": 10,
    "missing_data": 20,
    "not_run": 25,
    "task_failed": 30,
    "scheduling_error": 35,
    "unhandled_exception": 40,
}

_CODE_OF_CATEGORY = {
    "still_pending_ext": "missing_data",
    "failed": "task_failed",
    "run_by_other_worker": "already_running",
    "scheduling_error": "scheduling_error",
    "not_run": "not_run",
}


def run_with_retcodes(argv: list[str]) -> NoReturn:
    """Run what the command line asks for and exit with the greatest code that applies.

    What goes wrong before the codes are known exits with 1: an unknown task, a module that cannot be
    imported, a configuration file that cannot be read.  ``argparse`` exits with 2.
    """
    logger = logging.getLogger("luigi-interface")
    try:
        with few_collections():
            get_config()
            with CmdlineParser.global_instance(argv):
                codes = _exit_codes()
    except Exception as error:
        if not _is_misuse(error):
            raise
        sys.exit(_explanation(error))
    try:
        worker = interface._run(argv).worker
    except interface.PidLockAlreadyTakenExit:
        sys.exit(codes.code("already_running"))
    except Exception as error:
        _log_uncaught(logger, error)
        sys.exit(codes.code("unhandled_exception"))

    with CmdlineParser.global_instance(argv):
        categories = execution_summary._summary_dict(worker)
        root_task = execution_summary._root_task(worker)
    applicable = [codes.code(name) for category, name in _CODE_OF_CATEGORY.items() if categories[category]]
    greatest = max(applicable, default=0)
    if greatest == 0 and not (
        root_task in categories["completed"] or root_task in categories["already_done"]
    ):
        sys.exit(codes.code("not_run"))
    sys.exit(greatest)


def _exit_codes() -> retcode:
    try:
        return retcode()
    except ValueError as error:
        note_misuse(error, "in the section [retcode] of the configuration, or in an option --retcode-...")
        raise


def _log_uncaught(logger: logging.Logger, error: Exception) -> None:
    # A set-up that failed before, or was not reached, is made up for, so that the text is seen.
    try:
        options = interface.core()
    except ValueError:  # a bad option, which may be the very error that is to be shown
        InterfaceLogging.setup()
    else:
        InterfaceLogging.setup(options)
    if _is_misuse(error):
        logger.error("Uncaught exception in luigi\n%s", _explanation(error))
    else:
        logger.exception("Uncaught exception in luigi")


def _is_misuse(error: Exception) -> bool:
    """Tell whether an error is one of the command line or of a configuration file: a traceback is no help."""
    from configparser import Error

    return (
        misuse(error) is not None
        or isinstance(error, Error)
        or type(error).__name__ in ("TOMLDecodeError", "MisplacedOptionError")
    )


def _explanation(error: BaseException) -> str:
    """Return the last lines of the traceback there would be, with Luigi's name, and what they are about."""
    import traceback

    text = "".join(traceback.format_exception_only(type(error), error)).rstrip("\n")
    about = [str(error.__cause__)] if error.__cause__ is not None else []
    place = misuse(error)
    if place:
        about.append(place)
    lines = [text.replace("luigi_clone.", "luigi."), *(f"  ({each})" for each in about)]
    return "\n".join(lines)
