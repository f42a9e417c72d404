"""Calls that change something, made by a browser for a page of another site (cross-site request forgery).

Browsers tell where a request comes from: ``Sec-Fetch-Site`` (over TLS and to this machine), ``Origin`` (with
every POST), ``Referer``. Programs that are no browsers send none of them and are not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

_PORTS = {"http": ":80", "https": ":443"}


def foreign_reason(headers: Mapping[str, str], method: str, allowed_origins: Collection[str]) -> str | None:
    """Return why a changing call is refused, or None if it comes from our own page or from no browser."""
    origin = headers.get("Origin")
    if origin is not None and origin in allowed_origins:
        return None
    site = headers.get("Sec-Fetch-Site")
    if site in ("same-origin", "none"):
        return None
    if site is not None:
        return (
            f"This call changes something, and the browser says that a foreign page makes it ({site[:20]})."
        )
    if origin is not None:
        if _is_ours(origin, headers):
            return None
        return (
            f"This call changes something, and the page that makes it is of another site ({origin[:200]}). "
            "[cors] allowed_origins of the server lists the sites that may."
        )
    if method == "GET" and not _may_get(headers):
        return "This call changes something, and a browser may not make it by GET for a page of another site."
    return None


def _may_get(headers: Mapping[str, str]) -> bool:
    """Decide over a GET without ``Origin`` and ``Sec-Fetch-Site``: an image tag over plain HTTP makes one."""
    referer = headers.get("Referer")
    if referer is not None:
        return _is_ours(referer, headers)
    # A foreign page can leave out the Referer, but it cannot add the header that scripts of our page add.
    is_browser = "Accept-Language" in headers and headers.get("User-Agent", "").startswith("Mozilla/")
    return not is_browser or "X-Requested-With" in headers


def _is_ours(url: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a URL has the host that the browser asked: behind a proxy the one that it passes on."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    place, port = parts.netloc.lower(), _PORTS.get(parts.scheme, "")
    if not place or not port:
        return False
    # The scheme is not compared: a proxy may take TLS off.
    for name in ("Host", "X-Forwarded-Host"):
        host = headers.get(name, "").lower()
        if place.removesuffix(port) == host.removesuffix(port) and host:
            return True
    return False
