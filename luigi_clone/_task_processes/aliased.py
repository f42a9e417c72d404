"""Importing this module makes ``luigi`` mean this package.

For a fork server, which can be told nothing but names to import, and whose processes import the main script,
with its ``import luigi``, before they hear of anything else.
"""

from __future__ import annotations

from luigi_clone import alias

alias.install()
