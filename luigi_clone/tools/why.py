"""``luigi why``: say why a task does not run, as the scheduler's page does."""

from __future__ import annotations

import argparse
import sys

from luigi_clone.tools._addresses import add_options, url_of
from luigi_clone.tools.logs import cleaned

NAME = "why"
"""The first word of the command line."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"luigi {NAME}", description="Say why a task runs or does not.")
    parser.add_argument("task_id", help="the id of the task, as the scheduler's page shows it")
    add_options(parser)
    return parser


def main(argv: list[str]) -> int:
    """Run the command; return its exit code: 1 for a task that the scheduler does not know."""
    options = _parser().parse_args(argv)
    from luigi_clone.rpc import RemoteScheduler, RPCError

    scheduler = RemoteScheduler(url_of(options))
    scheduler._rpc_log_retries = False  # one line at the end says it all
    try:
        with scheduler.in_haste():
            told = scheduler.explain_task(options.task_id)
    except RPCError as error:
        print(f"luigi {NAME}: the scheduler does not tell: {error}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        scheduler.close()
    print(cleaned(told["text"], in_colour=False))  # noqa: T201
    return 1 if told["code"] == "unknown" else 0
