"""What a wheel and an sdist need that is not in the repository: the libraries of the page."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VendorHook(BuildHookInterface[Any]):
    """Has bin/vendor make them. An sdist carries them, so that a wheel made of it needs no npm."""

    PLUGIN_NAME = "vendor"

    def _vendor(self) -> dict[str, Any]:
        return runpy.run_path(str(Path(self.root) / "bin" / "vendor"))

    def dependencies(self) -> list[str]:
        """Return what to install for the build: npm, where it is needed and not there."""
        vendor = self._vendor()
        return [] if vendor["is_there"]() or vendor["npm"]() else [vendor["WITHOUT_NPM"]]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make them; an editable installation does without until bin/vendor is run."""
        if version != "editable":
            self._vendor()["make"]()
