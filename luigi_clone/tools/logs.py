"""``luigi logs``: show what a task wrote, and follow it while it runs."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from luigi_clone.tools._addresses import add_options, url_of

NAME = "logs"
"""The first word of the command line."""

_WAIT = 0.5
_LAST_WORDS = 2.0
"""Seconds in which the end of a log arrives after its task has ended."""

_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # such as colours
    r"|[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # such as titles of windows
    r"|[ -/]*[0-~])"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]"
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


class Portion(NamedTuple):
    """Some of an attempt's text; ``missing`` characters before it are not kept."""

    text: str
    missing: int
    is_over: bool
    """Whether nothing follows, as far as can be told."""


class NoLogError(Exception):
    """There is nothing to show; the text says why and what to do."""


def cleaned(text: str, in_colour: bool) -> str:
    """Return text that does nothing to a terminal, but for colours if those are wanted."""

    def keep(found: re.Match[str]) -> str:
        return found[0] if in_colour and _COLOUR.fullmatch(found[0]) else ""

    return _SEQUENCE.sub(keep, text)


def portions_of_scheduler(
    task_log: Callable[..., dict[str, Any]], task_id: str, attempt: int | None
) -> Iterator[Portion]:
    """Yield what a scheduler keeps of an attempt, without end; with empty portions when there is nothing new.

    Raises :class:`NoLogError` when it keeps nothing of it.
    """
    offset = 0
    first = True
    while True:
        answer = task_log(task_id=task_id, attempt=attempt, offset=offset)
        if first and not answer["running"] and not _has(answer, attempt):
            known = ", ".join(str(each["attempt"]) for each in answer["attempts"])
            raise NoLogError(f"it has the attempts {known}" if known else "it has no log of this task")
        first = False
        if attempt is None:
            attempt = answer["attempt"]
        yield Portion(answer["text"], answer["offset"] - offset, not answer["running"] and not answer["text"])
        offset = answer["next_offset"]


def _has(answer: dict[str, Any], attempt: int | None) -> bool:
    numbers = [each["attempt"] for each in answer["attempts"]]
    return bool(numbers) if attempt is None else attempt in numbers


def portions_of_file(path: str) -> Iterator[Portion]:
    """Yield what is in a log file, without end; with empty portions when there is nothing new."""
    with Path(path).open(encoding="utf-8", errors="backslashreplace", newline="") as file:
        while True:
            text = file.read(1 << 16)
            yield Portion(text, 0, not text)


def show(portions: Iterator[Portion], write: Callable[[str], object], follow: bool) -> None:
    """Write portions until nothing follows; with ``follow`` wait while the task runs."""
    quiet_since: float | None = None
    for portion in portions:
        if portion.missing:
            write(f"[... {portion.missing} characters are not kept by the scheduler ...]\n")
        if portion.text:
            write(portion.text)
            quiet_since = None
            continue
        if not follow:
            return
        now = time.monotonic()
        if not portion.is_over:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = now
        elif now - quiet_since > _LAST_WORDS:
            return
        time.sleep(_WAIT)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"luigi {NAME}", description="Show what an attempt at a task has written."
    )
    parser.add_argument("task_id", help="the id of the task, as the scheduler's page shows it")
    parser.add_argument("-f", "--follow", action="store_true", help="go on while the task runs")
    parser.add_argument("--attempt", type=int, metavar="N", help="the N-th attempt; default: the latest")
    add_options(parser)
    parser.add_argument(
        "--local", action="store_true", help="read the files of this machine's workers instead"
    )
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="keep the colours in the text; auto: on a terminal",
    )
    return parser


def main(argv: list[str]) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(argv)
    in_colour = options.color == "always" or (options.color == "auto" and sys.stdout.isatty())

    def write(text: str) -> None:
        sys.stdout.write(cleaned(text, in_colour))
        sys.stdout.flush()

    try:
        show(_find(options), write, options.follow)
    except NoLogError as error:
        print(f"luigi {NAME}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _find(options: argparse.Namespace) -> Iterator[Portion]:
    """Return the portions of the log that is asked for: from the scheduler, or else from a file."""
    reasons: list[str] = []
    if not options.local:
        try:
            return _ask(options)
        except NoLogError as error:
            reasons.append(str(error))
    path = _file_of(options)
    if path is not None:
        return portions_of_file(path)
    raise NoLogError(
        "; ".join([f"there is no log of {options.task_id}", *reasons, f"and no file in {_folder()}"])
    )


def _ask(options: argparse.Namespace) -> Iterator[Portion]:
    from luigi_clone.rpc import RemoteScheduler, RPCError

    scheduler = RemoteScheduler(url_of(options))
    scheduler._rpc_log_retries = False  # one line at the end says it all

    def task_log(**arguments: Any) -> dict[str, Any]:
        try:
            with scheduler.in_haste():
                answer: dict[str, Any] = scheduler.task_log(**arguments)
        except RPCError as error:
            raise NoLogError(f"the scheduler does not tell: {error}") from error
        return answer

    portions = portions_of_scheduler(task_log, options.task_id, options.attempt)
    try:
        first = next(portions)
    except NoLogError as error:
        raise NoLogError(f"the scheduler at {scheduler._shown_url}: {error}") from error
    return _chain(first, portions)


def _chain(first: Portion, rest: Iterator[Portion]) -> Iterator[Portion]:
    yield first
    yield from rest


def _folder() -> str:
    from luigi_clone._task_logs.settings import settings_of
    from luigi_clone._worker.options import worker

    options = worker()
    settings = settings_of(str(options.log_dir), options.log_max_days, options.log_max_size, True)
    if settings is None or settings.folder is None:
        raise NoLogError("no logs are kept: [worker] log_dir says so")
    return settings.folder


def _file_of(options: argparse.Namespace) -> str | None:
    from luigi_clone._task_logs.files import attempts_in

    paths = attempts_in(_folder(), options.task_id)
    if options.attempt is None:
        return paths[-1] if paths else None
    return paths[options.attempt - 1] if 0 < options.attempt <= len(paths) else None
