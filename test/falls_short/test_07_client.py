"""The client of a scheduler, where Luigi's falls short (document 07)."""

from __future__ import annotations

import logging
from urllib.error import HTTPError

import luigi
import pytest

SECRET = "hunter2"
URL = f"http://joe:{SECRET}@127.0.0.1:1/"


def client(monkeypatch, *outcomes):
    """Return a client, and a list that grows with each attempt; ``outcomes`` are raised in turn."""
    scheduler = luigi.RemoteScheduler(URL)
    scheduler._rpc_retry_wait = 0
    attempts = []

    def fetch(full_url, body, timeout):
        attempts.append(full_url)
        raise outcomes[min(len(attempts), len(outcomes)) - 1]

    if outcomes:
        monkeypatch.setattr(scheduler._fetcher, "fetch", fetch)
    return scheduler, attempts


def refused(status):
    return HTTPError("http://h/", status, "refused", None, None)


@pytest.mark.parametrize("status", [400, 403])
def test_07_11_a_refused_request_is_not_repeated(monkeypatch, status):
    scheduler, attempts = client(monkeypatch, refused(status))
    with pytest.raises((luigi.RPCError, HTTPError)):
        scheduler.ping(worker="W")
    assert len(attempts) == 1


def test_07_13_password_is_in_no_log_and_no_error(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    scheduler, _ = client(monkeypatch)
    with pytest.raises(luigi.RPCError) as raised:
        scheduler.ping(worker="W")
    assert SECRET not in caplog.text
    assert SECRET not in str(raised.value)


def test_07_14_log_names_the_cause(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    scheduler, _ = client(monkeypatch, ConnectionResetError("line cut"))
    with pytest.raises((luigi.RPCError, OSError)):
        scheduler.ping(worker="W")
    assert "line cut" in caplog.text


def test_07_14_no_retry_is_announced_after_the_last_attempt(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "luigi-interface")
    scheduler, attempts = client(monkeypatch, ConnectionResetError("line cut"))
    with pytest.raises((luigi.RPCError, OSError)):
        scheduler.ping(worker="W")
    assert len(attempts) == 3
    assert sum("Retrying attempt" in message for message in caplog.messages) == 2
