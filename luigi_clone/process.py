"""Running the central scheduler in the background."""

from __future__ import annotations

import datetime
import logging
import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging.handlers import TimedRotatingFileHandler

rootlogger = logging.getLogger()
server_logger = logging.getLogger("luigi.server")

DEFAULT_LOG_DIRECTORY = "/var/log/luigi"


def check_pid(pidfile: str | None) -> int:
    """Return the process id that a file names when that process lives, else 0."""
    if not pidfile:
        return 0
    try:
        with open(pidfile, encoding="utf-8") as source:
            pid = int(source.read().strip())
    except (OSError, ValueError):
        return 0
    if pid <= 0:
        return 0  # would address a whole group of processes
    try:
        os.kill(pid, 0)
    except PermissionError:
        return pid  # another user's, but there
    except (OSError, OverflowError):
        return 0
    return pid


def write_pid(pidfile: str) -> None:
    """Write this process's id into a file, in one step; the directory is made when it does not exist."""
    server_logger.info("Writing pid file")
    directory = os.path.dirname(pidfile)
    if directory:
        os.makedirs(directory, exist_ok=True)
    unfinished = f"{pidfile}.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as target:
        target.write(str(os.getpid()))
    os.replace(unfinished, pidfile)


def get_log_format() -> str:
    """Return the format of the server's log lines."""
    return "%(asctime)s %(name)s[%(process)s] %(levelname)s: %(message)s"


def get_spool_handler(filename: str) -> TimedRotatingFileHandler:
    """Return a handler that begins a new file each day and keeps seven old ones."""
    from logging.handlers import TimedRotatingFileHandler

    handler = TimedRotatingFileHandler(
        filename=filename, when="d", encoding="utf8", backupCount=7, delay=False
    )
    handler.setFormatter(logging.Formatter(get_log_format()))
    return handler


def _server_already_running(pidfile: str | None) -> bool:
    existing = check_pid(pidfile)
    return bool(pidfile and existing)


def daemonize(
    cmd: Callable[..., Any],
    pidfile: str | None = None,
    logdir: str | None = None,
    api_port: int = 8082,
    address: str | None = None,
    unix_socket: str | None = None,
) -> None:
    """Detach from the terminal and call ``cmd(api_port=…, address=…, unix_socket=…)``.

    Output and log go to files in ``logdir`` (``/var/log/luigi``), which is made when it does not exist.
    When ``pidfile`` names a process that lives, ``cmd`` is not called.  Needs the package python-daemon.
    """
    daemon = import_module("daemon")  # it brings no type information

    logdir = logdir or DEFAULT_LOG_DIRECTORY
    os.makedirs(logdir, exist_ok=True)
    log_path = os.path.join(logdir, "luigi-server.log")
    prefix = os.path.join(logdir, f"luigi-server-{datetime.date.today():%Y-%m-%d}")
    with (
        open(f"{prefix}.out", "a+", encoding="utf-8") as stdout,
        open(f"{prefix}.err", "a+", encoding="utf-8") as stderr,
        daemon.DaemonContext(
            stdout=stdout, stderr=stderr, working_directory=".", initgroups=False, umask=_current_umask()
        ),
    ):
        handler = get_spool_handler(log_path)
        rootlogger.addHandler(handler)
        if pidfile:
            server_logger.info("Checking pid file")
            existing = check_pid(pidfile)
            if existing:
                server_logger.info("Server already running (pid=%s)", existing)
                return
            write_pid(pidfile)
        cmd(api_port=api_port, address=address, unix_socket=unix_socket)


def _current_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
