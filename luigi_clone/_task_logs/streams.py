"""The logging handlers that write to the standard streams, and one for when there are none."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

_LOGGERS = ("", "luigi-interface")
_FORMAT = "%(levelname)s: %(message)s"


def stream_handlers() -> list[logging.StreamHandler[Any]]:
    """Return the handlers of tasks' loggers that write to the standard output or error."""
    console = {id(each) for each in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) if each}
    return [
        handler
        for name in _LOGGERS
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in console
    ]


class _ToLog(logging.Handler):
    """Writes records to the log of an attempt."""

    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT))
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self._write(self.format(record) + "\n")
        except RecursionError:
            raise
        except Exception:  # a failure to log is reported, not raised: the rule of logging itself
            self.handleError(record)


@contextlib.contextmanager
def logging_to(write: Callable[[str], object]) -> Iterator[None]:
    """Within this context, write the records that loggers let through, for which no stream has a handler.

    Where they go to a file or to another process only, the log of the attempt would lack them.
    """
    handler = _ToLog(write)
    chosen = [logging.getLogger(name) for name in _LOGGERS]
    if chosen[1].propagate:
        chosen = chosen[:1]
    for logger in chosen:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in chosen:
            logger.removeHandler(handler)
