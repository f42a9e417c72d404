"""Runs one workload script on this engine and on an installed Luigi, turn about, and compares CPU seconds.

The peer is any virtual environment that holds Luigi (``--stock VENV``); without one only this engine is
measured.  Each sample is a fresh interpreter, which prints one JSON object of figures as its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_UNDER_ALIAS = (
    "import sys, runpy; sys.path.insert(0, {root!r}); import luigi_clone.alias as a; a.install(); "
    "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)


class Engine(NamedTuple):
    """An interpreter together with how ``import luigi`` is meant in it."""

    name: str
    command: list[str]


def this_engine(python: str = sys.executable) -> Engine:
    """Return this checkout's engine, seen through the ``luigi`` alias."""
    return Engine("luigi_clone", [python, "-c", _UNDER_ALIAS.format(root=str(ROOT))])


def stock_engine(venv: Path) -> Engine:
    """Return the Luigi that is installed in ``venv``."""
    return Engine("luigi", [str(venv / "bin" / "python")])


def sample(engine: Engine, script: Path, arguments: list[str], timeout: float) -> dict[str, float]:
    """Run ``script`` once and return the figures it printed; a ``SubprocessError`` when it failed."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": ""}
    environment.pop("PYTHONDONTWRITEBYTECODE")
    done = subprocess.run(
        [*engine.command, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [""]
        raise subprocess.SubprocessError(f"{engine.name} {arguments}: exit {done.returncode}: {last[0]}")
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(figures, dict)
    return figures


def alternate(
    engines: list[Engine], script: Path, arguments: list[str], rounds: int, timeout: float = 600
) -> dict[str, dict[str, float]]:
    """Take ``rounds`` samples of each engine, turn about, and return the medians by engine and figure."""
    samples: dict[str, list[dict[str, float]]] = {engine.name: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            samples[engine.name].append(sample(engine, script, arguments, timeout))
    return {
        name: {figure: statistics.median(s[figure] for s in taken) for figure in taken[0]}
        for name, taken in samples.items()
    }


def parser(description: str) -> argparse.ArgumentParser:
    """Return an argument parser with the options that every benchmark takes."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--stock", type=Path, help="virtual environment that holds Luigi, the peer")
    made.add_argument("--rounds", type=int, default=5, help="samples of each engine (default 5)")
    return made


def engines_of(options: argparse.Namespace) -> list[Engine]:
    """Return this engine and, where one was named, its peer."""
    return [this_engine()] + ([stock_engine(options.stock)] if options.stock else [])


def line(what: str, medians: dict[str, dict[str, float]], figure: str, unit: str, scale: float = 1.0) -> str:
    """Return one printable row: ours, the peer's and the ratio."""
    ours = medians["luigi_clone"][figure] * scale
    if "luigi" not in medians:
        return f"{what:58s} {ours:10.2f} {unit}"
    theirs = medians["luigi"][figure] * scale
    return f"{what:58s} {ours:10.2f} {unit}   Luigi {theirs:10.2f} {unit}   ratio {theirs / ours:8.1f}"
