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
    """Writes whole lines, and leaves it to a stream that flushes after each line to do so.

    A run at the default level logs nine lines a task, which is most of its cost.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            stream = self.stream
            stream.write(self.format(record) + self.terminator)
            if not getattr(stream, "line_buffering", False):
                self.flush()
        except RecursionError:
            raise
        except Exception:  # a failure to log is reported, not raised: the rule of logging itself
            self.handleError(record)


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
            os.makedirs(opts.logdir, exist_ok=True)
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
        return True
