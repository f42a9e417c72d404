"""Security headers of answers, made once."""

from __future__ import annotations

from collections.abc import Iterable

HeaderList = tuple[tuple[str, str], ...]

_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"))

API: HeaderList = (
    *_ALWAYS,
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""Answers to programs: nothing in them is ever to be run, shown in a frame or kept.

Each line costs most of a microsecond to send, so the older name of ``frame-ancestors`` is left to the pages.
"""

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors "
)


def page_headers(frame_ancestors: Iterable[str]) -> HeaderList:
    """Return the headers of pages: scripts and styles are files of ours, none stands in a page.

    ``frame_ancestors`` are sites that may show them in a frame; without any, nobody may.
    """
    sites = " ".join(frame_ancestors)
    ancestors = f"'self' {sites}" if sites else "'none'"
    headers = (
        *_ALWAYS,
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Content-Security-Policy", _PAGE_POLICY + ancestors),
    )
    # the older header cannot name other sites
    return headers if sites else (*headers, ("X-Frame-Options", "DENY"))
