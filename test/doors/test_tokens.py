"""Who is let in with which token."""

from __future__ import annotations

import base64
import logging

import pytest

from luigi_clone._wire.roles import Role
from test.doors.asking import ADMIN, READ, WORKER, asking, doors, with_tokens


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def status(guard, role, authorization=None, **more):
    headers = {} if authorization is None else {"Authorization": authorization}
    refusal = guard.refuse(asking(**headers, **more), role)
    return refusal and refusal.status


@pytest.mark.parametrize("needed", Role)
@pytest.mark.parametrize(("token", "role"), [(READ, 1), (WORKER, 2), (ADMIN, 3)])
def test_each_role_may_what_the_lower_ones_may(token, role, needed):
    guard = with_tokens()
    assert status(guard, needed, f"Bearer {token}") == (None if role >= needed else 403)
    assert guard.role_of(asking(Authorization=f"Bearer {token}")) == role


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {WORKER}",
        f"bearer {WORKER}",
        f"BEARER  {WORKER} ",
        basic("worker", WORKER),
        basic("", WORKER),
        basic(WORKER, ""),
        basic("a name", WORKER).replace("Basic", "basic"),
    ],
)
def test_ways_to_show_a_token(authorization):
    assert status(with_tokens(), Role.WORKER, authorization) is None


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer " + WORKER[:-1],
        "Bearer " + WORKER + "x",
        "Bearer \u00ff",
        "Digest " + WORKER,
        WORKER,
        "Basic",
        "Basic !",
        "Basic /w==",
        basic(WORKER, "x"),
        basic("", ""),
        "",
    ],
)
def test_what_is_no_token(authorization):
    guard = with_tokens()
    refusal = guard.refuse(asking(Authorization=authorization), Role.READ)
    assert refusal.status == 401
    assert "none of this scheduler" in refusal.reason
    assert guard.role_of(asking(Authorization=authorization)) is None


def test_without_a_token_it_says_how_to_show_one():
    refusal = with_tokens().refuse(asking(), Role.READ)
    assert refusal.status == 401
    assert "LUIGI_SCHEDULER_TOKEN" in refusal.reason
    schemes = [value.split()[0] for name, value in refusal.headers if name == "WWW-Authenticate"]
    assert schemes == ["Bearer", "Basic"]


def test_a_role_that_is_too_low_is_named():
    refusal = with_tokens().refuse(asking(Authorization=f"Bearer {READ}"), Role.ADMIN)
    assert refusal.status == 403
    assert "role admin" in refusal.reason and "role read" in refusal.reason and READ not in refusal.reason


def test_what_is_open_to_all_needs_no_token():
    assert status(with_tokens(), None) is None


def test_without_tokens_everyone_may_do_everything():
    guard = doors()
    assert status(guard, Role.ADMIN) is None
    assert status(guard, Role.ADMIN, "Bearer whatever") is None
    assert guard.role_of(asking()) is Role.ADMIN


def test_callers_without_a_token_may_have_a_role():
    guard = with_tokens(anonymous=Role.READ)
    assert status(guard, Role.READ) is None
    assert status(guard, Role.WORKER) == 401
    assert status(guard, Role.WORKER, f"Bearer {WORKER}") is None
    assert status(guard, Role.READ, "Bearer wrong") == 401
    assert guard.role_of(asking()) is Role.READ


def test_another_kind_of_credentials_can_be_added():
    guard = with_tokens()
    sessions = {"s=1": Role.WORKER, "s=0": False}
    guard.add_reader(lambda request: sessions.get(request.headers.get("Cookie")))
    assert guard.refuse(asking(Cookie="s=1"), Role.WORKER) is None
    assert guard.refuse(asking(Cookie="s=1"), Role.ADMIN).status == 403
    assert guard.refuse(asking(Cookie="s=0"), Role.READ).status == 401
    assert guard.refuse(asking(Cookie="s=1", Authorization=f"Bearer {ADMIN}"), Role.ADMIN) is None


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(caplog):
    caplog.set_level(logging.DEBUG)
    now = [0.0]
    guard = with_tokens(wrong_tokens_per_minute=60)
    guard._clock = lambda: now[0]
    wrong = "Bearer hunter2-hunter2"
    assert [status(guard, Role.READ, wrong) for _ in range(12)] == [401] * 10 + [429] * 2
    refusal = guard.refuse(asking(Authorization=wrong), Role.READ)
    assert ("Retry-After", "1") in refusal.headers
    assert status(guard, Role.READ, f"Bearer {READ}") is None
    assert status(guard, Role.READ, wrong, remote_ip="10.0.0.9") == 401
    now[0] += 1
    assert status(guard, Role.READ, wrong) == 401
    records = [record for record in caplog.records if record.name == "luigi.server"]
    assert len(records) == 12, "one line for each answer 401"
    assert "hunter2" not in caplog.text and "127.0.0.1" in caplog.text


def test_tokens_are_in_no_representation():
    guard = with_tokens()
    request = asking(Authorization="Bearer hunter2-hunter2")
    assert "hunter2" not in guard.refuse(request, Role.READ).reason
    assert WORKER not in repr(guard)
    assert WORKER not in repr([getattr(guard._tokens, name) for name in guard._tokens.__slots__])
