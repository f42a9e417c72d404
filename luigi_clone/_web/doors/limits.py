"""How much one peer may ask: token buckets in a table of bounded size."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Collection, Mapping

PEERS = 10_000
"""How many peers are remembered; beyond that the one that was silent longest starts afresh."""


class Buckets:
    """For each peer a bucket that fills with ``rate`` a second up to ``size``; each request takes one out."""

    __slots__ = ("_peers", "_rate", "_size", "_table")

    def __init__(self, rate: float, size: float, peers: int = PEERS) -> None:
        self._rate, self._size, self._peers = rate, max(1.0, size), peers
        self._table: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._table)

    def take(self, peer: str, now: float) -> int:
        """Take one out of the peer's bucket; return 0, or if it is empty the seconds until it is not.

        ``now`` is a monotonic time in seconds.
        """
        # taken out and put in again: the table is in the order of the last request
        level, since = self._table.pop(peer, (self._size, now))
        level = self._filled(level, since, now)
        wait = self._wait(level)
        if not wait:
            level -= 1
        self._table[peer] = (level, now)
        if len(self._table) > self._peers:
            del self._table[next(iter(self._table))]
        return wait

    def wait(self, peer: str, now: float) -> int:
        """Return what :meth:`take` would, and take nothing."""
        level, since = self._table.get(peer, (self._size, now))
        return self._wait(self._filled(level, since, now))

    def _filled(self, level: float, since: float, now: float) -> float:
        return min(self._size, level + (now - since) * self._rate)

    def _wait(self, level: float) -> int:
        return 0 if level >= 1 else max(1, math.ceil((1 - level) / self._rate))


def peer_of(remote_ip: str, headers: Mapping[str, str], trusted_proxies: Collection[str]) -> str:
    """Return whom a request is counted for: an IPv4 address, or the /64 network of an IPv6 one.

    Of a trusted proxy's request it is the last address in ``X-Forwarded-For`` that is not a trusted proxy.
    """
    if remote_ip in trusted_proxies:
        for entry in reversed(headers.get("X-Forwarded-For", "").split(",")):
            if (address := entry.strip()) and address not in trusted_proxies:
                remote_ip = address
                break
    if ":" not in remote_ip:
        return remote_ip[:64]
    try:
        # whoever has one such address has all of its network
        return str(ipaddress.ip_network((remote_ip.partition("%")[0], 64), strict=False))
    except ValueError:
        return remote_ip[:64]
