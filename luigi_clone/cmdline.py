"""The scripts ``luigi`` and ``luigid``."""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


COMPLETING = "_ARGCOMPLETE"
"""The environment variable by which a shell asks what to complete a line with."""


_COMMANDS = frozenset(("logs", "why"))
"""First words that stand for something else than a task: modules of ``tools`` with a ``main(argv)``."""


def _is_task(argv: Sequence[str]) -> bool:
    """Tell whether the first word is the family of a task.

    It is where the line or the configuration names a module, or a program has defined such a task before.
    """
    from luigi_clone.configuration import get_config

    flags = (argument.partition("=")[0] for argument in argv)
    if any(len(flag) > 3 and "--module".startswith(flag) for flag in flags):
        return True
    register = sys.modules.get("luigi_clone.task_register")
    if register is not None and argv[0] in register.Register.task_names():
        return True
    return bool(get_config().get("core", "module", ""))


def luigi_run(argv: Sequence[str] = tuple(sys.argv[1:])) -> None:
    """Run tasks from the command line; always ends in ``SystemExit``.

    Programs that say ``import luigi`` get this package, whether or not Luigi is installed as well.
    """
    if COMPLETING in os.environ:
        from luigi_clone._terminal import completion

        completion.complete()
    if argv and argv[0] in _COMMANDS and not _is_task(argv):
        from importlib import import_module

        command = import_module(f"luigi_clone.tools.{argv[0]}")
        raise SystemExit(command.main(list(argv[1:])))
    from luigi_clone._startup import few_collections

    with few_collections():
        from luigi_clone import alias

        alias.install()
        from luigi_clone.retcodes import run_with_retcodes

    run_with_retcodes(list(argv))


def luigid(argv: Sequence[str] = tuple(sys.argv[1:])) -> None:
    """Run the central scheduler until it is stopped by a signal."""
    import argparse

    parser = argparse.ArgumentParser(description="Central luigi server")
    parser.add_argument("--background", help="Run in background mode", action="store_true")
    parser.add_argument("--pidfile", help="Write pidfile")
    parser.add_argument("--logdir", help="log directory")
    parser.add_argument("--state-path", help="Pickled state file")
    parser.add_argument("--address", help="Listening interface")
    parser.add_argument("--unix-socket", help="Unix socket path")
    parser.add_argument("--port", default=8082, type=int, help="Listening port")
    if COMPLETING in os.environ:
        from luigi_clone._terminal import completion

        completion.complete_simple(parser)
    options = parser.parse_args(list(argv))

    from luigi_clone import alias

    alias.install()
    _serve(options)


def _serve(options: argparse.Namespace) -> None:
    import logging

    from luigi_clone.configuration import LuigiConfigParser, get_config
    from luigi_clone.setup_logging import DaemonLogging

    if options.state_path:
        config = get_config()
        interpolates = isinstance(config, LuigiConfigParser)
        # a URL may well have a percent sign in it
        path = options.state_path.replace("%", "%%") if interpolates else options.state_path
        config.set("scheduler", "state_path", path)
    DaemonLogging.setup(options)
    if options.background:
        from luigi_clone import process

        process.daemonize(
            _run_server,
            api_port=options.port,
            pidfile=options.pidfile,
            logdir=options.logdir,
            address=options.address,
            unix_socket=options.unix_socket,
        )
        return
    if options.pidfile:
        logging.getLogger("luigi.server").warning(
            "--pidfile is for --background; %s is neither looked at nor written", options.pidfile
        )
    _run_server(api_port=options.port, address=options.address, unix_socket=options.unix_socket)


def _run_server(**where: Any) -> None:
    """Serve; what a person has to put right ends the process with its reason instead of a traceback."""
    import logging
    from importlib import import_module

    server = import_module("luigi_clone.server")
    try:
        server.run(**where)
    except (server.SettingError, server.JournalError) as error:
        logging.getLogger("luigi.server").critical("luigid ends: %s", error)
        raise SystemExit(1) from None
