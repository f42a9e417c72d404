"""Where log lines go: on the worker's side and in the central scheduler.

The set-up happens once per class and process.  The first of these that applies wins: switched off by
``[core] no_configure_logging``; options of the command line; a configuration file for :mod:`logging`; the
``[logging]`` table of a TOML configuration; the default.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from luigi_clone.configuration import get_config

if TYPE_CHECKING:
    _TextHandler = logging.StreamHandler[TextIO]
else:
    _TextHandler = logging.StreamHandler  # subscriptable from Python 3.11 on


class _SharedConfiguration:
    """The configuration, fetched when it is looked at: importing this module reads no file."""

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return get_config()


class _NoOptions:
    """What ``setup()`` without argument goes by."""

    background = False
    logdir = None
    logging_conf_file = None
    log_level = "DEBUG"


class BaseLogging:
    """The order in which the ways of configuring are tried."""

    config: ClassVar[Any] = _SharedConfiguration()
    _configured: ClassVar[bool] = False

    @classmethod
    def setup(cls, opts: Any = _NoOptions) -> bool:
        """Configure logging unless that was done before; tell whether it was done now."""
        logger = logging.getLogger("luigi")
        if cls._configured:
            logger.info("logging already configured")
            return False
        cls._configured = True

        if cls.config.getboolean("core", "no_configure_logging", False):
            logger.info("logging disabled in settings")
            return False
        if cls._cli(opts):
            logger.info("logging configured via special settings")
        elif cls._conf(opts):
            logger.info("logging configured via *.conf file")
        elif cls._section(opts):
            logger.info("logging configured via config section")
        elif cls._default(opts):
            logger.info("logging configured by default settings")
        else:
            return False
        return True

    @classmethod
    def _cli(cls, opts: Any) -> bool:
        """Act on options of the command line."""
        raise NotImplementedError

    @classmethod
    def _conf(cls, opts: Any) -> bool:
        """Act on a configuration file for logging."""
        raise NotImplementedError

    @classmethod
    def _section(cls, opts: Any) -> bool:
        """Act on the ``[logging]`` table, which only TOML can have."""
        tables = getattr(cls.config, "data", None)
        if not tables or "logging" not in tables:
            return False
        from logging.config import dictConfig

        from luigi_clone.freezing import recursively_unfreeze

        dictConfig(recursively_unfreeze(tables["logging"]))
        return True

    @classmethod
    def _default(cls, opts: Any) -> bool:
        """Configure what holds when nothing else was asked for."""
        raise NotImplementedError


def _load_file(path: str, **kwargs: Any) -> bool:
    if not path:
        return False
    if not os.path.exists(path):
        raise OSError("Error: Unable to locate specified logging configuration file!")
    from logging.config import fileConfig

    fileConfig(path, **kwargs)
    return True


class _PlainFormatter(logging.Formatter):
    """The default format of the worker's side, made without the detour over a format string."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``LEVEL: message``, with traceback and stack where the record has them."""
        if record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        return f"{record.levelname}: {record.getMessage()}"


class _LineHandler(_TextHandler):
    """Writes whole lines, and leaves it to a stream that flushes after each line to do so."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self.write_line(self.format(record))
        except RecursionError:
            raise
        except Exception:  # a failure to log is reported, not raised: the rule of logging itself
            self.handleError(record)

    def write_line(self, line: str) -> None:
        """Write one line and see to it that it arrives."""
        stream = self.stream
        stream.write(line + self.terminator)
        if not getattr(stream, "line_buffering", False):
            self.flush()


class _InterfaceLogger(logging.Logger):
    """Formats a line at once when nothing but the default handler would look at its record.

    A run at the default level logs eight lines a task, and the record, with the walk up the stack for the
    line number that the default format does not show, would be most of their cost.  With any other handler,
    filter, formatter, record factory or patch of :mod:`logging` in place, everything goes its usual way.
    """

    def _log(self, level: int, msg: object, args: Any, *others: Any, **options: Any) -> None:
        if level < logging.WARNING and not others and not options:
            handler = self._only_handler()
            if handler is not None and handler.level <= level and _is_plain(msg, args):
                try:
                    with handler.lock:  # type: ignore[union-attr]
                        handler.write_line(f"{logging.getLevelName(level)}: {msg % args if args else msg}")
                except Exception:  # noqa: S110 -- the usual way reports it
                    pass
                else:
                    return
        if not others:
            options["stacklevel"] = options.get("stacklevel", 1) + 1  # this method is one level more
        super()._log(level, msg, args, *others, **options)

    def _only_handler(self) -> _LineHandler | None:
        """Return the default handler if it is all that a record would meet."""
        handlers = self.handlers
        if len(handlers) != 1 or self.filters:
            return None
        handler = handlers[0]
        if type(handler) is not _LineHandler or type(handler.formatter) is not _PlainFormatter:
            return None
        above = self.parent if self.propagate else None
        if handler.filters or (above is not None and (above.handlers or above.parent is not None)):
            return None
        return handler if _is_logging_itself() else None


def _is_logging_itself() -> bool:
    """Tell whether nobody has put something between a logger and its handlers, as error trackers do."""
    logger = logging.Logger
    own = logging.__dict__
    return (
        logging.getLogRecordFactory() is logging.LogRecord
        and logger.callHandlers.__globals__ is own
        and logger.handle.__globals__ is own
        and logger.makeRecord.__globals__ is own
    )


def _is_plain(msg: object, args: Any) -> bool:
    return type(msg) is str and (len(args) != 1 or type(args[0]) in (str, int))


class DaemonLogging(BaseLogging):
    """Logging of the central scheduler."""

    _configured = False
    _log_format = "%(asctime)s %(name)s[%(process)s] %(levelname)s: %(message)s"

    @classmethod
    def _cli(cls, opts: Any) -> bool:
        """In the background only the level is set: the handler comes with the daemon's log file."""
        if opts.background:
            logging.getLogger().setLevel(logging.INFO)
            return True
        if opts.logdir:
            os.makedirs(opts.logdir, mode=0o750, exist_ok=True)
            logging.basicConfig(
                level=logging.INFO,
                format=cls._log_format,
                filename=os.path.join(opts.logdir, "luigi-server.log"),
            )
            return True
        return False

    @classmethod
    def _conf(cls, opts: Any) -> bool:
        """Use ``[core] logging_conf_file``."""
        return _load_file(cls.config.get("core", "logging_conf_file", None))

    @classmethod
    def _default(cls, opts: Any) -> bool:
        """Log to standard error from level INFO on."""
        logging.basicConfig(level=logging.INFO, format=cls._log_format)
        return True


class InterfaceLogging(BaseLogging):
    """Logging of the worker's side."""

    _configured = False

    @classmethod
    def _cli(cls, opts: Any) -> bool:
        """There are no such options on this side."""
        return False

    @classmethod
    def _conf(cls, opts: Any) -> bool:
        """Use ``--logging-conf-file``; loggers that exist go on."""
        return _load_file(opts.logging_conf_file, disable_existing_loggers=False)

    @classmethod
    def _default(cls, opts: Any) -> bool:
        """Let the logger ``luigi-interface`` write to standard error, from ``log_level`` on."""
        level = getattr(logging, opts.log_level, logging.DEBUG)
        logger = logging.getLogger("luigi-interface")
        logger.setLevel(level)
        handler = _LineHandler()
        handler.setLevel(level)
        handler.setFormatter(_PlainFormatter("%(levelname)s: %(message)s"))
        logger.addHandler(handler)
        if type(logger) is logging.Logger:
            logger.__class__ = _InterfaceLogger
        return True
