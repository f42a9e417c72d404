"""Real database servers for tests: made in a temporary folder, stopped and started as a test needs it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from test.services import require_service


class DatabaseServer:
    """A server on 127.0.0.1; ``url`` is SQLAlchemy's, with a place for the database's name."""

    def __init__(self, command: list[str], folder: str, user: dict, port: int, url: str, end: int) -> None:
        self._command, self._folder, self._user, self._end = command, folder, user, end
        self._process: subprocess.Popen | None = None
        self.port = port
        self._url = url

    def url(self, database: str) -> str:
        return self._url.format(port=self.port, database=database)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._user,
        )
        deadline = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as one:
                one.settimeout(1)
                return
        raise AssertionError(f"{self._command[0]} did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(self._end)
            self._process.wait(60)
            self._process = None


@contextlib.contextmanager
def postgresql() -> Iterator[DatabaseServer]:
    """Give a PostgreSQL server whose superuser ``me`` needs no password."""
    with _folder("postgres") as (folder, user):
        command = [_program("PostgreSQL", "initdb"), "-D", f"{folder}/data", "-U", "me", "-A", "trust"]
        command += ["-N", "--no-locale", "-E", "UTF8"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **user)
        port = _free_port()
        command = [_program("PostgreSQL", "postgres"), "-D", f"{folder}/data", "-k", folder]
        command += ["-h", "127.0.0.1", "-p", str(port), "-F"]
        url = "postgresql+psycopg2://me@127.0.0.1:{port}/{database}"
        yield from _running(DatabaseServer(command, folder, user, port, url, signal.SIGINT))


@contextlib.contextmanager
def mariadb() -> Iterator[DatabaseServer]:
    """Give a MariaDB server whose user ``me`` needs no password."""
    with _folder("mysql") as (folder, user):
        data = f"{folder}/data"
        command = [_program("MariaDB", "mariadb-install-db"), "--no-defaults", f"--datadir={data}"]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **user)
        port = _free_port()
        command = [_program("MariaDB", "mariadbd"), "--no-defaults", f"--datadir={data}", f"--port={port}"]
        command += ["--bind-address=127.0.0.1", f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
        command += ["--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4"]
        url = "mysql+pymysql://root@127.0.0.1:{port}/{database}?charset=utf8mb4"
        yield from _running(DatabaseServer(command, folder, user, port, url, signal.SIGTERM))


def _running(server: DatabaseServer) -> Iterator[DatabaseServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _program(server: str, name: str) -> str:
    places = [Path("/usr/sbin"), *Path("/usr/lib/postgresql").glob("*/bin")]
    found = shutil.which(name) or next((str(p / name) for p in places if (p / name).exists()), None)
    require_service(server, found, f"there is no program {name}")
    return str(found)


@contextlib.contextmanager
def _folder(name: str) -> Iterator[tuple[str, dict]]:
    """Give a folder, and as whom a server runs in it: most refuse to be root."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if os.getuid():
            yield folder, {}
            return
        user = next((one for one in pwd.getpwall() if one.pw_name == name), pwd.getpwnam("nobody"))
        os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
