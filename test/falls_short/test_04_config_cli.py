"""Shortcomings of Luigi in configuration and command line (document 04) that are mended here."""

from __future__ import annotations

import argparse
import logging
import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import luigi
import luigi.configuration
import luigi.lock
import luigi.process
import pytest
from luigi.cmdline_parser import CmdlineParser

LIBRARY = luigi.__name__
"""The name of the library's own package, whatever ``luigi`` stands for."""


def python(folder, *arguments, **environment):
    """Run Python with this library at hand."""
    search = [str(folder), str(Path(luigi.__file__).resolve().parents[1])]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(search), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def command(folder, *arguments):
    """Run the command ``luigi``."""
    return python(folder, "-m", LIBRARY, *arguments)


def test_04_06_a_plain_command_line_builds_no_parser(monkeypatch):
    class Plain(luigi.Task):
        n = luigi.IntParameter(default=1)

    made = []
    add = argparse.ArgumentParser.add_argument
    monkeypatch.setattr(
        argparse.ArgumentParser,
        "add_argument",
        lambda self, *names, **options: made.append(names) or add(self, *names, **options),
    )
    with CmdlineParser.global_instance(["Plain", "--n", "2", "--local-scheduler"]) as parser:
        assert parser.get_task_obj().n == 2
    assert len(made) < 10


def test_04_07_a_short_option_of_a_task_is_no_abbreviation(tmp_path, monkeypatch):
    (tmp_path / "short_named.py").write_text(
        "import luigi\nclass ShortNamed(luigi.Task):\n    s = luigi.Parameter()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with CmdlineParser.global_instance(["--module", "short_named", "ShortNamed", "--s", "v"]) as parser:
        assert parser.get_task_obj().s == "v"


def test_04_08_a_parameter_may_have_the_name_of_an_option():
    class Sized(luigi.Task):
        workers = luigi.IntParameter(default=1)

    with CmdlineParser.global_instance(["Sized", "--Sized-workers", "3"]) as parser:
        assert parser.get_task_obj().workers == 3


def test_04_08_two_classes_may_have_flags_of_the_same_name():
    class Part(luigi.Task):
        b_c = luigi.IntParameter(default=1)

    class Part_b(luigi.Task):
        c = luigi.IntParameter(default=1)

    with CmdlineParser.global_instance(["Part", "--b-c", "3"]) as parser:
        assert parser.get_task_obj().b_c == 3


def test_04_09_a_percent_sign_in_a_description_is_shown(capsys):
    class Partly(luigi.Task):
        n = luigi.IntParameter(default=1, description="done to 50% already")

    with pytest.raises(SystemExit) as caught:
        CmdlineParser(["Partly", "--help"])
    assert caught.value.code is None
    assert "done to 50% already" in capsys.readouterr().out


def test_04_09_an_option_in_front_of_its_task_is_explained(tmp_path):
    (tmp_path / "tasks.py").write_text("import luigi\nclass A(luigi.Task):\n    n = luigi.IntParameter()\n")
    done = command(tmp_path, "--module", "tasks", "--n", "5", "A")
    assert done.returncode == 1
    assert "a task's own options, such as --n, come after its family" in done.stderr


def test_04_10_the_pid_file_is_for_its_user_alone(tmp_path):
    assert luigi.lock.acquire_for(str(tmp_path))
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_04_10_the_folder_of_the_pid_file_is_made_with_its_parents(tmp_path):
    assert luigi.lock.acquire_for(str(tmp_path / "a" / "b"))


def test_04_10_a_process_runs_one_command_line_after_the_other(tmp_path):
    class Done(luigi.Task):
        def complete(self):
            return True

    arguments = ["Done", "--local-scheduler", "--lock-pid-dir", str(tmp_path), "--log-level", "CRITICAL"]
    assert luigi.run(arguments)
    assert luigi.run(arguments)
    assert list(tmp_path.iterdir()) == []


def test_04_12_the_parser_that_does_not_exist_is_named(tmp_path):
    code = f"import {LIBRARY}.configuration as c; c.get_config()"
    done = python(tmp_path, "-W", "always", "-c", code, LUIGI_CONFIG_PARSER="yaml")
    assert "Invalid parser: yaml" in done.stderr


def test_04_13_the_log_shows_no_values(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.toml").write_text("[db]\npassword = 'hush'\n")
    monkeypatch.setattr(luigi.configuration.LuigiTomlParser, "_instance", None)
    with caplog.at_level(logging.INFO, "luigi-interface"):
        assert luigi.configuration.get_config("toml").get("db", "password") == "hush"
    assert "Loaded" in caplog.text
    assert "hush" not in caplog.text


def test_04_14_an_integer_is_a_default_for_a_float():
    assert luigi.configuration.get_config().getfloat("nowhere", "nothing", 5) == 5.0


def test_04_15_importing_reads_no_configuration(tmp_path):
    (tmp_path / "luigi.cfg").write_text("this is no configuration\n")
    done = python(tmp_path, "-c", f"import {LIBRARY}; print({LIBRARY}.Task)")
    assert done.returncode == 0


def test_04_15_a_file_that_everyone_can_change_is_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.cfg").write_text("[s]\na = 1\n")
    (tmp_path / "luigi.cfg").chmod(0o666)
    monkeypatch.setattr(luigi.configuration.LuigiConfigParser, "_instance", None)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "luigi-interface"):
        warnings.simplefilter("ignore")
        luigi.configuration.get_config()
    assert str(tmp_path / "luigi.cfg") in caplog.text


def test_04_17_a_server_of_another_user_is_running(tmp_path, monkeypatch):
    def forbidden(pid, number):
        raise PermissionError

    (tmp_path / "pid").write_text("4711")
    monkeypatch.setattr(os, "kill", forbidden)
    assert luigi.process.check_pid(str(tmp_path / "pid")) == 4711


class _Recorder:
    """A factory whose worker cannot add a task."""

    def __init__(self):
        self.closed = False

    def create_local_scheduler(self):
        return self

    def create_worker(self, scheduler, worker_processes, assistant=False):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None

    def add(self, *args):
        raise RuntimeError("cannot be added")

    def close(self):
        self.closed = True


def test_04_22_an_error_while_adding_closes_the_scheduler_and_gives_the_lock_back(tmp_path):
    class Any(luigi.Task):
        pass

    factory = _Recorder()
    arguments = ["Any", "--local-scheduler", "--lock-pid-dir", str(tmp_path), "--log-level", "CRITICAL"]
    with pytest.raises(RuntimeError, match="cannot be added"):
        luigi.run(arguments, worker_scheduler_factory=factory)
    assert factory.closed
    assert list(tmp_path.iterdir()) == []
