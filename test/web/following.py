"""A page as the server sees it: it follows the stream of news."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from urllib.parse import urlencode


class Follower:
    """Reads events one after the other; each read waits for 20 seconds at most."""

    def __init__(self, port, view=None, method="GET", **headers):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path, body = "/api/stream", None
        if method == "POST":
            body, named["Content-Type"] = json.dumps({"view": view}), "application/json"
        elif view is not None:
            path += "?" + urlencode({"view": view if isinstance(view, str) else json.dumps(view)})
        self._connection.request(method, path, body, named)
        self.answer = self._connection.getresponse()
        self.status = self.answer.status

    def next(self):
        """Return name and data of the next event, (None, text) for a comment; ("", None) at the end."""
        name, data = None, None
        while line := self.answer.readline().decode():
            if line == "\n":
                if data is not None:
                    return name, json.loads(data)
            elif line.startswith(":"):
                return None, line
            elif line.startswith("event: "):
                name = line[7:-1]
            elif line.startswith("data: "):
                data = line[6:]
        return "", None

    def until(self, name, condition=lambda data: True):
        """Read up to an event of this name whose data fulfil a condition; return the data."""
        deadline = time.monotonic() + 30
        while True:
            found, data = self.next()
            assert found != "", "the stream has ended"
            assert time.monotonic() < deadline, f"no {name!r} that fits"
            if found == name and condition(data):
                return data

    def close(self):
        self.answer.close()
        self._connection.close()


@contextlib.contextmanager
def following(port, view=None, method="GET", **headers):
    """Follow the stream for the time of the block."""
    follower = Follower(port, view, method, **headers)
    try:
        yield follower
    finally:
        follower.close()
