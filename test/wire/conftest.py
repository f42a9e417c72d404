"""Pairings of a worker's Luigi with a server's Luigi."""

from __future__ import annotations

from pathlib import Path

import pytest

from test.differential.conftest import stock_venv
from test.differential.engines import THIS, stock
from test.wire.pairings import Pairings

__all__ = ["stock_venv"]


@pytest.fixture
def pairings(stock_venv: Path, tmp_path: Path) -> Pairings:
    """Return stock Luigi on itself, stock workers on this server, and these workers on a stock server."""
    luigi = stock(stock_venv)
    return Pairings(
        tmp_path,
        {"luigi-on-luigi": (luigi, luigi), "luigi-on-ours": (luigi, THIS), "ours-on-luigi": (THIS, luigi)},
    )
