"""Running the central scheduler in the background."""

from __future__ import annotations

import datetime
import logging
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging.handlers import TimedRotatingFileHandler

rootlogger = logging.getLogger()
server_logger = logging.getLogger("luigi.server")

DEFAULT_LOG_DIRECTORY = "/var/log/luigi"

_DIRECTORY_MODE = 0o750
_NOT_FOR_OTHERS = 0o027
"""What the server's files and folders are not: open to everyone, or writable for the group."""


_SLACK = 5.0
"""Seconds by which the start of a process and the time of a file may seem out of order."""


def check_pid(pidfile: str | None) -> int:
    """Return the process id that a file names when that process lives and may have written it, else 0.

    A process that began after the file was written, and has nothing of luigi in its command line, has only
    got the same number by chance.
    """
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
    return 0 if _is_recycled(pid, pidfile) else pid


def _is_recycled(pid: int, pidfile: str) -> bool:
    """Tell whether a number has come to another process meanwhile; no if that cannot be found out."""
    try:
        written = os.stat(pidfile).st_mtime
        # the time of its folder is when somebody first looked
        with open(f"/proc/{pid}/stat", "rb") as source:
            ticks = int(source.read().rpartition(b")")[2].split()[19])
        with open(f"/proc/{pid}/cmdline", "rb") as source:
            command = source.read()
        with open("/proc/uptime", "rb") as source:
            up = float(source.read().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    now = time.time()
    began = now - up + ticks / os.sysconf("SC_CLK_TCK")
    if began > now + _SLACK:
        return False  # a container in which the two do not count from the same moment
    return began > written + _SLACK and b"luigi" not in command


def write_pid(pidfile: str) -> None:
    """Write this process's id into a file, in one step; the directory is made when it does not exist."""
    server_logger.info("Writing pid file")
    directory = os.path.dirname(pidfile)
    if directory:
        os.makedirs(directory, mode=_DIRECTORY_MODE, exist_ok=True)
    unfinished = f"{pidfile}.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as target:
        target.write(str(os.getpid()))
    os.replace(unfinished, pidfile)


def _remove_pid(pidfile: str) -> None:
    """Remove the file if it names this process."""
    try:
        with open(pidfile, encoding="utf-8") as source:
            names_us = source.read().strip() == str(os.getpid())
        if names_us:
            os.remove(pidfile)
    except OSError as error:
        server_logger.warning("The pid file %s cannot be removed: %s", pidfile, error)


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

    Output and log go to files in ``logdir`` (``/var/log/luigi``), which is made when it does not exist; what
    is made is for the owner and to be read by the group, at most.  While ``cmd`` runs ``pidfile`` names this
    process. When it names another one that lives, that is said and ``cmd`` is not called.  Needs the package
    python-daemon.
    """
    daemon = import_module("daemon")  # it brings no type information

    existing = check_pid(pidfile)
    if existing:
        sys.stderr.write(_running_already(existing, pidfile) + "\n")
    umask = _current_umask() | _NOT_FOR_OTHERS
    logdir = logdir or DEFAULT_LOG_DIRECTORY
    before = os.umask(umask)
    try:
        os.makedirs(logdir, exist_ok=True)
        log_path = os.path.join(logdir, "luigi-server.log")
        prefix = os.path.join(logdir, f"luigi-server-{datetime.date.today():%Y-%m-%d}")
        stdout = open(f"{prefix}.out", "a+", encoding="utf-8")  # noqa: SIM115 - the daemon's, to its end
        stderr = open(f"{prefix}.err", "a+", encoding="utf-8")  # noqa: SIM115
    finally:
        os.umask(before)
    with (
        stdout,
        stderr,
        daemon.DaemonContext(
            stdout=stdout, stderr=stderr, working_directory=".", initgroups=False, umask=umask
        ),
    ):
        rootlogger.addHandler(get_spool_handler(log_path))
        if not pidfile:
            cmd(api_port=api_port, address=address, unix_socket=unix_socket)
            return
        server_logger.info("Checking pid file")
        existing = check_pid(pidfile)
        if existing:
            server_logger.info("Server already running (pid=%s)", existing)
            return
        write_pid(pidfile)
        try:
            cmd(api_port=api_port, address=address, unix_socket=unix_socket)
        finally:
            _remove_pid(pidfile)


def _running_already(pid: int, pidfile: str | None) -> str:
    return (
        f"luigid: a server is running already (pid={pid}, in {pidfile}); nothing was started. "
        f"'kill {pid}' ends it; if it is another program's process, remove the file."
    )


def _current_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
