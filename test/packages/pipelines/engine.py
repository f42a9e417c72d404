"""First import of every script here: makes ``import luigi`` mean luigi_clone, unless ``ENGINE=luigi``."""

from __future__ import annotations

import json
import os
import sys

if os.environ.get("ENGINE", "luigi_clone") != "luigi":
    import luigi_clone.alias

    luigi_clone.alias.install()


def report(**results: object) -> None:
    """Write what is compared as the last line of the output, with the engine that ran."""
    luigi = sys.modules["luigi"]
    sys.stdout.flush()
    print(json.dumps({"engine": luigi.__name__, **results}, sort_keys=True, default=str))
