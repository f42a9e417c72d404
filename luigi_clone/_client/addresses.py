"""The URL of a scheduler, taken apart."""

from __future__ import annotations

UNIX_SCHEME = "http+unix"


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """Return the URL without user and password, and these two as written."""
    scheme, separator, rest = url.partition("://")
    end = min((index for index in map(rest.find, "/?#") if index >= 0), default=len(rest))
    userinfo, at, host = rest[:end].rpartition("@")
    if not separator or not at:
        return url, None, None
    username, colon, password = userinfo.partition(":")
    return f"{scheme}://{host}{rest[end:]}", username, password if colon else None


def basic_authorization(username: str, password: str, encoding: str = "utf-8") -> str:
    """Return the value of the header that logs in with a name and a password."""
    import base64

    credentials = base64.b64encode(f"{username}:{password}".encode(encoding))
    return f"Basic {credentials.decode('ascii')}"


def urljoin(base: str, url: str) -> str:
    """Append ``url`` to the path of ``base``, as a proxy with a path prefix needs it."""
    stem = base.partition("#")[0].partition("?")[0]
    return f"{stem}{url}" if url.startswith("/") else f"{stem}/{url}"


def split_address(url: str) -> tuple[str, str, str]:
    """Return scheme, host with port, and the target of the request line."""
    scheme, _, rest = url.partition("://")
    end = min((index for index in map(rest.find, "/?") if index >= 0), default=len(rest))
    target = rest[end:].partition("#")[0]
    return scheme.lower(), rest[:end], target if target.startswith("/") else f"/{target}"
