"""The Host header against DNS rebinding."""

from __future__ import annotations

import socket

import pytest

from luigi_clone._web.doors import DoorSettings
from luigi_clone._wire.roles import Role
from test.doors.asking import READ, TOKENS, asking, doors

LOOPBACK = [
    "localhost",
    "localhost:8082",
    "LocalHost:1",
    "127.0.0.1",
    "127.0.0.1:8082",
    "[::1]:8082",
    "[::1]",
]
LOOPBACK += ["127.1.2.3:80", "luigi.localhost:8082", "localhost."]


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("bound_to_loopback", [True, False])
def test_names_of_this_machine(host, bound_to_loopback):
    guard = doors(bound_to_loopback=bound_to_loopback)
    for _ in range(2):
        assert guard.refuse(asking(Host=host, Origin=f"http://{host.lower()}"), Role.READ) is None


FOREIGN = [
    "evil.example",
    "evil.example:8082",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "[",
    "::1:80",
]


@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_names_on_loopback(host):
    refusal = doors().refuse(asking(Host=host), Role.READ)
    assert refusal.status == 403
    assert "allowed_hosts" in refusal.reason
    assert doors().refuse(asking(Host=host), None).status == 403


@pytest.mark.parametrize("host", ["10.0.0.7:8082", "luigi", "[2001:db8::1]:8082"])
def test_other_machines_names_on_loopback(host):
    assert doors().refuse(asking(Host=host), Role.READ).status == 403
    assert doors(bound_to_loopback=False).refuse(asking(Host=host, Cookie="x"), Role.READ) is None


@pytest.mark.parametrize("mark", ["Origin", "Sec_Fetch_Site", "Cookie", "Accept_Language"])
def test_open_to_others_only_browsers_are_looked_at(mark):
    guard = doors(bound_to_loopback=False)
    assert guard.refuse(asking(Host="evil.example"), Role.READ) is None
    assert guard.refuse(asking(Host="evil.example", **{mark: "x"}), Role.READ).status == 403
    assert guard.refuse(asking(Host=f"{socket.gethostname()}:8082", **{mark: "x"}), Role.READ) is None


def test_who_must_show_a_token_anyway_may_use_any_name():
    closed = doors(DoorSettings(tokens=TOKENS), bound_to_loopback=False)
    token = f"Bearer {READ}"
    assert closed.refuse(asking(Host="luigi.example", Cookie="x", Authorization=token), Role.READ) is None
    on_loopback = doors(DoorSettings(tokens=TOKENS))
    assert on_loopback.refuse(asking(Host="luigi.example", Authorization=token), Role.READ) is None
    assert on_loopback.refuse(asking(Host="luigi.example", Authorization="Bearer x"), Role.READ).status == 403
    open_to_all = doors(DoorSettings(tokens=TOKENS, anonymous=Role.READ), bound_to_loopback=False)
    assert open_to_all.refuse(asking(Host="evil.example", Cookie="x"), Role.READ).status == 403


@pytest.mark.parametrize(
    ("entry", "host", "let_in"),
    [
        ("luigi.example", "luigi.example", True),
        ("luigi.example", "LUIGI.example:443", True),
        ("Luigi.example:8082", "luigi.example", True),
        ("luigi.example", "x.luigi.example", False),
        (".example", "luigi.example", True),
        ("*.example", "a.b.example:80", True),
        ("*.example", "example", False),
        ("*.example", "evilexample", False),
        ("10.0.0.7", "10.0.0.7:8082", True),
        ("10.0.0.7", "10.0.0.8:8082", False),
        ("*", "anything.at.all", True),
    ],
)
def test_allowed_hosts(entry, host, let_in):
    guard = doors(DoorSettings(allowed_hosts=(entry,)))
    assert (guard.refuse(asking(Host=host), Role.READ) is None) == let_in


def test_names_that_it_was_bound_by():
    assert doors(bound=["box.example"]).refuse(asking(Host="box.example:8082"), Role.READ) is None


def test_no_host_check_on_a_unix_socket():
    assert doors().refuse(asking(Host="evil.example", remote_ip="0.0.0.0"), Role.READ) is None


def test_a_request_without_a_host_is_of_no_browser():
    request = asking()
    del request.headers["Host"]
    assert doors().refuse(request, Role.READ) is None


def test_remembered_names_are_bounded():
    guard = doors()
    for port in range(3000):
        assert guard.refuse(asking(Host=f"localhost:{port}"), Role.READ) is None
    assert len(guard._hosts._good) <= 1000
