"""How logging is set up."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from types import SimpleNamespace

import pytest

from luigi_clone.configuration import LuigiTomlParser, core, get_config
from luigi_clone.setup_logging import DaemonLogging, InterfaceLogging


@pytest.fixture(autouse=True)
def loggers(tmp_path, monkeypatch):
    """Give back every handler and level that a test leaves."""
    monkeypatch.chdir(tmp_path)
    used = [logging.getLogger(name) for name in ("", "luigi", "luigi-interface")]
    before = [(each, each.level, each.handlers[:]) for each in used]
    yield
    for each, level, handlers in before:
        for handler in set(each.handlers) - set(handlers):
            handler.close()
        each.setLevel(level)
        each.handlers[:] = handlers


def options(**given):
    return SimpleNamespace(
        **{"background": False, "logdir": None, "logging_conf_file": "", "log_level": "DEBUG", **given}
    )


def outcome(caplog, setup, *arguments):
    with caplog.at_level(logging.INFO, "luigi"):
        done = setup.setup(*arguments)
    return done, [r.getMessage() for r in caplog.records if r.name == "luigi"][-1]


def test_the_default_writes_levels_and_messages_to_standard_error(caplog, capsys):
    assert outcome(caplog, InterfaceLogging) == (True, "logging configured by default settings")
    logger = logging.getLogger("luigi-interface")
    logger.debug("one %s", 1)
    logger.warning("two")
    try:
        raise ValueError("three")
    except ValueError:
        logger.exception("failed")
    err = capsys.readouterr().err
    assert err.startswith("DEBUG: one 1\nWARNING: two\nERROR: failed\nTraceback (most recent call last):\n")
    assert err.endswith("ValueError: three\n")


def test_the_level_is_the_option(caplog, capsys):
    InterfaceLogging.setup(options(log_level="ERROR"))
    logging.getLogger("luigi-interface").warning("hidden")
    logging.getLogger("luigi-interface").error("shown")
    assert capsys.readouterr().err == "ERROR: shown\n"


def test_the_handler_is_an_ordinary_one(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    InterfaceLogging.setup(options())
    (handler,) = (h for h in logging.getLogger("luigi-interface").handlers if h.level == logging.DEBUG)
    assert isinstance(handler, logging.StreamHandler)
    handler.setFormatter(logging.Formatter("%(name)s|%(message)s"))
    stream = io.StringIO()
    handler.setStream(stream)
    logging.getLogger("luigi-interface").info("hello")
    assert stream.getvalue() == "luigi-interface|hello\n"


def test_each_line_reaches_a_stream_that_does_not_flush_by_itself(monkeypatch):
    class Stream(io.StringIO):
        flushed = ""

        def flush(self):
            self.flushed = self.getvalue()

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    InterfaceLogging.setup(options())
    logging.getLogger("luigi-interface").info("hello")
    assert stream.flushed == "INFO: hello\n"


def test_a_line_that_cannot_be_written_does_not_end_the_run(monkeypatch, capsys):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    InterfaceLogging.setup(options())
    monkeypatch.undo()
    stream.close()
    logging.getLogger("luigi-interface").info("hello")
    assert "--- Logging error ---" in capsys.readouterr().err


def test_it_happens_once(caplog):
    assert outcome(caplog, InterfaceLogging)[0]
    assert outcome(caplog, InterfaceLogging) == (False, "logging already configured")
    assert not DaemonLogging._configured


def test_it_can_be_switched_off(caplog):
    get_config().set("core", "no_configure_logging", "true")
    before = logging.getLogger("luigi-interface").handlers[:]
    assert outcome(caplog, InterfaceLogging) == (False, "logging disabled in settings")
    assert logging.getLogger("luigi-interface").handlers == before
    assert outcome(caplog, InterfaceLogging) == (False, "logging already configured")


FILE = """
[loggers]
keys=root,interface
[handlers]
keys=file
[formatters]
keys=plain
[logger_root]
level=WARNING
handlers=
[logger_interface]
qualname=luigi-interface
level=INFO
handlers=file
[handler_file]
class=FileHandler
args=("out.log",)
formatter=plain
[formatter_plain]
format=%(levelname)s %(message)s
"""


def test_a_configuration_file(caplog, tmp_path):
    (tmp_path / "log.ini").write_text(FILE)
    present = logging.getLogger("luigi.test.present")
    InterfaceLogging.setup(options(logging_conf_file="log.ini"))
    logging.getLogger("luigi-interface").info("hello")
    assert (tmp_path / "out.log").read_text() == "INFO hello\n"
    assert not present.disabled


@pytest.mark.parametrize("setup", [InterfaceLogging, DaemonLogging])
def test_a_configuration_file_that_is_not_there(setup):
    get_config().set("core", "logging_conf_file", "none.ini")
    with pytest.raises(OSError, match="Error: Unable to locate specified logging configuration file!"):
        setup.setup(options(logging_conf_file="none.ini"))


def test_a_table_in_a_toml_configuration(caplog, tmp_path, monkeypatch):
    monkeypatch.setattr(core, "DEFAULT_PARSER", "toml", raising=False)
    LuigiTomlParser.instance().data = {
        "logging": {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"f": {"class": "logging.FileHandler", "filename": "toml.log"}},
            "loggers": {"luigi-interface": {"level": "INFO", "handlers": ["f"]}},
        }
    }
    done, text = outcome(caplog, InterfaceLogging)
    assert (done, text) == (True, "logging configured via config section")
    logging.getLogger("luigi-interface").info("hello")
    assert (tmp_path / "toml.log").read_text() == "hello\n"


def test_a_logging_section_of_a_cfg_configuration_has_no_effect(caplog):
    get_config().read_dict({"logging": {"version": "1"}})
    assert outcome(caplog, InterfaceLogging)[1] == "logging configured by default settings"


def test_the_daemon_in_the_background_only_gets_a_level(caplog):
    root = logging.getLogger()
    before = root.handlers[:]
    assert outcome(caplog, DaemonLogging, options(background=True)) == (
        True,
        "logging configured via special settings",
    )
    assert root.level == logging.INFO
    assert root.handlers == before


def test_the_daemon_with_a_log_folder(tmp_path, monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    DaemonLogging.setup(options(logdir=str(tmp_path / "logs")))
    logging.getLogger("luigi.server").info("hello")
    for handler in root.handlers:
        handler.close()
    line = (tmp_path / "logs" / "luigi-server.log").read_text().splitlines()[-1]
    assert line.endswith("INFO: hello")
    assert "luigi.server[" in line


def test_a_default_that_a_program_puts_in_place_is_called(monkeypatch):
    seen = []
    monkeypatch.setattr(
        InterfaceLogging, "_default", classmethod(lambda cls, opts: seen.append(opts.log_level) or True)
    )
    assert InterfaceLogging.setup(options(log_level="INFO"))
    assert seen == ["INFO"]


class _Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.setFormatter(logging.Formatter("%(filename)s:%(funcName)s %(levelname)s %(message)s"))
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def stream():
    return io.StringIO()


@contextlib.contextmanager
def interface(stream):
    """Set logging up as in a process of its own: without the handlers that pytest gives to every logger."""
    logger, root = logging.getLogger("luigi-interface"), logging.getLogger()
    before = logger.handlers[:], root.handlers[:]
    logger.handlers[:] = root.handlers[:] = []
    with contextlib.redirect_stderr(stream):
        InterfaceLogging.setup(options())
    try:
        yield logger
    finally:
        logger.handlers[:], root.handlers[:] = before


MESSAGES = [
    ("plain", ()),
    ("%s and %d", ("a", 2)),
    ("100%", ()),
    ("one %s", ("x",)),
    ("%(a)s", ({"a": "mapped"},)),
    ("%r", ([1, 2],)),
    (ValueError("no text"), ()),
    ("two\nlines", ()),
]


@pytest.mark.parametrize(("message", "arguments"), MESSAGES)
def test_a_line_reads_as_logging_would_write_it(stream, message, arguments):
    with interface(stream) as logger:
        logger.info(message, *arguments)
    record = logging.LogRecord("luigi-interface", logging.INFO, "", 0, message, arguments, None)
    assert stream.getvalue() == logging.Formatter("%(levelname)s: %(message)s").format(record) + "\n"


def test_a_message_that_does_not_fit_its_arguments_is_reported(stream):
    with interface(stream) as logger, contextlib.redirect_stderr(stream):
        logger.info("%d", "x")
    assert "--- Logging error ---" in stream.getvalue()


def _others(logger, seen, monkeypatch):
    handle = logging.Logger.callHandlers

    def tracked(self, record):
        seen.lines.append(f"{record.filename} {record.levelname} {record.getMessage()}")
        handle(self, record)

    def factory(*args, **kwargs):
        record = logging.LogRecord(*args, **kwargs)
        seen.lines.append(f"{record.filename} {record.levelname} {record.getMessage()}")
        return record

    own = logger.handlers[0]
    return {
        "another handler": lambda: logger.addHandler(seen),
        "a handler of the root": lambda: logging.getLogger().addHandler(seen),
        "a filter of the logger": lambda: logger.addFilter(lambda r: seen.emit(r) or True),
        "a filter of the handler": lambda: own.addFilter(lambda r: seen.emit(r) or True),
        "a patch of logging": lambda: monkeypatch.setattr(logging.Logger, "callHandlers", tracked),
        "a record factory": lambda: logging.setLogRecordFactory(factory),
    }


@pytest.mark.parametrize(
    "what",
    [
        "another handler",
        "a handler of the root",
        "a filter of the logger",
        "a filter of the handler",
        "a patch of logging",
        "a record factory",
    ],
)
def test_whoever_looks_at_records_sees_all_of_them(stream, monkeypatch, what):
    seen = _Lines()
    with interface(stream) as logger:
        filters = logger.filters[:]
        try:
            _others(logger, seen, monkeypatch)[what]()
            logger.info("hello %s", "you")
        finally:
            logging.setLogRecordFactory(logging.LogRecord)
            logger.filters[:] = filters
    assert stream.getvalue() == "INFO: hello you\n"
    (line,) = seen.lines
    assert line.startswith("test_logging.py")
    assert line.endswith("INFO hello you")


def test_the_caller_is_named_where_it_is_asked_for(stream):
    seen = _Lines()
    with interface(stream) as logger:
        logger.addHandler(seen)
        logger.debug("a")
        logger.warning("b")
        try:
            raise ValueError("c")
        except ValueError:
            logger.exception("d")
        logger.log(logging.INFO, "e", stacklevel=1)
        (lambda: logger.info("f", stacklevel=2))()
    names = {
        line.split()[0] for line in "\n".join(seen.lines).splitlines() if line.startswith("test_logging")
    }
    assert names == {"test_logging.py:test_the_caller_is_named_where_it_is_asked_for"}


def test_a_level_and_a_switch_hold(stream):
    with interface(stream) as logger:
        logger.setLevel(logging.INFO)
        logger.debug("no")
        logging.disable(logging.INFO)
        try:
            logger.info("no")
        finally:
            logging.disable(logging.NOTSET)
        logger.disabled = True
        logger.info("no")
        logger.disabled = False
        logger.info("yes")
    assert stream.getvalue() == "INFO: yes\n"


def test_no_record_is_made_where_nobody_looks(stream, monkeypatch):
    def made(*args, **kwargs):
        raise AssertionError("a record was made")

    with interface(stream) as logger:
        monkeypatch.setattr(logging.LogRecord, "__init__", made)
        logger.info("hello %s", "you")
    assert stream.getvalue() == "INFO: hello you\n"
