"""Tokens: what a caller shows, and the role that it gives."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from luigi_clone._wire.roles import Role


class Tokens:
    """The known tokens, kept as digests under a key of this process."""

    __slots__ = ("_key", "_known")

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._key = secrets.token_bytes(32)
        self._known = [(self._digest(token), role) for token, role in roles.items()]

    def __bool__(self) -> bool:
        return bool(self._known)

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode("utf-8", "replace"), key=self._key, digest_size=32).digest()

    def role_of(self, token: str) -> Role | None:
        """Return the role that ``token`` gives; takes the same time for every token that does not exist."""
        given = self._digest(token)
        found = None
        for digest, role in self._known:
            if hmac.compare_digest(digest, given):
                found = role
        return found

    def role_of_header(self, authorization: str) -> Role | None:
        """Return the role that an ``Authorization`` header gives: ``Bearer TOKEN`` or ``Basic``.

        With Basic the password is the token and the name means nothing, so that a worker can have it in the
        scheduler's URL.
        """
        scheme, _, rest = authorization.partition(" ")
        if scheme == "Bearer":
            return self.role_of(rest)
        kind = scheme.lower()
        if kind == "basic":
            return self.role_of(_password(rest))
        if kind == "bearer":
            return self.role_of(rest.strip())
        return None


def _password(text: str) -> str:
    """Return the password of Basic credentials, or the name if there is no password; "" for anything else."""
    try:
        pair = binascii.a2b_base64(text.strip()).decode("utf-8")
    except ValueError:
        return ""
    name, _, password = pair.partition(":")
    return password or name
