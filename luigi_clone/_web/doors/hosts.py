"""The Host header: which names of ours a browser may believe to talk to.

A page of a foreign site can let its own name point to this machine (DNS rebinding). Its requests are then
"same origin" for the browser; only the name in the Host header tells.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

_REMEMBERED = 1000


def _name_of(host: str) -> str:
    """Return the name or address in a Host header, without port and brackets, in small letters."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class HostCheck:
    """Tells whether a Host header names this server.

    Bound to loopback: localhost, loopback addresses, and the names it was bound by. Else: any address, any
    name without a dot and the machine's own names, since none of these can be a foreign site's. In both cases
    what ``allowed`` says: names, ``.example.com`` for all below, ``*`` for any.
    """

    def __init__(self, loopback_only: bool, bound: Iterable[str] = (), allowed: Iterable[str] = ()) -> None:
        self._loopback_only = loopback_only
        self._names = {_name_of(name) for name in bound}
        self._suffixes = [".localhost"]
        self._any = False
        for entry in allowed:
            if entry == "*":
                self._any = True
            elif entry.startswith((".", "*.")):
                self._suffixes.append(entry.lstrip("*").lower())
            else:
                self._names.add(_name_of(entry))
        if not loopback_only:
            self._names |= {_name_of(socket.gethostname()), _name_of(socket.getfqdn())}
        self._good: set[str] = set()

    def allows(self, host: str) -> bool:
        """Tell whether ``host``, a Host header, is one of ours."""
        if host in self._good:
            return True
        if not self._decide(_name_of(host)):
            return False
        if len(self._good) < _REMEMBERED:
            self._good.add(host)
        return True

    def _decide(self, name: str) -> bool:
        if self._any or name == "localhost" or name in self._names:
            return True
        address = _address(name)
        if address is not None:
            return address.is_loopback or not self._loopback_only
        if name.endswith(tuple(self._suffixes)):
            return True
        return not self._loopback_only and "." not in name
