"""What a test needs from outside: a database, a mail server, another Luigi.

``from test.services import require_service``. On a developer's machine a missing service skips the test; with
``REQUIRE_SERVICES=1``, as ``.ci/run`` sets it, it fails, so that nothing is left out unseen.
"""

from __future__ import annotations

import os

import pytest


def require_service(name: str, ok: object, reason: str) -> None:
    """Go on if ``ok`` is true; else skip, or fail under ``REQUIRE_SERVICES=1``, saying what is missing."""
    if ok:
        return
    message = f"{name} is not available: {reason}"
    if os.environ.get("REQUIRE_SERVICES", "0") not in ("", "0"):
        pytest.fail(f"{message} (REQUIRE_SERVICES is set)", pytrace=False)
    pytest.skip(message)
