"""What every test gets: the ``luigi`` name on this engine, and its process-wide state put back afterwards."""

from __future__ import annotations

import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from luigi_clone import alias

alias.install()


def pytest_configure(config: pytest.Config) -> None:
    # The first look-up in the register warns that the range tasks are loaded without having been asked for:
    # once in the process, so that it would fail whichever test comes first.
    config.addinivalue_line("filterwarnings", r"ignore:\s*Autoloading range tasks:DeprecationWarning")


@pytest.fixture(scope="session", autouse=True)
def _caches_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let what workers keep in the user's cache directory stay among what the tests write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _whole_framework() -> None:
    """Load what the register knows, so that no test loads it and takes it away again when it is put back."""
    from luigi_clone.task_register import Register

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Autoloading range tasks", DeprecationWarning)
        Register.task_names()


def _class_state() -> list[tuple[Any, str]]:
    """Return the class attributes that the package keeps process-wide state in."""
    from luigi_clone.configuration import LuigiConfigParser, LuigiTomlParser
    from luigi_clone.task import Task
    from luigi_clone.task_register import Register

    state: list[tuple[Any, str]] = [
        (Register, "_reg"),
        (Register, "_Register__instance_cache"),
        (Register, "_default_namespace_dict"),
        (Task, "_event_callbacks"),
    ]
    for parser in (LuigiConfigParser, LuigiTomlParser):
        state += [(parser, "_instance"), (parser, "_config_paths")]
    if importlib.util.find_spec("luigi_clone.setup_logging") is not None:
        from luigi_clone.setup_logging import BaseLogging, DaemonLogging, InterfaceLogging

        state += [(setup, "_configured") for setup in (BaseLogging, DaemonLogging, InterfaceLogging)]
    return state


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value.copy() if isinstance(value, list | set) else value


@pytest.fixture(autouse=True)
def _process_wide_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give each test the register, caches, events, configuration and command line of a fresh process."""
    from luigi_clone._parameters import argv
    from luigi_clone.task_register import Register

    saved = [(owner, name, vars(owner).get(name, _ABSENT)) for owner, name in _class_state()]
    for owner, name, value in saved:
        if name == "_instance":
            owner._instance = None
        elif value is not _ABSENT:
            setattr(owner, name, _copied(value))
    Register._reg = [cls for cls in Register._reg if not _is_of_another_test(cls, request)]
    Register.clear_instance_cache()
    command_line = argv.activate(None)
    loggers = _logger_state()
    try:
        yield
    finally:
        argv.activate(command_line)
        imported = [cls for cls in Register._reg if _is_at_home(cls)]
        for owner, name, value in saved:
            if value is not _ABSENT:
                setattr(owner, name, value)
            elif name in vars(owner):
                delattr(owner, name)
        Register._reg += [cls for cls in imported if cls not in Register._reg]
        _restore_loggers(loggers)
        mock = sys.modules.get("luigi_clone.mock")
        if mock is not None:
            mock.MockFileSystem._data = None


def _is_of_another_test(cls: type, request: pytest.FixtureRequest) -> bool:
    """Tell whether a class belongs to a test module that is not the one that runs: names may be the same."""
    module = cls.__module__
    return module.rpartition(".")[2].startswith("test_") and module != request.module.__name__


def _is_at_home(cls: Any) -> bool:
    """Tell whether a class belongs to a module that stays imported, and so must stay registered."""
    return getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is cls


_LOGGERS = ("", "luigi", "luigi-interface", "luigi.scheduler", "luigi.server")


def _logger_state() -> list[tuple[logging.Logger, int, bool, bool, list[logging.Handler]]]:
    return [
        (logger, logger.level, logger.propagate, logger.disabled, logger.handlers.copy())
        for logger in map(logging.getLogger, _LOGGERS)
    ]


def _restore_loggers(state: list[tuple[logging.Logger, int, bool, bool, list[logging.Handler]]]) -> None:
    for logger, level, propagate, disabled, handlers in state:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.disabled = disabled
        for handler in logger.handlers.copy():
            # pytest puts its own there, others for each phase of a test
            if handler not in handlers and not type(handler).__module__.startswith("_pytest"):
                logger.removeHandler(handler)
                handler.close()


_ABSENT: Any = object()
