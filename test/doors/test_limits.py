"""How much one peer may ask."""

from __future__ import annotations

import pytest

from luigi_clone._web.doors import DoorSettings
from luigi_clone._web.doors.limits import Buckets, peer_of
from luigi_clone._wire.roles import Role
from test.doors.asking import asking, doors


def test_a_bucket_fills_with_time():
    buckets = Buckets(rate=0.5, size=3)
    assert [buckets.take("p", 0.0) for _ in range(5)] == [0, 0, 0, 2, 2]
    assert buckets.take("q", 0.0) == 0
    assert buckets.take("p", 1.0) == 1
    assert buckets.take("p", 2.0) == 0
    assert buckets.take("p", 2.0) == 2
    assert [buckets.take("p", 1000.0) for _ in range(4)] == [0, 0, 0, 2]


def test_the_table_is_bounded_and_forgets_who_was_silent_longest():
    buckets = Buckets(rate=0.001, size=1, peers=3)
    for peer in "abc":
        assert buckets.take(peer, 0.0) == 0
    assert buckets.take("a", 1.0) > 0
    assert buckets.take("d", 2.0) == 0
    assert len(buckets) == 3
    assert buckets.take("a", 3.0) > 0, "it asked after b and c"
    assert buckets.take("b", 3.0) == 0, "forgotten"


@pytest.mark.parametrize(
    ("remote", "forwarded", "peer"),
    [
        ("10.0.0.9", "1.2.3.4", "10.0.0.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("10.0.0.1", "x" * 100, "x" * 64),
        ("10.0.0.1", ":" * 100, ":" * 64),
    ],
)
def test_whom_a_request_is_counted_for(remote, forwarded, peer):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert peer_of(remote, headers, ("10.0.0.1", "10.0.0.2")) == peer


def test_requests_are_limited_by_peer():
    now = [0.0]
    settings = DoorSettings(requests_per_second=2, requests_burst=3)
    guard = doors(settings, clock=lambda: now[0])

    def statuses(count, **request):
        refusals = [guard.refuse(asking(**request), Role.READ) for _ in range(count)]
        return [refusal and refusal.status for refusal in refusals]

    assert statuses(4) == [None, None, None, 429]
    refusal = guard.refuse(asking(), None)
    assert ("Retry-After", "1") in refusal.headers and "requests_per_second" in refusal.reason
    assert statuses(1, remote_ip="127.0.0.2") == [None]
    assert statuses(9, remote_ip="0.0.0.0") == [None] * 9, "a Unix socket has no peers"
    now[0] += 0.5
    assert statuses(2) == [None, 429]


def test_the_size_of_a_body_can_be_limited():
    guard = doors(DoorSettings(largest_body=100))

    def status(**headers):
        refusal = guard.refuse(asking(**headers), Role.READ)
        return refusal and refusal.status

    assert status() is None
    assert status(Content_Length="100") is None
    assert status(Content_Length="101") == 413
    assert status(Transfer_Encoding="chunked") == 411
    assert doors().refuse(asking(Content_Length="1" * 30), Role.READ) is None


def test_there_is_no_limit_unless_it_is_set():
    guard = doors()
    assert not any(guard.refuse(asking(), Role.READ) for _ in range(1000))
