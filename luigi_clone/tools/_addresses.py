"""Where the scheduler is that a command of ``luigi`` asks."""

from __future__ import annotations

import argparse

_NAMES = ("scheduler_url", "scheduler_host", "scheduler_port")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a scheduler."""
    parser.add_argument("--scheduler-url", help="address of the scheduler; default: as for running tasks")
    parser.add_argument("--scheduler-host", help="host of the scheduler")
    parser.add_argument("--scheduler-port", type=int, help="port of the scheduler")


def url_of(options: argparse.Namespace) -> str:
    """Return the address that the options name; what they leave open is as for running tasks."""
    from luigi_clone.interface import core

    given = {name: getattr(options, name) for name in _NAMES if getattr(options, name) is not None}
    settings = core(**given)
    if settings.scheduler_url and not given.keys() & {"scheduler_host", "scheduler_port"}:
        return str(settings.scheduler_url)
    if "scheduler_url" in given:
        return str(given["scheduler_url"])
    return f"http://{settings.scheduler_host}:{settings.scheduler_port:d}/"
