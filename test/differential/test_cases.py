"""Each small pipeline behaves on this engine as on stock Luigi 3.8.1."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from test.differential.engines import THIS, Case, run_case, stock

CASES: list[Case] = [
    case
    for path in sorted(Path(__file__).parent.glob("cases_*.py"))
    for case in importlib.import_module(f"test.differential.{path.stem}").CASES
]


def test_there_are_enough_cases_and_their_names_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_same_as_luigi(case: Case, stock_venv: Path, tmp_path: Path) -> None:
    outcomes = []
    for engine in (stock(stock_venv), THIS):
        folder = tmp_path / engine.name
        folder.mkdir()
        outcomes.append(run_case(case, engine, folder))
    for luigi, ours in zip(*outcomes, strict=True):
        assert ours.exit_code == luigi.exit_code, ours.stderr
        assert ours.stdout == luigi.stdout
        assert ours.stderr == luigi.stderr
        assert ours.files == luigi.files
