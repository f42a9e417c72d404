"""What the configuration says about the doors: ``[auth]``, ``[tls]`` and ``[limits]``.

The sections are read here and not by ``Config`` classes: a class of that name would become a flag of every
command line, and tokens do not belong into a list of processes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from luigi_clone._wire.roles import Role

TOKEN_LENGTH = 16
"""Fewer characters than this can be guessed; such a token is refused."""

TOKEN_VARIABLE = "LUIGI_AUTH_{role}_TOKENS"  # noqa: S105 - a name, no token
KEY_PASSWORD_VARIABLE = "LUIGI_TLS_KEY_PASSWORD"  # noqa: S105 - a name, no password


class SettingError(ValueError):
    """An option of the doors makes no sense; the server must not start half closed."""


class DoorSettings(NamedTuple):
    """The options of the doors; the defaults are those of a server without any."""

    tokens: Mapping[str, Role] = {}
    """Token → role."""
    anonymous: Role | None = None
    """With tokens: what callers without one may do."""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    """Sites that may show the pages in a frame, beside our own."""
    certificate: str | None = None
    private_key: str | None = None
    client_ca: str | None = None
    requests_per_second: float = 0.0
    """Of one peer, in the long run; 0 is any number."""
    requests_burst: float = 0.0
    """How many at once; 0 is what ten seconds allow."""
    wrong_tokens_per_minute: float = 30.0
    largest_body: int = 0
    """Bytes of a request's body; 0 is what the web framework takes."""
    notes: tuple[str, ...] = ()
    """What a person should be told about these settings at the start."""

    @property
    def have_a_lock(self) -> bool:
        """Tell whether there is anything to show at the door, even if not everybody has to."""
        return self.client_ca is not None or bool(self.tokens)

    @property
    def are_closed(self) -> bool:
        """Tell whether nobody gets in without showing something: a token or a certificate."""
        return self.client_ca is not None or (bool(self.tokens) and self.anonymous is None)


def read_settings(config: Any, environment: Mapping[str, str] | None = None) -> DoorSettings:
    """Read all of it; raises :class:`SettingError`, which names the option and shows no token."""
    variables = os.environ if environment is None else environment
    notes: list[str] = []
    settings = DoorSettings(
        tokens=_tokens(config, variables, notes),
        anonymous=_anonymous(config),
        allowed_hosts=_words(config, "auth", "allowed_hosts"),
        trusted_proxies=_words(config, "auth", "trusted_proxies"),
        frame_ancestors=_words(config, "auth", "frame_ancestors"),
        certificate=_text(config, "tls", "certificate"),
        private_key=_text(config, "tls", "private_key"),
        client_ca=_text(config, "tls", "client_ca"),
        requests_per_second=_number(config, "limits", "requests_per_second", 0.0),
        requests_burst=_number(config, "limits", "requests_burst", 0.0),
        wrong_tokens_per_minute=_number(config, "limits", "wrong_tokens_per_minute", 30.0),
        largest_body=int(_number(config, "limits", "largest_body", 0.0)),
    )
    if settings.certificate is None and (settings.private_key or settings.client_ca):
        raise SettingError(
            "[tls] certificate is missing: private_key and client_ca mean nothing without it, and the server "
            "would answer everyone in clear text"
        )
    return settings._replace(notes=tuple(notes))


# -- tokens ----------------------------------------------------------------


def _tokens(config: Any, variables: Mapping[str, str], notes: list[str]) -> dict[str, Role]:
    roles: dict[str, Role] = {}
    for role in Role:
        for place, token in _tokens_of(config, variables, role, notes):
            _check_token(place, token)
            if roles.setdefault(token, role) is not role:
                raise SettingError(
                    f"{place}: the same token also stands for the role {roles[token].title}; use two"
                )
    return roles


def _tokens_of(
    config: Any, variables: Mapping[str, str], role: Role, notes: list[str]
) -> list[tuple[str, str]]:
    """Return (where it was found, token) for each token of a role."""
    option, file_option = f"{role.title}_tokens", f"{role.title}_tokens_file"
    variable = TOKEN_VARIABLE.format(role=role.name)
    found = [(f"[auth] {option}", token) for token in _words(config, "auth", option)]
    if _is_given(config, "auth", option) and not found:
        raise SettingError(f"[auth] {option} is there but empty: name a token or take the line out")
    path = _text(config, "auth", file_option)
    if path is not None:
        found += [(f"[auth] {file_option}", token) for token in _tokens_in(path, file_option, notes)]
    if variable in variables:
        words = variables[variable].replace(",", " ").split()
        if not words:
            raise SettingError(
                f"the environment variable {variable} is set but empty: unset it or put a token in"
            )
        found += [(f"the environment variable {variable}", token) for token in words]
    return found


def _tokens_in(path: str, option: str, notes: list[str]) -> list[str]:
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        mode = file.stat().st_mode
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingError(f"[auth] {option}: cannot read {path}: {reason}") from None
    if mode & 0o077:
        notes.append(f"{path} holds tokens and other users can read it: chmod 600 {path}")
    tokens = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    if not tokens:
        raise SettingError(f"[auth] {option}: there is no token in {path}; write one a line")
    return tokens


def _check_token(place: str, token: str) -> None:
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingError(f"{place}: a token consists of printable ASCII characters without blanks")
    if len(token) < TOKEN_LENGTH:
        raise SettingError(
            f"{place}: a token has at least {TOKEN_LENGTH} characters, since a shorter one can be guessed; "
            "'openssl rand -hex 24' makes a good one"
        )


def _anonymous(config: Any) -> Role | None:
    text = _text(config, "auth", "anonymous")
    if text is None or text.lower() == "none":
        return None
    for role in Role:
        if text.lower() == role.title:
            return role
    raise SettingError(f"[auth] anonymous is {text!r}; it can be none, read, worker or admin")


# -- values ----------------------------------------------------------------


def _value(config: Any, section: str, option: str) -> Any:
    """Return what is configured, or None; never show it in an error, since it may be a secret."""
    try:
        return config.get(section, option, None)
    except Exception:
        raise SettingError(
            f"[{section}] {option} cannot be read: write %% for a percent sign, and set the environment "
            "variables that it names"
        ) from None


def _is_given(config: Any, section: str, option: str) -> bool:
    return _value(config, section, option) is not None


def _text(config: Any, section: str, option: str) -> str | None:
    value = _value(config, section, option)
    text = "" if value is None else str(value).strip()
    return text or None


def _words(config: Any, section: str, option: str) -> tuple[str, ...]:
    """Return a list that is written with commas, with blanks, as JSON or, in TOML, as a list."""
    value = _value(config, section, option)
    if value is None:
        return ()
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return tuple(value.replace(",", " ").split())
        try:
            value = json.loads(value)
        except ValueError:
            raise SettingError(f"[{section}] {option} begins like a JSON list but is none") from None
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise SettingError(f"[{section}] {option} must be a list of texts")
    return tuple(value)


def _number(config: Any, section: str, option: str, default: float) -> float:
    text = _text(config, section, option)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise SettingError(f"[{section}] {option} is {text!r}; it must be a number that is not negative")
    return number
