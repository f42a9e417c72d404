"""Keeps the same command from running more often than wanted on one machine.

The processes that run a command are listed in a file, one process id per line.  The file is readable and
writable by its user alone, and each look at it and change of it happens under ``flock``.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

try:
    # Loading OpenSSL, as hashlib does, would be the greater part of taking the lock.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    from hashlib import md5

try:
    import fcntl
except ImportError:  # Windows has no flock; there, two starts in the same instant may both win
    fcntl = None  # type: ignore[assignment]

# The files in which this process has listed itself.  An entry with our process id that is not among them
# was left by an earlier process with the same id, as in a container that was started again.
_HELD: set[tuple[int, str]] = set()


def getpcmd(pid: int) -> str:
    """Return the command line of a process; ``[PROCESS_WITH_PID=…]`` when it cannot be found out."""
    if sys.platform.startswith("linux"):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as source:
                return source.read().replace("\0", " ").rstrip()
        except OSError:
            return f"[PROCESS_WITH_PID={pid}]"
    import subprocess

    command = (
        ["wmic", "path", "win32_process", "where", f"ProcessID={pid}", "get", "Commandline"]
        if sys.platform == "win32"
        else ["ps", "-p", str(pid), "-o", "command="]
    )
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return f"[PROCESS_WITH_PID={pid}]"
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    return lines[-1] if lines else f"[PROCESS_WITH_PID={pid}]"


def get_info(pid_dir: str, my_pid: int | None = None) -> tuple[int, str, str]:
    """Return this process's id, its command line, and the path of the file that lists its like."""
    pid = os.getpid() if my_pid is None else my_pid
    command = getpcmd(pid)
    digest = md5(command.encode("utf-8"), usedforsecurity=False).hexdigest()
    return pid, command, os.path.join(pid_dir, digest) + ".pid"


def acquire_for(pid_dir: str, num_available: int = 1, kill_signal: int | None = None) -> bool:
    """List this process among those that run its command; tell whether there was room for it.

    With ``kill_signal`` the others are sent that signal, and one more than ``num_available`` may run, so
    that a process that is about to stop can be succeeded.  The directory is made when it does not exist.

    Raises ``PermissionError`` when the file belongs to another user.
    """
    my_pid, my_command, pid_file = get_info(pid_dir)
    os.makedirs(pid_dir, mode=0o700, exist_ok=True)
    with _exclusive(pid_file) as descriptor:
        pids = {
            pid
            for pid in _read(descriptor)
            if ((pid, pid_file) in _HELD if pid == my_pid else getpcmd(pid) == my_command)
        }
        if kill_signal is not None:
            for pid in pids:
                os.kill(pid, kill_signal)
            print(f"Sent kill signal to Pids: {pids}")  # noqa: T201 -- part of the contract
            num_available += 1
        if len(pids) >= num_available:
            print(f"Pid(s) {pids} already running")  # noqa: T201
            if kill_signal is not None:
                print(  # noqa: T201
                    'Note: There have (probably) been 1 other "--take-lock" process which continued to '
                    "run! Probably no need to run this one as well."
                )
            return False
        _write(descriptor, pids | {my_pid})
    _HELD.add((my_pid, pid_file))
    return True


def release(pid_dir: str) -> None:
    """Take this process off the list again, and remove the file when nobody is left in it."""
    my_pid, _, pid_file = get_info(pid_dir)
    if (my_pid, pid_file) not in _HELD:
        return
    _HELD.discard((my_pid, pid_file))
    with _exclusive(pid_file) as descriptor:
        others = _read(descriptor) - {my_pid}
        if others:
            _write(descriptor, others)
        else:
            os.unlink(pid_file)


@contextmanager
def _exclusive(pid_file: str) -> Iterator[int]:
    """Open the file, alone until the end of the block."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        descriptor = os.open(pid_file, flags, 0o600)
        try:
            _check_ours(descriptor, pid_file)
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _is_at(descriptor, pid_file):
                continue  # its last owner removed it while we waited
            yield descriptor
            return
        finally:
            os.close(descriptor)


def _check_ours(descriptor: int, pid_file: str) -> None:
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
        raise PermissionError(f"{pid_file} is not a plain file. Choose another directory: --lock-pid-dir")
    if not hasattr(os, "geteuid"):
        return
    if state.st_uid != os.geteuid():
        raise PermissionError(
            f"{pid_file} belongs to the user with id {state.st_uid}, who runs the same command. "
            "Choose another directory (--lock-pid-dir) or run without the lock (--no-lock)"
        )
    if stat.S_IMODE(state.st_mode) != 0o600:
        os.fchmod(descriptor, 0o600)  # stock Luigi makes it writable for everyone


def _is_at(descriptor: int, pid_file: str) -> bool:
    try:
        there = os.stat(pid_file)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def _read(descriptor: int) -> set[int]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    content = b""
    while block := os.read(descriptor, 65536):
        content += block
    return {int(word) for word in content.split() if word.isdigit()}


def _write(descriptor: int, pids: set[int]) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, "\n".join(map(str, sorted(pids))).encode("ascii"))
