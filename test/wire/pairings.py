"""One script, run with each pairing of workers and server; what came of it must be the same."""

from __future__ import annotations

import difflib
import pprint
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from test.differential.engines import Engine
from test.wire.sites import Site

CONTROL = "luigi-on-luigi"
"""The pairing that tells what Luigi does itself."""

Script = Callable[[Site], Any]


class Pairings(NamedTuple):
    """The pairings, by name: the engine of the workers and the engine of the server."""

    folder: Path
    engines: dict[str, tuple[Engine, Engine]]

    def agree(self, script: Script, **sections: dict[str, Any]) -> Any:
        """Run ``script`` once with each pairing, all at the same time, and return what it returned.

        ``sections`` is the configuration that workers and server share, besides short waits.
        """
        with ThreadPoolExecutor(len(self.engines)) as threads:
            running = {name: threads.submit(self._run, name, script, sections) for name in self.engines}
        found = {name: future.result() for name, future in running.items()}
        expected = found.pop(CONTROL)
        for name, result in found.items():
            if result != expected:
                pytest.fail(f"{name} differs from {CONTROL}:\n{difference(expected, result)}", pytrace=False)
        return expected

    def _run(self, name: str, script: Script, sections: dict[str, dict[str, Any]]) -> Any:
        folder = self.folder / name
        folder.mkdir()
        try:
            with Site(folder, *self.engines[name], sections) as site:
                return script(site)
        except Exception as error:
            raise AssertionError(f"with the pairing {name}: {error}") from error


def difference(expected: Any, found: Any) -> str:
    """Return what is different, a line each."""
    texts = [pprint.pformat(value, width=100).splitlines() for value in (expected, found)]
    return "\n".join(difflib.unified_diff(*texts, lineterm="", n=2))
