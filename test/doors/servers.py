"""A real ``luigid`` of its own process, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = "from luigi_clone.cmdline import luigid; luigid()"


class Luigid:
    """The running process; ``log`` is what it has written so far."""

    def __init__(self, process, port, tls=None):
        self.process, self.port, self.log = process, port, ""
        self._tls = tls
        self._is_up, self._drain = threading.Event(), threading.Thread(target=self._read)
        self._drain.start()

    def _read(self):
        for line in self.process.stderr:
            self.log += line
            if "Scheduler starting up" in line:
                self._is_up.set()
        self._is_up.set()

    def wait(self):
        assert self._is_up.wait(60) and self.process.poll() is None, self.log

    def end(self):
        """End it; return all that it has written."""
        self.process.terminate()
        self.process.wait(30)
        self._drain.join(30)
        self.process.stderr.close()
        return self.log

    def ask(self, method, path, body=None, **headers):
        """Send a request to it; return status, headers and text of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("Content-Type", "application/x-www-form-urlencoded")
        place = ("127.0.0.1", self.port)
        if self._tls is None:
            connection = http.client.HTTPConnection(*place, timeout=20)
        else:
            connection = http.client.HTTPSConnection(*place, timeout=20, context=self._tls)
        with contextlib.closing(connection):
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()


def start(folder, config, *options, environment=None, address="127.0.0.1", tls=None):
    """Start it with a configuration; it may refuse to come up."""
    file = Path(folder) / "luigid.cfg"
    file.write_text(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-c", CODE, "--port", str(port)]
    command += ["--state-path", str(Path(folder) / "state")]
    command += [] if address is None else ["--address", address]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LUIGI")}
    variables |= {"PYTHONPATH": str(ROOT), "LUIGI_CONFIG_PATH": str(file), **(environment or {})}
    process = subprocess.Popen(
        [*command, *options], cwd=folder, env=variables, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    return Luigid(process, port, tls)


@contextlib.contextmanager
def luigid(folder, config="", *options, **more):
    """Run it for the time of the block."""
    running = start(folder, config, *options, **more)
    try:
        running.wait()
        yield running
    finally:
        running.end()


def client_tls(ca, certificate=None, key=None):
    """Return the TLS context of a client that trusts ``ca``."""
    context = ssl.create_default_context(cafile=str(ca))
    if certificate is not None:
        context.load_cert_chain(str(certificate), str(key))
    return context
