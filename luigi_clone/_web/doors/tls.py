"""TLS: the server's certificate, and certificates that it asks of its callers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from luigi_clone._web.doors.settings import KEY_PASSWORD_VARIABLE, DoorSettings, SettingError

if TYPE_CHECKING:
    import ssl


def make_ssl_context(settings: DoorSettings) -> ssl.SSLContext | None:
    """Return the context to serve with, or None without ``[tls] certificate``.

    With ``client_ca`` a caller needs a certificate signed by it. Raises :class:`SettingError` if a file
    cannot be read or does not fit.
    """
    if settings.certificate is None:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _check_readable("certificate", settings.certificate)
    if settings.private_key is not None:
        _check_readable("private_key", settings.private_key)
    try:
        context.load_cert_chain(settings.certificate, settings.private_key, _key_password)
    except (ssl.SSLError, OSError) as error:
        key = settings.private_key or settings.certificate
        raise SettingError(
            f"[tls] certificate {settings.certificate} and private key {key} cannot be used: {_text(error)}"
        ) from None
    if settings.client_ca is not None:
        _check_readable("client_ca", settings.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(settings.client_ca)
        except (ssl.SSLError, OSError) as error:
            raise SettingError(
                f"[tls] client_ca {settings.client_ca} holds no certificates: {_text(error)}"
            ) from None
    return context


def _check_readable(option: str, path: str) -> None:
    try:
        with open(path, "rb"):  # noqa: PTH123 - only whether it can be opened
            pass
    except OSError as error:
        raise SettingError(f"[tls] {option}: cannot read {path}: {error.strerror}") from None


def _key_password() -> str:
    """Return the password of an encrypted key; without one OpenSSL would ask at the terminal."""
    password = os.environ.get(KEY_PASSWORD_VARIABLE)
    if not password:
        raise SettingError(
            f"[tls] private_key is encrypted: set the environment variable {KEY_PASSWORD_VARIABLE}"
        )
    return password


def _text(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or "it is not in PEM format"
